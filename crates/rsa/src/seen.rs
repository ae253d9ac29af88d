//! Patterns as a distance sees them: rid of what it does not see, in double precision.

use std::sync::OnceLock;

use rayon::prelude::*;

use crate::{
    distance::Distance,
    patterns::{LANES, Patterns, sum},
    real::Real,
};

/// Patterns as a distance sees them: of each value its `mean` is taken away (for correlation), and what is left is divided by its pattern's
/// length (for correlation and cosine). Each value is worked out when it is asked for; only what concerns whole patterns is kept.
///
/// The distances are then all one: half the squared length of a difference, the squared length, or the length.
pub(crate) struct Seen<'a, T> {
    pub(crate) patterns: Patterns<'a, T>,
    /// A power of two that all values are multiplied with first, so that no square is too large or too small.
    pub(crate) unit: f64,
    /// Whether each pattern's mean is taken away.
    centred: bool,
    /// What is done to each pattern.
    pub(crate) changes: Vec<Change>,
    /// For each image the first one with the very same pattern, found when first asked for: a network may answer all images alike.
    same: OnceLock<Vec<usize>>,
}

/// What is done to a pattern: `(value * unit - mean) * factor`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    unit: f64,
    mean: f64,
    factor: f64,
    /// How much longer the pattern is as it was given than what is left of it, at least 1: by so much more the rounding of its
    /// values shows. 0 where patterns are taken as they are.
    pub(crate) stretch: f64,
    /// A constant pattern has no correlation, a zero pattern no angle.
    pub(crate) is_nothing: bool,
}

impl Change {
    pub(crate) fn of(self, value: f64) -> f64 {
        (value * self.unit - self.mean) * self.factor
    }
}

/// What is left of a constant pattern, in parts of its mean, is rounding of the mean alone.
const OF_ROUNDING: f64 = 8.0 * f64::EPSILON;

impl<'a, T: Real> Seen<'a, T> {
    pub(crate) fn by(distance: Distance, patterns: Patterns<'a, T>) -> Seen<'a, T> {
        let images = patterns.values.par_chunks(patterns.features);
        match distance {
            Distance::Correlation | Distance::Cosine => {
                let centred = distance == Distance::Correlation;
                let changes = images.map(|pattern| unit_length(pattern, centred)).collect();
                Seen { patterns, unit: 1.0, centred, changes, same: OnceLock::new() }
            }
            Distance::Euclidean | Distance::SquaredEuclidean => {
                let unit = unit_of(images.map(largest).reduce(|| 0.0, f64::max));
                let as_is = Change { unit, mean: 0.0, factor: 1.0, stretch: 0.0, is_nothing: false };
                Seen { patterns, unit, centred: false, changes: vec![as_is; patterns.images], same: OnceLock::new() }
            }
        }
    }

    /// The images that have nothing to be seen of, ascending.
    pub(crate) fn nothing(&self) -> Vec<usize> {
        (0..self.patterns.images).filter(|&image| self.changes[image].is_nothing).collect()
    }

    /// Some of the images, seen as they are among all.
    pub(crate) fn of_images(&self, first: usize, images: usize) -> Seen<'a, T> {
        let Patterns { values, features, .. } = self.patterns;
        let values = &values[first * features..(first + images) * features];
        let changes = self.changes[first..first + images].to_vec();
        Seen { patterns: Patterns { values, images, features }, changes, same: OnceLock::new(), ..*self }
    }

    /// Whether two images have the very same pattern.
    pub(crate) fn are_the_same(&self, i: usize, j: usize) -> bool {
        let same = self.same.get_or_init(|| self.patterns.first_of_the_same());
        same[i] == same[j]
    }

    /// The squared length of the difference of two patterns, with a small error of its own, however close they are.
    pub(crate) fn squared_difference(&self, i: usize, j: usize) -> f64 {
        let [(a, x), (b, y)] = [i, j].map(|image| (self.patterns.pattern(image), self.changes[image]));
        let (p, q) = (x.unit * x.factor, y.unit * y.factor);
        if p.is_finite() && q.is_finite() {
            return kernels::squared_difference(a, b, p, q, y.mean * y.factor - x.mean * x.factor);
        }
        // the smallest doubles are brought to length 1 by more than a number can say, but not in one step
        a.iter().zip(b).map(|(&a, &b)| (x.of(a.into()) - y.of(b.into())).powi(2)).sum()
    }

    /// The length of the difference of two patterns, as they were given, whose square is too small for a number.
    pub(crate) fn length_of_tiny_difference(&self, i: usize, j: usize) -> f64 {
        if self.are_the_same(i, j) {
            return 0.0;
        }
        let [a, b] = [i, j].map(|image| self.patterns.pattern(image));
        let differences = || a.iter().zip(b).map(|(&a, &b)| (a.into() - b.into()).abs());
        let largest = differences().fold(0.0, f64::max);
        differences().map(|d| (d / largest).powi(2)).sum::<f64>().sqrt() * largest
    }

    /// How much of the rounding of a pattern's values, of each by as much of itself, changes its shape, as a share of its length: what
    /// rounds along the pattern does not, as where one value is much larger than all others. At most its [stretch](Change::stretch).
    pub(crate) fn rounding_of_shape(&self, image: usize) -> f64 {
        let (pattern, change) = (self.patterns.pattern(image), self.changes[image]);
        let along_mean = if self.centred { 1.0 / pattern.len() as f64 } else { 0.0 };
        let across =
            |value: T| (value.into() * change.unit).powi(2) * (1.0 - along_mean - change.of(value.into()).powi(2)).max(0.0);
        sum(pattern, across).sqrt() * change.factor
    }

    /// What all patterns have in common: the mean of each feature.
    pub(crate) fn mean_pattern(&self) -> Vec<f64> {
        /// Features that one thread takes through all images: what it reads of a pattern fills a line of the cache.
        const FEATURES: usize = 64;
        let Patterns { images, features, .. } = self.patterns;
        let mut mean = vec![0.0; features];
        mean.par_chunks_mut(FEATURES).zip((0..features).into_par_iter().step_by(FEATURES)).for_each(|(mean, first)| {
            for (image, change) in self.changes.iter().enumerate() {
                let values = &self.patterns.pattern(image)[first..first + mean.len()];
                mean.iter_mut().zip(values).for_each(|(sum, &value)| *sum += change.of(value.into()));
            }
            mean.iter_mut().for_each(|sum| *sum /= images as f64);
        });
        mean
    }

    /// The mean over the patterns of their squared distance from what they have in common.
    pub(crate) fn spread_squared(&self, mean: &[f64]) -> f64 {
        let Patterns { images, features, .. } = self.patterns;
        let away = |(pattern, change): (&[T], &Change)| {
            let mut sums = [0.0; LANES];
            for (values, mean) in pattern.chunks(LANES).zip(mean.chunks(LANES)) {
                for (sum, (&value, mean)) in sums.iter_mut().zip(values.iter().zip(mean)) {
                    let away = change.of(value.into()) - mean;
                    *sum += away * away;
                }
            }
            sums.iter().sum::<f64>()
        };
        let squares: Vec<f64> = self.patterns.values.par_chunks(features).zip(&self.changes).map(away).collect();
        squares.iter().sum::<f64>() / images.max(1) as f64
    }
}

/// How a pattern is brought to length 1, about its mean or as it is.
fn unit_length<T: Real>(pattern: &[T], centred: bool) -> Change {
    let unit = unit_of(largest(pattern));
    let value = |value: T| value.into() * unit;
    let mut mean = 0.0;
    if centred {
        let features = pattern.len() as f64;
        mean = sum(pattern, value) / features;
        mean += sum(pattern, |v| value(v) - mean) / features; // what rounding left of it
    }
    let length = sum(pattern, |v| (value(v) - mean) * (value(v) - mean)).sqrt();
    let whole = (length * length + pattern.len() as f64 * mean * mean).sqrt();
    // farther from the mean than the root of the mean square is no value of a constant pattern, and few patterns are near to one
    let farthest = || pattern.iter().map(|&v| (value(v) - mean).abs()).fold(0.0, f64::max);
    let bound = OF_ROUNDING * mean.abs();
    if length <= bound * (pattern.len() as f64).sqrt() && farthest() <= bound {
        return Change { unit, mean, factor: 0.0, stretch: 1.0, is_nothing: true };
    }
    Change { unit, mean, factor: 1.0 / length, stretch: whole / length, is_nothing: false }
}

/// The value furthest from 0.
fn largest<T: Real>(values: &[T]) -> f64 {
    let mut largest = [0.0_f64; LANES];
    for values in values.chunks(LANES) {
        for (largest, &value) in largest.iter_mut().zip(values) {
            let size = value.into().abs();
            *largest = if size > *largest { size } else { *largest };
        }
    }
    largest.into_iter().fold(0.0, f64::max)
}

/// A power of two by which numbers up to the `largest` can be squared and summed: 1 for all that single precision holds.
fn unit_of(largest: f64) -> f64 {
    match largest {
        0.0 => 1.0,
        ..1e-290 => 2.0_f64.powi(1000),
        ..1e-140 => 2.0_f64.powi(500),
        1e140.. => 2.0_f64.powi(-540),
        _ => 1.0,
    }
}
