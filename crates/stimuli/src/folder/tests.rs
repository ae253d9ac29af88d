use std::fs;

use image::{Rgb, RgbImage};
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
