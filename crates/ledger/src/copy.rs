//! A case copied from one folder to another.

use std::fs;
use std::path::{Path, PathBuf};

use crate::disk::{create_folder, write_aside};
use crate::error::{LedgerError, Result};
use crate::open::{INDEX, read_case, read_file};
use crate::twin::twin_of;

/// Copies a case, every file of it checked against its checksum. What was in the target's place goes.
pub(crate) fn copy_case(from: &Path, to: &Path) -> Result<()> {
    let Some(case) = read_case(from)? else { return Err(LedgerError::damaged(&from.join(INDEX), "is missing")) };
    create_folder(to)?;
    for file in case.files() {
        let bytes = read_file(from, file)?;
        let path = to.join(&file.name);
        create_folder(path.parent().unwrap_or(to))?;
        write_aside(&path, &bytes)?;
    }
    // the twin first, as in every commit
    for index in [twin_of(Path::new(INDEX)), PathBuf::from(INDEX)] {
        let bytes = fs::read(from.join(&index)).map_err(|error| LedgerError::disk("read", &from.join(&index), error))?;
        write_aside(&to.join(&index), &bytes)?;
    }
    Ok(())
}
