//! How unlike two patterns are, in four senses.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    patterns::{Panels, Patterns, PatternsError, is_constant, is_zero},
    product::upper_products,
};

/// The distance between two patterns `a` and `b`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Distance {
    /// `1 - r`, with Pearson's correlation `r` of the two patterns over their features; from 0 (same shape) over 1 (unrelated)
    /// to 2 (opposite). A constant pattern has none. Kriegeskorte 2008.
    #[default]
    Correlation,
    /// `1 - a·b / (|a| |b|)`, from 0 to 2: as correlation, but the patterns are not centred. A zero pattern has none.
    Cosine,
    /// `|a - b|`, the length of the difference.
    Euclidean,
    /// `|a - b|²`.
    SquaredEuclidean,
}

impl Distance {
    /// All of them.
    pub const ALL: [Distance; 4] = [Distance::Correlation, Distance::Cosine, Distance::Euclidean, Distance::SquaredEuclidean];
}

impl fmt::Display for Distance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Distance::Correlation => "correlation",
            Distance::Cosine => "cosine",
            Distance::Euclidean => "euclidean",
            Distance::SquaredEuclidean => "squared-euclidean",
        })
    }
}

/// Where a squared distance is less than this share of the squared lengths it is a difference of, rounding would show in
/// its root, and it is computed from the values themselves.
const CLOSE: f64 = 0.01;

impl Distance {
    /// The images that have no such distance to any other, ascending.
    pub(crate) fn undefined(self, patterns: Patterns<'_>) -> Vec<usize> {
        match self {
            Distance::Correlation => patterns.images_where(is_constant),
            Distance::Cosine => patterns.images_where(is_zero),
            Distance::Euclidean | Distance::SquaredEuclidean => Vec::new(),
        }
    }

    /// The distances of all pairs i < j, row after row. What stands at pairs without a distance has no meaning.
    pub(crate) fn upper(self, patterns: Patterns<'_>) -> Result<Vec<f32>, PatternsError> {
        match self {
            Distance::Correlation => Ok(one_minus_products(patterns, |pattern| (mean(pattern), length(pattern, mean(pattern))))),
            Distance::Cosine => Ok(one_minus_products(patterns, |pattern| (0.0, length(pattern, 0.0)))),
            Distance::Euclidean => euclidean(patterns, f64::sqrt),
            Distance::SquaredEuclidean => euclidean(patterns, |squared| squared),
        }
    }
}

/// `1 - a·b` of patterns that were shifted, and brought to unit length.
fn one_minus_products(patterns: Patterns<'_>, change: impl Fn(&[f32]) -> (f64, f64) + Sync) -> Vec<f32> {
    let panels = Panels::of_images(patterns, None, change);
    upper_products(&panels, |_, _, product| (1.0 - product.clamp(-1.0, 1.0)) as f32)
}

/// Squared distances as `|a|² + |b|² - 2 a·b`, from patterns whose common mean, which cancels, is taken away first.
fn euclidean(patterns: Patterns<'_>, root: impl Fn(f64) -> f64 + Sync) -> Result<Vec<f32>, PatternsError> {
    let mean = patterns.mean_pattern();
    let scale = patterns.spread(&mean);
    let panels = Panels::of_images(patterns, Some(&mean), |_| (0.0, scale));
    let squares = panels.squared_lengths();
    let upper = upper_products(&panels, |i, j, product| {
        let together = squares[i] + squares[j];
        let squared = together - 2.0 * product;
        let close = squared < CLOSE * together;
        root(if close { squared_difference(patterns.pattern(i), patterns.pattern(j)) } else { squared * scale * scale }) as f32
    });
    let longest = squares.iter().copied().fold(0.0, f64::max).sqrt() * scale;
    let too_far = root((2.0 * longest).powi(2)) > f64::from(f32::MAX) && upper.iter().any(|d| d.is_infinite());
    if too_far { Err(PatternsError::TooFarApart) } else { Ok(upper) }
}

fn squared_difference(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum()
}

fn mean(pattern: &[f32]) -> f64 {
    pattern.iter().map(|&value| f64::from(value)).sum::<f64>() / pattern.len() as f64
}

/// The length of a pattern less `shift`; 1 where that is nothing but zeros, so that it can be divided by.
fn length(pattern: &[f32], shift: f64) -> f64 {
    let length = pattern.iter().map(|&value| (f64::from(value) - shift).powi(2)).sum::<f64>().sqrt();
    if length > 0.0 { length } else { 1.0 }
}
