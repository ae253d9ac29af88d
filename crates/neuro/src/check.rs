//! What is wrong with a study as a whole, that no single value shows.

use std::collections::HashSet;

use crate::architecture::Architecture;
use crate::images::Shape;
use crate::injury::Injury;
use crate::measure::Measure;
use crate::plasticity::Plasticity;
use crate::study::{Chance, Keep, KeepRdms, ProbeImages, Study};

mod ceilings;

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

fn nothing_to_do(arm: usize) -> Fault {
    fault(
        format!("arm[{arm}].plasticity"),
        "the arm loses nothing and learns nothing, so there is nothing to do; the healthy network is read in any case",
    )
}

impl Study {
    /// Checks the study for images of `input` size in `classes` classes, `test` of them to be scored on, and builds its
    /// architecture.
    pub fn check(&self, input: Shape, classes: usize, test: usize) -> Result<Architecture, Fault> {
        self.check_arms()?;
        self.check_starts()?;
        self.check_kept()?;
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
        let parameters = architecture.checked_parameters().unwrap_or(u64::MAX);
        if parameters >= 1 << 31 {
            return Err(fault("network", format!("it has {parameters} trained values; at most {}", (1u64 << 31) - 1)));
        }
        self.check_probe(&architecture)?;
        self.check_matrices(classes, test)?;
        for (i, arm) in self.arms.iter().enumerate() {
            arm.injury.check(&architecture).map_err(|reason| fault(format!("arm[{i}].injury"), reason))?;
        }
        self.check_losses(&architecture)?;
        Ok(architecture)
    }

    fn check_arms(&self) -> Result<(), Fault> {
        if self.arms.is_empty() {
            return Err(fault("arm", "the study has no arm; add at least one [[arm]] with name, steps, injury and plasticity"));
        }
        let mut names = HashSet::new();
        for (i, arm) in self.arms.iter().enumerate() {
            if !names.insert(arm.name.folded()) {
                return Err(fault(
                    format!("arm[{i}].name"),
                    format!("two arms are named '{}'; every arm needs a name of its own", arm.name),
                ));
            }
            if arm.injury == Injury::None && arm.plasticity == Plasticity::None {
                return Err(nothing_to_do(i));
            }
        }
        Ok(())
    }

    /// That each branch starts from a step of an arm that is there. Folders of other studies are not looked at here.
    fn check_starts(&self) -> Result<(), Fault> {
        let (parents, courses) = (self.parents(), self.courses());
        for (i, arm) in self.arms.iter().enumerate() {
            let (Some(start), parent) = (&arm.start, parents[i]) else { continue };
            let key = |key: &str| format!("arm[{i}].start.{key}");
            let Some(parent) = parent else {
                if start.study.is_some() {
                    continue;
                }
                return Err(fault(key("arm"), format!("the study has no arm '{}' to start from", start.arm)));
            };
            let mut before = Some(parent);
            for _ in 0..self.arms.len() {
                before = before.and_then(|arm| parents[arm]);
            }
            if before.is_some() {
                return Err(fault(key("arm"), format!("the arm starts from '{}', which goes back to itself", start.arm)));
            }
            let stages = &courses[parent].stages;
            if !stages.contains(&start.step.get()) {
                let (first, last) = (stages.start(), stages.end());
                let reason = format!("arm '{}' has no step {}; its steps are {first} to {last}", start.arm, start.step);
                return Err(fault(key("step"), reason));
            }
        }
        Ok(())
    }

    fn check_kept(&self) -> Result<(), Fault> {
        match &self.keep {
            Keep::Last | Keep::EveryReading => {}
            Keep::Steps(steps) => self.check_steps("keep", steps)?,
        }
        if !self.keep_rdms.is_none() && self.probe.layers.is_empty() {
            let reason = "matrices are to be kept, but no layer is probed; probe one, as in layers = [\"penultimate\"]";
            return Err(fault("keep_rdms", reason));
        }
        match &self.keep_rdms {
            KeepRdms::EveryReading => Ok(()),
            KeepRdms::Steps(steps) => self.check_steps("keep_rdms", steps),
        }
    }

    /// That each of these steps is one of some arm, or the healthy network.
    fn check_steps(&self, key: &str, steps: &[u32]) -> Result<(), Fault> {
        let courses = self.courses();
        let comes_about = |step: &u32| *step == 0 || courses.iter().any(|course| course.stages.contains(step));
        match steps.iter().find(|step| !comes_about(step)) {
            None => Ok(()),
            Some(step) => {
                let last = courses.iter().map(|course| *course.stages.end()).max().unwrap_or(0);
                Err(fault(key, format!("no arm has a step {step}; the last step of all is {last}")))
            }
        }
    }

    /// That an arm with an injury loses something at all: a share of a small layer may be less than half a synapse.
    fn check_losses(&self, architecture: &Architecture) -> Result<(), Fault> {
        for (i, (arm, begin)) in self.arms.iter().zip(self.beginnings(architecture)).enumerate() {
            // an arm that begins in another study begins with a lesion that is not known here
            if arm.injury == Injury::None || begin.is_none_or(|begin| !arm.injury.never_takes(&begin)) {
                continue;
            }
            if arm.plasticity == Plasticity::None {
                return Err(nothing_to_do(i));
            }
            let reason = "no step loses a single synapse: the fraction is 0, or less than half a synapse of what it is a fraction of; \
                          for an arm that only learns, write injury = \"none\"";
            return Err(fault(format!("arm[{i}].injury"), reason));
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
        for measure in &self.measures {
            let (method, over, layer, per_class) = match measure {
                Measure::Accuracy | Measure::ClassAccuracy | Measure::Confusion | Measure::Loss => continue,
                Measure::RdmSimilarity { method, distance: _, over, layer, per_class } => (method, over, layer, per_class),
            };
            if self.probe.layers.is_empty() {
                let reason = "a measure compares representations, but no layer is probed; try [\"penultimate\"]";
                return Err(fault("probe.layers", reason));
            }
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

    /// Said before anything is learned: no matrix may be too large. The largest is that of all probe images, which is made of each layer
    /// for its picture, whatever is measured.
    fn check_matrices(&self, classes: usize, test: usize) -> Result<(), Fault> {
        let largest = rsa::MOST_IMAGES;
        let probed = match self.probe.images {
            ProbeImages::All => test,
            ProbeImages::PerClass(images) => test.min((images.get() as usize).saturating_mul(classes)),
        };
        if self.probe.layers.is_empty() || probed <= largest {
            return Ok(());
        }
        let reason = format!(
            "{probed} images are too many to compare with each other, {largest} are the most; probe fewer of each class: \
             images = {{ per_class = {} }}",
            (largest / classes.max(1)).clamp(1, 1_000)
        );
        Err(fault("probe.images", reason))
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
        refused(|s| s["probe"]["images"] = "all".into(), "probe.images", "70000 images are too many");
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

    /// A picture is made of each probed layer, whatever is measured.
    #[test]
    fn a_matrix_that_nobody_measures_is_refused_as_well() {
        let pictured = |s: &mut serde_json::Value| {
            s["probe"]["images"] = "all".into();
            s["measures"] = serde_json::json!(["accuracy", {"rdm_similarity": {"method": "tau-b", "per_class": 10}}]);
        };
        refused(pictured, "probe.images", "images = { per_class = 1000 }");
        let unprobed = |s: &mut serde_json::Value| {
            s["probe"] = serde_json::json!({"images": "all", "layers": []});
            s["measures"] = serde_json::json!(["accuracy"]);
        };
        assert!(checked(unprobed).is_ok());
    }

    #[test]
    fn an_arm_that_never_loses_anything_is_refused() {
        let ablation = |f: f64, of: &str, scope: &str, layers: &[&str]| serde_json::json!({"ablation": {"fraction": f, "of": of, "scope": scope, "layers": layers}});
        let learns = |injury: serde_json::Value| move |s: &mut serde_json::Value| s["arm"][1]["injury"] = injury.clone();
        let rests = |injury: serde_json::Value| move |s: &mut serde_json::Value| s["arm"][0]["injury"] = injury.clone();
        // conv1_1 has 216 synapses, fc2 160
        for of in ["remaining", "original"] {
            for (fraction, scope, layers) in
                [(0.0, "per-layer", ["fc1"]), (0.002, "whole-network", ["conv1_1"]), (0.0031, "per-layer", ["fc2"])]
            {
                let injury = ablation(fraction, of, scope, &layers);
                refused(learns(injury.clone()), "arm[1].injury", "write injury = \"none\"");
                refused(rests(injury), "arm[0].plasticity", "nothing to do");
            }
            assert!(checked(rests(ablation(0.0032, of, "per-layer", &["fc2"]))).is_ok(), "half a synapse is one");
            assert!(checked(rests(ablation(0.0031, of, "per-layer", &["fc2", "fc1"]))).is_ok(), "fc1 is larger");
            assert!(
                checked(rests(ablation(0.0031, of, "whole-network", &["conv1_1", "fc2"]))).is_ok(),
                "together they are larger"
            );
        }
        // nothing is left to lose where the arm branches
        let branch = |s: &mut serde_json::Value| {
            s["arm"][0]["injury"] = serde_json::json!({"ablation": {"fraction": 1.0, "of": "original", "scope": "per-layer"}});
            s["arm"][1]["injury"] = s["arm"][0]["injury"].clone();
            s["arm"][1]["start"] = serde_json::json!({"arm": "a", "step": 1});
        };
        refused(branch, "arm[1].injury", "no step loses a single synapse");
    }

    #[test]
    fn a_branch_starts_from_a_step_that_is_there() {
        let start = |arm: usize, start: serde_json::Value| {
            move |s: &mut serde_json::Value| {
                s["arm"][arm]["start"] = start.clone();
                s["arm"][0]["steps"] = 5.into();
            }
        };
        assert!(checked(start(1, serde_json::json!({"arm": "a", "step": 5}))).is_ok());
        assert!(checked(start(0, serde_json::json!({"arm": "b", "step": 2}))).is_ok(), "in whatever order");
        assert!(checked(start(1, serde_json::json!({"study": "elsewhere", "arm": "x", "step": 9}))).is_ok());
        refused(start(1, serde_json::json!({"arm": "c", "step": 1})), "arm[1].start.arm", "no arm 'c'");
        refused(start(1, serde_json::json!({"arm": "b", "step": 1})), "arm[1].start.arm", "goes back to itself");
        refused(start(1, serde_json::json!({"arm": "a", "step": 6})), "arm[1].start.step", "its steps are 1 to 5");
        let circle = |s: &mut serde_json::Value| {
            s["arm"][0]["start"] = serde_json::json!({"arm": "b", "step": 1});
            s["arm"][1]["start"] = serde_json::json!({"arm": "a", "step": 2});
        };
        refused(circle, "arm[0].start.arm", "goes back to itself");
        let of_a_branch = |step: u32| {
            move |s: &mut serde_json::Value| {
                start(1, serde_json::json!({"arm": "a", "step": 5}))(s);
                let mut third = s["arm"][1].clone();
                third["name"] = "c".into();
                third["start"] = serde_json::json!({"arm": "b", "step": step});
                s["arm"].as_array_mut().unwrap().push(third);
            }
        };
        assert!(checked(of_a_branch(7)).is_ok());
        refused(of_a_branch(5), "arm[2].start.step", "its steps are 6 to 7");
        refused(of_a_branch(8), "arm[2].start.step", "its steps are 6 to 7");
    }

    #[test]
    fn what_is_kept_must_come_about() {
        let keep = |steps: &[u32]| {
            let steps = serde_json::json!(steps);
            move |s: &mut serde_json::Value| {
                s["keep"] = steps.clone();
                s["arm"][1]["steps"] = 4.into();
            }
        };
        assert!(checked(keep(&[1, 4])).is_ok());
        refused(keep(&[1, 5]), "keep", "no arm has a step 5; the last step of all is 4");
        let branches = |s: &mut serde_json::Value| {
            keep(&[1, 5])(s);
            s["arm"][1]["start"] = serde_json::json!({"arm": "a", "step": 2});
        };
        assert!(checked(branches).is_ok(), "steps of a branch are counted on");

        let rdms = |steps: &[u32]| {
            let steps = serde_json::json!(steps);
            move |s: &mut serde_json::Value| s["keep_rdms"] = steps.clone()
        };
        assert!(checked(rdms(&[0, 2])).is_ok());
        refused(rdms(&[0, 3]), "keep_rdms", "no arm has a step 3; the last step of all is 2");
        let unprobed = |s: &mut serde_json::Value| {
            rdms(&[0])(s);
            s["probe"]["layers"] = serde_json::json!([]);
            s["measures"] = serde_json::json!(["accuracy"]);
        };
        refused(unprobed, "keep_rdms", "no layer is probed");
    }

    #[test]
    fn names_that_look_alike_are_one_name() {
        let named = |first: &'static str, second: &'static str| {
            move |s: &mut serde_json::Value| {
                s["arm"][0]["name"] = first.into();
                s["arm"][1]["name"] = second.into();
            }
        };
        for (first, second) in [("m\u{fc}de", "mu\u{308}de"), ("M\u{dc}DE", "mu\u{308}de"), ("\u{ac00}", "\u{1100}\u{1161}")] {
            refused(named(first, second), "arm[1].name", "name of its own");
        }
        assert!(checked(named("m\u{fc}de", "mude")).is_ok());
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
