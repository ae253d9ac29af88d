//! The door: a study file becomes a [`Study`] that cannot be wrong, or one message with file, line and key.

use std::path::{Path, PathBuf};

use neuro::check::Fault;
use neuro::study::Study;
use sha2::{Digest, Sha256};
use toml_edit::{Document, DocumentMut, Item, Value};

use crate::trouble::{Exit, Result, Trouble};

/// The studies that come with the program: name and text.
pub const BUILT_IN: [(&str, &str); 4] = [
    ("quick", include_str!("../../../studies/quick.toml")),
    ("paper", include_str!("../../../studies/paper.toml")),
    ("paper-small", include_str!("../../../studies/paper-small.toml")),
    ("authors-code", include_str!("../../../studies/authors-code.toml")),
];

/// A study as it was read.
#[derive(Debug)]
pub struct StudyFile {
    /// Its name: the file's name without the extension.
    pub name: String,
    /// Its file as messages name it.
    pub shown: String,
    /// The folder that relative paths in it start from.
    pub folder: PathBuf,
    /// The study.
    pub study: Study,
    text: String,
}

/// Reads a study: a file, or the name of a built-in one, with `--set key=value` changes applied.
pub fn read(path: &Path, changes: &[String]) -> Result<StudyFile> {
    let (name, shown, folder, text) = find(path)?;
    let text = change(&text, changes)?;
    let study = toml::from_str(&text).map_err(|error| {
        let after = if changes.is_empty() { "" } else { "\n(lines are counted after the changes by --set)" };
        Trouble::new(Exit::Study, format!("{shown}: {}{after}", error.to_string().trim_end()))
    })?;
    Ok(StudyFile { name, shown, folder, study, text })
}

fn find(path: &Path) -> Result<(String, String, PathBuf, String)> {
    let shown = path.display().to_string();
    if !path.is_file()
        && let Some((name, text)) = BUILT_IN.iter().find(|(name, _)| Path::new(name) == path)
    {
        return Ok(((*name).to_owned(), format!("built-in study '{name}'"), PathBuf::from("."), (*text).to_owned()));
    }
    let text = std::fs::read_to_string(path).map_err(|error| {
        let names = BUILT_IN.map(|(name, _)| name).join(", ");
        Trouble::new(
            Exit::Study,
            format!("cannot read the study {shown}: {error}; give a TOML file, or one of the built-in studies {names}"),
        )
    })?;
    let name = path.file_stem().map_or_else(|| "study".to_owned(), |stem| stem.to_string_lossy().into_owned());
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).map_or_else(|| PathBuf::from("."), Path::to_path_buf);
    Ok((name, shown, folder, text))
}

/// Applies `--set key=value`: the key is a dotted path as messages write it (`schooling.epochs`, `arm[0].steps`), the value is
/// TOML, or a bare word.
fn change(text: &str, changes: &[String]) -> Result<String> {
    if changes.is_empty() {
        return Ok(text.to_owned());
    }
    let wrong = |what: String| Trouble::new(Exit::Study, what);
    // a file that is no TOML is reported by the parser that shows its lines
    let Ok(mut document) = text.parse::<DocumentMut>() else { return Ok(text.to_owned()) };
    for change in changes {
        let (key, value) = change.split_once('=').ok_or_else(|| wrong(format!("--set {change}: write it as key=value")))?;
        if key_path(key.trim()).next().is_none() {
            return Err(wrong(format!("--set {change}: there is no key before the '='")));
        }
        let value: Value = value.trim().parse().unwrap_or_else(|_| Value::from(value.trim()));
        let mut place: &mut Item = document.as_item_mut();
        for step in key_path(key.trim()) {
            place = match step {
                KeyStep::Name(name) if place.is_table_like() || place.is_none() => &mut place[name],
                KeyStep::Index(index) if place.as_array_of_tables().is_some_and(|tables| index < tables.len()) => {
                    &mut place[index]
                }
                KeyStep::Index(_) if place.is_array() => {
                    return Err(wrong(format!("--set {change}: a list like this one is set as a whole, key=[...]")));
                }
                _ => return Err(wrong(format!("--set {change}: the study has no '{}'", key.trim()))),
            };
        }
        *place = Item::Value(value);
    }
    Ok(document.to_string())
}

enum KeyStep<'a> {
    Name(&'a str),
    Index(usize),
}

fn key_path(key: &str) -> impl Iterator<Item = KeyStep<'_>> {
    key.split(['.', '[', ']']).filter(|part| !part.is_empty()).map(|part| match part.parse() {
        Ok(index) => KeyStep::Index(index),
        Err(_) => KeyStep::Name(part),
    })
}

impl StudyFile {
    /// A study that a ledger holds; relative paths in it start from the current folder.
    pub fn of_ledger(name: &str, shown: &str, study: Study) -> Self {
        Self { name: name.to_owned(), shown: shown.to_owned(), folder: PathBuf::from("."), study, text: String::new() }
    }

    /// The message for a fault of the whole study: file, line where the key stands, key, reason.
    pub fn trouble(&self, fault: &Fault) -> Trouble {
        let line = self.line_of(&fault.key).map_or_else(String::new, |line| format!(":{line}"));
        Trouble::new(Exit::Study, format!("{}{line}: {}: {}", self.shown, fault.key, fault.reason))
    }

    fn line_of(&self, key: &str) -> Option<usize> {
        let document = Document::parse(self.text.as_str()).ok()?;
        let mut place = document.as_item();
        for step in key_path(key) {
            place = match step {
                KeyStep::Name(name) => place.get(name)?,
                KeyStep::Index(index) => place.get(index)?,
            };
        }
        let start = place.span()?.start;
        Some(self.text[..start].matches('\n').count() + 1)
    }

    /// The study in its resolved form, every default written out.
    pub fn resolved(&self) -> serde_json::Value {
        serde_json::to_value(&self.study).expect("a study is plain data")
    }

    /// SHA-256 of the resolved form: two studies with the same hash ask the same question in the same way.
    pub fn sha256(&self) -> String {
        stimuli::hexadecimal(&Sha256::digest(self.resolved().to_string()))
    }
}
