//! From the words of a command line to a study that is read, checked, and has its images and a place for its results.

use std::path::PathBuf;

use ledger::disk::sha256;
use net::{Device, Network, Retina};
use neuro::architecture::Architecture;
use neuro::images::{Images, Stimuli};
use neuro::record::Cause;
use neuro::responses::Showing;
use neuro::study::{ProbeImages, Study};
use stimuli::{Outline, Place, StimuliError};

use crate::lab::GivenWeights;
use crate::memory;
use crate::plan::Plan;
use crate::study_file::{self, StudyFile};
use crate::trouble::{Exit, OrTrouble, Result, Trouble, what_it_is};

/// A trained network has hardly a weight that is exactly 0; with more than this share somebody has pruned it.
const ZERO_SHARE_TOLD: f64 = 0.01;

/// Which study, and where its images are.
#[derive(Debug, clap::Args)]
pub struct StudyArguments {
    /// A study file, or the name of a built-in study (see `atrophy list`).
    #[arg(value_name = "STUDY", default_value = "quick")]
    pub study: PathBuf,
    /// Folder of data sets; what is downloaded goes there.
    #[arg(long, value_name = "DIR", env = "ATROPHY_DATA", default_value = "data")]
    pub data: PathBuf,
    /// Change a key of the study, as in `--set schooling.epochs=2` or `--set 'arm[0].steps=3'`. May be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub changes: Vec<String>,
}

/// A study that is read and checked against the images it asks for.
pub struct Asked {
    /// The study.
    pub file: StudyFile,
    /// Where its images are looked for.
    pub place: Place,
    /// What images it will have.
    pub outline: Outline,
    /// Its network, as a list of parts.
    pub architecture: Architecture,
}

impl StudyArguments {
    /// Reads the study and checks it.
    pub fn read(self, mirror: Option<String>) -> Result<Asked> {
        let file = study_file::read(&self.study, &self.changes)?;
        Asked::of(file, self.data, mirror)
    }
}

impl Asked {
    /// Checks a study against the images it asks for.
    pub fn of(file: StudyFile, data: PathBuf, mirror: Option<String>) -> Result<Self> {
        let place = Place { data, study_folder: file.folder.clone(), mirror };
        let outline = stimuli::outline(&file.study.stimuli, &place).map_err(|error| stimuli_trouble(&file, error))?;
        let (shape, classes, test) = (outline.shape, outline.classes.len(), outline.counts.test);
        let architecture = file.study.check(shape, classes, test).map_err(|fault| file.trouble(&fault))?;
        Ok(Self { file, place, outline, architecture })
    }

    /// What it will do and what that will cost.
    pub fn plan(&self) -> Plan {
        Plan::of(&self.file, &self.architecture, &self.outline)
    }

    /// Loads its images, from disk or from the network.
    pub fn stimuli(&self, report: &mut dyn FnMut(stimuli::Fetch)) -> Result<Stimuli> {
        stimuli::load(&self.file.study.stimuli, &self.place, report).map_err(|error| stimuli_trouble(&self.file, error))
    }

    /// Which of the test images are shown.
    pub fn showing(&self, stimuli: &Stimuli) -> Showing {
        Showing::new(stimuli.test.labels(), per_class(&self.file.study), &stimuli.classes)
    }

    /// The weights that the study gives, if it names any: read, and held against its network.
    pub fn given_weights(&self) -> Result<Option<GivenWeights>> {
        let Some(path) = &self.file.study.schooling.weights else { return Ok(None) };
        let path = self.file.folder.join(path);
        let shown = format!("{}: schooling.weights: {}", self.file.shown, path.display());
        let about = std::fs::metadata(&path).or_trouble(Exit::Data, || shown.clone())?;
        if let Some(what) = what_it_is(&about) {
            return Err(Trouble::new(Exit::Data, format!("{shown}: it is {what}; give a safetensors file")));
        }
        // the bytes, and the tensors that are made of them
        memory::refuse_beyond(2 * about.len(), &shown)?;
        let bytes = std::fs::read(&path).or_trouble(Exit::Data, || shown.clone())?;
        // images scale what a network sees, and decide nothing about its weights
        let none = Images::new(self.architecture.input, Vec::new(), Vec::new());
        let mut network = Network::blank(self.architecture.clone(), &Retina::of(&none), Device::Cpu);
        let found = network.take_weights(&bytes).or_trouble(Exit::Data, || shown.clone())?;
        Ok(Some(GivenWeights { notes: notes_on(&shown, &found), shown, bytes }))
    }

    /// What the numbers depend on besides the study and its makers.
    pub fn cause(&self, stimuli: &Stimuli, showing: &Showing, device: String, given: Option<&GivenWeights>) -> Cause {
        let probe = showing.probe_labels();
        let of_class = |class: usize| probe.iter().filter(|&&label| usize::from(label) == class).count();
        Cause {
            study_sha256: self.file.sha256(),
            device,
            stimuli: stimuli.provenance.clone(),
            checksums: stimuli.checksums.clone(),
            images: [stimuli.train.len(), stimuli.assessment.len(), stimuli.test.len()],
            shape: stimuli.train.shape(),
            classes: stimuli.classes.clone(),
            probe_per_class: (0..stimuli.classes.len()).map(of_class).collect(),
            network: self.architecture.name.clone(),
            synapses: self.architecture.synapses(),
            weights_sha256: given.map(|given| sha256(&given.bytes)),
        }
    }
}

/// What a person must know of given weights: what is not used of them, and whether they look pruned.
fn notes_on(shown: &str, found: &net::Given) -> Vec<String> {
    let mut notes = Vec::new();
    if !found.unused.is_empty() {
        let (names, more) = found.unused.split_at(found.unused.len().min(5));
        let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
        notes.push(format!("{shown}: the network has no place for {}{more}; not used", names.join(", ")));
    }
    let share = found.zero_synapses as f64 / found.synapses.max(1) as f64;
    if share > ZERO_SHARE_TOLD {
        notes.push(format!(
            "{shown}: {:.1} % of the synapses are 0 and count as alive; if they were pruned, give their masks as NAME_mask",
            share * 100.0
        ));
    }
    notes
}

fn per_class(study: &Study) -> Option<u32> {
    match study.probe.images {
        ProbeImages::All => None,
        ProbeImages::PerClass(images) => Some(images.get()),
    }
}

fn stimuli_trouble(file: &StudyFile, error: StimuliError) -> Trouble {
    match error {
        StimuliError::Request { key, reason } => file.trouble(&neuro::check::Fault { key, reason }),
        other => Trouble::new(Exit::Data, other.to_string()),
    }
}
