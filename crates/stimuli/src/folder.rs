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
mod tests {
    use image::codecs::jpeg::JpegEncoder;
    use image::{ImageEncoder, Rgb, Rgba, RgbaImage};
    use tempfile::TempDir;

    use super::*;

    fn save(root: &TempDir, path: &str, picture: &RgbImage) {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        picture.save(path).unwrap();
    }

    fn plain(grey: u8) -> RgbImage {
        RgbImage::from_pixel(8, 8, Rgb([grey, grey, grey]))
    }

    /// Two classes; the grey value of each picture says which it is.
    fn folder() -> TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, grey) in [
            ("train/cat/b.png", 11),
            ("train/cat/a.png", 10),
            ("train/cat/c.PNG", 12),
            ("train/Owl/10.png", 20),
            ("train/Owl/9.png", 21),
            ("test/cat/z.png", 30),
            ("test/Owl/y.png", 40),
        ] {
            save(&root, path, &plain(grey));
        }
        root
    }

    /// First value of each image.
    fn greys(images: &Images) -> Vec<u8> {
        (0..images.len()).map(|index| images.image(index)[0]).collect()
    }

    #[track_caller]
    fn message(root: &TempDir) -> String {
        let message = load(root.path(), 8, 0).unwrap_err().to_string();
        message.replace(&root.path().display().to_string(), "ROOT").replace('\\', "/")
    }

    #[test]
    fn names_decide_the_order_and_what_is_kept() {
        let root = folder();
        fs::write(root.path().join("NOTE.txt"), "Made by a test.").unwrap();
        for hidden in [".DS_Store", "train/.DS_Store", "train/cat/.DS_Store"] {
            fs::write(root.path().join(hidden), "not a picture").unwrap();
        }
        let stimuli = load(root.path(), 8, 1).unwrap();
        assert_eq!(stimuli.classes, ["Owl", "cat"]);
        assert_eq!(greys(&stimuli.train), [20, 10, 11]);
        assert_eq!(stimuli.train.labels(), [0, 1, 1]);
        assert_eq!(greys(&stimuli.assessment), [21, 12]);
        assert_eq!(stimuli.assessment.labels(), [0, 1]);
        assert_eq!(greys(&stimuli.test), [40, 30]);
        assert_eq!(stimuli.test.labels(), [0, 1]);
        assert_eq!(stimuli.provenance.note.as_deref(), Some("Made by a test."));

        let outline = outline(root.path(), 8, 1).unwrap();
        assert_eq!(outline.counts, Counts { train: 3, assessment: 2, test: 2 });
        assert_eq!(outline.classes, stimuli.classes);
        assert_eq!(outline.shape, stimuli.train.shape());
        assert_eq!(outline.name, stimuli.provenance.name);
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let root = tempfile::tempdir().unwrap();
        for index in 0..40u8 {
            let picture = RgbImage::from_fn(40, 30, |x, y| Rgb([index * 6, (x * 6) as u8, (x * y % 256) as u8]));
            for set in ["train", "test"] {
                save(&root, &format!("{set}/{}/{index}.jpg", index % 2), &picture);
            }
        }
        let load = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| load(root.path(), 16, 2).unwrap().provenance.sha256)
        };
        assert_eq!(load(1), load(5));
    }

    #[test]
    fn a_picture_is_cropped_at_the_centre() {
        let root = tempfile::tempdir().unwrap();
        let at = |x: u32, y: u32| [(10 * x) as u8, (10 * y) as u8, 77];
        for (name, width, height, left, top) in [("wide.png", 9, 4, 2, 0), ("tall.png", 4, 6, 0, 1)] {
            save(&root, name, &RgbImage::from_fn(width, height, |x, y| Rgb(at(x, y))));
            let square = read(&root.path().join(name), 4).unwrap();
            assert_eq!(square.dimensions(), (4, 4));
            for (x, y, pixel) in square.enumerate_pixels() {
                assert_eq!(pixel.0, at(x + left, y + top), "{name} at {x}, {y}");
            }
        }
    }

    #[test]
    fn a_picture_is_resized_with_its_edges_in_place() {
        let root = tempfile::tempdir().unwrap();
        let halves = RgbImage::from_fn(64, 64, |x, _| Rgb(if x < 32 { [200, 0, 0] } else { [0, 0, 100] }));
        save(&root, "halves.png", &halves);
        for size in [8, 128] {
            let square = read(&root.path().join("halves.png"), size).unwrap();
            assert_eq!(square.dimensions(), (size, size));
            for y in 0..size {
                assert_eq!(square.get_pixel(0, y).0, [200, 0, 0], "left edge at size {size}");
                assert_eq!(square.get_pixel(size - 1, y).0, [0, 0, 100], "right edge at size {size}");
                let (before, after) = (square.get_pixel(size / 2 - 1, y).0, square.get_pixel(size / 2, y).0);
                assert!(before[0] > 150 && after[0] < 50, "the middle moved at size {size}: {before:?} {after:?}");
            }
        }
    }

    #[test]
    fn a_very_long_picture_costs_no_more_than_its_middle() {
        let root = tempfile::tempdir().unwrap();
        save(&root, "line.png", &RgbImage::from_pixel(100_000, 1, Rgb([5, 6, 7])));
        let square = read(&root.path().join("line.png"), 1_024).unwrap();
        assert!(square.dimensions() == (1_024, 1_024) && square.pixels().all(|pixel| pixel.0 == [5, 6, 7]));
    }

    #[test]
    fn grey_and_transparent_pictures_become_colour() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name);
        image::GrayImage::from_pixel(4, 4, image::Luma([90])).save(path("grey.png")).unwrap();
        let clear = RgbaImage::from_fn(4, 4, |x, _| Rgba(if x < 2 { [255, 0, 10, 0] } else { [255, 0, 10, 255] }));
        clear.save(path("clear.png")).unwrap();
        assert!(read(&path("grey.png"), 4).unwrap().pixels().all(|pixel| pixel.0 == [90, 90, 90]));
        let clear = read(&path("clear.png"), 4).unwrap();
        assert_eq!(clear.get_pixel(0, 0).0, [128, 128, 128]);
        assert_eq!(clear.get_pixel(3, 0).0, [255, 0, 10]);
    }

    /// Cameras store a picture as the sensor lay, and a note which way is up.
    #[test]
    fn a_photograph_is_turned_upright() {
        let root = tempfile::tempdir().unwrap();
        let picture = RgbImage::from_fn(32, 32, |_, y| Rgb(if y < 16 { [250, 250, 250] } else { [5, 5, 5] }));
        // one entry in the first directory: tag 0x112 (orientation), a short, value 6 (turn to the right to see it upright)
        let exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0".to_vec();
        let mut bytes = Vec::new();
        let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 95);
        encoder.set_exif_metadata(exif).unwrap();
        encoder.write_image(picture.as_raw(), 32, 32, image::ExtendedColorType::Rgb8).unwrap();
        fs::write(root.path().join("photo.jpg"), bytes).unwrap();
        let upright = read(&root.path().join("photo.jpg"), 32).unwrap();
        assert!(upright.get_pixel(2, 2).0[0] < 30 && upright.get_pixel(29, 29).0[0] > 220, "the top must have come to the right");
    }

    #[test]
    fn jpeg_and_png_agree() {
        let root = tempfile::tempdir().unwrap();
        let smooth = RgbImage::from_fn(48, 48, |x, y| Rgb([(4 * x) as u8, (4 * y) as u8, 128]));
        for name in ["a.png", "a.jpg", "a.jpeg"] {
            save(&root, name, &smooth);
        }
        let png = read(&root.path().join("a.png"), 24).unwrap();
        for name in ["a.jpg", "a.jpeg"] {
            let jpeg = read(&root.path().join(name), 24).unwrap();
            let worst = png.iter().zip(jpeg.iter()).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
            assert!(worst < 16, "{name} differs by up to {worst}");
        }
    }

    #[test]
    fn a_damaged_picture_is_named() {
        let root = folder();
        fs::write(root.path().join("train/cat/b.png"), "not a picture at all").unwrap();
        fs::write(root.path().join("train/cat/c.PNG"), "nor this").unwrap();
        let message = message(&root);
        assert!(message.starts_with("the picture cannot be read ("), "{message}");
        assert!(message.ends_with("ROOT/train/cat/b.png; replace it, or move it elsewhere"), "{message}");
    }

    #[test]
    fn a_picture_that_was_cut_short_is_named() {
        for name in ["cut.png", "cut.jpg"] {
            let root = folder();
            let noisy = RgbImage::from_fn(64, 64, |x, y| Rgb([(x * x * y % 251) as u8, (x * y * y % 241) as u8, 0]));
            save(&root, &format!("test/cat/{name}"), &noisy);
            let path = root.path().join("test/cat").join(name);
            let bytes = fs::read(&path).unwrap();
            fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
            let message = message(&root);
            assert!(message.contains(&format!("ROOT/test/cat/{name}")), "{message}");
        }
    }

    #[test]
    fn the_end_of_a_preview_is_not_the_end() {
        // a segment of 6 bytes with an end marker in it, then the head of a scan and its data with an escaped 0xff
        let head = [0xff, 0xd8, 0xff, 0xe1, 0, 6, 0xff, 0xd9, 0, 0, 0xff, 0xda, 0, 2, 1, 0xff, 0, 0xff, 0xd0, 5];
        assert!(is_cut_short(&head));
        assert!(!is_cut_short(&[&head[..], &[0xff, 0xff, 0xd9]].concat()));
        assert!(!is_cut_short(&[&head[..], &[0xff, 0xd9, 1, 2, 3]].concat()));
        for length in 0..head.len() {
            assert!(is_cut_short(&head[..length]));
        }
    }

    #[test]
    fn what_does_not_belong_is_an_error() {
        let classes = "ROOT; both must have the same classes";
        let root = folder();
        save(&root, "train/dog/a.png", &plain(1));
        assert_eq!(message(&root), format!("class 'dog' is in train but not in test: {classes}"));

        let root = folder();
        save(&root, "test/dog/a.png", &plain(1));
        assert_eq!(message(&root), format!("class 'dog' is in test but not in train: {classes}"));

        let root = folder();
        fs::write(root.path().join("train/cat/list.txt"), "").unwrap();
        assert_eq!(
            message(&root),
            "this is not a PNG or JPEG picture: ROOT/train/cat/list.txt; convert it, or move it elsewhere"
        );

        let root = folder();
        save(&root, "train/a.png", &plain(1));
        assert_eq!(message(&root), "this is not a folder of a class: ROOT/train/a.png; move it elsewhere");

        let root = folder();
        fs::remove_file(root.path().join("test/cat/z.png")).unwrap();
        assert_eq!(message(&root), "there is no picture: ROOT/test/cat; put PNG or JPEG pictures there");

        let root = tempfile::tempdir().unwrap();
        assert_eq!(
            message(&root),
            "the folder is missing: ROOT/train; there must be folders train/CLASS and test/CLASS with pictures in each"
        );
        save(&root, "train/all/a.png", &plain(1));
        save(&root, "test/all/a.png", &plain(1));
        assert_eq!(message(&root), "there are 1 classes: ROOT/train; make one folder for each of 2 to 65535 classes");
    }

    #[test]
    fn more_than_there_is_is_refused_by_key() {
        let root = folder();
        let message = |size, kept| outline(root.path(), size, kept).unwrap_err().to_string();
        assert_eq!(
            message(8, 2),
            "stimuli.folder.assessment_per_class: 2 of the 2 training pictures of 'Owl' leave none to learn from; keep fewer apart"
        );
        assert_eq!(message(100_000, 0), "stimuli.folder.size: 100000 pixels are not a size of image; choose 1 to 4096");
    }
}
