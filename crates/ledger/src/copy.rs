//! A case copied from one folder to another.

use std::path::Path;

use crate::disk::{create_folder, write_aside};
use crate::error::{LedgerError, Result};
use crate::lock::Lock;
use crate::open::{INDEX, LOCK, read_file, read_with_bytes};
use crate::twin;

/// How often a copy is begun anew because the original was changed meanwhile.
const ATTEMPTS: usize = 5;

/// Copies a case as one commit left it, every file checked against its checksum. What is in the target's place is replaced.
pub(crate) fn copy_case(from: &Path, to: &Path) -> Result<()> {
    create_folder(to)?;
    let _lock = Lock::take(&to.join(LOCK))?;
    for attempt in 1.. {
        match copy_once(from, to) {
            // a process at work on the original may have replaced what its index named
            Err(LedgerError::Damaged { .. }) if attempt < ATTEMPTS => {}
            other => return other,
        }
    }
    unreachable!("attempts end")
}

fn copy_once(from: &Path, to: &Path) -> Result<()> {
    let (case, index) = read_with_bytes(from)?.ok_or_else(|| LedgerError::damaged(&from.join(INDEX), "is missing"))?;
    for file in case.files() {
        let path = to.join(&file.name);
        create_folder(path.parent().unwrap_or(to))?;
        write_aside(&path, &read_file(from, file)?)?;
    }
    let before = read_with_bytes(to)?.map(|(_, bytes)| bytes);
    twin::commit(&to.join(INDEX), &index, before.as_deref())
}
