//! A study: one question, and everything that decides its answer.
//!
//! These types are what a study file says, key by key. They are filled once, at the door, and hold only
//! values that make sense by themselves; what needs a look at several keys at once is checked by
//! [`Study::check`].

use std::num::NonZeroU32;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::architecture::Blueprint;
use crate::injury::Injury;
pub use crate::keep::{Keep, KeepRdms};
use crate::lesson::Schooling;
use crate::measure::Measure;
use crate::plasticity::Plasticity;
use crate::seed::Seed;

/// A question: network, stimuli, schooling, arms, seeds, probe and measures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Study {
    /// What the study asks, in one sentence.
    pub question: String,
    /// The subjects' seeds.
    pub seeds: Seeds,
    /// The network of every subject.
    pub network: Blueprint,
    /// What it is shown.
    pub stimuli: StimuliChoice,
    /// Which test images its responses are read on, and where in the network.
    pub probe: Probe,
    /// What is asked of the responses.
    pub measures: Vec<Measure>,
    /// Which weights stay on disk when a trial is done.
    #[serde(default)]
    pub keep: Keep,
    /// Of which readings the whole dissimilarity matrices stay on disk.
    #[serde(default, skip_serializing_if = "KeepRdms::is_none")]
    pub keep_rdms: KeepRdms,
    /// Whether the network's outputs (logits) stay on disk with each reading: test images x classes x 4 bytes.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub keep_logits: bool,
    /// How the healthy network learns.
    pub schooling: Schooling,
    /// The courses of disease and therapy.
    #[serde(rename = "arm", default)]
    pub arms: Vec<Arm>,
}

fn yes() -> bool {
    true
}

fn is_yes(kept: &bool) -> bool {
    *kept
}

/// Which seeds the subjects get: `first`, `first + 1`, ... `count` of them, used for the network's first
/// weights, for the injury's order and for the order of the images. Kinds named in `held` keep the first
/// seed throughout, so that the spread due to the others can be told apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seeds {
    /// First seed.
    pub first: u64,
    /// Number of seeds, and so of trials in each arm.
    pub count: NonZeroU32,
    /// Kinds of chance that are the same in every trial.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<Chance>,
}

/// A kind of chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Chance {
    /// First weights.
    Network,
    /// Which synapses are lost.
    Injury,
    /// Order of the images, crops and flips.
    Data,
}

/// The seeds of one trial, one for each kind of chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrialSeeds {
    /// Of the network's first weights.
    pub network: Seed,
    /// Of the injury's order.
    pub injury: Seed,
    /// Of order, crops and flips of the training images.
    pub data: Seed,
}

impl TrialSeeds {
    /// The seeds of the subject that the trial is made on. It has no injury, so trials that differ in that seed alone share it.
    pub fn subject(self) -> Self {
        Self { injury: Seed(0), ..self }
    }
}

impl Seeds {
    /// The seeds of every trial of an arm.
    pub fn trials(&self) -> Vec<TrialSeeds> {
        let of = |chance, index: u64| Seed(if self.held.contains(&chance) { self.first } else { self.first + index });
        (0..u64::from(self.count.get()))
            .map(|i| TrialSeeds { network: of(Chance::Network, i), injury: of(Chance::Injury, i), data: of(Chance::Data, i) })
            .collect()
    }
}

/// The sets of images a study can use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum StimuliChoice {
    /// CIFAR-10 (Krizhevsky 2009): 50,000 training and 10,000 test images, 3 x 32 x 32, ten classes.
    Cifar10(Split),
    /// CIFAR-100 (Krizhevsky 2009), fine labels: as CIFAR-10 with a hundred classes.
    Cifar100(Split),
    /// A folder with `train/CLASS/*.png|jpg` and `test/CLASS/*`: resized so that the shorter side fits, then cropped
    /// at the centre.
    Folder {
        /// The folder; relative to the study file.
        path: PathBuf,
        /// Side of the square images, in pixels.
        size: NonZeroU32,
        /// The last so many training images of each class, kept apart for therapies that must look before they choose.
        #[serde(default)]
        assessment_per_class: u32,
    },
    /// Ten classes of drawn objects, 3 x 32 x 32, made on the spot.
    Shapes {
        /// Number of training images.
        train: NonZeroU32,
        /// Number of assessment images.
        #[serde(default)]
        assessment: u32,
        /// Number of test images.
        test: NonZeroU32,
    },
}

impl StimuliChoice {
    /// One of each kind, with a sentence for people.
    pub fn examples() -> Vec<(StimuliChoice, &'static str)> {
        let some = |images: u32| NonZeroU32::new(images).expect("not 0");
        vec![
            (
                StimuliChoice::Cifar10(Split::default()),
                "CIFAR-10 (Krizhevsky 2009); train, assessment and test take part of it; downloaded where it is missing",
            ),
            (StimuliChoice::Cifar100(Split::default()), "CIFAR-100, fine labels; the same options"),
            (
                StimuliChoice::Folder { path: "pictures".into(), size: some(32), assessment_per_class: 0 },
                "PNG or JPEG pictures in train/CLASS/ and test/CLASS/, resized and cropped",
            ),
            (
                StimuliChoice::Shapes { train: some(4000), assessment: 0, test: some(1000) },
                "ten classes of drawn objects, 32 x 32 pixels, made on the spot",
            ),
        ]
    }
}

/// Which images of a set are used. The assessment images are the last ones of the training file, so that
/// training and assessment never overlap; the test set is the official one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// The first so many training images; all that are not kept for assessment if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train: Option<NonZeroU32>,
    /// The last so many training images, kept apart for therapies that must look before they choose.
    #[serde(default)]
    pub assessment: u32,
    /// The first so many test images; all if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<NonZeroU32>,
}

/// What the network is shown when it is read, and where it is tapped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// Which test images representations are read on. Behaviour is always read on all of them.
    pub images: ProbeImages,
    /// Names of the taps: `block1` ... and `penultimate`.
    pub layers: Vec<String>,
}

/// Which test images representations are read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ProbeImages {
    /// The whole test set, sorted by class.
    All,
    /// The first so many of each class, sorted by class.
    PerClass(NonZeroU32),
}

/// One course of disease and therapy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    /// Name in tables and figures; also the name of its folder.
    pub name: ArmName,
    /// Where it begins: after a step of another arm, or with the healthy network if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Start>,
    /// Number of steps.
    pub steps: NonZeroU32,
    /// What a step takes.
    pub injury: Injury,
    /// What the network does about it.
    pub plasticity: Plasticity,
}

/// A branch: an arm that begins with the network of another arm, as it was at the end of one of its steps, lesion and all. Its own
/// steps are counted on from there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// Folder of another study that the arm belongs to, relative to the current folder; this study if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub study: Option<PathBuf>,
    /// The arm that is branched from.
    pub arm: ArmName,
    /// After which of its steps.
    pub step: NonZeroU32,
}

/// Name of an arm: letters and digits of any script, space, `-`, `_`, `.`, `+`; safe as the name of a folder everywhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ArmName(String);

impl ArmName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What two names have in common whose folders would be one folder on some file systems: names that differ in case alone, or in
    /// how an accent is written (Unicode normalisation).
    pub fn folded(&self) -> String {
        self.0.nfc().collect::<String>().to_lowercase().nfc().collect()
    }
}

impl std::fmt::Display for ArmName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for ArmName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let fits = |c: char| c.is_alphanumeric() || is_combining_mark(c) || " -_.+".contains(c);
        let edges = name.starts_with([' ', '.']) || name.ends_with([' ', '.']);
        let short = (1..=64).contains(&name.chars().count()) && name.len() <= 200;
        if !short || edges || !name.chars().all(fits) {
            return Err(format!(
                "'{name}' cannot name an arm: use 1 to 64 letters, digits, spaces or any of - _ . + (no space or dot at either end)"
            ));
        }
        if is_device(&name) {
            return Err(format!("'{name}' cannot name an arm: Windows keeps this name for a device; choose another"));
        }
        Ok(Self(name))
    }
}

/// Names that Windows gives to devices, with any extension and in any case.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).trim_end().to_uppercase();
    let numbered = |port: &str| stem.strip_prefix(port).is_some_and(|n| matches!(n.as_bytes(), [b'1'..=b'9']));
    matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL") || numbered("COM") || numbered("LPT")
}

impl From<ArmName> for String {
    fn from(name: ArmName) -> String {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arm_is_named_in_any_script_and_fits_as_a_folder() {
        let long = "a".repeat(65);
        let named = |name: &str| ArmName::try_from(name.to_owned());
        for name in ["müde", "mu\u{308}de", "対照", "शिक्षा", "เก้าอี้", "ཀརྨ", "މާލެ", "a.b", "console", "COM10", &long[1..]]
        {
            assert!(named(name).is_ok(), "{name}");
        }
        for name in ["", &long, " a", "a.", "a/b", "a\u{1b}b", "a\u{202e}b", "a\u{200b}b", "con", "Nul.txt", "lpt1", "COM9.x"] {
            assert!(named(name).is_err(), "{name}");
        }
    }
}
