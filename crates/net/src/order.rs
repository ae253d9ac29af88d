//! The two orders of an image's activity: ours in memory, `[height, width, channels]`, and PyTorch's, `[channels, height, width]`, in which
//! dense layers count their inputs and in which patterns are read.

use neuro::images::Shape;

/// The activity of one image from our order to PyTorch's.
pub(crate) fn to_pytorch(from: Shape, ours: &[f32], theirs: &mut [f32]) {
    transpose(ours, theirs, from.height * from.width, from.channels);
}

/// The activity of one image from PyTorch's order to ours.
pub(crate) fn from_pytorch(to: Shape, theirs: &[f32], ours: &mut [f32]) {
    transpose(theirs, ours, to.channels, to.height * to.width);
}

fn transpose(from: &[f32], to: &mut [f32], rows: usize, columns: usize) {
    assert!(from.len() == rows * columns && to.len() == from.len(), "a matrix of {rows} x {columns}");
    if rows == 1 || columns == 1 {
        return to.copy_from_slice(from);
    }
    for (row, from) in from.chunks_exact(columns).enumerate() {
        from.iter().enumerate().for_each(|(column, &value)| to[column * rows + row] = value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pytorch_counts_a_channels_pixels_together() {
        let shape = Shape { channels: 2, height: 1, width: 3 };
        let ours = [1.0, -1.0, 2.0, -2.0, 3.0, -3.0];
        let (mut theirs, mut back) = ([0.0; 6], [0.0; 6]);
        to_pytorch(shape, &ours, &mut theirs);
        assert_eq!(theirs, [1.0, 2.0, 3.0, -1.0, -2.0, -3.0]);
        from_pytorch(shape, &theirs, &mut back);
        assert_eq!(back, ours);
    }
}
