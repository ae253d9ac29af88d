//! What can go wrong between a study's wish and images in memory: what, where, and what to do next.
//!
//! A message is one line of at most some 400 characters, whatever files are called and whatever is in them: paths and
//! addresses are shown without control characters and without their middle, and whoever puts a name into a sentence does the
//! same (`shown::name`). The fields of an error hold paths as they are.

use std::io;
use std::path::{Path, PathBuf};

use crate::shown;

/// Why there are no images.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StimuliError {
    /// The study asks for what the set does not have.
    #[error("{key}: {reason}")]
    Request {
        /// Dotted path of the key in the study file.
        key: String,
        /// What is wrong, and the remedy.
        reason: String,
    },
    /// A file or folder is not what it should be.
    #[error("{what}: {}; {next}", shown::path(path))]
    Content {
        /// What is wrong.
        what: String,
        /// The file or folder.
        path: PathBuf,
        /// The remedy.
        next: String,
    },
    /// The disk refused.
    #[error("{what}: {}: {cause}; {next}", shown::path(path))]
    Disk {
        /// What was being done.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        cause: io::Error,
        /// The remedy.
        next: &'static str,
    },
    /// The network refused, or broke off.
    #[error("{what}: {}: {}; {next}", shown::clipped(&shown::line(url), 76), shown::clipped(&shown::line(reason), 90))]
    Download {
        /// What was being done.
        what: &'static str,
        /// The address.
        url: String,
        /// The reason.
        reason: String,
        /// The remedy.
        next: String,
    },
}

impl StimuliError {
    pub(crate) fn request(key: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Request { key: key.into(), reason: reason.into() }
    }

    pub(crate) fn content(what: impl Into<String>, path: &Path, next: impl Into<String>) -> Self {
        Self::Content { what: what.into(), path: path.to_path_buf(), next: next.into() }
    }

    pub(crate) fn reading(path: &Path, cause: io::Error) -> Self {
        let next = "check the path and the permissions";
        Self::Disk { what: "cannot read", path: path.to_path_buf(), cause, next }
    }

    pub(crate) fn writing(path: &Path, cause: io::Error) -> Self {
        let next = "check free space and permissions, or name another folder with --data";
        Self::Disk { what: "cannot write", path: path.to_path_buf(), cause, next }
    }
}
