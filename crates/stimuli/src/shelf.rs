//! Whether a download may be put into the data folder.
//!
//! Only into a folder that is not there yet, is empty, or holds nothing but data sets of the kind that belongs there:
//! `--data` may have been mistyped, and nothing must turn up between somebody's own files.

use std::fs;
use std::io;
use std::path::Path;

use crate::error::StimuliError;
use crate::layout::{CifarSet, SETS};
use crate::shown;

/// What may lie beside a download: the same sets in the forms that other programs read, too.
const NEIGHBOURS: [&str; 5] =
    ["NOTE.txt", "cifar-10-python.tar.gz", "cifar-10-batches-py", "cifar-100-python.tar.gz", "cifar-100-python"];

/// Refuses to download `set` into `data` if something else lies there.
pub(crate) fn check(set: &CifarSet, data: &Path) -> Result<(), StimuliError> {
    for folder in [&data.join(set.folder), data] {
        if let Some(other) = SETS.iter().find(|other| other.name != set.name && other.lies_in(folder)) {
            let what = format!("this folder holds {}, while the study asks for {}", other.name, set.name);
            return Err(StimuliError::content(
                what,
                folder,
                "name another folder with --data, or ask for the other set in the study",
            ));
        }
    }
    let entries = match fs::read_dir(data) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            let what = "data sets cannot be put here, since this is not a folder";
            return Err(StimuliError::content(what, data, "name a folder with --data"));
        }
        Err(error) => return Err(StimuliError::reading(data, error)),
    };
    for entry in entries {
        let name = entry.map_err(|error| StimuliError::reading(data, error))?.file_name();
        let name = name.to_string_lossy();
        if !belongs(set, &name) {
            let what = format!("nothing is downloaded into a folder that holds something else ('{}')", shown::name(&name));
            let next = format!("put {} there yourself, or name another folder with --data", set.archive_file);
            return Err(StimuliError::content(what, data, next));
        }
    }
    Ok(())
}

fn belongs(set: &CifarSet, name: &str) -> bool {
    let of = |set: &CifarSet| name.strip_suffix(".part").unwrap_or(name) == set.archive_file || name == set.folder;
    name.starts_with('.') || NEIGHBOURS.contains(&name) || of(set) || SETS.iter().any(|set| of(set))
}

#[cfg(test)]
mod tests;
