//! Numbers that no study can mean.

use super::{Fault, fault};
use crate::architecture::Blueprint;
use crate::measure::Measure;
use crate::plasticity::{Changes, Plasticity};
use crate::study::{Keep, KeepRdms, ProbeImages, Split, StimuliChoice, Study};

impl Study {
    /// That no number is beyond what a study can mean, so that nothing counted from them overflows or fills the memory. Comes before
    /// anything is counted.
    pub fn check_ceilings(&self) -> Result<(), Fault> {
        let mut ceilings: Vec<(String, u64, u64)> = Vec::new();
        let mut at_most = |key: String, value: u64, most: u64| ceilings.push((key, value, most));
        at_most("seeds.count".into(), self.seeds.count.get().into(), 10_000);
        at_most("seeds.first".into(), self.seeds.first, u64::MAX - 10_000);
        at_most("arm".into(), self.arms.len() as u64, 1_000);
        at_most("measures".into(), self.measures.len() as u64, 1_000);
        at_most("probe.layers".into(), self.probe.layers.len() as u64, 1_000);
        at_most("question".into(), self.question.chars().count() as u64, 10_000);
        at_most("schooling.epochs".into(), self.schooling.epochs.into(), 1_000_000);
        at_most("schooling.batch".into(), self.schooling.batch.get().into(), 65_536);
        match self.probe.images {
            ProbeImages::All => {}
            ProbeImages::PerClass(images) => at_most("probe.images.per_class".into(), images.get().into(), 1_000_000),
        }
        for (i, measure) in self.measures.iter().take(1_001).enumerate() {
            match measure {
                Measure::Accuracy | Measure::ClassAccuracy | Measure::Confusion | Measure::Loss => {}
                Measure::RdmSimilarity { per_class, .. } => {
                    let images = per_class.map_or(0, |images| images.get().into());
                    at_most(format!("measures[{i}].rdm_similarity.per_class"), images, 1_000_000);
                }
            }
        }
        match &self.keep {
            Keep::Last | Keep::EveryReading => {}
            Keep::Steps(steps) => at_most("keep".into(), steps.len() as u64, 10_000),
        }
        match &self.keep_rdms {
            KeepRdms::EveryReading => {}
            KeepRdms::Steps(steps) => at_most("keep_rdms".into(), steps.len() as u64, 10_000),
        }
        let (network, head, width) = match &self.network {
            Blueprint::Vgg { head, width, .. } => ("vgg", head, width),
            Blueprint::Tiny { head, width, .. } => ("tiny", head, width),
        };
        at_most(format!("network.{network}.head"), head.len() as u64, 100);
        for units in head.iter().take(100) {
            at_most(format!("network.{network}.head"), units.get().into(), 65_536);
        }
        at_most(format!("network.{network}.width"), width.get().ceil() as u64, 64);
        match &self.stimuli {
            StimuliChoice::Cifar10(split) | StimuliChoice::Cifar100(split) => {
                let set = if matches!(self.stimuli, StimuliChoice::Cifar10(_)) { "cifar10" } else { "cifar100" };
                let Split { train, assessment, test } = split;
                at_most(format!("stimuli.{set}.train"), train.map_or(0, |images| images.get().into()), 50_000);
                at_most(format!("stimuli.{set}.assessment"), (*assessment).into(), 50_000);
                at_most(format!("stimuli.{set}.test"), test.map_or(0, |images| images.get().into()), 10_000);
            }
            StimuliChoice::Folder { path: _, size, assessment_per_class } => {
                at_most("stimuli.folder.size".into(), size.get().into(), 4_096);
                at_most("stimuli.folder.assessment_per_class".into(), (*assessment_per_class).into(), 1_000_000);
            }
            StimuliChoice::Shapes { train, assessment, test } => {
                at_most("stimuli.shapes.train".into(), train.get().into(), 1_000_000);
                at_most("stimuli.shapes.assessment".into(), (*assessment).into(), 1_000_000);
                at_most("stimuli.shapes.test".into(), test.get().into(), 1_000_000);
            }
        }
        let mut steps = 0;
        let mut epochs = u64::from(self.schooling.epochs);
        for (i, arm) in self.arms.iter().take(1_001).enumerate() {
            let of_arm = u64::from(arm.steps.get());
            steps += of_arm;
            at_most(format!("arm[{i}].steps"), of_arm, 10_000);
            let start = arm.start.as_ref().map_or(0, |start| start.step.get());
            at_most(format!("arm[{i}].start.step"), start.into(), 10_000_000);
            match &arm.plasticity {
                Plasticity::None => {}
                Plasticity::Retrain(Changes { epochs: passes, batch, .. }) => {
                    let key = |key: &str| format!("arm[{i}].plasticity.retrain.{key}");
                    epochs = epochs.saturating_add(of_arm.saturating_mul(passes.get().into()));
                    at_most(key("epochs"), passes.get().into(), 1_000_000);
                    at_most(key("batch"), batch.map_or(0, |batch| batch.get().into()), 65_536);
                }
            }
        }
        if let Some((key, value, most)) = ceilings.into_iter().find(|(_, value, most)| value > most) {
            return Err(fault(key, format!("{value} is too many; at most {most}")));
        }
        let seeds = u64::from(self.seeds.count.get());
        for (what, all, most) in [("steps", steps, 10_000_000), ("epochs", epochs, 1_000_000_000)] {
            let all = all.saturating_mul(seeds);
            if all > most {
                return Err(fault("arm", format!("{all} {what} in all arms and seeds together are too many; at most {most}")));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_beyond_any_study_are_refused_by_their_key() {
        let sound = || {
            serde_json::json!({
                "question": "?", "seeds": {"first": 1, "count": 2}, "network": {"tiny": {"batch_norm": true, "head": [16]}},
                "stimuli": {"shapes": {"train": 100, "test": 50}}, "probe": {"images": "all", "layers": []}, "measures": ["accuracy"],
                "schooling": {"epochs": 1, "batch": 10, "rate": 0.1, "momentum": 0.9, "decay": 0},
                "arm": [{"name": "a", "steps": 2, "injury": "none", "plasticity": {"retrain": {"epochs": 1}}}],
            })
        };
        let ceilings = |study| serde_json::from_value::<Study>(study).unwrap().check_ceilings().map_err(|fault| fault.key);
        assert_eq!(ceilings(sound()), Ok(()));
        for (at, key) in [
            ("/seeds/count", "seeds.count"),
            ("/network/tiny/head/0", "network.tiny.head"),
            ("/stimuli/shapes/train", "stimuli.shapes.train"),
            ("/schooling/epochs", "schooling.epochs"),
            ("/schooling/batch", "schooling.batch"),
            ("/arm/0/steps", "arm[0].steps"),
            ("/arm/0/plasticity/retrain/epochs", "arm[0].plasticity.retrain.epochs"),
        ] {
            let mut study = sound();
            *study.pointer_mut(at).unwrap() = 4_000_000_000u32.into();
            assert_eq!(ceilings(study), Err(key.to_owned()));
        }
        let most = 4_000_000_000u32;
        for (at, value, key) in [
            ("stimuli", serde_json::json!({"cifar10": {"train": most}}), "stimuli.cifar10.train"),
            ("stimuli", serde_json::json!({"cifar100": {"test": most}}), "stimuli.cifar100.test"),
            ("stimuli", serde_json::json!({"cifar10": {"assessment": most}}), "stimuli.cifar10.assessment"),
            (
                "stimuli",
                serde_json::json!({"folder": {"path": "x", "size": 32, "assessment_per_class": most}}),
                "stimuli.folder.assessment_per_class",
            ),
            (
                "measures",
                serde_json::json!([{"rdm_similarity": {"method": "tau-b", "per_class": most}}]),
                "measures[0].rdm_similarity.per_class",
            ),
        ] {
            let mut study = sound();
            study[at] = value;
            assert_eq!(ceilings(study), Err(key.to_owned()));
        }
        let mut study = sound();
        study["arm"][0]["start"] = serde_json::json!({"arm": "x", "study": "y", "step": most});
        assert_eq!(ceilings(study), Err("arm[0].start.step".to_owned()));
        let mut study = sound();
        study["network"]["tiny"]["width"] = 1e10.into();
        assert_eq!(ceilings(study), Err("network.tiny.width".to_owned()));
        let mut study = sound();
        study["seeds"]["first"] = u64::MAX.into();
        assert_eq!(ceilings(study), Err("seeds.first".to_owned()));
    }
}
