//! Correlations of the values themselves.

use rayon::prelude::*;

use crate::real::Real;

/// Values summed in one go. Sums of pieces are added in their order, whoever formed them.
const PIECE: usize = 1 << 14;

/// Pearson's correlation over the places defined in both, or `None` where all values of either are equal, or one is infinite.
pub(crate) fn pearson<T: Real>(x: &[T], y: &[T]) -> Option<f64> {
    let (x_range, y_range) = (Range::of(x, y)?, Range::of(y, x)?);
    if x_range.is_a_point() || y_range.is_a_point() {
        return None;
    }
    let [n, x_sum, y_sum] = sums(x, y, |x, y| [1.0, x_range.share(x), y_range.share(y)]);
    let (x_mean, y_mean) = (x_sum / n, y_sum / n);
    ratio(sums(x, y, |x, y| {
        let (x, y) = (x_range.share(x) - x_mean, y_range.share(y) - y_mean);
        [x * x, x * y, y * y]
    }))
}

/// The cosine over the places defined in both, or `None` where all values of either are 0, or one is infinite.
pub(crate) fn cosine<T: Real>(x: &[T], y: &[T]) -> Option<f64> {
    let (x_unit, y_unit) = (Range::of(x, y)?.unit_about_0(), Range::of(y, x)?.unit_about_0());
    ratio(sums(x, y, |x, y| {
        let (x, y) = (x * x_unit, y * y_unit);
        [x * x, x * y, y * y]
    }))
}

/// Where the values of a sequence lie.
struct Range {
    least: f64,
    largest: f64,
    /// 1, or a half where the distance from the least to the largest is more than a number holds.
    half: f64,
    /// A power of two that brings this distance near 1, so that no square is out of range.
    unit: f64,
}

impl Range {
    /// Of the values at places defined in both; `None` where there are none, or one is infinite.
    fn of<T: Real>(values: &[T], other: &[T]) -> Option<Range> {
        let defined = values.par_iter().zip(other).filter(|(a, b)| !a.is_undefined() && !b.is_undefined());
        let ends = defined.map(|(&value, _)| [value.into(); 2]);
        let [least, largest] =
            ends.reduce(|| [f64::INFINITY, f64::NEG_INFINITY], |a: [f64; 2], b| [a[0].min(b[0]), a[1].max(b[1])]);
        let half = if (largest - least).is_finite() { 1.0 } else { 0.5 };
        let unit = near_one(largest * half - least * half);
        (least.is_finite() && largest.is_finite()).then_some(Range { least, largest, half, unit })
    }

    fn is_a_point(&self) -> bool {
        self.least == self.largest
    }

    /// Where a value is between the two, from 0 to about 1: this keeps the digits of values that are close together.
    fn share(&self, value: f64) -> f64 {
        (value * self.half - self.least * self.half) * self.unit
    }

    /// A power of two that brings the value furthest from 0 near 1.
    fn unit_about_0(&self) -> f64 {
        near_one(self.largest.max(-self.least))
    }
}

/// A power of two that brings a number near 1, as far as there is one.
fn near_one(number: f64) -> f64 {
    if number > 0.0 { 2.0_f64.powi((-number.log2()).clamp(-1000.0, 1000.0) as i32) } else { 1.0 }
}

fn ratio([xx, xy, yy]: [f64; 3]) -> Option<f64> {
    // One root of a square where they are equal, so that equal sequences give exactly 1.
    let scale = if xx == yy { xx } else { xx.sqrt() * yy.sqrt() };
    (scale > 0.0 && scale.is_finite()).then(|| (xy / scale).clamp(-1.0, 1.0))
}

/// Three sums over the places defined in both.
fn sums<T: Real>(x: &[T], y: &[T], terms: impl Fn(f64, f64) -> [f64; 3] + Sync) -> [f64; 3] {
    let add = |a: [f64; 3], b: [f64; 3]| [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
    let of_piece = |(x, y): (&[T], &[T])| {
        let defined = x.iter().zip(y).filter(|(x, y)| !x.is_undefined() && !y.is_undefined());
        defined.map(|(&x, &y)| terms(x.into(), y.into())).fold([0.0; 3], add)
    };
    let pieces: Vec<[f64; 3]> = x.par_chunks(PIECE).zip(y.par_chunks(PIECE)).map(of_piece).collect();
    pieces.into_iter().fold([0.0; 3], add)
}
