//! The representational dissimilarity matrix.

use rayon::prelude::*;

use crate::{patterns::Panels, product::upper_products};

/// A representational dissimilarity matrix: how unlike the patterns of each pair of images are.
///
/// The matrix is symmetric with a zero diagonal, so only the pairs i < j are kept, row after row: 01, 02, …, 12, 13, …
/// This is the order of SciPy's `pdist` and `squareform`.
#[derive(Clone, Debug)]
pub struct Rdm {
    images: usize,
    upper: Vec<f32>,
    constant: Vec<usize>,
}

impl Rdm {
    /// Correlation distance, 1 - Pearson's r, between the patterns of every pair of images.
    ///
    /// `values` holds the patterns, images x `features`, row-major. Dissimilarities lie in [0, 2] and differ from those
    /// computed in double precision by about 1e-6 at most, so that two patterns of the same shape may be 1e-7 apart, and
    /// values that are equal in theory are not always tied. Pairs with a [constant](Self::constant) pattern hold NaN.
    ///
    /// Patterns are centred and brought to unit length in f64, rounded to f32, and multiplied with each other; the result
    /// does not depend on the number of threads.
    ///
    /// Cost: images² x features operations; images² x 2 bytes for the result and images x features x 4 bytes meanwhile.
    ///
    /// # Panics
    /// If `features` is 0, `values` is no whole number of patterns, or a value is not finite.
    pub fn correlation(values: &[f32], features: usize) -> Rdm {
        let panels = Panels::standardised(values, features);
        let images = panels.images();
        let constant = panels.constant().to_vec();

        let mut upper = upper_products(&panels);
        upper.par_iter_mut().for_each(|r| *r = 1.0 - r.clamp(-1.0, 1.0));
        for &image in &constant {
            (0..images).filter(|&other| other != image).for_each(|other| upper[position(images, image, other)] = f32::NAN);
        }
        Rdm { images, upper, constant }
    }

    /// Number of images.
    pub fn images(&self) -> usize {
        self.images
    }

    /// The dissimilarities of the pairs i < j, row after row, images x (images - 1) / 2 of them.
    ///
    /// NaN stands for exactly the pairs with a [constant](Self::constant) pattern.
    pub fn upper(&self) -> &[f32] {
        &self.upper
    }

    /// The images whose pattern is constant (all its values equal), ascending: they correlate with nothing.
    pub fn constant(&self) -> &[usize] {
        &self.constant
    }

    /// Dissimilarity of two images, or `None` where it is undefined. An image is never unlike itself: 0.
    ///
    /// # Panics
    /// If there is no such image.
    pub fn get(&self, i: usize, j: usize) -> Option<f32> {
        assert!(i < self.images && j < self.images, "images {i} and {j} of {}", self.images);
        if i == j {
            return Some(0.0);
        }
        Some(self.upper[position(self.images, i, j)]).filter(|dissimilarity| !dissimilarity.is_nan())
    }

    /// Dissimilarities of image `i` with the images i+1, i+2, …
    pub(crate) fn row(&self, i: usize) -> &[f32] {
        let start = row_start(self.images, i);
        &self.upper[start..start + self.images - 1 - i]
    }
}

/// Number of pairs of `n` things.
pub(crate) fn pairs(n: usize) -> usize {
    n * n.saturating_sub(1) / 2
}

/// Where the pairs (i, i+1), (i, i+2), … begin in the upper triangle.
pub(crate) fn row_start(images: usize, i: usize) -> usize {
    pairs(images) - pairs(images - i)
}

/// Where the pair of two different images is in the upper triangle.
fn position(images: usize, i: usize, j: usize) -> usize {
    let (first, second) = (i.min(j), i.max(j));
    row_start(images, first) + second - first - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_follow_each_other_row_after_row() {
        for images in 0..8 {
            let order = (0..images).flat_map(|i| (i + 1..images).map(move |j| (i, j)));
            let positions: Vec<usize> = order.clone().map(|(i, j)| position(images, i, j)).collect();
            assert_eq!(positions, (0..pairs(images)).collect::<Vec<_>>(), "{images} images");
            assert!(order.clone().all(|(i, j)| position(images, i, j) == position(images, j, i)));
        }
    }

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
    #[should_panic(expected = "not finite")]
    fn values_that_are_not_finite_are_refused() {
        Rdm::correlation(&[1.0, f32::NAN, 2.0, 3.0], 2);
    }

    #[test]
    #[should_panic(expected = "whole number of patterns")]
    fn a_torn_pattern_is_refused() {
        Rdm::correlation(&[1.0, 2.0, 3.0], 2);
    }
}
