//! What all cases of a study share: images, network, questions, and the weights that schooling may start from.

use ledger::disk::sha256;
use ledger::{NewRdms, NewReading, Wanted};
use net::{Device, Network, Retina};
use neuro::architecture::Architecture;
use neuro::course::Moment;
use neuro::images::Stimuli;
use neuro::measure::{PatternsError, Readings, read_all, representations};
use neuro::record::Record;
use neuro::representation::Healthy;
use neuro::responses::{Answers, Responses, Showing};
use neuro::seed::Seed;
use neuro::study::Study;

use crate::screen::Screen;
use crate::trouble::{Exit, OrTrouble, Result, Trouble};

/// Pixels along each side of the stored picture of a dissimilarity matrix, unless there are fewer images.
pub(crate) const PICTURE_SIDE: usize = 200;

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
    /// How images are scaled before the network sees them.
    pub retina: Retina,
    /// Where networks live.
    pub device: Device,
    /// The weights that schooling starts from, if the study names any.
    pub given_weights: Option<GivenWeights>,
}

/// A file of weights to start from.
pub struct GivenWeights {
    /// The file as messages name it.
    pub shown: String,
    /// Its bytes, which fit the study's network.
    pub bytes: Vec<u8>,
    /// What a person must know of them.
    pub notes: Vec<String>,
}

/// Why a network cannot be read: its activity is no longer a number.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(String);

/// What is wrong with a network's activity, and what a study could ask instead.
fn unreadable(error: &PatternsError) -> Unreadable {
    match error {
        PatternsError::TooFarApart { .. } | PatternsError::TooClose { .. } => {
            Unreadable(format!("{error}; a study that asks for correlation or euclidean distances can be read further"))
        }
        _ => Unreadable(error.to_string()),
    }
}

impl<'a> Lab<'a> {
    /// A lab for this study.
    pub fn new(
        study: &'a Study,
        stimuli: &'a Stimuli,
        showing: Showing,
        architecture: Architecture,
        device: Device,
        given_weights: Option<GivenWeights>,
    ) -> Self {
        let retina = Retina::of(&stimuli.train);
        Self { study, stimuli, showing, architecture, retina, device, given_weights }
    }

    /// A network with random first weights.
    pub fn newborn(&self, seed: Seed) -> Network {
        Network::newborn(self.architecture.clone(), &self.retina, seed, self.device)
    }

    /// A network with the weights of a checkpoint.
    pub fn restored(&self, bytes: &[u8], from: impl FnOnce() -> String) -> Result<Network> {
        let mut network = self.blank();
        network.restore(bytes).or_trouble(Exit::Refused, from)?;
        Ok(network)
    }

    /// A network with the weights that the study gives, which must be those with this SHA-256.
    pub fn taught_elsewhere(&self, wanted: &str) -> Result<Network> {
        let Some(given) = self.given_weights.as_ref().filter(|given| sha256(&given.bytes) == wanted) else {
            let message = format!(
                "a case starts from given weights (SHA-256 {wanted}) that the study does not give; name them as schooling.weights"
            );
            return Err(Trouble::new(Exit::Refused, message));
        };
        let mut network = self.blank();
        network.take_weights(&given.bytes).or_trouble(Exit::Data, || given.shown.clone())?;
        Ok(network)
    }

    fn blank(&self) -> Network {
        Network::blank(self.architecture.clone(), &self.retina, self.device)
    }

    /// Shows the network all test images.
    pub fn perceive(&self, network: &Network, screen: &mut Screen) -> std::result::Result<Responses, Unreadable> {
        let watch = &mut |images| screen.perceived(images);
        let responses = network.perceive(&self.stimuli.test, &self.showing, &self.study.probe.layers, watch);
        responses.map_err(|error| Unreadable(error.to_string()))
    }

    /// Responses as what later ones are compared with.
    pub fn healthy(&self, responses: Responses) -> Healthy {
        Healthy::new(responses, representations(&self.study.measures, &self.study.probe.layers))
    }

    /// All that the study's measures say of these responses, and what is to be kept of them.
    pub fn read(
        &self,
        healthy: &Healthy,
        now: Responses,
        network: &Network,
        moment: Moment,
        wanted: &Wanted,
    ) -> std::result::Result<NewReading, Unreadable> {
        let Study { measures, probe, .. } = self.study;
        let keep_rdms = wanted.rdms.contains(&moment);
        let read = read_all(measures, &probe.layers, healthy, &now, &self.showing, PICTURE_SIDE, keep_rdms);
        let Readings { readings, confusions, pictures, rdms } = read.map_err(|error| unreadable(&error))?;
        let lesion = network.lesion();
        let record = Record {
            step: moment.stage,
            phase: moment.phase,
            fraction_lost: lesion.fraction_lost(),
            synapses_lost: lesion.lost(),
            readings,
            confusions,
        };
        let pictures = pictures.into_iter().map(|(layer, picture)| (layer, picture.side, picture.values)).collect();
        let rdms = keep_rdms.then(|| NewRdms { rdms, showing: self.showing.clone() });
        let Answers { predictions, logits, losses: _ } = now.answers;
        let logits = wanted.logits.then_some(logits);
        Ok(NewReading { record, questions: wanted.questions.clone(), predictions, logits, pictures, rdms })
    }
}
