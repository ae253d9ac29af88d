//! Which patterns are equal, as far as rounding lets anyone tell, and that their distances tie.

use rayon::prelude::*;

use crate::{
    real::Real,
    seen::Seen,
    triangle::{position, row_start},
};

/// How far two patterns may differ by rounding alone. Their correlation or cosine distance is then exactly 0, and they have the same
/// distances to all others.
///
/// `κ` and `λ` say how much longer each pattern was before its mean was taken away (1 or more), and so how much more rounding shows when
/// what is left is brought to length 1; `κ'` and `λ'` count of it what changes a pattern's shape ([`Seen::rounding_of_shape`]). F is the
/// number of features. Two patterns are equal where the length of the difference is at most
/// - `(4 (κ + λ) + F/4) 2^-53`: the rounding of the computation itself; or
/// - `(0.65 + 1.5 / √F) √(κ'² + λ'²) ε`, `ε` being 2^-24 for values in single precision and 2^-53 in double: more than the rounding of the
///   values makes of two multiples of one pattern. (Errors spread evenly over half a last digit have a root mean square of 0.29 to 0.58
///   `ε`; the more features, the closer to it is what they make together.) This is asked only of pairs that are a millionth as far apart
///   as patterns are from their mean. Where all patterns are nearly one, the last digits are all there is to judge by.
///
/// Euclidean distances need none of this: the difference of equal values is 0.
pub(crate) struct Equal {
    stretches: Vec<f64>,
    of_lengths: f64,
    of_values: f64,
    /// By the second rule no squared difference is larger.
    cap_by_values: f64,
    most: f64,
}

impl Equal {
    /// For patterns with this mean square of their distance from what they have in common.
    pub(crate) fn new<T: Real>(seen: &Seen<'_, T>, spread_squared: f64) -> Equal {
        let features = seen.patterns.features as f64;
        let stretches: Vec<f64> = seen.changes.iter().map(|change| change.stretch).collect();
        let mut equal = Equal {
            of_lengths: features / 4.0 * f64::ROUNDING,
            of_values: (0.65 + 1.5 / features.sqrt()).min(2.0_f64.sqrt()) * T::ROUNDING,
            cap_by_values: 1e-12 * spread_squared,
            most: 0.0,
            stretches,
        };
        let stretch = equal.stretches.iter().copied().fold(0.0, f64::max);
        equal.most = equal.by_computation(stretch, stretch).max(equal.by_values(stretch, stretch).min(equal.cap_by_values));
        equal
    }

    /// Of no equal patterns the difference has a larger squared length.
    pub(crate) fn most(&self) -> f64 {
        self.most
    }

    /// Are these equal, with this squared length of their difference?
    pub(crate) fn are<T: Real>(&self, seen: &Seen<'_, T>, i: usize, j: usize, squared: f64) -> bool {
        if squared > self.most {
            return false;
        }
        let (k, l) = (self.stretches[i], self.stretches[j]);
        let by_values = |k, l| squared <= self.cap_by_values && squared <= self.by_values(k, l);
        squared <= self.by_computation(k, l) || by_values(k, l) && by_values(seen.rounding_of_shape(i), seen.rounding_of_shape(j))
    }

    fn by_computation(&self, k: f64, l: f64) -> f64 {
        (4.0 * (k + l) * f64::ROUNDING + self.of_lengths).powi(2)
    }

    fn by_values(&self, k: f64, l: f64) -> f64 {
        (k * k + l * l) * self.of_values * self.of_values
    }
}

/// Gives each pattern the distances of the first one that it is equal to, so that what is equal ties everywhere.
pub(crate) fn tie_equal<O: Real>(upper: &mut [O], images: usize) {
    let first = first_equals(upper, images);
    if first.iter().enumerate().all(|(image, &first)| image == first) {
        return;
    }
    // Distances between first ones stay as they are, so others can be copied from them in any order.
    for i in 0..images {
        for j in i + 1..images {
            let (a, b) = (first[i], first[j]);
            if (a, b) != (i, j) {
                upper[position(images, i, j)] = if a == b { O::default() } else { upper[position(images, a, b)] };
            }
        }
    }
}

/// The first image that each is equal to: itself as a rule.
fn first_equals<O: Real>(upper: &[O], images: usize) -> Vec<usize> {
    let row = |i: usize| &upper[row_start(images, i)..row_start(images, i + 1)];
    let is_zero = |distance: &O| *distance == O::default();
    let rows: Vec<usize> = (0..images).into_par_iter().filter(|&i| row(i).iter().any(is_zero)).collect();
    let mut first: Vec<usize> = (0..images).collect();
    for i in rows {
        if first[i] == i {
            let equal = row(i).iter().enumerate().filter(|(_, distance)| is_zero(distance));
            equal.for_each(|(k, _)| first[i + 1 + k] = first[i + 1 + k].min(i));
        }
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_equal_has_the_distances_of_the_first() {
        // images 0, 2 and 3 are equal, though 2 and 3 were found to be a little apart
        let mut upper = [0.5, 0.0, 0.0, 0.7, 0.51, 0.52, 0.9, 1e-9, 0.71, 0.72];
        tie_equal(&mut upper, 5);
        assert_eq!(upper, [0.5, 0.0, 0.0, 0.7, 0.5, 0.5, 0.9, 0.0, 0.7, 0.7]);
    }
}
