use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use tempfile::TempDir;

use super::*;

/// How a server treats one request.
#[derive(Clone, Copy)]
pub(crate) enum Manner {
    /// Sends the range that is asked for, or all.
    Obliging,
    /// Knows no ranges.
    Whole,
    /// Promises all, but hangs up after so many bytes.
    BreaksOff(usize),
    /// Does not say how much there will be, and hangs up after so many bytes.
    Vague(usize),
    /// Sends a part other than the one asked for.
    WrongPart,
    /// Has nothing.
    NotFound,
}

/// The path and the range that were asked for.
pub(crate) type Request = (String, Option<String>);

/// Serves `body` at the returned address, to one request for each of `manners`. The thread returns the requests.
pub(crate) fn serve(body: Vec<u8>, manners: Vec<Manner>) -> (String, JoinHandle<Vec<Request>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let server =
        thread::spawn(move || manners.into_iter().map(|manner| answer(listener.accept().unwrap().0, &body, manner)).collect());
    (address, server)
}

fn answer(mut stream: TcpStream, body: &[u8], manner: Manner) -> Request {
    let lines: Vec<String> =
        BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let path = lines[0].split(' ').nth(1).unwrap().to_owned();
    let range = lines.iter().find_map(|line| line.to_ascii_lowercase().strip_prefix("range: ").map(str::to_owned));
    let from = range.as_ref().map(|range| range["bytes=".len()..].trim_end_matches('-').parse::<usize>().unwrap());
    let total = body.len();
    let (status, sent, promised, start) = match (manner, from) {
        (Manner::Obliging, Some(from)) if from >= total => ("416 Range Not Satisfiable", &body[..0], Some(0), None),
        (Manner::Obliging, Some(from)) => ("206 Partial Content", &body[from..], Some(total - from), Some(from)),
        (Manner::WrongPart, Some(_)) => ("206 Partial Content", &body[1..], Some(total - 1), Some(1)),
        (Manner::Obliging | Manner::Whole | Manner::WrongPart, _) => ("200 OK", body, Some(total), None),
        (Manner::BreaksOff(bytes), _) => ("200 OK", &body[..bytes], Some(total), None),
        (Manner::Vague(bytes), _) => ("200 OK", &body[..bytes], None, None),
        (Manner::NotFound, _) => ("404 Not Found", &b"no such file"[..], Some(12), None),
    };
    let mut head = format!("HTTP/1.1 {status}\r\nconnection: close\r\n");
    if let Some(length) = promised {
        head += &format!("content-length: {length}\r\n");
    }
    if let Some(start) = start {
        head += &format!("content-range: bytes {start}-{}/{total}\r\n", total - 1);
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
    stream.write_all(sent).unwrap();
    (path, range)
}

/// A download of 200,000 known bytes into a folder of its own, which is not there yet.
struct Case {
    folder: TempDir,
    body: Vec<u8>,
    md5: String,
}

impl Case {
    fn new() -> Self {
        let body: Vec<u8> = (0..200_000u32).map(|i| (i * i % 251) as u8).collect();
        let md5 = md5(&mut body.as_slice()).unwrap();
        Self { folder: tempfile::tempdir().unwrap(), body, md5 }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("data").join("set.tar.gz")
    }

    fn part(&self) -> PathBuf {
        self.folder.path().join("data").join("set.tar.gz.part")
    }

    /// Pretends that an earlier sitting left `bytes`.
    fn left(&self, bytes: &[u8]) {
        fs::create_dir_all(self.part().parent().unwrap()).unwrap();
        fs::write(self.part(), bytes).unwrap();
    }

    /// Downloads from a server of these manners; returns what was reported and which ranges were asked for.
    fn fetch(&self, manners: &[Manner]) -> (Result<(), StimuliError>, Vec<Fetch>, Vec<Option<String>>) {
        let (address, server) = serve(self.body.clone(), manners.to_vec());
        let mut reports = Vec::new();
        let order = Order { url: format!("{address}/set.tar.gz"), path: &self.path(), md5: &self.md5, most: 200_000 };
        let result = order.fetch(&mut |fetch| reports.push(fetch));
        let ranges = server.join().unwrap().into_iter().map(|(_, range)| range).collect();
        (result, reports, ranges)
    }

    #[track_caller]
    fn assert_complete(&self) {
        assert!(fs::read(self.path()).unwrap() == self.body, "the file differs from what was served");
        assert!(!self.part().exists(), "the part was left behind");
    }
}

/// The first report and the sum of the bytes that followed.
fn summary(reports: &[Fetch]) -> (u64, Option<u64>, u64) {
    let Some(Fetch::Started { resumed_from, bytes_total, .. }) = reports.first() else {
        panic!("the first report is not a start: {reports:?}");
    };
    let received = reports.iter().map(|report| if let Fetch::Received { bytes } = report { *bytes } else { 0 }).sum();
    (*resumed_from, *bytes_total, received)
}

#[test]
fn a_whole_file() {
    let case = Case::new();
    let (result, reports, ranges) = case.fetch(&[Manner::Obliging]);
    result.unwrap();
    case.assert_complete();
    assert_eq!(ranges, [None]);
    assert_eq!(summary(&reports), (0, Some(200_000), 200_000));
    assert_eq!(reports.last(), Some(&Fetch::Verified));
}

#[test]
fn a_download_that_breaks_off_goes_on_later() {
    let case = Case::new();
    let (result, _, _) = case.fetch(&[Manner::BreaksOff(70_000)]);
    let message = result.unwrap_err().to_string();
    assert!(message.contains("the download broke off"), "{message}");
    assert!(message.contains("run the same command again to go on after the 70000 bytes that are there"), "{message}");
    assert!(message.contains("--mirror"), "{message}");
    assert!(!case.path().exists(), "a half file got its name");
    assert!(fs::read(case.part()).unwrap() == case.body[..70_000], "the part is not what was sent");

    let (result, reports, ranges) = case.fetch(&[Manner::Obliging]);
    result.unwrap();
    case.assert_complete();
    assert_eq!(ranges, [Some("bytes=70000-".to_owned())]);
    assert_eq!(summary(&reports), (70_000, Some(200_000), 130_000));
}

#[test]
fn a_server_without_ranges_sends_all_again() {
    let case = Case::new();
    case.left(&[7; 70_000]);
    let (result, reports, ranges) = case.fetch(&[Manner::Whole]);
    result.unwrap();
    case.assert_complete();
    assert_eq!(ranges, [Some("bytes=70000-".to_owned())]);
    assert_eq!(summary(&reports), (0, Some(200_000), 200_000));
}

#[test]
fn a_part_that_was_not_asked_for_is_not_taken() {
    let case = Case::new();
    case.left(&case.body[..70_000]);
    let (result, reports, ranges) = case.fetch(&[Manner::WrongPart, Manner::Obliging]);
    result.unwrap();
    case.assert_complete();
    assert_eq!(ranges, [Some("bytes=70000-".to_owned()), None]);
    assert_eq!(summary(&reports).0, 0);
}

#[test]
fn a_complete_part_needs_nothing_more() {
    let case = Case::new();
    case.left(&case.body);
    let (result, reports, _) = case.fetch(&[Manner::Obliging]);
    result.unwrap();
    case.assert_complete();
    assert_eq!(reports, [Fetch::Verified]);
}

#[test]
fn a_damaged_part_is_deleted_in_the_end() {
    let case = Case::new();
    case.left(&[7; 70_000]);
    let (result, _, _) = case.fetch(&[Manner::Obliging]);
    let message = result.unwrap_err().to_string();
    assert!(message.contains("the downloaded file is damaged and was deleted"), "{message}");
    assert!(message.contains(&format!("not {}", case.md5)), "{message}");
    assert!(!case.path().exists() && !case.part().exists(), "something damaged was kept");

    case.fetch(&[Manner::Obliging]).0.unwrap();
    case.assert_complete();
}

#[test]
fn another_file_is_not_believed() {
    let mut case = Case::new();
    case.md5 = "c32a1d4ab5d03f1284b67883e8d87530".to_owned();
    let (result, reports, _) = case.fetch(&[Manner::Obliging]);
    assert!(matches!(result, Err(StimuliError::Download { .. })), "{result:?}");
    assert!(!case.path().exists() && !case.part().exists(), "another file was kept");
    assert!(!reports.contains(&Fetch::Verified));
}

#[test]
fn an_end_that_comes_too_early_unnoticed_is_not_believed() {
    let case = Case::new();
    let (result, reports, _) = case.fetch(&[Manner::Vague(70_000)]);
    assert!(matches!(result, Err(StimuliError::Download { .. })), "{result:?}");
    assert_eq!(summary(&reports), (0, None, 70_000));
    assert!(!case.path().exists() && !case.part().exists(), "a half file was kept");

    case.fetch(&[Manner::Vague(200_000)]).0.unwrap();
    case.assert_complete();
}

#[test]
fn a_server_without_the_file_says_so() {
    let case = Case::new();
    let (result, reports, _) = case.fetch(&[Manner::NotFound]);
    let message = result.unwrap_err().to_string();
    assert!(message.contains("the server answers 404"), "{message}");
    assert!(message.contains("download it by hand and put it into"), "{message}");
    assert!(reports.is_empty() && !case.path().exists());
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let case = Case::new();
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let order = Order { url: format!("http://{gone}/set.tar.gz"), path: &case.path(), md5: &case.md5, most: 200_000 };
    let message = order.fetch(&mut |_| ()).unwrap_err().to_string();
    assert!(message.starts_with(&format!("cannot download: http://{gone}/set.tar.gz: ")), "{message}");
    assert!(message.contains("check the network"), "{message}");
}

/// Starts a download while another process, played by this thread, holds the part; `meanwhile` happens before it lets go.
fn fetch_while_held(case: &Case, manners: &[Manner], meanwhile: impl FnOnce()) -> (Result<(), StimuliError>, usize) {
    case.left(b"");
    let held = File::open(case.part()).unwrap();
    held.lock().unwrap();
    let (address, server) = serve(case.body.clone(), manners.to_vec());
    let (sender, reports) = mpsc::channel();
    let result = thread::scope(|scope| {
        let download = scope.spawn(|| {
            let order = Order { url: format!("{address}/set.tar.gz"), path: &case.path(), md5: &case.md5, most: 200_000 };
            order.fetch(&mut |fetch| sender.send(fetch).unwrap())
        });
        assert_eq!(reports.recv().unwrap(), Fetch::Waiting { path: case.path() });
        meanwhile();
        held.unlock().unwrap();
        download.join().unwrap()
    });
    (result, server.join().unwrap().len())
}

#[test]
fn two_at_once_download_once() {
    let case = Case::new();
    let finish = || {
        fs::write(case.part(), &case.body).unwrap();
        fs::rename(case.part(), case.path()).unwrap();
    };
    let (result, requests) = fetch_while_held(&case, &[], finish);
    result.unwrap();
    case.assert_complete();
    assert_eq!(requests, 0);
}

#[test]
fn one_that_waited_for_a_damaged_file_downloads_it_itself() {
    let case = Case::new();
    let (result, requests) = fetch_while_held(&case, &[Manner::Obliging], || fs::remove_file(case.part()).unwrap());
    result.unwrap();
    case.assert_complete();
    assert_eq!(requests, 1);
}

/// The folder as it was before, and nothing in it.
#[track_caller]
fn assert_untouched(case: &Case) {
    let left: Vec<_> = fs::read_dir(case.folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(left.is_empty(), "something was left behind: {left:?}");
}

#[test]
fn a_download_that_does_not_begin_leaves_nothing_behind() {
    let case = Case::new();
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for address in [format!("http://{gone}"), "http://no-such-host.invalid".to_owned(), "no address at all".to_owned()] {
        let order = Order { url: format!("{address}/set.tar.gz"), path: &case.path(), md5: &case.md5, most: 200_000 };
        order.fetch(&mut |_| ()).unwrap_err();
        assert_untouched(&case);
    }
    // refused, without a byte, and with other bytes than those wanted
    for manner in [Manner::NotFound, Manner::BreaksOff(0), Manner::Vague(0), Manner::Vague(100)] {
        case.fetch(&[manner]).0.unwrap_err();
        assert_untouched(&case);
    }
    // somebody else was faster, and nothing has to come any more
    fs::create_dir(case.path().parent().unwrap()).unwrap();
    fs::write(case.path(), &case.body).unwrap();
    case.fetch(&[Manner::Obliging]).0.unwrap();
    case.assert_complete();
    fs::remove_file(case.path()).unwrap();
    // an empty part that an earlier version left
    case.left(b"");
    case.fetch(&[Manner::NotFound]).0.unwrap_err();
    assert!(!case.part().exists());
}

#[test]
fn what_has_arrived_outlives_a_server_that_is_gone() {
    let case = Case::new();
    case.left(&case.body[..70_000]);
    let message = case.fetch(&[Manner::NotFound]).0.unwrap_err().to_string();
    assert!(message.contains("go on after the 70000 bytes that are there"), "{message}");
    assert_eq!(fs::read(case.part()).unwrap().len(), 70_000);
}

#[test]
fn a_server_that_sends_without_end_is_given_up() {
    let mut case = Case::new();
    case.body.extend([0; 400_000]);
    for manner in [Manner::Obliging, Manner::Vague(600_000)] {
        let (result, reports, _) = case.fetch(&[manner]);
        let message = result.unwrap_err().to_string();
        assert!(message.starts_with("the download was given up: "), "{message}");
        assert!(summary(&reports).2 <= 200_000);
        assert_untouched(&case);
    }
}

#[cfg(unix)]
#[test]
fn a_part_that_is_no_file_is_refused() {
    let case = Case::new();
    case.left(b"");
    crate::file::tests::no_files(&case.part(), |kind| {
        let (path, md5) = (case.path(), case.md5.clone());
        let fetch =
            move || Order { url: "http://127.0.0.1:9/".to_owned(), path: &path, md5: &md5, most: 200_000 }.fetch(&mut |_| ());
        let message = crate::file::tests::promptly(fetch).unwrap_err().to_string();
        assert!(message.starts_with(&format!("this is {kind}, not a file: ")), "{message}");
    });
}

#[test]
fn a_message_stays_short_whatever_the_address() {
    let case = Case::new();
    let long = "a\u{1b}[2J".repeat(1000);
    for url in [format!("http://127.0.0.1:1/{long}"), long.clone(), format!("https://{long}")] {
        let folder = case.folder.path().join("猫".repeat(80)).join("x".repeat(200));
        let order = Order { url, path: &folder.join("set.tar.gz"), md5: &case.md5, most: 200_000 };
        let message = order.fetch(&mut |_| ()).unwrap_err().to_string();
        assert!(message.chars().count() <= 400 && !message.contains(char::is_control), "{message:?}");
    }
}

mod inspected;
