//! The numbers of an array: from whatever type to floats, and from Fortran's order to C's, on their way from the file to their place. No
//! array is held twice.

use std::io::Read;
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::Values;
use super::header::Stored;
use super::kind::{Kind, Number, Wanted};
use super::source::Source;
use crate::trouble::Result;

/// The numbers with the last dimension running fastest.
pub(super) fn values(stored: &Stored<'_>, source: &mut Source<'_>) -> Result<Values> {
    let Kind::Number(number) = stored.header.kind else {
        return Err(stored.holds_something_else(Wanted::Numbers));
    };
    let doubles = Doubles::default();
    let values = match number {
        Number::Float16 => Values::F32(read(stored, source, |bytes| half::f16::from_le_bytes(bytes).to_f32())?),
        // the upper half of a single
        Number::Bfloat16 => Values::F32(read(stored, source, |[low, high]| f32::from_le_bytes([0, 0, low, high]))?),
        Number::Float32 => Values::F32(read(stored, source, f32::from_le_bytes)?),
        Number::Float64 => Values::F64(read(stored, source, f64::from_le_bytes)?),
        Number::Int8 => Values::F32(read(stored, source, |bytes| i8::from_le_bytes(bytes).into())?),
        Number::Int16 => Values::F32(read(stored, source, |bytes| i16::from_le_bytes(bytes).into())?),
        Number::Int32 => Values::F64(read(stored, source, |bytes| i32::from_le_bytes(bytes).into())?),
        Number::Int64 => Values::F64(read(stored, source, |bytes| {
            let value = i64::from_le_bytes(bytes);
            doubles.of(value.into(), value as f64)
        })?),
        Number::Uint8 => Values::F32(read(stored, source, |[byte]| byte.into())?),
        Number::Uint16 => Values::F32(read(stored, source, |bytes| u16::from_le_bytes(bytes).into())?),
        Number::Uint32 => Values::F64(read(stored, source, |bytes| u32::from_le_bytes(bytes).into())?),
        Number::Uint64 => Values::F64(read(stored, source, |bytes| {
            let value = u64::from_le_bytes(bytes);
            doubles.of(value.into(), value as f64)
        })?),
        Number::Bool => Values::F32(read(stored, source, |[byte]| f32::from(byte != 0))?),
    };
    match doubles.nearest_that_is_none() {
        None => Ok(values),
        Some(whole) => Err(stored.trouble(&format!(
            "holds {whole}, which no double holds exactly; if differences matter alone: numpy.save(FILE, array - array.min()), and if \
             rounding does no harm: numpy.save(FILE, array.astype('float64'))"
        ))),
    }
}

/// Looks after whole numbers that become doubles, which hold not all of them beyond 2^53.
#[derive(Default)]
struct Doubles {
    none: Mutex<Option<i128>>,
}

impl Doubles {
    /// The double of a whole number, which is remembered if it is another.
    fn of(&self, whole: i128, double: f64) -> f64 {
        if double.abs() >= (1u64 << f64::MANTISSA_DIGITS) as f64 && double as i128 != whole {
            let mut none = self.none.lock().unwrap_or_else(PoisonError::into_inner);
            *none = Some(none.map_or(whole, |other| if whole.abs() < other.abs() { whole } else { other }));
        }
        double
    }

    /// Of the whole numbers that are no doubles the one nearest to zero.
    fn nearest_that_is_none(self) -> Option<i128> {
        self.none.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads numbers of `N` bytes each; `number` makes one of its bytes, the least first.
fn read<T: Copy + Default + Send + Sync, const N: usize>(
    stored: &Stored<'_>,
    source: &mut Source<'_>,
    number: impl Fn([u8; N]) -> T + Sync,
) -> Result<Vec<T>> {
    let header = &stored.header;
    let take = |bytes: &[u8], values: &mut [T]| {
        let bytes = values.iter_mut().zip(bytes.as_chunks().0);
        if header.big_endian {
            bytes.for_each(|(value, &(mut bytes))| {
                bytes.reverse();
                *value = number(bytes);
            });
        } else {
            bytes.for_each(|(value, &bytes)| *value = number(bytes));
        }
    };
    let count = stored.count(N, size_of::<T>())?;
    let shape = stored.shape()?;
    // asked for first, since the program ends where zeros do not fit
    Vec::<T>::new().try_reserve_exact(count).map_err(|_| stored.trouble("does not fit into memory"))?;
    let mut values = vec![T::default(); count];
    let read = if header.fortran && shape.len() > 1 && count > 0 {
        read_columns(source, &shape, N, &mut values, take)
    } else {
        source.fill(header.length, N, &mut values, take)
    };
    read.map_err(|error| stored.unread(&error))?;
    Ok(values)
}

/// Bytes that are read at a time in Fortran's order: columns enough to fill the lines of the processor's cache in each row.
const PIECE: usize = 8 << 20;

/// Rows that one thread fills together, column by column.
const ROWS: usize = 16;

/// Reads from Fortran's order, in which the first dimension runs fastest: `columns` after each other, one for each place along all other
/// dimensions, with a number for each row, a place along the first. Some columns at a time are read and spread over their rows.
fn read_columns<T: Copy + Default + Send + Sync>(
    source: &mut Source<'_>,
    shape: &[usize],
    each: usize,
    values: &mut [T],
    take: impl Fn(&[u8], &mut [T]),
) -> std::io::Result<()> {
    let (rows, columns) = (shape[0], values.len() / shape[0]);
    let most = PIECE / each;
    // some columns at a time, or else a part of one
    let (wide, high) = ((most / rows).max(1), rows.min(most));
    let mut bytes = Vec::new();
    let mut piece = Vec::new();
    for first in (0..columns).step_by(wide) {
        let targets: Vec<usize> = (first..columns.min(first + wide)).map(|column| in_order_of_c(column, &shape[1..])).collect();
        for top in (0..rows).step_by(high) {
            let high = high.min(rows - top);
            bytes.resize(targets.len() * high * each, 0);
            source.read_exact(&mut bytes)?;
            piece.resize(targets.len() * high, T::default());
            take(&bytes, &mut piece);
            let rows = &mut values[top * columns..(top + high) * columns];
            rows.par_chunks_mut(ROWS * columns).enumerate().for_each(|(block, rows)| {
                for (column, &target) in piece.chunks_exact(high).zip(&targets) {
                    for (row, &value) in rows.chunks_exact_mut(columns).zip(&column[block * ROWS..]) {
                        row[target] = value;
                    }
                }
            });
        }
    }
    Ok(())
}

/// Where a place of Fortran's order, in which the first dimension runs fastest, is in C's, in which the last does.
fn in_order_of_c(mut place: usize, shape: &[usize]) -> usize {
    let mut found = 0;
    for &length in shape {
        found = found * length + place % length;
        place /= length;
    }
    found
}

/// The entries of an array as the file has them, in C's order.
pub(super) fn bytes(stored: &Stored<'_>, source: &mut Source<'_>, each: usize) -> Result<Vec<u8>> {
    let count = stored.count(each, each)?;
    let mut bytes = vec![0; count * each];
    source.read_exact(&mut bytes).map_err(|error| stored.unread(&error))?;
    Ok(bytes)
}
