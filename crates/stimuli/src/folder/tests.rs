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

#[cfg(unix)]
#[test]
fn what_is_no_file_is_refused_before_anything_is_read() {
    let root = folder();
    for name in ["train/cat/a.png", "test/Owl/y.png"] {
        let path = root.path().join(name);
        let picture = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        crate::file::tests::no_files(&path, |kind| {
            let path = root.path().to_owned();
            let message = crate::file::tests::promptly(move || outline(&path, 8, 0)).unwrap_err().to_string();
            assert!(message.contains(name), "{message}");
            let is_named = if kind == "a folder" { "this is not a PNG or JPEG picture" } else { "not a file: " };
            assert!(message.contains(is_named), "{message}");
        });
        fs::write(&path, picture).unwrap();
    }
    crate::file::tests::no_files(&root.path().join("NOTE.txt"), |kind| {
        let path = root.path().to_owned();
        let message = crate::file::tests::promptly(move || load(&path, 8, 0)).unwrap_err().to_string();
        assert!(message.starts_with(&format!("this is {kind}, not a file: ")), "{message}");
    });
}

#[cfg(unix)]
#[test]
fn classes_may_be_called_anything() {
    use std::os::unix::ffi::OsStrExt;
    let root = tempfile::tempdir().unwrap();
    let names: [&[u8]; 6] = [b"a\x1b[31m", b"caf\xe9", "naïve".as_bytes(), "Ελληνικά".as_bytes(), "猫".as_bytes(), b"two\nlines"];
    for set in ["train", "test"] {
        for name in names {
            let class = root.path().join(set).join(OsStr::from_bytes(name));
            fs::create_dir_all(&class).unwrap();
            plain(7).save(class.join("a.png")).unwrap();
        }
    }
    let shown = [r"a\u{1b}[31m", "caf\u{fffd}", "naïve", r"two\u{a}lines", "Ελληνικά", "猫"];
    assert_eq!(load(root.path(), 8, 0).unwrap().classes, shown);

    // two names that would be shown alike
    for set in ["train", "test"] {
        let class = root.path().join(set).join(OsStr::from_bytes(b"caf\xe8"));
        fs::create_dir_all(&class).unwrap();
        plain(7).save(class.join("a.png")).unwrap();
    }
    assert_eq!(message(&root), "two classes are named 'caf\u{fffd}': ROOT; rename the folders of the classes");
}

#[test]
fn a_message_stays_short_whatever_things_are_called() {
    let evil = "\u{1b}[2J\u{7}".repeat(30);
    let check = |message: String| {
        assert!(message.chars().count() <= 400 && !message.contains(char::is_control), "{message:?}");
    };
    let make = |path: String| {
        let root = folder();
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
        check(load(root.path(), 8, 0).unwrap_err().to_string());
    };
    make(format!("train/{evil}/a.png"));
    make(format!("test/{evil}/a.png"));
    make(format!("train/cat/{evil}.png"));
    make(format!("train/cat/{evil}"));
    make(format!("train/{evil}"));
    check(load(Path::new(&format!("{evil}/{evil}/{evil}")), 8, 0).unwrap_err().to_string());

    let root = folder();
    fs::rename(root.path().join("train/cat"), root.path().join("train").join(&evil)).unwrap();
    fs::rename(root.path().join("test/cat"), root.path().join("test").join(&evil)).unwrap();
    check(load(root.path(), 8, 1_000).unwrap_err().to_string());
    fs::remove_dir_all(root.path().join("train/Owl")).unwrap();
    fs::remove_dir_all(root.path().join("test/Owl")).unwrap();
    check(load(root.path(), 8, 3).unwrap_err().to_string());
}

#[test]
fn a_folder_that_is_missing_says_where_it_was_looked_for() {
    let root = tempfile::tempdir().unwrap();
    let message = outline(&root.path().join("pictures"), 8, 0).unwrap_err().to_string();
    let missing = root.path().join("pictures").display().to_string();
    let next = "a relative `path` starts from the folder of the study file, whatever --data says";
    assert_eq!(message, format!("the folder of pictures is missing: {missing}; {next}"));
}

#[test]
fn an_outline_knows_the_test_pictures_of_each_class() {
    let root = folder();
    (0..5).for_each(|index| save(&root, &format!("test/cat/{index}.png"), &plain(1)));
    let outline = outline(root.path(), 8, 0).unwrap();
    assert_eq!((outline.classes, outline.test_per_class), (vec!["Owl".to_owned(), "cat".to_owned()], Some(vec![1, 6])));
}
