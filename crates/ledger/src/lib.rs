//! The ledger: the folder that holds a study's committed work.
//!
//! ```text
//! OUT/ledger.json                                      which study this is, and which cases it asks for
//! OUT/showing/                                         labels.npy, probe-images.npy: what all readings are readings of
//! OUT/subjects/network-1-data-1/                       a case: one subject's schooling
//! OUT/trials/retrained/network-1-injury-1-data-1/      a case: one trial
//!     case.json                   its index: what it depends on, and all its files with their checksums
//!     case.json.twin              the index once more, with its checksum
//!     state-00012.safetensors     a checkpoint: the network after 12 steps, immutable
//!     readings/step-03-treated/   record.json, predictions.npy, logits.npy, confusions.npy, rdm-picture-penultimate.npy,
//!                                 and, where whole matrices are kept, rdm-penultimate.npy with rdm-penultimate.json
//!     lock                        there while a process works on the case
//! ```
//! The rename of `case.json` is the commit: what it names is on disk and whole, and nothing else is believed.
//!
//! This room knows the science as plain data ([`neuro`]) and nothing that trains, so that records can be read without compiling
//! a network. Its errors are typed: what a terminal makes of them is another room's matter.

pub use asked::{AskedCase, cases};
pub use case::{Case, FileRef, Made, Questions, ReadingFiles, State, Wanted};
pub use error::{LedgerError, Result};
pub use folder::{Checkpoint, Ledger};
pub use lock::{Holder, Lock};
pub use open::{OpenCase, Outcome, read_case};
pub use reading::{NewRdms, NewReading};
pub use spec::{CaseKey, CaseSpec, Start};
pub use title::{Entry, Title};

mod folder;
mod title;

mod asked;
mod case;
mod spec;

mod open;
mod reading;
mod showing;

pub mod evidence;

pub mod care;
pub mod check;
mod copy;
pub mod merge;

pub mod disk;
mod lock;
pub mod npy;
mod twin;

mod error;

/// Version of what is stored. Raise it when old readers could misread new data.
pub const FORMAT: u32 = 3;

/// The oldest version that is read and gone on with. Readings of the second have no logits, and their `rdm-picture-LAYER.npy` is called
/// `picture-LAYER.npy`.
pub(crate) const OLDEST_FORMAT: u32 = 2;

/// Refuses what a program of another time has stored.
pub(crate) fn check_format(path: &std::path::Path, bytes: &[u8]) -> Result<()> {
    let value: serde_json::Value =
        serde_json::from_slice(bytes).map_err(|error| LedgerError::damaged(path, format!("cannot be read ({error})")))?;
    // the first format kept it among the causes
    let format = value.get("format").or_else(|| value.get("cause").and_then(|cause| cause.get("format")));
    match format.and_then(serde_json::Value::as_u64) {
        Some(format) if (u64::from(OLDEST_FORMAT)..=u64::from(FORMAT)).contains(&format) => Ok(()),
        Some(found) => Err(LedgerError::Format { path: path.to_owned(), found }),
        None => Err(LedgerError::damaged(path, "names no format")),
    }
}
