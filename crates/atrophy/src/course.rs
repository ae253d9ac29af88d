//! What happens in a case, in order: the plan of a subject's schooling or of a trial, as plain data.

use neuro::injury::Injury;
use neuro::lesson::{Lesson, Schooling};
use neuro::record::Phase;
use neuro::study::Arm;

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

/// Everything that happens in a case.
#[derive(Clone, Debug, PartialEq)]
pub struct Course {
    /// The injury of each step.
    pub injury: Injury,
    /// The lesson of each step; of stage 0 for a subject.
    pub lesson: Option<Lesson>,
    /// The steps, in order.
    pub steps: Vec<Step>,
}

impl Course {
    /// The making of a subject: schooling, then the healthy reading.
    pub fn of_schooling(schooling: &Schooling) -> Self {
        let learning = (0..schooling.epochs).map(|epoch| Step::Learn { stage: 0, epoch });
        let steps = learning.chain([Step::Perceive { stage: 0, phase: Phase::Healthy }]).collect();
        Self { injury: Injury::None, lesson: Some(schooling.lesson()), steps }
    }

    /// The course of an arm (Figure 1 of the paper): loss, reading, lesson, reading, and again. A sham arm has no loss
    /// to read; an untreated arm has no lesson.
    pub fn of_arm(arm: &Arm, schooling: &Schooling) -> Self {
        let lesson = arm.plasticity.lesson(&schooling.lesson());
        let epochs = lesson.as_ref().map_or(0, |lesson| lesson.epochs);
        let mut steps = Vec::new();
        for stage in 1..=arm.steps.get() {
            if arm.injury != Injury::None {
                steps.extend([Step::Injure { stage }, Step::Perceive { stage, phase: Phase::Injured }]);
            }
            if epochs > 0 {
                steps.extend((0..epochs).map(|epoch| Step::Learn { stage, epoch }));
                steps.push(Step::Perceive { stage, phase: Phase::Treated });
            }
        }
        Self { injury: arm.injury.clone(), lesson, steps }
    }

    /// Steps of the course of disease.
    pub fn stages(&self) -> u32 {
        let stage = |step: &Step| match *step {
            Step::Injure { stage } | Step::Learn { stage, .. } | Step::Perceive { stage, .. } => stage,
        };
        self.steps.iter().map(stage).max().unwrap_or(0)
    }

    /// How many epochs of learning.
    pub fn epochs(&self) -> usize {
        self.steps.iter().filter(|step| matches!(step, Step::Learn { .. })).count()
    }

    /// How many readings.
    pub fn readings(&self) -> usize {
        self.steps.iter().filter(|step| matches!(step, Step::Perceive { .. })).count()
    }
}
