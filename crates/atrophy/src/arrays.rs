//! Arrays of anybody's making: NumPy's `.npy`, or one array of an `.npz`, in any order and byte order that NumPy writes.
//!
//! A file may claim anything. So its header is read first, and no more than the header says; what it says must be there and must fit into
//! memory before any of it is taken.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};

use npyz::{DType, NpyHeader, Order};

use crate::memory;
use crate::trouble::{Exit, OrTrouble, Result, Trouble, what_it_is};

/// Where an array is: `FILE.npy`, `FILE.npz` with one array, or `FILE.npz:NAME`.
#[derive(Clone, Debug)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// Which array of the file.
    name: Option<String>,
}

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

/// Numbers of one type, whichever their byte order.
macro_rules! numbers {
    ($number:ty, $stored:expr, $source:expr) => {{
        let big_endian = $stored.big_endian;
        $stored.numbers($source, |bytes| match big_endian {
            true => <$number>::from_be_bytes(bytes),
            false => <$number>::from_le_bytes(bytes),
        })
    }};
}

/// Reads an array of 32-bit or 64-bit floats.
pub fn read(place: &Place) -> Result<Array> {
    with_bytes(place, |source, size| {
        let stored = Stored::of(place, source, size)?;
        let values = match stored.kind.as_str() {
            "f4" => Values::F32(numbers!(f32, stored, source)?),
            "f8" => Values::F64(numbers!(f64, stored, source)?),
            _ => {
                return Err(
                    stored.trouble(&format!("holds {}; convert it: numpy.save(..., array.astype('float32'))", stored.descr))
                );
            }
        };
        Ok(Array { shape: stored.shape()?, values })
    })
}

/// Reads one whole number for each image, such as its class.
pub fn read_labels(place: &Place) -> Result<Vec<i64>> {
    with_bytes(place, |source, size| {
        let stored = Stored::of(place, source, size)?;
        if stored.shape.len() != 1 {
            let dimensions = stored.shape.len();
            return Err(stored.trouble(&format!("has {dimensions} dimensions; labels have one, a number for each image")));
        }
        macro_rules! whole {
            ($number:ty) => {{
                let values = numbers!($number, stored, source)?;
                values.into_iter().map(|value| i64::try_from(value).or_trouble(Exit::Data, || place.to_string())).collect()
            }};
        }
        match stored.kind.as_str() {
            "i1" => whole!(i8),
            "i2" => whole!(i16),
            "i4" => whole!(i32),
            "i8" => whole!(i64),
            "u1" => whole!(u8),
            "u2" => whole!(u16),
            "u4" => whole!(u32),
            "u8" => whole!(u64),
            _ => Err(stored.trouble(&format!("holds {}; labels are whole numbers", stored.descr))),
        }
    })
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
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            None => write!(f, "{}", self.file.display()),
            Some(name) => write!(f, "{}:{name}", self.file.display()),
        }
    }
}

/// Between a file and an array's name.
const PARTING: &str = ".npz:";

/// File and array's name, if one is named; that is none if it is not UTF-8.
#[cfg(unix)]
fn parted(text: &OsString) -> Option<(PathBuf, Option<String>)> {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let bytes = text.as_bytes();
    let start = bytes.windows(PARTING.len()).position(|bytes| bytes == PARTING.as_bytes())?;
    let (file, name) = bytes.split_at(start + PARTING.len() - 1);
    Some((OsString::from_vec(file.to_owned()).into(), String::from_utf8(name[1..].to_owned()).ok()))
}

#[cfg(not(unix))]
fn parted(text: &OsString) -> Option<(PathBuf, Option<String>)> {
    let text = text.to_str()?;
    let start = text.find(PARTING)?;
    let (file, name) = text.split_at(start + PARTING.len() - 1);
    Some((file.into(), Some(name[1..].to_owned())))
}

/// Looks at what is before it is opened: to open a pipe may wait forever, and a device never ends.
fn open(path: &Path) -> Result<(File, u64)> {
    let cannot = || format!("cannot read {}", path.display());
    let about = std::fs::metadata(path).or_trouble(Exit::Data, cannot)?;
    if let Some(what) = what_it_is(&about) {
        return Err(Trouble::new(Exit::Data, format!("{}: it is {what}; save it as a file", cannot())));
    }
    Ok((File::open(path).or_trouble(Exit::Data, cannot)?, about.len()))
}

/// Does `work` with the bytes of an `.npy` file and their number, as far as it is known.
fn with_bytes<T>(place: &Place, work: impl FnOnce(&mut dyn Read, u64) -> Result<T>) -> Result<T> {
    let (mut file, size) = open(&place.file)?;
    let path = place.file.display();
    if place.file.extension().is_none_or(|extension| extension != "npz") {
        return work(&mut file, size);
    }
    let no_archive = || format!("{path} is no .npz archive");
    let mut archive = zip::ZipArchive::new(file).or_trouble(Exit::Data, no_archive)?;
    let names = archive.file_names().map(|name| name.map(|name| name.trim_end_matches(".npy").to_owned()));
    let names: Vec<String> = names.collect::<std::result::Result<_, _>>().or_trouble(Exit::Data, no_archive)?;
    let name = match (&place.name, names.as_slice()) {
        (Some(name), _) => name,
        (None, [only]) => only,
        (None, _) => {
            let (count, example) = (names.len(), names.first().map_or("NAME", String::as_str));
            return Err(Trouble::new(Exit::Data, format!("{path} holds {count} arrays; name one, as in {path}:{example}")));
        }
    };
    let mut entry = archive
        .by_name(&format!("{name}.npy"))
        .or_trouble(Exit::Data, || format!("{path} has no array '{name}' (it has {})", names.join(", ")))?;
    let size = entry.size();
    let done = work(&mut entry, size)?;
    // at its end the checksum of the archive is looked at
    match entry.read(&mut [0]).or_trouble(Exit::Data, || format!("{place} is damaged"))? {
        0 => Ok(done),
        _ => Err(Trouble::new(Exit::Data, format!("{place} is damaged: it goes on after the last number of its shape"))),
    }
}

/// Longest header that is read. Real ones have some 100 bytes.
const LONGEST_HEADER: usize = 1 << 16;

/// Deepest nesting of brackets in a header, that of `[('name', '<f4', (2, 2))]` in a dictionary: the time that its parser takes and the
/// stack grow with each level.
const DEEPEST_HEADER: usize = 4;

/// Most dimensions of an array: NumPy's own limit.
const MOST_DIMENSIONS: usize = 64;

/// Bytes that are taken from a file at a time, a multiple of the size of every number.
const CHUNK: usize = 1 << 20;

/// What the header of an `.npy` file says.
struct Stored<'a> {
    place: &'a Place,
    shape: Vec<u64>,
    order: Order,
    /// Type of the numbers as the file writes it: `'<f4'`.
    descr: String,
    /// The same without the byte order: `f4`. Nothing where it is not one number.
    kind: String,
    big_endian: bool,
    /// Bytes that follow the header, as far as it is known.
    there: u64,
}

impl<'a> Stored<'a> {
    /// Reads the header, and no byte more, of a file that has `size` bytes.
    fn of(place: &'a Place, source: &mut dyn Read, size: u64) -> Result<Self> {
        let (header, length) = header(source).or_trouble(Exit::Data, || format!("{place} is no array of numbers"))?;
        let (dtype, shape) = (header.dtype(), header.shape().to_vec());
        let descr = dtype.descr();
        let plain = if matches!(dtype, DType::Plain(_)) { descr.trim_matches('\'') } else { "" };
        let (kind, big_endian) = (plain.get(1..).unwrap_or_default().to_owned(), plain.starts_with('>'));
        let stored = Self { place, shape, order: header.order(), descr, kind, big_endian, there: size.saturating_sub(length) };
        let dimensions = stored.shape.len();
        if dimensions > MOST_DIMENSIONS {
            return Err(stored.trouble(&format!("claims {dimensions} dimensions; an array has at most {MOST_DIMENSIONS}")));
        }
        Ok(stored)
    }

    /// Trouble with the file: "FILE " and what it does.
    fn trouble(&self, what: &str) -> Trouble {
        Trouble::new(Exit::Data, format!("{} {what}", self.place))
    }

    /// Length of each dimension.
    fn shape(&self) -> Result<Vec<usize>> {
        let lengths = self.shape.iter().map(|&length| usize::try_from(length));
        lengths
            .collect::<std::result::Result<_, _>>()
            .or_trouble(Exit::Data, || format!("{} has the shape {:?}", self.place, self.shape))
    }

    /// How many numbers of `each` bytes there are, after it is known that they are there and fit into memory.
    fn count(&self, each: usize) -> Result<usize> {
        let count = self.shape.iter().try_fold(1u64, |product, &length| product.checked_mul(length));
        let bytes = count.and_then(|count| count.checked_mul(each as u64));
        let bounded = count.and_then(|count| usize::try_from(count).ok()).zip(bytes);
        let Some((count, bytes)) = bounded else {
            return Err(self.trouble(&format!("is damaged: its shape is {:?}, which no file can hold", self.shape)));
        };
        if bytes > self.there {
            let (shape, there) = (&self.shape, self.there);
            return Err(
                self.trouble(&format!("is cut off: its shape is {shape:?}, which takes {bytes} bytes, and {there} are there"))
            );
        }
        // in Fortran's order they are held twice while they are put in order
        let held = if self.order == Order::Fortran { bytes.saturating_mul(2) } else { bytes };
        memory::refuse_beyond(held, &self.place.to_string()).map_err(|trouble| Trouble { exit: Exit::Data, ..trouble })?;
        Ok(count)
    }

    /// The numbers with the last dimension running fastest.
    fn numbers<T: Copy, const N: usize>(&self, source: &mut dyn Read, number: impl Fn([u8; N]) -> T) -> Result<Vec<T>> {
        let count = self.count(N)?;
        let mut values = Vec::new();
        values.try_reserve_exact(count).map_err(|_| self.trouble("does not fit into memory"))?;
        let mut chunk = vec![0; CHUNK.min(count * N)];
        while values.len() < count {
            let wanted = CHUNK.min((count - values.len()) * N);
            let bytes = &mut chunk[..wanted];
            source.read_exact(bytes).map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => self.trouble("is cut off: it ends before the last number of its shape"),
                _ => self.trouble(&format!("cannot be read: {error}")),
            })?;
            values.extend(bytes.as_chunks().0.iter().map(|&bytes| number(bytes)));
        }
        let shape = self.shape()?;
        if self.order == Order::C || shape.len() < 2 { Ok(values) } else { Ok(in_order_of_c(&values, &shape)) }
    }
}

/// From Fortran's order, in which the first dimension runs fastest: walks the places in C's order, carrying from the last dimension.
fn in_order_of_c<T: Copy>(stored: &[T], shape: &[usize]) -> Vec<T> {
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
    values
}

/// The header of an `.npy` file, and how many bytes it takes.
fn header(source: &mut dyn Read) -> io::Result<(NpyHeader, u64)> {
    let wrong = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
    // magic, version, and the length of the text, which has four bytes from version 2 on
    let mut head = vec![0; 10];
    source.read_exact(&mut head).map_err(|_| wrong("it is too short".to_owned()))?;
    if !head.starts_with(b"\x93NUMPY") {
        return Err(wrong("it does not begin as a NumPy file".to_owned()));
    }
    if head[6] > 1 {
        head.resize(12, 0);
        source.read_exact(&mut head[10..])?;
    }
    let length = head[8..].iter().rev().fold(0, |length, &byte| length << 8 | usize::from(byte));
    if length > LONGEST_HEADER {
        return Err(wrong(format!("its header claims {length} bytes; a header has some hundred")));
    }
    let start = head.len();
    head.resize(start + length, 0);
    source.read_exact(&mut head[start..]).map_err(|_| wrong("it is cut off in its header".to_owned()))?;
    if !is_plain(&head[start..]) {
        return Err(wrong("its header has more in it than a type and a shape".to_owned()));
    }
    // of the parser's drawing of the place only what it says before it
    let plain = |error: io::Error| {
        wrong(error.to_string().split("-->").next().unwrap_or_default().trim_end_matches([' ', ':']).to_owned())
    };
    Ok((NpyHeader::from_reader(Cursor::new(&head)).map_err(plain)?, head.len() as u64))
}

/// Whether this can be the header of an array of numbers: brackets nest no deeper than they need to, and texts have nothing in them that
/// would make it hard to say where they end.
fn is_plain(text: &[u8]) -> bool {
    let (mut depth, mut quote) = (0usize, None);
    for &byte in text {
        match (byte, quote) {
            (b'\\', _) => return false,
            (b'\'' | b'"', None) => quote = Some(byte),
            (_, Some(open)) => quote = quote.filter(|_| byte != open),
            (b'(' | b'[' | b'{', None) => depth += 1,
            (b')' | b']' | b'}', None) => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST_HEADER {
            return false;
        }
    }
    !text.windows(3).any(|three| three == b"\'\'\'" || three == b"\"\"\"")
}
