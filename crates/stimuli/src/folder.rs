//! A folder of pictures: `train/CLASS/*` and `test/CLASS/*`, PNG or JPEG.
//!
//! Names decide everything: classes and pictures come in the order of their names, and the last training pictures of
//! a class are the ones kept apart. Hidden files are passed over; anything else that does not belong is an error, since
//! a picture that is silently left out would be missed by nobody.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use neuro::images::{Check, Images, Shape, Stimuli};
use rayon::prelude::*;

use crate::error::StimuliError;
use crate::file::{self, note};
use crate::picture::{fill, read};
use crate::set::{Collection, Counts, Outline, check_class_names};
use crate::shown;

/// Largest side of an image in memory. Nobody shows a network more, and it guards against a slip of the hand.
const LARGEST_SIDE: u32 = 4096;

/// The pictures in `folder`, as squares of `size` pixels; `kept` of each class go to the assessment set.
pub(crate) fn load(folder: &Path, size: u32, kept: u32) -> Result<Stimuli, StimuliError> {
    let shape = shape(size)?;
    let catalogue = Catalogue::of(folder, kept)?;
    let collection = Collection {
        name: catalogue.name,
        source: format!("read from a folder of pictures, cropped to their central square and resized to {size} x {size}"),
        check: Check::Pictures,
        note: note(folder)?,
        classes: catalogue.classes,
        train: read_all(&catalogue.train, shape)?,
        assessment: read_all(&catalogue.assessment, shape)?,
        test: read_all(&catalogue.test, shape)?,
    };
    Ok(collection.into_stimuli())
}

/// What `load` will give, told from names alone.
pub(crate) fn outline(folder: &Path, size: u32, kept: u32) -> Result<Outline, StimuliError> {
    let shape = shape(size)?;
    let Catalogue { name, classes, train, assessment, test } = Catalogue::of(folder, kept)?;
    let counts = Counts { train: train.len(), assessment: assessment.len(), test: test.len() };
    let mut test_per_class = vec![0; classes.len()];
    test.iter().for_each(|&(_, label)| test_per_class[usize::from(label)] += 1);
    Ok(Outline { name, shape, classes, counts, test_per_class: Some(test_per_class), archive: None })
}

fn shape(size: u32) -> Result<Shape, StimuliError> {
    if !(1..=LARGEST_SIDE).contains(&size) {
        let reason = format!("{size} pixels are not a size of image; choose 1 to {LARGEST_SIDE}");
        return Err(StimuliError::request("stimuli.folder.size", reason));
    }
    Ok(Shape { channels: 3, height: size as usize, width: size as usize })
}

/// A picture and its class.
type Picture = (PathBuf, u16);

/// Which pictures there are, and which set each belongs to.
struct Catalogue {
    name: String,
    classes: Vec<String>,
    train: Vec<Picture>,
    assessment: Vec<Picture>,
    test: Vec<Picture>,
}

impl Catalogue {
    fn of(folder: &Path, kept: u32) -> Result<Self, StimuliError> {
        if !folder.exists() {
            let next = "a relative `path` starts from the folder of the study file, whatever --data says";
            return Err(StimuliError::content("the folder of pictures is missing", folder, next));
        }
        let classes = class_names(folder)?;
        let (mut train, mut assessment, mut test) = (Vec::new(), Vec::new(), Vec::new());
        for (class, label) in classes.iter().zip(0..) {
            let mut pictures = pictures(&folder.join("train").join(class), label)?;
            let kept = kept as usize;
            if kept >= pictures.len() {
                let there = pictures.len();
                let class = shown::name(&class.to_string_lossy());
                let reason =
                    format!("{kept} of the {there} training pictures of '{class}' leave none to learn from; keep fewer apart");
                return Err(StimuliError::request("stimuli.folder.assessment_per_class", reason));
            }
            assessment.extend(pictures.split_off(pictures.len() - kept));
            train.extend(pictures);
            test.extend(self::pictures(&folder.join("test").join(class), label)?);
        }
        let name = shown::line(&folder.file_name().unwrap_or(OsStr::new("pictures")).to_string_lossy());
        let classes: Vec<String> = classes.iter().map(|class| shown::line(&class.to_string_lossy())).collect();
        check_class_names(&classes).map_err(|what| StimuliError::content(what, folder, "rename the folders of the classes"))?;
        Ok(Self { name, classes, train, assessment, test })
    }
}

/// The classes, which must be the same for training and test.
fn class_names(folder: &Path) -> Result<Vec<OsString>, StimuliError> {
    let names = |set: &str| -> Result<Vec<_>, StimuliError> {
        let folder = folder.join(set);
        let entries = visible(&folder, "there must be folders train/CLASS and test/CLASS with pictures in each")?;
        if let Some(file) = entries.iter().find(|entry| !entry.is_dir()) {
            return Err(StimuliError::content("this is not a folder of a class", file, "move it elsewhere"));
        }
        Ok(entries.iter().filter_map(|entry| entry.file_name()).map(OsStr::to_owned).collect())
    };
    let (train, test) = (names("train")?, names("test")?);
    let stray = |some: &[OsString], others: &[OsString]| some.iter().find(|class| others.binary_search(class).is_err()).cloned();
    let stray = match stray(&train, &test) {
        Some(class) => Some((class, "train", "test")),
        None => stray(&test, &train).map(|class| (class, "test", "train")),
    };
    if let Some((class, here, there)) = stray {
        let what = format!("class '{}' is in {here} but not in {there}", shown::name(&class.to_string_lossy()));
        return Err(StimuliError::content(what, folder, "both must have the same classes"));
    }
    let (found, most) = (train.len(), usize::from(u16::MAX));
    if !(2..=most).contains(&found) {
        let what = format!("there are {found} classes");
        return Err(StimuliError::content(
            what,
            &folder.join("train"),
            format!("make one folder for each of 2 to {most} classes"),
        ));
    }
    Ok(train)
}

/// The pictures of one class in one set; at least one.
fn pictures(folder: &Path, label: u16) -> Result<Vec<Picture>, StimuliError> {
    let entries = visible(folder, "check the path")?;
    let known = |path: &Path| {
        let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
        ["png", "jpg", "jpeg"].iter().any(|&known| extension == known)
    };
    if let Some(other) = entries.iter().find(|entry| entry.is_dir() || !known(entry)) {
        return Err(StimuliError::content("this is not a PNG or JPEG picture", other, "convert it, or move it elsewhere"));
    }
    entries.iter().try_for_each(|entry| file::inspect(entry).map(drop))?;
    if entries.is_empty() {
        return Err(StimuliError::content("there is no picture", folder, "put PNG or JPEG pictures there"));
    }
    Ok(entries.into_iter().map(|path| (path, label)).collect())
}

/// What lies in a folder and is not hidden, by name.
fn visible(folder: &Path, next: &str) -> Result<Vec<PathBuf>, StimuliError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(StimuliError::content("the folder is missing", folder, next));
        }
        other => other.map_err(|error| StimuliError::reading(folder, error))?,
    };
    let mut paths = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| StimuliError::reading(folder, error))?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

/// Reads pictures in parallel, each into its own place; of several that cannot be read, the first is told of.
fn read_all(pictures: &[Picture], shape: Shape) -> Result<Images, StimuliError> {
    let mut pixels = vec![0; pictures.len() * shape.len()];
    let places = pixels.par_chunks_exact_mut(shape.len());
    let failures: Vec<StimuliError> = places
        .zip(pictures)
        .filter_map(|(planes, (path, _))| match read(path, shape.width as u32) {
            Ok(picture) => {
                fill(planes, &picture);
                None
            }
            Err(error) => Some(error),
        })
        .collect();
    match failures.into_iter().next() {
        Some(first) => Err(first),
        None => Ok(Images::new(shape, pixels, pictures.iter().map(|&(_, label)| label).collect())),
    }
}

#[cfg(test)]
mod tests;
