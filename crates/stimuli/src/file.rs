//! The door to the disk: regular files alone, and no more of them than expected.
//!
//! To open a pipe may wait forever, and a device never ends; so a path is looked at before it is opened.

use std::fs::{self, File, FileType, Metadata};
use std::io::{self, Read};
use std::path::Path;

use md5::{Digest, Md5};

use crate::error::StimuliError;
use crate::set::hexadecimal;
use crate::shown;

/// Longest `NOTE.txt`, in bytes. The whole note is quoted where results are shown.
const LONGEST_NOTE: u64 = 1 << 16;

/// What is known of the file at `path`, also through links; an error if it is something else than a file.
pub(crate) fn inspect(path: &Path) -> Result<Metadata, StimuliError> {
    let metadata = fs::metadata(path).map_err(|error| StimuliError::reading(path, error))?;
    if metadata.is_file() {
        return Ok(metadata);
    }
    let what = format!("this is {}, not a file", kind(metadata.file_type()));
    Err(StimuliError::content(what, path, "put the file itself there, or move this elsewhere"))
}

fn kind(kind: FileType) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return "a pipe";
        }
        if kind.is_socket() {
            return "a socket";
        }
    }
    if kind.is_dir() { "a folder" } else { "a device" }
}

/// Opens a file for reading.
pub(crate) fn open(path: &Path) -> Result<File, StimuliError> {
    inspect(path)?;
    File::open(path).map_err(|error| StimuliError::reading(path, error))
}

/// Reads a whole file of up to `most` bytes.
pub(crate) fn read(path: &Path, most: u64, next: &str) -> Result<Vec<u8>, StimuliError> {
    let mut bytes = Vec::new();
    let file = open(path)?;
    // some files grow while they are read, or do not tell their size
    file.take(most + 1).read_to_end(&mut bytes).map_err(|error| StimuliError::reading(path, error))?;
    if bytes.len() as u64 > most {
        return Err(StimuliError::content(format!("the file is too large: more than {most} bytes"), path, next));
    }
    Ok(bytes)
}

/// Whether `error` says that there is nothing at the path.
pub(crate) fn is_missing(error: &StimuliError) -> bool {
    matches!(error, StimuliError::Disk { cause, .. } if cause.kind() == io::ErrorKind::NotFound)
}

/// What `NOTE.txt` in `folder` says about the data beside it.
pub(crate) fn note(folder: &Path) -> Result<Option<String>, StimuliError> {
    match read(&folder.join("NOTE.txt"), LONGEST_NOTE, "shorten it: it is quoted in full where results are shown") {
        Ok(bytes) => {
            let text = shown::text(String::from_utf8_lossy(&bytes).trim_start_matches('\u{feff}').trim());
            Ok((!text.is_empty()).then_some(text))
        }
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// MD5 of all that `source` still has, in hexadecimal.
pub(crate) fn md5(source: &mut impl Read) -> io::Result<String> {
    let mut hash = Md5::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match source.read(&mut buffer) {
            Ok(0) => return Ok(hexadecimal(&hash.finalize())),
            Ok(bytes) => hash.update(&buffer[..bytes]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
