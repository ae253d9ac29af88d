//! NumPy files: predictions, logits, dissimilarity matrices and their pictures.

use npyz::{NpyFile, WriterBuilder};

/// What a NumPy file (format 1.0) begins with, whose numbers of this type follow in C's order: `descr` is "f4" or the like, in this machine's
/// byte order.
pub fn beginning(descr: &str, shape: &[usize]) -> Vec<u8> {
    let order = if cfg!(target_endian = "little") { '<' } else { '>' };
    let shape: String = shape.iter().map(|length| format!("{length}, ")).collect();
    let mut header = format!("{{'descr': '{order}{descr}', 'fortran_order': False, 'shape': ({}), }}", shape.trim_end());
    // the numbers begin at a multiple of 64 bytes
    let length = (10 + header.len() + 1).next_multiple_of(64) - 10;
    header = format!("{header:<width$}\n", width = length - 1);
    [b"\x93NUMPY\x01\x00".as_slice(), &(length as u16).to_le_bytes(), header.as_bytes()].concat()
}

/// A one-dimensional array of unsigned 16-bit numbers.
pub fn labels(values: &[u16]) -> Vec<u8> {
    write(&[values.len() as u64], values)
}

/// A one-dimensional array of 32-bit floats.
pub fn list(values: &[f32]) -> Vec<u8> {
    write(&[values.len() as u64], values)
}

/// A one-dimensional array of unsigned 32-bit numbers.
pub fn numbers(values: &[u32]) -> Vec<u8> {
    write(&[values.len() as u64], values)
}

/// An array of 32-bit floats with so many rows, row-major.
pub fn rows(rows: usize, values: &[f32]) -> Vec<u8> {
    write(&[rows as u64, (values.len() / rows.max(1)) as u64], values)
}

/// A square array of 32-bit floats, row-major.
pub fn square(side: usize, values: &[f32]) -> Vec<u8> {
    write(&[side as u64, side as u64], values)
}

fn write<T: npyz::AutoSerialize + Copy>(shape: &[u64], values: &[T]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let options = npyz::WriteOptions::new().default_dtype().shape(shape).writer(&mut bytes);
    let mut writer = options.begin_nd().expect("writing to memory cannot fail");
    writer.extend(values.iter().copied()).expect("writing to memory cannot fail");
    writer.finish().expect("as many values as the shape says");
    bytes
}

/// A square array of 32-bit counts, row-major.
pub fn counts(side: usize, values: &[u32]) -> Vec<u8> {
    write(&[side as u64, side as u64], values)
}

/// Reads what [`counts`] wrote: side and values.
pub fn read_counts(bytes: &[u8]) -> Result<(usize, Vec<u32>), String> {
    let file = NpyFile::new(bytes).map_err(|error| error.to_string())?;
    let side = side(&file)?;
    let values = file.into_vec::<u32>().map_err(|error| error.to_string())?;
    Ok((side, values))
}

fn side<R: std::io::Read>(file: &NpyFile<R>) -> Result<usize, String> {
    match file.shape() {
        [rows, columns] if rows == columns => Ok(*rows as usize),
        other => Err(format!("its shape is {other:?}, not square")),
    }
}

/// Reads what [`square`] wrote: side and values.
pub fn read_square(bytes: &[u8]) -> Result<(usize, Vec<f32>), String> {
    let file = NpyFile::new(bytes).map_err(|error| error.to_string())?;
    let side = side(&file)?;
    let values = file.into_vec::<f32>().map_err(|error| error.to_string())?;
    Ok((side, values))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_are_those_of_the_crate_that_reads_them() {
        let written = list(&[1.5, 2.5]);
        let file = [beginning("f4", &[2]), [1.5_f32, 2.5].iter().flat_map(|v| v.to_ne_bytes()).collect()].concat();
        assert_eq!(NpyFile::new(&file[..]).unwrap().into_vec::<f32>().unwrap(), [1.5, 2.5]);
        assert_eq!(file.len() % 64, written.len() % 64);
        let square = beginning("f8", &[300, 300]);
        assert_eq!((square.len() % 64, NpyFile::new(&square[..]).unwrap().shape()), (0, [300, 300].as_slice()));
    }

    #[test]
    fn a_picture_comes_back() {
        let values = [0.0, 1.0, f32::NAN, 2.0];
        let (side, read) = read_square(&square(2, &values)).unwrap();
        assert_eq!(side, 2);
        assert!(read.iter().zip(values).all(|(a, b)| a.to_bits() == b.to_bits()));
        assert!(read_square(&labels(&[1, 2])).is_err());
    }
}
