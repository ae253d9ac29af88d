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
    assert_eq!(message(&root), "this is not a PNG or JPEG picture: ROOT/train/cat/list.txt; convert it, or move it elsewhere");

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
