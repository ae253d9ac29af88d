//! A case at work: one process holds its lock, and makes one step after the other durable.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use neuro::course::{Moment, Step};
use neuro::record::{EpochRecord, Failure, Maker, Phase};

use crate::case::{Case, FileRef, Made, ReadingFiles, State, Wanted};
use crate::disk::{UNFINISHED, create_folder_within, pretty, read_if_there, sha256, write_aside};
use crate::error::{LedgerError, Result};
use crate::lock::{self, Lock};
use crate::reading::NewReading;
use crate::spec::CaseSpec;
use crate::{check_format, twin};

/// Name of a case's index.
pub(crate) const INDEX: &str = "case.json";

/// Name of the file behind a case's lock.
pub(crate) const LOCK: &str = "lock";

/// A case that this process holds the lock of.
#[derive(Debug)]
pub struct OpenCase {
    folder: PathBuf,
    /// Held as long as the case can change.
    _lock: Lock,
    /// What is committed.
    case: Case,
    /// The committed index, byte for byte.
    index: Option<Vec<u8>>,
    maker: Maker,
    /// Behind how many steps the case stood when it was taken, and where it had checkpoints.
    found: (u64, Vec<u64>),
}

/// What one step adds to a case.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The network, if the step changed it.
    pub state: Option<Vec<u8>>,
    /// A reading, the questions it answers, and what is kept of it.
    pub reading: Option<NewReading>,
    /// An epoch.
    pub epoch: Option<EpochRecord>,
}

impl OpenCase {
    /// See [`Ledger::take`](crate::Ledger::take).
    pub(crate) fn take(root: &Path, folder: &Path, spec: &CaseSpec, maker: &Maker) -> Result<Option<Self>> {
        create_folder_within(root, folder)?;
        let Some(lock) = Lock::try_take(&folder.join(LOCK))? else { return Ok(None) };
        twin::settle(&folder.join(INDEX))?;
        let (case, index) = match read_with_bytes(folder)? {
            Some((case, bytes)) => (case, Some(bytes)),
            None if holds_more_than_a_first_step(folder) => {
                return Err(LedgerError::damaged(&folder.join(INDEX), "and its twin are missing, though the case was at work"));
            }
            None => (Case::begun(spec.clone()), None),
        };
        if case.spec != *spec {
            return Err(LedgerError::Foreign { folder: folder.to_owned() });
        }
        let found = (case.done, case.states.iter().map(|state| state.after).collect());
        let open = Self { folder: folder.to_owned(), _lock: lock, case, index, maker: maker.clone(), found };
        sweep(folder, &open.case);
        Ok(Some(open))
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What is committed.
    pub fn case(&self) -> &Case {
        &self.case
    }

    /// Refuses to let two builds change the network of one case. Both may read it.
    pub fn refuse_other_build(&self) -> Result<()> {
        match self.case.changed_by().find(|maker| maker.build != self.maker.build) {
            None => Ok(()),
            Some(other) => Err(LedgerError::OtherBuild {
                folder: self.folder.clone(),
                theirs: other.build.clone(),
                ours: self.maker.build.clone(),
            }),
        }
    }

    /// The bytes of a checkpoint of this case, checked against its checksum.
    pub fn state(&self, state: &State) -> Result<Vec<u8>> {
        read_file(&self.folder, &state.file)
    }

    /// Makes one step durable: its files first, then the index, whose rename is the commit. `before` is the number of steps before this
    /// one, which may have been done before. Checkpoints that nobody wants any more go afterwards.
    pub fn commit(&mut self, step: Step, before: u64, outcome: Outcome, wanted: &Wanted) -> Result<()> {
        let mut next = self.case.clone();
        if before >= next.done {
            next.failure = None;
        }
        let maker = self.sign(&mut next, before, outcome.state.is_some());
        let after = before + 1;
        if let Some(epoch) = outcome.epoch {
            self.add_epoch(&mut next, epoch)?;
        }
        // a checkpoint that is there stays as it is
        if let Some(bytes) = outcome.state.filter(|_| next.state(after).is_none()) {
            let file = self.write(&format!("state-{after:05}.safetensors"), &bytes)?;
            next.states.push(State { after, file });
            next.states.sort_by_key(|state| state.after);
        }
        if let (Some(reading), Step::Perceive { stage, phase }) = (&outcome.reading, step) {
            self.add_reading(&mut next, Moment { stage, phase }, maker, reading)?;
        }
        next.done = next.done.max(after);
        // the checkpoint that work goes on from, unless nothing is left to do
        let now = next.missing(wanted).map(|_| wanted.course.last_change(after));
        self.forget_unwanted(&mut next, now, wanted);
        self.replace(next)
    }

    /// Records that the network failed at its next step.
    pub fn fail(&mut self, failure: Failure) -> Result<()> {
        let mut next = self.case.clone();
        let done = next.done;
        self.sign(&mut next, done, false);
        next.failure = Some(failure);
        self.replace(next)
    }

    /// Notes who computes, if that is somebody new, and whether the network is changed: the index of the maker.
    fn sign(&self, next: &mut Case, before: u64, changes: bool) -> usize {
        if next.makers.last().is_none_or(|last| last.maker != self.maker) {
            next.makers.push(Made { after: before, maker: self.maker.clone(), changed: false });
        }
        let index = next.makers.len() - 1;
        next.makers[index].changed |= changes;
        index
    }

    /// An epoch that was learned before must come out as it did, if the same program learns it on the same instruction set.
    fn add_epoch(&self, next: &mut Case, epoch: EpochRecord) -> Result<()> {
        let known = next.epochs.iter_mut().find(|known| (known.step, known.epoch) == (epoch.step, epoch.epoch));
        let alone = next
            .makers
            .iter()
            .all(|made| made.maker.build == self.maker.build && made.maker.instructions == self.maker.instructions);
        match known {
            None => next.epochs.push(epoch),
            Some(known) if *known == epoch || !alone => {}
            Some(_) => {
                return Err(LedgerError::NotRepeated { folder: self.folder.clone(), step: epoch.step, epoch: epoch.epoch });
            }
        }
        Ok(())
    }

    fn add_reading(&self, next: &mut Case, moment: Moment, maker: usize, reading: &NewReading) -> Result<()> {
        let Moment { stage: step, phase } = moment;
        let folder = self.reading_folder(next, moment);
        create_folder_within(&self.folder, &self.folder.join(&folder))?;
        let mut files = Vec::new();
        reading.encode(|name, bytes| {
            files.push(self.write(&format!("{folder}/{name}"), bytes)?);
            Ok(())
        })?;
        let asked = next.asked.iter().position(|asked| *asked == reading.questions).unwrap_or_else(|| {
            next.asked.push(reading.questions.clone());
            next.asked.len() - 1
        });
        // an earlier reading of the moment stays, unless this one answers all that it did and has all that was kept of it
        let known = next.asked.clone();
        let has = |old: &FileRef| is_picture(old) || files.iter().any(|new| new.last_name() == old.last_name());
        let replaces = |old: &ReadingFiles| reading.questions.cover(&known[old.asked]) && old.files.iter().all(has);
        next.readings.retain(|old| (old.step, old.phase) != (step, phase) || !replaces(old));
        next.readings.push(ReadingFiles { step, phase, asked, maker, files });
        next.readings.sort_by_key(|reading| (reading.step, reading.phase));
        Ok(())
    }

    /// Where a new reading lies: `readings/step-03-treated`, with an ending where one of the same moment is there already. Files that
    /// the committed index names are never written over.
    fn reading_folder(&self, case: &Case, moment: Moment) -> String {
        let plain = reading_folder(moment);
        let taken = |folder: &str| case.files().any(|file| file.name.starts_with(&format!("{folder}/")));
        if !taken(&plain) {
            return plain;
        }
        (2..).map(|n| format!("{plain}~{n}")).find(|folder| !taken(folder)).expect("some number is free")
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<FileRef> {
        if !self.folder.is_dir() {
            return Err(LedgerError::Gone { folder: self.folder.clone() });
        }
        write_aside(&self.folder.join(name), bytes)?;
        Ok(FileRef { name: name.to_owned(), sha256: sha256(bytes) })
    }

    /// Commits an index, and removes what the one before named and this one does not.
    fn replace(&mut self, next: Case) -> Result<()> {
        let bytes = pretty(&next);
        let index = self.folder.join(INDEX);
        // a file system whose locks do not hold would let two processes come here
        if read_if_there(&index)? != self.index {
            return Err(LedgerError::NotAlone { folder: self.folder.clone() });
        }
        twin::commit(&index, &bytes, self.index.as_deref())?;
        let named: BTreeSet<&FileRef> = next.files().collect();
        for old in self.case.files().filter(|old| !named.contains(old)) {
            remove(&self.folder.join(&old.name));
        }
        self.case = next;
        self.index = Some(bytes);
        Ok(())
    }

    /// Drops checkpoints that are neither wanted, nor the last one, nor the one that work goes on from; nor any that was kept when the case
    /// was taken: what an earlier wish kept may be needed for what is still to be read.
    fn forget_unwanted(&self, next: &mut Case, now: Option<u64>, wanted: &Wanted) {
        let last = next.states.iter().map(|state| state.after).max();
        let (done, mut found) = self.found.clone();
        if done < wanted.course.steps() {
            found.pop(); // work was going on from there
        }
        let kept: BTreeSet<u64> = wanted.kept.iter().copied().chain(now).chain(last).chain(found).collect();
        next.states.retain(|state| kept.contains(&state.after));
    }
}

/// Whether a file is the small picture of a dissimilarity matrix, which has had two names.
fn is_picture(file: &FileRef) -> bool {
    ["rdm-picture-", "picture-"].iter().any(|start| file.last_name().starts_with(start))
}

/// Whether more lies in a folder without an index than a first step leaves that was cut short.
fn holds_more_than_a_first_step(folder: &Path) -> bool {
    let states = entries(folder).iter().filter(|path| file_name(path).starts_with("state-")).count();
    states > 1 || entries(&folder.join("readings")).len() > 1
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Removes from a case's folder what its index does not name: what a killed process left behind. The case's lock must be held.
pub(crate) fn sweep(folder: &Path, case: &Case) {
    leftovers(folder, case).iter().for_each(|path| remove(path));
}

/// What a case's index does not name.
pub(crate) fn leftovers(folder: &Path, case: &Case) -> Vec<PathBuf> {
    let named: BTreeSet<PathBuf> = case.files().map(|file| folder.join(&file.name)).collect();
    let readings = entries(&folder.join("readings")).into_iter().flat_map(|reading| entries(&reading));
    let is_left = |path: &PathBuf| {
        let name = file_name(path);
        let ours = name.starts_with("state-") || path.parent() != Some(folder);
        name.ends_with(UNFINISHED) || (ours && !named.contains(path))
    };
    entries(folder).into_iter().chain(readings).filter(is_left).collect()
}

/// Removes a file, and its folder if nothing else is in it. One that will not go is no reason to stop: it is not believed.
fn remove(path: &Path) {
    let _ = fs::remove_file(path);
    let _ = path.parent().map(fs::remove_dir);
}

/// What is committed in a case's folder, read without its lock; none if nothing is.
pub fn read_case(folder: &Path) -> Result<Option<Case>> {
    Ok(read_with_bytes(folder)?.map(|(case, _)| case))
}

pub(crate) fn read_with_bytes(folder: &Path) -> Result<Option<(Case, Vec<u8>)>> {
    let path = folder.join(INDEX);
    let Some(bytes) = twin::read(&path)? else { return Ok(None) };
    Ok(Some((parse(&path, &bytes)?, bytes)))
}

/// A case from the bytes of its index.
pub(crate) fn parse(path: &Path, bytes: &[u8]) -> Result<Case> {
    check_format(path, bytes)?;
    let case: Case =
        serde_json::from_slice(bytes).map_err(|error| LedgerError::damaged(path, format!("cannot be read ({error})")))?;
    let sound = case.key == case.spec.key()
        && case.readings.iter().all(|reading| reading.asked < case.asked.len() && reading.maker < case.makers.len())
        && case.readings.is_sorted_by_key(|reading| (reading.step, reading.phase))
        && case.states.iter().all(|state| state.after <= case.done)
        && case.readings.iter().all(|reading| comes_about(&case, reading))
        && case.files().all(FileRef::stays_inside);
    if sound { Ok(case) } else { Err(LedgerError::damaged(path, "does not hold together")) }
}

/// Whether the steps that were done lead to a reading.
fn comes_about(case: &Case, reading: &ReadingFiles) -> bool {
    let moment = Moment { stage: reading.step, phase: reading.phase };
    case.spec.course(reading.step).before(moment).is_some_and(|before| before < case.done)
}

/// The bytes of a file that an index names, checked against its checksum.
pub(crate) fn read_file(folder: &Path, file: &FileRef) -> Result<Vec<u8>> {
    let path = folder.join(&file.name);
    let bytes = read_if_there(&path)?.ok_or_else(|| LedgerError::damaged(&path, "is missing"))?;
    if sha256(&bytes) == file.sha256 {
        Ok(bytes)
    } else {
        Err(LedgerError::damaged(&path, "is not the file that was committed (its SHA-256 differs)"))
    }
}

/// Who works on the case in a folder; none if nobody does.
pub(crate) fn held_by(folder: &Path) -> Option<lock::Holder> {
    lock::holder(&folder.join(LOCK))
}

/// Folder of a reading's files within a case.
fn reading_folder(moment: Moment) -> String {
    match moment.phase {
        Phase::Healthy => "readings/healthy".to_owned(),
        Phase::Injured | Phase::Treated => format!("readings/step-{:02}-{}", moment.stage, moment.phase),
    }
}
