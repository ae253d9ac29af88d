//! What an entry of an array is, and what a user can do where it is of no use here.

use std::fmt;

/// What is asked of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Numbers.
    Numbers,
    /// A label for each image.
    Labels,
}

/// What one entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A real number.
    Number(Number),
    /// Text of so many bytes, zeros at its end.
    Bytes(usize),
    /// Text of so many Unicode characters of four bytes, zeros at its end.
    Unicode(usize),
    /// Anything of Python's, pickled.
    Object,
    /// A complex number.
    Complex,
    /// A date.
    Date,
    /// A time between dates.
    Duration,
    /// A float of the processor's own length.
    LongDouble,
    /// So many bytes of no type.
    Raw(usize),
    /// Several things under the names of their fields, which are as Python writes them: `'a'`.
    Record(Vec<String>),
    /// What NumPy does not write by itself.
    Unknown,
}

/// Types of numbers, as NumPy names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[rustfmt::skip]
pub(super) enum Number { Float16, Bfloat16, Float32, Float64, Int8, Int16, Int32, Int64, Uint8, Uint16, Uint32, Uint64, Bool }

impl Number {
    /// Bytes of one.
    pub(super) fn bytes(self) -> usize {
        match self {
            Number::Int8 | Number::Uint8 | Number::Bool => 1,
            Number::Float16 | Number::Bfloat16 | Number::Int16 | Number::Uint16 => 2,
            Number::Float32 | Number::Int32 | Number::Uint32 => 4,
            Number::Float64 | Number::Int64 | Number::Uint64 => 8,
        }
    }
}

impl Kind {
    /// Of a type as an `.npy` file writes it: `<f4`, `|S5`, `<M8[D]`.
    pub(super) fn of(descr: &str) -> Self {
        use Number::*;
        let plain = descr.trim_start_matches(['<', '>', '=', '|']);
        let letter = plain.chars().next().unwrap_or_default();
        let size = || plain.get(1..).and_then(|size| size.parse().ok());
        match (plain, letter) {
            ("f2", _) => Kind::Number(Float16),
            // NumPy gives a byte order to the bfloat16 of ml_dtypes, and none to bytes that are just bytes
            ("V2", _) if descr.starts_with(['<', '>']) => Kind::Number(Bfloat16),
            ("f4", _) => Kind::Number(Float32),
            ("f8", _) => Kind::Number(Float64),
            ("i1", _) => Kind::Number(Int8),
            ("i2", _) => Kind::Number(Int16),
            ("i4", _) => Kind::Number(Int32),
            ("i8", _) => Kind::Number(Int64),
            ("u1", _) => Kind::Number(Uint8),
            ("u2", _) => Kind::Number(Uint16),
            ("u4", _) => Kind::Number(Uint32),
            ("u8", _) => Kind::Number(Uint64),
            ("b1", _) => Kind::Number(Bool),
            ("f12" | "f16", _) => Kind::LongDouble,
            (_, 'S' | 'a') => size().map_or(Kind::Unknown, Kind::Bytes),
            (_, 'U') => size().map_or(Kind::Unknown, Kind::Unicode),
            (_, 'O') => Kind::Object,
            (_, 'c') => Kind::Complex,
            (_, 'M') => Kind::Date,
            (_, 'm') => Kind::Duration,
            (_, 'V') if descr.starts_with('|') => size().map_or(Kind::Unknown, Kind::Raw),
            _ => Kind::Unknown,
        }
    }

    /// Whether arrays of this kind can be what is wanted.
    pub(super) fn can_be(&self, wanted: Wanted) -> bool {
        match self {
            Kind::Number(_) => true,
            Kind::Bytes(_) | Kind::Unicode(_) => wanted == Wanted::Labels,
            _ => false,
        }
    }

    /// Whether an array of this kind and shape is likely to be what is wanted: numbers in at least one dimension, labels in a list.
    pub(super) fn serves(&self, wanted: Wanted, shape: &[u64]) -> bool {
        let fits = match wanted {
            Wanted::Numbers => true,
            Wanted::Labels => shape.iter().filter(|&&length| length != 1).count() <= 1,
        };
        self.can_be(wanted) && !shape.is_empty() && fits
    }

    /// What an array of this kind holds, and how to get what is `wanted` from it. Only for kinds that are not wanted.
    pub(super) fn instead(&self, descr: &str, wanted: Wanted) -> String {
        let labels = wanted == Wanted::Labels;
        match self {
            Kind::Number(_) => format!("holds numbers ({descr})"),
            Kind::Bytes(_) | Kind::Unicode(_) => format!(
                "holds text ({descr}), not numbers; words serve as labels (--labels) alone, and where they are numbers: \
                 numpy.save(FILE, array.astype('float32'))"
            ),
            Kind::Object if labels => format!(
                "holds Python objects ({descr}), which only Python can read; save them as words: numpy.save(FILE, array.astype('str'))"
            ),
            Kind::Object => format!(
                "holds Python objects ({descr}), which only Python can read; save the numbers in them: \
                 numpy.save(FILE, numpy.asarray(array.tolist(), dtype='float32'))"
            ),
            Kind::Complex if labels => format!("holds complex numbers ({descr}); labels are whole numbers or words"),
            Kind::Complex => format!(
                "holds complex numbers ({descr}); choose what of them you mean: numpy.save(FILE, numpy.abs(array)), or array.real, \
                 array.imag, numpy.angle(array)"
            ),
            Kind::Date | Kind::Duration if labels => {
                format!("holds times ({descr}); save them as words: numpy.save(FILE, array.astype('str'))")
            }
            Kind::Date => format!(
                "holds dates ({descr}); save the seconds since the first: \
                 numpy.save(FILE, (array - array.min()) / numpy.timedelta64(1, 's'))"
            ),
            Kind::Duration => {
                format!("holds durations ({descr}); save them in seconds: numpy.save(FILE, array / numpy.timedelta64(1, 's'))")
            }
            Kind::LongDouble => format!("holds long doubles ({descr}); save doubles: numpy.save(FILE, array.astype('float64'))"),
            Kind::Raw(2) => format!(
                "holds two bytes of no stated type each ({descr}); say what they are: numpy.save(FILE, array.view('float16')), or \
                 array.view(ml_dtypes.bfloat16)"
            ),
            Kind::Raw(_) => format!(
                "holds bytes of no stated type ({descr}); say what they are, as in numpy.save(FILE, array.view('float32'))"
            ),
            Kind::Record(fields) => {
                let shown = fields.iter().take(8).map(String::as_str).collect::<Vec<_>>().join(", ");
                let more = if fields.len() > 8 { ", …" } else { "" };
                let first = fields.first().map_or("'NAME'", String::as_str);
                format!("holds records of {shown}{more}; save one field of them: numpy.save(FILE, array[{first}])")
            }
            Kind::Unknown => format!(
                "holds {descr}, which NumPy alone cannot read; where it was made: numpy.save(FILE, array.astype('float32'))"
            ),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Number(number) => return f.write_str(&format!("{number:?}").to_lowercase()),
            Kind::Bytes(_) | Kind::Unicode(_) => "text",
            Kind::Object => "objects",
            Kind::Complex => "complex",
            Kind::Date => "dates",
            Kind::Duration => "durations",
            Kind::LongDouble => "long doubles",
            Kind::Raw(_) => "bytes",
            Kind::Record(_) => "records",
            Kind::Unknown => "unknown",
        })
    }
}
