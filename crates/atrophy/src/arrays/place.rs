//! Where an array is.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::trouble::{Exit, Result, Trouble};

/// Where an array is: `FILE.npy`, `FILE.npz` with one array that can be meant, or `FILE.npz:NAME`; for labels also a text file, or
/// `FILE.csv:COLUMN`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// Which array or column of the file.
    pub(super) name: Option<String>,
}

impl Place {
    /// Takes a place of the command line apart. The name of the file may be of any bytes, that of the array is text.
    pub fn parse(text: OsString) -> std::result::Result<Self, String> {
        match parted(&text) {
            None => Ok(Self { file: text.into(), name: None }),
            Some((file, Some(name))) => Ok(Self { file, name: Some(name) }),
            Some((file, None)) => Err(format!("the name of an array in {} is not UTF-8", file.display())),
        }
    }

    /// The same file, and an array or column of it.
    pub(super) fn named(&self, name: &str) -> Self {
        Self { file: self.file.clone(), name: Some(name.to_owned()) }
    }

    /// The place of a file that has nothing in it to be named.
    pub(super) fn alone(&self) -> Result<Self> {
        let (file, shown) = (self.file.clone(), self.file.display());
        match &self.name {
            None => Ok(Self { file, name: None }),
            Some(name) => {
                Err(Trouble::new(Exit::Data, format!("{shown} is a single array, which has no name; leave out ':{name}'")))
            }
        }
    }

    /// Whether the file's name ends so, in letters of either case.
    pub(super) fn ends(&self, ending: &str) -> bool {
        self.file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(ending))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            None => write!(f, "{}", self.file.display()),
            Some(name) => write!(f, "{}:{name}", self.file.display()),
        }
    }
}

/// Between a file and what is named in it.
const PARTINGS: [&str; 3] = [".npz:", ".csv:", ".tsv:"];

/// Where the colon is that parts a file from a name: after an ending that has names in it, or else the last, after which a name comes if
/// what stands before it is a file and the whole is none.
fn parting(text: &[u8], is_file: impl Fn(&[u8]) -> bool) -> Option<usize> {
    let after = |ending: &str| text.windows(ending.len()).position(|part| part.eq_ignore_ascii_case(ending.as_bytes()));
    let known = PARTINGS.iter().filter_map(|ending| Some(after(ending)? + ending.len() - 1)).min();
    known.or_else(|| text.iter().rposition(|&byte| byte == b':').filter(|&at| is_file(&text[..at]) && !is_file(text)))
}

/// File and name, if one is named; that is none if it is not UTF-8.
#[cfg(unix)]
fn parted(text: &OsString) -> Option<(PathBuf, Option<String>)> {
    use std::os::unix::ffi::OsStrExt;
    let path = |bytes: &[u8]| Path::new(std::ffi::OsStr::from_bytes(bytes)).to_owned();
    let bytes = text.as_bytes();
    let at = parting(bytes, |bytes| path(bytes).is_file())?;
    Some((path(&bytes[..at]), String::from_utf8(bytes[at + 1..].to_owned()).ok()))
}

#[cfg(not(unix))]
fn parted(text: &OsString) -> Option<(PathBuf, Option<String>)> {
    let text = text.to_str()?;
    let at = parting(text.as_bytes(), |bytes| std::str::from_utf8(bytes).is_ok_and(|path| Path::new(path).is_file()))?;
    Some((text[..at].into(), Some(text[at + 1..].to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_comes_after_an_ending_or_after_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        std::fs::write(path("a.dat"), "").unwrap();
        std::fs::write(path("x:y.npy"), "").unwrap();
        for (text, file, name) in [
            ("a.npy", "a.npy", None),
            ("a.npz", "a.npz", None),
            ("a.npz:b", "a.npz", Some("b")),
            ("a.NPZ:b.npz:c", "a.NPZ", Some("b.npz:c")),
            ("a.csv:b:c", "a.csv", Some("b:c")),
            ("nothing:b", "nothing:b", None),
        ] {
            let place = Place { file: file.into(), name: name.map(str::to_owned) };
            assert_eq!(Place::parse(text.into()), Ok(place.clone()));
            assert_eq!(place.to_string(), text);
        }
        assert_eq!(Place::parse(path("a.dat:b").into()), Ok(Place { file: path("a.dat").into(), name: Some("b".into()) }));
        assert_eq!(Place::parse(path("x:y.npy").into()), Ok(Place { file: path("x:y.npy").into(), name: None }));
    }
}
