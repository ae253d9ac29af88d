//! A label for each image, such as its class: whole numbers or words.

use std::io::Read;
use std::ops::Range;

use rsa::MOST_IMAGES;

use super::archive;
use super::header::Stored;
use super::kind::{Kind, Number, Wanted};
use super::list;
use super::numbers;
use super::place::Place;
use super::source::{self, Content, Source};
use crate::memory;
use crate::trouble::{Exit, OrTrouble, Result, Trouble};

/// Most characters of a label, which is drawn beside a picture.
const LONGEST_LABEL: usize = 1000;

/// A label for each image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    of: Vec<u32>,
    names: Vec<String>,
}

impl Labels {
    /// How many images have a label.
    pub fn len(&self) -> usize {
        self.of.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.of.is_empty()
    }

    /// For each image, which of the [names](Self::names) it has.
    pub fn of(&self) -> &[u32] {
        &self.of
    }

    /// Each label once, in order: numbers by their value, words by their characters' code points (as NumPy sorts them).
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The images sorted by label; images of one label stay in their order.
    pub fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.of.len()).collect();
        order.sort_by_key(|&image| self.of[image]);
        order
    }

    /// For each of the [names](Self::names), where in the [order](Self::order) its images are. No range is empty.
    pub fn groups(&self) -> Vec<Range<usize>> {
        let mut sizes = vec![0; self.names.len()];
        self.of.iter().for_each(|&name| sizes[name as usize] += 1);
        let ends = sizes.iter().scan(0, |end, size| {
            *end += size;
            Some(*end - size..*end)
        });
        ends.collect()
    }

    /// The name of each image's label.
    pub fn words(&self) -> Vec<String> {
        self.of.iter().map(|&name| self.names[name as usize].clone()).collect()
    }

    /// Each name, and how many images have it, in the order of names.
    pub fn classes(&self) -> Vec<(String, usize)> {
        self.names.iter().cloned().zip(self.groups().iter().map(ExactSizeIterator::len)).collect()
    }

    /// Of what the images have, names in its order.
    fn of_each<T: Ord>(each: &[T], name: impl Fn(&T) -> String) -> Self {
        let mut sorted: Vec<&T> = each.iter().collect();
        sorted.sort();
        sorted.dedup();
        let of = each.iter().map(|value| sorted.partition_point(|other| *other < value) as u32).collect();
        Self { of, names: sorted.into_iter().map(name).collect() }
    }
}

/// Reads one label for each image: an array of whole numbers (also as floats), words or bool, in one dimension or along the only one that
/// is longer than 1; a text file with one label a line; or a column of a table.
///
/// In text files, labels that are whole numbers all together are numbers.
///
/// # Errors
/// [`Exit::Data`] if the file cannot be read or is damaged, if an image has no label or one that is no whole number, or if there are more
/// labels than a matrix has images.
pub fn read_labels(place: &Place) -> Result<Labels> {
    let (mut file, size) = source::open(&place.file)?;
    match source::content(&mut file, place)? {
        Content::Array => array(&place.alone()?, &mut Source::File(&file), size),
        Content::Archive => archive::with_member(file, place, Wanted::Labels, array),
        Content::Other(head) => {
            if let Some(message) = source::of_other_programs(place, &head) {
                return Err(Trouble::new(Exit::Data, message));
            }
            if !source::is_text(&head) {
                return Err(no_text(place));
            }
            memory::refuse_beyond(size.saturating_mul(2), &place.to_string())
                .map_err(|trouble| Trouble { exit: Exit::Data, ..trouble })?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).or_trouble(Exit::Data, || format!("cannot read {place}"))?;
            text(place, bytes)
        }
    }
}

/// Labels of an `.npy` file of `size` bytes.
fn array(place: &Place, source: &mut Source<'_>, size: u64) -> Result<Labels> {
    let stored = Stored::of(place, source, size)?;
    let (kind, shape) = (&stored.header.kind, &stored.header.shape);
    let each = match kind {
        Kind::Number(number) => Some(number.bytes()),
        Kind::Bytes(length) => Some(*length),
        Kind::Unicode(length) => length.checked_mul(4),
        _ => return Err(stored.holds_something_else(Wanted::Labels)),
    };
    if !kind.serves(Wanted::Labels, shape) {
        let hint = match (kind, shape.as_slice()) {
            (_, []) => "",
            (Kind::Number(_), [_, _]) => "; if they are one-hot: numpy.save(FILE, array.argmax(axis=1))",
            _ => "; save one of the lists in it, such as numpy.save(FILE, array[:, 0])",
        };
        return Err(stored.trouble(&format!("has the shape {shape:?}; labels are a list with one for each image{hint}")));
    }
    let count: u64 = shape.iter().product();
    few_enough(count, place)?;
    // words without a character take no bytes
    let Some(each) = each.filter(|&each| each > 0) else {
        return Err(stored.trouble("has labels without a character; give every image a label"));
    };
    let bytes = numbers::bytes(&stored, source, each)?;
    let entries = bytes.chunks_exact(each).enumerate();
    let wrong = |i: usize, what: &str| wrong(place, i, what);
    match kind {
        Kind::Number(number) => {
            let whole = entries.map(|(i, entry)| whole(*number, entry, stored.header.big_endian).map_err(|what| wrong(i, &what)));
            let whole: Vec<i128> = whole.collect::<Result<_>>()?;
            let name = |value: &i128| match (number, value) {
                (Number::Bool, 0) => "False".to_owned(),
                (Number::Bool, _) => "True".to_owned(),
                _ => value.to_string(),
            };
            Ok(Labels::of_each(&whole, name))
        }
        _ => {
            let unicode = matches!(kind, Kind::Unicode(_));
            let word = |entry: &[u8]| if unicode { characters(entry, stored.header.big_endian) } else { utf8(entry) };
            let words = entries.map(|(i, entry)| word(entry).and_then(fitting).map_err(|what| wrong(i, what)));
            Ok(Labels::of_each(&words.collect::<Result<Vec<String>>>()?, String::clone))
        }
    }
}

/// The whole number in these bytes, or what is there instead.
fn whole(number: Number, bytes: &[u8], big_endian: bool) -> std::result::Result<i128, String> {
    let mut low_first = [0; 8];
    low_first[..bytes.len()].copy_from_slice(bytes);
    if big_endian {
        low_first[..bytes.len()].reverse();
    }
    let bits = u64::from_le_bytes(low_first);
    Ok(match number {
        Number::Float16 => return list::whole(half::f16::from_bits(bits as u16).into()),
        Number::Bfloat16 => return list::whole(half::bf16::from_bits(bits as u16).into()),
        Number::Float32 => return list::whole(f32::from_bits(bits as u32).into()),
        Number::Float64 => return list::whole(f64::from_bits(bits)),
        Number::Int8 => (bits as i8).into(),
        Number::Int16 => (bits as i16).into(),
        Number::Int32 => (bits as i32).into(),
        Number::Int64 => (bits as i64).into(),
        Number::Uint8 | Number::Uint16 | Number::Uint32 | Number::Uint64 => bits.into(),
        Number::Bool => (bits != 0).into(),
    })
}

/// A word of characters with four bytes each.
fn characters(bytes: &[u8], big_endian: bool) -> std::result::Result<String, &'static str> {
    let code = |&bytes: &[u8; 4]| if big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) };
    let word: Option<String> = bytes.as_chunks().0.iter().map(|bytes| char::from_u32(code(bytes))).collect();
    Ok(word.ok_or("no text; save the words again")?.trim_end_matches('\0').to_owned())
}

/// A word of bytes.
fn utf8(bytes: &[u8]) -> std::result::Result<String, &'static str> {
    let end = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    let word = std::str::from_utf8(&bytes[..end]);
    Ok(word.map_err(|_| "not UTF-8; save words: numpy.save(FILE, numpy.char.decode(array, 'latin-1'))")?.to_owned())
}

/// A word that can be a label.
fn fitting(word: String) -> std::result::Result<String, &'static str> {
    match word.chars().nth(LONGEST_LABEL) {
        Some(_) => Err("longer than 1000 characters; give a shorter one"),
        None if word.is_empty() => Err("empty; give every image a label"),
        None => Ok(word),
    }
}

/// That a label is what it should not be.
fn wrong(place: &Place, i: usize, what: &str) -> Trouble {
    Trouble::new(Exit::Data, format!("{place}: label {i} (counted from 0) is {what}"))
}

/// That there is a label, and that there are not more than images.
fn few_enough(count: u64, place: &Place) -> Result<()> {
    match count {
        0 => Err(Trouble::new(Exit::Data, format!("{place} has no labels; give every image one"))),
        _ if count > MOST_IMAGES as u64 => {
            let message = format!("{place} has {count} labels, and a matrix can have {MOST_IMAGES} images; take fewer");
            Err(Trouble::new(Exit::Data, message))
        }
        _ => Ok(()),
    }
}

fn no_text(place: &Place) -> Trouble {
    let file = place.file.display();
    Trouble::new(
        Exit::Data,
        format!("{file} is no NumPy file and no text in UTF-8; save the labels as either: numpy.save(FILE, labels)"),
    )
}

/// Labels of a text file: one a line, or a column.
fn text(place: &Place, bytes: Vec<u8>) -> Result<Labels> {
    let Some(text) = String::from_utf8(bytes).ok().filter(|text| !text.contains('\0')) else {
        return Err(no_text(place));
    };
    let text = text.trim_start_matches('\u{feff}').trim_end();
    let is_table = place.name.is_some() || place.ends("csv") || place.ends("tsv");
    let words = match is_table && !text.is_empty() {
        true => list::column(text, place).map_err(|what| Trouble::new(Exit::Data, format!("{place} {what}")))?,
        false => list::lines(text),
    };
    few_enough(words.len() as u64, place)?;
    let numbers: Option<Vec<_>> = words.iter().map(|word| list::number(word)).collect();
    match numbers {
        Some(numbers) => {
            let whole = numbers.into_iter().enumerate().map(|(i, number)| number.map_err(|what| wrong(place, i, &what)));
            Ok(Labels::of_each(&whole.collect::<Result<Vec<i128>>>()?, i128::to_string))
        }
        None => {
            let words = words.into_iter().enumerate().map(|(i, word)| fitting(word).map_err(|what| wrong(place, i, what)));
            Ok(Labels::of_each(&words.collect::<Result<Vec<String>>>()?, String::clone))
        }
    }
}

#[cfg(test)]
mod tests;
