//! An index and its twin: a small file that everything else hangs on, and a copy beside it with its checksum.
//!
//! `case.json` and `ledger.json` name all other files with their checksums. What guards them in turn is `case.json.twin`: the SHA-256 of
//! all that follows, a space, the word `committed`, a line break, and then the index once more. A flipped bit in either is seen by the
//! other, and mended from it.
//!
//! A commit writes the twin first, with the SHA-256 of the index that will be replaced in place of `committed` (a dash if there is none);
//! then the index is renamed into place, and that rename is the commit; then the twin is marked as committed. So a process may be
//! killed at any moment, and the index that the twin vouches for is the one from before or the one from after.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::disk::{read_if_there, sha256, write_aside};
use crate::error::{LedgerError, Result};
use crate::lock;

/// Stands for the index before the first one.
const NONE: &str = "-";

/// Says that the index has its name.
const COMMITTED: &str = "committed";

/// What a look at an index and its twin shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pair {
    /// Neither is there.
    Nothing,
    /// The index is as it was committed.
    Whole(Vec<u8>),
    /// The index was altered or is missing; the twin has what was committed.
    IndexHurt(Vec<u8>),
    /// The twin was altered or is missing; the index may be whole.
    TwinHurt(Vec<u8>),
    /// Neither can be believed.
    BothHurt,
}

/// The twin of an index.
pub(crate) fn twin_of(index: &Path) -> PathBuf {
    let mut name = index.file_name().unwrap_or_default().to_owned();
    name.push(".twin");
    index.with_file_name(name)
}

/// Commits an index. `replaced` is what was committed before, if anything.
pub(crate) fn commit(index: &Path, bytes: &[u8], replaced: Option<&[u8]>) -> Result<()> {
    write_twin(index, bytes, &replaced.map_or_else(|| NONE.to_owned(), sha256))?;
    write_aside(index, bytes)?;
    write_twin(index, bytes, COMMITTED)
}

fn write_twin(index: &Path, bytes: &[u8], mark: &str) -> Result<()> {
    let body = [mark.as_bytes(), b"\n", bytes].concat();
    write_aside(&twin_of(index), &[sha256(&body).as_bytes(), b" ", &body].concat())
}

/// Whether a commit was cut short, or is under way.
pub(crate) fn is_unsettled(index: &Path) -> Result<bool> {
    let Pair::Whole(bytes) = look(index)? else { return Ok(false) };
    let twin = read_whatever(&twin_of(index))?;
    let settled = |twin: Twin<'_>| twin.mark == COMMITTED && twin.bytes == bytes;
    Ok(!(index.exists() && twin.as_deref().and_then(Twin::read).is_some_and(settled)))
}

/// Ends a commit that was cut short before its rename or behind it: both files then say the same. The lock of what they index must be
/// held.
pub(crate) fn settle(index: &Path) -> Result<()> {
    if is_unsettled(index)?
        && let Pair::Whole(bytes) = look(index)?
    {
        write_aside(index, &bytes)?;
        write_twin(index, &bytes, COMMITTED)?;
    }
    Ok(())
}

/// Looks at an index and its twin. Another process may be writing them: what looks hurt is looked at again, until it stays as it is and
/// nobody is at work who could explain it.
pub(crate) fn look(index: &Path) -> Result<Pair> {
    let mut before = None;
    for patience in (0..).map(Duration::from_millis) {
        let bytes = read_whatever(index)?;
        let twin = read_whatever(&twin_of(index))?;
        let pair = compare(bytes.clone(), twin.as_deref());
        let seen = Some((bytes, twin));
        let settled = seen == before && patience > SHORTEST_PATIENCE && (patience > LONGEST_PATIENCE || !is_at_work(index));
        if settled || matches!(pair, Pair::Nothing | Pair::Whole(_)) {
            return Ok(pair);
        }
        before = seen;
        std::thread::sleep(patience);
    }
    unreachable!("patience ends")
}

/// What is in a file; nothing if it is no file, but a pipe or a folder in its place.
fn read_whatever(path: &Path) -> Result<Option<Vec<u8>>> {
    match read_if_there(path) {
        Err(LedgerError::Damaged { .. }) => Ok(Some(Vec::new())),
        other => other,
    }
}

/// Added up, the first looks take some hundredths of a second.
const SHORTEST_PATIENCE: Duration = Duration::from_millis(6);

/// Added up, the looks take half a minute at most: file systems that are shared by machines may show one file later than the other.
const LONGEST_PATIENCE: Duration = Duration::from_millis(250);

/// Whether another process holds the lock beside an index: `lock` for a case, `ledger.lock` for a ledger.
fn is_at_work(index: &Path) -> bool {
    let lock = if index.file_name().is_some_and(|name| name == "ledger.json") { "ledger.lock" } else { "lock" };
    lock::holder(&index.with_file_name(lock)).is_some_and(|holder| !holder.is_this_process())
}

fn compare(bytes: Option<Vec<u8>>, twin: Option<&[u8]>) -> Pair {
    if bytes.is_none() && twin.is_none() {
        return Pair::Nothing;
    }
    let Some(twin) = twin.and_then(Twin::read) else { return bytes.map_or(Pair::BothHurt, Pair::TwinHurt) };
    match bytes {
        Some(bytes) if twin.vouches_for(&bytes) => Pair::Whole(bytes),
        // the very first commit was cut short between the two; what the index would have named is on disk
        None if twin.mark == NONE => Pair::Whole(twin.bytes.to_owned()),
        _ => Pair::IndexHurt(twin.bytes.to_owned()),
    }
}

/// The committed index; none if nothing was committed. One that was altered is an error.
pub(crate) fn read(index: &Path) -> Result<Option<Vec<u8>>> {
    match look(index)? {
        Pair::Nothing => Ok(None),
        Pair::Whole(bytes) => Ok(Some(bytes)),
        Pair::IndexHurt(_) => Err(LedgerError::damaged(index, "is not what was committed (its twin says so)")),
        Pair::TwinHurt(bytes) => {
            // the first format had no twins
            crate::check_format(index, &bytes)?;
            Err(LedgerError::damaged(&twin_of(index), "is damaged or missing"))
        }
        Pair::BothHurt => Err(LedgerError::damaged(index, "and its twin are damaged")),
    }
}

struct Twin<'a> {
    mark: &'a str,
    bytes: &'a [u8],
}

impl<'a> Twin<'a> {
    /// None if it does not hold together.
    fn read(twin: &'a [u8]) -> Option<Self> {
        let (checksum, rest) = twin.split_at_checked(64)?;
        let body = rest.strip_prefix(b" ")?;
        let end = body.iter().position(|&byte| byte == b'\n')?;
        let mark = std::str::from_utf8(&body[..end]).ok()?;
        (sha256(body).as_bytes() == checksum).then_some(Self { mark, bytes: &body[end + 1..] })
    }

    /// Whether this is the index that was committed with it, or the one before, whose successor never got its name.
    fn vouches_for(&self, bytes: &[u8]) -> bool {
        bytes == self.bytes || sha256(bytes) == self.mark
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn committed(times: usize) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let index = folder.path().join("case.json");
        let text = |i: usize| format!("{{\"steps\": {i}}}").into_bytes();
        for i in 0..times {
            commit(&index, &text(i), i.checked_sub(1).map(text).as_deref()).unwrap();
        }
        (folder, index)
    }

    #[test]
    fn a_commit_is_whole_at_every_moment_and_can_be_ended() {
        let (_folder, index) = committed(2);
        let (before, after) = (std::fs::read(&index).unwrap(), b"{\"steps\": 2}".to_vec());
        let same = |bytes: &[u8]| {
            assert_eq!(read(&index).unwrap().as_deref(), Some(bytes));
            settle(&index).unwrap();
            assert_eq!(std::fs::read(&index).unwrap(), bytes);
            let twin = std::fs::read(twin_of(&index)).unwrap();
            assert_eq!(Twin::read(&twin).map(|twin| (twin.mark, twin.bytes)), Some((COMMITTED, bytes)));
        };
        write_twin(&index, &after, &sha256(&before)).unwrap();
        same(&before);
        write_twin(&index, &after, &sha256(&before)).unwrap();
        write_aside(&index, &after).unwrap();
        same(&after);
        // the first commit of all
        std::fs::remove_file(&index).unwrap();
        write_twin(&index, &after, NONE).unwrap();
        same(&after);
    }

    /// Every single bit of either file.
    #[test]
    fn no_flipped_bit_passes() {
        let (_folder, index) = committed(3);
        let whole = std::fs::read(&index).unwrap();
        for (path, hurt) in [(index.clone(), true), (twin_of(&index), false)] {
            let bytes = std::fs::read(&path).unwrap();
            for bit in 0..bytes.len() * 8 {
                let mut altered = bytes.clone();
                altered[bit / 8] ^= 1 << (bit % 8);
                std::fs::write(&path, altered).unwrap();
                match look(&index).unwrap() {
                    Pair::IndexHurt(mended) if hurt => assert_eq!(mended, whole),
                    Pair::TwinHurt(found) if !hurt => assert_eq!(found, whole),
                    other => panic!("bit {bit} of {}: {other:?}", path.display()),
                }
            }
            std::fs::write(&path, bytes).unwrap();
        }
    }

    /// Whoever reads while another writes sees one commit or the next, whole.
    #[test]
    fn readers_see_whole_commits_while_others_write() {
        let (_folder, index) = committed(1);
        let text = |i: u32| format!("{{\"steps\": {i}}}").into_bytes();
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| (0..300).for_each(|i| commit(&index, &text(i + 1), Some(&text(i))).unwrap()));
            let mut last = 0;
            while !writer.is_finished() {
                let seen = read(&index).unwrap().unwrap();
                let steps =
                    std::str::from_utf8(&seen).unwrap().trim_start_matches("{\"steps\": ").trim_end_matches('}').parse().unwrap();
                assert!(steps >= last, "{steps} after {last}");
                last = steps;
            }
        });
    }

    #[test]
    fn a_missing_index_is_seen() {
        let (_folder, index) = committed(3);
        std::fs::remove_file(&index).unwrap();
        assert!(matches!(look(&index).unwrap(), Pair::IndexHurt(_)));
        std::fs::remove_file(twin_of(&index)).unwrap();
        assert_eq!(look(&index).unwrap(), Pair::Nothing);
    }
}
