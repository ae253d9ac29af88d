//! The official archive of a set, read without being unpacked.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use flate2::read::GzDecoder;
use tar::{Archive as Tar, Entry};

use crate::error::StimuliError;
use crate::file::{self, md5};
use crate::layout::{CifarSet, Files};

/// Entries of the official archives are about ten.
const MOST_ENTRIES: usize = 1000;

/// What else may be in an archive, in bytes: headers and a page that describes the set.
const BESIDES: u64 = 1 << 24;

/// Whether the file at `path` is the official archive of `set`.
pub(crate) fn is_official(set: &CifarSet, path: &Path) -> bool {
    let fits = file::inspect(path).is_ok_and(|metadata| metadata.len() <= set.most_packed());
    fits && file::open(path).is_ok_and(|mut file| md5(&mut file).is_ok_and(|found| found == set.md5))
}

/// The files of `set` from its archive. Its checksum is looked at first: what is inside cannot be judged while it might be
/// anything.
pub(crate) fn read(set: &CifarSet, path: &Path) -> Result<Files, StimuliError> {
    let unreadable = |error| StimuliError::reading(path, error);
    let mut file = file::open(path)?;
    let there = file.metadata().map_err(unreadable)?.len();
    let differs = if there > set.most_packed() {
        Some(format!("it has {there} bytes"))
    } else {
        let found = md5(&mut file).map_err(unreadable)?;
        (found != set.md5).then(|| format!("its MD5 is {found}, not {}", set.md5))
    };
    if let Some(differs) = differs {
        let what = format!("the archive is damaged or not the official one ({differs})");
        let by_hand = format!("unpack it there and say in {}/NOTE.txt what it is", set.folder);
        let next = format!("delete it to have it downloaded again, or, if you trust this copy, {by_hand}");
        return Err(StimuliError::content(what, path, next));
    }
    file.rewind().map_err(unreadable)?;
    let mut files = Files::new();
    visit(set, path, file, |name, bytes| {
        files.insert(name, bytes);
        Ok(())
    })?;
    Ok(files)
}

/// Hands on each data file in the archive, after it was checked, and the names of the classes; one by one, since all of
/// them are large. The archive may say what it likes: no more is unpacked than the set has.
fn visit(
    set: &CifarSet,
    path: &Path,
    packed: File,
    mut see: impl FnMut(&'static str, Vec<u8>) -> Result<(), StimuliError>,
) -> Result<(), StimuliError> {
    let wrong = |what: String| StimuliError::content(what, path, "delete it to have it downloaded again");
    let unreadable = |error| StimuliError::reading(path, error);
    let all: usize = set.files().map(|name| set.most_bytes(name)).sum();
    let mut tar = Tar::new(GzDecoder::new(BufReader::new(packed)).take(all as u64 + BESIDES));
    let mut seen = Vec::new();
    for (index, entry) in tar.entries().map_err(unreadable)?.enumerate() {
        let entry = entry.map_err(unreadable)?;
        if index >= MOST_ENTRIES {
            return Err(wrong(format!("the archive has more than {MOST_ENTRIES} files")));
        }
        let Some(name) = name_of(set, &entry) else { continue };
        let (size, within) = (entry.size(), |what: String| wrong(format!("{name} in it: {what}")));
        if seen.contains(&name) {
            return Err(within("it is there twice".to_owned()));
        }
        if !entry.header().entry_type().is_file() {
            return Err(within("it is not a file".to_owned()));
        }
        set.check_size(name, size).map_err(within)?;
        let mut bytes = Vec::new();
        entry.take(size).read_to_end(&mut bytes).map_err(unreadable)?;
        set.check(name, &bytes).map_err(within)?;
        seen.push(name);
        see(name, bytes)?;
    }
    match set.data_files().find(|name| !seen.contains(name)) {
        Some(missing) => Err(wrong(format!("{missing} is missing in it"))),
        None => Ok(()),
    }
}

/// The first of `files` that differs from the one in the archive at `path`.
pub(crate) fn difference(set: &CifarSet, path: &Path, files: &Files) -> Result<Option<&'static str>, StimuliError> {
    let mut differs = None;
    visit(set, path, file::open(path)?, |name, official| {
        // the names of the classes were compared as names
        if differs.is_none() && set.data_files().any(|data| data == name) && files.get(name) != Some(&official) {
            differs = Some(name);
        }
        Ok(())
    })?;
    Ok(differs)
}

/// Which of the set's files an entry of the archive is, if any.
fn name_of(set: &CifarSet, entry: &Entry<impl Read>) -> Option<&'static str> {
    let path = entry.path().ok()?;
    let last = path.file_name()?;
    set.files().find(|&name| last == name)
}

#[cfg(test)]
mod tests;
