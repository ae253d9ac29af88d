//! Safetensors files: opened with care, since anybody may have made them, and their numbers as f32.

use half::{bf16, f16};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::error::{WeightsError, clipped};

/// The longest header that is read, in bytes: room for some 40,000 tensors. It is parsed as JSON before anything can be checked.
const LONGEST_HEADER: usize = 4 << 20;

/// Opens a file. The header's claims are held against the file first; that tensors lie one behind the other, within the file and
/// without sharing bytes, is checked by the safetensors crate.
pub(super) fn open(bytes: &[u8]) -> Result<SafeTensors<'_>, WeightsError> {
    let unreadable = |why: String| Err(WeightsError::Unreadable(why));
    let Some((length, rest)) = bytes.split_first_chunk::<8>() else {
        return unreadable(if bytes.is_empty() { "it is empty" } else { "it ends within its first 8 bytes" }.to_owned());
    };
    let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
    if rest.first() != Some(&b'{') {
        // the first bytes of a zip archive, and of a pickle of protocol 2 to 5: PyTorch's present and former format
        let is_pytorch = bytes.starts_with(b"PK\x03\x04") || matches!(bytes, [0x80, 2..=5, ..]);
        return if is_pytorch { Err(WeightsError::PyTorch) } else { unreadable("it has no header".to_owned()) };
    }
    if length > rest.len() {
        return unreadable(format!("its header claims {length} bytes, but only {} follow", rest.len()));
    }
    if length > LONGEST_HEADER {
        return unreadable(format!("its header of {length} bytes is longer than {LONGEST_HEADER}"));
    }
    SafeTensors::deserialize(bytes).or_else(|error| unreadable(clipped(&error.to_string(), 120)))
}

/// That a tensor has this shape.
pub(super) fn check_shape(name: &str, view: &TensorView<'_>, shape: &[usize], network: &str) -> Result<(), WeightsError> {
    if view.shape() == shape {
        return Ok(());
    }
    Err(WeightsError::Unlike {
        name: name.to_owned(),
        found: clipped(&format!("{:?}", view.shape()), 60),
        needed: format!("{shape:?}"),
        network: network.to_owned(),
    })
}

/// The numbers of a tensor of one of PyTorch's floating-point types. F64 is rounded; what is not finite afterwards is refused.
pub(super) fn floats(name: &str, view: &TensorView<'_>) -> Result<Vec<f32>, WeightsError> {
    let data = view.data();
    let values = match view.dtype() {
        Dtype::F16 => numbers(data, |b| f16::from_le_bytes(b).to_f32()),
        Dtype::BF16 => numbers(data, |b| bf16::from_le_bytes(b).to_f32()),
        Dtype::F32 => numbers(data, f32::from_le_bytes),
        Dtype::F64 => numbers(data, |b| f64::from_le_bytes(b) as f32),
        other => return Err(of_type(name, other, "F16, BF16, F32 or F64")),
    };
    finite(name, values)
}

/// The numbers of a mask: of any type that PyTorch's masks can be cast to and that has whole bytes.
pub(super) fn mask(name: &str, view: &TensorView<'_>) -> Result<Vec<f32>, WeightsError> {
    let data = view.data();
    let values = match view.dtype() {
        Dtype::BOOL | Dtype::U8 => numbers(data, |[b]| f32::from(b)),
        Dtype::I8 => numbers(data, |b| f32::from(i8::from_le_bytes(b))),
        Dtype::I16 => numbers(data, |b| f32::from(i16::from_le_bytes(b))),
        Dtype::U16 => numbers(data, |b| f32::from(u16::from_le_bytes(b))),
        Dtype::I32 => numbers(data, |b| i32::from_le_bytes(b) as f32),
        Dtype::U32 => numbers(data, |b| u32::from_le_bytes(b) as f32),
        Dtype::I64 => numbers(data, |b| i64::from_le_bytes(b) as f32),
        Dtype::U64 => numbers(data, |b| u64::from_le_bytes(b) as f32),
        Dtype::F16 | Dtype::BF16 | Dtype::F32 | Dtype::F64 => return floats(name, view),
        other => return Err(of_type(name, other, "BOOL, U8 or another type of whole numbers or floating point")),
    };
    Ok(values)
}

pub(super) fn of_type(name: &str, found: Dtype, needed: &'static str) -> WeightsError {
    WeightsError::Type { name: name.to_owned(), found: found.to_string(), needed }
}

pub(super) fn finite(name: &str, values: Vec<f32>) -> Result<Vec<f32>, WeightsError> {
    if values.iter().all(|value| value.is_finite()) { Ok(values) } else { Err(WeightsError::NotFinite(name.to_owned())) }
}

fn numbers<const BYTES: usize>(data: &[u8], number: impl Fn([u8; BYTES]) -> f32) -> Vec<f32> {
    data.as_chunks::<BYTES>().0.iter().map(|&bytes| number(bytes)).collect()
}

/// The name that is most like `wanted`: one that only has something before it, or else the one that fewest letters set apart.
pub(super) fn nearest<'a>(names: impl Iterator<Item = &'a str>, wanted: &str) -> Option<String> {
    let distance = |name: &&str| match name.strip_suffix(wanted) {
        Some(_) => 0,
        // a name of a thousand letters is like nothing
        None if name.len() > 200 => usize::MAX,
        None => 1 + strsim::levenshtein(name, wanted),
    };
    names.min_by_key(|name| (distance(name), *name)).map(str::to_owned)
}

pub(super) fn not_negative(name: &str, variances: Vec<f32>) -> Result<Vec<f32>, WeightsError> {
    let negative = variances.iter().any(|&variance| variance < 0.0);
    if negative { Err(WeightsError::NegativeVariance(name.to_owned())) } else { Ok(variances) }
}
