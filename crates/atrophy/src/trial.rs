//! The loop: a case is taken from where it stands to its end, one committed step after the other.

use neuro::architecture::Architecture;
use neuro::images::Stimuli;
use neuro::measure::{Readings, read_all, representations};
use neuro::record::{EpochRecord, Phase, Record};
use neuro::representation::Healthy;
use neuro::responses::{Responses, Showing};
use neuro::seed::{Address, Seed};
use neuro::study::{Keep, Study};

use net::{Device, Network, NotFinite, Retina};

use crate::course::{Course, Step};
use crate::ledger::{OpenCase, Outcome, ReadingFile};
use crate::npy;
use crate::screen::Screen;
use crate::trouble::{Exit, OrTrouble, Result, Trouble};

/// Pixels along each side of a stored picture of a dissimilarity matrix, unless there are fewer images.
const PICTURE_SIDE: usize = 200;

/// What all cases of a study share.
pub struct Lab<'a> {
    /// The study.
    pub study: &'a Study,
    /// Its images.
    pub stimuli: &'a Stimuli,
    /// Which of them are shown when the network is read.
    pub showing: Showing,
    /// Its network, as a list of parts.
    pub architecture: Architecture,
    /// Where networks live.
    pub device: Device,
    /// The weights that schooling starts from, if the study names any.
    pub given_weights: Option<GivenWeights>,
    /// Asked before each step; true stops the work there.
    pub halt: &'a dyn Fn() -> bool,
}

/// A file of weights to start from.
pub struct GivenWeights {
    /// The file as messages name it.
    pub shown: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl GivenWeights {
    /// Puts the weights into a healthy network.
    fn teach(&self, network: &mut Network) -> Result<()> {
        network.take_weights(&self.bytes).or_trouble(Exit::Data, || self.shown.clone())?;
        Ok(())
    }
}

/// How far a case was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// To its end.
    Done,
    /// To where it was asked to stop.
    Halted,
    /// To where its network failed, and would again; why.
    Failed(String),
}

/// Why a step was not carried out.
enum Setback {
    /// The network failed: its loss or its activity is no number. Other cases need not care.
    Network(String),
    /// Something else is wrong, that would hit other cases as well.
    Trouble(Trouble),
}

impl From<Trouble> for Setback {
    fn from(trouble: Trouble) -> Self {
        Setback::Trouble(trouble)
    }
}

/// A healthy network, as the trials of its seed start from it.
pub struct Subject {
    state: Vec<u8>,
    healthy: Healthy,
}

/// Carries one case to its end. Each step is made durable before the next begins.
///
/// A trial starts from its `subject`; a subject's own schooling has none yet.
pub fn run(lab: &Lab<'_>, open: &mut OpenCase, course: &Course, subject: Option<&Subject>, screen: &mut Screen) -> Result<End> {
    let mut network = lab.network(open, subject)?;
    while let Some(&step) = course.steps.get(open.case.steps_done) {
        if (lab.halt)() {
            return Ok(End::Halted);
        }
        screen.begin(&title(open, course, step));
        let outcome = match advance(lab, open, &mut network, course, step, subject, screen) {
            Ok(outcome) => outcome,
            Err(Setback::Network(reason)) => return Ok(End::Failed(format!("{}: {reason}", title(open, course, step)))),
            Err(Setback::Trouble(trouble)) => return Err(trouble),
        };
        screen.finished(&outcome);
        open.commit(outcome, lab.study.keep == Keep::EveryReading)?;
    }
    Ok(End::Done)
}

/// Carries out one step.
fn advance(
    lab: &Lab<'_>,
    open: &OpenCase,
    network: &mut Network,
    course: &Course,
    step: Step,
    subject: Option<&Subject>,
    screen: &mut Screen,
) -> std::result::Result<Outcome, Setback> {
    match step {
        Step::Injure { .. } => {
            network.suffer(&course.injury, open.case.seeds.injury);
            Ok(Outcome { state: Some(network.state()), ..Outcome::default() })
        }
        Step::Learn { stage, epoch } => {
            let epoch = learn(lab, open, network, course, stage, epoch, screen)?;
            Ok(Outcome { state: Some(network.state()), epoch: Some(epoch), ..Outcome::default() })
        }
        Step::Perceive { stage, phase } => {
            let now = lab.perceive(network, screen).map_err(|error| Setback::Network(error.to_string()))?;
            let reading = match subject {
                Some(subject) => lab.read(&subject.healthy, &now, network, stage, phase),
                // the subject itself is what later networks are compared with
                None => lab.read(&lab.healthy(now.clone()), &now, network, stage, phase),
            };
            let reading = reading.map_err(|error| Setback::Network(error.to_string()))?;
            Ok(Outcome { reading: Some(reading), ..Outcome::default() })
        }
    }
}

/// One epoch. Momentum starts at rest in each lesson, and nothing of it is kept after the last epoch.
fn learn(
    lab: &Lab<'_>,
    open: &OpenCase,
    network: &mut Network,
    course: &Course,
    stage: u32,
    epoch: u32,
    screen: &mut Screen,
) -> std::result::Result<EpochRecord, Setback> {
    let lesson = course.lesson.as_ref().expect("a course with epochs has a lesson");
    if epoch == 0 {
        network.rest();
    }
    let at = Address { stage, epoch, item: 0 };
    let outcome = network
        .learn_epoch(lesson, &lab.stimuli.train, open.case.seeds.data, at, &mut |images| screen.learned(images))
        .map_err(|diverged| Setback::Network(diverged.to_string()))?;
    if epoch + 1 == lesson.epochs {
        network.rest();
    }
    Ok(EpochRecord { step: stage, epoch: epoch + 1, loss: outcome.loss, accuracy: outcome.accuracy })
}

impl Lab<'_> {
    /// The network as it was after the last committed step of this case, or as the case begins.
    fn network(&self, open: &OpenCase, subject: Option<&Subject>) -> Result<Network> {
        let mut network = self.newborn(open.case.seeds.network);
        if let Some(bytes) = open.state()? {
            network
                .restore(&bytes)
                .or_trouble(Exit::Refused, || format!("{} cannot be gone on with", open.folder().display()))?;
        } else if let Some(subject) = subject {
            network.restore(&subject.state).or_trouble(Exit::Refused, || "the healthy network cannot be used".to_owned())?;
        } else if let Some(given) = &self.given_weights {
            given.teach(&mut network)?;
        }
        Ok(network)
    }

    fn newborn(&self, seed: Seed) -> Network {
        Network::newborn(self.architecture.clone(), &Retina::of(&self.stimuli.train), seed, self.device)
    }

    /// Whether the weights that the study gives can be used, if it gives any: asked before anything is begun.
    pub fn check_given_weights(&self) -> Result<()> {
        self.given_weights.as_ref().map_or(Ok(()), |given| given.teach(&mut self.newborn(Seed(0))))
    }

    /// The healthy network of a finished schooling, read once more as the yardstick of its trials.
    pub fn subject(&self, schooled: &OpenCase, screen: &mut Screen) -> Result<Subject> {
        screen.begin(&format!("{}: showing the healthy network the probe", subject_name(schooled)));
        let network = self.network(schooled, None)?;
        let responses = self.perceive(&network, screen).or_trouble(Exit::Failed, || schooled.folder().display().to_string())?;
        let healthy = self.healthy(responses);
        Ok(Subject { state: network.state(), healthy })
    }

    fn perceive(&self, network: &Network, screen: &mut Screen) -> std::result::Result<Responses, NotFinite> {
        network.perceive(&self.stimuli.test, &self.showing, &self.study.probe.layers, &mut |images| screen.perceived(images))
    }

    /// Responses as the yardstick of others.
    fn healthy(&self, responses: Responses) -> Healthy {
        Healthy::new(responses, representations(&self.study.measures, &self.study.probe.layers))
    }

    /// All that the study's measures say of these responses, with the files that go with them.
    fn read(
        &self,
        healthy: &Healthy,
        now: &Responses,
        network: &Network,
        step: u32,
        phase: Phase,
    ) -> std::result::Result<(Record, Vec<ReadingFile>), rsa::PatternsError> {
        let Study { measures, probe, .. } = self.study;
        let Readings { readings, pictures } = read_all(measures, &probe.layers, healthy, now, &self.showing, PICTURE_SIDE)?;
        let lesion = network.lesion();
        let record = Record { step, phase, fraction_lost: lesion.fraction_lost(), synapses_lost: lesion.lost(), readings };

        let predictions = ReadingFile { name: "predictions.npy".to_owned(), bytes: npy::labels(&now.answers.predictions) };
        let pictures = pictures.into_iter().map(|(layer, picture)| ReadingFile {
            name: format!("rdm-{layer}.npy"),
            bytes: npy::square(picture.side, &picture.values),
        });
        Ok((record, std::iter::once(predictions).chain(pictures).collect()))
    }
}

fn subject_name(open: &OpenCase) -> String {
    let seeds = open.case.seeds;
    if seeds.network == seeds.data {
        format!("seed {}", seeds.network.0)
    } else {
        format!("seeds network {} data {}", seeds.network.0, seeds.data.0)
    }
}

/// A step in words: "seed 1, retrained, step 3 of 15: epoch 2 of 3".
fn title(open: &OpenCase, course: &Course, step: Step) -> String {
    let case = match &open.case.arm {
        // trials that differ in the injury alone have one subject
        Some(arm) if open.case.seeds.injury != open.case.seeds.network && open.case.seeds.injury != open.case.seeds.data => {
            format!("{}, injury {}, {arm}", subject_name(open), open.case.seeds.injury.0)
        }
        Some(arm) => format!("{}, {arm}", subject_name(open)),
        None => subject_name(open),
    };
    let epochs = course.lesson.as_ref().map_or(0, |lesson| lesson.epochs);
    match step {
        Step::Learn { stage: 0, epoch } => format!("{case}, schooling: epoch {} of {epochs}", epoch + 1),
        Step::Perceive { stage: 0, .. } => format!("{case}: reading the healthy network"),
        Step::Injure { stage } => format!("{case}, step {stage} of {}: losing synapses", course.stages()),
        Step::Learn { stage, epoch } => format!("{case}, step {stage} of {}: epoch {} of {epochs}", course.stages(), epoch + 1),
        Step::Perceive { stage, phase } => format!("{case}, step {stage} of {}: reading ({phase})", course.stages()),
    }
}
