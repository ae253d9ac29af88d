//! The representational dissimilarity matrix.

use rayon::prelude::*;

use crate::{
    distance::Distance,
    patterns::{Patterns, PatternsError},
    real::Real,
    triangle::{MOST_IMAGES, pair, pairs, position, row_start},
};

/// A representational dissimilarity matrix: how unlike the patterns of each pair of images are.
///
/// The matrix is symmetric with a zero diagonal, so only the pairs i < j are kept, row after row: 01, 02, …, 12, 13, …
/// This is the order of SciPy's `pdist` and `squareform`. They are held in single precision, or in double: `Rdm<f64>`.
#[derive(Clone, Debug)]
pub struct Rdm<T: Real = f32> {
    images: usize,
    upper: Vec<T>,
    constant: Vec<usize>,
}

/// What dissimilarities made elsewhere can have wrong. Images are counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum MatrixError {
    /// Not the number of pairs of any number of images: 1, 3, 6, 10, …
    #[error(
        "{values} values are not the pairs of any number of images (that would be 1, 3, 6, 10, … n(n-1)/2); a whole square matrix has n² values"
    )]
    NotPairs {
        /// Number of values.
        values: usize,
    },
    /// Not the number of entries of a square matrix.
    #[error("{values} values are not the n² entries of a square matrix")]
    NotSquare {
        /// Number of values.
        values: usize,
    },
    /// More than 65,536 images.
    #[error("{images} images are more than the {MOST_IMAGES} that a matrix can have")]
    TooManyImages {
        /// Number of images.
        images: usize,
    },
    /// A dissimilarity is infinite, or beyond the range of the numbers that hold it.
    #[error("the dissimilarity of images {i} and {j} is not finite")]
    NotFinite {
        /// The row.
        i: usize,
        /// The column.
        j: usize,
    },
    /// Two entries that must be equal are not.
    #[error("not symmetric: row {i}, column {j} is {above}, but row {j}, column {i} is {below}")]
    NotSymmetric {
        /// The row of the one, the column of the other.
        i: usize,
        /// The column of the one, the row of the other.
        j: usize,
        /// The entry above the diagonal.
        above: f64,
        /// The entry below.
        below: f64,
    },
    /// An image is unlike itself, as where similarities were taken for dissimilarities.
    #[error("image {image} is {value} unlike itself, not 0; if these are similarities, take 1 - similarity")]
    Diagonal {
        /// The image.
        image: usize,
        /// The entry.
        value: f64,
    },
}

/// How far apart entries that must be equal may be, in parts of the largest entry: the rounding of single precision in
/// whatever formula made them.
const ROUNDING: f64 = 1e-5;

impl<T: Real> Rdm<T> {
    /// The distances between the patterns of all pairs of images.
    ///
    /// `values` holds the patterns, images x `features`, row-major, in single or double precision. Pairs of an image that
    /// [has no distance](Self::constant) hold NaN.
    ///
    /// # How exact
    /// - In single precision errors are below 1e-6 in parts of the spread of the two patterns: their mean squared distance from what all
    ///   patterns have in common, or its root for the Euclidean distance. For correlation and cosine this is that of patterns brought to
    ///   length 1, so 1 at most. Patterns that are nearly one, as of a network that has lost most of its synapses, are so told
    ///   apart as well as others. Where pairs x features are at most 2^30, or there are 16 features or fewer, each distance is that of double
    ///   precision, rounded.
    /// - In double precision (`Rdm<f64>`) all is computed by differences in double precision.
    /// - Distances of whole numbers up to 256 (ratings, counts, bytes) are exact but for the last rounding; Euclidean ones
    ///   of any of which a double holds the sum of the squares.
    /// - Equal patterns are exactly 0 apart. For correlation and cosine so are patterns of the same shape, as far as the rounding
    ///   of their values lets anyone tell: where the patterns, brought to length 1, differ by at most `(0.65 + 1.5 / √F) √(κ'² + λ'²) ε`,
    ///   with F features, `ε` 2^-24 or 2^-53 by the precision of the values, `κ` and `λ` how much longer each pattern is than what is
    ///   left without its mean, and `κ'` and `λ'` how much of its rounding changes its shape; and by at most a millionth of the spread, unless it is the `(4 (κ + λ) + F/4) 2^-53` that the computation
    ///   itself may cause. Such patterns have the distances of the first of them to all others, so that these tie.
    ///
    /// The result has the same bits for any number of threads. Processors with other vector instructions may round products in single
    /// precision otherwise.
    ///
    /// Cost: images² x features operations (half of the square's multiplications and additions); images² x 2 bytes for the result
    /// and images x features x 4 bytes meanwhile; in double precision some four times as many operations, and twice the bytes. Pairs that
    /// are close together (a tenth of their distance from the mean or less, a third for the Euclidean distance) are computed one by one,
    /// which costs some ten times as much for these.
    ///
    /// # Errors
    /// If there are no features, `values` is no whole number of patterns, a value is not finite, there are more than 65,536
    /// images, or a distance is larger than `T` can hold, or smaller but not 0.
    ///
    /// ```
    /// use rsa::{Distance, PatternsError, Rdm};
    /// let patterns = [0.0_f32, 0.0, 3.0, 4.0, 3.0, 0.0];
    /// let rdm: Rdm = Rdm::of(&patterns, 2, Distance::Euclidean)?;
    /// assert_eq!(rdm.upper(), [5.0, 3.0, 4.0]);
    /// let rdm: Rdm<f64> = Rdm::of(&patterns, 2, Distance::Cosine)?;
    /// assert_eq!(rdm.constant(), [0]);
    /// assert_eq!(Rdm::<f32>::of(&patterns, 4, Distance::Cosine).unwrap_err(), PatternsError::Torn { values: 6, features: 4 });
    /// # Ok::<(), PatternsError>(())
    /// ```
    pub fn of<V: Real>(values: &[V], features: usize, distance: Distance) -> Result<Rdm<T>, PatternsError> {
        let patterns = Patterns::check(values, features)?;
        let (upper, constant) = distance.upper(patterns)?;
        Ok(Rdm { images: patterns.images, upper, constant })
    }

    /// Dissimilarities that were made elsewhere: those of the pairs i < j, row after row, as of SciPy's `pdist`. NaN stands for
    /// pairs without one. They may be negative, as cross-validated ones are. (A matrix of one image has no pairs and cannot be given
    /// so.)
    ///
    /// # Errors
    /// If this is not the number of pairs of any number of images, or a value is infinite.
    pub fn from_condensed(upper: Vec<T>) -> Result<Rdm<T>, MatrixError> {
        let values = upper.len();
        let images = ((1.0 + (1.0 + 8.0 * values as f64).sqrt()) / 2.0).round() as usize;
        if values == 0 || pairs(images) != values {
            return Err(MatrixError::NotPairs { values });
        }
        if images > MOST_IMAGES {
            return Err(MatrixError::TooManyImages { images });
        }
        if let Some(at) = first_where(&upper, |value| value.into().is_infinite()) {
            let (i, j) = pair(images, at);
            return Err(MatrixError::NotFinite { i, j });
        }
        let mut rdm = Rdm { images, upper, constant: Vec::new() };
        if first_where(&rdm.upper, Real::is_undefined).is_some() {
            let silent = |&i: &usize| (0..images).all(|j| i == j || rdm.get(i, j).is_none());
            rdm.constant = (0..images).into_par_iter().filter(silent).collect();
        }
        Ok(rdm)
    }

    /// Dissimilarities that were made elsewhere: a whole square matrix, in row-major or column-major order, of which the part above
    /// the diagonal is kept. NaN stands for pairs without a dissimilarity, also on the diagonal.
    ///
    /// # Errors
    /// If this is no square, a value is infinite, or the matrix is not symmetric or the diagonal not 0 within 1e-5 of the largest entry.
    pub fn from_square<V: Real>(values: &[V]) -> Result<Rdm<T>, MatrixError> {
        let images = values.len().isqrt();
        if values.is_empty() || images * images != values.len() {
            return Err(MatrixError::NotSquare { values: values.len() });
        }
        if images > MOST_IMAGES {
            return Err(MatrixError::TooManyImages { images });
        }
        let at = |i: usize, j: usize| -> f64 { values[i * images + j].into() };
        if let Some(at) = first_where(values, |value| value.into().abs() > T::LARGEST) {
            return Err(MatrixError::NotFinite { i: at / images, j: at % images });
        }
        let largest = values.par_iter().map(|&value| value.into().abs()).reduce(|| 0.0, f64::max);
        let differ = |a: f64, b: f64| (a - b).abs() > ROUNDING * largest || a.is_nan() != b.is_nan();
        if let Some(image) = (0..images).find(|&i| at(i, i).abs() > ROUNDING * largest) {
            return Err(MatrixError::Diagonal { image, value: at(image, image) });
        }
        let first_differing = |i: usize| (i + 1..images).find(|&j| differ(at(i, j), at(j, i))).map(|j| (i, j));
        if let Some((i, j)) = (0..images).into_par_iter().find_map_first(first_differing) {
            return Err(MatrixError::NotSymmetric { i, j, above: at(i, j), below: at(j, i) });
        }
        if images == 1 {
            return Ok(Rdm { images, upper: Vec::new(), constant: Vec::new() });
        }
        Rdm::from_condensed((0..images).flat_map(|i| (i + 1..images).map(move |j| T::nearest(at(i, j)))).collect())
    }

    /// Number of images.
    pub fn images(&self) -> usize {
        self.images
    }

    /// The dissimilarities of the pairs i < j, row after row, images x (images - 1) / 2 of them.
    ///
    /// NaN stands for pairs without a dissimilarity: those with an image that has [none](Self::constant) to any other, and whichever
    /// others held NaN where the matrix was [made elsewhere](Self::from_condensed).
    pub fn upper(&self) -> &[T] {
        &self.upper
    }

    /// The images that have no dissimilarity to any other, ascending. For correlation distance those whose pattern is constant (no value
    /// further from the mean than eight roundings of a double), for cosine those whose pattern is zero; for the Euclidean distances there are none.
    pub fn constant(&self) -> &[usize] {
        &self.constant
    }

    /// Dissimilarity of two images, or `None` where it is undefined. An image is never unlike itself: 0.
    ///
    /// # Panics
    /// If there is no such image.
    pub fn get(&self, i: usize, j: usize) -> Option<T> {
        assert!(i < self.images && j < self.images, "images {i} and {j} of {}", self.images);
        if i == j {
            return Some(T::default());
        }
        Some(self.upper[position(self.images, i, j)]).filter(|dissimilarity| !dissimilarity.is_undefined())
    }

    /// The matrix of some of the images, in this order, one perhaps several times; pairs of an image with itself hold NaN. (Which images
    /// have [no dissimilarity](Self::constant) is not looked for.)
    ///
    /// # Panics
    /// If there is no such image.
    pub fn picking(&self, picked: &[usize]) -> Rdm<T> {
        let images = picked.len();
        let mut upper = Vec::with_capacity(pairs(images));
        for (k, &i) in picked.iter().enumerate() {
            let entry = |&j: &usize| if i == j { T::UNDEFINED } else { self.upper[position(self.images, i, j)] };
            upper.extend(picked[k + 1..].iter().map(entry));
        }
        Rdm { images, upper, constant: Vec::new() }
    }

    /// Dissimilarities of image `i` with the images i+1, i+2, …
    pub(crate) fn row(&self, i: usize) -> &[T] {
        let start = row_start(self.images, i);
        &self.upper[start..start + self.images - 1 - i]
    }
}

/// The first place whose value is `so`. Pieces are looked at whole, so that vector instructions can do it.
fn first_where<T: Real>(values: &[T], so: impl Fn(T) -> bool + Sync) -> Option<usize> {
    const PIECE: usize = 1 << 12;
    let any = |piece: &[T]| piece.iter().fold(false, |any, &value| any | so(value));
    let piece = values.par_chunks(PIECE).position_first(any)?;
    values[piece * PIECE..].iter().position(|&value| so(value)).map(|place| piece * PIECE + place)
}

impl Rdm {
    /// [`Rdm::of`] with [`Distance::Correlation`], for patterns known to be in order.
    ///
    /// # Panics
    /// Where [`Rdm::of`] gives an error.
    pub fn correlation(values: &[f32], features: usize) -> Rdm {
        match Rdm::of(values, features, Distance::Correlation) {
            Ok(rdm) => rdm,
            Err(error) => panic!("{error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_images_have_one_pair() {
        let check = |values: &[f32], want: f32| {
            let rdm = Rdm::correlation(values, 2);
            assert_eq!(rdm.upper().len(), 1);
            assert!((rdm.upper()[0] - want).abs() < 1e-6, "{:?}", rdm.upper());
        };
        check(&[0.0, 1.0, 3.0, 9.0], 0.0);
        check(&[0.0, 1.0, 9.0, 3.0], 2.0);
    }

    #[test]
    fn one_image_and_none_have_no_pairs() {
        let one = Rdm::correlation(&[1.0, 2.0, 3.0], 3);
        assert_eq!((one.images(), one.upper().len(), one.get(0, 0)), (1, 0, Some(0.0)));
        let none = Rdm::correlation(&[], 3);
        assert_eq!((none.images(), none.upper().len()), (0, 0));
    }

    #[test]
    fn constant_patterns_have_no_correlation() {
        // 0.1 is no binary fraction, so a variance computed from a rounded mean need not be 0; -0.0 equals 0.0.
        let values = [[0.1_f32; 3], [1.0, 2.0, 3.0], [0.0, -0.0, 0.0], [3.0, 2.0, 1.0]].concat();
        let rdm = Rdm::correlation(&values, 3);
        assert_eq!(rdm.constant(), [0, 2]);
        let defined: Vec<_> = (0..4).map(|i| (0..4).map(|j| rdm.get(i, j)).collect::<Vec<_>>()).collect();
        let (no, zero, two) = (None, Some(0.0), Some(2.0));
        assert_eq!(defined, [[zero, no, no, no], [no, zero, no, two], [no, no, zero, no], [no, two, no, zero]]);
        assert_eq!(rdm.upper().iter().filter(|d| d.is_nan()).count(), 5);
    }

    #[test]
    fn the_smallest_difference_is_not_constant() {
        let up = f32::from_bits(1.0_f32.to_bits() + 1);
        for pattern in [[1.0, up, 1.0], [0.0, f32::from_bits(1), 0.0], [-f32::MAX, f32::MAX, -f32::MAX]] {
            let rdm = Rdm::correlation(&[pattern, [0.0, 1.0, 0.0]].concat(), 3);
            assert!(rdm.constant().is_empty());
            assert!(rdm.upper()[0] < 1e-6, "{pattern:?}: {:?}", rdm.upper());
        }
    }

    #[test]
    fn one_feature_is_always_constant() {
        assert_eq!(Rdm::correlation(&[1.0, 2.0], 1).constant(), [0, 1]);
    }

    #[test]
    #[should_panic(expected = "feature 1 of image 0 is NaN")]
    fn values_that_are_not_finite_are_refused() {
        Rdm::correlation(&[1.0, f32::NAN, 2.0, 3.0], 2);
    }

    #[test]
    #[should_panic(expected = "whole number of patterns")]
    fn a_torn_pattern_is_refused() {
        Rdm::correlation(&[1.0, 2.0, 3.0], 2);
    }
}
