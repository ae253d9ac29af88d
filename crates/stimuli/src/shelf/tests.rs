use tempfile::TempDir;

use super::*;
use crate::layout::{CIFAR10, CIFAR100};

fn folder(entries: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in entries {
        let path = folder.path().join(entry);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    folder
}

#[test]
fn data_sets_may_come_to_their_kind() {
    let kind = [
        "NOTE.txt",
        ".gitignore",
        "cifar-10-binary.tar.gz.part",
        "cifar-100-binary.tar.gz",
        "cifar-100-binary/train.bin",
        "cifar-10-batches-py/data_batch_1",
        "cifar-10-python.tar.gz",
    ];
    for entries in [&[][..], &kind] {
        check(&CIFAR10, folder(entries).path()).unwrap();
    }
    let data = folder(&[]);
    check(&CIFAR10, &data.path().join("not/there/yet")).unwrap();
    assert_eq!(fs::read_dir(data.path()).unwrap().count(), 0);
}

#[test]
fn nothing_comes_between_files_of_another_kind() {
    for entry in ["thesis.tex", "train/cat/1.png", "test_batch.bin.txt", "naïve\u{1b}[2J", "cifar-10-binary.tar"] {
        let data = folder(&["NOTE.txt", entry]);
        let message = check(&CIFAR10, data.path()).unwrap_err().to_string();
        let name = shown::name(entry.split('/').next().unwrap());
        assert_eq!(
            message,
            format!(
                "nothing is downloaded into a folder that holds something else ('{name}'): {}; put cifar-10-binary.tar.gz there \
                 yourself, or name another folder with --data",
                data.path().display()
            )
        );
    }
}

#[test]
fn a_file_is_no_folder() {
    let data = folder(&["a"]);
    for path in ["a", "a/b"] {
        let message = check(&CIFAR10, &data.path().join(path)).unwrap_err().to_string();
        assert!(message.starts_with("data sets cannot be put here, since this is not a folder: "), "{message}");
    }
}

#[test]
fn the_other_set_is_known_by_its_files() {
    for (wanted, other, file) in [
        (&CIFAR10, "CIFAR-100", "train.bin"),
        (&CIFAR10, "CIFAR-100", "cifar-10-batches-bin/test.bin"),
        (&CIFAR100, "CIFAR-10", "data_batch_3.bin"),
        (&CIFAR100, "CIFAR-10", "cifar-100-binary/test_batch.bin"),
    ] {
        let data = folder(&[file]);
        let message = check(wanted, data.path()).unwrap_err().to_string();
        let expected = format!("this folder holds {other}, while the study asks for {}: ", wanted.name);
        assert!(message.starts_with(&expected), "{message}");
    }
}
