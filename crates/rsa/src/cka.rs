//! Comparing patterns without a matrix of dissimilarities.

use rayon::prelude::*;

use crate::{
    distance::Distance,
    panels::Panels,
    patterns::{Patterns, PatternsError},
    product::{Block, corners},
    real::Real,
    seen::Seen,
};

/// Linear centred kernel alignment of two sets of patterns over the same images, from 0 to 1.
///
/// `x` and `y` hold patterns, images x features, row-major; the numbers of features may differ. With the mean of each feature taken
/// away, `CKA = |Yᵀ X|² / (|Xᵀ X| |Yᵀ Y|)`, where `|·|` is the root of the sum of squares (Kornblith 2019). It does not change
/// when patterns are rotated or scaled as a whole. `None` where a set has the same pattern for all images.
///
/// Differs from the value in double precision by less than 1e-6. The same bits for any number of threads.
///
/// Cost: with p and q features, images x (p + q)² operations or, where images are fewer than features, images² x (p + q);
/// and images x (p + q) x 4 bytes.
///
/// # Errors
/// As [`Rdm::of`](crate::Rdm::of), or if the sets are not over the same images.
///
/// ```
/// let x = [1.0_f32, 2.0, 4.0, 3.0, 5.0, 9.0]; // three images, two features each
/// let rotated = [2.0, -1.0, 3.0, -4.0, 9.0, -5.0];
/// assert!((rsa::linear_cka((&x, 2), (&rotated, 2))?.unwrap() - 1.0).abs() < 1e-6);
/// # Ok::<(), rsa::PatternsError>(())
/// ```
pub fn linear_cka<T: Real>(x: (&[T], usize), y: (&[T], usize)) -> Result<Option<f64>, PatternsError> {
    let (x, y) = (Patterns::check(x.0, x.1)?, Patterns::check(y.0, y.1)?);
    if x.images != y.images {
        return Err(PatternsError::DifferentImages { first: x.images, second: y.images });
    }
    let [xx, xy, yy] = if x.images < x.features.max(y.features) { by_images(x, y) } else { by_features(x, y) };
    // Equal sums mean equal patterns as a rule, and then the answer is exactly 1.
    let scale = if xx == yy { xx } else { xx.sqrt() * yy.sqrt() };
    Ok((scale > 0.0).then(|| (xy / scale).clamp(0.0, 1.0)))
}

/// Patterns without the mean of each feature, which the patterns have in common, and scaled so that their mean square is 1.
struct Centred<'a, T> {
    seen: Seen<'a, T>,
    mean: Vec<f64>,
    scale: f64,
}

impl<'a, T: Real> Centred<'a, T> {
    fn of(patterns: Patterns<'a, T>) -> Centred<'a, T> {
        let seen = Seen::by(Distance::Euclidean, patterns);
        let mean = seen.mean_pattern();
        let scale = (seen.spread_squared(&mean) / patterns.features as f64).sqrt();
        Centred { seen, mean, scale: if scale > 0.0 { scale } else { 1.0 } }
    }

    fn number(&self, feature: usize, value: f64) -> f32 {
        ((value - self.mean[feature]) / self.scale) as f32
    }
}

/// `|Xᵀ X|²`, `|Xᵀ Y|²` and `|Yᵀ Y|²`, from products of features.
fn by_features<T: Real>(x: Patterns<'_, T>, y: Patterns<'_, T>) -> [f64; 3] {
    let [x, y] = [x, y].map(|patterns| {
        let centred = Centred::of(patterns);
        Panels::of_features(&centred.seen, |feature, value| centred.number(feature, value))
    });
    [(&x, &x), (&x, &y), (&y, &y)].map(|(a, b)| {
        let square = |block: &mut Block, (top, left)| {
            block.fill(f32::ADD_PRODUCTS, a, top, b, left);
            block.dot(block)
        };
        sum_over(a.vectors, b.vectors, std::ptr::eq(a, b), square)
    })
}

/// The same numbers as sums of products of `X Xᵀ` and `Y Yᵀ`, from products of images.
fn by_images<T: Real>(x: Patterns<'_, T>, y: Patterns<'_, T>) -> [f64; 3] {
    let [x, y] = [x, y].map(|patterns| {
        let centred = Centred::of(patterns);
        Panels::of_images(&centred.seen, |feature, value| centred.number(feature, value))
    });
    [(&x, &x), (&x, &y), (&y, &y)].map(|(a, b)| {
        let square = |block: &mut Block, (top, left)| {
            block.fill(f32::ADD_PRODUCTS, a, top, a, left);
            if std::ptr::eq(a, b) {
                return block.dot(block);
            }
            let mut other = Block::new();
            other.fill(f32::ADD_PRODUCTS, b, top, b, left);
            block.dot(&other)
        };
        sum_over(a.vectors, b.vectors, true, square)
    })
}

/// Adds up `of_block` of all blocks; of a symmetric product, those above the diagonal twice in place of those below.
fn sum_over(rows: usize, columns: usize, symmetric: bool, of_block: impl Fn(&mut Block, (usize, usize)) -> f64 + Sync) -> f64 {
    let corners: Vec<_> = corners(rows, columns).filter(|(top, left)| !symmetric || top <= left).collect();
    let sums: Vec<f64> = (corners.into_par_iter())
        .map_init(Block::new, |block, (top, left)| of_block(block, (top, left)) * if symmetric && top < left { 2.0 } else { 1.0 })
        .collect();
    sums.into_iter().sum()
}
