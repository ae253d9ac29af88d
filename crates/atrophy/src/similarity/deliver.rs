//! Results on their way to the disk.

use std::fs::{Metadata, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use ledger::disk::write_whole;

use crate::trouble::{Exit, OrTrouble, Result, Trouble};

/// Writes a result where it is wanted: whole or not at all where a file is or comes to be, through a link to its target, and straight
/// into what is no file, such as a pipe. A result can be made again, so nobody waits until it is safe from a loss of power.
///
/// # Errors
/// If it cannot be written.
pub(super) fn deliver(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let cannot = || format!("cannot write {}", path.display());
    match std::fs::metadata(path) {
        Ok(there) if there.is_dir() => Err(Trouble::new(Exit::Failed, format!("{}: it is a folder", cannot()))),
        Ok(there) if !there.is_file() => into_what_is_there(path, write).or_trouble(Exit::Failed, cannot),
        Ok(_) => {
            let target = std::fs::canonicalize(path).or_trouble(Exit::Failed, cannot)?;
            write_whole(&target, write).or_trouble(Exit::Failed, cannot)
        }
        Err(_) => write_whole(path, write).or_trouble(Exit::Failed, cannot),
    }
}

fn into_what_is_there(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut file = BufWriter::new(OpenOptions::new().write(true).open(path)?);
    write(&mut file)?;
    file.flush()
}

/// Whether a result will be a file, with a name that others can stand beside: no pipe, no device.
pub(super) fn is_or_will_be_a_file(path: &Path) -> bool {
    std::fs::metadata(path).as_ref().map_or(true, Metadata::is_file)
}

/// Whether two paths lead to the same file, which may be yet to come.
pub(super) fn are_the_same(a: &Path, b: &Path) -> bool {
    a == b || real(a).is_some_and(|a| real(b) == Some(a))
}

/// Where a file is or will be, whatever way leads there.
fn real(path: &Path) -> Option<PathBuf> {
    let folder = path.parent().map(|folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder });
    let to_be = || Some(std::fs::canonicalize(folder?).ok()?.join(path.file_name()?));
    std::fs::canonicalize(path).ok().or_else(to_be)
}

/// Whether a path ends so, in letters of either size.
pub(super) fn ends(path: &Path, ending: &str) -> bool {
    path.extension().is_some_and(|there| there.eq_ignore_ascii_case(ending))
}
