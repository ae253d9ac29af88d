//! A matrix made small enough to look at.

use std::ops::Range;

use rayon::prelude::*;

use crate::{rdm::Rdm, real::Real};

/// A dissimilarity matrix reduced to at most `side` x `side` pixels, for figures.
///
/// Images keep their order; where they are sorted by class, the classes show as blocks, and [`Picture::pixel_of`] tells
/// where each begins.
#[derive(Clone, Debug)]
pub struct Picture {
    /// Images of the matrix.
    pub images: usize,
    /// Pixels along each side, no more than images.
    pub side: usize,
    /// Mean dissimilarity of each block of pairs of different images, side x side, row-major, symmetric; NaN where none
    /// of its pairs is defined. 0 on the diagonal where a pixel is a single image.
    pub values: Vec<f32>,
}

impl<T: Real> Rdm<T> {
    /// Reduces the matrix to `side` x `side` pixels, or to one pixel for each image if there are fewer images.
    ///
    /// Cost: one pass over the matrix.
    ///
    /// # Panics
    /// If `side` is 0.
    pub fn picture(&self, side: usize) -> Picture {
        assert!(side > 0, "a picture without pixels");
        let mut picture = Picture { images: self.images(), side: side.min(self.images()), values: Vec::new() };
        let side = picture.side;

        let rows: Vec<Vec<f32>> = (0..side).into_par_iter().map(|row| picture.upper_row(self, row)).collect();
        picture.values = vec![0.0; side * side];
        for (row, means) in rows.iter().enumerate() {
            for (column, &mean) in (row..side).zip(means) {
                picture.values[row * side + column] = mean;
                picture.values[column * side + row] = mean;
            }
        }
        picture
    }
}

impl Picture {
    /// The row, or column, of pixels that an image falls in.
    ///
    /// # Panics
    /// If there is no such image.
    pub fn pixel_of(&self, image: usize) -> usize {
        assert!(image < self.images, "image {image} of {}", self.images);
        ((image + 1) * self.side - 1) / self.images
    }

    /// The images that fall in a row, or column, of pixels.
    ///
    /// # Panics
    /// If there is no such pixel.
    pub fn images_in(&self, pixel: usize) -> Range<usize> {
        assert!(pixel < self.side, "pixel {pixel} of {}", self.side);
        pixel * self.images / self.side..(pixel + 1) * self.images / self.side
    }

    /// The pixels of one row from the diagonal on.
    fn upper_row<T: Real>(&self, rdm: &Rdm<T>, row: usize) -> Vec<f32> {
        (row..self.side).map(|column| self.block_mean(rdm, row, column)).collect()
    }

    fn block_mean<T: Real>(&self, rdm: &Rdm<T>, row: usize, column: usize) -> f32 {
        let (mut sum, mut pairs) = (0.0, 0_u64);
        for i in self.images_in(row) {
            let columns = self.images_in(column);
            let start = columns.start.max(i + 1);
            for &dissimilarity in &rdm.row(i)[start - i - 1..columns.end - i - 1] {
                if !dissimilarity.is_undefined() {
                    sum += dissimilarity.into();
                    pairs += 1;
                }
            }
        }
        let one_image = row == column && self.images_in(row).len() == 1;
        if one_image { 0.0 } else { (sum / pairs as f64) as f32 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Patterns on a half circle in the plane of two orthogonal shapes: image i at angle 180° i/n.
    fn fan(images: usize) -> Vec<f32> {
        let angle = |i: usize| std::f32::consts::PI * i as f32 / images as f32;
        (0..images).flat_map(|i| [angle(i).cos(), -angle(i).cos(), angle(i).sin(), -angle(i).sin()]).collect()
    }

    /// Each pixel against its definition.
    #[track_caller]
    fn check(rdm: &Rdm, side: usize) {
        let picture = rdm.picture(side);
        assert_eq!(picture.side, side.min(rdm.images()));
        assert_eq!(picture.values.len(), picture.side.pow(2));
        for (pixel, &value) in picture.values.iter().enumerate() {
            let [rows, columns] = [pixel / picture.side, pixel % picture.side].map(|p| picture.images_in(p));
            let pairs = rows.clone().flat_map(|i| columns.clone().map(move |j| (i, j))).filter(|(i, j)| i != j);
            let defined: Vec<f64> = pairs.filter_map(|(i, j)| rdm.get(i, j)).map(f64::from).collect();
            let mean = defined.iter().sum::<f64>() / defined.len() as f64;
            let want = if rows == columns && rows.len() == 1 { 0.0 } else { mean };
            assert!((f64::from(value) - want).abs() < 1e-6 || value.is_nan() && want.is_nan(), "{pixel}: {value} {want}");
        }
    }

    #[test]
    fn pixels_are_means_of_blocks() {
        let rdm = Rdm::correlation(&fan(10), 4);
        (1..=11).for_each(|side| check(&rdm, side));
    }

    #[test]
    fn undefined_pairs_do_not_count() {
        let mut patterns = fan(9);
        patterns[8..20].fill(1.0); // images 2, 3, 4
        let rdm = Rdm::correlation(&patterns, 4);
        assert_eq!(rdm.constant(), [2, 3, 4]);
        (1..=9).for_each(|side| check(&rdm, side));
        assert_eq!(rdm.picture(9).values.iter().filter(|value| value.is_nan()).count(), 9 * 8 - 6 * 5);
    }

    #[test]
    fn every_image_falls_in_the_pixel_that_holds_it() {
        for images in 1..=40 {
            for side in 1..=images {
                let picture = Picture { images, side, values: Vec::new() };
                let held: Vec<usize> = (0..side).flat_map(|p| picture.images_in(p).map(move |_| p)).collect();
                let asked: Vec<usize> = (0..images).map(|image| picture.pixel_of(image)).collect();
                assert_eq!(held, asked, "{images} images on {side} pixels");
                assert!((0..side).all(|p| !picture.images_in(p).is_empty()));
            }
        }
    }

    #[test]
    fn no_images_make_no_pixels() {
        assert_eq!(Rdm::correlation(&[], 2).picture(5).values.len(), 0);
    }
}
