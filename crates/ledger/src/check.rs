//! Every file of a study's folder against its checksum, and what can be done about those that were harmed.

use std::fs;
use std::path::{Path, PathBuf};

use crate::case::Case;
use crate::disk::{pretty, read_if_there, sha256};
use crate::error::{LedgerError, Result};
use crate::folder::case_folders;
use crate::lock::Lock;
use crate::open::{self, LOCK, parse, read_file};
use crate::spec::CaseKey;
use crate::title;
use crate::twin::{self, Pair, twin_of};

/// The checksums of the report's files, as `sha256sum` writes them.
pub const REPORT_SUMS: &str = "report.sha256";

/// A file that is not what was committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub what: String,
    /// What mends it.
    pub remedy: Remedy,
}

/// What mends a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// An index is put back from its twin.
    FromTwin,
    /// A twin is made anew from its index.
    FromIndex,
    /// A reading is made again, from its checkpoint if that is kept.
    ReadAgain,
    /// A checkpoint is computed again, from the one before it.
    ComputeAgain,
    /// A whole case is computed again, from what it starts from.
    BeginAgain,
    /// It is written again from the study's images.
    WriteAgain,
    /// The report is made again.
    Report,
    /// The study is run again: cases are found by their content.
    RunAgain,
    /// Somebody takes it out of the folder.
    TakeOut,
    /// It is whole, and of a build that knows other things than this one.
    OtherBuild,
    /// The study does not ask for it any more.
    Clean,
    /// Somebody has to look.
    ByHand,
}

impl std::fmt::Display for Remedy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Remedy::FromTwin => "--repair puts it back from its twin",
            Remedy::FromIndex => "--repair makes it again from the file beside it",
            Remedy::ReadAgain => "--repair makes the reading again",
            Remedy::ComputeAgain => "--repair computes the checkpoint again",
            Remedy::BeginAgain => "--repair computes the whole case again",
            Remedy::WriteAgain => "--repair, or `atrophy run`, writes it again",
            Remedy::Report => "--repair, or `atrophy report`, makes the report again",
            Remedy::OtherBuild => "use the build that wrote it; nothing is wrong with it",
            Remedy::Clean => "the study no longer asks for it; `atrophy clean --yes` takes it away",
            Remedy::ByHand => "see to it by hand: it is no folder, or may not be read",
            Remedy::TakeOut => "take it out of the folder; `atrophy run` then computes what belongs there",
            Remedy::RunAgain => "remove it and its twin and run the study again: its cases are found by their content",
        })
    }
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Files that were looked at.
    pub files: usize,
    /// Those that are not what was committed.
    pub faults: Vec<Fault>,
    /// Cases that the study asks for and of which nothing is there.
    pub absent: usize,
}

/// Verifies every file in a study's folder that anything names: the ledger, all cases whether still asked for or not, the report. Reads
/// all of them whole.
///
/// # Errors
/// If there is no study in the folder, or the disk fails.
pub fn check(folder: &Path) -> Result<Checked> {
    let mut checked = Checked::default();
    let index = folder.join(title::INDEX);
    let title = match twin::look(&index)? {
        Pair::Nothing => return Err(LedgerError::NoStudy { folder: folder.to_owned() }),
        pair => checked.index(&index, pair, Remedy::RunAgain, |bytes| title::parse(&index, bytes).is_ok()),
    };
    let title = title.map(|bytes| title::parse(&index, &bytes)).transpose()?;
    title.iter().flat_map(|title| &title.showing).for_each(|file| checked.file(folder, file, Remedy::WriteAgain));
    let asked = title.map(|title| title.cases);
    if asked.as_ref().is_some_and(Vec::is_empty) {
        checked.fault(&index, "lists no cases: a merge was cut short; merge again, or", Remedy::RunAgain);
    }
    for entry in asked.iter().flatten() {
        let place = folder.join(&entry.folder);
        checked.absent += usize::from(!place.join(open::INDEX).exists());
        // what cannot be looked into must not pass for empty
        for part in place.ancestors().take_while(|part| *part != folder) {
            let blind = part.symlink_metadata().is_ok() && fs::read_dir(part).is_err();
            if blind && checked.faults.iter().all(|fault| fault.path != part) {
                checked.fault(part, "cannot be looked into", Remedy::ByHand);
            }
        }
    }
    for name in case_folders(folder) {
        let known = checked.faults.len();
        let key = checked.case_at_rest(&folder.join(&name))?;
        let Some(asked) = &asked else { continue };
        match asked.iter().find(|entry| entry.folder == name) {
            Some(entry) if key.as_ref().is_some_and(|key| *key != entry.key) => {
                checked.fault(&folder.join(&name), "holds another case than the study asks for", Remedy::TakeOut);
            }
            Some(_) => {}
            // nobody would compute it again
            None => checked.faults[known..].iter_mut().for_each(|fault| fault.remedy = Remedy::Clean),
        }
    }
    checked.report(folder)?;
    Ok(checked)
}

impl Checked {
    fn fault(&mut self, path: &Path, what: impl Into<String>, remedy: Remedy) {
        self.faults.push(Fault { path: path.to_owned(), what: what.into(), remedy });
    }

    /// Looks at an index and its twin; what can be believed of it, if anything.
    fn index(&mut self, path: &Path, pair: Pair, lost: Remedy, sound: impl Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
        self.files += 2;
        match pair {
            Pair::Nothing => None,
            Pair::Whole(bytes) if sound(&bytes) => {
                if !path.exists() {
                    self.fault(path, "is missing", Remedy::FromTwin);
                }
                Some(bytes)
            }
            Pair::IndexHurt(bytes) if sound(&bytes) => {
                let what = if path.exists() { "is not what was committed" } else { "is missing" };
                self.fault(path, what, Remedy::FromTwin);
                Some(bytes)
            }
            Pair::TwinHurt(bytes) if sound(&bytes) => {
                let twin = twin_of(path);
                let what = if twin.exists() { "is not what was committed" } else { "is missing" };
                self.fault(&twin, what, Remedy::FromIndex);
                Some(bytes)
            }
            // its checksum is right: another build wrote it
            Pair::Whole(_) | Pair::IndexHurt(_) => {
                self.fault(path, "is whole and cannot be understood by this build", Remedy::OtherBuild);
                None
            }
            Pair::TwinHurt(_) | Pair::BothHurt => {
                self.fault(path, "and its twin cannot be believed", lost);
                None
            }
        }
    }

    /// Looks at a case, and again if a process at work changed it meanwhile.
    fn case_at_rest(&mut self, folder: &Path) -> Result<Option<CaseKey>> {
        let (files, faults) = (self.files, self.faults.len());
        let index = folder.join(open::INDEX);
        loop {
            let before = read_if_there(&index).or_else(no_file)?;
            let key = self.case(folder)?;
            if self.faults.len() == faults || read_if_there(&index).or_else(no_file)? == before {
                return Ok(key);
            }
            self.files = files;
            self.faults.truncate(faults);
        }
    }

    /// Looks at a case: its key, if its index can be believed.
    fn case(&mut self, folder: &Path) -> Result<Option<CaseKey>> {
        let index = folder.join(open::INDEX);
        let pair = twin::look(&index)?;
        if pair == Pair::Nothing && holds_work(folder) {
            self.fault(&index, "and its twin are missing, and files of the case are there", Remedy::BeginAgain);
        }
        let Some(bytes) = self.index(&index, pair, Remedy::BeginAgain, |bytes| parse(&index, bytes).is_ok()) else {
            return Ok(None);
        };
        let case = parse(&index, &bytes)?;
        for state in &case.states {
            self.file(folder, &state.file, Remedy::ComputeAgain);
        }
        for file in case.readings.iter().flat_map(|reading| &reading.files) {
            self.file(folder, file, Remedy::ReadAgain);
        }
        Ok(Some(case.key))
    }

    fn file(&mut self, folder: &Path, file: &crate::FileRef, remedy: Remedy) {
        self.files += 1;
        match read_file(folder, file) {
            Ok(_) => {}
            Err(LedgerError::Damaged { path, why, .. }) => self.fault(&path, why, remedy),
            Err(error) => self.fault(&folder.join(&file.name), format!("cannot be read ({error})"), remedy),
        }
    }

    fn report(&mut self, folder: &Path) -> Result<()> {
        let sums = folder.join(REPORT_SUMS);
        let Some(bytes) = read_if_there(&sums).or_else(no_file)? else {
            if folder.join("report.html").exists() {
                self.fault(&sums, "is missing", Remedy::Report);
            }
            return Ok(());
        };
        self.files += 1;
        let text = String::from_utf8_lossy(&bytes);
        let Some(text) = whole_sums(&text) else {
            self.fault(&sums, "is damaged", Remedy::Report);
            return Ok(());
        };
        for (sum, name) in text.lines().filter_map(|line| line.split_once("  ")) {
            self.files += 1;
            let path = folder.join(name);
            match read_if_there(&path).or_else(no_file)? {
                Some(bytes) if sha256(&bytes) == sum => {}
                Some(_) => self.fault(&path, format!("does not have the checksum that {REPORT_SUMS} says"), Remedy::Report),
                None => self.fault(&path, format!("is missing, and {REPORT_SUMS} names it"), Remedy::Report),
            }
        }
        Ok(())
    }
}

/// The checksums of a report's files as a file of their own: a line that vouches for the rest, then what `sha256sum` writes.
pub fn report_sums<'a>(files: impl Iterator<Item = (&'a str, &'a [u8])>) -> String {
    let lines: String = files.map(|(name, bytes)| format!("{}  {name}\n", sha256(bytes))).collect();
    format!("# {}\n{lines}", sha256(lines.as_bytes()))
}

/// The lines of such a file, if it is whole.
fn whole_sums(text: &str) -> Option<&str> {
    let (head, lines) = text.strip_prefix("# ")?.split_once('\n')?;
    (sha256(lines.as_bytes()) == head).then_some(lines)
}

/// Whether a folder has files of a case that only an index could name.
fn holds_work(folder: &Path) -> bool {
    let names = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
    names.into_iter().any(|name| name.to_string_lossy().starts_with("state-") || name == "readings")
}

/// Puts back what can be put back by itself, and takes out of the cases what was harmed, so that it is wanted and not there: running the
/// study then computes it again. Tells whether there is anything to compute.
pub fn set_aside(folder: &Path, faults: &[Fault]) -> Result<bool> {
    let mut compute = false;
    for fault in faults {
        // a folder in a file's place cannot be written over; one that holds something is somebody's
        if fault.path.is_dir() && !matches!(fault.remedy, Remedy::Clean | Remedy::TakeOut | Remedy::ByHand) {
            fs::remove_dir(&fault.path).map_err(|error| LedgerError::disk("remove", &fault.path, error))?;
        }
        match fault.remedy {
            Remedy::FromTwin | Remedy::FromIndex => mend_pair(&fault.path)?,
            Remedy::Clean => {}
            Remedy::ByHand | Remedy::RunAgain | Remedy::TakeOut | Remedy::OtherBuild => {
                let why = fault.what.clone();
                return Err(LedgerError::Damaged { path: fault.path.clone(), why, remedy: fault.remedy.to_string() });
            }
            Remedy::Report => {}
            Remedy::ReadAgain | Remedy::ComputeAgain | Remedy::BeginAgain | Remedy::WriteAgain => compute = true,
        }
    }
    for name in case_folders(folder) {
        forget(&folder.join(name), faults)?;
    }
    Ok(compute)
}

/// Index and twin, each from the other.
fn mend_pair(path: &Path) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let of_study = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(title::INDEX));
    let _lock = if of_study { crate::Ledger::lock(folder)? } else { take_lock(folder)? };
    let index = match path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".twin")) {
        Some(name) => path.with_file_name(name),
        None => path.to_owned(),
    };
    match twin::look(&index)? {
        Pair::IndexHurt(bytes) | Pair::Whole(bytes) => crate::disk::write_aside(&index, &bytes),
        // which index came before is known to the twin alone, and matters only while a commit is under way
        Pair::TwinHurt(bytes) => twin::commit(&index, &bytes, None),
        Pair::Nothing | Pair::BothHurt => Ok(()),
    }
}

/// Takes harmed files out of a case's index.
fn forget(folder: &Path, faults: &[Fault]) -> Result<()> {
    let index = folder.join(open::INDEX);
    let mut of_case = faults.iter().filter(|fault| fault.path.starts_with(folder)).peekable();
    if of_case.peek().is_none() {
        return Ok(());
    }
    // what others commit meanwhile must not be written over
    let _lock = take_lock(folder)?;
    let harmed =
        |name: &str, remedy: &Remedy| faults.iter().any(|fault| fault.path == folder.join(name) && fault.remedy == *remedy);
    if of_case.any(|fault| fault.remedy == Remedy::BeginAgain) {
        let files = [index.clone(), twin_of(&index)];
        for path in &files {
            fs::remove_file(path).or_else(ignore_missing).map_err(|error| LedgerError::disk("remove", path, error))?;
        }
        // without an index nobody could tell what they are
        for entry in fs::read_dir(folder).into_iter().flatten().flatten().filter(|entry| entry.file_name() != LOCK) {
            let path = entry.path();
            let gone = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            gone.or_else(ignore_missing).map_err(|error| LedgerError::disk("remove", &path, error))?;
        }
        return Ok(());
    }
    let Some(bytes) = twin::read(&index)? else { return Ok(()) };
    let case = parse(&index, &bytes)?;
    let mut left = Case { ..case.clone() };
    left.states.retain(|state| !harmed(&state.file.name, &Remedy::ComputeAgain));
    left.readings.retain(|reading| !reading.files.iter().any(|file| harmed(&file.name, &Remedy::ReadAgain)));
    if left != case {
        twin::commit(&index, &pretty(&left), Some(&bytes))?;
    }
    Ok(())
}

fn take_lock(folder: &Path) -> Result<Lock> {
    let held = || LedgerError::Unlike(format!("{} is at work; repair when that has ended", folder.display()));
    Lock::try_take(&folder.join(LOCK))?.ok_or_else(held)
}

/// Something else in a file's place is a file that is not as it was.
fn no_file(error: LedgerError) -> Result<Option<Vec<u8>>> {
    if matches!(error, LedgerError::Damaged { .. }) { Ok(Some(Vec::new())) } else { Err(error) }
}

fn ignore_missing(error: std::io::Error) -> std::io::Result<()> {
    if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}
