//! The header of an `.npy` file: `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`, a dictionary as Python prints it
//! (<https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>). It is taken apart by its commas, in time that grows with
//! its length alone and without recursion, whatever it holds.

use std::io::{self, Read};

use super::kind::{Kind, Wanted};
use super::place::Place;
use crate::memory;
use crate::trouble::{Exit, OrTrouble, Result, Trouble};

/// Beginning of every `.npy` file.
pub(super) const MAGIC: &[u8] = b"\x93NUMPY";

/// Longest header that is read. Real ones have some 100 bytes, those of records some 1000.
const LONGEST_HEADER: usize = 1 << 16;

/// Most dimensions of an array: NumPy's own limit.
const MOST_DIMENSIONS: usize = 64;

/// What a header says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Header {
    /// What each entry is.
    pub(super) kind: Kind,
    /// The same as the file writes it, with its quotes: `'<f4'`.
    pub(super) descr: String,
    /// Whether the first byte of a number weighs most.
    pub(super) big_endian: bool,
    /// Whether the first dimension runs fastest.
    pub(super) fortran: bool,
    /// Length of each dimension.
    pub(super) shape: Vec<u64>,
    /// Bytes of the file before its first number.
    pub(super) length: u64,
}

impl Header {
    /// Reads a header, and no byte more. Errors say what is wrong with it.
    pub(super) fn read(source: &mut dyn Read) -> std::result::Result<Self, String> {
        // magic, version, and the length of the text, which has four bytes from version 2 on
        let mut head = vec![0; 10];
        source.read_exact(&mut head).map_err(|_| "it is too short")?;
        if !head.starts_with(MAGIC) {
            return Err("it does not begin as a NumPy file".to_owned());
        }
        let version = head[6];
        if !(1..=3).contains(&version) {
            return Err(format!("its format has the version {version}, and 1 to 3 are known"));
        }
        if version > 1 {
            head.resize(12, 0);
            source.read_exact(&mut head[10..]).map_err(|_| "it is too short")?;
        }
        let length = head[8..].iter().rev().fold(0, |length, &byte| length << 8 | usize::from(byte));
        if length > LONGEST_HEADER {
            return Err(format!("its header claims {length} bytes; a header has some hundred"));
        }
        let mut bytes = vec![0; length];
        source.read_exact(&mut bytes).map_err(|_| "it is cut off in its header")?;
        let text = match version {
            3 => String::from_utf8_lossy(&bytes).into_owned(),
            _ => bytes.iter().copied().map(char::from).collect(),
        };
        let (descr, fortran, shape) = keys(text.trim()).ok_or("its header is not one of type, order and shape")?;
        let fortran = match fortran {
            "True" => true,
            "False" => false,
            _ => return Err(format!("its header has the order {fortran}, which is True or False")),
        };
        let shape = lengths(shape)?;
        let named = string(descr).filter(|(_, rest)| rest.is_empty());
        let kind = match named {
            Some((plain, _)) => Kind::of(plain),
            None => Kind::Record(fields(descr).filter(|names| !names.is_empty()).ok_or("its header has a type that is none")?),
        };
        let big_endian = named.is_some_and(|(plain, _)| plain.starts_with('>'));
        Ok(Self { kind, descr: descr.to_owned(), big_endian, fortran, shape, length: (head.len() + length) as u64 })
    }
}

/// Type, order and shape of a header.
fn keys(text: &str) -> Option<(&str, &str, &str)> {
    let (mut descr, mut order, mut shape) = (None, None, None);
    for part in parts(text, '{')? {
        let (key, rest) = string(part)?;
        let value = rest.trim_start().strip_prefix(':')?.trim();
        match key {
            "descr" => descr = Some(value),
            "fortran_order" => order = Some(value),
            "shape" => shape = Some(value),
            _ => return None,
        }
    }
    Some((descr?, order?, shape?))
}

/// Lengths of the dimensions: `(2, 3)`. Python 2 wrote `(2L, 3L)`.
fn lengths(shape: &str) -> std::result::Result<Vec<u64>, String> {
    let parts = parts(shape, '(').ok_or_else(|| format!("its shape is {shape}, which is none"))?;
    if parts.len() > MOST_DIMENSIONS {
        return Err(format!("it claims {} dimensions; an array has at most {MOST_DIMENSIONS}", parts.len()));
    }
    let length = |part: &&str| {
        let digits = part.strip_suffix('L').unwrap_or(part);
        digits.parse().map_err(|_| format!("its shape has the length {part}, which no array has"))
    };
    parts.iter().map(length).collect()
}

/// Names of a record's fields in their quotes, without those of padding: `[('a', '<f4'), (('title', 'b'), '<i4', (2, 2)), ('', '|V4')]`.
fn fields(descr: &str) -> Option<Vec<String>> {
    let name = |field: &str| -> Option<String> {
        let first = *parts(field, '(')?.first()?;
        let name = if first.starts_with('(') { *parts(first, '(')?.get(1)? } else { first };
        Some(name[..string(name)?.0.len() + 2].to_owned())
    };
    let names: Option<Vec<String>> = parts(descr, '[')?.into_iter().map(name).collect();
    Some(names?.into_iter().filter(|name| name.len() > 2).collect())
}

/// A text at the beginning, without its quotes, and what follows it.
fn string(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let mut escaped = false;
    let end = text[1..].find(|c| {
        let ends = c == quote && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    })?;
    Some((&text[1..1 + end], &text[2 + end..]))
}

/// What stands between the commas of a text in brackets that open so. Commas in brackets within, and in texts, do not count.
fn parts(text: &str, open: char) -> Option<Vec<&str>> {
    let inner = text.strip_prefix(open)?.strip_suffix(['}', ']', ')'])?;
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0usize);
    let (mut quote, mut escaped) = (None, false);
    for (at, c) in inner.char_indices() {
        match (c, quote) {
            (_, Some(open)) => {
                if c == open && !escaped {
                    quote = None;
                }
                escaped = c == '\\' && !escaped;
            }
            ('\'' | '"', None) => (quote, escaped) = (Some(c), false),
            ('(' | '[' | '{', None) => depth += 1,
            (')' | ']' | '}', None) => depth = depth.checked_sub(1)?,
            (',', None) if depth == 0 => {
                parts.push(inner[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    let last = inner[start..].trim();
    parts.extend((!last.is_empty()).then_some(last));
    (depth == 0 && quote.is_none()).then_some(parts)
}

/// An array that lies in a file.
pub(super) struct Stored<'a> {
    /// Where.
    pub(super) place: &'a Place,
    /// What it is.
    pub(super) header: Header,
    /// Bytes that follow the header, as far as it is known.
    there: u64,
}

impl<'a> Stored<'a> {
    /// Reads the header, and no byte more, of a file that has `size` bytes.
    pub(super) fn of(place: &'a Place, source: &mut dyn Read, size: u64) -> Result<Self> {
        let header = Header::read(source).map_err(|what| {
            Trouble::new(Exit::Data, format!("{place} is no NumPy array: {what}; save it again: numpy.save(FILE, array)"))
        })?;
        let there = size.saturating_sub(header.length);
        Ok(Self { place, header, there })
    }

    /// Trouble with the file: "FILE " and what it does.
    pub(super) fn trouble(&self, what: &str) -> Trouble {
        Trouble::new(Exit::Data, format!("{} {what}", self.place))
    }

    /// That it holds something else.
    pub(super) fn holds_something_else(&self, wanted: Wanted) -> Trouble {
        self.trouble(&self.header.kind.instead(&self.header.descr, wanted))
    }

    /// That its numbers cannot be read.
    pub(super) fn unread(&self, error: &io::Error) -> Trouble {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                self.trouble("is cut off: it ends before the last number of its shape; copy or save it again")
            }
            _ => self.trouble(&format!("cannot be read: {error}")),
        }
    }

    /// Length of each dimension.
    pub(super) fn shape(&self) -> Result<Vec<usize>> {
        let shape = &self.header.shape;
        let lengths: std::result::Result<_, _> = shape.iter().map(|&length| usize::try_from(length)).collect();
        lengths.or_trouble(Exit::Data, || format!("{} has the shape {shape:?}", self.place))
    }

    /// How many entries of `each` bytes there are, after it is known that they are there, and fit into memory with `held` bytes each.
    pub(super) fn count(&self, each: usize, held: usize) -> Result<usize> {
        let shape = &self.header.shape;
        let count = shape.iter().try_fold(1u64, |product, &length| product.checked_mul(length));
        let bytes = count.and_then(|count| Some((count.checked_mul(each as u64)?, count.checked_mul(held as u64)?)));
        let bounded = count.and_then(|count| usize::try_from(count).ok()).zip(bytes);
        let Some((count, (bytes, held))) = bounded else {
            return Err(self.trouble(&format!("is damaged: its shape is {shape:?}, which no file can hold; save it again")));
        };
        if bytes > self.there {
            let there = self.there;
            return Err(self.trouble(&format!(
                "is cut off: its shape is {shape:?}, which takes {bytes} bytes, and {there} are there; copy or save it again"
            )));
        }
        memory::refuse_beyond(held, &self.place.to_string()).map_err(|trouble| Trouble { exit: Exit::Data, ..trouble })?;
        Ok(count)
    }
}
