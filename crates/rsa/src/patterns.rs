//! Patterns: checked, standardised, and laid out for multiplication.

use rayon::prelude::*;

use crate::triangle::MOST_IMAGES;

/// Vectors in a panel: the width of the product's tiles.
pub(crate) const PANEL: usize = 16;

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
        value: f32,
    },
    /// More than 65,536 images.
    #[error("{images} images are more than the {MOST_IMAGES} that a matrix can have")]
    TooManyImages {
        /// Number of images.
        images: usize,
    },
    /// A distance is larger than the largest f32, 3.4e38.
    #[error("some patterns are further apart than single precision can say (3.4e38); scale the values down")]
    TooFarApart,
    /// Two sets of patterns are not over the same images.
    #[error("{first} images on the one side and {second} on the other")]
    DifferentImages {
        /// Images of the first set.
        first: usize,
        /// Images of the second.
        second: usize,
    },
}

/// Patterns that were found in order: images x features, row-major, all finite.
#[derive(Clone, Copy)]
pub(crate) struct Patterns<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) images: usize,
    pub(crate) features: usize,
}

impl<'a> Patterns<'a> {
    pub(crate) fn check(values: &'a [f32], features: usize) -> Result<Patterns<'a>, PatternsError> {
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
        let not_finite = |pattern: &[f32]| !pattern.iter().fold(true, |all, value| all & value.is_finite());
        if let Some(image) = values.par_chunks(features).position_first(not_finite) {
            let pattern = &values[image * features..(image + 1) * features];
            let feature = pattern.iter().position(|value| !value.is_finite()).expect("one is not finite");
            return Err(PatternsError::NotFinite { image, feature, value: pattern[feature] });
        }
        Ok(Patterns { values, images, features })
    }

    pub(crate) fn pattern(&self, image: usize) -> &'a [f32] {
        &self.values[image * self.features..(image + 1) * self.features]
    }

    /// The images whose pattern is `so`, ascending.
    pub(crate) fn images_where(&self, so: impl Fn(&[f32]) -> bool + Sync) -> Vec<usize> {
        (0..self.images).into_par_iter().filter(|&image| so(self.pattern(image))).collect()
    }

    /// The mean of each feature over images.
    pub(crate) fn mean_pattern(&self) -> Vec<f64> {
        let mut sums = vec![0.0; self.features];
        for image in 0..self.images {
            sums.iter_mut().zip(self.pattern(image)).for_each(|(sum, &value)| *sum += f64::from(value));
        }
        sums.into_iter().map(|sum| sum / self.images as f64).collect()
    }

    /// The largest distance of a value from its feature's mean, or 1 where nothing is away from it.
    pub(crate) fn spread(&self, mean: &[f64]) -> f64 {
        let away = |image| self.pattern(image).iter().zip(mean).map(|(&v, mean)| (f64::from(v) - mean).abs()).fold(0.0, f64::max);
        let spread = (0..self.images).into_par_iter().map(away).reduce(|| 0.0, f64::max);
        if spread > 0.0 { spread } else { 1.0 }
    }
}

/// All values are equal, so there is no variance. Judged on the values themselves: a computed variance is subject to rounding.
pub(crate) fn is_constant(pattern: &[f32]) -> bool {
    pattern.iter().all(|&value| value == pattern[0])
}

/// All values are zero, so there is no direction.
pub(crate) fn is_zero(pattern: &[f32]) -> bool {
    pattern.iter().all(|&value| value == 0.0)
}

/// Vectors in panels of [`PANEL`], side by side: number k of all vectors of a panel lie together, so that products read
/// memory in order. Vectors missing in the last panel are zeros.
pub(crate) struct Panels {
    /// Number of vectors.
    pub(crate) vectors: usize,
    /// Numbers in each.
    pub(crate) depth: usize,
    values: Vec<[f32; PANEL]>,
}

impl Panels {
    /// One vector for each image. `change(pattern)` tells what to subtract from a pattern's values, and what to divide them by,
    /// in double precision before they are rounded; `mean`, if given, is subtracted feature by feature besides.
    pub(crate) fn of_images(
        patterns: Patterns<'_>,
        mean: Option<&[f64]>,
        change: impl Fn(&[f32]) -> (f64, f64) + Sync,
    ) -> Panels {
        let depth = patterns.features;
        let mut values = vec![[0.0; PANEL]; patterns.images.div_ceil(PANEL) * depth];
        values.par_chunks_mut(depth).zip(patterns.values.par_chunks(PANEL * depth)).for_each(|(panel, patterns)| {
            let changes: Vec<(f64, f64)> = patterns.chunks_exact(depth).map(&change).collect();
            // A few features of all patterns at a time, so that each piece of the panel is written while it is in cache.
            for (start, rows) in (0..depth).step_by(PANEL).zip(panel.chunks_mut(PANEL)) {
                for (place, (pattern, (shift, scale))) in patterns.chunks_exact(depth).zip(&changes).enumerate() {
                    for (k, to) in (start..).zip(rows.iter_mut()) {
                        let value = f64::from(pattern[k]) - shift - mean.map_or(0.0, |mean| mean[k]);
                        to[place] = (value / scale) as f32;
                    }
                }
            }
        });
        Panels { vectors: patterns.images, depth, values }
    }

    /// One vector for each feature: its values for all images, centred and divided by `scale`.
    pub(crate) fn of_features(patterns: Patterns<'_>, mean: &[f64], scale: f64) -> Panels {
        let depth = patterns.images;
        let mut values = vec![[0.0; PANEL]; patterns.features.div_ceil(PANEL) * depth];
        values.par_chunks_mut(depth).zip(mean.par_chunks(PANEL)).enumerate().for_each(|(index, (panel, mean))| {
            for (image, row) in panel.iter_mut().enumerate() {
                let values = &patterns.pattern(image)[index * PANEL..][..mean.len()];
                for ((to, &value), mean) in row.iter_mut().zip(values).zip(mean) {
                    *to = ((f64::from(value) - mean) / scale) as f32;
                }
            }
        });
        Panels { vectors: patterns.features, depth, values }
    }

    /// Number of panels.
    pub(crate) fn count(&self) -> usize {
        self.vectors.div_ceil(PANEL)
    }

    /// One panel.
    pub(crate) fn panel(&self, index: usize) -> &[[f32; PANEL]] {
        &self.values[index * self.depth..(index + 1) * self.depth]
    }

    /// The squared length of each vector, as it was rounded.
    pub(crate) fn squared_lengths(&self) -> Vec<f64> {
        let square = |vector| {
            let panel = self.panel(vector / PANEL);
            panel.iter().map(|row| f64::from(row[vector % PANEL]).powi(2)).sum()
        };
        (0..self.vectors).into_par_iter().map(square).collect()
    }
}
