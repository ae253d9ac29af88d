//! Patterns, centred and brought to unit length, and laid out for multiplication.

use rayon::prelude::*;

/// Images in a panel: the width of the product's tiles.
pub(crate) const PANEL: usize = 8;

/// Standardised patterns in panels of [`PANEL`] images, feature by feature: the values of one feature for all images of
/// a panel lie side by side, so that the product reads memory in order. Images missing in the last panel are zeros.
pub(crate) struct Panels {
    images: usize,
    features: usize,
    values: Vec<[f32; PANEL]>,
    constant: Vec<usize>,
}

impl Panels {
    /// Centres each pattern and brings it to unit length, so that products of patterns are correlations. Constant
    /// patterns, which have no direction, become zeros.
    pub(crate) fn standardised(values: &[f32], features: usize) -> Panels {
        assert!(features > 0, "patterns without features");
        assert!(values.len().is_multiple_of(features), "{} values are no whole number of patterns of {features}", values.len());
        assert!(values.par_iter().all(|value| value.is_finite()), "a value of a pattern is not finite");

        let images = values.len() / features;
        let mut panels = vec![[0.0; PANEL]; images.div_ceil(PANEL) * features];
        panels.par_chunks_mut(features).zip(values.par_chunks(PANEL * features)).for_each(|(panel, patterns)| {
            for (image, pattern) in patterns.chunks_exact(features).enumerate() {
                standardise(pattern, panel.iter_mut().map(|feature| &mut feature[image]));
            }
        });
        let constant = values.par_chunks_exact(features).enumerate().filter(|(_, p)| is_constant(p)).map(|(i, _)| i).collect();
        Panels { images, features, values: panels, constant }
    }

    /// Number of images.
    pub(crate) fn images(&self) -> usize {
        self.images
    }

    /// Number of features.
    pub(crate) fn features(&self) -> usize {
        self.features
    }

    /// Images with a constant pattern, ascending.
    pub(crate) fn constant(&self) -> &[usize] {
        &self.constant
    }

    /// All features of one panel.
    pub(crate) fn panel(&self, index: usize) -> &[[f32; PANEL]] {
        &self.values[index * self.features..(index + 1) * self.features]
    }
}

/// A pattern without variance. Judged on the values themselves, because a computed variance is subject to rounding.
fn is_constant(pattern: &[f32]) -> bool {
    pattern.iter().all(|&value| value == pattern[0])
}

fn standardise<'a>(pattern: &[f32], standardised: impl Iterator<Item = &'a mut f32>) {
    if is_constant(pattern) {
        return;
    }
    let mean = pattern.iter().map(|&value| f64::from(value)).sum::<f64>() / pattern.len() as f64;
    let length = pattern.iter().map(|&value| (f64::from(value) - mean).powi(2)).sum::<f64>().sqrt();
    for (to, &value) in standardised.zip(pattern) {
        *to = ((f64::from(value) - mean) / length) as f32;
    }
}
