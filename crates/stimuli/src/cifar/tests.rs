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
#[cfg(unix)]
use crate::file::tests::{no_files, promptly};
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
        assert_eq!(stimuli.provenance.check, Check::Given);
        assert!(stimuli.provenance.source.ends_with("their pixels were not compared with the official archive"));
    }
}

/// As `TINY`, with the means and deviations that its images have.
fn known() -> CifarSet {
    let data = tempfile::tempdir().unwrap();
    write(&TINY, data.path());
    let found = load_quietly(&TINY, &Split::default(), &data).unwrap().train.channel_statistics();
    CifarSet { moments: Some([0, 1, 2].map(|channel| (found[channel].0 / 255.0, found[channel].1 / 255.0))), ..TINY }
}

#[test]
fn files_with_the_official_means_and_deviations_are_said_to_have_them() {
    let set = known();
    let data = tempfile::tempdir().unwrap();
    write(&set, data.path());
    // a part of the images is asked for, and all are looked at
    let provenance = load_quietly(&set, &split(Some(1), 0, Some(1)), &data).unwrap().provenance;
    assert_eq!(provenance.check, Check::OfficialStatistics);
    assert!(provenance.source.contains("those of the official training images; the pixels, and those of the test images"));
}

#[test]
fn files_with_other_means_or_deviations_are_said_to_be_others() {
    // one pixel of 30,720 differs; and a mean that stays, while the deviation does not
    let one: fn(&mut [u8]) = |bytes| bytes[1] += 50;
    let two: fn(&mut [u8]) = |bytes| (bytes[1], bytes[2]) = (bytes[1] + 80, bytes[2] - 80);
    for change in [one, two] {
        let set = known();
        let data = tempfile::tempdir().unwrap();
        write(&set, data.path());
        let mut bytes = file(&set, 5..10);
        change(&mut bytes);
        fs::write(data.path().join("batch_2.bin"), bytes).unwrap();
        let provenance = load_quietly(&set, &split(Some(1), 0, Some(1)), &data).unwrap().provenance;
        assert_eq!(provenance.check, Check::NotOfficial);
        assert!(provenance.source.contains("they are not the official ones"), "{}", provenance.source);
    }
}

#[test]
fn an_official_archive_beside_unpacked_files_vouches_for_them() {
    let (bytes, set) = archive(&TINY, &files(&TINY));
    let data = tempfile::tempdir().unwrap();
    fs::write(data.path().join(set.archive_file), &bytes).unwrap();
    let folder = data.path().join(set.folder);
    write(&set, &folder);
    let stimuli = load_quietly(&set, &Split::default(), &data).unwrap();
    assert_eq!(stimuli.provenance.check, Check::OfficialArchive);
    let source = "read from unpacked files, which are byte for byte those of the official archive cifar-3-binary.tar.gz";
    assert_eq!(stimuli.provenance.source, format!("{source} (MD5 {})", set.md5));

    // whatever differs is not passed over, and not exchanged silently either
    let mut other = file(&set, 10..14);
    *other.last_mut().unwrap() ^= 1;
    for (name, bytes) in [("test.bin", other), ("names.txt", b"dog\ncat\nowl\n".to_vec())] {
        write(&set, &folder);
        fs::write(folder.join(name), bytes).unwrap();
        let message = load_quietly(&set, &Split::default(), &data).unwrap_err().to_string();
        let path = folder.join(name).display().to_string();
        let what = "the file differs from the one in the official archive cifar-3-binary.tar.gz";
        assert!(message.starts_with(&format!("{what}: {path}; delete its folder")), "{message}");
    }

    // an archive that is not official vouches for nothing
    write(&set, &folder);
    fs::write(data.path().join(set.archive_file), &bytes[1..]).unwrap();
    assert_eq!(load_quietly(&set, &Split::default(), &data).unwrap().provenance.check, Check::Given);
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
    assert_eq!(message(&TINY, "names.txt", Some(b"cat\nowl\ncat\n")), format!("two classes are named 'cat': {again}"));
    let long = "x".repeat(10_000);
    let named = format!("the class name '{}…{}' has 10000 characters, more than 255", "x".repeat(16), "x".repeat(33));
    assert_eq!(message(&TINY, "names.txt", Some(format!("{long}\ncat\nowl").as_bytes())), format!("{named}: {again}"));
    let list = long.repeat(1000);
    assert_eq!(
        message(&TINY, "names.txt", Some(list.as_bytes())),
        format!("it is no list of 3 classes: 10000000 bytes: {again}")
    );
}

#[test]
fn classes_may_have_names_in_any_script() {
    let data = tempfile::tempdir().unwrap();
    write(&TINY, data.path());
    for (names, expected) in [
        ("猫\nΕλληνικά\nnaïve\n".as_bytes(), ["猫", "Ελληνικά", "naïve"]),
        (b"c\x1b[31mat\nd\0og\nowl".as_slice(), [r"c\u{1b}[31mat", r"d\u{0}og", "owl"]),
        (b"caf\xe9\ndog\nowl", ["caf\u{fffd}", "dog", "owl"]),
    ] {
        fs::write(data.path().join("names.txt"), names).unwrap();
        assert_eq!(load_quietly(&TINY, &Split::default(), &data).unwrap().classes, expected);
    }
}

#[test]
fn files_without_pictures_are_refused() {
    let blank = |images: usize, value: u8| {
        let record = |index: usize| [vec![(index % 3) as u8], vec![value; 3072]].concat();
        (0..images).flat_map(record).collect::<Vec<u8>>()
    };
    let of = "images are of one even colour or repeat the image before them: FILE; unpack";
    for value in [0, 255] {
        for (name, images) in [("test.bin", 4), ("batch_1.bin", 5)] {
            let message = message(&TINY, name, Some(&blank(images, value)));
            assert!(message.starts_with(&format!("{images} of its {images} {of}")), "{message}");
        }
    }
    // a hole in the middle of a file, and one picture all over
    let hole = [file(&TINY, 0..2), blank(2, 0), file(&TINY, 4..5)].concat();
    let message_of_hole = message(&TINY, "batch_1.bin", Some(&hole));
    assert!(message_of_hole.starts_with(&format!("2 of its 5 {of}")), "{message_of_hole}");
    let repeated = message(&TINY, "batch_1.bin", Some(&file(&TINY, 3..4).repeat(5)));
    assert!(repeated.starts_with(&format!("4 of its 5 {of}")), "{repeated}");
    // the coarse label is no part of the picture
    let fine = [vec![19, 0], vec![0; 3072]].concat().repeat(4);
    assert!(message(&TINY_FINE, "test.bin", Some(&fine)).starts_with(&format!("4 of its 4 {of}")));
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_refused() {
    let data = tempfile::tempdir().unwrap();
    for name in ["test.bin", "batch_1.bin", "names.txt", "NOTE.txt", TINY.archive_file] {
        write(&TINY, data.path());
        if name == TINY.archive_file {
            files(&TINY).iter().for_each(|(name, _)| fs::remove_file(data.path().join(name)).unwrap());
        }
        let _ = fs::remove_file(data.path().join(name));
        no_files(&data.path().join(name), |kind| {
            let place = place(&data);
            let load = move || load(&TINY, &Split::default(), &place, &mut |_| ()).map(drop);
            let message = promptly(load).unwrap_err().to_string();
            assert!(message.starts_with(&format!("this is {kind}, not a file: ")), "{message}");
            assert!(message.contains(name), "{message}");
        });
    }
}

#[test]
fn files_far_too_large_are_not_read() {
    let data = tempfile::tempdir().unwrap();
    for name in ["test.bin", "names.txt"] {
        write(&TINY, data.path());
        // takes no room on the disk
        fs::File::create(data.path().join(name)).unwrap().set_len(6 << 30).unwrap();
        let message = load_quietly(&TINY, &Split::default(), &data).unwrap_err().to_string();
        assert!(message.contains("6442450944 bytes"), "{message}");
    }
}

#[test]
fn nothing_is_downloaded_into_a_folder_of_another_kind() {
    let data = tempfile::tempdir().unwrap();
    fs::write(data.path().join("thesis.tex"), "").unwrap();
    let message = load_quietly(&TINY, &Split::default(), &data).unwrap_err().to_string();
    assert!(message.starts_with("nothing is downloaded into a folder that holds something else ('thesis.tex'): "), "{message}");
    assert_eq!(fs::read_dir(data.path()).unwrap().count(), 1);
    fs::remove_file(data.path().join("thesis.tex")).unwrap();
    fs::write(data.path().join("train.bin"), "").unwrap();
    let message = load_quietly(&CIFAR10, &Split::default(), &data).unwrap_err().to_string();
    assert!(message.starts_with("this folder holds CIFAR-100, while the study asks for CIFAR-10: "), "{message}");
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
fn an_archive_far_too_large_is_not_read() {
    let data = tempfile::tempdir().unwrap();
    // takes no room on the disk, but hours to sum up
    fs::File::create(data.path().join(TINY.archive_file)).unwrap().set_len(1 << 42).unwrap();
    let message = load_quietly(&TINY, &Split::default(), &data).unwrap_err().to_string();
    assert!(message.starts_with("the archive is damaged or not the official one (it has 4398046511104 bytes): "), "{message}");
    write(&TINY, data.path());
    assert_eq!(load_quietly(&TINY, &Split::default(), &data).unwrap().provenance.check, Check::Given);
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
        assert_eq!(outline.test_per_class, Some(vec![10_000 / classes; classes]));
        assert!(outline.classes.is_sorted(), "both sets name their classes by the alphabet");
        assert_eq!(outline.archive, Some(set.archive));
        assert!(set.archive.url.ends_with(&format!("/{}", set.archive_file)));
        assert_eq!(set.md5.len(), 32);
    }
    assert_eq!(outline(&CIFAR10, &split(None, 0, Some(9_999))).unwrap().test_per_class, None);
}
