//! What a study asks for: every case, with all that its numbers depend on.

use std::collections::{BTreeMap, BTreeSet};

use neuro::course::{Course, Moment};
use neuro::injury::Injury;
use neuro::record::Cause;
use neuro::seed::Seed;
use neuro::study::{Study, TrialSeeds};

use crate::case::{Questions, Wanted};
use crate::error::{LedgerError, Result};
use crate::spec::{CaseKey, CaseSpec, Start};
use crate::title::Entry;

/// A case that a study asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct AskedCase {
    /// Its name by content.
    pub key: CaseKey,
    /// All that its numbers depend on.
    pub spec: CaseSpec,
    /// What the study wants of it.
    pub wanted: Wanted,
    /// Its arm; none for a subject.
    pub arm: Option<String>,
    /// Its seeds.
    pub seeds: TrialSeeds,
    /// Number of its seed in the study, from 0: trials of one number are compared as pairs.
    pub seed: usize,
}

/// All cases of a study, seed by seed, each behind the one that it starts from. Arms that do the same, and trials that differ in a seed
/// that decides nothing, are one case and listed as often as they are asked for. `borrowed` are the cases of other studies that arms
/// start from.
pub fn cases(study: &Study, cause: &Cause, borrowed: &[Entry]) -> Result<Vec<AskedCase>> {
    let kept = study.kept();
    let order = in_order(study)?;
    let mut all: Vec<AskedCase> = Vec::new();
    for (seed, seeds) in study.seeds.trials().into_iter().enumerate() {
        let subject = subject(study, cause, seeds, seed);
        let mut begun = vec![None; study.arms.len()];
        for &index in &order {
            let start = start(study, index, seeds, &subject.key, &begun, borrowed)?;
            begun[index] = Some(trial((study, cause), index, start, kept[index].clone(), seeds, seed));
        }
        all.push(subject);
        all.extend(order.iter().filter_map(|&index| begun[index].take()));
    }
    share_what_is_kept(&mut all);
    Ok(all)
}

fn subject(study: &Study, cause: &Cause, seeds: TrialSeeds, seed: usize) -> AskedCase {
    let lesson = study.schooling.lesson();
    let start = match &cause.weights_sha256 {
        Some(weights) => Start::Weights(weights.clone()),
        None => Start::Seed(seeds.network),
    };
    let taught = lesson.epochs > 0;
    let spec = CaseSpec { data_seed: taught.then_some(seeds.data), lesson: taught.then_some(lesson), ..of(study, cause, start) };
    let wanted = wanted(study, cause, Course::of_schooling(&study.schooling), BTreeSet::new());
    AskedCase { key: spec.key(), spec, wanted, arm: None, seeds: seeds.subject(), seed }
}

fn trial(
    (study, cause): (&Study, &Cause),
    arm: usize,
    start: Start,
    kept: BTreeSet<u64>,
    seeds: TrialSeeds,
    seed: usize,
) -> AskedCase {
    let arm = &study.arms[arm];
    let course = Course::of_arm(arm, &study.schooling);
    let lesson = course.lesson.clone().filter(|lesson| lesson.epochs > 0);
    let spec = CaseSpec {
        injury: arm.injury.clone(),
        injury_seed: course.injures().then_some(seeds.injury),
        data_seed: lesson.as_ref().map(|_| seeds.data),
        lesson,
        ..of(study, cause, start)
    };
    let wanted = wanted(study, cause, course, kept);
    AskedCase { key: spec.key(), spec, wanted, arm: Some(arm.name.to_string()), seeds, seed }
}

/// A case of which nothing is said yet but what all have in common.
fn of(study: &Study, cause: &Cause, start: Start) -> CaseSpec {
    CaseSpec {
        method: CaseSpec::METHOD,
        start,
        network: study.network.clone(),
        classes: cause.classes.len(),
        images: cause.checksums.train.clone(),
        injury: Injury::None,
        injury_seed: None,
        lesson: None,
        data_seed: None,
        device: cause.device.clone(),
    }
}

fn wanted(study: &Study, cause: &Cause, course: Course, kept: BTreeSet<u64>) -> Wanted {
    let rdms = study.kept_rdms(&course);
    Wanted { course, questions: questions(study, cause), kept, rdms, logits: study.keep_logits }
}

fn questions(study: &Study, cause: &Cause) -> Questions {
    let (layers, measures) = (study.probe.layers.clone(), study.measures.clone());
    let (images, classes) = (cause.checksums.test.clone(), cause.classes.clone());
    Questions { images, classes, probe: study.probe.images, layers, measures }
}

/// Cases that several arms share keep what any of them needs.
fn share_what_is_kept(all: &mut [AskedCase]) {
    let mut shared: BTreeMap<CaseKey, (BTreeSet<u64>, BTreeSet<Moment>)> = BTreeMap::new();
    for AskedCase { key, wanted, .. } in all.iter() {
        let (kept, rdms) = shared.entry(key.clone()).or_default();
        kept.extend(&wanted.kept);
        rdms.extend(&wanted.rdms);
    }
    for AskedCase { key, wanted, .. } in all {
        (wanted.kept, wanted.rdms) = shared[key].clone();
    }
}

/// The arms, each behind the one that it starts from.
fn in_order(study: &Study) -> Result<Vec<usize>> {
    let mut order: Vec<usize> = Vec::new();
    let mut placed: BTreeSet<&str> = BTreeSet::new();
    while order.len() < study.arms.len() {
        let before = order.len();
        for (index, arm) in study.arms.iter().enumerate() {
            let ready = arm.start.as_ref().is_none_or(|start| start.study.is_some() || placed.contains(start.arm.as_str()));
            if ready && placed.insert(arm.name.as_str()) {
                order.push(index);
            }
        }
        if order.len() == before {
            let stuck = study.arms.iter().find(|arm| !placed.contains(arm.name.as_str())).expect("an arm is left");
            let why = "it starts from an arm that is not there, or from itself by a detour".to_owned();
            return Err(LedgerError::Start { arm: stuck.name.to_string(), why });
        }
    }
    Ok(order)
}

fn start(
    study: &Study,
    arm: usize,
    seeds: TrialSeeds,
    subject: &CaseKey,
    begun: &[Option<AskedCase>],
    borrowed: &[Entry],
) -> Result<Start> {
    let arm = &study.arms[arm];
    let Some(start) = &arm.start else { return Ok(Start::Case { key: subject.clone(), step: 0 }) };
    let step = start.step.get();
    if let Some(folder) = &start.study {
        let of = folder.display().to_string();
        let found = borrowed.iter().find(|entry| {
            entry.borrowed.as_deref() == Some(of.as_str())
                && entry.arm.as_deref() == Some(start.arm.as_str())
                && entry.seeds == seeds
        });
        return found.map(|entry| Start::Case { key: entry.key.clone(), step }).ok_or_else(|| LedgerError::Start {
            arm: arm.name.to_string(),
            why: format!(
                "{of} has no trial of arm '{}' with the seeds {} of network, {} of injury and {} of data",
                start.arm, seeds.network.0, seeds.injury.0, seeds.data.0
            ),
        });
    }
    let parent = study.arms.iter().position(|other| other.name == start.arm);
    let parent = parent.and_then(|parent| begun[parent].as_ref()).expect("arms come in order");
    if parent.wanted.course.end_of(step).is_none() {
        let (first, last) = parent.wanted.course.stages.clone().into_inner();
        let why = format!("it starts after step {step} of arm '{}', whose steps are {first} to {last}", start.arm);
        return Err(LedgerError::Start { arm: arm.name.to_string(), why });
    }
    Ok(Start::Case { key: parent.key.clone(), step })
}

impl AskedCase {
    /// The line of a ledger that says where it lies.
    pub(crate) fn entry(&self, folder: String) -> Entry {
        Entry { key: self.key.clone(), folder, arm: self.arm.clone(), seeds: self.seeds, borrowed: None }
    }

    /// Its folder, as long as no other case has that name.
    pub fn readable_name(&self) -> String {
        let TrialSeeds { network, injury, data } = self.seeds;
        let (Seed(network), Seed(injury), Seed(data)) = (network, injury, data);
        match &self.arm {
            None => format!("subjects/network-{network}-data-{data}"),
            Some(arm) => format!("trials/{arm}/network-{network}-injury-{injury}-data-{data}"),
        }
    }
}
