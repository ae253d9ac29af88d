//! The folder of a study: `ledger.json`, which says what is asked for, and where each case lies.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use neuro::record::{Cause, Maker};
use neuro::responses::Showing;
use neuro::seed::Seed;
use neuro::study::Study;

use crate::asked::{AskedCase, cases};
use crate::case::FileRef;
use crate::copy::copy_case;
use crate::disk::{create_folder, pretty};
use crate::error::{LedgerError, Result};
use crate::lock::{Holder, Lock};
use crate::open::{self, OpenCase, read_case};
use crate::showing;
use crate::spec::{CaseKey, CaseSpec, Start};
use crate::title::{self, Entry, INDEX, Title};
use crate::{FORMAT, twin};

/// Held for moments, by whoever writes into the folder itself.
const LOCK: &str = "ledger.lock";

/// The folder of one study.
#[derive(Clone, Debug)]
pub struct Ledger {
    folder: PathBuf,
    title: Title,
}

/// The network of a case at the end of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checkpoint {
    /// A file of weights.
    State(Vec<u8>),
    /// Nothing has changed it since it was born from this seed.
    Newborn(Seed),
    /// Nothing has changed it since it was given, as a file with this SHA-256.
    Given(String),
}

/// Where a checkpoint is.
enum Found {
    Nowhere,
    Newborn(Seed),
    Given(String),
    File(PathBuf, FileRef),
}

impl Ledger {
    /// Refuses a folder that holds other files, or a ledger that was altered: before anything is downloaded or computed for it.
    pub fn check_place(folder: &Path) -> Result<()> {
        refuse_other_files(folder)?;
        title::read(folder).map(drop)
    }

    /// Opens the ledger in `folder` for a study, or begins it, writes down what is shown, and finds the place of each of its cases. What an earlier version of the
    /// study asked for and this one does not stays where it is.
    ///
    /// # Errors
    /// If the folder holds other files, or a file of the ledger was altered, or an arm starts from a study that is not there.
    pub fn open(folder: &Path, name: &str, cause: &Cause, study: &Study, shown: &Showing) -> Result<(Self, Vec<AskedCase>)> {
        refuse_other_files(folder)?;
        create_folder(folder)?;
        let _lock = Self::lock(folder)?;
        twin::settle(&folder.join(INDEX))?;
        let before = title::read(folder)?;
        let mut places = Places::of(folder, before.as_ref())?;
        let borrowed = borrow(folder, study, before.as_ref(), &mut places)?;
        let asked = cases(study, cause, &borrowed)?;
        refuse_other_study(folder, name, before.as_ref(), &asked)?;
        let mut entries: Vec<Entry> = asked.iter().map(|case| case.entry(places.of_case(case))).collect();
        entries.extend(borrowed);
        let study = serde_json::to_value(study).expect("plain data");
        let (name, cause) = (name.to_owned(), cause.clone());
        let mut title = Title { format: FORMAT, name, cause, study, showing: Vec::new(), cases: entries };
        // a folder with an index is ours, whatever else is in it
        let before =
            before.map_or_else(|| twin::commit(&folder.join(INDEX), &pretty(&title), None).map(|()| title.clone()), Ok)?;
        title.showing = showing::write(folder, shown)?;
        if before != title {
            twin::commit(&folder.join(INDEX), &pretty(&title), Some(&pretty(&before)))?;
        }
        Ok((Self { folder: folder.to_owned(), title }, asked))
    }

    /// The ledger that is in `folder`.
    pub fn at(folder: &Path) -> Result<Self> {
        let title = title::read(folder)?.ok_or_else(|| LedgerError::NoStudy { folder: folder.to_owned() })?;
        Ok(Self { folder: folder.to_owned(), title })
    }

    /// A ledger with this title in a new folder.
    pub(crate) fn begin(folder: &Path, title: Title) -> Result<Self> {
        refuse_other_files(folder)?;
        create_folder(folder)?;
        let _lock = Self::lock(folder)?;
        twin::commit(&folder.join(INDEX), &pretty(&title), None)?;
        Ok(Self { folder: folder.to_owned(), title })
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What it says of itself.
    pub fn title(&self) -> &Title {
        &self.title
    }

    /// The study, and the cases it asks for.
    pub fn asked(&self) -> Result<(Study, Vec<AskedCase>)> {
        let study: Study = serde_json::from_value(self.title.study.clone()).map_err(|error| {
            LedgerError::damaged(&self.folder.join(INDEX), format!("holds a study that this build does not understand ({error})"))
        })?;
        let borrowed: Vec<Entry> = self.title.cases.iter().filter(|entry| entry.borrowed.is_some()).cloned().collect();
        let strange = |why: &str| LedgerError::damaged(&self.folder.join(INDEX), why);
        study.check_ceilings().map_err(|fault| strange(&format!("asks for too much ({}: {})", fault.key, fault.reason)))?;
        let asked = cases(&study, &self.title.cause, &borrowed)?;
        if asked.iter().any(|case| self.title.cases.iter().all(|entry| entry.key != case.key)) {
            let folder = self.folder.display();
            let why =
                format!("{folder} was begun by another build, or its merging was cut short; run the study, or merge, again");
            return Err(LedgerError::Unlike(why));
        }
        Ok((study, asked))
    }

    /// Waits for the lock of a study's folder, which whoever writes into the folder itself must hold: the report, the ledger.
    pub fn lock(folder: &Path) -> Result<Lock> {
        Lock::take(&folder.join(LOCK))
    }

    /// The folder of a case.
    ///
    /// # Panics
    /// If the study does not ask for it.
    pub fn place(&self, key: &CaseKey) -> PathBuf {
        let entry = self.title.cases.iter().find(|entry| entry.key == *key).expect("a case that is asked for has its place");
        self.folder.join(&entry.folder)
    }

    /// What is committed of a case.
    pub fn case(&self, key: &CaseKey) -> Result<Option<crate::Case>> {
        let folder = self.place(key);
        match read_case(&folder)? {
            Some(case) if case.key != *key => Err(LedgerError::Foreign { folder }),
            found => Ok(found),
        }
    }

    /// Opens a case and takes its lock, creating it if needed. Returns `None` if another process holds the lock.
    ///
    /// # Errors
    /// If its folder holds another case, or its index was altered, or the study's folder is gone.
    pub fn take(&self, key: &CaseKey, spec: &CaseSpec, maker: &Maker) -> Result<Option<OpenCase>> {
        OpenCase::take(&self.folder, &self.place(key), spec, maker)
    }

    /// Who works on a case; none if nobody does.
    pub fn held_by(&self, key: &CaseKey) -> Option<Holder> {
        open::held_by(&self.place(key))
    }

    /// The network of a case at the end of a step, checked against its checksum; none if it is not kept.
    pub fn checkpoint(&self, key: &CaseKey, step: u32) -> Result<Option<Checkpoint>> {
        match self.find_checkpoint(key, step)? {
            Found::Nowhere => Ok(None),
            Found::Newborn(seed) => Ok(Some(Checkpoint::Newborn(seed))),
            Found::Given(sha256) => Ok(Some(Checkpoint::Given(sha256))),
            Found::File(folder, file) => open::read_file(&folder, &file).map(|bytes| Some(Checkpoint::State(bytes))),
        }
    }

    /// Whether the network of a case at the end of a step is kept.
    pub fn has_checkpoint(&self, key: &CaseKey, step: u32) -> Result<bool> {
        Ok(!matches!(self.find_checkpoint(key, step)?, Found::Nowhere))
    }

    fn find_checkpoint(&self, key: &CaseKey, step: u32) -> Result<Found> {
        let Some(case) = self.case(key)? else { return Ok(Found::Nowhere) };
        let course = case.spec.course(step);
        // a course that branched has no end of a step before it
        let Some(end) = course.end_of(step).filter(|end| *end <= case.done) else { return Ok(Found::Nowhere) };
        let after = course.last_change(end);
        match (&case.spec.start, case.state(after)) {
            _ if after > 0 && case.state(after).is_none() => Ok(Found::Nowhere),
            (_, Some(state)) if after > 0 => Ok(Found::File(self.place(key), state.file.clone())),
            (Start::Seed(seed), _) => Ok(Found::Newborn(*seed)),
            (Start::Weights(sha256), _) => Ok(Found::Given(sha256.clone())),
            (Start::Case { key, step }, _) => self.find_checkpoint(key, *step),
        }
    }

    /// The subject that a case goes back to, through all that it branched from.
    pub fn subject_of(&self, key: &CaseKey) -> Result<CaseKey> {
        match self.case(key)?.map(|case| case.spec.start) {
            Some(Start::Case { key, .. }) => self.subject_of(&key),
            _ => Ok(key.clone()),
        }
    }

    /// Cases that are in the folder and that the study does not ask for: their folders.
    pub fn unasked(&self) -> Result<Vec<PathBuf>> {
        let asked: BTreeSet<&str> = self.title.cases.iter().map(|entry| entry.folder.as_str()).collect();
        Ok(case_folders(&self.folder)
            .into_iter()
            .filter(|name| !asked.contains(name.as_str()))
            .map(|name| self.folder.join(name))
            .collect())
    }
}

/// A ledger is begun in a new or empty folder alone; what a process left that died while it began one is nothing.
fn refuse_other_files(folder: &Path) -> Result<()> {
    let ours = |name: &OsStr| name.to_str().is_some_and(|name| name.starts_with("ledger."));
    let mut names = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name()).peekable();
    if folder.join(INDEX).exists() || twin::twin_of(&folder.join(INDEX)).exists() || names.peek().is_none() {
        return Ok(());
    }
    // cases find their place by what they say of themselves, should the index be lost
    if names.all(|name| ours(&name)) || !case_folders(folder).is_empty() {
        Ok(())
    } else {
        Err(LedgerError::OtherFiles { folder: folder.to_owned() })
    }
}

/// A study may grow and change in its folder; another one, that shares nothing with it, has a folder of its own.
fn refuse_other_study(folder: &Path, name: &str, before: Option<&Title>, asked: &[AskedCase]) -> Result<()> {
    let Some(before) = before.filter(|before| before.name != name) else { return Ok(()) };
    let shared = |entry: &Entry| asked.iter().any(|case| case.key == entry.key);
    if before.cases.iter().any(shared) {
        return Ok(());
    }
    Err(LedgerError::Unlike(format!(
        "{} holds the study '{}', which has no case in common with '{name}'; choose another folder with --out",
        folder.display(),
        before.name
    )))
}

/// Folders that hold cases, as ledgers name them.
pub(crate) fn case_folders(folder: &Path) -> Vec<String> {
    let names = |within: &str| -> Vec<String> {
        let entries = fs::read_dir(folder.join(within)).into_iter().flatten().flatten();
        let folders = entries.filter(|entry| entry.path().is_dir());
        let mut names: Vec<String> = folders.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        names.into_iter().map(|name| format!("{within}/{name}")).collect()
    };
    let trials = names("trials").into_iter().flat_map(|arm| names(&arm));
    names("subjects").into_iter().chain(trials).collect()
}

/// Where cases lie, and which names are taken.
pub(crate) struct Places {
    folder: PathBuf,
    known: BTreeMap<CaseKey, String>,
    taken: BTreeSet<String>,
}

impl Places {
    /// By what the earlier title says, and by what each case says of itself.
    pub(crate) fn of(folder: &Path, before: Option<&Title>) -> Result<Self> {
        let mut places = Self { folder: folder.to_owned(), known: BTreeMap::new(), taken: BTreeSet::new() };
        for entry in before.into_iter().flat_map(|title| &title.cases) {
            places.add(&entry.key, &entry.folder);
        }
        for name in case_folders(folder) {
            if places.taken.contains(&name) {
                continue;
            }
            match read_case(&folder.join(&name)) {
                Ok(Some(case)) => places.add(&case.key, &name),
                Ok(None) => {}
                // somebody's damaged case: not ours to use, and not ours to write over
                Err(_) => {
                    places.taken.insert(name);
                }
            }
        }
        Ok(places)
    }

    fn add(&mut self, key: &CaseKey, name: &str) {
        self.known.entry(key.clone()).or_insert_with(|| name.to_owned());
        self.taken.insert(name.to_owned());
    }

    /// The place of a case: where it is, or a name that is free.
    pub(crate) fn of_case(&mut self, case: &AskedCase) -> String {
        self.of_key(&case.key, &case.readable_name())
    }

    pub(crate) fn of_key(&mut self, key: &CaseKey, readable: &str) -> String {
        if let Some(known) = self.known.get(key) {
            return known.clone();
        }
        let name = if self.taken.contains(readable) { format!("{readable}~{}", key.short()) } else { readable.to_owned() };
        self.add(key, &name);
        name
    }

    pub(crate) fn knows(&self, key: &CaseKey) -> bool {
        self.known.contains_key(key) && self.folder.join(&self.known[key]).join(open::INDEX).exists()
    }
}

/// Copies the cases of other studies that arms start from, with all that those go back to. Where the other study's folder is gone, what was
/// copied from it before will do.
fn borrow(folder: &Path, study: &Study, before: Option<&Title>, places: &mut Places) -> Result<Vec<Entry>> {
    let mut borrowed: Vec<Entry> = Vec::new();
    for arm in &study.arms {
        let Some(start) = &arm.start else { continue };
        let Some(other) = &start.study else { continue };
        let of = other.display().to_string();
        let trouble = |why: String| LedgerError::Start { arm: arm.name.to_string(), why };
        let there = match Ledger::at(other) {
            Ok(there) => there,
            Err(error) => {
                let known = before.into_iter().flat_map(|title| &title.cases);
                let known: Vec<Entry> = known.filter(|entry| entry.borrowed.as_deref() == Some(of.as_str())).cloned().collect();
                if known.is_empty() {
                    return Err(trouble(error.to_string()));
                }
                let new: Vec<Entry> = known.into_iter().filter(|entry| !borrowed.contains(entry)).collect();
                borrowed.extend(new);
                continue;
            }
        };
        for seeds in study.seeds.trials() {
            let found = |entry: &&Entry| entry.arm.as_deref() == Some(start.arm.as_str()) && entry.seeds == seeds;
            let Some(trial) = there.title.cases.iter().find(found) else { continue };
            if !there.has_checkpoint(&trial.key, start.step.get())? {
                return Err(trouble(format!(
                    "{of} has no network of arm '{}' after step {}; run that study with keep = [{}]",
                    start.arm, start.step, start.step
                )));
            }
            let mut next = Some(trial.key.clone());
            while let Some(key) = next {
                let entry = there.title.cases.iter().find(|entry| entry.key == key);
                let entry = entry.ok_or_else(|| trouble(format!("{of} does not hold all that the trial goes back to")))?;
                let place = places.of_key(&key, &entry.folder);
                let (lent, ours) = (there.place(&key), folder.join(&place));
                if open::read_with_bytes(&lent)? != open::read_with_bytes(&ours)? {
                    copy_case(&lent, &ours)?;
                }
                let entry = Entry { folder: place, borrowed: Some(of.clone()), ..entry.clone() };
                if !borrowed.contains(&entry) {
                    borrowed.push(entry);
                }
                next = match there.case(&key)?.map(|case| case.spec.start) {
                    Some(Start::Case { key, .. }) => Some(key),
                    Some(Start::Seed(_) | Start::Weights(_)) | None => None,
                };
            }
        }
    }
    Ok(borrowed)
}
