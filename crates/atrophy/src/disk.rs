//! What outlives a crash: files that are there whole or not at all, and the folders that lead to them.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use crate::trouble::{Exit, OrTrouble, Result};

/// Writes a file so that it is there whole or not at all, and survives a crash of the machine: written aside, synced, renamed,
/// and the folder synced so that the name lasts too.
pub(crate) fn write_aside(path: &Path, bytes: &[u8]) -> Result<()> {
    write(path, bytes, |aside| fs::rename(aside, path))
}

/// The same, unless the file is there already: of several who write it at once, the first one wins.
pub(crate) fn write_once(path: &Path, bytes: &[u8]) -> Result<()> {
    write(path, bytes, |aside| match fs::hard_link(aside, path) {
        // a link, unlike a new name, does not replace; where the file system has no links, the last of several wins
        Err(error) if error.kind() != ErrorKind::AlreadyExists => fs::rename(aside, path),
        _ => fs::remove_file(aside),
    })
}

/// Writes aside, syncs, and lets `name` give the file its name.
fn write(path: &Path, bytes: &[u8], name: impl Fn(&Path) -> io::Result<()>) -> Result<()> {
    // a name that nobody else has now
    let author = format!("{}-{:?}", std::process::id(), std::thread::current().id()).replace(['(', ')'], "");
    let mut file_name = path.file_name().unwrap_or_default().to_owned();
    file_name.push(format!(".{author}.part"));
    let aside = path.with_file_name(file_name);
    let write = || -> io::Result<()> {
        let mut file = File::create(&aside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        name(&aside)?;
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
    let create = || -> io::Result<()> {
        fs::create_dir_all(folder)?;
        new.iter().filter_map(|folder| folder.parent()).try_for_each(sync_folder)
    };
    create().or_trouble(Exit::Failed, || cannot("create the folder", folder))
}

/// Makes the names in a folder last. Only Unix has a way to.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
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
