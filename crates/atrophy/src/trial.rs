//! One case, step by step: the method of Moore et al. 2022, Figure 1. `Trial::advance` says what each step does.

use ledger::{AskedCase, Checkpoint, Ledger, OpenCase, Outcome, Start};
use net::Network;
use neuro::course::{Moment, Step};
use neuro::record::{EpochRecord, Failure};
use neuro::representation::Healthy;
use neuro::seed::Address;

use crate::lab::{Lab, Unreadable};
use crate::process::Stop;
use crate::screen::Screen;
use crate::trouble::{Exit, Result, Trouble};

/// How far a case was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// To its end.
    Done,
    /// To where it was asked to stop.
    Halted,
    /// To where its network failed, and would again; why.
    Failed(Failure),
}

/// A case at work: a subject's schooling, or an arm on a subject.
pub struct Trial<'a> {
    /// What all cases share.
    pub lab: &'a Lab<'a>,
    /// Where cases lie.
    pub ledger: &'a Ledger,
    /// What is wanted of this one.
    pub asked: &'a AskedCase,
    /// What is committed of it.
    pub open: OpenCase,
    /// The healthy network's responses, with which later ones are compared; none for a subject, which is compared with itself.
    pub healthy: Option<&'a Healthy>,
    /// When to stop.
    pub stop: &'a Stop,
    /// Whether two builds may learn in one case.
    pub mix_builds: bool,
    /// Whether a step that failed is tried again.
    pub retry_failed: bool,
    /// Where progress is shown.
    pub screen: &'a mut Screen,
}

/// The network, and how many steps of the course lie behind it.
struct Patient {
    network: Network,
    behind: u64,
}

/// Why a step was not carried out.
enum Setback {
    /// The network failed: its loss or its activity is no number. Other cases need not care.
    Network(String),
    /// Something else is wrong, that would hit other cases as well.
    Trouble(Trouble),
}

impl Trial<'_> {
    /// Carries the case to its end. Each step is made durable before the next begins. What is there already is not done again: work goes
    /// from one thing that is wanted and missing to the next, each from the nearest checkpoint.
    pub fn run(mut self) -> Result<End> {
        let mut patient: Option<Patient> = None;
        while let Some(needed) = self.open.case().missing(&self.asked.wanted) {
            // what lies before a failure can be read and kept; the step that failed would fail again
            if let Some(failure) =
                self.open.case().failure.clone().filter(|_| needed >= self.open.case().done && !self.retry_failed)
            {
                return Ok(End::Failed(failure));
            }
            let at_hand = patient.as_ref().map(|patient| patient.behind);
            let mut now = self.brought_near(patient, needed)?;
            if at_hand != Some(now.behind) {
                self.tell_way_back(now.behind, needed);
            }
            let step = self.asked.wanted.course.step(now.behind).expect("something is missing, so there is a step to it");
            if !self.is_read(step) {
                if self.stop.is_now() {
                    return Ok(End::Halted);
                }
                if let Some(failure) = self.take(&mut now, step)? {
                    return Ok(End::Failed(failure));
                }
            }
            now.behind += 1;
            patient = Some(now);
        }
        Ok(End::Done)
    }

    /// Carries out one step and commits it, or commits that the network failed at it.
    fn take(&mut self, now: &mut Patient, step: Step) -> Result<Option<Failure>> {
        self.screen.begin(&self.title(step));
        match self.advance(&mut now.network, step) {
            Ok(outcome) => {
                self.screen.finished(&outcome);
                self.open.commit(step, now.behind, outcome, &self.asked.wanted)?;
                Ok(None)
            }
            Err(Setback::Network(reason)) => {
                let failure = Failure { at: self.course_title(step), reason };
                self.open.fail(failure.clone())?;
                Ok(Some(failure))
            }
            Err(Setback::Trouble(trouble)) => Err(trouble),
        }
    }

    /// Carries out one step: loss, lesson, or reading.
    fn advance(&mut self, network: &mut Network, step: Step) -> std::result::Result<Outcome, Setback> {
        match step {
            Step::Injure { .. } => {
                self.refuse_other_build()?;
                network.suffer(&self.asked.wanted.course.injury, self.asked.seeds.injury);
                Ok(Outcome { state: Some(network.state()), ..Outcome::default() })
            }
            Step::Learn { stage, epoch } => {
                self.refuse_other_build()?;
                let epoch = self.learn(network, stage, epoch)?;
                Ok(Outcome { state: Some(network.state()), epoch: Some(epoch), ..Outcome::default() })
            }
            Step::Perceive { stage, phase } => {
                let now = self.lab.perceive(network, self.screen)?;
                let wanted = &self.asked.wanted;
                let moment = Moment { stage, phase };
                let reading = match self.healthy {
                    Some(healthy) => self.lab.read(healthy, now, network, moment, wanted),
                    // the subject itself is what later networks are compared with
                    None => self.lab.read(&self.lab.healthy(now.clone()), now, network, moment, wanted),
                }?;
                Ok(Outcome { reading: Some(reading), ..Outcome::default() })
            }
        }
    }

    /// One epoch. Momentum starts at rest in each lesson, and nothing of it is kept after the last epoch.
    fn learn(&mut self, network: &mut Network, stage: u32, epoch: u32) -> std::result::Result<EpochRecord, Setback> {
        let lesson = self.asked.wanted.course.lesson.as_ref().expect("a course with epochs has a lesson");
        if epoch == 0 {
            network.rest();
        }
        let at = Address { stage, epoch, item: 0 };
        let (train, data) = (&self.lab.stimuli.train, self.asked.seeds.data);
        let outcome = network
            .learn_epoch(lesson, train, data, at, &mut |images| self.screen.learned(images))
            .map_err(|diverged| Setback::Network(diverged.to_string()))?;
        if epoch + 1 == lesson.epochs {
            network.rest();
        }
        Ok(EpochRecord { step: stage, epoch: epoch + 1, loss: outcome.loss, accuracy: outcome.accuracy })
    }

    /// Whether a step is a reading that is there already.
    fn is_read(&self, step: Step) -> bool {
        match step {
            Step::Perceive { stage, phase } => self.open.case().is_read(Moment { stage, phase }, &self.asked.wanted),
            Step::Injure { .. } | Step::Learn { .. } => false,
        }
    }

    /// The network from which what is needed is reached soonest: the one at hand, the nearest checkpoint, or how the case begins.
    fn brought_near(&self, at_hand: Option<Patient>, needed: u64) -> Result<Patient> {
        let nearest = self.open.case().nearest_state(needed);
        let nearest_behind = nearest.map_or(0, |state| state.after);
        match (at_hand, nearest) {
            (Some(patient), _) if (nearest_behind..=needed).contains(&patient.behind) => Ok(patient),
            (_, Some(state)) => {
                let from = || format!("{} cannot be gone on with", self.open.folder().display());
                let network = self.lab.restored(&self.open.state(state)?, from)?;
                Ok(Patient { network, behind: state.after })
            }
            (_, None) => Ok(Patient { network: self.begin()?, behind: 0 }),
        }
    }

    /// Says that steps are gone through a second time, since no checkpoint was kept behind what is missing: it may take hours.
    fn tell_way_back(&self, behind: u64, needed: u64) {
        let (course, done) = (&self.asked.wanted.course, self.open.case().done);
        if needed >= done || behind >= course.last_change(needed) {
            return;
        }
        let title = |step: u64| course.step(step).map_or_else(String::new, |step| self.course_title(step));
        self.screen.line(&format!(
            "{}: something is missing at {}, and no checkpoint was kept there; going again from {}",
            case_name(self.asked),
            title(needed),
            title(behind)
        ));
    }

    /// The network as the case begins.
    fn begin(&self) -> Result<Network> {
        let checkpoint = match &self.asked.spec.start {
            Start::Seed(seed) => Checkpoint::Newborn(*seed),
            Start::Weights(sha256) => Checkpoint::Given(sha256.clone()),
            Start::Case { key, step } => self.ledger.checkpoint(key, *step)?.ok_or_else(gone)?,
        };
        self.lab.network_of(&checkpoint)
    }

    fn refuse_other_build(&self) -> Result<()> {
        if self.mix_builds { Ok(()) } else { Ok(self.open.refuse_other_build()?) }
    }

    /// A step in words: "seed 1, retrained, step 3 of 15: epoch 2 of 3".
    fn title(&self, step: Step) -> String {
        let case = case_name(self.asked);
        let course = self.course_title(step);
        if *self.asked.wanted.course.stages.start() == 0 && matches!(step, Step::Perceive { .. }) {
            format!("{case}: {course}")
        } else {
            format!("{case}, {course}")
        }
    }

    /// The same without the case.
    fn course_title(&self, step: Step) -> String {
        let course = &self.asked.wanted.course;
        let (epochs, last) = (course.epochs_per_stage(), course.stages.end());
        match step {
            Step::Learn { stage: 0, epoch } => format!("schooling: epoch {} of {epochs}", epoch + 1),
            Step::Perceive { stage: 0, .. } => "reading the healthy network".to_owned(),
            Step::Injure { stage } => format!("step {stage} of {last}: losing synapses"),
            Step::Learn { stage, epoch } => format!("step {stage} of {last}: epoch {} of {epochs}", epoch + 1),
            Step::Perceive { stage, phase } => format!("step {stage} of {last}: reading ({phase})"),
        }
    }
}

impl Lab<'_> {
    /// The network of a checkpoint.
    pub fn network_of(&self, checkpoint: &Checkpoint) -> Result<Network> {
        match checkpoint {
            Checkpoint::State(bytes) => self.restored(bytes, || "a checkpoint cannot be used".to_owned()),
            Checkpoint::Newborn(seed) => Ok(self.newborn(*seed)),
            Checkpoint::Given(sha256) => self.taught_elsewhere(sha256),
        }
    }
}

/// A checkpoint was there a moment ago.
pub(crate) fn gone() -> Trouble {
    let message = "the network that a case starts from is no longer kept: another process works on an earlier version of the study. Run \
                   the same command again when that has ended";
    Trouble::new(Exit::Failed, message)
}

/// A case in words: "seed 1, retrained".
pub fn case_name(asked: &AskedCase) -> String {
    let seeds = asked.seeds;
    let subject = if seeds.network == seeds.data {
        format!("seed {}", seeds.network.0)
    } else {
        format!("seeds network {} data {}", seeds.network.0, seeds.data.0)
    };
    match &asked.arm {
        // trials that differ in the injury alone have one subject
        Some(arm) if seeds.injury != seeds.network && seeds.injury != seeds.data => {
            format!("{subject}, injury {}, {arm}", seeds.injury.0)
        }
        Some(arm) => format!("{subject}, {arm}"),
        None => subject,
    }
}

impl From<Trouble> for Setback {
    fn from(trouble: Trouble) -> Self {
        Setback::Trouble(trouble)
    }
}

impl From<Unreadable> for Setback {
    fn from(unreadable: Unreadable) -> Self {
        Setback::Network(unreadable.to_string())
    }
}
