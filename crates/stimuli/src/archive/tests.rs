use std::fs;
use std::io::Write;
use std::time::Instant;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{EntryType, Header};

use super::*;
use crate::layout::CIFAR10;

/// A set of one image in each of two files, in two classes.
const PAIR: CifarSet = CifarSet {
    name: "CIFAR-2",
    archive_file: "cifar-2.tar.gz",
    folder: "cifar-2",
    train_files: &["train.bin"],
    images_per_train_file: 1,
    test_file: "test.bin",
    test_images: 1,
    class_file: "names.txt",
    classes: &["cat", "dog"],
    moments: None,
    ..CIFAR10
};

fn one_image() -> Vec<u8> {
    (0..3073).map(|position: u32| if position == 0 { 1 } else { (position % 251) as u8 }).collect()
}

/// An entry of an archive: its header may claim what it likes.
fn entry(name: &str, kind: EntryType, claimed: u64, bytes: &[u8]) -> Vec<u8> {
    let mut header = Header::new_gnu();
    header.set_path(format!("cifar-2/{name}")).unwrap();
    header.set_entry_type(kind);
    header.set_size(claimed);
    header.set_mode(0o644);
    if kind.is_symlink() || kind.is_hard_link() {
        header.set_link_name("/dev/zero").unwrap();
    }
    header.set_cksum();
    let padding = vec![0; bytes.len().next_multiple_of(512) - bytes.len()];
    [header.as_bytes(), bytes, &padding].concat()
}

fn file(name: &str) -> Vec<u8> {
    entry(name, EntryType::Regular, 3073, &one_image())
}

/// Reads an archive of these bytes, which is taken for the official one.
fn read_packed(write: impl FnOnce(&mut GzEncoder<fs::File>)) -> Result<Files, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cifar-2.tar.gz");
    let mut packed = GzEncoder::new(fs::File::create(&path).unwrap(), Compression::fast());
    write(&mut packed);
    packed.finish().unwrap();
    let md5 = md5(&mut fs::File::open(&path).unwrap()).unwrap();
    let begun = Instant::now();
    let read = read(&CifarSet { md5: md5.leak(), ..PAIR }, &path);
    assert!(begun.elapsed().as_secs() < 5, "that took {:?}", begun.elapsed());
    read.map_err(|error| {
        let message = error.to_string();
        assert!(message.chars().count() <= 400, "{message}");
        message.replace(&path.display().to_string(), "ARCHIVE")
    })
}

fn refused(entries: &[Vec<u8>]) -> String {
    read_packed(|packed| packed.write_all(&entries.concat()).unwrap()).unwrap_err()
}

#[test]
fn an_archive_of_what_belongs_is_read() {
    let entries = [
        entry("", EntryType::Directory, 0, b""),
        entry("names.txt", EntryType::Regular, 8, b"dog\ncat\n"),
        entry("readme.html", EntryType::Regular, 5, b"hello"),
        entry("link", EntryType::Symlink, 0, b""),
        file("test.bin"),
        file("train.bin"),
        vec![0; 1024],
    ];
    let files = read_packed(|packed| packed.write_all(&entries.concat()).unwrap()).unwrap();
    assert_eq!(files.keys().copied().collect::<Vec<_>>(), ["names.txt", "test.bin", "train.bin"]);
    assert!(files["test.bin"] == one_image() && files["names.txt"] == b"dog\ncat\n");
}

#[test]
fn an_entry_that_claims_another_size_is_refused() {
    for (claimed, cause) in [(6 << 30, "it is"), (3074, "it is"), (3072, "it was cut short or is"), (0, "it was cut short or is")]
    {
        let message = refused(&[file("test.bin"), entry("train.bin", EntryType::Regular, claimed, &one_image())]);
        let expected = format!("train.bin in it: {cause} not a CIFAR-2 file in binary format: {claimed} bytes, not 3073 ");
        assert!(message.starts_with(&expected), "{message}");
    }
    let message = refused(&[entry("names.txt", EntryType::Regular, 1 << 40, b"")]);
    assert!(message.starts_with("names.txt in it: it is no list of 2 classes: 1099511627776 bytes: "), "{message}");
}

#[test]
fn an_entry_that_comes_twice_is_refused() {
    let message = refused(&[file("test.bin"), file("train.bin"), file("test.bin")]);
    assert!(message.starts_with("test.bin in it: it is there twice: ARCHIVE"), "{message}");
}

#[test]
fn an_entry_that_is_no_file_is_refused() {
    for kind in [EntryType::Symlink, EntryType::Link, EntryType::Fifo, EntryType::Char, EntryType::Block, EntryType::Directory] {
        let message = refused(&[entry("test.bin", kind, 0, b""), file("train.bin")]);
        assert!(message.starts_with("test.bin in it: it is not a file: ARCHIVE"), "{kind:?}: {message}");
    }
}

#[test]
fn an_archive_of_thousands_of_entries_is_refused() {
    let message = refused(&(0..5000).map(|index| entry(&index.to_string(), EntryType::Regular, 0, b"")).collect::<Vec<_>>());
    assert!(message.starts_with("the archive has more than 1000 files: ARCHIVE"), "{message}");
}

#[test]
fn an_archive_that_unpacks_to_more_than_the_set_is_given_up() {
    // two gigabytes of zeros that nobody wants, before what is wanted
    let message = read_packed(|packed| {
        packed.write_all(&entry("padding", EntryType::Regular, 2 << 30, b"")).unwrap();
        let zeros = vec![0; 1 << 20];
        (0..2 << 10).for_each(|_| packed.write_all(&zeros).unwrap());
        packed.write_all(&[file("test.bin"), file("train.bin")].concat()).unwrap();
    });
    let message = message.unwrap_err();
    assert!(message.contains("ARCHIVE"), "{message}");
}

#[test]
fn what_is_no_archive_is_refused() {
    let cut = refused(&[file("test.bin"), file("train.bin")[..2000].to_vec()]);
    assert!(cut.contains("ARCHIVE"), "{cut}");
    let noise = refused(&[one_image()]);
    assert!(noise.contains("ARCHIVE"), "{noise}");
    assert!(refused(&[]).starts_with("train.bin is missing in it: ARCHIVE"));
}
