//! What is wrong with a study as a whole, that no single value shows.

use crate::architecture::Architecture;
use crate::images::Shape;
use crate::injury::Injury;
use crate::study::Study;

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
    /// Checks the study for images of `input` size in `classes` classes, and builds its architecture.
    pub fn check(&self, input: Shape, classes: usize) -> Result<Architecture, Fault> {
        self.check_arms()?;
        if self.schooling.epochs == 0 && self.schooling.weights.is_none() {
            return Err(fault("schooling.epochs", "0 epochs leave the network untaught; give at least 1, or `weights` to start from"));
        }
        if self.measures.is_empty() {
            return Err(fault("measures", "the study measures nothing; try measures = [\"accuracy\"]"));
        }
        let architecture = self.network.architecture(input, classes).map_err(|unfit| fault("network", unfit.to_string()))?;
        self.check_probe(&architecture)?;
        for (i, arm) in self.arms.iter().enumerate() {
            arm.injury.check(&architecture).map_err(|reason| fault(format!("arm[{i}].injury"), reason))?;
        }
        Ok(architecture)
    }

    fn check_arms(&self) -> Result<(), Fault> {
        if self.arms.is_empty() {
            return Err(fault("arm", "the study has no arm; add at least one [[arm]] with name, steps, injury and plasticity"));
        }
        for (i, arm) in self.arms.iter().enumerate() {
            // folders of two names that differ only in case would be one folder on some file systems
            let same = |other: &&crate::study::Arm| other.name.as_str().eq_ignore_ascii_case(arm.name.as_str());
            if self.arms[..i].iter().any(|other| same(&other)) {
                return Err(fault(format!("arm[{i}].name"), format!("two arms are named '{}'; every arm needs a name of its own", arm.name)));
            }
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
        if self.probe.layers.is_empty() && self.measures.iter().any(|m| m.needs_rdm_of("")) {
            return Err(fault("probe.layers", "a measure compares representations, but no layer is probed; try [\"penultimate\"]"));
        }
        for measure in &self.measures {
            if let Some(layer) = measure.named_layer()
                && !self.probe.layers.iter().any(|l| l == layer)
            {
                return Err(fault("measures", format!("a measure asks for layer '{layer}', which probe.layers does not list")));
            }
        }
        Ok(())
    }

    /// Whether any arm is injured.
    pub fn injures(&self) -> bool {
        self.arms.iter().any(|arm| arm.injury != Injury::None)
    }
}
