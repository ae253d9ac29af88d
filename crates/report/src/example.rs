//! Evidence made up for tests: three arms with plausible curves.

use neuro::reading::Reading;
use neuro::record::{Cause, EpochRecord, Evidence, Failure, Maker, Phase, RdmPicture, Record, TrialRecords};
use neuro::study::{Start, Study, TrialSeeds};

use crate::view::Question;

pub(crate) const CLASSES: [&str; 10] = ["plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// The question most tests ask.
pub(crate) fn accuracy() -> Question {
    Question::of_all("mean_class_accuracy")
}

/// A study of three arms (retrained, untreated, sham), carried out with so many seeds and steps.
pub(crate) fn evidence(seeds: u32, steps: u32) -> Evidence {
    let study = study(seeds, steps);
    let all = study.seeds.trials();
    let arms = ["retrained", "untreated", "sham"];
    let trials = arms.iter().flat_map(|arm| all.iter().map(|seeds| trial(arm, *seeds, steps))).collect();
    let schooling = all.iter().map(|seeds| (*seeds, epochs(*seeds))).collect();
    let makers = vec![(maker("AVX-512"), all.len() * (1 + arms.len()))];
    Evidence { study, name: "example".to_owned(), cause: cause(), makers, trials, schooling }
}

pub(crate) fn study(seeds: u32, steps: u32) -> Study {
    let ablation = r#"{"ablation":{"fraction":0.2,"of":"remaining","scope":"per-layer"}}"#;
    let arm = |name: &str, injury: &str, plasticity: &str| {
        format!(r#"{{"name":"{name}","steps":{steps},"injury":{injury},"plasticity":{plasticity}}}"#)
    };
    let text = format!(
        r#"{{
            "question": "Does retraining smooth the decline?",
            "seeds": {{"first": 1, "count": {seeds}}},
            "network": {{"vgg": {{"depth": 19, "batch_norm": true, "head": []}}}},
            "stimuli": {{"cifar10": {{}}}},
            "probe": {{"images": {{"per_class": 100}}, "layers": ["block3", "penultimate"]}},
            "measures": ["accuracy", "class_accuracy", {{"rdm_similarity": {{"method": "tau-b"}}}}],
            "schooling": {{"epochs": 10, "batch": 40, "rate": 0.001, "momentum": 0.9, "decay": 0.0005}},
            "arm": [{}, {}, {}]
        }}"#,
        arm("retrained", ablation, r#"{"retrain":{"epochs":3}}"#),
        arm("untreated", ablation, r#""none""#),
        arm("sham", r#""none""#, r#"{"retrain":{"epochs":3}}"#),
    );
    serde_json::from_str(&text).unwrap()
}

/// Who computed, on this instruction set.
pub(crate) fn maker(instructions: &str) -> Maker {
    Maker {
        build: "atrophy 0.1.0 (3f9c1d2e)".to_owned(),
        processor: "AMD EPYC 9B14".to_owned(),
        instructions: instructions.to_owned(),
    }
}

fn cause() -> Cause {
    serde_json::from_value(serde_json::json!({
        "study_sha256": "5d41402abc4b2a76b9719d911017c5925d41402abc4b2a76b9719d911017c592",
        "device": "cpu",
        "stimuli": {
            "name": "CIFAR-10",
            "source": "downloaded from www.cs.toronto.edu and checked against its MD5 sum.",
            "check": "official-archive",
            "note": null,
            "sha256": "9a0364b9e99bb480dd25e1f0284c8555d2c2e4f1a5b7c6d8e9f0a1b2c3d4e5f6",
        },
        "checksums": { "train": "aa", "assessment": "bb", "test": "cc" },
        "images": [50_000, 0, 10_000],
        "shape": { "channels": 3, "height": 32, "width": 32 },
        "classes": CLASSES,
        "probe_per_class": (vec![100; 10]),
        "network": "VGG19 with batch normalisation, one dense layer",
        "synapses": 20_024_000,
    }))
    .unwrap()
}

fn trial(arm: &str, seeds: TrialSeeds, steps: u32) -> TrialRecords {
    let mut moments = vec![(0, Phase::Healthy)];
    for step in 1..=steps {
        if arm != "sham" {
            moments.push((step, Phase::Injured));
        }
        if arm != "untreated" {
            moments.push((step, Phase::Treated));
        }
    }
    let records = moments.iter().map(|&(step, phase)| record(arm, seeds, step, phase)).collect();
    let pictures = moments.iter().map(|&(step, phase)| picture(arm, seeds, step, phase)).collect();
    TrialRecords { arm: arm.to_owned(), seeds, done: true, failure: None, inherited: 0, records, epochs: Vec::new(), pictures }
}

/// A fixed number in -1..1 for each moment, so that seeds differ.
fn wobble(arm: &str, seeds: TrialSeeds, step: u32, phase: Phase) -> f64 {
    // healthy networks are shared by the arms
    let arm = if phase == Phase::Healthy { 0 } else { arm.len() as u64 };
    let x = seeds.network.0 * 7919 + arm * 104_729 + u64::from(step) * 1_299_709 + phase as u64 * 15_485_863;
    (x.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as f64 / f64::from(1 << 23) - 1.0
}

/// How much of the healthy network's ability is left, 0 to 1.
fn health(arm: &str, step: u32, phase: Phase) -> f64 {
    let lost = 1.0 - 0.8f64.powi(step as i32);
    match (arm, phase) {
        (_, Phase::Healthy) => 1.0,
        ("sham", _) => 1.005,
        (_, Phase::Treated) => 1.0 / (1.0 + ((lost - 0.925) / 0.022).exp()),
        ("untreated", _) => (0.09 * 0.6f64.powi(step as i32)).max(0.0),
        _ => 0.25 * (1.0 - lost),
    }
}

fn record(arm: &str, seeds: TrialSeeds, step: u32, phase: Phase) -> Record {
    let health = health(arm, step, phase);
    let wobble = wobble(arm, seeds, step, phase);
    let accuracy = (0.1 + 0.82 * health + 0.02 * wobble).clamp(0.0, 1.0);
    let tau = |scale: f64| (scale * health.min(1.0).sqrt() + 0.03 * wobble).min(1.0);
    let tau = |scale| if phase == Phase::Healthy { 1.0 } else { tau(scale) };
    let mut readings =
        vec![Reading::new("accuracy", Some(accuracy), 10_000), Reading::new("mean_class_accuracy", Some(accuracy), 10)];
    readings.extend(CLASSES.iter().enumerate().map(|(i, class)| {
        let value = (accuracy + 0.08 * (i as f64 - 4.5) / 4.5 * health + 0.03 * wobble).clamp(0.0, 1.0);
        Reading::new("class_accuracy", Some(value), 1000).of_class(class)
    }));
    for (layer, scale) in [("block3", 0.85), ("penultimate", 0.72)] {
        readings.push(Reading::new("rdm_similarity_tau_b", Some(tau(scale)), 499_500).at(layer));
        readings.push(Reading::new("rdm_pairs_left_out", Some(0.0), 499_500).at(layer));
    }
    let fraction_lost = if arm == "sham" { 0.0 } else { 1.0 - 0.8f64.powi(step as i32) };
    Record { step, phase, fraction_lost, synapses_lost: (fraction_lost * 20_024_000.0) as u64, readings, confusions: None }
}

fn picture(arm: &str, seeds: TrialSeeds, step: u32, phase: Phase) -> RdmPicture {
    let side = 60;
    let health = health(arm, step, phase).min(1.0);
    let mut state = seeds.network.0 * 31 + u64::from(step) * 7 + phase as u64;
    let mut values = vec![0.0; side * side];
    for i in 0..side {
        for j in i..side {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let noise = (state >> 33) as f64 / f64::from(1u32 << 31);
            let (a, b) = (i * 10 / side, j * 10 / side);
            let animal = |class: usize| (2..=7).contains(&class);
            let apart = if a == b {
                0.15
            } else if animal(a) == animal(b) {
                0.7
            } else {
                1.0
            };
            let value = health * (apart + 0.15 * (noise - 0.5)) + (1.0 - health) * (0.3 + 0.4 * noise);
            values[i * side + j] = if i == j { 0.0 } else { value as f32 };
            values[j * side + i] = values[i * side + j];
        }
    }
    RdmPicture { step, phase, layer: "penultimate".to_owned(), side, values }
}

fn epochs(seeds: TrialSeeds) -> Vec<EpochRecord> {
    let epoch = |epoch: u32| {
        let loss = 2.2 * (-0.28 * f64::from(epoch)).exp() + 0.1 + 0.01 * seeds.network.0 as f64;
        EpochRecord { step: 0, epoch, loss, accuracy: 1.0 - loss / 2.5 }
    };
    (1..=10).map(epoch).collect()
}

/// Removes a measure everywhere.
pub(crate) fn forget(evidence: &mut Evidence, measure: &str) {
    for record in evidence.trials.iter_mut().flat_map(|trial| &mut trial.records) {
        record.readings.retain(|reading| reading.measure != measure);
    }
}

/// Overwrites what a measure of all classes read at one moment.
pub(crate) fn set(trial: &mut TrialRecords, step: u32, phase: Phase, measure: &str, value: Option<f64>) {
    let record = trial.records.iter_mut().find(|r| r.step == step && r.phase == phase).unwrap();
    let readings = record.readings.iter_mut().filter(|r| r.measure == measure);
    readings.for_each(|reading| reading.value = value);
}

/// The same with so many classes and test images of each.
pub(crate) fn of_many_classes(classes: usize) -> Evidence {
    let mut evidence = evidence(3, 15);
    let names: Vec<String> = (0..classes).map(|i| format!("{} {i}", CLASSES[i % 10])).collect();
    for record in evidence.trials.iter_mut().flat_map(|trial| &mut trial.records) {
        let accuracy = record.value("accuracy", "").unwrap();
        record.readings.retain(|reading| reading.class.is_empty());
        let value = |i: usize| (accuracy * (0.6 + 0.4 * (i as f64 * 0.7).sin())).clamp(0.0, 1.0);
        let readings =
            names.iter().enumerate().map(|(i, class)| Reading::new("class_accuracy", Some(value(i)), 100).of_class(class));
        record.readings.extend(readings);
    }
    evidence.cause.probe_per_class = vec![10; classes];
    evidence.cause.classes = names;
    evidence
}

/// The same with so many layers, the last one of them `penultimate`.
pub(crate) fn of_many_layers(layers: usize) -> Evidence {
    let mut evidence = evidence(3, 15);
    let blocks: Vec<String> = (1..layers).map(|block| format!("block{block}")).collect();
    for record in evidence.trials.iter_mut().flat_map(|trial| &mut trial.records) {
        let last = record.value("rdm_similarity_tau_b", "penultimate").unwrap();
        record.readings.retain(|reading| reading.layer.is_empty() || reading.layer == "penultimate");
        // the nearer to the image, the better kept
        let kept = |block: usize| last.abs().powf(block as f64 / layers as f64);
        let reading = |(i, block): (usize, &String)| Reading::new("rdm_similarity_tau_b", Some(kept(i + 1)), 499_500).at(block);
        record.readings.extend(blocks.iter().enumerate().map(reading));
    }
    evidence.study.probe.layers = blocks;
    evidence.study.probe.layers.push("penultimate".to_owned());
    evidence
}

/// The retrained arm under many names, some of them long.
pub(crate) fn of_many_arms(arms: usize) -> Evidence {
    let mut evidence = evidence(3, 6);
    let plan = evidence.study.arms[0].clone();
    let trials: Vec<TrialRecords> = evidence.trials[..3].to_vec();
    for i in 0..arms {
        let name = format!("retrained with a rather long name that goes on {i}");
        let mut plan = plan.clone();
        plan.name = name.clone().try_into().unwrap();
        evidence.study.arms.push(plan);
        evidence.trials.extend(trials.iter().map(|trial| TrialRecords { arm: name.clone(), ..trial.clone() }));
    }
    evidence
}

/// A trial whose network failed on its way to this moment: what came before was read. At step 0 nothing was: its subject failed.
pub(crate) fn fail(trial: &mut TrialRecords, step: u32, phase: Phase) {
    let last = trial.records.iter().map(|record| record.step).max().unwrap_or(0);
    trial.records.retain(|record| (record.step, record.phase) < (step, phase));
    trial.pictures.retain(|picture| (picture.step, picture.phase) < (step, phase));
    trial.done = false;
    let at = if step == 0 { "schooling: epoch 2 of 10".to_owned() } else { format!("step {step} of {last}: epoch 2 of 3") };
    trial.failure = Some(Failure { at, reason: "the loss is not a number".to_owned() });
}

/// The same with an arm `branch` of so many further steps without lessons, which begins after a step of `retrained`.
pub(crate) fn of_a_branch(seeds: u32, steps: u32, after: u32, further: u32) -> Evidence {
    let mut evidence = evidence(seeds, steps);
    let mut plan = evidence.study.arms[1].clone();
    plan.name = "branch".to_owned().try_into().unwrap();
    plan.steps = further.try_into().unwrap();
    plan.start = Some(Start { study: None, arm: "retrained".to_owned().try_into().unwrap(), step: after.try_into().unwrap() });
    evidence.study.arms.push(plan);
    let ancestors: Vec<TrialRecords> = evidence.trials[..seeds as usize].to_vec();
    for ancestor in ancestors {
        let mut branch = TrialRecords { arm: "branch".to_owned(), inherited: after, ..ancestor };
        branch.records.retain(|record| record.step <= after);
        branch.pictures.retain(|picture| picture.step <= after);
        for step in after + 1..=after + further {
            branch.records.push(record("branch", branch.seeds, step, Phase::Injured));
            branch.pictures.push(picture("branch", branch.seeds, step, Phase::Injured));
        }
        evidence.trials.push(branch);
    }
    evidence
}

/// A study in which much went wrong: failed and unfinished trials, a branch, two makers.
pub(crate) fn of_all_trouble() -> Evidence {
    let mut evidence = of_a_branch(3, 15, 5, 6);
    fail(&mut evidence.trials[1], 8, Phase::Treated);
    fail(&mut evidence.trials[2], 11, Phase::Treated);
    evidence.trials[10].done = false;
    evidence.trials[10].records.retain(|record| record.step <= 7);
    evidence.makers.push((maker("AVX2"), 3));
    evidence
}

/// Gives a class another name everywhere.
pub(crate) fn rename_class(evidence: &mut Evidence, class: usize, name: &str) {
    let old = std::mem::replace(&mut evidence.cause.classes[class], name.to_owned());
    let readings = evidence.trials.iter_mut().flat_map(|trial| &mut trial.records).flat_map(|record| &mut record.readings);
    readings.filter(|reading| reading.class == old).for_each(|reading| reading.class = name.to_owned());
}

/// Gives the similarity another name everywhere.
pub(crate) fn measured_as(evidence: &mut Evidence, measure: &str) {
    let readings = evidence.trials.iter_mut().flat_map(|trial| &mut trial.records).flat_map(|record| &mut record.readings);
    readings
        .filter(|reading| reading.measure.starts_with("rdm_similarity_"))
        .for_each(|reading| reading.measure = measure.to_owned());
}

/// The same with names as long as somebody might make them, without a space to break them at.
pub(crate) fn of_long_names() -> Evidence {
    let mut evidence = of_many_arms(4);
    for class in 0..CLASSES.len() {
        rename_class(&mut evidence, class, &format!("{class}{}", "Unterschenkel".repeat(20)));
    }
    let arm = "W".repeat(64);
    evidence.trials.iter_mut().filter(|trial| trial.arm == "retrained").for_each(|trial| trial.arm.clone_from(&arm));
    evidence.study.arms[0].name = arm.try_into().unwrap();
    evidence.cause.stimuli.name = "Bilder".repeat(80);
    evidence.cause.stimuli.note = Some("Nur".repeat(500));
    evidence
}

/// The same with classes named in many scripts, some of them long.
pub(crate) fn of_other_scripts() -> Evidence {
    let mut evidence = evidence(3, 6);
    let names =
        ["猫", "とても長い名前のクラスです", "고양이", "Ελληνικά", "кошка", "العربية", "हिन्दी", "עברית", "🐈 cat", "ภาษาไทย"];
    for (class, name) in names.iter().enumerate() {
        rename_class(&mut evidence, class, name);
    }
    evidence.cause.stimuli.name = "動物の絵 (Tierbilder)".to_owned();
    evidence.cause.stimuli.note = Some("小さい".to_owned());
    evidence
}
