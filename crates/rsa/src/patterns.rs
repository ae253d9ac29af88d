//! Patterns: checked, and as a distance looks at them.

use std::collections::HashMap;

use rayon::prelude::*;

use crate::{real::Real, triangle::MOST_IMAGES};

/// What patterns can have wrong.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum PatternsError {
    /// The patterns have no features.
    #[error("the patterns have no features")]
    NoFeatures,
    /// The values cannot be shared out evenly.
    #[error("{values} values are no whole number of patterns of {features} features")]
    Torn {
        /// Number of values.
        values: usize,
        /// Number of features of each pattern.
        features: usize,
    },
    /// A value is NaN or infinite.
    #[error("feature {feature} of image {image} is {value} (counted from 0)")]
    NotFinite {
        /// The image, from 0.
        image: usize,
        /// The feature, from 0.
        feature: usize,
        /// What stands there.
        value: f64,
    },
    /// More than 65,536 images.
    #[error("{images} images are more than the {MOST_IMAGES} that a matrix can have")]
    TooManyImages {
        /// Number of images.
        images: usize,
    },
    /// A distance is larger than the largest number, 3.4e38 or 1.8e308.
    #[error("some patterns are further apart than {} precision can say ({most:.1e})", precision(*.most))]
    TooFarApart {
        /// The largest distance that can be said.
        most: f64,
    },
    /// A distance that is not 0 is smaller than the smallest number with all its digits, 1.2e-38 or 2.2e-308.
    #[error("some patterns are closer together than {} precision can say ({least:.1e})", precision(1.0 / *.least))]
    TooClose {
        /// The smallest distance that can be said.
        least: f64,
    },
    /// Two sets of patterns are not over the same images.
    #[error("{first} images on the one side and {second} on the other")]
    DifferentImages {
        /// Images of the first set.
        first: usize,
        /// Images of the second.
        second: usize,
    },
}

fn precision(most: f64) -> &'static str {
    if most > 1e40 { "double" } else { "single" }
}

/// Patterns that were found in order: images x features, row-major, all finite.
#[derive(Clone, Copy)]
pub(crate) struct Patterns<'a, T> {
    pub(crate) values: &'a [T],
    pub(crate) images: usize,
    pub(crate) features: usize,
}

impl<'a, T: Real> Patterns<'a, T> {
    pub(crate) fn check(values: &'a [T], features: usize) -> Result<Patterns<'a, T>, PatternsError> {
        if features == 0 {
            return Err(PatternsError::NoFeatures);
        }
        if !values.len().is_multiple_of(features) {
            return Err(PatternsError::Torn { values: values.len(), features });
        }
        let images = values.len() / features;
        if images > MOST_IMAGES {
            return Err(PatternsError::TooManyImages { images });
        }
        // A whole pattern at a time, without stopping at the first such value, so that vector instructions can do it.
        let is_finite = |value: T| value.into().is_finite();
        let not_finite = |pattern: &[T]| !pattern.iter().fold(true, |all, &value| all & is_finite(value));
        if let Some(image) = values.par_chunks(features).position_first(not_finite) {
            let pattern = &values[image * features..(image + 1) * features];
            let feature = pattern.iter().position(|&value| !is_finite(value)).expect("one is not finite");
            return Err(PatternsError::NotFinite { image, feature, value: pattern[feature].into() });
        }
        Ok(Patterns { values, images, features })
    }

    /// For each image the first one with the very same pattern: itself as a rule.
    pub(crate) fn first_of_the_same(&self) -> Vec<usize> {
        let mut firsts: HashMap<u64, Vec<usize>> = HashMap::new();
        let mut first_of = |image: usize| {
            let pattern = self.pattern(image);
            let alike = firsts.entry(mixed(pattern)).or_default();
            alike.iter().copied().find(|&other| self.pattern(other) == pattern).unwrap_or_else(|| {
                alike.push(image);
                image
            })
        };
        (0..self.images).map(&mut first_of).collect()
    }

    pub(crate) fn pattern(&self, image: usize) -> &'a [T] {
        &self.values[image * self.features..(image + 1) * self.features]
    }
}

/// 64 bits that few other patterns have.
fn mixed<T: Real>(pattern: &[T]) -> u64 {
    let mix = |mixed: u64, &value: &T| (mixed.rotate_left(5) ^ value.into().to_bits()).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    pattern.iter().fold(0, mix)
}

/// How many sums run side by side, so that vector instructions can form them. The order of additions is fixed by it.
pub(crate) const LANES: usize = 8;

/// The sum of `term(value)`.
pub(crate) fn sum<T: Copy>(values: &[T], term: impl Fn(T) -> f64) -> f64 {
    let mut sums = [0.0; LANES];
    let (whole, rest) = values.as_chunks::<LANES>();
    whole.iter().for_each(|values| sums.iter_mut().zip(values).for_each(|(sum, &value)| *sum += term(value)));
    sums.iter_mut().zip(rest).for_each(|(sum, &value)| *sum += term(value));
    sums.iter().sum()
}
