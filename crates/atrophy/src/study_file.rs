//! The door: a study file becomes a [`Study`] that cannot be wrong, or one message with file, line and key.

use std::io::Read;
use std::path::{Path, PathBuf};

use neuro::check::Fault;
use neuro::study::Study;
use sha2::{Digest, Sha256};
use toml_edit::{Document, DocumentMut, Item, Value};

use crate::trouble::{Exit, Result, Trouble, shown, what_it_is};

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
    refuse_depth(&shown, &text)?;
    let text = change(&text, changes)?;
    refuse_lists(&shown, &text)?;
    let study: Study = toml::from_str(&text).map_err(|error| {
        let after = if changes.is_empty() { "" } else { "\n(lines are counted after the changes by --set)" };
        Trouble::new(Exit::Study, format!("{shown}: {}{after}", error.to_string().trim_end()))
    })?;
    let file = StudyFile { name, shown, folder, study, text };
    file.study.check_ceilings().map_err(|fault| file.trouble(&fault))?;
    Ok(file)
}

/// Most bytes of a study file: far more than any study needs.
const LARGEST_STUDY: u64 = 1_000_000;

/// The text of a study file. What is no plain file has no end that could be waited for.
fn text_of(path: &Path) -> std::io::Result<String> {
    let wrong = |what: &str| std::io::Error::other(what.to_owned());
    match what_it_is(&std::fs::metadata(path)?) {
        Some("a folder") => return Err(wrong("it is a folder")),
        Some(what) => return Err(wrong(&format!("it is {what}; save it as a file"))),
        None => {}
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(LARGEST_STUDY + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST_STUDY {
        return Err(wrong("it is too large for a study, which has at most 1 MB"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = valid.iter().filter(|&&byte| byte == b'\n').count() + 1;
        wrong(&format!("line {line} is not UTF-8; save the file as UTF-8"))
    })
}

/// Most levels of brackets, and most dots in one key: far more than any study needs, and few enough for the stack of whoever walks them.
const DEEPEST: usize = 16;

/// A text that nests endlessly would exhaust the stack of the parser, or of whoever frees what was parsed.
fn refuse_depth(shown: &str, text: &str) -> Result<()> {
    let Some(line) = too_deep(text) else { return Ok(()) };
    let message = format!("{shown}:{line}: this nests deeper than any study does: at most {DEEPEST} brackets, or dots in a key");
    Err(Trouble::new(Exit::Study, message))
}

/// The line in which brackets or dots outside of quotes and comments become too many.
fn too_deep(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut at, mut brackets, mut dots) = (0, 0usize, 0);
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'#' => at += bytes[at..].iter().take_while(|&&byte| byte != b'\n').count(),
            b'"' | b'\'' => at = after_text(bytes, at - 1),
            b'.' => dots += 1,
            b'[' | b'{' => (brackets, dots) = (brackets + 1, 0),
            b']' | b'}' => (brackets, dots) = (brackets.saturating_sub(1), 0),
            b'=' | b',' | b'\n' => dots = 0,
            _ => {}
        }
        if brackets.max(dots) > DEEPEST {
            return Some(text[..at].matches('\n').count() + 1);
        }
    }
    None
}

/// Where a text in quotes ends that begins at `start`: one of a single line at the end of the line at the latest.
fn after_text(bytes: &[u8], start: usize) -> usize {
    let quote = bytes[start];
    let quotes = |at: usize| bytes[at..].iter().take(5).take_while(|&&byte| byte == quote).count();
    let of_many_lines = quotes(start) >= 3;
    let mut at = start + if of_many_lines { 3 } else { 1 };
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' if quote == b'"' && bytes.get(at + 1) != Some(&b'\n') => at += 2,
            b'\n' if !of_many_lines => return at,
            _ if byte == quote && !of_many_lines => return at + 1,
            // up to two quotes more belong to the text
            _ if byte == quote && quotes(at) >= 3 => return at + quotes(at),
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Keys whose values are lists. Everything else with several values is a table, whose values have names.
const LISTS: [&str; 7] = ["measures", "arm", "layers", "held", "head", "keep", "keep_rdms"];

/// A table would also be read from a list, its values in the order of the keys, which nobody means.
fn refuse_lists(shown: &str, text: &str) -> Result<()> {
    // a text that is no TOML is reported by the parser that shows its lines
    let Ok(document) = Document::parse(text) else { return Ok(()) };
    let Ok(tree) = toml::from_str::<toml::Value>(text) else { return Ok(()) };
    let Some(key) = list_in_place_of_table(&tree, "", "") else { return Ok(()) };
    let line = line_of(&document, text, &key).map_or_else(String::new, |line| format!(":{line}"));
    let name = key.rsplit('.').next().unwrap_or(&key);
    let example = match name {
        "seeds" => "seeds = { first = 10, count = 2 }",
        "probe" => "probe = { images = \"all\", layers = [\"penultimate\"] }",
        "vgg" => "vgg = { depth = 19, batch_norm = true, head = [] }",
        "shapes" => "shapes = { train = 1000, test = 200 }",
        "retrain" => "retrain = { epochs = 3 }",
        "one-cycle" => "one-cycle = { warmup = 0.3 }",
        "ablation" => "ablation = { fraction = 0.2, of = \"remaining\", scope = \"per-layer\" }",
        _ => "key = { name = value }",
    };
    Err(Trouble::new(
        Exit::Study,
        format!("{shown}{line}: {key}: this is no list; where it has several values, it is a table: {example}"),
    ))
}

fn list_in_place_of_table(value: &toml::Value, key: &str, name: &str) -> Option<String> {
    match value {
        toml::Value::Table(table) => table.iter().find_map(|(name, value)| {
            let key = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
            list_in_place_of_table(value, &key, name)
        }),
        toml::Value::Array(values) if LISTS.contains(&name) => {
            values.iter().enumerate().find_map(|(i, value)| list_in_place_of_table(value, &format!("{key}[{i}]"), ""))
        }
        toml::Value::Array(_) => Some(key.to_owned()),
        toml::Value::String(_)
        | toml::Value::Integer(_)
        | toml::Value::Float(_)
        | toml::Value::Boolean(_)
        | toml::Value::Datetime(_) => None,
    }
}

/// The line in which the key stands, or the last part of its path that is written.
fn line_of(document: &Document<&str>, text: &str, key: &str) -> Option<usize> {
    let mut place = document.as_item();
    let mut start = None;
    for step in key_path(key) {
        let next = match step {
            KeyStep::Name(name) => place.get(name),
            KeyStep::Index(index) => place.get(index),
        };
        let Some(next) = next else { break };
        place = next;
        start = place.span().map(|span| span.start).or(start);
    }
    Some(text[..start?].matches('\n').count() + 1)
}

fn find(path: &Path) -> Result<(String, String, PathBuf, String)> {
    let shown = path.display().to_string();
    if !path.is_file()
        && let Some((name, text)) = BUILT_IN.iter().find(|(name, _)| Path::new(name) == path)
    {
        return Ok(((*name).to_owned(), format!("built-in study '{name}'"), PathBuf::from("."), (*text).to_owned()));
    }
    let text = text_of(path).map_err(|error| {
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
    for (i, change) in changes.iter().enumerate() {
        let (key, value) = change.split_once('=').ok_or_else(|| wrong(format!("--set {change}: write it as key=value")))?;
        let (key, value) = (key.trim(), value.trim());
        if key.is_empty() {
            return Err(wrong(format!("--set {change}: there is no key before the '='")));
        }
        if !is_key(key) {
            let message = "a key is made of names without quotes, dots between them, and [0] for the first of a list";
            return Err(wrong(format!("--set {change}: {message}")));
        }
        if value.is_empty() {
            return Err(wrong(format!("--set {change}: there is no value after the '='; an empty text is '\"\"'")));
        }
        if changes[..i].iter().any(|other| other.split_once('=').is_some_and(|(other, _)| other.trim() == key)) {
            return Err(wrong(format!("--set {change}: '{key}' is set twice")));
        }
        if value.starts_with(['[', '{']) && too_deep(value).is_some() {
            return Err(wrong(format!("--set {change}: this nests deeper than any study does")));
        }
        let value: Value = value.parse().unwrap_or_else(|_| Value::from(value));
        let mut place: &mut Item = document.as_item_mut();
        for step in key_path(key) {
            place = match step {
                KeyStep::Name(name) if place.is_table_like() || place.is_none() => &mut place[name],
                KeyStep::Index(index) if place.as_array_of_tables().is_some_and(|tables| index < tables.len()) => {
                    &mut place[index]
                }
                KeyStep::Index(_) if place.is_array() => {
                    return Err(wrong(format!("--set {change}: a list like this one is set as a whole, key=[...]")));
                }
                _ => return Err(wrong(format!("--set {change}: the study has no '{key}'"))),
            };
        }
        // an arm of a list of arms can only be a table: anything else would be left out when the text is written
        *place = match (&*place, value) {
            (Item::Table(old), value) if key.ends_with(']') => {
                let Value::InlineTable(new) = value else {
                    let message = format!("write the whole table, {key}={{ ... }}, or set one of its keys");
                    return Err(wrong(format!("--set {change}: {message}")));
                };
                let mut new = new.into_table();
                new.set_position(old.position());
                Item::Table(new)
            }
            (_, value) => Item::Value(value),
        };
    }
    Ok(document.to_string())
}

/// Whether this is a dotted path: `schooling.epochs`, `arm[0].steps`, no deeper than a study can be.
fn is_key(key: &str) -> bool {
    let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    let is_index = |index: &str| index.strip_suffix(']').is_some_and(|index| index.parse::<usize>().is_ok());
    let is_step = |step: &str| {
        let mut parts = step.split('[');
        parts.next().is_some_and(is_name) && parts.all(is_index)
    };
    key.split('.').all(is_step) && key.matches(['.', '[']).count() <= DEEPEST
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

/// Most characters of a folder's name, which have up to four bytes each, of the 255 that a name can have.
const LONGEST_NAME: usize = 60;

fn folder_name(name: &str) -> String {
    let forbidden = |c: char| {
        matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' | '\u{fffd}') || shown(&c.to_string()) != c.to_string()
    };
    let name: String = name.chars().map(|c| if forbidden(c) { '_' } else { c }).take(LONGEST_NAME).collect();
    // Windows takes dots and spaces away from the end, elsewhere a dot at the start hides the folder
    let name = name.trim_matches(['.', ' ']);
    let device = name.split('.').next().unwrap_or_default().trim_end().to_ascii_uppercase();
    let numbered = |kind: &str| {
        device.strip_prefix(kind).is_some_and(|rest| rest.chars().count() == 1 && rest.chars().all(char::is_numeric))
    };
    let is_device =
        ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"].contains(&device.as_str()) || numbered("COM") || numbered("LPT");
    match name {
        "" => "study".to_owned(),
        name if is_device => format!("_{name}"),
        name => name.to_owned(),
    }
}

impl StudyFile {
    /// A study that a ledger holds; relative paths in it start from the current folder.
    pub fn of_ledger(name: &str, shown: &str, study: Study) -> Self {
        Self { name: name.to_owned(), shown: shown.to_owned(), folder: PathBuf::from("."), study, text: String::new() }
    }

    /// The study's name as a folder can have it on every system: without what any of them forbids, and not one of the names that Windows
    /// keeps for devices.
    pub fn folder_name(&self) -> String {
        folder_name(&self.name)
    }

    /// The message for a fault of the whole study: file, line where the key stands, key, reason.
    pub fn trouble(&self, fault: &Fault) -> Trouble {
        let line = self.line_of(&fault.key).map_or_else(String::new, |line| format!(":{line}"));
        Trouble::new(Exit::Study, format!("{}{line}: {}: {}", self.shown, fault.key, fault.reason))
    }

    fn line_of(&self, key: &str) -> Option<usize> {
        line_of(&Document::parse(self.text.as_str()).ok()?, &self.text, key)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_counted_outside_of_texts_and_comments() {
        let dots = ".".repeat(100);
        let brackets = "[".repeat(100);
        for shallow in [
            format!("question = \"{dots}\\\"{brackets}\" # {dots}{brackets}"),
            format!("question = '{dots}{brackets}\\'"),
            format!("question = \"\"\"\n{dots}\"\"\n{brackets}\\\"\"\"\"\"\"\"\na = 1"),
            format!("question = \'\'\'{dots}\'\'\'"),
            "rates = [0.1, 0.2, 0.3]\n".repeat(100),
        ] {
            assert_eq!(too_deep(&shallow), None, "{shallow}");
        }
        for deep in [
            format!("a = 1\nb{} = 1", ".b".repeat(20)),
            format!("# a\n{}", "[".repeat(20)),
            format!("\na = {}", "{b=".repeat(20)),
            format!("a = \"\"\"x\"\"\"\"\n{}", "[".repeat(20)),
            format!("a = \"x\\\n{}", "[".repeat(20)),
            format!("\n{}", "[\"]\",".repeat(20)),
        ] {
            assert_eq!(too_deep(&deep), Some(2), "{deep}");
        }
    }

    #[test]
    fn a_name_is_a_folder_on_every_system() {
        for (name, folder) in [
            ("paper-small", "paper-small"),
            ("étude (copie) 2", "étude (copie) 2"),
            ("a/b\\c:d", "a_b_c_d"),
            ("a\tb\u{1b}[31m\u{202e}\u{fffd}", "a_b_[31m__"),
            (" ..x. ", "x"),
            ("...", "study"),
            ("", "study"),
            ("con", "_con"),
            ("Aux.v2", "_Aux.v2"),
            ("COM1", "_COM1"),
            ("lpt²", "_lpt²"),
            ("comic", "comic"),
        ] {
            assert_eq!(folder_name(name), folder);
        }
        assert!(folder_name(&"猫".repeat(300)).len() <= 255);
    }
}
