use std::fs;
use std::num::NonZeroU32;
use std::ops::Range;
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;
use neuro::images::Images;
use tempfile::TempDir;

use super::*;
use crate::download::tests::{Manner, serve};
use crate::file::md5;
use crate::layout::{CIFAR10, CIFAR100};
use crate::set::Archive;

/// A set of two training files with five images each and four test images, in three classes.
const TINY: CifarSet = CifarSet {
    name: "CIFAR-3",
    key: "cifar3",
    archive: Archive { url: "http://127.0.0.1:1/cifar-3-binary.tar.gz", bytes: 0 },
    archive_file: "cifar-3-binary.tar.gz",
    md5: "0",
    folder: "cifar-3-bin",
    train_files: &["batch_1.bin", "batch_2.bin"],
    images_per_train_file: 5,
    test_file: "test.bin",
    test_images: 4,
    label_bytes: 1,
    class_file: "names.txt",
    moments: None,
    classes: &["cat", "dog", "owl"],
};

/// As `TINY`, with a coarse label before the fine one.
const TINY_FINE: CifarSet = CifarSet { label_bytes: 2, ..TINY };

/// Value of one byte of one image; images are numbered through the training files and then the test file.
fn pixel(image: usize, position: usize) -> u8 {
    ((image * 31 + position * 7) % 251) as u8
}

fn label(image: usize) -> u8 {
    (image * 2 % 3) as u8
}

fn file(set: &CifarSet, images: Range<usize>) -> Vec<u8> {
    let record = |image: usize| {
        let head = if set.label_bytes == 2 { vec![19, label(image)] } else { vec![label(image)] };
        head.into_iter().chain((0..3072).map(move |position| pixel(image, position)))
    };
    images.flat_map(record).collect()
}

/// Name and content of every file of a set.
fn files(set: &CifarSet) -> Vec<(&'static str, Vec<u8>)> {
    vec![
        // not in the order in which they are needed
        ("test.bin", file(set, 10..14)),
        ("batch_2.bin", file(set, 5..10)),
        ("names.txt", b"cat\r\ndog\r\nowl\r\n\r\n".to_vec()),
        ("batch_1.bin", file(set, 0..5)),
    ]
}

fn write(set: &CifarSet, folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    files(set).iter().for_each(|(name, bytes)| fs::write(folder.join(name), bytes).unwrap());
}

/// The set's archive, and the set with its checksum.
fn archive(set: &CifarSet, files: &[(&str, Vec<u8>)]) -> (Vec<u8>, CifarSet) {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, format!("{}/{name}", set.folder), bytes.as_slice()).unwrap();
    }
    let bytes = tar.into_inner().unwrap().finish().unwrap();
    let md5 = md5(&mut bytes.as_slice()).unwrap();
    (bytes, CifarSet { md5: md5.leak(), ..*set })
}

fn place(data: &TempDir) -> Place {
    Place { data: data.path().to_owned(), study_folder: PathBuf::new(), mirror: None }
}

fn split(train: Option<u32>, assessment: u32, test: Option<u32>) -> Split {
    Split { train: train.map(|n| NonZeroU32::new(n).unwrap()), assessment, test: test.map(|n| NonZeroU32::new(n).unwrap()) }
}

fn load_quietly(set: &CifarSet, split: &Split, data: &TempDir) -> Result<Stimuli, StimuliError> {
    load(set, split, &place(data), &mut |fetch| panic!("nothing should be downloaded: {fetch:?}"))
}

#[track_caller]
fn assert_holds(images: &Images, expected: Range<usize>) {
    assert_eq!(images.shape(), SHAPE);
    assert_eq!(images.len(), expected.len());
    for (index, image) in expected.enumerate() {
        assert_eq!(images.labels()[index], u16::from(label(image)), "label of image {image}");
        let pixels: Vec<u8> = (0..3072).map(|position| pixel(image, position)).collect();
        assert!(images.image(index) == pixels, "pixels of image {image}");
    }
}

#[test]
fn all_of_a_folder() {
    for set in [TINY, TINY_FINE] {
        let data = tempfile::tempdir().unwrap();
        write(&set, &data.path().join("cifar-3-bin"));
        let stimuli = load_quietly(&set, &Split::default(), &data).unwrap();
        assert_holds(&stimuli.train, 0..10);
        assert_holds(&stimuli.assessment, 0..0);
        assert_holds(&stimuli.test, 10..14);
        assert_eq!(stimuli.classes, ["cat", "dog", "owl"]);
        assert_eq!(stimuli.provenance.name, "CIFAR-3");
        assert_eq!(stimuli.provenance.note, None);
    }
}

#[test]
fn the_files_may_lie_in_the_data_folder_itself_with_a_note() {
    let data = tempfile::tempdir().unwrap();
    write(&TINY, data.path());
    fs::write(data.path().join("NOTE.txt"), "  Drawn by a test.\n").unwrap();
    fs::remove_file(data.path().join("names.txt")).unwrap();
    let stimuli = load_quietly(&TINY, &Split::default(), &data).unwrap();
    assert_holds(&stimuli.train, 0..10);
    assert_eq!(stimuli.provenance.note.as_deref(), Some("Drawn by a test."));
    assert_eq!(stimuli.classes, ["cat", "dog", "owl"]);
}

#[test]
fn the_first_are_for_training_and_the_last_kept_apart() {
    let data = tempfile::tempdir().unwrap();
    write(&TINY, data.path());
    let stimuli = load_quietly(&TINY, &split(Some(6), 3, Some(2)), &data).unwrap();
    assert_holds(&stimuli.train, 0..6);
    assert_holds(&stimuli.assessment, 7..10);
    assert_holds(&stimuli.test, 10..12);

    let rest = load_quietly(&TINY, &split(None, 3, None), &data).unwrap();
    assert_holds(&rest.train, 0..7);
    assert_holds(&rest.assessment, 7..10);
    assert_ne!(rest.provenance.sha256, stimuli.provenance.sha256);
}

#[test]
fn more_than_there_is_is_refused_by_key() {
    let message = |split| outline(&TINY, &split).unwrap_err().to_string();
    assert_eq!(
        message(split(Some(8), 3, None)),
        "stimuli.cifar3.train: 8 images beside 3 for assessment are more than CIFAR-3's 10; ask for at most 7"
    );
    assert_eq!(
        message(split(Some(11), 0, None)),
        "stimuli.cifar3.train: 11 images are more than CIFAR-3's 10; ask for at most 10"
    );
    assert_eq!(
        message(split(None, 10, None)),
        "stimuli.cifar3.assessment: 10 images leave none of CIFAR-3's 10 to learn from; keep fewer apart"
    );
    assert_eq!(message(split(None, 0, Some(5))), "stimuli.cifar3.test: 5 images are more than CIFAR-3 has; ask for at most 4");
    assert!(message(split(Some(u32::MAX), u32::MAX, None)).starts_with("stimuli.cifar3.assessment: "));
}

#[test]
fn an_archive_gives_the_same_as_a_folder() {
    for set in [TINY, TINY_FINE] {
        let (bytes, set) = archive(&set, &files(&set));
        let (packed, unpacked) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(packed.path().join(set.archive_file), bytes).unwrap();
        write(&set, &unpacked.path().join(set.folder));
        let split = split(Some(6), 3, None);
        let from_archive = load_quietly(&set, &split, &packed).unwrap();
        let from_folder = load_quietly(&set, &split, &unpacked).unwrap();
        assert_holds(&from_archive.train, 0..6);
        assert_holds(&from_archive.assessment, 7..10);
        assert_holds(&from_archive.test, 10..14);
        assert_eq!(from_archive.classes, from_folder.classes);
        assert_eq!(from_archive.provenance.sha256, from_folder.provenance.sha256);
        assert!(from_archive.provenance.source.contains(set.md5), "{}", from_archive.provenance.source);
        assert_eq!(fs::read_dir(packed.path()).unwrap().count(), 1, "something was unpacked");
    }
}

#[test]
fn what_is_not_there_is_downloaded_once() {
    let (bytes, set) = archive(&TINY, &files(&TINY));
    let data = tempfile::tempdir().unwrap();
    let (address, server) = serve(bytes, vec![Manner::BreaksOff(100), Manner::Obliging]);
    let place = Place { mirror: Some(format!("{address}/mirrored/")), ..place(&data) };
    let broken = load(&set, &Split::default(), &place, &mut |_| ()).unwrap_err();
    assert!(broken.to_string().contains("broke off"), "{broken}");
    let downloaded = load(&set, &Split::default(), &place, &mut |_| ()).unwrap();
    assert_holds(&downloaded.train, 0..10);
    let path = "/mirrored/cifar-3-binary.tar.gz".to_owned();
    assert_eq!(server.join().unwrap(), [(path.clone(), None), (path, Some("bytes=100-".to_owned()))]);

    let again = load_quietly(&set, &Split::default(), &data).unwrap();
    assert_eq!(again.provenance, downloaded.provenance);
}

/// What is said about a folder in which one file has been changed or, for `None`, removed.
fn message(set: &CifarSet, name: &str, content: Option<&[u8]>) -> String {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join(set.folder);
    write(set, &folder);
    match content {
        Some(bytes) => fs::write(folder.join(name), bytes).unwrap(),
        None => fs::remove_file(folder.join(name)).unwrap(),
    }
    let message = load_quietly(set, &Split::default(), &data).unwrap_err().to_string();
    let path = folder.join(name).display().to_string();
    assert!(message.contains(&path), "{message} does not name {path}");
    message.replace(&path, "FILE")
}

#[test]
fn files_that_are_not_right_are_refused() {
    let again = "FILE; unpack cifar-3-binary.tar.gz again, or name another folder with --data";
    assert_eq!(message(&TINY, "batch_2.bin", None), format!("a file of CIFAR-3 is missing: {again}"));
    assert_eq!(message(&TINY, "test.bin", None), format!("a file of CIFAR-3 is missing: {again}"));

    let whole = file(&TINY, 5..10);
    let wrong = "not a CIFAR-3 file in binary format";
    let wanted = "not 15365 (5 images of 3073)";
    assert_eq!(
        message(&TINY, "batch_2.bin", Some(&whole[..15_000])),
        format!("it was cut short or is {wrong}: 15000 bytes, {wanted}: {again}")
    );
    // four images exactly, and none at all
    assert!(message(&TINY, "batch_2.bin", Some(&whole[..4 * 3073])).contains("12292 bytes"));
    assert!(message(&TINY, "batch_2.bin", Some(b"")).contains(": 0 bytes"));
    assert_eq!(
        message(&TINY, "batch_2.bin", Some(&[whole.as_slice(), &[0]].concat())),
        format!("it is {wrong}: 15366 bytes, {wanted}: {again}")
    );
    let mut foreign = whole;
    foreign[3 * 3073] = 3;
    assert_eq!(message(&TINY, "batch_2.bin", Some(&foreign)), format!("image 3 has label 3, but CIFAR-3 has 3 classes: {again}"));
    assert_eq!(message(&TINY, "names.txt", Some(b"cat\ndog\n")), format!("it names 2 classes, not 3: {again}"));
}

#[test]
fn an_archive_that_is_not_the_official_one_is_refused() {
    let (mut bytes, set) = archive(&TINY, &files(&TINY));
    let data = tempfile::tempdir().unwrap();
    let path = data.path().join(set.archive_file);
    bytes.truncate(bytes.len() / 2);
    fs::write(&path, bytes).unwrap();
    let message = load_quietly(&set, &Split::default(), &data).unwrap_err().to_string();
    assert!(message.starts_with("the archive is damaged or not the official one (its MD5 is "), "{message}");
    assert!(message.contains(&path.display().to_string()), "{message}");
    assert!(message.contains("unpack it there and say in cifar-3-bin/NOTE.txt what it is"), "{message}");
}

#[test]
fn an_archive_without_a_file_is_refused() {
    let (bytes, set) = archive(&TINY, &files(&TINY)[1..]);
    let data = tempfile::tempdir().unwrap();
    fs::write(data.path().join(set.archive_file), bytes).unwrap();
    let message = load_quietly(&set, &Split::default(), &data).unwrap_err().to_string();
    assert!(message.starts_with("test.bin is missing in it: "), "{message}");
}

#[test]
fn the_official_sets_are_described_without_any_file() {
    for (set, classes) in [(CIFAR10, 10), (CIFAR100, 100)] {
        let outline = outline(&set, &split(None, 5_000, None)).unwrap();
        assert_eq!(outline.counts, Counts { train: 45_000, assessment: 5_000, test: 10_000 });
        assert_eq!(outline.classes.len(), classes);
        assert!(outline.classes.is_sorted(), "both sets name their classes by the alphabet");
        assert_eq!(outline.archive, Some(set.archive));
        assert!(set.archive.url.ends_with(&format!("/{}", set.archive_file)));
        assert_eq!(set.md5.len(), 32);
    }
}
