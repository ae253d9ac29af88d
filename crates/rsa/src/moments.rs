//! Correlations of the values themselves.

use rayon::prelude::*;

/// Values summed in one go. Sums of pieces are added in their order, whoever formed them.
const PIECE: usize = 1 << 14;

/// Pearson's correlation over the places defined in both, or `None` where all values of either are equal.
pub(crate) fn pearson(x: &[f32], y: &[f32]) -> Option<f64> {
    let constant = |values: &[f32], other: &[f32]| {
        let defined = |(a, b): &(&f32, &f32)| !a.is_nan() && !b.is_nan();
        let first = values.iter().zip(other).find(defined).map(|(&first, _)| first);
        first.is_none_or(|first| values.par_iter().zip(other).all(|(&a, &b)| a == first || a.is_nan() || b.is_nan()))
    };
    if constant(x, y) || constant(y, x) {
        return None;
    }
    let [n, x_sum, y_sum] = sums(x, y, |x, y| [1.0, x, y]);
    let (x_mean, y_mean) = (x_sum / n, y_sum / n);
    ratio(sums(x, y, |x, y| {
        let (x, y) = (x - x_mean, y - y_mean);
        [x * x, x * y, y * y]
    }))
}

/// The cosine over the places defined in both, or `None` where all values of either are 0 or one of them is infinite.
pub(crate) fn cosine(x: &[f32], y: &[f32]) -> Option<f64> {
    ratio(sums(x, y, |x, y| [x * x, x * y, y * y]))
}

fn ratio([xx, xy, yy]: [f64; 3]) -> Option<f64> {
    // Two roots, because the product of two sums of squares might be more than an f64 holds; one root of a square where they are
    // equal, so that equal sequences give exactly 1.
    let scale = if xx == yy { xx } else { xx.sqrt() * yy.sqrt() };
    (scale > 0.0 && scale.is_finite()).then(|| (xy / scale).clamp(-1.0, 1.0))
}

/// Three sums over the places defined in both.
fn sums(x: &[f32], y: &[f32], terms: impl Fn(f64, f64) -> [f64; 3] + Sync) -> [f64; 3] {
    let add = |a: [f64; 3], b: [f64; 3]| [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
    let of_piece = |(x, y): (&[f32], &[f32])| {
        let defined = x.iter().zip(y).filter(|(x, y)| !x.is_nan() && !y.is_nan());
        defined.map(|(&x, &y)| terms(f64::from(x), f64::from(y))).fold([0.0; 3], add)
    };
    let pieces: Vec<[f64; 3]> = x.par_chunks(PIECE).zip(y.par_chunks(PIECE)).map(of_piece).collect();
    pieces.into_iter().fold([0.0; 3], add)
}
