//! Records: readings and their cause. This is all a report may read.

use serde::{Deserialize, Serialize};

use crate::images::Provenance;
use crate::study::{Study, TrialSeeds};

/// The answer of a measure: a number with its n.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reading {
    /// What was asked, such as `accuracy`.
    pub measure: String,
    /// Where in the network; empty for behaviour.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub layer: String,
    /// Of which class; empty where a measure has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub class: String,
    /// The number; none where it is not defined.
    pub value: Option<f64>,
    /// How many images, pairs or classes it rests on.
    pub n: u64,
}

impl Reading {
    /// A reading of the whole network over all classes. A value that is no finite number (the loss of a network whose
    /// outputs have overflowed) is not defined: stored records have no other way to say it.
    pub fn new(measure: &str, value: Option<f64>, n: u64) -> Self {
        let value = value.filter(|value| value.is_finite());
        Self { measure: measure.to_owned(), layer: String::new(), class: String::new(), value, n }
    }

    /// The same reading, said of a layer.
    pub fn at(self, layer: &str) -> Self {
        Self { layer: layer.to_owned(), ..self }
    }

    /// The same reading, said of a class.
    pub fn of_class(self, class: &str) -> Self {
        Self { class: class.to_owned(), ..self }
    }
}

/// When in a step something was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Before the first step.
    Healthy,
    /// Right after a step's loss; normalisation statistics are still those of before.
    Injured,
    /// After the lesson that followed.
    Treated,
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Phase::Healthy => "healthy",
            Phase::Injured => "injured",
            Phase::Treated => "treated",
        })
    }
}

/// All readings of one moment of one trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Number of steps so far; 0 is healthy.
    pub step: u32,
    /// When in the step.
    pub phase: Phase,
    /// Share of the healthy network's synapses that is lost, counted from the lesion, 0 to 1.
    pub fraction_lost: f64,
    /// Number of them.
    pub synapses_lost: u64,
    /// What was read.
    pub readings: Vec<Reading>,
}

impl Record {
    /// The value of the first reading of this measure over all classes, if it is defined.
    pub fn value(&self, measure: &str, layer: &str) -> Option<f64> {
        self.readings.iter().find(|r| r.measure == measure && r.layer == layer && r.class.is_empty())?.value
    }
}

/// One epoch of learning, for the learning curves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochRecord {
    /// Step of the course; 0 is schooling.
    pub step: u32,
    /// Epoch within the lesson, from 1.
    pub epoch: u32,
    /// Mean training loss over the epoch, in nats, as seen while learning.
    pub loss: f64,
    /// Share of the training images named right while learning, 0 to 1.
    pub accuracy: f64,
}

/// Everything known of one trial.
#[derive(Clone, Debug, PartialEq)]
pub struct TrialRecords {
    /// Name of its arm.
    pub arm: String,
    /// Its seeds.
    pub seeds: TrialSeeds,
    /// Whether it is finished.
    pub done: bool,
    /// Its readings, in order.
    pub records: Vec<Record>,
    /// Its epochs, in order.
    pub epochs: Vec<EpochRecord>,
    /// Small pictures of its dissimilarity matrices, in order.
    pub pictures: Vec<RdmPicture>,
}

/// A dissimilarity matrix reduced to a picture: probe images sorted by class, each pixel the mean over the pairs in it.
#[derive(Clone, Debug, PartialEq)]
pub struct RdmPicture {
    /// Number of steps so far.
    pub step: u32,
    /// When in the step.
    pub phase: Phase,
    /// The tap.
    pub layer: String,
    /// Pixels along each side.
    pub side: usize,
    /// side x side dissimilarities, row-major; NaN where no pair is defined.
    pub values: Vec<f32>,
}

/// Everything a report is made of.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// The study.
    pub study: Study,
    /// Name of the study: its file's name without the extension.
    pub name: String,
    /// What the numbers depend on besides the study.
    pub cause: Cause,
    /// The trials begun so far, arms in the study's order, then by seeds.
    pub trials: Vec<TrialRecords>,
    /// Epochs of each subject's schooling, by network and data seed.
    pub schooling: Vec<(TrialSeeds, Vec<EpochRecord>)>,
}

/// What the numbers depend on besides the study: kept in the ledger and compared before work goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cause {
    /// Version of the stored format.
    pub format: u32,
    /// SHA-256 of the study in its resolved form.
    pub study_sha256: String,
    /// Version of the program that began the work.
    pub build: String,
    /// Device that computes.
    pub device: String,
    /// Threads that compute.
    pub threads: usize,
    /// Where the images came from.
    pub stimuli: Provenance,
    /// Number of training, assessment and test images.
    pub images: [usize; 3],
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Number of probe images of each class.
    pub probe_per_class: Vec<usize>,
    /// The network in words.
    pub network: String,
    /// Its synapses.
    pub synapses: u64,
    /// SHA-256 of the given weights, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights_sha256: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_is_the_same_after_it_was_stored() {
        for value in [Some(0.25), None, Some(f64::NAN), Some(f64::INFINITY)] {
            let reading = Reading::new("loss", value, 3);
            let stored = serde_json::to_string(&reading).unwrap();
            assert_eq!(serde_json::from_str::<Reading>(&stored).unwrap(), reading, "{stored}");
        }
    }
}
