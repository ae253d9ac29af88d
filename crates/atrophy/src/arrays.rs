//! Arrays of anybody's making: NumPy's `.npy`, or one array of an `.npz`, with numbers of any type, order and byte order that NumPy
//! writes; and labels, which may be words and may stand in a text file.
//!
//! From the door on: a [`Place`] says which file and which array of it; `source` opens the file; `archive` finds the array in an
//! `.npz`; `header` says what the array is; `kind` what can be done with it; `numbers` takes the numbers, `labels` the labels.
//!
//! A file may claim anything. So its header is read first, and no more than the header says; what it says must be there and must fit into
//! memory before any of it is taken.

mod archive;
mod header;
mod kind;
mod labels;
mod list;
mod numbers;
mod place;
mod source;

use rayon::prelude::*;

pub use labels::{Labels, read_labels};
pub use place::Place;

use crate::trouble::Result;
use header::Stored;
use kind::Wanted;
use source::{Content, Source};

/// An array of real numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Length of each dimension.
    pub shape: Vec<usize>,
    /// The numbers, the last dimension running fastest whatever the order in the file.
    pub values: Values,
}

/// Numbers in the precision that their type needs.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Single: types of which it holds every value (float16, bfloat16, float32, 8-bit and 16-bit integers, bool).
    F32(Vec<f32>),
    /// Double: all others.
    F64(Vec<f64>),
}

/// Numbers of an array that lie together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Slice<'a> {
    /// Single.
    F32(&'a [f32]),
    /// Double.
    F64(&'a [f64]),
}

/// Reads an array of numbers: floats of 16, 32 or 64 bits, bfloat16, integers, or bool (0 and 1).
///
/// The type bfloat16 of `ml_dtypes` (JAX, TensorFlow) is saved by NumPy as `<V2`, and taken for what it is. Two bytes of no type are saved
/// as `|V2` and refused.
///
/// # Errors
/// `Exit::Data` if the file cannot be read or is damaged, if its array holds something else, or 64-bit integers that no double holds
/// exactly, or if it does not fit into memory.
pub fn read(place: &Place) -> Result<Array> {
    let (mut file, size) = source::open(&place.file)?;
    match source::content(&mut file, place)? {
        Content::Array => array(&place.alone()?, &mut Source::File(&file), size),
        Content::Archive => archive::with_member(file, place, Wanted::Numbers, array),
        Content::Other(head) => Err(source::foreign(place, &head)),
    }
}

/// Reads the array of an `.npy` file of `size` bytes.
fn array(place: &Place, source: &mut Source<'_>, size: u64) -> Result<Array> {
    let stored = Stored::of(place, source, size)?;
    let values = numbers::values(&stored, source)?;
    Ok(Array { shape: stored.shape()?, values })
}

impl Slice<'_> {
    /// A copy.
    pub fn to_values(&self) -> Values {
        match self {
            Slice::F32(values) => Values::F32(values.to_vec()),
            Slice::F64(values) => Values::F64(values.to_vec()),
        }
    }
}

/// Whether single precision holds this number. It holds every NaN and infinity, and both zeros.
fn is_single(value: f64) -> bool {
    value.is_nan() || f64::from(value as f32) == value
}

impl Values {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Values::F32(values) => values.len(),
            Values::F64(values) => values.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Some of them.
    ///
    /// # Panics
    /// If the range goes beyond the last.
    pub fn slice(&self, range: std::ops::Range<usize>) -> Slice<'_> {
        match self {
            Values::F32(values) => Slice::F32(&values[range]),
            Values::F64(values) => Slice::F64(&values[range]),
        }
    }

    /// In single precision if it holds every one of them exactly, as it does where singles were saved as doubles; else as they are. NaN,
    /// the infinities and -0.0 are held exactly.
    pub fn narrowed(self) -> Self {
        match self {
            Values::F64(values) if values.par_iter().all(|&value| is_single(value)) => Values::F32(rounded(values)),
            as_they_are => as_they_are,
        }
    }
}

/// Rounds from the last to the first, and gives back the place of what is rounded, so that no array is held twice.
fn rounded(mut values: Vec<f64>) -> Vec<f32> {
    let mut singles = vec![0.0; values.len()];
    let part = values.len().div_ceil(8).max(1);
    while !values.is_empty() {
        let start = (values.len() - 1) / part * part;
        let (singles, doubles) = (&mut singles[start..values.len()], &values[start..]);
        singles.par_iter_mut().zip(doubles).for_each(|(single, &double)| *single = double as f32);
        values.truncate(start);
        values.shrink_to_fit();
    }
    singles
}

#[cfg(test)]
mod tests;
