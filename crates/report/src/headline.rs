//! What a hurried reader must take away: where healthy networks start, where each arm ends, and where it breaks.

use neuro::record::Phase;
use neuro::statistics::Estimate;
use neuro::study::TrialSeeds;

use crate::attrition::Count;
use crate::view::{Arm, Question, View};
use crate::words::{self, Unit};

/// The definition, as the page states it.
pub(crate) const BREAK: &str = "Break: the first step at which an arm's mean accuracy is below the middle between chance and its healthy \
                                accuracy, read at the end of the step (after the lesson, where there is one).";

/// The state of an arm at the last step any of its seeds has reached.
pub(crate) struct Ending<'a> {
    pub(crate) arm: &'a str,
    pub(crate) step: u32,
    /// The step it is to end at.
    pub(crate) end: u32,
    pub(crate) lost: f64,
    pub(crate) whole: bool,
    pub(crate) accuracy: Estimate,
    /// The n of accuracy, beside what it would be if no trial had failed.
    pub(crate) count: Count,
    pub(crate) similarity: Option<Estimate>,
    pub(crate) broken: Broken,
}

/// Whether and when an arm's accuracy fell below half of what lies above chance.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Broken {
    /// The step of the mean, its loss, and each seed's own step.
    At { step: u32, lost: f64, by_seed: Vec<Fell> },
    /// A branch was below it when it began, after this step and loss.
    Before { step: u32, lost: f64 },
    /// Not yet.
    Not,
    /// The healthy networks are no better than chance, or were not read: there is nothing to lose.
    Meaningless,
}

/// When one seed's accuracy fell so far.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fell {
    At(u32),
    /// It did not, as far as it was read.
    Not,
    /// It did not before it failed.
    Failed,
    /// No step of it was read.
    Unread,
    /// Its healthy network is no better than chance.
    Meaningless,
}

/// The ending of every arm that has got beyond the healthy reading.
pub(crate) fn endings<'a>(view: &View<'a>, accuracy: &Question) -> Vec<Ending<'a>> {
    view.begun().filter_map(|arm| ending(view, arm, accuracy)).collect()
}

fn ending<'a>(view: &View<'a>, arm: &Arm<'a>, question: &Question) -> Option<Ending<'a>> {
    let step = *arm.steps_read(arm.outcome).last()?;
    let accuracy = arm.estimate(step, arm.outcome, question)?;
    let similarity = view.similarities.first().and_then(|similarity| arm.estimate(step, arm.outcome, similarity));
    let count = arm.count(accuracy.n, step, arm.outcome);
    let (lost, whole, broken) = (arm.lost(step)?, arm.is_whole(), broken(view, arm, question));
    Some(Ending { arm: arm.name(), step, end: arm.end(), lost, whole, accuracy, count, similarity, broken })
}

fn broken(view: &View<'_>, arm: &Arm<'_>, question: &Question) -> Broken {
    let healthy = arm.values(0, Phase::Healthy, question);
    let middle = |healthy: f64| view.chance() + (healthy - view.chance()) / 2.0;
    let mean = |values: Vec<f64>| Estimate::of(&values).map(|estimate| estimate.mean);
    if mean(healthy.iter().map(|(_, value)| *value).collect()).is_none_or(|mean| mean <= view.chance()) {
        return Broken::Meaningless;
    }
    let (origin, begins) = arm.beginning();
    // how far each seed that got so far is above its own middle
    let margins = |step| -> Vec<_> {
        let phase = if step == origin { begins } else { arm.outcome };
        let values = arm.values(step, phase, question);
        let own = |seeds| healthy.iter().find(|(s, _)| *s == seeds).map(|(_, value)| *value);
        values.into_iter().filter_map(|(seeds, value)| Some((seeds, value - middle(own(seeds)?)))).collect()
    };
    // a branch may be below it from the beginning
    let steps: Vec<u32> = (origin > 0).then_some(origin).into_iter().chain(arm.steps_read(arm.outcome)).collect();
    let below =
        |step: &&u32| mean(margins(**step).into_iter().map(|(_, margin)| margin).collect()).is_some_and(|mean| mean < 0.0);
    let Some(&step) = steps.iter().find(below) else { return Broken::Not };
    if step == origin {
        return Broken::Before { step, lost: arm.lost(step).unwrap_or(f64::NAN) };
    }
    let fell = |(seeds, healthy): &(TrialSeeds, f64)| {
        let own = |step: u32| margins(step).into_iter().find(|(s, _)| s == seeds).map(|(_, margin)| (step, margin));
        let read: Vec<(u32, f64)> = steps.iter().filter_map(|&step| own(step)).collect();
        match read.iter().find(|(_, margin)| *margin < 0.0) {
            _ if *healthy <= view.chance() => Fell::Meaningless,
            Some((step, _)) => Fell::At(*step),
            None if arm.trials.iter().any(|trial| trial.seeds == *seeds && trial.failure.is_some()) => Fell::Failed,
            None if read.is_empty() => Fell::Unread,
            None => Fell::Not,
        }
    };
    let by_seed = healthy.iter().map(fell).collect();
    Broken::At { step, lost: arm.lost(step).unwrap_or(f64::NAN), by_seed }
}

impl Broken {
    /// "step 11 (91.4 % lost); by seed: 11, 12, none".
    pub(crate) fn sentence(&self) -> String {
        match self {
            Broken::Not => "not reached".to_owned(),
            Broken::Meaningless => "not defined: healthy accuracy is not above chance".to_owned(),
            Broken::Before { step, lost } => format!("before it begins: after step {step} ({} lost)", words::percent(*lost)),
            Broken::At { step, lost, by_seed } => {
                let seeds: Vec<String> = by_seed.iter().map(Fell::word).collect();
                format!("step {step} ({} lost); by seed: {}", words::percent(*lost), seeds.join(", "))
            }
        }
    }
}

impl Fell {
    fn word(&self) -> String {
        match self {
            Fell::At(step) => step.to_string(),
            Fell::Not => "none".to_owned(),
            Fell::Failed => "failed".to_owned(),
            Fell::Unread => "not read".to_owned(),
            Fell::Meaningless => "not defined".to_owned(),
        }
    }
}

/// The first sentence of the page.
pub(crate) fn healthy_sentence(view: &View<'_>, question: &Question) -> String {
    let Some(estimate) = Estimate::of(&view.healthy(question)) else {
        return "The healthy networks have not been read yet.".to_owned();
    };
    let n = view.subjects(estimate.n).of("network");
    let interval = match estimate.half_width {
        Some(_) => format!("mean ± half its 95 % confidence interval, n = {n}"),
        None => format!("n = {n}: no interval"),
    };
    let [_, _, test] = view.evidence.cause.images;
    format!(
        "Healthy networks name {} of {} test images right ({}; {interval}); chance is {}.",
        Unit::Percent.estimate(&estimate),
        words::count(test as u64),
        question.title().to_lowercase(),
        words::short_percent(view.chance()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    /// Ten classes, healthy 0.9: the middle is 0.5.
    fn with(treated: &[[f64; 3]]) -> Broken {
        let mut evidence = example::evidence(3, treated.len() as u32);
        for seed in 0..3 {
            example::set(&mut evidence.trials[seed], 0, Phase::Healthy, "mean_class_accuracy", Some(0.9));
            for (i, values) in treated.iter().enumerate() {
                example::set(&mut evidence.trials[seed], i as u32 + 1, Phase::Treated, "mean_class_accuracy", Some(values[seed]));
            }
        }
        let view = View::new(&evidence);
        broken(&view, &view.arms[0], &example::accuracy())
    }

    #[test]
    fn an_arm_breaks_where_its_mean_falls_below_the_middle() {
        let Broken::At { step, lost, by_seed } = with(&[[0.9, 0.9, 0.4], [0.5, 0.5, 0.5], [0.6, 0.6, 0.2], [0.3, 0.5, 0.9]])
        else {
            panic!("it breaks")
        };
        assert_eq!((step, by_seed), (3, vec![Fell::At(4), Fell::Not, Fell::At(1)]));
        assert!((lost - 0.488).abs() < 1e-4);
        assert_eq!(with(&[[0.9, 0.9, 0.4], [0.5, 0.5, 0.5]]), Broken::Not, "exactly the middle is not below it");
    }

    #[test]
    fn a_seed_without_a_break_says_why() {
        let mut evidence = example::evidence(3, 1);
        for (trial, healthy) in evidence.trials[..3].iter_mut().zip([0.9, 0.9, 0.05]) {
            example::set(trial, 0, Phase::Healthy, "mean_class_accuracy", Some(healthy));
            example::set(trial, 1, Phase::Treated, "mean_class_accuracy", Some(0.1));
        }
        evidence.trials[1].records.retain(|record| record.step == 0);
        let view = View::new(&evidence);
        let told = broken(&view, &view.arms[0], &example::accuracy()).sentence();
        assert_eq!(told, "step 1 (20.0 % lost); by seed: 1, not read, not defined");
    }

    #[test]
    fn a_seed_that_failed_before_its_break_is_not_one_without_a_break() {
        let mut evidence = example::evidence(3, 15);
        example::fail(&mut evidence.trials[1], 8, Phase::Treated);
        let view = View::new(&evidence);
        let told = broken(&view, &view.arms[0], &example::accuracy()).sentence();
        assert!(told.ends_with("by seed: 12, failed, 12"), "{told}");
    }

    #[test]
    fn there_is_no_break_without_anything_to_lose() {
        let mut evidence = example::evidence(1, 1);
        example::set(&mut evidence.trials[0], 0, Phase::Healthy, "mean_class_accuracy", Some(0.1));
        let view = View::new(&evidence);
        assert_eq!(broken(&view, &view.arms[0], &example::accuracy()), Broken::Meaningless);
    }

    #[test]
    fn an_ending_is_the_last_outcome_with_its_n() {
        let mut evidence = example::evidence(3, 4);
        evidence.trials[2].records.retain(|record| record.step < 4);
        let view = View::new(&evidence);
        let endings = endings(&view, &example::accuracy());
        assert_eq!(
            endings.iter().map(|e| (e.arm, e.step, e.accuracy.n)).collect::<Vec<_>>(),
            [("retrained", 4, 2), ("untreated", 4, 3), ("sham", 4, 3)]
        );
        assert!(endings[2].whole && endings[2].lost == 0.0);
    }

    #[test]
    fn a_branch_that_begins_broken_says_so() {
        let mut evidence = example::of_a_branch(2, 8, 5, 3);
        let told = |evidence: &neuro::record::Evidence| {
            let view = View::new(evidence);
            broken(&view, &view.arms[3], &example::accuracy()).sentence()
        };
        assert!(told(&evidence).starts_with("step 6 (73.8 % lost); by seed: 6, 6"), "{}", told(&evidence));
        for trial in &mut evidence.trials {
            if trial.arm == "branch" {
                example::set(trial, 5, Phase::Treated, "mean_class_accuracy", Some(0.2));
            }
        }
        assert_eq!(told(&evidence), "before it begins: after step 5 (67.2 % lost)");
    }

    #[test]
    fn healthy_networks_that_failed_are_counted() {
        let mut evidence = example::evidence(3, 2);
        for trial in [2, 5, 8] {
            example::fail(&mut evidence.trials[trial], 0, Phase::Healthy);
        }
        let sentence = |evidence: &neuro::record::Evidence| healthy_sentence(&View::new(evidence), &example::accuracy());
        assert!(sentence(&evidence).contains("interval, n = 2 of 3 networks, 1 failed)"), "{}", sentence(&evidence));
        for trial in [1, 4, 7] {
            example::fail(&mut evidence.trials[trial], 0, Phase::Healthy);
        }
        assert!(sentence(&evidence).contains("n = 1 of 3 networks, 2 failed: no interval"), "{}", sentence(&evidence));
    }
}
