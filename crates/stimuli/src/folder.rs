//! A folder of pictures: `train/CLASS/*` and `test/CLASS/*`, PNG or JPEG.
//!
//! Names decide everything: classes and pictures come in the order of their names, and the last training pictures of
//! a class are the ones kept apart. Hidden files are passed over; anything else that does not belong is an error, since
//! a picture that is silently left out would be missed by nobody.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Cursor};
use std::path::{Path, PathBuf};

use image::imageops::{self, FilterType};
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, ImageResult, RgbImage};
use neuro::images::{Images, Shape, Stimuli};
use rayon::prelude::*;

use crate::{Collection, Counts, Outline, StimuliError, note};

/// Largest side of an image in memory. Nobody shows a network more, and it guards against a slip of the hand.
const LARGEST_SIDE: u32 = 4096;

/// What shines through the transparent parts of a picture: mid-grey, as is usual for isolated objects.
const GROUND: u8 = 128;

/// The pictures in `folder`, as squares of `size` pixels; `kept` of each class go to the assessment set.
pub(crate) fn load(folder: &Path, size: u32, kept: u32) -> Result<Stimuli, StimuliError> {
    let shape = shape(size)?;
    let catalogue = Catalogue::of(folder, kept)?;
    let collection = Collection {
        name: catalogue.name,
        source: format!("read from a folder of pictures, cropped to their central square and resized to {size} x {size}"),
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
    Ok(Outline { name, shape, classes, counts, archive: None })
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
        let classes = class_names(folder)?;
        let (mut train, mut assessment, mut test) = (Vec::new(), Vec::new(), Vec::new());
        for (class, label) in classes.iter().zip(0..) {
            let mut pictures = pictures(&folder.join("train").join(class), label)?;
            let kept = kept as usize;
            if kept >= pictures.len() {
                let there = pictures.len();
                let class = class.display();
                let reason =
                    format!("{kept} of the {there} training pictures of '{class}' leave none to learn from; keep fewer apart");
                return Err(StimuliError::request("stimuli.folder.assessment_per_class", reason));
            }
            assessment.extend(pictures.split_off(pictures.len() - kept));
            train.extend(pictures);
            test.extend(self::pictures(&folder.join("test").join(class), label)?);
        }
        let name = folder.file_name().unwrap_or(OsStr::new("pictures")).to_string_lossy().into_owned();
        let classes = classes.iter().map(|class| class.to_string_lossy().into_owned()).collect();
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
    let stray = |some: &[OsString], others: &[OsString]| some.iter().find(|class| !others.contains(class)).cloned();
    let stray = match stray(&train, &test) {
        Some(class) => Some((class, "train", "test")),
        None => stray(&test, &train).map(|class| (class, "test", "train")),
    };
    if let Some((class, here, there)) = stray {
        let what = format!("class '{}' is in {here} but not in {there}", class.display());
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

/// One picture as a square: the largest one around its centre, resized to `size` pixels. To crop before resizing gives
/// the same picture as to crop afterwards, without ever holding a very long one at full length.
fn read(path: &Path, size: u32) -> Result<RgbImage, StimuliError> {
    let bytes = fs::read(path).map_err(|error| StimuliError::reading(path, error))?;
    let picture = decode(&bytes).map_err(|reason| {
        StimuliError::content(format!("the picture cannot be read ({reason})"), path, "replace it, or move it elsewhere")
    })?;
    let (width, height) = (picture.width(), picture.height());
    let side = width.min(height);
    let square = opaque(&picture.crop_imm((width - side) / 2, (height - side) / 2, side, side));
    Ok(if side == size { square } else { imageops::resize(&square, size, size, FilterType::CatmullRom) })
}

/// The picture that `bytes` hold, upright: a camera stores it as the sensor lay, with a note which way is up.
fn decode(bytes: &[u8]) -> Result<DynamicImage, String> {
    let readable = |bytes| -> ImageResult<_> {
        let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
        let format = reader.format();
        let mut decoder = reader.into_decoder()?;
        let orientation = decoder.orientation()?;
        let mut picture = DynamicImage::from_decoder(decoder)?;
        picture.apply_orientation(orientation);
        Ok((picture, format))
    };
    let (picture, format) = readable(bytes).map_err(|error| error.to_string())?;
    // the decoder fills what is missing with grey and says nothing
    if format == Some(ImageFormat::Jpeg) && is_cut_short(bytes) {
        return Err("the file ends before the picture does".to_owned());
    }
    Ok(picture)
}

/// Whether a JPEG file lacks its end marker. Segments are skipped by their length, since they may hold a small
/// preview with an end of its own; within the coded picture, a byte 0xff followed by 0 or 0xd0 to 0xd7 is no marker
/// of a segment (ITU-T T.81, section B.1.1).
fn is_cut_short(jpeg: &[u8]) -> bool {
    const END: u8 = 0xd9;
    // after the two bytes that begin every file
    let mut rest = jpeg.get(2..).unwrap_or_default();
    loop {
        let marker = rest.windows(2).position(|pair| pair[0] == 0xff && !matches!(pair[1], 0 | 0xff | 0xd0..=0xd7));
        let Some(at) = marker else { return true };
        if rest[at + 1] == END {
            return false;
        }
        let [_, _, high, low, ..] = rest[at..] else { return true };
        let length = usize::from(u16::from_be_bytes([high, low]));
        rest = rest.get(at + 2 + length..).unwrap_or_default();
    }
}

/// The picture on a grey ground, where it is transparent.
fn opaque(picture: &DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.to_rgb8();
    }
    let picture = picture.to_rgba8();
    RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        let [red, green, blue, alpha] = picture.get_pixel(x, y).0.map(u32::from);
        let over = |value: u32| ((value * alpha + u32::from(GROUND) * (255 - alpha) + 127) / 255) as u8;
        image::Rgb([over(red), over(green), over(blue)])
    })
}

/// Lays the picture out as planes.
fn fill(planes: &mut [u8], picture: &RgbImage) {
    let plane = planes.len() / 3;
    for (index, pixel) in picture.pixels().enumerate() {
        for (channel, &value) in pixel.0.iter().enumerate() {
            planes[channel * plane + index] = value;
        }
    }
}

#[cfg(test)]
mod tests;
