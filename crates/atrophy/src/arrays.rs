//! Arrays of anybody's making: NumPy's `.npy`, or one array of an `.npz`, in any order and byte order that NumPy writes.

use std::fs::File;
use std::io::{Cursor, Read};

use npyz::{Deserialize, NpyFile, Order};

use crate::trouble::{Exit, OrTrouble, Result, Trouble};

/// An array of real numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Length of each dimension.
    pub shape: Vec<usize>,
    /// The numbers, the last dimension running fastest whatever the order in the file.
    pub values: Values,
}

/// Numbers in the precision of the file.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Single.
    F32(Vec<f32>),
    /// Double.
    F64(Vec<f64>),
}

impl Values {
    /// In single precision. Doubles are `prepared` first, so that what matters of them is not lost in rounding, unless nothing is lost
    /// in any case; what is too large then becomes infinite.
    pub fn into_f32(self, prepared: impl FnOnce(&mut [f64])) -> Vec<f32> {
        match self {
            Values::F32(values) => values,
            Values::F64(mut values) => {
                if values.iter().any(|&value| f64::from(value as f32).to_bits() != value.to_bits()) {
                    prepared(&mut values);
                }
                values.into_iter().map(|value| value as f32).collect()
            }
        }
    }
}

/// Reads an array of 32-bit or 64-bit floats: `FILE.npy`, `FILE.npz` with one array, or `FILE.npz:NAME`.
pub fn read(place: &str) -> Result<Array> {
    let bytes = bytes(place)?;
    let file = open(place, &bytes)?;
    let (shape, order) = (shape(place, &file)?, file.order());
    let values = match file.try_data::<f32>() {
        Ok(data) => Values::F32(collect(place, data, &shape, order)?),
        Err(file) => match file.try_data::<f64>() {
            Ok(data) => Values::F64(collect(place, data, &shape, order)?),
            Err(file) => {
                let message =
                    format!("{place} holds {}; convert it: numpy.save(..., array.astype('float32'))", file.dtype().descr());
                return Err(Trouble::new(Exit::Data, message));
            }
        },
    };
    Ok(Array { shape, values })
}

/// Reads one whole number for each image, such as its class.
pub fn read_labels(place: &str) -> Result<Vec<i64>> {
    let bytes = bytes(place)?;
    let file = open(place, &bytes)?;
    let shape = shape(place, &file)?;
    if shape.len() != 1 {
        return Err(Trouble::new(
            Exit::Data,
            format!("{place} has {} dimensions; labels have one, a number for each image", shape.len()),
        ));
    }
    macro_rules! whole {
        ($file:expr, $($number:ty),+) => {{
            let file = $file;
            $(let file = match file.try_data::<$number>() {
                Ok(data) => {
                    let values = collect(place, data, &shape, Order::C)?;
                    return values.into_iter().map(|value| i64::try_from(value).or_trouble(Exit::Data, || place.to_owned())).collect();
                }
                Err(file) => file,
            };)+
            file
        }};
    }
    let file = whole!(file, i64, i32, u8, u16, i16, u32, i8, u64);
    Err(Trouble::new(Exit::Data, format!("{place} holds {}; labels are whole numbers", file.dtype().descr())))
}

/// The file of a place: `FILE.npz` of `FILE.npz:NAME`.
pub fn file(place: &str) -> String {
    place.split_once(".npz:").map_or_else(|| place.to_owned(), |(path, _)| format!("{path}.npz"))
}

fn bytes(place: &str) -> Result<Vec<u8>> {
    let path = file(place);
    let name = place.strip_prefix(&path).and_then(|rest| rest.strip_prefix(':'));
    if !path.ends_with(".npz") {
        return std::fs::read(&path).or_trouble(Exit::Data, || format!("cannot read {path}"));
    }
    let file = File::open(&path).or_trouble(Exit::Data, || format!("cannot read {path}"))?;
    let mut archive = zip::ZipArchive::new(file).or_trouble(Exit::Data, || format!("{path} is no .npz archive"))?;
    let names = archive.file_names().map(|name| name.map(|name| name.trim_end_matches(".npy").to_owned()));
    let names: Vec<String> =
        names.collect::<std::result::Result<_, _>>().or_trouble(Exit::Data, || format!("{path} is no .npz archive"))?;
    let name = match (name, names.as_slice()) {
        (Some(name), _) => name.to_owned(),
        (None, [only]) => only.clone(),
        (None, _) => {
            let message = format!(
                "{path} holds {} arrays; name one, as in {path}:{}",
                names.len(),
                names.first().map_or("NAME", String::as_str)
            );
            return Err(Trouble::new(Exit::Data, message));
        }
    };
    let mut entry = archive
        .by_name(&format!("{name}.npy"))
        .or_trouble(Exit::Data, || format!("{path} has no array '{name}' (it has {})", names.join(", ")))?;
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).or_trouble(Exit::Data, || format!("cannot read {place}"))?;
    Ok(bytes)
}

fn open<'a>(place: &str, bytes: &'a [u8]) -> Result<NpyFile<Cursor<&'a [u8]>>> {
    NpyFile::new(Cursor::new(bytes)).or_trouble(Exit::Data, || format!("{place} is no NumPy file"))
}

fn shape<R: Read>(place: &str, file: &NpyFile<R>) -> Result<Vec<usize>> {
    file.shape().iter().map(|&length| usize::try_from(length).or_trouble(Exit::Data, || place.to_owned())).collect()
}

/// The values with the last dimension running fastest.
fn collect<T: Deserialize + Copy, R: Read>(
    place: &str,
    data: npyz::NpyReader<T, R>,
    shape: &[usize],
    order: Order,
) -> Result<Vec<T>> {
    let stored: Vec<T> = data.collect::<std::io::Result<_>>().or_trouble(Exit::Data, || format!("{place} is cut off"))?;
    if order == Order::C || shape.len() < 2 {
        return Ok(stored);
    }
    // in Fortran's order the first dimension runs fastest: walk the places in C's order, carrying from the last dimension
    let strides: Vec<usize> = shape.iter().scan(1, |stride, &length| Some(std::mem::replace(stride, *stride * length))).collect();
    let mut index = vec![0; shape.len()];
    let mut values = Vec::with_capacity(stored.len());
    while values.len() < stored.len() {
        values.push(stored[index.iter().zip(&strides).map(|(i, stride)| i * stride).sum::<usize>()]);
        for d in (0..shape.len()).rev() {
            index[d] += 1;
            if index[d] < shape[d] {
                break;
            }
            index[d] = 0;
        }
    }
    Ok(values)
}
