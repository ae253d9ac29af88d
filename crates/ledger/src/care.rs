//! A look at a study's folder, and its cleaning.

use std::fs;
use std::path::{Path, PathBuf};

use neuro::record::Failure;
use neuro::study::TrialSeeds;

use crate::disk::UNFINISHED;
use crate::error::{LedgerError, Result};
use crate::folder::Ledger;
use crate::folder::case_folders;
use crate::lock::{Holder, Lock};
use crate::open::{self, LOCK, held_by};
use crate::showing;
use crate::spec::Start;
use crate::twin;

/// How a case stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stand {
    /// All that the study wants of it is there.
    Done,
    /// Its network failed.
    Failed(Failure),
    /// A process works on it.
    Held(Holder),
    /// Any process can take it.
    Free,
    /// What it starts from is not there yet.
    Waiting,
    /// What it starts from failed.
    Blocked,
}

/// A case that a study asks for, and how it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseStatus {
    /// Its arm; none for a subject.
    pub arm: Option<String>,
    /// Its seeds.
    pub seeds: TrialSeeds,
    /// Its folder.
    pub folder: PathBuf,
    /// How it stands.
    pub stand: Stand,
    /// Steps of its course that are done.
    pub done: u64,
    /// Steps of its course.
    pub steps: u64,
}

/// How every case stands that the study in a folder asks for.
pub fn status(folder: &Path) -> Result<Vec<CaseStatus>> {
    let ledger = Ledger::at(folder)?;
    let (_, asked) = ledger.asked()?;
    let mut all: Vec<CaseStatus> = Vec::new();
    for case in &asked {
        let place = ledger.place(&case.key);
        let committed = ledger.case(&case.key)?;
        let done = committed.as_ref().map_or(0, |case| case.done);
        let parent = match &case.spec.start {
            Start::Case { key, step } => Some((key, *step)),
            Start::Seed(_) | Start::Weights(_) => None,
        };
        let stand = match committed {
            Some(committed) if committed.is_done(&case.wanted) => Stand::Done,
            Some(crate::Case { failure: Some(failure), .. }) => Stand::Failed(failure),
            _ => match (held_by(&place), parent) {
                (Some(holder), _) => Stand::Held(holder),
                (None, Some((key, step))) if !ledger.has_checkpoint(key, step)? => {
                    let failed = ledger.case(key)?.is_some_and(|parent| parent.failure.is_some());
                    if failed { Stand::Blocked } else { Stand::Waiting }
                }
                (None, _) => Stand::Free,
            },
        };
        let steps = case.wanted.course.steps();
        all.push(CaseStatus { arm: case.arm.clone(), seeds: case.seeds, folder: place, stand, done: done.min(steps), steps });
    }
    Ok(all)
}

/// What cleaning would take away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unasked {
    /// The folder of a case that the study does not ask for.
    pub folder: PathBuf,
    /// Bytes in it.
    pub bytes: u64,
}

/// Cases that an earlier version of the study asked for, and this one does not.
pub fn unasked(folder: &Path) -> Result<Vec<Unasked>> {
    let ledger = Ledger::at(folder)?;
    ledger.asked()?; // a merge that was cut short asks for nothing yet
    let folders = ledger.unasked()?;
    Ok(folders.into_iter().map(|folder| Unasked { bytes: bytes_in(&folder), folder }).collect())
}

/// Takes away the cases that the study does not ask for, and what killed processes left behind. A case at work stays.
pub fn clean(folder: &Path) -> Result<Vec<Unasked>> {
    let _lock = Ledger::lock(folder)?;
    let mut gone = Vec::new();
    for case in unasked(folder)? {
        let Some(lock) = Lock::try_take(&case.folder.join(LOCK))? else { continue };
        fs::remove_dir_all(&case.folder).map_err(|error| LedgerError::disk("remove", &case.folder, error))?;
        drop(lock);
        let _ = case.folder.parent().map(fs::remove_dir); // an arm's folder, if it is empty now
        gone.push(case);
    }
    sweep(folder)?;
    Ok(gone)
}

/// Removes what killed processes left in a study's own folder and in those of its figures and of what it shows. The folder's lock must be held.
pub fn sweep(folder: &Path) -> Result<()> {
    for within in [folder.to_owned(), folder.join("figures"), folder.join(showing::FOLDER)] {
        for entry in fs::read_dir(within).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().ends_with(UNFINISHED) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
    for name in case_folders(folder) {
        sweep_case(&folder.join(name))?;
    }
    twin::settle(&folder.join(crate::title::INDEX))
}

/// Ends what a killed process began in a case, unless another is at work there.
fn sweep_case(folder: &Path) -> Result<()> {
    let (index, lock) = (folder.join(open::INDEX), folder.join(LOCK));
    // a case that cannot be read is left for a check
    let Ok(Some(case)) = open::read_case(folder) else { return Ok(()) };
    if !lock.exists() && !twin::is_unsettled(&index)? && open::leftovers(folder, &case).is_empty() {
        return Ok(());
    }
    let Some(_held) = Lock::try_take(&lock)? else { return Ok(()) };
    twin::settle(&index)?;
    if let Some(case) = open::read_case(folder)? {
        open::sweep(folder, &case);
    }
    Ok(())
}

fn bytes_in(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| if entry.path().is_dir() { bytes_in(&entry.path()) } else { entry.metadata().map_or(0, |m| m.len()) })
        .sum()
}
