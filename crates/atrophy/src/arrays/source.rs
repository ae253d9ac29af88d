//! The bytes of a file, and what they are by their beginning, whatever the file's name says.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;

use rayon::prelude::*;

use super::header::MAGIC;
use super::place::Place;
use crate::trouble::{Exit, OrTrouble, Result, Trouble, what_it_is};

/// Where the bytes of an `.npy` file come from.
pub(super) enum Source<'a> {
    /// A file of its own, which can be read at several places at once.
    File(&'a File),
    /// A part of an archive, which comes in its order.
    Stream(&'a mut dyn Read),
}

impl Read for Source<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Source::File(file) => file.read(bytes),
            Source::Stream(stream) => stream.read(bytes),
        }
    }
}

/// Numbers that are read at a time: few enough that their bytes stay in the processor's cache.
const PIECE: usize = 1 << 16;

impl Source<'_> {
    /// Fills `values` with what stands from byte `start` on, where this source is now, `each` bytes for a value. `take` makes values of
    /// bytes. The pieces of a file are read on all threads: most of the time goes into what the system does for new memory.
    pub(super) fn fill<T: Send>(
        &mut self,
        start: u64,
        each: usize,
        values: &mut [T],
        take: impl Fn(&[u8], &mut [T]) + Sync,
    ) -> io::Result<()> {
        match self {
            Source::File(file) => {
                let file = &**file;
                values.par_chunks_mut(PIECE).enumerate().try_for_each_init(Vec::new, |bytes, (i, piece)| {
                    bytes.resize(piece.len() * each, 0);
                    read_at(file, bytes, start + (i * PIECE * each) as u64)?;
                    take(bytes, piece);
                    Ok(())
                })
            }
            Source::Stream(stream) => {
                let mut bytes = Vec::new();
                values.chunks_mut(PIECE).try_for_each(|piece| {
                    bytes.resize(piece.len() * each, 0);
                    stream.read_exact(&mut bytes)?;
                    take(&bytes, piece);
                    Ok(())
                })
            }
        }
    }
}

#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, at)
}

#[cfg(windows)]
fn read_at(file: &File, mut bytes: &mut [u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, bytes, at)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => (bytes, at) = (&mut bytes[read..], at + read as u64),
        }
    }
    Ok(())
}

/// Opens a file, of so many bytes. Looks at what is before it is opened: to open a pipe may wait forever, and a device never ends.
pub(super) fn open(path: &Path) -> Result<(File, u64)> {
    let cannot = || format!("cannot read {}", path.display());
    let about = std::fs::metadata(path).or_trouble(Exit::Data, cannot)?;
    if let Some(what) = what_it_is(&about) {
        return Err(Trouble::new(Exit::Data, format!("{}: it is {what}; save it as a file", cannot())));
    }
    Ok((File::open(path).or_trouble(Exit::Data, cannot)?, about.len()))
}

/// What a file is.
pub(super) enum Content {
    /// One array (`.npy`).
    Array,
    /// A ZIP archive (`.npz`), or what by its name should be one.
    Archive,
    /// Something else, with its beginning.
    Other(Vec<u8>),
}

/// Beginnings of an archive, and of one with nothing in it.
const ARCHIVE: [&[u8]; 2] = [b"PK\x03\x04", b"PK\x05\x06"];

/// Bytes at the beginning of a file that tell what it is.
const HEAD: u64 = 512;

/// Looks at the beginning of a file, which then stands at its beginning again.
pub(super) fn content(file: &mut File, place: &Place) -> Result<Content> {
    let cannot = || format!("cannot read {}", place.file.display());
    let mut head = Vec::new();
    let read = (&*file).take(HEAD).read_to_end(&mut head);
    read.and_then(|_| file.rewind()).or_trouble(Exit::Data, cannot)?;
    // what is cut off in its first bytes is told so by whoever reads its header
    let is_array = head.starts_with(MAGIC) || (!head.is_empty() && MAGIC.starts_with(&head));
    Ok(match is_array {
        true => Content::Array,
        false if place.ends("npz") || ARCHIVE.iter().any(|magic| head.starts_with(magic)) => Content::Archive,
        false => Content::Other(head),
    })
}

/// What to do with a file that is none of NumPy's.
pub(super) fn foreign(place: &Place, head: &[u8]) -> Trouble {
    let file = place.file.display();
    let message = of_other_programs(place, head).unwrap_or_else(|| match is_text(head) {
        _ if head.is_empty() => format!("{file} is empty; save the array again: numpy.save(FILE, array)"),
        true => {
            let separator = if head.contains(&b',') { ", delimiter=','" } else { "" };
            format!(
                "{file} is text, no NumPy file; if it is a table of numbers: numpy.save(FILE, numpy.loadtxt('{file}'{separator}))"
            )
        }
        false => format!("{file} is no NumPy file; save the array in it: numpy.save(FILE, array)"),
    });
    Trouble::new(Exit::Data, message)
}

/// The same for files that have arrays as other programs save them.
pub(super) fn of_other_programs(place: &Place, head: &[u8]) -> Option<String> {
    let file = place.file.display();
    let is_pickle = head.starts_with(b"\x80") && head.get(1).is_some_and(|version| (2..=5).contains(version));
    if head.starts_with(b"\x89HDF") || head.starts_with(b"MATLAB 7.3") {
        Some(format!("{file} is an HDF5 file; save one of its arrays: numpy.save(FILE, h5py.File('{file}')['NAME'][()])"))
    } else if head.starts_with(b"MATLAB 5") {
        Some(format!("{file} is a MATLAB file; save one of its arrays: numpy.save(FILE, scipy.io.loadmat('{file}')['NAME'])"))
    } else {
        is_pickle
            .then(|| format!("{file} is a pickle, which only Python can read; save the array in it: numpy.save(FILE, array)"))
    }
}

/// Whether the beginning of a file is text in UTF-8, which may end within a character.
pub(super) fn is_text(head: &[u8]) -> bool {
    let valid = std::str::from_utf8(head).map_or_else(|error| error.error_len().is_none(), |_| true);
    valid && !head.contains(&0)
}
