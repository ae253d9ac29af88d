//! Patterns without what they have in common, for products of whole sets of patterns.

use rayon::prelude::*;

use crate::{
    distance::Distance,
    panels::Panels,
    patterns::{LANES, Patterns},
    real::Real,
    seen::{Change, Seen},
};

/// Patterns without the mean of each feature, in units in which their mean square is 1.
///
/// The first pattern is taken away before the mean of what is left. Where patterns are nearly one, that difference is exact, and where a
/// feature is the same for all images nothing is left of it, not even rounding.
pub(crate) struct Centred<'a, T> {
    seen: Seen<'a, T>,
    first: Vec<f64>,
    /// Of each feature, the mean distance from the first pattern.
    mean: Vec<f64>,
    scale: f64,
    /// The squared length of each pattern. Their sum is images x features, or 0 where all patterns are equal.
    pub(crate) squared_lengths: Vec<f64>,
}

impl<'a, T: Real> Centred<'a, T> {
    pub(crate) fn of(patterns: Patterns<'a, T>) -> Centred<'a, T> {
        let mut centred = Centred::about_mean(Seen::by(Distance::Euclidean, patterns));
        let largest = centred.of_images(|largest, number| if number.abs() > largest { number.abs() } else { largest });
        let largest = largest.iter().flatten().copied().fold(0.0, f64::max);
        if largest > 0.0 {
            // by the largest first, so that no square is out of range
            centred.scale = largest;
            let mean_square = centred.sum_squares().iter().sum::<f64>() / patterns.values.len() as f64;
            centred.scale = largest * mean_square.sqrt();
        }
        centred.squared_lengths = centred.sum_squares();
        centred
    }

    /// Some of the images, without what these have in common; in the units of the whole, so that sums can be added up.
    pub(crate) fn batch(&self, first: usize, images: usize) -> Centred<'a, T> {
        let images = images.min(self.seen.patterns.images - first);
        let mut batch = Centred::about_mean(self.seen.of_images(first, images));
        batch.scale = self.scale;
        batch.squared_lengths = batch.sum_squares();
        batch
    }

    fn about_mean(seen: Seen<'a, T>) -> Centred<'a, T> {
        let features = seen.patterns.features;
        let first = match (seen.patterns.images, seen.changes.first()) {
            (1.., Some(change)) => seen.patterns.pattern(0).iter().map(|&value| change.of(value.into())).collect(),
            _ => vec![0.0; features],
        };
        let mean = mean_from(&seen, &first);
        Centred { seen, first, mean, scale: 1.0, squared_lengths: Vec::new() }
    }

    pub(crate) fn images(&self) -> usize {
        self.seen.patterns.images
    }

    pub(crate) fn features(&self) -> usize {
        self.seen.patterns.features
    }

    /// One vector for each image.
    pub(crate) fn by_images<N: Real>(&self) -> Panels<N> {
        Panels::of_images(&self.seen, |feature, value| N::nearest(self.number(feature, value)))
    }

    /// One vector for each feature.
    pub(crate) fn by_features<N: Real>(&self) -> Panels<N> {
        Panels::of_features(&self.seen, |feature, value| N::nearest(self.number(feature, value)))
    }

    fn number(&self, feature: usize, value: f64) -> f64 {
        (value - self.first[feature] - self.mean[feature]) / self.scale
    }

    fn sum_squares(&self) -> Vec<f64> {
        self.of_images(|sum, number| sum + number * number).iter().map(|sums| sums.iter().sum()).collect()
    }

    /// `add`s up the numbers of each image, in lanes.
    fn of_images(&self, add: impl Fn(f64, f64) -> f64 + Sync) -> Vec<[f64; LANES]> {
        let Centred { seen: Seen { patterns, changes, .. }, first, mean, scale, .. } = self;
        let of_image = |(pattern, change): (&[T], &Change)| {
            let mut lanes = [0.0; LANES];
            let common = first.chunks(LANES).zip(mean.chunks(LANES));
            for (values, (first, mean)) in pattern.chunks(LANES).zip(common) {
                for (sum, (&value, (first, mean))) in lanes.iter_mut().zip(values.iter().zip(first.iter().zip(mean))) {
                    *sum = add(*sum, (change.of(value.into()) - first - mean) / scale);
                }
            }
            lanes
        };
        patterns.values.par_chunks(patterns.features).zip(changes).map(of_image).collect()
    }
}

/// The mean of each feature's distance from the first pattern.
fn mean_from<T: Real>(seen: &Seen<'_, T>, first: &[f64]) -> Vec<f64> {
    /// Features that one thread takes through all images: what it reads of a pattern fills a line of the cache.
    const FEATURES: usize = 64;
    let images = seen.patterns.images;
    let mut mean = vec![0.0; first.len()];
    mean.par_chunks_mut(FEATURES).enumerate().for_each(|(index, mean)| {
        let features = index * FEATURES..index * FEATURES + mean.len();
        for (image, change) in seen.changes.iter().enumerate() {
            let values = seen.patterns.pattern(image)[features.clone()].iter().zip(&first[features.clone()]);
            mean.iter_mut().zip(values).for_each(|(sum, (&value, first))| *sum += change.of(value.into()) - first);
        }
        mean.iter_mut().for_each(|sum| *sum /= images as f64);
    });
    mean
}
