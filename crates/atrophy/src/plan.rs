//! What a study will do and what that will cost, counted before anything is spent.

use std::fmt;

use indicatif::HumanCount;
use neuro::architecture::Architecture;
use neuro::course::Course;
use neuro::lesion::Tally;
use neuro::study::{Arm, ProbeImages, Start, Study};
use serde::Serialize;
use serde_json::{Value, json};
use stimuli::{Counts, Outline};

use crate::memory::size;
use crate::study_file::StudyFile;
use crate::trouble::shown;

mod folder;

const FLOAT: u64 = 4;

/// The plan of a study.
#[derive(Debug, Serialize)]
pub struct Plan {
    study: String,
    question: String,
    network: String,
    synapses: u64,
    parameters: u64,
    synaptic_layers: usize,
    multiplications_per_image: u64,
    stimuli: String,
    images: Images,
    download_bytes: Option<u64>,
    seeds: usize,
    probe: Vec<Tap>,
    schooling_epochs: u32,
    arms: Vec<ArmPlan>,
    work: Work,
    memory_bytes: u64,
    folder: folder::Folder,
}

#[derive(Debug, Serialize)]
struct Images {
    train: usize,
    assessment: usize,
    test: usize,
    probe: usize,
}

#[derive(Debug, Serialize)]
struct Tap {
    layer: String,
    features: usize,
}

#[derive(Debug, Serialize)]
struct ArmPlan {
    name: String,
    steps: u32,
    injury: String,
    plasticity: String,
    epochs: usize,
    readings: usize,
    /// Where it begins, if not with the healthy networks.
    #[serde(skip_serializing_if = "Option::is_none")]
    begins: Option<String>,
    /// Share lost after each step, counted from the layers' sizes; not known of an arm that begins in another study.
    fraction_lost: Vec<f64>,
    /// Layers that are struck and never lose a synapse, each with the reason.
    spared: Vec<String>,
}

/// Of all seeds together.
#[derive(Debug, Serialize)]
struct Work {
    epochs: usize,
    readings: usize,
    images_learned: u64,
    images_read: u64,
    floating_point_operations: f64,
}

impl Plan {
    /// Counts a study.
    pub fn of(file: &StudyFile, architecture: &Architecture, outline: &Outline) -> Self {
        let study = &file.study;
        let probe = probe_images(study, outline);
        let taps: Vec<Tap> = study.probe.layers.iter().map(|layer| tap(architecture, layer)).collect();
        let begun = study.arms.iter().zip(study.beginnings(architecture));
        let arms: Vec<ArmPlan> = begun.map(|(arm, begin)| ArmPlan::of(arm, study, begin)).collect();
        let work = Work::of(study, &arms, architecture, outline.counts);
        Self {
            study: file.name.clone(),
            question: study.question.clone(),
            network: architecture.name.clone(),
            synapses: architecture.synapses(),
            parameters: architecture.parameters(),
            synaptic_layers: architecture.synaptic().count(),
            multiplications_per_image: architecture.multiplications(),
            stimuli: outline.name.clone(),
            images: Images {
                train: outline.counts.train,
                assessment: outline.counts.assessment,
                test: outline.counts.test,
                probe,
            },
            download_bytes: outline.archive.map(|archive| archive.bytes),
            seeds: study.seeds.trials().len(),
            schooling_epochs: study.schooling.epochs,
            memory_bytes: memory(study, architecture, outline, probe as u64, &taps),
            folder: folder::Folder::of(study, architecture, outline, probe as u64),
            probe: taps,
            arms,
            work,
        }
    }

    /// For programs.
    pub fn json(&self) -> Value {
        json!(self)
    }

    /// Bytes of memory that the study takes at its peak, about.
    pub fn memory_bytes(&self) -> u64 {
        self.memory_bytes
    }
}

fn tap(architecture: &Architecture, layer: &str) -> Tap {
    let part = architecture.taps().find(|part| part.name == layer).expect("the study is checked");
    Tap { layer: layer.to_owned(), features: part.output.len() }
}

/// How many test images the probe has: of each class as many as are asked for, or as there are.
fn probe_images(study: &Study, outline: &Outline) -> usize {
    let most = match study.probe.images {
        ProbeImages::All => return outline.counts.test,
        ProbeImages::PerClass(images) => images.get() as usize,
    };
    match &outline.test_per_class {
        Some(classes) => classes.iter().map(|&there| there.min(most)).sum(),
        // taken to be of one size
        None => (most * outline.classes.len()).min(outline.counts.test),
    }
}

impl ArmPlan {
    fn of(arm: &Arm, study: &Study, begin: Option<Tally>) -> Self {
        let course = Course::of_arm(arm, &study.schooling);
        let spared = begin.iter().flat_map(|begin| arm.injury.spared(begin));
        let spared = spared.map(|spared| format!("{} loses {}", spared.layer, spared.reason)).collect();
        Self {
            name: arm.name.to_string(),
            steps: arm.steps.get(),
            injury: arm.injury.sentence(),
            plasticity: arm.plasticity.sentence(&study.schooling.lesson()),
            epochs: course.epochs() as usize,
            readings: course.readings() as usize,
            begins: arm.start.as_ref().map(begins),
            fraction_lost: begin.map_or_else(Vec::new, |begin| doses(arm, begin)),
            spared,
        }
    }
}

/// "the networks of arm 'x' after step 5".
fn begins(start: &Start) -> String {
    let study = start.study.as_ref().map_or_else(String::new, |folder| format!(" of the study in {}", folder.display()));
    format!("the networks of arm '{}' after step {}{study}", start.arm, start.step)
}

/// Share of synapses lost after each step of an arm.
fn doses(arm: &Arm, mut begin: Tally) -> Vec<f64> {
    let mut doses = Vec::new();
    arm.injury.count(&mut begin, arm.steps.get(), |tally| doses.push(tally.fraction_lost()));
    doses
}

impl Work {
    fn of(study: &Study, arms: &[ArmPlan], architecture: &Architecture, counts: Counts) -> Self {
        let trials = study.seeds.trials();
        let mut subjects: Vec<_> = trials.iter().map(|seeds| seeds.subject()).collect();
        subjects.sort();
        subjects.dedup();
        let schooling = Course::of_schooling(&study.schooling);
        let epochs =
            subjects.len() * schooling.epochs() as usize + trials.len() * arms.iter().map(|arm| arm.epochs).sum::<usize>();
        // each seed's healthy network is read once more, as the yardstick of its trials
        let readings = subjects.len() * schooling.readings() as usize
            + trials.len() * (1 + arms.iter().map(|arm| arm.readings).sum::<usize>());
        let (images_learned, images_read) = ((epochs * counts.train) as u64, (readings * counts.test) as u64);
        let per_image = 2.0 * architecture.multiplications() as f64;
        Self {
            epochs,
            readings,
            images_learned,
            images_read,
            floating_point_operations: per_image * (3.0 * images_learned as f64 + images_read as f64),
        }
    }
}

/// Bytes held at the peak, about: the network with gradients, momentum and masks, one batch on its way forward and back, the
/// images, and at a reading the logits, and the patterns and matrices of the healthy network and of now.
fn memory(study: &Study, architecture: &Architecture, outline: &Outline, probe: u64, taps: &[Tap]) -> u64 {
    let network = architecture.parameters() * FLOAT * 4;
    let batch = u64::from(study.schooling.batch.get()) * architecture.activity() * FLOAT * 2;
    let counts = outline.counts;
    let images = ((counts.train + counts.assessment + counts.test) * outline.shape.len()) as u64;
    let pairs = probe * probe.saturating_sub(1) / 2;
    let patterns: u64 = taps.iter().map(|tap| tap.features as u64 * probe * FLOAT * 2).sum();
    // two matrices of 4 bytes a pair and an order of 8 for each tap; 12 while two are compared. Whole matrices that are kept wait for the
    // last tap, which is counted so already, and each takes 4 more on its way to the disk, when no two are compared any more
    let matrices = pairs * (16 * taps.len() as u64 + if taps.is_empty() { 0 } else { 12 });
    // once more on their way to the disk
    let logits = (counts.test * outline.classes.len()) as u64 * FLOAT * if study.keep_logits { 2 } else { 1 };
    network + images + batch.max(patterns + matrices + logits)
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Images { train, assessment, test, probe } = self.images;
        writeln!(f, "{}: {}\n", shown(&self.study), shown(&self.question))?;
        writeln!(
            f,
            "network    {}: {} synapses in {} layers, {} trained values, {} million multiplications an image",
            self.network,
            HumanCount(self.synapses),
            self.synaptic_layers,
            HumanCount(self.parameters),
            self.multiplications_per_image.div_ceil(1_000_000)
        )?;
        writeln!(
            f,
            "images     {}: {} to learn from, {} for assessment, {} to test on",
            self.stimuli,
            HumanCount(train as u64),
            HumanCount(assessment as u64),
            HumanCount(test as u64)
        )?;
        if let Some(bytes) = self.download_bytes {
            writeln!(f, "           downloaded if it is not there yet: {}", size(bytes))?;
        }
        let taps: Vec<String> =
            self.probe.iter().map(|tap| format!("{} ({} features)", tap.layer, HumanCount(tap.features as u64))).collect();
        let taps = if taps.is_empty() { "no layer".to_owned() } else { taps.join(", ") };
        writeln!(f, "probe      {} images at {taps}", HumanCount(probe as u64))?;
        writeln!(f, "seeds      {}\n", self.seeds)?;
        writeln!(f, "For each seed:")?;
        writeln!(f, "  schooling: {} epochs, then the healthy reading", self.schooling_epochs)?;
        for arm in &self.arms {
            writeln!(f, "  arm '{}': {} steps, {} epochs, {} readings", arm.name, arm.steps, arm.epochs, arm.readings)?;
            if let Some(begins) = &arm.begins {
                writeln!(f, "      begins with {begins}")?;
            }
            writeln!(f, "      in each step {};", arm.injury)?;
            writeln!(f, "      then {}", arm.plasticity)?;
            if arm.fraction_lost.iter().any(|&lost| lost > 0.0) {
                let doses: Vec<String> = arm.fraction_lost.iter().map(|lost| format!("{:.1}", lost * 100.0)).collect();
                writeln!(f, "      synapses lost after each step, %: {}", doses.join(" "))?;
            }
            for spared in &arm.spared {
                writeln!(f, "      {spared}")?;
            }
        }
        let Work { epochs, readings, images_learned, images_read, floating_point_operations } = self.work;
        writeln!(
            f,
            "\nwork       {} epochs and {} readings: {} images learned from, {} looked at, {}",
            HumanCount(epochs as u64),
            HumanCount(readings as u64),
            HumanCount(images_learned),
            HumanCount(images_read),
            operations(floating_point_operations)
        )?;
        writeln!(f, "memory     about {} at the peak", size(self.memory_bytes))?;
        let folder::Folder { keeps, checkpoints, rdms, rdm_bytes, logit_bytes, files, bytes } = &self.folder;
        writeln!(f, "keeps      {} checkpoints: {keeps}", HumanCount(*checkpoints))?;
        let of = |bytes: u64, what: &str| if bytes == 0 { String::new() } else { format!("{what} {}", size(bytes)) };
        let parts = [of(*rdm_bytes, &format!("{} whole RDMs", HumanCount(*rdms))), of(*logit_bytes, "logits")];
        let parts: Vec<&str> = parts.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
        let parts = if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) };
        writeln!(f, "disk       about {} in {} files{parts}", size(*bytes), HumanCount(*files))
    }
}

/// "1.2 PFLOP".
fn operations(count: f64) -> String {
    match count {
        ..1e12 => format!("{:.1} GFLOP", count / 1e9),
        ..1e15 => format!("{:.1} TFLOP", count / 1e12),
        _ => format!("{:.1} PFLOP", count / 1e15),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Eight, two and five test pictures, of each of which five are wanted.
    #[test]
    fn the_probe_takes_no_more_of_a_class_than_there_are() {
        let mut study = crate::study_file::read(std::path::Path::new("quick"), &[]).unwrap().study;
        study.probe.images = ProbeImages::PerClass(5.try_into().unwrap());
        let mut outline = Outline {
            name: String::new(),
            shape: neuro::images::Shape { channels: 3, height: 8, width: 8 },
            classes: ["ant", "bee", "cow"].map(str::to_owned).to_vec(),
            counts: Counts { train: 9, assessment: 0, test: 15 },
            test_per_class: Some(vec![8, 2, 5]),
            archive: None,
        };
        assert_eq!(probe_images(&study, &outline), 12);
        outline.test_per_class = None;
        assert_eq!(probe_images(&study, &outline), 15);
        outline.counts.test = 11;
        assert_eq!(probe_images(&study, &outline), 11);
        study.probe.images = ProbeImages::All;
        assert_eq!(probe_images(&study, &outline), 11);
    }

    #[test]
    fn work_is_told_in_the_unit_that_fits() {
        assert_eq!(
            [2.5e9, 1e12, 4.8e12, 1e15, 65.17e15].map(operations),
            ["2.5 GFLOP", "1.0 TFLOP", "4.8 TFLOP", "1.0 PFLOP", "65.2 PFLOP"]
        );
    }
}
