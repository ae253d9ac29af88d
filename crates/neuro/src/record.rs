//! Records: readings and their cause. This is all a report may read.

use serde::{Deserialize, Serialize};

use crate::images::{Checksums, Provenance, Shape};
use crate::reading::{Confusions, Reading};
use crate::study::{Study, TrialSeeds};

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
    /// Which class was taken for which, if that was asked; stored as counts in a file of its own.
    #[serde(skip)]
    pub confusions: Option<Confusions>,
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
    /// Why it can never be finished, if its network (or its subject's) failed.
    pub failure: Option<Failure>,
    /// Records up to this step are those of the course that the trial branched from; 0 if it began with the healthy network.
    pub inherited: u32,
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

/// Why a network could not be taken further: its loss or its activity was no longer a number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// The step of the course in words: "step 3 of 15: epoch 2 of 3".
    pub at: String,
    /// What happened.
    pub reason: String,
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
    /// Who computed, and in how many cases each took part; in the order of the cases.
    pub makers: Vec<(Maker, usize)>,
    /// The trials begun so far, arms in the study's order, then by seeds.
    pub trials: Vec<TrialRecords>,
    /// Epochs of each subject's schooling, by network and data seed.
    pub schooling: Vec<(TrialSeeds, Vec<EpochRecord>)>,
}

/// Who computed: recorded at each commit, and no part of what a case is. Results of one build on one instruction set are the same
/// to the last bit; others may round differently.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Maker {
    /// The program: its version and a hash of its source.
    pub build: String,
    /// Model of the processor.
    pub processor: String,
    /// Instruction set of the kernels, such as `AVX-512`.
    pub instructions: String,
}

impl std::fmt::Display for Maker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} on {} ({})", self.build, self.processor, self.instructions)
    }
}

/// What the numbers depend on besides the study and its makers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cause {
    /// SHA-256 of the study in its resolved form.
    pub study_sha256: String,
    /// Kind of device that computes, such as `cpu`.
    pub device: String,
    /// Where the images came from.
    pub stimuli: Provenance,
    /// Checksum of each set of images alone.
    pub checksums: Checksums,
    /// Number of training, assessment and test images.
    pub images: [usize; 3],
    /// Size of each image.
    pub shape: Shape,
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
