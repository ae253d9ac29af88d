//! Means over seeds, and arms compared as pairs.

use std::collections::BTreeSet;

use neuro::record::Phase;
use neuro::statistics::Estimate;

use crate::attrition::Count;
use crate::view::{Arm, Question, View, once, own};

/// One arm at one moment.
pub(crate) struct Row<'a> {
    pub(crate) arm: &'a str,
    pub(crate) step: u32,
    pub(crate) phase: Phase,
    /// The arm's own loss, counted.
    pub(crate) lost: f64,
    /// Every question that has an answer here.
    pub(crate) answers: Vec<(Question, Estimate)>,
}

/// One arm minus another, seed by seed, at the end of each step that both have reached.
pub(crate) struct Comparison<'a> {
    pub(crate) arm: &'a str,
    pub(crate) minus: &'a str,
    pub(crate) question: &'a Question,
    /// In order; never empty.
    pub(crate) steps: Vec<Difference>,
}

/// A mean of paired differences.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Difference {
    pub(crate) step: u32,
    /// Losses of the two arms, each its own; none of an arm that has lost nothing.
    pub(crate) lost: [Option<f64>; 2],
    pub(crate) difference: Estimate,
    /// Its n, beside what it would be if no trial had failed.
    pub(crate) count: Count,
}

/// Every moment of every arm, with everything that was asked.
pub(crate) fn rows<'a>(view: &'a View<'_>) -> Vec<Row<'a>> {
    let questions = view.questions();
    let row = |arm, (step, phase)| row(&questions, arm, step, phase);
    view.begun().flat_map(|arm| moments(arm).into_iter().filter_map(move |moment| row(arm, moment))).collect()
}

/// Step and phase of every reading of an arm, in the order they happen.
pub(crate) fn moments(arm: &Arm<'_>) -> BTreeSet<(u32, Phase)> {
    arm.trials.iter().flat_map(|trial| own(trial)).map(|record| (record.step, record.phase)).collect()
}

fn row<'a>(questions: &[Question], arm: &Arm<'a>, step: u32, phase: Phase) -> Option<Row<'a>> {
    let answer = |question: &Question| Some((question.clone(), arm.estimate(step, phase, question)?));
    let answers = questions.iter().filter_map(answer).collect();
    Some(Row { arm: arm.name(), step, phase, lost: arm.lost(step)?, answers })
}

/// Every arm against every later one, for accuracy and the principal similarity.
pub(crate) fn comparisons<'a>(view: &'a View<'_>) -> Vec<Comparison<'a>> {
    let mut comparisons = Vec::new();
    for question in view.principal() {
        for (i, arm) in view.arms.iter().enumerate() {
            for other in &view.arms[i + 1..] {
                let steps: Vec<Difference> =
                    common_steps(arm, other).filter_map(|step| difference(arm, other, step, question)).collect();
                if !steps.is_empty() {
                    comparisons.push(Comparison { arm: arm.name(), minus: other.name(), question, steps });
                }
            }
        }
    }
    comparisons
}

fn common_steps(arm: &Arm<'_>, other: &Arm<'_>) -> impl Iterator<Item = u32> {
    let others = other.steps_read(other.outcome);
    arm.steps_read(arm.outcome).into_iter().filter(move |step| others.contains(step))
}

/// Only seeds that both arms have a value of enter: arms of one seed share their healthy network. Pairs that are copies of
/// each other count once.
fn difference(arm: &Arm<'_>, other: &Arm<'_>, step: u32, question: &Question) -> Option<Difference> {
    let theirs = other.values(step, other.outcome, question);
    let ours = arm.values(step, arm.outcome, question).into_iter();
    let trace = |seeds| (arm.trace(seeds, step, arm.outcome), other.trace(seeds, step, other.outcome));
    let pairs = ours.filter_map(|(seeds, value)| {
        let (_, other) = theirs.iter().find(|(s, _)| *s == seeds)?;
        Some((trace(seeds), (value, *other)))
    });
    let (a, b): (Vec<f64>, Vec<f64>) = once(pairs).into_iter().unzip();
    let lost = [arm, other].map(|arm| if arm.is_whole() { None } else { arm.lost(step) });
    let difference = Estimate::of_differences(&a, &b)?;
    let fate = |seeds| arm.fate(seeds, step, arm.outcome).and(other.fate(seeds, step, other.outcome));
    let count = Count::of_planned(difference.n, &arm.planned, trace, fate);
    Some(Difference { step, lost, difference, count })
}

impl Comparison<'_> {
    /// At the last step that both arms have reached.
    pub(crate) fn last(&self) -> Option<&Difference> {
        self.steps.last()
    }

    /// At the step where the arms differ most in the mean; the earliest of equals.
    pub(crate) fn largest(&self) -> Option<&Difference> {
        self.steps.iter().reduce(|best, at| if at.difference.mean.abs() > best.difference.mean.abs() { at } else { best })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    #[test]
    fn rows_are_in_the_order_things_happened() {
        let evidence = example::evidence(2, 2);
        let view = View::new(&evidence);
        let told: Vec<String> = rows(&view).iter().map(|row| format!("{} {} {}", row.arm, row.step, row.phase)).collect();
        assert_eq!(
            told,
            [
                "retrained 0 healthy",
                "retrained 1 injured",
                "retrained 1 treated",
                "retrained 2 injured",
                "retrained 2 treated",
                "untreated 0 healthy",
                "untreated 1 injured",
                "untreated 2 injured",
                "sham 0 healthy",
                "sham 1 treated",
                "sham 2 treated",
            ]
        );
        // accuracy and its mean over classes, ten classes, similarity and pairs left out of two layers
        assert!(rows(&view).iter().all(|row| row.answers.len() == 2 + 10 + 4 && row.answers.iter().all(|(_, e)| e.n == 2)));
    }

    /// By hand: treated 0.9, 0.7, 0.8 against untreated 0.1, 0.2, 0.15 are differences of 0.8, 0.5 and 0.65.
    #[test]
    fn arms_are_compared_seed_by_seed() {
        let mut evidence = example::evidence(3, 2);
        for (i, (treated, untreated)) in [(0.9, 0.1), (0.7, 0.2), (0.8, 0.15)].into_iter().enumerate() {
            example::set(&mut evidence.trials[i], 2, Phase::Treated, "mean_class_accuracy", Some(treated));
            example::set(&mut evidence.trials[3 + i], 2, Phase::Injured, "mean_class_accuracy", Some(untreated));
        }
        let view = View::new(&evidence);
        let all = comparisons(&view);
        let last = all[0].last().unwrap();
        assert_eq!((all[0].arm, all[0].minus, last.step, last.difference.n), ("retrained", "untreated", 2, 3));
        let expected = Estimate::of(&[0.8, 0.5, 0.65]).unwrap();
        assert!((last.difference.mean - expected.mean).abs() < 1e-12);
        assert!((last.difference.half_width.unwrap() - expected.half_width.unwrap()).abs() < 1e-12);
    }

    #[test]
    fn shams_of_one_subject_are_one_pair_and_each_arm_states_its_own_loss() {
        let mut evidence = example::evidence(3, 2);
        for trial in &mut evidence.trials {
            trial.seeds.network = neuro::seed::Seed(1);
            trial.seeds.data = neuro::seed::Seed(1);
            if trial.arm == "untreated" {
                trial.records.iter_mut().for_each(|record| record.fraction_lost = 0.0);
            }
        }
        evidence.study.arms[1].injury = neuro::injury::Injury::None;
        let view = View::new(&evidence);
        let between = |arm: &str, minus: &str| {
            let all = comparisons(&view);
            *all.iter().find(|c| c.arm == arm && c.minus == minus).unwrap().last().unwrap()
        };
        assert_eq!((between("untreated", "sham").difference.n, between("untreated", "sham").lost), (1, [None, None]));
        assert_eq!(between("retrained", "sham").difference.n, 3, "injuries differ");
        assert_eq!(between("retrained", "sham").lost, [view.arms[0].lost(2), None]);
    }

    #[test]
    fn a_seed_that_only_one_arm_has_does_not_enter() {
        let mut evidence = example::evidence(3, 2);
        evidence.trials.remove(4); // untreated, second seed
        let view = View::new(&evidence);
        assert_eq!(comparisons(&view)[0].last().unwrap().difference.n, 2);
        evidence.trials.retain(|trial| trial.arm == "sham");
        assert!(comparisons(&View::new(&evidence)).is_empty());
    }

    #[test]
    fn the_largest_difference_is_found_whatever_its_sign() {
        let mut evidence = example::evidence(1, 3);
        for (step, value) in [(1, 0.5), (2, 0.05), (3, 0.4)] {
            example::set(&mut evidence.trials[0], step, Phase::Treated, "mean_class_accuracy", Some(value));
            example::set(&mut evidence.trials[1], step, Phase::Injured, "mean_class_accuracy", Some(0.45));
        }
        let view = View::new(&evidence);
        let comparison = &comparisons(&view)[0];
        assert_eq!((comparison.largest().unwrap().step, comparison.last().unwrap().step), (2, 3));
        assert_eq!(comparison.largest().unwrap().difference.half_width, None, "one seed has no interval");
    }

    #[test]
    fn a_pair_is_lost_with_either_of_its_trials() {
        let mut evidence = example::evidence(3, 4);
        example::fail(&mut evidence.trials[0], 3, Phase::Treated);
        example::fail(&mut evidence.trials[4], 3, Phase::Injured);
        let view = View::new(&evidence);
        let count = comparisons(&view)[0].last().unwrap().count;
        assert_eq!(
            (count.of("pair"), comparisons(&view)[0].steps[1].count.of("pair")),
            ("1 of 3 pairs, 2 failed".to_owned(), "3 pairs".to_owned())
        );
    }
}
