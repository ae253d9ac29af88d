//! What outlives a crash: files that are there whole or not at all, and the folders that lead to them.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use crate::trouble::{Exit, OrTrouble, Result};

/// Writes a file so that it is there whole or not at all, and survives a crash of the machine: written aside, synced, renamed,
/// and the folder synced so that the name lasts too.
pub(crate) fn write_aside(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let aside = path.with_file_name(name);
    let write = || -> std::io::Result<()> {
        let mut file = File::create(&aside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&aside, path)?;
        path.parent().map_or(Ok(()), sync_folder)
    };
    let written = write();
    if written.is_err() {
        let _ = fs::remove_file(&aside);
    }
    written.or_trouble(Exit::Failed, || cannot("write", path))
}

/// Makes a folder, and those that lead to it, so that they survive a crash of the machine.
pub(crate) fn create_folder(folder: &Path) -> Result<()> {
    let new: Vec<&Path> = folder.ancestors().take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists()).collect();
    let create = || -> std::io::Result<()> {
        fs::create_dir_all(folder)?;
        new.iter().filter_map(|folder| folder.parent()).try_for_each(sync_folder)
    };
    create().or_trouble(Exit::Failed, || cannot("create the folder", folder))
}

/// Makes the names in a folder last. Only Unix has a way to.
pub(crate) fn sync_folder(folder: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        // the parent of a bare name is the empty path, which is no folder
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

pub(crate) fn cannot(what: &str, path: &Path) -> String {
    format!("cannot {what} {}", path.display())
}
