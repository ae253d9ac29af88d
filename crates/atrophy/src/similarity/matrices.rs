//! Dissimilarity matrices of anybody's making: an upper triangle, a square, or a stack of either.

use rsa::{MatrixError, Rdm, Real};

use super::side::{self, Side, check_belong};
use crate::arrays::{self, Array, Place, Slice, Values};
use crate::memory;
use crate::trouble::{Exit, OrTrouble, Result, Trouble};

/// The matrices of one file, over the same images.
pub(super) struct Matrices {
    pub(super) place: Place,
    /// What is said of them beside the file.
    pub(super) side: Option<Side>,
    array: Array,
    form: Form,
    /// How many there are. A stack of one is a matrix.
    pub(super) count: usize,
}

/// How matrices are taken.
#[derive(Debug, clap::Args)]
pub(super) struct Taking {
    /// Take a square array as a stack of upper triangles, one in each row.
    #[arg(long)]
    stack: bool,
    /// Take matrices together even if the files beside them say that their rows are different images.
    #[arg(long)]
    regardless: bool,
}

impl Taking {
    /// That matrices may be taken together, by what is said of them. What only makes one wonder is a warning.
    pub(super) fn check_belong(&self, a: &Matrices, b: &Matrices, warnings: &mut Vec<String>) -> Result<()> {
        let refusal = match (&a.side, &b.side) {
            (Some(of_a), Some(of_b)) => check_belong((of_a, &a.name(0)), (of_b, &b.name(0)), warnings).err(),
            (Some(side), None) => {
                warnings.extend(in_unknown_order(side, a, b));
                None
            }
            (None, Some(side)) => {
                warnings.extend(in_unknown_order(side, b, a));
                None
            }
            (None, None) => None,
        };
        match refusal {
            Some(refusal) if !self.regardless => {
                Err(Trouble::new(Exit::Refused, format!("{refusal}; or take them together --regardless")))
            }
            refusal => {
                warnings.extend(refusal);
                Ok(())
            }
        }
    }
}

/// A warning where rows of a matrix are known not to be the images as they came, and nothing is known of the other's.
fn in_unknown_order(side: &Side, known: &Matrices, other: &Matrices) -> Option<String> {
    let (name, other) = (known.name(0), other.name(0));
    match (&side.averaged_by, &side.sorted_by) {
        (Some(by), _) => {
            Some(format!("{name} is over conditions (averaged by {by}), and nothing says what the rows of {other} are"))
        }
        (None, Some(by)) => Some(format!("{name} is sorted by {by}, and nothing says in which order the rows of {other} are")),
        (None, None) => None,
    }
}

/// A matrix, and what it is called.
pub(super) type Named<T> = (String, Rdm<T>);

/// How a matrix is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The upper triangle, row after row.
    Condensed,
    /// All rows.
    Square,
}

impl Matrices {
    /// Reads them. Doubles that are all singles are held as singles.
    ///
    /// A square of two dimensions is one matrix, unless it is to be taken as a stack.
    pub(super) fn read(place: &Place, taking: &Taking, warnings: &mut Vec<String>) -> Result<Matrices> {
        let Array { shape, values } = arrays::read(place)?;
        let is_triangular = |pairs: usize| pairs > 0 && (8 * pairs + 1).isqrt().pow(2) == 8 * pairs + 1;
        let (count, form) = match shape.as_slice() {
            [_] => (1, Form::Condensed),
            [rows, columns] if rows == columns && !taking.stack => (1, Form::Square),
            // a column, as of a table
            &[pairs, 1] if pairs > 1 => (1, Form::Condensed),
            &[count, pairs] if is_triangular(pairs) => (count, Form::Condensed),
            [count, rows, columns] if rows == columns => (*count, Form::Square),
            _ => {
                let message = format!(
                    "{place} has the shape {shape:?}; a dissimilarity matrix is square (n, n) or an upper triangle (n(n-1)/2,), or a stack \
                     of them (k, n, n) or (k, n(n-1)/2); make one of activations with `atrophy rdm`"
                );
                return Err(Trouble::new(Exit::Data, message));
            }
        };
        if count == 0 {
            return Err(Trouble::new(Exit::Data, format!("{place} has the shape {shape:?}, a stack of no matrices")));
        }
        let side = side::of(&place.file, &values, warnings);
        Ok(Matrices { place: place.clone(), side, array: Array { shape, values: values.narrowed() }, form, count })
    }

    /// Whether single precision does not hold them.
    pub(super) fn are_doubles(&self) -> bool {
        matches!(self.array.values, Values::F64(_))
    }

    /// What one of them is called.
    pub(super) fn name(&self, number: usize) -> String {
        if self.count == 1 { self.place.to_string() } else { format!("{}[{number}]", self.place) }
    }

    /// What is wrong with one of them; a square that is no matrix may be a stack of as many upper triangles as each has pairs.
    fn trouble(&self, error: &MatrixError, number: usize) -> Trouble {
        let may_be_stack = self.form == Form::Square && self.array.shape.len() == 2;
        let hint = match error {
            MatrixError::Diagonal { .. } | MatrixError::NotSymmetric { .. } if may_be_stack => {
                "; if each row is an upper triangle, say --stack"
            }
            _ => "",
        };
        Trouble::new(Exit::Data, format!("{}: {error}{hint}", self.name(number)))
    }

    /// All of them, or the one with this number.
    pub(super) fn take<T: Held>(self, number: Option<usize>) -> Result<Vec<Named<T>>> {
        if let Some(number) = number.filter(|&number| number >= self.count) {
            let (place, count) = (&self.place, self.count);
            return Err(Trouble::new(
                Exit::Study,
                format!("{place} has {count} matrices, counted from 0; there is no number {number}"),
            ));
        }
        if self.count == 1 && self.form == Form::Condensed {
            let name = self.name(0);
            let rdm = Rdm::from_condensed(T::held(self.array.values)).or_trouble(Exit::Data, || name.clone())?;
            return Ok(vec![(name, rdm)]);
        }
        let each = self.array.values.len() / self.count;
        let bytes = each as u64 * size_of::<T>() as u64;
        let taken = if number.is_some() { 1 } else { self.count };
        memory::refuse_beyond(bytes * taken as u64, &self.place.to_string())?;
        let numbers = number.map_or(0..self.count, |number| number..number + 1);
        let mut rdms = Vec::with_capacity(taken);
        for number in numbers {
            let slice = self.array.values.slice(number * each..(number + 1) * each);
            let rdm = match (self.form, slice) {
                (Form::Square, Slice::F32(values)) => Rdm::from_square(values),
                (Form::Square, Slice::F64(values)) => Rdm::from_square(values),
                (Form::Condensed, slice) => Rdm::from_condensed(T::held(slice.to_values())),
            };
            let rdm = rdm.map_err(|error| self.trouble(&error, number))?;
            rdms.push((self.name(number), rdm));
        }
        Ok(rdms)
    }
}

/// Numbers of a precision that holds all that were read.
pub(super) trait Held: Real {
    /// All of them, in this precision.
    fn held(values: Values) -> Vec<Self>;
}

impl Held for f32 {
    fn held(values: Values) -> Vec<f32> {
        match values {
            Values::F32(values) => values,
            Values::F64(values) => values.into_iter().map(|value| value as f32).collect(),
        }
    }
}

impl Held for f64 {
    fn held(values: Values) -> Vec<f64> {
        match values {
            Values::F32(values) => values.into_iter().map(f64::from).collect(),
            Values::F64(values) => values,
        }
    }
}

/// Whether all that is defined of a matrix is equal, so that it ranks nothing.
pub(super) fn is_tied<T: Real>(dissimilarities: impl Iterator<Item = T>) -> bool {
    let mut defined = dissimilarities.filter(|&value| !value.into().is_nan());
    defined.next().is_none_or(|first| defined.all(|value| value == first))
}
