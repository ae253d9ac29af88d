//! CIFAR-10 and CIFAR-100 (Krizhevsky 2009).
//!
//! Files that are already there are preferred to an archive that is there, and that to a download. An archive is read as
//! it is, and only if it is the official one. Unpacked files are taken as they lie, and what is said of them is what they
//! were compared with: byte for byte with the official archive, if that lies in the same data folder; else by the mean and
//! deviation of each channel over the training images, which says nothing of the test images.

use std::path::Path;

use neuro::images::{Check, Stimuli};
use neuro::study::Split;

use crate::archive;
use crate::download::{Fetch, Order};
use crate::error::StimuliError;
use crate::file::{self, note};
use crate::layout::{CifarSet, Files, SHAPE, class_names};
use crate::place::Place;
use crate::set::{Collection, Counts, Outline};
use crate::shelf;

/// How far a mean or a deviation may lie from the official one, as a part of 255: the published figures come from sums in
/// single precision here and there. A JPEG copy of the images is farther off.
const TOLERANCE: f64 = 1e-6;

/// The images that `split` asks for, from disk or from the network.
pub(crate) fn load(set: &CifarSet, split: &Split, place: &Place, report: &mut dyn FnMut(Fetch)) -> Result<Stimuli, StimuliError> {
    let counts = set.counts(split)?;
    let archive = place.data.join(set.archive_file);
    for folder in [&place.data.join(set.folder), &place.data] {
        if set.lies_in(folder) {
            let files = read_folder(set, folder)?;
            let (check, source) = compare(set, &files, folder, &archive)?;
            return Ok(collect(set, &files, counts, check, source, note(folder)?));
        }
    }
    if !archive.exists() {
        shelf::check(set, &place.data)?;
        let url = match &place.mirror {
            Some(mirror) => format!("{}/{}", mirror.trim_end_matches('/'), set.archive_file),
            None => set.archive.url.to_owned(),
        };
        Order { url, path: &archive, md5: set.md5, most: set.most_packed() }.fetch(report)?;
    }
    let files = archive::read(set, &archive)?;
    let source = format!("read from the official archive {} (MD5 {})", set.archive_file, set.md5);
    Ok(collect(set, &files, counts, Check::OfficialArchive, source, None))
}

/// What `split` will give; looks at no file.
pub(crate) fn outline(set: &CifarSet, split: &Split) -> Result<Outline, StimuliError> {
    let counts = set.counts(split)?;
    let classes = set.classes.len();
    Ok(Outline {
        name: set.name.to_owned(),
        shape: SHAPE,
        classes: set.official_classes(),
        counts,
        // the official test sets have as many images of each class
        test_per_class: (counts.test == set.test_images).then(|| vec![set.test_images / classes; classes]),
        archive: Some(set.archive),
    })
}

fn read_folder(set: &CifarSet, folder: &Path) -> Result<Files, StimuliError> {
    let again = format!("unpack {} again, or name another folder with --data", set.archive_file);
    let mut files = Files::new();
    for name in set.files() {
        let path = folder.join(name);
        let wrong = |what| StimuliError::content(what, &path, &again);
        match file::inspect(&path) {
            Ok(metadata) => set.check_size(name, metadata.len()).map_err(wrong)?,
            // the official names will do
            Err(error) if file::is_missing(&error) && name == set.class_file => continue,
            Err(error) if file::is_missing(&error) => return Err(wrong(format!("a file of {} is missing", set.name))),
            Err(error) => return Err(error),
        }
        let bytes = file::read(&path, set.most_bytes(name) as u64, &again)?;
        set.check(name, &bytes).map_err(wrong)?;
        files.insert(name, bytes);
    }
    Ok(files)
}

/// What the unpacked `files` in `folder` are to be taken for, in one word and in a sentence.
fn compare(set: &CifarSet, files: &Files, folder: &Path, archive: &Path) -> Result<(Check, String), StimuliError> {
    if archive::is_official(set, archive) {
        let differs = match archive::difference(set, archive, files)? {
            None if names(set, files) != set.official_classes() => Some(set.class_file),
            other => other,
        };
        if let Some(name) = differs {
            let what = format!("the file differs from the one in the official archive {}", set.archive_file);
            let next = "delete its folder to have the archive read, or, if the difference is meant, move the archive elsewhere";
            return Err(StimuliError::content(what, &folder.join(name), next));
        }
        let source = "read from unpacked files, which are byte for byte those of the official archive";
        return Ok((Check::OfficialArchive, format!("{source} {} (MD5 {})", set.archive_file, set.md5)));
    }
    let looked_at = "read from unpacked files whose sizes and labels were looked at";
    Ok(match has_official_moments(set, files) {
        None => (Check::Given, format!("{looked_at}; their pixels were not compared with the official archive")),
        Some(true) => {
            let alike = "channel means and deviations are those of the official training images";
            let rest = "the pixels, and those of the test images in particular, were not compared with the official archive";
            (Check::OfficialStatistics, format!("{looked_at}; {alike}; {rest}"))
        }
        Some(false) => {
            let other = "they are not the official ones, since channel means and deviations of the training images differ";
            (Check::NotOfficial, format!("{looked_at}; {other}"))
        }
    })
}

/// Whether mean and deviation of each channel over all training images are the official ones, if those are known.
fn has_official_moments(set: &CifarSet, files: &Files) -> Option<bool> {
    let official = set.moments?;
    let all = set.train_files.len() * set.images_per_train_file;
    let found = set.images(files, set.train_files, 0..all).channel_statistics();
    let near = |found: f64, official: f64| (found / 255.0 - official).abs() < TOLERANCE;
    Some(found.iter().zip(official).all(|(found, official)| near(found.0, official.0) && near(found.1, official.1)))
}

/// The names of the classes: those in the files, or the official ones.
fn names(set: &CifarSet, files: &Files) -> Vec<String> {
    files.get(set.class_file).map_or_else(|| set.official_classes(), |bytes| class_names(bytes))
}

/// Takes the three sets out of checked files.
fn collect(set: &CifarSet, files: &Files, counts: Counts, check: Check, source: String, note: Option<String>) -> Stimuli {
    let all = set.train_files.len() * set.images_per_train_file;
    let collection = Collection {
        name: set.name.to_owned(),
        source,
        check,
        note,
        classes: names(set, files),
        train: set.images(files, set.train_files, 0..counts.train),
        assessment: set.images(files, set.train_files, all - counts.assessment..all),
        test: set.images(files, &[set.test_file], 0..counts.test),
    };
    collection.into_stimuli()
}

#[cfg(test)]
mod tests;
