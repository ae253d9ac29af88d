//! Trials that failed, and what that makes of means: those who are left may be the healthier ones.

use std::collections::BTreeSet;

use neuro::record::{Phase, TrialRecords};
use neuro::study::TrialSeeds;

use crate::view::{Arm, View, own};
use crate::words;

/// The n of a mean, beside what it would be if nothing had failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) n: usize,
    /// Independent trials that the study asks for.
    pub(crate) planned: usize,
    /// Of those, how many will never be read here.
    pub(crate) failed: usize,
}

impl Count {
    /// "3"; "2 of 3" where some failed.
    pub(crate) fn short(self) -> String {
        if self.failed == 0 { self.n.to_string() } else { format!("{} of {}", self.n, self.planned) }
    }

    /// "3"; "2 of 3 (1 failed)" where some failed.
    pub(crate) fn long(self) -> String {
        if self.failed == 0 { self.n.to_string() } else { format!("{} of {} ({} failed)", self.n, self.planned, self.failed) }
    }

    /// "3 networks"; "2 of 3 networks, 1 failed" where some failed.
    pub(crate) fn of(self, noun: &str) -> String {
        let failed = if self.failed == 0 { String::new() } else { format!(", {} failed", self.failed) };
        let s = if self.n == 1 && self.failed == 0 { "" } else { "s" };
        format!("{} {noun}{s}{failed}", self.short())
    }

    /// Of several, the one that lost most.
    pub(crate) fn worst(counts: impl IntoIterator<Item = Count>) -> Option<Count> {
        counts.into_iter().max_by_key(|count| count.failed)
    }
}

/// What has become of a trial by a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Read,
    Failed,
    /// Not read so far.
    Open,
}

impl Fate {
    /// Of a pair: it is lost with either of its trials.
    pub(crate) fn and(self, other: Fate) -> Fate {
        match (self, other) {
            (Fate::Read, Fate::Read) => Fate::Read,
            (Fate::Failed, _) | (_, Fate::Failed) => Fate::Failed,
            (Fate::Open | Fate::Read, Fate::Open | Fate::Read) => Fate::Open,
        }
    }
}

impl Count {
    /// The n of a mean over trials of these seeds, of which those with one trace are copies of each other: what failed is not missed
    /// if a copy of it was read.
    pub(crate) fn of_planned<T: Ord>(
        n: usize,
        planned: &[TrialSeeds],
        trace: impl Fn(TrialSeeds) -> T,
        fate: impl Fn(TrialSeeds) -> Fate,
    ) -> Self {
        let of = |wanted: &dyn Fn(Fate) -> bool| -> BTreeSet<T> {
            planned.iter().filter(|&&seeds| wanted(fate(seeds))).map(|&seeds| trace(seeds)).collect()
        };
        let failed = of(&|fate| fate == Fate::Failed).difference(&of(&|fate| fate == Fate::Read)).count();
        Count { n, planned: of(&|_| true).len(), failed }
    }
}

impl Arm<'_> {
    /// The n of a mean at this moment, beside what it would be if nothing had failed.
    pub(crate) fn count(&self, n: usize, step: u32, phase: Phase) -> Count {
        let trace = |seeds| self.trace(seeds, step, phase);
        Count::of_planned(n, &self.planned, trace, |seeds| self.fate(seeds, step, phase))
    }

    /// What has become of the trial of these seeds by this moment.
    pub(crate) fn fate(&self, seeds: TrialSeeds, step: u32, phase: Phase) -> Fate {
        match self.trials.iter().find(|trial| trial.seeds == seeds) {
            Some(trial) if trial.records.iter().any(|r| r.step == step && r.phase == phase) => Fate::Read,
            Some(trial) if trial.failure.is_some() => Fate::Failed,
            _ => Fate::Open,
        }
    }

    /// The first step whose end each failed trial did not live to see; 0 if not even its healthy network was read.
    fn failures(&self) -> Vec<u32> {
        let last = |trial: &TrialRecords| own(trial).filter(|r| r.phase == self.outcome).map(|r| r.step).max();
        let gone = |trial: &TrialRecords| match trial.records.is_empty() {
            true => 0,
            false => last(trial).unwrap_or(self.origin).max(self.origin) + 1,
        };
        let mut steps: Vec<u32> = self.trials.iter().filter(|trial| trial.failure.is_some()).map(|trial| gone(trial)).collect();
        steps.sort_unstable();
        steps
    }

    /// "From step 4 on, means of arm ‘retrained’ rest on the 2 of 3 trials that did not fail"; none if none failed.
    fn survivors(&self) -> Option<String> {
        let failures = self.failures();
        let planned = self.planned.len();
        let mut steps = failures.clone();
        steps.dedup();
        let part = |(i, step): (usize, &u32)| {
            let left = planned - failures.iter().filter(|gone| *gone <= step).count();
            let when = if *step == 0 { "At all steps".to_owned() } else { format!("From step {step} on") };
            match (i, left) {
                (0, 0) => format!("{when}, there are no means of arm ‘{}’: all its trials failed", self.name()),
                (0, 1) => format!("{when}, means of arm ‘{}’ rest on the 1 of {planned} trials that did not fail", self.name()),
                (0, _) => {
                    format!("{when}, means of arm ‘{}’ rest on the {left} of {planned} trials that did not fail", self.name())
                }
                (_, 0) => format!("from step {step} on, there are none"),
                (_, _) => format!("from step {step} on, on {left} of {planned}"),
            }
        };
        let parts: Vec<String> = steps.iter().enumerate().map(part).collect();
        (!parts.is_empty()).then(|| format!("{}.", parts.join("; ")))
    }
}

impl View<'_> {
    /// What the means of each arm rest on, for the arms in which trials failed; empty if none did. Stands wherever means are shown.
    pub(crate) fn survivors(&self) -> String {
        self.arms.iter().filter_map(Arm::survivors).collect::<Vec<_>>().join(" ")
    }

    /// Whether any arm has means that rest on those of its trials that did not fail.
    pub(crate) fn is_biased(&self) -> bool {
        self.arms.iter().any(|arm| (1..arm.planned.len()).contains(&arm.failures().len()))
    }

    /// The n of a mean over healthy networks. A subject that failed has trials without any record.
    pub(crate) fn subjects(&self, n: usize) -> Count {
        let Some(first) = self.arms.first() else { return Count { n, planned: 0, failed: 0 } };
        let fate = |seeds| {
            let fates = || self.arms.iter().map(|arm| arm.fate(seeds, 0, Phase::Healthy));
            fates().find(|fate| *fate == Fate::Read).or_else(|| fates().find(|fate| *fate == Fate::Failed)).unwrap_or(Fate::Open)
        };
        Count::of_planned(n, &first.planned, |seeds| first.trace(seeds, 0, Phase::Healthy), fate)
    }

    /// Every failed trial: "retrained, seeds 3 / 3 / 3: failed in step 4 of 15: epoch 2 of 3: the loss is not a number".
    pub(crate) fn failed(&self) -> Vec<String> {
        let told = |arm: &Arm<'_>| -> Vec<String> {
            let failed = arm.trials.iter().filter_map(|trial| Some((trial.seeds, trial.failure.as_ref()?)));
            failed
                .map(|(seeds, failure)| format!("{}: {}: {}", words::trial(arm.name(), seeds), failure.at, failure.reason))
                .collect()
        };
        self.arms.iter().flat_map(told).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    #[test]
    fn an_n_says_how_many_failed_from_the_moment_they_did() {
        let mut evidence = example::evidence(3, 6);
        example::fail(&mut evidence.trials[1], 4, Phase::Treated);
        let view = View::new(&evidence);
        let arm = &view.arms[0];
        let told = |step, phase| arm.count(arm.estimate(step, phase, &example::accuracy()).unwrap().n, step, phase).long();
        assert_eq!([told(3, Phase::Treated), told(4, Phase::Injured)], ["3", "3"]);
        assert_eq!([told(4, Phase::Treated), told(6, Phase::Injured)], ["2 of 3 (1 failed)", "2 of 3 (1 failed)"]);
        assert_eq!(view.arms[1].count(3, 6, Phase::Injured).long(), "3", "another arm");
        assert_eq!(view.survivors(), "From step 4 on, means of arm ‘retrained’ rest on the 2 of 3 trials that did not fail.");
    }

    #[test]
    fn one_after_the_other_fails_until_none_is_left() {
        let mut evidence = example::evidence(3, 6);
        let words = [
            "From step 6 on, means of arm ‘retrained’ rest on the 2 of 3 trials that did not fail.",
            "From step 2 on, means of arm ‘retrained’ rest on the 2 of 3 trials that did not fail; from step 6 on, on 1 of 3.",
            "From step 2 on, means of arm ‘retrained’ rest on the 1 of 3 trials that did not fail; from step 6 on, there are none.",
        ];
        for (trial, (step, words)) in [6, 2, 2].into_iter().zip(words).enumerate() {
            example::fail(&mut evidence.trials[trial], step, Phase::Treated);
            assert_eq!(View::new(&evidence).survivors(), words);
        }
    }

    #[test]
    fn a_subject_that_failed_is_missing_from_all_arms_and_counts_once() {
        let mut evidence = example::evidence(3, 2);
        for trial in [2, 5, 8] {
            example::fail(&mut evidence.trials[trial], 0, Phase::Healthy);
        }
        let view = View::new(&evidence);
        let n = view.healthy(&example::accuracy()).len();
        assert_eq!(view.subjects(n).long(), "2 of 3 (1 failed)");
        assert_eq!(view.failed().len(), 3);
        assert!(view.survivors().contains("At all steps, means of arm ‘sham’ rest on the 2 of 3 trials that did not fail."));
    }

    /// Shams of one subject differ in nothing: if one of them was read, nothing is missing.
    #[test]
    fn a_copy_that_failed_is_not_missed() {
        let mut evidence = example::evidence(3, 2);
        for trial in &mut evidence.trials {
            trial.seeds.network = neuro::seed::Seed(1);
            trial.seeds.data = neuro::seed::Seed(1);
        }
        evidence.study.seeds.held = vec![neuro::study::Chance::Network, neuro::study::Chance::Data];
        example::fail(&mut evidence.trials[7], 1, Phase::Treated);
        let view = View::new(&evidence);
        assert_eq!(view.arms[2].count(1, 2, Phase::Treated), Count { n: 1, planned: 1, failed: 0 });
    }
}
