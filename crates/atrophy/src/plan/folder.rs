//! What will lie in a study's folder when all is done: checkpoints, files, bytes.

use std::collections::BTreeSet;

use neuro::architecture::{Architecture, Kind};
use neuro::course::Course;
use neuro::measure::Measure;
use neuro::study::{Keep, Study};
use serde::Serialize;
use stimuli::Outline;

use super::FLOAT;
use crate::lab::PICTURE_SIDE;

/// The folder of a finished study.
#[derive(Debug, Serialize)]
pub(super) struct Folder {
    /// Which checkpoints it holds, in words.
    pub(super) keeps: String,
    /// Number of them.
    pub(super) checkpoints: u64,
    /// Number of whole dissimilarity matrices.
    pub(super) rdms: u64,
    /// Their size.
    pub(super) rdm_bytes: u64,
    /// Size of the logits of all readings.
    pub(super) logit_bytes: u64,
    /// Number of files.
    pub(super) files: u64,
    /// Size, about.
    pub(super) bytes: u64,
}

/// Cases of one kind, with what each of them holds.
struct Cases {
    number: u64,
    readings: u64,
    /// Readings of which whole dissimilarity matrices are kept.
    whole: u64,
    epochs: u64,
    states: u64,
}

// Sizes of what has no fixed size, in bytes, as they were found in finished studies.
const NUMPY_HEADER: u64 = 128;
const TENSOR_ENTRY: u64 = 110;
const CASE: u64 = 1_500;
const CASE_READING: u64 = 120;
const CASE_FILE: u64 = 170;
const CASE_EPOCH: u64 = 120;
const TWIN: u64 = 75;
const LEDGER: u64 = 3_000;
const LEDGER_CASE: u64 = 350;
const RECORD: u64 = 130;
const RECORD_READING: u64 = 105;
const TABLE_ROW: u64 = 76;
// Figures are there twice, and their drawings once more in the page.
const FIGURE: u64 = 100_000;
const CURVE_STEP: u64 = 13_000;
const MATRICES: u64 = 434_000;
const MATRIX_PIXEL: f64 = 7.2;
const PAGE: u64 = 20_000;

impl Folder {
    pub(super) fn of(study: &Study, architecture: &Architecture, outline: &Outline, probe: u64) -> Self {
        let cases = cases(study);
        let sum = |number: fn(&Cases) -> u64| -> u64 { cases.iter().map(|case| case.number * number(case)).sum() };
        let (number, readings, epochs, checkpoints) = (sum(|_| 1), sum(|c| c.readings), sum(|c| c.epochs), sum(|c| c.states));

        let layers = if probe > 0 { study.probe.layers.len() as u64 } else { 0 };
        let confusion = study.measures.contains(&Measure::Confusion);
        let reading_files = 2 + u64::from(confusion) + u64::from(study.keep_logits) + layers;
        let rdms = sum(|c| c.whole) * layers;
        let figures = figures(study, layers);
        // the ledger and its twin; labels and probe; the report: page, checksums, three tables, each figure twice; each matrix says what it is
        let files = 2 + 2 + 5 + 2 * figures + number * 2 + checkpoints + readings * reading_files + 2 * rdms;

        let classes = outline.classes.len() as u64;
        let answers = answers(study, classes);
        let side = (PICTURE_SIDE as u64).min(probe);
        let test = outline.counts.test as u64;
        let predictions = test * 2 + NUMPY_HEADER;
        let logit_bytes = if study.keep_logits { readings * (test * classes * FLOAT + NUMPY_HEADER) } else { 0 };
        let rdm_bytes = rdms * (probe * probe.saturating_sub(1) / 2 * FLOAT + NUMPY_HEADER);
        let showing = test * 2 + probe * FLOAT + 2 * NUMPY_HEADER;
        let confusions = if confusion { classes * classes * 4 + NUMPY_HEADER } else { 0 };
        let pictures = layers * (side * side * FLOAT + NUMPY_HEADER);
        let record = RECORD + RECORD_READING * answers;
        let indices = number * (CASE + TWIN)
            + readings * (CASE_READING + CASE_FILE * reading_files)
            + 2 * CASE_FILE * rdms
            + epochs * CASE_EPOCH;
        // every trial's rows begin with the healthy ones
        let rows = (answers + if confusion { classes * classes } else { 0 }) * (readings + number);
        let steps = study.arms.iter().map(|arm| u64::from(arm.steps.get())).max().unwrap_or(0);
        let panels = (1 + steps.min(3)) * study.arms.len() as u64; // the healthy one, two early ones, the last
        let matrices = layers * (MATRICES + (MATRIX_PIXEL * (panels * side * side) as f64) as u64);
        let drawn = matrices + (figures - layers) * FIGURE + 2 * CURVE_STEP * steps.min(15);
        let bytes = checkpoints * state(architecture)
            + readings * (record + predictions + confusions + pictures)
            + showing
            + logit_bytes
            + rdm_bytes
            + rdms * about_rdm(outline, probe)
            + 2 * indices
            + 2 * (LEDGER + LEDGER_CASE * number)
            + rows * TABLE_ROW
            + drawn
            + PAGE;
        Self { keeps: keeps(study), checkpoints, rdms, rdm_bytes, logit_bytes, files, bytes }
    }
}

/// Bytes of what a whole matrix says of itself: the class and the number of each image.
fn about_rdm(outline: &Outline, probe: u64) -> u64 {
    let names: usize = outline.classes.iter().map(|name| name.len() + "\"\",".len()).sum();
    let number = outline.counts.test.to_string().len() + ",".len();
    150 + probe * (names / outline.classes.len().max(1) + number) as u64
}

/// The subjects, and the trials of each arm. Trials that differ in a seed which decides nothing are one case.
fn cases(study: &Study) -> Vec<Cases> {
    let trials = study.seeds.trials();
    let schooling = Course::of_schooling(&study.schooling);
    let subjects: BTreeSet<_> = trials.iter().map(|seeds| seeds.subject()).collect();
    let states = u64::from(schooling.last_change(schooling.steps()) > 0);
    let whole = |course: &Course| study.kept_rdms(course).len() as u64;
    let (readings, epochs) = (schooling.readings(), schooling.epochs());
    let subjects = Cases { number: subjects.len() as u64, readings, whole: whole(&schooling), epochs, states };
    let (injured, uninjured) = (trials.iter().collect::<BTreeSet<_>>().len() as u64, subjects.number);
    let arm = |(course, kept): (Course, BTreeSet<u64>)| {
        let number = if course.injures() { injured } else { uninjured };
        let last = course.last_change(course.steps());
        let states = kept.len() as u64 + u64::from(last > 0 && !kept.contains(&last));
        Cases { number, readings: course.readings(), whole: whole(&course), epochs: course.epochs(), states }
    };
    std::iter::once(subjects).chain(study.courses().into_iter().zip(study.kept()).map(arm)).collect()
}

/// Bytes of a checkpoint: values, running statistics, masks, and an entry for each of these tensors.
fn state(architecture: &Architecture) -> u64 {
    let statistics = |kind: Kind| match kind {
        Kind::Normalisation { channels } => 2 * channels as u64,
        Kind::Convolution { .. } | Kind::Dense { .. } | Kind::Relu | Kind::MaxPool | Kind::Flatten | Kind::Tap => 0,
    };
    let tensors = |kind: Kind| match kind {
        Kind::Normalisation { .. } => 4,
        Kind::Convolution { .. } | Kind::Dense { .. } => 3,
        Kind::Relu | Kind::MaxPool | Kind::Flatten | Kind::Tap => 0,
    };
    let of_parts: u64 =
        architecture.parts.iter().map(|part| statistics(part.kind) * FLOAT + tensors(part.kind) * TENSOR_ENTRY).sum();
    architecture.parameters() * FLOAT + architecture.synapses() + of_parts
}

/// Number of readings in a record.
fn answers(study: &Study, classes: u64) -> u64 {
    let taps = study.probe.layers.len() as u64;
    let of = |measure: &Measure| match measure {
        Measure::Accuracy | Measure::Loss => 1,
        Measure::ClassAccuracy => 1 + classes,
        Measure::Confusion => 0,
        Measure::RdmSimilarity { layer: Some(_), .. } => 2,
        Measure::RdmSimilarity { layer: None, .. } => 2 * taps,
    };
    study.measures.iter().map(of).sum()
}

/// Number of figures in the report, of which each is there twice.
fn figures(study: &Study, layers: u64) -> u64 {
    let has = |is: fn(&Measure) -> bool| u64::from(study.measures.iter().any(is));
    let accuracy = has(|measure| matches!(measure, Measure::Accuracy | Measure::ClassAccuracy));
    let classes = has(|measure| matches!(measure, Measure::ClassAccuracy));
    let similarities: u64 = study
        .measures
        .iter()
        .map(|measure| match measure {
            Measure::Accuracy | Measure::ClassAccuracy | Measure::Confusion | Measure::Loss => 0,
            Measure::RdmSimilarity { layer: Some(_), .. } => 1,
            Measure::RdmSimilarity { layer: None, .. } => layers,
        })
        .sum();
    let learning = u64::from(study.schooling.epochs > 0);
    accuracy + classes + similarities.min(2) + layers + learning
}

/// Which checkpoints are kept, in words.
fn keeps(study: &Study) -> String {
    let mut parts = Vec::new();
    if study.schooling.epochs > 0 {
        parts.push("the healthy networks".to_owned());
    }
    parts.push("the last of each trial".to_owned());
    match &study.keep {
        Keep::Last => {}
        Keep::EveryReading => parts.push("the one behind every reading".to_owned()),
        Keep::Steps(steps) => {
            let steps: Vec<String> = steps.iter().map(ToString::to_string).collect();
            let plural = if steps.len() == 1 { "step" } else { "steps" };
            parts.push(format!("those after {plural} {}", steps.join(", ")));
        }
    }
    let mut branches: Vec<String> = Vec::new();
    for start in study.arms.iter().filter_map(|arm| arm.start.as_ref()).filter(|start| start.study.is_none()) {
        let branch = format!("arm '{}' after step {}", start.arm, start.step);
        if !branches.contains(&branch) {
            branches.push(branch);
        }
    }
    if !branches.is_empty() {
        parts.push(format!("where arms begin: {}", branches.join(", ")));
    }
    parts.join("; ")
}
