//! The ledger: the folder that holds a study's committed state and records.
//!
//! ```text
//! OUT/ledger.json                                      which study this is, and what its numbers depend on
//! OUT/subjects/network-1-data-1/                       a case: one subject's schooling
//! OUT/trials/retrained/network-1-injury-1-data-1/      a case: one trial
//!     case.json                   how far it is, and all its records
//!     state-00012.safetensors     the network after 12 steps, immutable
//!     readings/step-03-treated/   predictions.npy, rdm-penultimate.npy (a small picture)
//!     lock                        held while a process works on the case
//! ```
//! The rename of `case.json` is the commit: what it names is on disk and whole, and nothing else is believed.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use neuro::record::{Cause, EpochRecord, Phase, RdmPicture, Record};
use neuro::study::TrialSeeds;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::disk::{cannot, create_folder, write_aside, write_once};
use crate::study_file::sha256;
use crate::trouble::{Exit, OrTrouble, Result, Trouble};

/// Version of what is stored. Raise it when old readers could misread new data.
pub const FORMAT: u32 = 1;

/// The folder of one study.
#[derive(Debug)]
pub struct Ledger {
    folder: PathBuf,
}

/// What `ledger.json` holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Title {
    /// Name of the study.
    pub name: String,
    /// What the numbers depend on besides the study.
    pub cause: Cause,
    /// The study in its resolved form.
    pub study: Value,
}

impl Ledger {
    /// Opens the ledger in `folder`, or begins it. Refuses a folder that belongs to another study or cause, or that holds
    /// other files.
    pub fn open(folder: &Path, title: &Title) -> Result<Self> {
        if Self::title(folder)?.is_none() {
            begin(folder, title)?;
        }
        // read once more: of several processes that begin at the same time, one has
        match Self::title(folder)? {
            Some(found) => refuse_other(folder, &found, title)?,
            None => {
                let message =
                    format!("{} holds other files and no ledger of a study; choose an empty folder with --out", folder.display());
                return Err(Trouble::new(Exit::Refused, message));
            }
        }
        Ok(Self::at(folder))
    }

    /// The ledger that is known to be in `folder`.
    pub fn at(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// The title of the ledger in `folder`; none if there is no ledger.
    pub fn title(folder: &Path) -> Result<Option<Title>> {
        let path = folder.join("ledger.json");
        let Some(bytes) = read_if_there(&path)? else { return Ok(None) };
        check_format(&path, &bytes)?;
        serde_json::from_slice(&bytes).or_trouble(Exit::Refused, || damaged(&path)).map(Some)
    }

    /// The folder of a subject.
    pub fn subject(&self, seeds: TrialSeeds) -> PathBuf {
        self.folder.join("subjects").join(format!("network-{}-data-{}", seeds.network.0, seeds.data.0))
    }

    /// The folder of a trial.
    pub fn trial(&self, arm: &str, seeds: TrialSeeds) -> PathBuf {
        let name = format!("network-{}-injury-{}-data-{}", seeds.network.0, seeds.injury.0, seeds.data.0);
        self.folder.join("trials").join(arm).join(name)
    }
}

/// Begins a ledger, unless the folder holds anything, or another process is faster.
fn begin(folder: &Path, title: &Title) -> Result<()> {
    if fs::read_dir(folder).is_ok_and(|entries| entries.flatten().any(|entry| !is_unborn(&entry.file_name()))) {
        return Ok(());
    }
    create_folder(folder)?;
    write_once(&folder.join("ledger.json"), &pretty(title))
}

/// Whether this is what a process left that died while it began a ledger.
fn is_unborn(name: &std::ffi::OsStr) -> bool {
    name.to_str().is_some_and(|name| name.starts_with("ledger.json.") && name.ends_with(".part"))
}

fn refuse_other(folder: &Path, found: &Title, wanted: &Title) -> Result<()> {
    let mut changes = Vec::new();
    list_changes("", &found.study, &wanted.study, &mut changes);
    let (was, is) = (&found.cause, &wanted.cause);
    let mut compare = |what: &str, was: &str, is: &str| {
        if was != is {
            changes.push(format!("  {what}: was {was}, is {is}"));
        }
    };
    compare("build of atrophy", &was.build, &is.build);
    compare("device", &was.device, &is.device);
    compare("threads", &was.threads.to_string(), &is.threads.to_string());
    compare("images (SHA-256)", &was.stimuli.sha256, &is.stimuli.sha256);
    compare("classes", &was.classes.join(", "), &is.classes.join(", "));
    let none = || "none".to_owned();
    let note = |cause: &Cause| cause.stimuli.note.clone().unwrap_or_else(none);
    compare("note on the images", &note(was), &note(is));
    let weights = |cause: &Cause| cause.weights_sha256.clone().unwrap_or_else(none);
    compare("given weights (SHA-256)", &weights(was), &weights(is));
    if changes.is_empty() {
        return Ok(());
    }
    let message = format!(
        "{} holds work on '{}' under other conditions, and mixing them would spoil both:\n{}\nUndo the change, or choose another folder with --out",
        folder.display(),
        found.name,
        changes.join("\n")
    );
    Err(Trouble::new(Exit::Refused, message))
}

/// Lists where two studies differ, by dotted key.
fn list_changes(key: &str, was: &Value, is: &Value, changes: &mut Vec<String>) {
    match (was, is) {
        (Value::Object(old), Value::Object(new)) => {
            let names = old.keys().chain(new.keys().filter(|name| !old.contains_key(*name)));
            for name in names {
                let key = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                list_changes(&key, old.get(name).unwrap_or(&Value::Null), new.get(name).unwrap_or(&Value::Null), changes);
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (index, (old, new)) in old.iter().zip(new).enumerate() {
                list_changes(&format!("{key}[{index}]"), old, new, changes);
            }
        }
        _ if was != is => changes.push(format!("  {key}: was {}, is {}", shown(was), shown(is))),
        _ => {}
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "not given".to_owned(),
        Value::Array(items) if items.iter().any(Value::is_object) => format!("{} entries", items.len()),
        other => other.to_string(),
    }
}

/// How far a case is, and all its records: what `case.json` holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Version of the stored format.
    pub format: u32,
    /// SHA-256 of the resolved study.
    pub study_sha256: String,
    /// Version of the program.
    pub build: String,
    /// Device that computes.
    pub device: String,
    /// Threads that compute.
    pub threads: usize,
    /// Name of the arm; none for a subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arm: Option<String>,
    /// Its seeds.
    pub seeds: TrialSeeds,
    /// Steps of its course that are done.
    pub steps_done: usize,
    /// Steps of its course.
    pub steps: usize,
    /// The network after these steps; none before anything changed it.
    pub state: Option<StateFile>,
    /// State files that a reading was made of, where the study keeps them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub read_states: Vec<String>,
    /// The readings so far.
    pub records: Vec<Record>,
    /// The epochs so far.
    pub epochs: Vec<EpochRecord>,
}

/// A file of weights and its checksum.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateFile {
    /// Name in the case's folder.
    pub file: String,
    /// SHA-256 of its bytes.
    pub sha256: String,
}

impl Case {
    /// A case of which nothing is done.
    pub fn begun(cause: &Cause, arm: Option<&str>, seeds: TrialSeeds, steps: usize) -> Self {
        Self {
            format: FORMAT,
            study_sha256: cause.study_sha256.clone(),
            build: cause.build.clone(),
            device: cause.device.clone(),
            threads: cause.threads,
            arm: arm.map(str::to_owned),
            seeds,
            steps_done: 0,
            steps,
            state: None,
            read_states: Vec::new(),
            records: Vec::new(),
            epochs: Vec::new(),
        }
    }

    /// Whether nothing is left to do.
    pub fn is_done(&self) -> bool {
        self.steps_done == self.steps
    }

    /// What is committed in a case's folder; none if nothing is.
    pub fn read(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join("case.json");
        let Some(bytes) = read_if_there(&path)? else { return Ok(None) };
        check_format(&path, &bytes)?;
        serde_json::from_slice(&bytes).or_trouble(Exit::Refused, || damaged(&path)).map(Some)
    }
}

/// A case that this process holds the lock of.
#[derive(Debug)]
pub struct OpenCase {
    folder: PathBuf,
    /// Held as long as the case can change.
    _lock: Option<File>,
    /// What is committed.
    pub case: Case,
}

/// What one step adds to a case.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The network, if the step changed it.
    pub state: Option<Vec<u8>>,
    /// A reading, with the files that go with it.
    pub reading: Option<(Record, Vec<ReadingFile>)>,
    /// An epoch.
    pub epoch: Option<EpochRecord>,
}

/// A file of a reading: its name and bytes.
#[derive(Debug)]
pub struct ReadingFile {
    /// Name, such as `predictions.npy`.
    pub name: String,
    /// Content.
    pub bytes: Vec<u8>,
}

impl OpenCase {
    /// Takes a case, beginning it if it is new. None if another process holds it. A case that is done changes no more, and
    /// anybody can have it.
    pub fn take(folder: &Path, begun: Case) -> Result<Option<Self>> {
        if let Some(case) = Case::read(folder)?.filter(Case::is_done) {
            check_belongs(folder, &case, &begun)?;
            return Ok(Some(Self { folder: folder.to_owned(), _lock: None, case }));
        }
        create_folder(folder)?;
        let path = folder.join("lock");
        let lock = File::create(&path).or_trouble(Exit::Failed, || cannot("create", &path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => {
                return Err(Trouble::new(Exit::Failed, format!("{}: {error}", cannot("lock", &path))));
            }
        }
        let case = match Case::read(folder)? {
            Some(case) => {
                check_belongs(folder, &case, &begun)?;
                case
            }
            None => begun,
        };
        Ok(Some(Self { folder: folder.to_owned(), _lock: Some(lock), case }))
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The committed state of the network, checked against its checksum; none if nothing changed it yet.
    pub fn state(&self) -> Result<Option<Vec<u8>>> {
        read_state(&self.folder, &self.case)
    }

    /// Makes one step durable: its files first, then `case.json`, whose rename is the commit. Older states go afterwards,
    /// unless `keep_states`.
    pub fn commit(&mut self, outcome: Outcome, keep_states: bool) -> Result<()> {
        let mut next = self.case.clone();
        next.steps_done += 1;
        if let Some(bytes) = outcome.state {
            let file = format!("state-{:05}.safetensors", next.steps_done);
            write_aside(&self.folder.join(&file), &bytes)?;
            next.state = Some(StateFile { file, sha256: sha256(&bytes) });
        }
        if let Some((record, files)) = outcome.reading {
            let folder = self.folder.join(reading_folder(record.step, record.phase));
            create_folder(&folder)?;
            files.iter().try_for_each(|file| write_aside(&folder.join(&file.name), &file.bytes))?;
            next.records.push(record);
            if keep_states && let Some(state) = &next.state {
                next.read_states.push(state.file.clone());
            }
        }
        next.epochs.extend(outcome.epoch);
        write_aside(&self.folder.join("case.json"), &pretty(&next))?;
        self.case = next;
        self.tidy(keep_states);
        Ok(())
    }

    /// Removes states that nothing needs any more, and what a killed process left half written. A file that will not go is no
    /// reason to stop: it is not believed.
    fn tidy(&self, keep_states: bool) {
        let current = self.case.state.as_ref().map(|state| state.file.as_str());
        let entries = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten();
        let readings = entries(&self.folder.join("readings")).flat_map(|reading| entries(&reading.path()));
        for entry in entries(&self.folder).chain(readings) {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let old = name.starts_with("state-") && Some(name.as_ref()) != current && !(keep_states && self.was_read(&name));
            if old || name.ends_with(".part") {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// Whether a reading was made of the network in this state file.
    fn was_read(&self, state: &str) -> bool {
        self.case.read_states.iter().any(|read| read == state)
    }
}

/// The committed state of a case, checked against its checksum.
pub fn read_state(folder: &Path, case: &Case) -> Result<Option<Vec<u8>>> {
    let Some(state) = &case.state else { return Ok(None) };
    let path = folder.join(&state.file);
    let redo = || format!("remove {} to do this case again", folder.display());
    let bytes = fs::read(&path).map_err(|error| {
        Trouble::new(
            Exit::Refused,
            format!("cannot read {}, which case.json names: {error}; put it back, or {}", path.display(), redo()),
        )
    })?;
    if sha256(&bytes) != state.sha256 {
        let message =
            format!("{} is not the file that was committed (its SHA-256 differs); put it back, or {}", path.display(), redo());
        return Err(Trouble::new(Exit::Refused, message));
    }
    Ok(Some(bytes))
}

fn check_belongs(folder: &Path, found: &Case, wanted: &Case) -> Result<()> {
    let same = found.study_sha256 == wanted.study_sha256
        && found.build == wanted.build
        && found.device == wanted.device
        && found.threads == wanted.threads
        && (&found.arm, found.seeds, found.steps) == (&wanted.arm, wanted.seeds, wanted.steps)
        && found.steps_done <= found.steps;
    if same {
        return Ok(());
    }
    let message = format!(
        "{} belongs to another study or trial; take it out of the folder, or choose another with --out",
        folder.join("case.json").display()
    );
    Err(Trouble::new(Exit::Refused, message))
}

/// Folder of a reading's files within a case.
pub fn reading_folder(step: u32, phase: Phase) -> String {
    match phase {
        Phase::Healthy => "readings/healthy".to_owned(),
        _ => format!("readings/step-{step:02}-{phase}"),
    }
}

/// The small RDM pictures of a case's records, for these layers. One that is missing or unreadable is an error: records name it.
pub fn pictures(folder: &Path, records: &[Record], layers: &[String]) -> Result<Vec<RdmPicture>> {
    let mut pictures = Vec::new();
    for record in records {
        for layer in layers {
            let path = folder.join(reading_folder(record.step, record.phase)).join(format!("rdm-{layer}.npy"));
            let bytes = fs::read(&path).or_trouble(Exit::Refused, || cannot("read", &path))?;
            let (side, values) = crate::npy::read_square(&bytes).or_trouble(Exit::Refused, || damaged(&path))?;
            pictures.push(RdmPicture { step: record.step, phase: record.phase, layer: layer.clone(), side, values });
        }
    }
    Ok(pictures)
}

fn pretty(value: &impl Serialize) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(value).expect("plain data");
    text.push(b'\n');
    text
}

fn check_format(path: &Path, bytes: &[u8]) -> Result<()> {
    let value: Value = serde_json::from_slice(bytes).or_trouble(Exit::Refused, || damaged(path))?;
    let format = value.get("format").or_else(|| value.get("cause").and_then(|cause| cause.get("format"))).and_then(Value::as_u64);
    match format {
        Some(format) if format == u64::from(FORMAT) => Ok(()),
        Some(format) => {
            let message = format!(
                "{} is of format {format}, and this build reads format {FORMAT}; use the build that wrote it",
                path.display()
            );
            Err(Trouble::new(Exit::Refused, message))
        }
        None => Err(Trouble::new(Exit::Refused, format!("{}: it names no format", damaged(path)))),
    }
}

fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(Trouble::new(Exit::Failed, format!("{}: {error}", cannot("read", path)))),
    }
}

fn damaged(path: &Path) -> String {
    format!("{} is damaged or not of this program; put it back, or remove its folder to do the work again", path.display())
}
