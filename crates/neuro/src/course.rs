//! What happens in a case, in order: a subject's schooling, or an arm's course of disease and therapy.

use std::ops::RangeInclusive;

use crate::injury::Injury;
use crate::lesson::{Lesson, Schooling};
use crate::record::Phase;
use crate::study::Arm;

/// One step of a case. Each is carried out, then committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Synapses are lost.
    Injure {
        /// Step of the course, from 1.
        stage: u32,
    },
    /// The network learns for one epoch.
    Learn {
        /// Step of the course; 0 is schooling.
        stage: u32,
        /// Epoch within the lesson, from 0.
        epoch: u32,
    },
    /// The network is shown the test images and read.
    Perceive {
        /// Step of the course; 0 is healthy.
        stage: u32,
        /// When in the step.
        phase: Phase,
    },
}

/// Everything that happens in a case. Its steps are computed from their number, never listed, so that a course can be as long as it
/// likes and a case that stopped anywhere knows what comes next from that number alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Course {
    /// The injury of each stage.
    pub injury: Injury,
    /// The lesson of each stage, if there is any.
    pub lesson: Option<Lesson>,
    /// Number of its first and last stage: 0 to 0 for a schooling, 1 to 15 for an arm of fifteen steps, 6 to 10 for five steps that
    /// branch from the fifth step of another arm.
    pub stages: RangeInclusive<u32>,
}

/// A moment at which the network is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// Number of steps so far; 0 is healthy.
    pub stage: u32,
    /// When in the step.
    pub phase: Phase,
}

impl Course {
    /// The making of a subject: schooling, then the healthy reading.
    pub fn of_schooling(schooling: &Schooling) -> Self {
        Self { injury: Injury::None, lesson: Some(schooling.lesson()), stages: 0..=0 }
    }

    /// The course of an arm (Figure 1 of Moore et al. 2022): loss, reading, lesson, reading, and again. A sham arm has no loss
    /// to read; an untreated arm has no lesson. An arm that branches goes on counting where it branched, so that the same course
    /// after a branch is the same course without one.
    pub fn of_arm(arm: &Arm, schooling: &Schooling) -> Self {
        let behind = arm.start.as_ref().map_or(0, |start| start.step.get());
        let lesson = arm.plasticity.lesson(&schooling.lesson());
        Self { injury: arm.injury.clone(), lesson, stages: behind + 1..=behind + arm.steps.get() }
    }

    /// Epochs of a stage.
    pub fn epochs_per_stage(&self) -> u32 {
        self.lesson.as_ref().map_or(0, |lesson| lesson.epochs)
    }

    /// Whether stages begin with a loss.
    pub fn injures(&self) -> bool {
        self.injury != Injury::None
    }

    fn is_schooling(&self) -> bool {
        *self.stages.start() == 0
    }

    /// Whether stages end with a lesson, or with the healthy reading.
    fn teaches(&self) -> bool {
        self.epochs_per_stage() > 0 || self.is_schooling()
    }

    /// Steps of one stage: loss and reading, epochs and reading.
    fn steps_per_stage(&self) -> u64 {
        let injury = if self.injures() { 2 } else { 0 };
        let lesson = if self.teaches() { u64::from(self.epochs_per_stage()) + 1 } else { 0 };
        injury + lesson
    }

    fn stage_count(&self) -> u64 {
        u64::from(self.stages.end() - self.stages.start()) + 1
    }

    /// Number of steps.
    pub fn steps(&self) -> u64 {
        self.steps_per_stage() * self.stage_count()
    }

    /// The step after so many others; none at the end.
    pub fn step(&self, done: u64) -> Option<Step> {
        if done >= self.steps() {
            return None;
        }
        let stage = self.stages.start() + (done / self.steps_per_stage()) as u32;
        let within = done % self.steps_per_stage();
        let injury = if self.injures() { 2 } else { 0 };
        let epochs = u64::from(self.epochs_per_stage());
        Some(match within {
            0 if self.injures() => Step::Injure { stage },
            1 if self.injures() => Step::Perceive { stage, phase: Phase::Injured },
            _ if within < injury + epochs => Step::Learn { stage, epoch: (within - injury) as u32 },
            _ => Step::Perceive { stage, phase: if self.is_schooling() { Phase::Healthy } else { Phase::Treated } },
        })
    }

    /// Every reading: the number of steps before it, and its moment.
    pub fn moments(&self) -> impl Iterator<Item = (u64, Moment)> + '_ {
        let each = self.steps_per_stage();
        self.stages.clone().zip(0u64..).flat_map(move |(stage, index)| {
            let injured = self.injures().then_some((index * each + 1, Moment { stage, phase: Phase::Injured }));
            let phase = if self.is_schooling() { Phase::Healthy } else { Phase::Treated };
            let treated = self.teaches().then_some(((index + 1) * each - 1, Moment { stage, phase }));
            injured.into_iter().chain(treated)
        })
    }

    /// After how many steps a moment is read; none if the course has no such moment.
    pub fn before(&self, moment: Moment) -> Option<u64> {
        let stages = u64::from(moment.stage.checked_sub(*self.stages.start())?);
        let begun = self.stages.contains(&moment.stage).then(|| stages * self.steps_per_stage())?;
        let last = begun + self.steps_per_stage() - 1;
        match moment.phase {
            Phase::Injured => self.injures().then_some(begun + 1),
            Phase::Healthy => self.is_schooling().then_some(last),
            Phase::Treated => (self.teaches() && !self.is_schooling()).then_some(last),
        }
    }

    /// After how many steps the network was changed last, counted from after `done` steps backwards: readings change nothing.
    /// 0 is the network that the case began with.
    pub fn last_change(&self, done: u64) -> u64 {
        let changes = |step: u64| !matches!(self.step(step), Some(Step::Perceive { .. }) | None);
        (0..done.min(self.steps())).rev().find(|&step| changes(step)).map_or(0, |step| step + 1)
    }

    /// After how many steps a stage is over; none if the course does not get there.
    pub fn end_of(&self, stage: u32) -> Option<u64> {
        self.stages.contains(&stage).then(|| (u64::from(stage - self.stages.start()) + 1) * self.steps_per_stage())
    }

    /// How many epochs of learning come after `done` steps, and how many readings.
    pub fn left(&self, done: u64) -> (u64, u64) {
        let readings = self.moments().filter(|(before, _)| *before >= done).count() as u64;
        let epochs = u64::from(self.epochs_per_stage());
        let behind = match self.steps_per_stage() {
            0 => 0,
            each => {
                let injury = if self.injures() { 2 } else { 0 };
                let done = done.min(self.steps());
                done / each * epochs + (done % each).saturating_sub(injury).min(epochs)
            }
        };
        (epochs * self.stage_count() - behind, readings)
    }

    /// How many epochs of learning.
    pub fn epochs(&self) -> u64 {
        self.left(0).0
    }

    /// How many readings.
    pub fn readings(&self) -> u64 {
        self.left(0).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn course(injury: &str, epochs: u32, stages: RangeInclusive<u32>) -> Course {
        let schooling: Schooling =
            serde_json::from_value(serde_json::json!({"epochs": epochs, "batch": 1, "rate": 1, "momentum": 0, "decay": 0}))
                .unwrap();
        let injury = serde_json::from_str(injury).unwrap();
        Course { injury, lesson: (epochs > 0).then(|| schooling.lesson()), stages }
    }

    const LOSS: &str = r#"{"ablation": {"fraction": 0.2, "of": "remaining", "scope": "per-layer"}}"#;

    fn told(course: &Course) -> String {
        let word = |step| match step {
            Step::Injure { stage } => format!("injure {stage}"),
            Step::Learn { stage, epoch } => format!("learn {stage}.{epoch}"),
            Step::Perceive { stage, phase } => format!("{phase} {stage}"),
        };
        (0..).map_while(|done| course.step(done)).map(word).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn the_steps_of_each_kind_of_course() {
        insta::assert_snapshot!(told(&course(LOSS, 2, 1..=2)), @"injure 1, injured 1, learn 1.0, learn 1.1, treated 1, injure 2, injured 2, learn 2.0, learn 2.1, treated 2");
        insta::assert_snapshot!(told(&course(LOSS, 0, 6..=7)), @"injure 6, injured 6, injure 7, injured 7");
        insta::assert_snapshot!(told(&course("\"none\"", 1, 1..=3)), @"learn 1.0, treated 1, learn 2.0, treated 2, learn 3.0, treated 3");
        insta::assert_snapshot!(told(&course("\"none\"", 2, 0..=0)), @"learn 0.0, learn 0.1, healthy 0");
        insta::assert_snapshot!(told(&course("\"none\"", 0, 0..=0)), @"healthy 0");
    }

    /// All that is computed from numbers is what the list of steps says.
    #[test]
    fn what_is_computed_agrees_with_the_list_of_steps() {
        for injury in [LOSS, "\"none\""] {
            for (epochs, stages) in [(0, 1..=3), (2, 1..=3), (3, 0..=0), (1, 6..=9), (0, 0..=0)] {
                let course = course(injury, epochs, stages);
                if *course.stages.start() == 0 && course.injures() {
                    continue;
                }
                let steps: Vec<Step> = (0..).map_while(|done| course.step(done)).collect();
                assert_eq!(steps.len() as u64, course.steps());
                let learns = |steps: &[Step]| steps.iter().filter(|s| matches!(s, Step::Learn { .. })).count() as u64;
                let reads = |steps: &[Step]| steps.iter().filter(|s| matches!(s, Step::Perceive { .. })).count() as u64;
                for done in 0..=steps.len() {
                    assert_eq!(course.left(done as u64), (learns(&steps[done..]), reads(&steps[done..])));
                    let changed = steps[..done].iter().rposition(|s| !matches!(s, Step::Perceive { .. })).map_or(0, |i| i + 1);
                    assert_eq!(course.last_change(done as u64), changed as u64);
                }
                let moments: Vec<(u64, Moment)> = (0u64..)
                    .zip(&steps)
                    .filter_map(|(done, step)| match *step {
                        Step::Perceive { stage, phase } => Some((done, Moment { stage, phase })),
                        Step::Injure { .. } | Step::Learn { .. } => None,
                    })
                    .collect();
                assert_eq!(course.moments().collect::<Vec<_>>(), moments);
                assert!(moments.iter().all(|(before, moment)| course.before(*moment) == Some(*before)));
                let beyond = Moment { stage: course.stages.end() + 1, phase: Phase::Injured };
                assert_eq!(course.before(beyond), None);
                let last = course.stages.clone().last().unwrap();
                assert_eq!(course.end_of(last), Some(course.steps()));
                assert_eq!(course.end_of(last + 1), None);
            }
        }
    }
}
