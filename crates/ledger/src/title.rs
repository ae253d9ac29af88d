//! `ledger.json`: which study a folder holds, and which cases it asks for.

use std::path::Path;

use neuro::record::Cause;
use neuro::study::TrialSeeds;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::case::{FileRef, is_inside};
use crate::error::{LedgerError, Result};
use crate::spec::CaseKey;
use crate::{check_format, twin};

/// Name of the index of a study's folder.
pub(crate) const INDEX: &str = "ledger.json";

/// What `ledger.json` holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Title {
    /// Version of the stored format.
    pub format: u32,
    /// Name of the study.
    pub name: String,
    /// What the numbers depend on besides the study.
    pub cause: Cause,
    /// The study in its resolved form.
    pub study: Value,
    /// What all readings are readings of, once networks are shown anything: the true classes of the test images, and the probe.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub showing: Vec<FileRef>,
    /// The cases it asks for.
    pub cases: Vec<Entry>,
}

/// A case that is asked for, and where it lies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its name by content.
    pub key: CaseKey,
    /// Its folder within the study's, with `/` between folders.
    pub folder: String,
    /// Name of the arm; none for a subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arm: Option<String>,
    /// Its seeds.
    pub seeds: TrialSeeds,
    /// The study that it was copied from, as the study file names it, if an arm starts from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub borrowed: Option<String>,
}

/// The title in a folder; none if there is no ledger.
pub(crate) fn read(folder: &Path) -> Result<Option<Title>> {
    let path = folder.join(INDEX);
    let Some(bytes) = twin::read(&path)? else { return Ok(None) };
    parse(&path, &bytes).map(Some)
}

/// A title from the bytes of its file.
pub(crate) fn parse(path: &Path, bytes: &[u8]) -> Result<Title> {
    check_format(path, bytes)?;
    let title: Title =
        serde_json::from_slice(bytes).map_err(|error| LedgerError::damaged(path, format!("cannot be read ({error})")))?;
    let inside = title.cases.iter().all(|entry| is_inside(&entry.folder)) && title.showing.iter().all(FileRef::stays_inside);
    if inside { Ok(title) } else { Err(LedgerError::damaged(path, "names a case or a file outside of its folder")) }
}
