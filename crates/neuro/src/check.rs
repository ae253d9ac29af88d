//! What is wrong with a study as a whole, that no single value shows.

use std::num::NonZeroU32;

use crate::architecture::{Architecture, Blueprint};
use crate::images::Shape;
use crate::injury::Injury;
use crate::measure::Measure;
use crate::plasticity::Plasticity;
use crate::study::{Chance, ProbeImages, StimuliChoice, Study};

/// A fault of a study: the key it is about (as in the study file, `arm[1].name`) and what is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Dotted path of the key.
    pub key: String,
    /// What is wrong, and the remedy.
    pub reason: String,
}

fn fault(key: impl Into<String>, reason: impl Into<String>) -> Fault {
    Fault { key: key.into(), reason: reason.into() }
}

impl Study {
    /// Checks the study for images of `input` size in `classes` classes, `test` of them to be scored on, and builds its
    /// architecture.
    pub fn check(&self, input: Shape, classes: usize, test: usize) -> Result<Architecture, Fault> {
        self.check_arms()?;
        self.check_seeds()?;
        if self.schooling.epochs == 0 && self.schooling.weights.is_none() {
            return Err(fault(
                "schooling.epochs",
                "0 epochs leave the network untaught; give at least 1, or `weights` to start from",
            ));
        }
        if self.measures.is_empty() {
            return Err(fault("measures", "the study measures nothing; try measures = [\"accuracy\"]"));
        }
        let architecture = self.network.architecture(input, classes).map_err(|unfit| fault("network", unfit.to_string()))?;
        let parameters = architecture.parameters();
        if parameters >= 1 << 31 {
            return Err(fault("network", format!("it has {parameters} trained values; at most {}", (1u64 << 31) - 1)));
        }
        self.check_probe(&architecture)?;
        self.check_matrices(classes, test)?;
        for (i, arm) in self.arms.iter().enumerate() {
            arm.injury.check(&architecture).map_err(|reason| fault(format!("arm[{i}].injury"), reason))?;
        }
        Ok(architecture)
    }

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
        if let ProbeImages::PerClass(images) = self.probe.images {
            at_most("probe.images.per_class".into(), images.get().into(), 1_000_000);
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
            StimuliChoice::Cifar10(_) | StimuliChoice::Cifar100(_) => {}
            StimuliChoice::Folder { size, .. } => at_most("stimuli.folder.size".into(), size.get().into(), 4_096),
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
            match &arm.plasticity {
                Plasticity::None => {}
                Plasticity::Retrain { epochs: passes, batch, .. } => {
                    epochs = epochs.saturating_add(of_arm.saturating_mul(passes.get().into()));
                    at_most(format!("arm[{i}].plasticity.retrain.epochs"), passes.get().into(), 1_000_000);
                    at_most(
                        format!("arm[{i}].plasticity.retrain.batch"),
                        batch.map_or(0, |batch| u64::from(batch.get())),
                        65_536,
                    );
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

    fn check_arms(&self) -> Result<(), Fault> {
        if self.arms.is_empty() {
            return Err(fault("arm", "the study has no arm; add at least one [[arm]] with name, steps, injury and plasticity"));
        }
        for (i, arm) in self.arms.iter().enumerate() {
            // folders of two names that differ only in case would be one folder on some file systems
            let same = |other: &&crate::study::Arm| other.name.as_str().to_lowercase() == arm.name.as_str().to_lowercase();
            if self.arms[..i].iter().any(|other| same(&other)) {
                return Err(fault(
                    format!("arm[{i}].name"),
                    format!("two arms are named '{}'; every arm needs a name of its own", arm.name),
                ));
            }
            if arm.injury == Injury::None && arm.plasticity == Plasticity::None {
                return Err(fault(
                    format!("arm[{i}].plasticity"),
                    "the arm loses nothing and learns nothing, so there is nothing to do; the healthy network is read in any case",
                ));
            }
        }
        Ok(())
    }

    /// The same trial several times is one trial: an interval over it would be invented.
    fn check_seeds(&self) -> Result<(), Fault> {
        let held = |chance| self.seeds.held.contains(&chance);
        if self.seeds.count.get() > 1 && self.schooling.weights.is_some() && !held(Chance::Network) {
            return Err(fault(
                "seeds.held",
                "given weights are the same in every trial, whatever the seed: say so with held = [\"network\"]",
            ));
        }
        let decides = |chance| match chance {
            Chance::Network => self.schooling.weights.is_none(),
            Chance::Injury => self.injures(),
            Chance::Data => self.schooling.epochs > 0 || self.arms.iter().any(|arm| arm.plasticity != Plasticity::None),
        };
        let same = |chance| held(chance) || !decides(chance);
        if self.seeds.count.get() > 1 && [Chance::Network, Chance::Injury, Chance::Data].into_iter().all(same) {
            return Err(fault(
                "seeds.held",
                "with every kind of chance held that decides anything, all trials are the same one; hold fewer, or set seeds.count = 1",
            ));
        }
        Ok(())
    }

    fn check_probe(&self, architecture: &Architecture) -> Result<(), Fault> {
        let taps: Vec<&str> = architecture.taps().map(|part| part.name.as_str()).collect();
        for (i, layer) in self.probe.layers.iter().enumerate() {
            if !taps.contains(&layer.as_str()) {
                return Err(fault("probe.layers", format!("the network has no tap '{layer}'; it has {}", taps.join(", "))));
            }
            if self.probe.layers[..i].contains(layer) {
                return Err(fault("probe.layers", format!("'{layer}' is named twice")));
            }
        }
        if self.probe.layers.is_empty() && self.measures.iter().any(|measure| matches!(measure, Measure::RdmSimilarity { .. })) {
            return Err(fault(
                "probe.layers",
                "a measure compares representations, but no layer is probed; try [\"penultimate\"]",
            ));
        }
        for measure in &self.measures {
            let Measure::RdmSimilarity { method, over, layer, per_class, .. } = measure else { continue };
            if !method.allows(*over) {
                return Err(fault("measures", format!("{method} is taken over the triangle alone; leave out `over`")));
            }
            if let Some(layer) = layer
                && !self.probe.layers.contains(layer)
            {
                return Err(fault("measures", format!("a measure asks for layer '{layer}', which probe.layers does not list")));
            }
            if let (ProbeImages::PerClass(probed), Some(images)) = (self.probe.images, per_class)
                && *images > probed
            {
                let reason = format!("a measure asks for {images} images of each class, but probe.images has only {probed}");
                return Err(fault("measures", reason));
            }
        }
        Ok(())
    }

    /// Said before anything is learned: a matrix has its largest size.
    fn check_matrices(&self, classes: usize, test: usize) -> Result<(), Fault> {
        let most = |per_class: NonZeroU32| (per_class.get() as usize).saturating_mul(classes);
        let probed = match self.probe.images {
            ProbeImages::All => test,
            ProbeImages::PerClass(images) => test.min(most(images)),
        };
        for measure in &self.measures {
            let Measure::RdmSimilarity { per_class, .. } = measure else { continue };
            let images = per_class.map_or(probed, |images| probed.min(most(images)));
            if images > rsa::MOST_IMAGES {
                let largest = rsa::MOST_IMAGES;
                let reason =
                    format!("a matrix of {images} images is too large, {largest} are the most; probe some of each class");
                return Err(fault("measures", reason));
            }
        }
        Ok(())
    }

    /// Whether any arm is injured.
    pub fn injures(&self) -> bool {
        self.arms.iter().any(|arm| arm.injury != Injury::None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CIFAR: Shape = Shape { channels: 3, height: 32, width: 32 };

    /// A sound study, with `change` made to its JSON.
    fn checked(change: impl Fn(&mut serde_json::Value)) -> Result<Architecture, (String, String)> {
        let mut study = serde_json::json!({
            "question": "?",
            "seeds": {"first": 1, "count": 2},
            "network": {"tiny": {"batch_norm": true, "head": [16]}},
            "stimuli": {"shapes": {"train": 100, "test": 50}},
            "probe": {"images": {"per_class": 5000}, "layers": ["block1", "penultimate"]},
            "measures": ["accuracy", {"rdm_similarity": {"method": "tau-b", "layer": "block1"}}],
            "schooling": {"epochs": 1, "batch": 10, "rate": 0.1, "momentum": 0.9, "decay": 0},
            "arm": [
                {"name": "a", "steps": 2, "injury": {"ablation": {"fraction": 0.2, "of": "original", "scope": "per-layer"}}, "plasticity": "none"},
                {"name": "b", "steps": 2, "injury": "none", "plasticity": {"retrain": {"epochs": 1}}},
            ],
        });
        change(&mut study);
        let study: Study = serde_json::from_value(study).unwrap();
        study.check(CIFAR, 10, 70_000).map_err(|fault| (fault.key, fault.reason))
    }

    #[track_caller]
    fn refused(change: impl Fn(&mut serde_json::Value), key: &str, part_of_reason: &str) {
        let (found, reason) = checked(change).unwrap_err();
        assert!(found == key && reason.contains(part_of_reason), "{found}: {reason}");
    }

    #[test]
    fn a_sound_study_gives_its_architecture() {
        assert_eq!(checked(|_| {}).unwrap().name, "Tiny with batch normalisation, two dense layers");
        let from_weights = |s: &mut serde_json::Value| {
            s["schooling"]["epochs"] = 0.into();
            s["schooling"]["weights"] = "w.safetensors".into();
            s["seeds"]["held"] = serde_json::json!(["network"]);
        };
        assert!(checked(from_weights).is_ok());
    }

    #[test]
    fn what_no_single_value_shows_is_refused_by_its_key() {
        refused(|s| s["arm"] = serde_json::json!([]), "arm", "no arm");
        refused(|s| s["arm"][1]["name"] = "A".into(), "arm[1].name", "name of its own");
        refused(|s| s["arm"][1]["plasticity"] = "none".into(), "arm[1].plasticity", "nothing to do");
        refused(|s| s["schooling"]["epochs"] = 0.into(), "schooling.epochs", "untaught");
        refused(|s| s["schooling"]["weights"] = "w".into(), "seeds.held", "held = [\"network\"]");
        refused(|s| s["measures"] = serde_json::json!([]), "measures", "measures nothing");
        refused(|s| s["probe"]["images"] = "all".into(), "measures", "a matrix of 70000 images");
        refused(|s| s["probe"]["layers"][0] = "block9".into(), "probe.layers", "it has block1, block2, block3, penultimate");
        refused(|s| s["probe"]["layers"][0] = "penultimate".into(), "probe.layers", "twice");
        refused(|s| s["probe"]["layers"] = serde_json::json!(["penultimate"]), "measures", "layer 'block1'");
        let measure =
            |keys: serde_json::Value| move |s: &mut serde_json::Value| s["measures"][1]["rdm_similarity"] = keys.clone();
        refused(measure(serde_json::json!({"method": "spearman", "over": "full-matrix"})), "measures", "triangle alone");
        let many = |s: &mut serde_json::Value| {
            s["probe"]["images"] = serde_json::json!({"per_class": 10});
            s["measures"][1]["rdm_similarity"]["per_class"] = 11.into();
        };
        refused(many, "measures", "probe.images has only 10");
        let unprobed = |s: &mut serde_json::Value| {
            s["probe"]["layers"] = serde_json::json!([]);
            s["measures"][1] = serde_json::json!({"rdm_similarity": {"method": "tau-b"}});
        };
        refused(unprobed, "probe.layers", "no layer is probed");
        let elsewhere =
            serde_json::json!({"ablation": {"fraction": 0.2, "of": "original", "scope": "per-layer", "layers": ["conv9"]}});
        refused(|s| s["arm"][1]["injury"] = elsewhere.clone(), "arm[1].injury", "'conv9'");
    }

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
        let mut study = sound();
        study["network"]["tiny"]["width"] = 1e10.into();
        assert_eq!(ceilings(study), Err("network.tiny.width".to_owned()));
        let mut study = sound();
        study["seeds"]["first"] = u64::MAX.into();
        assert_eq!(ceilings(study), Err("seeds.first".to_owned()));
    }

    #[test]
    fn trials_that_are_all_the_same_are_refused() {
        let held = |s: &mut serde_json::Value| s["seeds"]["held"] = serde_json::json!(["data", "network", "injury"]);
        refused(held, "seeds.held", "seeds.count = 1");
        let alone = |s: &mut serde_json::Value| {
            held(s);
            s["seeds"]["count"] = 1.into();
        };
        assert!(checked(alone).is_ok());
        assert!(checked(|s| s["seeds"]["held"] = serde_json::json!(["network", "injury"])).is_ok());

        // given weights, and never anything to learn: data decides nothing
        let untaught = |s: &mut serde_json::Value| {
            s["schooling"]["epochs"] = 0.into();
            s["schooling"]["weights"] = "w.safetensors".into();
            s["seeds"]["held"] = serde_json::json!(["network", "injury"]);
        };
        assert!(checked(untaught).is_ok(), "one arm learns");
        let unlearning = |s: &mut serde_json::Value| {
            untaught(s);
            s["arm"].as_array_mut().unwrap().truncate(1);
        };
        refused(unlearning, "seeds.held", "decides anything");
    }
}
