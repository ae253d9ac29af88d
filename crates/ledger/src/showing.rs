//! `showing/`: the images that all readings of a study are readings of, as NumPy files once for all of them.
//!
//! `labels.npy` holds the true class of each test image, in the order of `predictions.npy` and `logits.npy`; `probe-images.npy` the number
//! of each probe image in the test set, from 0, in the order of the dissimilarity matrices.

use std::path::Path;

use neuro::responses::Showing;

use crate::case::FileRef;
use crate::disk::{create_folder_within, read_if_there, sha256, write_aside};
use crate::error::Result;
use crate::npy;
use crate::open::read_file;

/// Name of the folder.
pub(crate) const FOLDER: &str = "showing";

/// Writes what is shown into a study's folder, where it is not there already.
pub(crate) fn write(folder: &Path, showing: &Showing) -> Result<Vec<FileRef>> {
    let probe: Vec<u32> = showing.probe.iter().map(|&image| u32::try_from(image).expect("fewer than 2^32 images")).collect();
    let files = [("labels.npy", npy::labels(&showing.labels)), ("probe-images.npy", npy::numbers(&probe))];
    files.into_iter().map(|(name, bytes)| write_one(folder, &format!("{FOLDER}/{name}"), &bytes)).collect()
}

/// Copies what a study shows into the folder of another, which shows the same.
pub(crate) fn copy(from: &Path, files: &[FileRef], to: &Path) -> Result<Vec<FileRef>> {
    files.iter().map(|file| write_one(to, &file.name, &read_file(from, file)?)).collect()
}

fn write_one(folder: &Path, name: &str, bytes: &[u8]) -> Result<FileRef> {
    let path = folder.join(name);
    // what is not as it should be is written anew
    if !read_if_there(&path).is_ok_and(|there| there.as_deref() == Some(bytes)) {
        create_folder_within(folder, path.parent().unwrap_or(folder))?;
        write_aside(&path, bytes)?;
    }
    Ok(FileRef { name: name.to_owned(), sha256: sha256(bytes) })
}
