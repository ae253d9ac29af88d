use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::*;

/// Fails rather than waits if `work` is not done in a second, as when a pipe was opened.
#[track_caller]
pub(crate) fn promptly<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, done) = mpsc::channel();
    thread::spawn(move || sender.send(work()));
    done.recv_timeout(Duration::from_secs(1)).expect("an answer within a second")
}

/// Puts something that is no file in the place of `path`, once for each kind there is; says what it is.
#[cfg(unix)]
pub(crate) fn no_files(path: &Path, mut see: impl FnMut(&str)) {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;
    let pipe = path.with_extension("made-by-a-test");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let makes: [(&str, &dyn Fn()); 5] = [
        ("a pipe", &|| fs::rename(&pipe, path).unwrap()),
        ("a device", &|| symlink("/dev/zero", path).unwrap()),
        ("a folder", &|| fs::create_dir(path).unwrap()),
        ("a socket", &|| drop(UnixListener::bind(path).unwrap())),
        ("a device", &|| symlink("/dev/null", path).unwrap()),
    ];
    for (kind, make) in makes {
        let _ = fs::remove_file(path);
        let _ = fs::remove_dir(path);
        make();
        see(kind);
    }
    let _ = fs::remove_file(path);
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_never_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("thing");
    no_files(&path, |kind| {
        let asked = path.clone();
        let message = promptly(move || read(&asked, 10, "").unwrap_err()).to_string();
        assert!(message.starts_with(&format!("this is {kind}, not a file: ")), "{message}");
    });
}

#[cfg(unix)]
#[test]
fn a_note_that_is_no_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    no_files(&folder.path().join("NOTE.txt"), |kind| {
        let folder = folder.path().to_owned();
        let message = promptly(move || note(&folder).unwrap_err()).to_string();
        assert!(message.starts_with(&format!("this is {kind}, not a file: ")), "{message}");
    });
    assert_eq!(note(folder.path()).unwrap(), None);
}

#[test]
fn a_file_of_more_than_expected_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("NOTE.txt");
    // takes no room on the disk
    File::create(&path).unwrap().set_len(6 << 30).unwrap();
    let message = note(folder.path()).unwrap_err().to_string();
    assert!(message.starts_with("the file is too large: more than 65536 bytes: "), "{message}");
    fs::write(&path, "x".repeat(65_536)).unwrap();
    assert_eq!(note(folder.path()).unwrap().unwrap().len(), 65_536);
    assert!(read(&path, 65_535, "shorten it").is_err());
}

#[test]
fn a_note_cannot_act_on_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let notes: [(&[u8], Option<&str>); 5] = [
        (b"\xef\xbb\xbf two\r\nlines\tand a tab \n", Some("two\nlines\tand a tab")),
        (b"\x1b[2J\x07red\0", Some(r"\u{1b}[2J\u{7}red\u{0}")),
        (b"caf\xe9", Some("caf\u{fffd}")),
        ("猫 Ελληνικά".as_bytes(), Some("猫 Ελληνικά")),
        (b" \n\t ", None),
    ];
    for (bytes, expected) in notes {
        fs::write(folder.path().join("NOTE.txt"), bytes).unwrap();
        assert_eq!(note(folder.path()).unwrap().as_deref(), expected);
    }
}

#[cfg(unix)]
#[test]
fn a_link_to_a_file_will_do() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("elsewhere"), "here").unwrap();
    std::os::unix::fs::symlink("elsewhere", folder.path().join("NOTE.txt")).unwrap();
    assert_eq!(note(folder.path()).unwrap().as_deref(), Some("here"));
}
