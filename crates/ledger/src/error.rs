//! What can go wrong with a folder of work: what, where, and what to do next.

use std::io;
use std::path::{Path, PathBuf};

use crate::{FORMAT, OLDEST_FORMAT};

/// A result of this room.
pub type Result<T> = std::result::Result<T, LedgerError>;

/// Why a ledger or a case cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// The disk refused.
    #[error("cannot {what} {}: {source}", path.display())]
    Disk {
        /// What was being done: "read", "write".
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The folder vanished while work went on.
    #[error("the folder {} is gone; what was committed in it went with it. Put it back, or run the study again", folder.display())]
    Gone {
        /// The folder.
        folder: PathBuf,
    },
    /// A file is not what was committed.
    #[error("{} {why}; {remedy}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
        /// What to do.
        remedy: String,
    },
    /// Stored by a program of another time.
    #[error("{} is of format {found}, and this build reads formats {OLDEST_FORMAT} to {FORMAT}; use the build that wrote it, or another folder", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u64,
    },
    /// There is no study in the folder.
    #[error("{} holds no study (no ledger.json); give the folder that `atrophy run` wrote to", folder.display())]
    NoStudy {
        /// The folder.
        folder: PathBuf,
    },
    /// The folder holds something else.
    #[error("{} holds other files and no ledger of a study; choose an empty folder with --out", folder.display())]
    OtherFiles {
        /// The folder.
        folder: PathBuf,
    },
    /// A case lies where another belongs.
    #[error(
        "{} holds another case than the study asks for: it was moved or copied there. Take it out; `atrophy run` then computes what \
         belongs there",
        folder.display()
    )]
    Foreign {
        /// The case's folder.
        folder: PathBuf,
    },
    /// Another build began this case.
    #[error(
        "{} was begun by {theirs}, and this is {ours}; two programs must not share a trial. Go on with the first, or take \
         --mix-builds, which the report will state",
        folder.display()
    )]
    OtherBuild {
        /// The case's folder.
        folder: PathBuf,
        /// The build that began it.
        theirs: String,
        /// This build.
        ours: String,
    },
    /// Two processes hold one lock.
    #[error(
        "{} was changed by another process meanwhile: locks do not hold on this file system. Let one process work on the study, or choose \
         a folder on another disk",
        folder.display()
    )]
    NotAlone {
        /// The case's folder.
        folder: PathBuf,
    },
    /// A step computed again came out otherwise.
    #[error("{}: epoch {epoch} of step {step} was computed again and came out otherwise than what was committed; nothing was changed", folder.display())]
    NotRepeated {
        /// The case's folder.
        folder: PathBuf,
        /// The step of the course.
        step: u32,
        /// The epoch, from 1.
        epoch: u32,
    },
    /// A branch begins where nothing can be begun.
    #[error("arm '{arm}': {why}")]
    Start {
        /// The arm that branches.
        arm: String,
        /// Why it cannot begin there, and the remedy.
        why: String,
    },
    /// Folders that do not go together.
    #[error("{0}")]
    Unlike(String),
}

impl LedgerError {
    /// The disk refused; or, if the folder that the file belongs to is not there any more, it is gone.
    pub(crate) fn disk(what: &'static str, path: &Path, source: io::Error) -> Self {
        match path.parent() {
            Some(folder) if source.kind() == io::ErrorKind::NotFound && !folder.as_os_str().is_empty() && !folder.exists() => {
                Self::Gone { folder: folder.to_owned() }
            }
            _ => Self::Disk { what, path: path.to_owned(), source },
        }
    }

    /// A file is not what was committed, and can be computed again.
    pub(crate) fn damaged(path: &Path, why: impl Into<String>) -> Self {
        let remedy = "`atrophy check --repair` on the study's folder mends it".to_owned();
        Self::Damaged { path: path.to_owned(), why: why.into(), remedy }
    }
}
