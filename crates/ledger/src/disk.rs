//! Files that are there whole or not at all, and the folders that lead to them, so that they survive a crash of the machine.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::error::{LedgerError, Result};

/// How the name of a file ends that is still being written.
pub(crate) const UNFINISHED: &str = ".part";

/// Writes a file so that it is there whole or not at all, and survives a crash of the machine: written aside under a name that nobody
/// else has, synced, renamed, and the folder synced so that the name lasts too.
pub fn write_aside(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = folder_of(path);
    let write = || -> io::Result<()> {
        let mut scratch = scratch(path)?;
        scratch.write_all(bytes)?;
        scratch.as_file().sync_all()?;
        scratch.persist(path)?;
        sync_folder(folder)
    };
    write().map_err(|error| LedgerError::disk("write", path, error))
}

/// Writes a file so that it is there whole or not at all, but not safe from a crash of the machine before the system has written it:
/// for what can be made again. What earlier attempts left when they were killed is removed.
///
/// # Errors
/// If it cannot be written.
pub fn write_whole(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    sweep(path);
    let mut scratch = scratch(path)?;
    let _ = scratch.as_file().lock(); // says that somebody is at work, where the file system can
    let mut file = io::BufWriter::with_capacity(1 << 20, scratch.as_file_mut());
    write(&mut file)?;
    file.flush()?;
    drop(file);
    scratch.persist(path)?;
    Ok(())
}

/// How long a scratch file must not have been touched before it may be taken for a dead one's: its owner may not have locked it yet.
const UNTOUCHED: Duration = Duration::from_secs(2);

/// Removes scratch files of `path` that nobody holds. What cannot be seen or removed is left.
fn sweep(path: &Path) {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    let beside = fs::read_dir(folder_of(path)).into_iter().flatten().flatten();
    let is_scratch = |entry: &fs::DirEntry| {
        let (entry, name) = (entry.file_name(), name.as_encoded_bytes());
        let between = entry.as_encoded_bytes().strip_prefix(name).and_then(|rest| rest.strip_suffix(UNFINISHED.as_bytes()));
        between.is_some_and(|between| between.len() == 6 && between.iter().all(u8::is_ascii_alphanumeric))
    };
    for entry in beside.filter(is_scratch) {
        let untouched = entry.metadata().ok().and_then(|about| about.modified().ok()?.elapsed().ok());
        let dead = || fs::File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok());
        if untouched.is_some_and(|time| time > UNTOUCHED) && dead() {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// A file beside `path` that is created anew, whoever else writes there, and removed again unless it is given its name.
fn scratch(path: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    let mut builder = tempfile::Builder::new();
    builder.prefix(&name).suffix(UNFINISHED);
    #[cfg(unix)]
    {
        // what the umask leaves of it, as for any other file
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder_of(path))
}

/// Makes a folder, and those that lead to it, so that they survive a crash of the machine.
pub fn create_folder(folder: &Path) -> Result<()> {
    let new: Vec<&Path> = folder.ancestors().take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists()).collect();
    let create = || -> io::Result<()> {
        fs::create_dir_all(folder)?;
        new.iter().filter_map(|folder| folder.parent()).try_for_each(sync_folder)
    };
    create().map_err(|error| LedgerError::Disk { what: "create the folder", path: folder.to_owned(), source: error })
}

/// Makes a folder inside of `root`, which must still be there: a folder that was deleted in the midst of work stays deleted.
pub(crate) fn create_folder_within(root: &Path, folder: &Path) -> Result<()> {
    if !root.is_dir() {
        return Err(LedgerError::Gone { folder: root.to_owned() });
    }
    create_folder(folder)
}

/// Makes the names in a folder last. Only Unix has a way to.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })?.sync_all()?;
    Ok(())
}

/// The folder a file lies in; a bare name lies in the current one.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// What is in a file; none if there is no such file.
pub(crate) fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::metadata(path) {
        Ok(there) if !there.is_file() => Err(LedgerError::damaged(path, "is no file")),
        Ok(_) => match fs::read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None), // it went just now
            Err(error) => Err(LedgerError::disk("read", path, error)),
        },
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(LedgerError::disk("read", path, error)),
    }
}

/// A value as JSON for people to read.
pub(crate) fn pretty(value: &impl Serialize) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(value).expect("plain data");
    text.push(b'\n');
    text
}

/// SHA-256 of bytes, in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a killed attempt left goes with the next one; what somebody holds, or what is another file's, does not.
    #[test]
    fn scratch_files_of_the_dead_are_swept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let long_ago = std::time::SystemTime::now() - Duration::from_secs(60);
        let left = |name: &str| {
            let file = File::create(folder.path().join(name)).unwrap();
            file.set_modified(long_ago).unwrap();
            file
        };
        let held = left("file.aaaaaa.part");
        held.lock().unwrap();
        for name in ["file.bbbbbb.part", "file.longer.name.part", "other.cccccc.part"] {
            left(name);
        }
        File::create(folder.path().join("file.dddddd.part")).unwrap(); // just now
        write_whole(&path, |file| file.write_all(b"whole")).unwrap();
        let mut names: Vec<String> =
            fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        assert_eq!(names, ["file", "file.aaaaaa.part", "file.dddddd.part", "file.longer.name.part", "other.cccccc.part"]);
        assert_eq!(fs::read(&path).unwrap(), b"whole");
    }

    #[test]
    fn many_writers_of_one_file_leave_one_whole_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::thread::scope(|scope| {
            for writer in 0..8u8 {
                let path = &path;
                scope.spawn(move || (0..20).for_each(|_| write_aside(path, &vec![writer; 10_000]).unwrap()));
            }
        });
        let bytes = fs::read(&path).unwrap();
        assert!(bytes.len() == 10_000 && bytes.iter().all(|byte| *byte == bytes[0]));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_has_the_permissions_of_any_other() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let mode = |name: &str| fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        write_aside(&folder.path().join("ours"), b"x").unwrap();
        fs::write(folder.path().join("any"), b"x").unwrap();
        assert_eq!(mode("ours"), mode("any"));
    }

    #[test]
    fn a_folder_that_is_gone_is_said_to_be_gone() {
        let folder = tempfile::tempdir().unwrap();
        let gone = folder.path().join("gone");
        let error = write_aside(&gone.join("file"), b"x").unwrap_err();
        assert!(matches!(error, LedgerError::Gone { folder } if folder == gone));
        assert!(matches!(create_folder_within(&gone, &gone.join("case")), Err(LedgerError::Gone { .. })));
    }
}
