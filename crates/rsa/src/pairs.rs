//! The distances of all pairs of patterns.
//!
//! All four are made of one thing: the squared length of the difference of two patterns as the distance [sees](Seen) them. That is formed
//! in one of three ways.
//!
//! - **Whole numbers**: products of whole numbers are exact even in single precision; so is then all that follows.
//! - **Differences** in double precision, for all pairs where this costs little or the result is wanted in double precision.
//! - **Products** in single precision, `|a|² + |b|² - 2 a·b`, of what distinguishes the patterns from what they have in common. That
//!   the common part goes first is what counts: a heavily injured network answers all images nearly alike, and errors are now
//!   relative to the spread of the patterns, not to their length. Pairs much closer than the spread are taken again by differences.

use rayon::prelude::*;

use crate::{
    distance::Distance,
    equal::{Equal, tie_equal},
    panels::Panels,
    patterns::{Patterns, PatternsError},
    product::upper_of,
    real::Real,
    seen::Seen,
    triangle::position,
    whole::{self, Exact},
};

/// Up to so many differences (pairs x features) cost less than a tenth of a second, and all pairs are taken by them.
const LITTLE: usize = 1 << 30;

/// So few features cost no more than what else is done for each pair.
const FEW: usize = 16;

/// Where a squared distance is less than this share of the squared lengths it is a difference of, rounding would show, and it is
/// computed from the values themselves.
const CLOSE: f64 = 0.01;

/// The same where its root is wanted, in which rounding shows earlier.
const CLOSE_FOR_A_ROOT: f64 = 0.1;

/// Values whose squares are smaller than this beside a mean square of 1 have products that single precision does not hold.
const TOO_SMALL: f64 = 1e-30;

/// Squares below this have lost digits, or are 0 for what is not.
const TINY: f64 = 1e-280;

impl Distance {
    /// The distances of all pairs i < j, row after row, undefined ones included; and the images that have none to any other.
    pub(crate) fn upper<T: Real, O: Real>(self, patterns: Patterns<'_, T>) -> Result<(Vec<O>, Vec<usize>), PatternsError> {
        let seen = Seen::by(self, patterns);
        let nothing = seen.nothing();
        let whole = whole::largest(patterns);
        let mut upper = match whole.and_then(|largest| Exact::of(patterns, largest)) {
            Some(exact) => exact.upper(self),
            None => self.of_any(&seen, whole.is_some_and(|largest| self.is_exact_by_differences(patterns.features, largest))),
        };
        for &image in &nothing {
            let others = (0..patterns.images).filter(|&other| other != image);
            others.for_each(|other| upper[position(patterns.images, image, other)] = O::UNDEFINED);
        }
        if matches!(self, Distance::Correlation | Distance::Cosine) {
            tie_equal(&mut upper, patterns.images);
        }
        check_range(&upper)?;
        Ok((upper, nothing))
    }

    /// Differences of larger whole numbers are exact as well, as long as a double holds the sum of their squares.
    fn is_exact_by_differences(self, features: usize, largest: f64) -> bool {
        let is_euclidean = matches!(self, Distance::Euclidean | Distance::SquaredEuclidean);
        is_euclidean && features as f64 * (2.0 * largest).powi(2) <= 2.0_f64.powi(53)
    }

    fn of_any<T: Real, O: Real>(self, seen: &Seen<'_, T>, by_differences: bool) -> Vec<O> {
        let mean = seen.mean_pattern();
        let spread_squared = seen.spread_squared(&mean);
        let equal = Equal::new(seen, spread_squared);
        if by_differences || O::ROUNDING < f32::ROUNDING || cost_little(seen.patterns.images, seen.patterns.features) {
            self.by_differences(seen, &equal)
        } else {
            self.by_products(seen, &equal, &mean, spread_squared)
        }
    }

    fn by_differences<T: Real, O: Real>(self, seen: &Seen<'_, T>, equal: &Equal) -> Vec<O> {
        let panels: Panels<f64> = Panels::of_images(seen, |_, value| value);
        upper_of(&panels, kernels::add_panel_squared_differences, |i, first, squares, kept: &mut [O]| {
            let pairs = (first..).zip(squares);
            kept.iter_mut().zip(pairs).for_each(|(kept, (j, &squared))| *kept = self.of_pair(seen, equal, i, j, squared));
        })
    }

    /// Panels hold what is left of the patterns without what they have in common, scaled so that its mean square is 1.
    fn by_products<T: Real, O: Real>(self, seen: &Seen<'_, T>, equal: &Equal, mean: &[f64], spread_squared: f64) -> Vec<O> {
        let root_mean_square = (spread_squared / seen.patterns.features as f64).sqrt();
        let scale = if root_mean_square > 0.0 { root_mean_square } else { 1.0 };
        let per_scale = 1.0 / scale;
        let panels: Panels<f32> = Panels::of_images(seen, |feature, value| ((value - mean[feature]) * per_scale) as f32);
        let lengths = panels.squared_lengths();
        let products = Products { seen, equal, panels, lengths, distance: self };
        let length = scale / seen.unit;
        match self {
            Distance::Correlation | Distance::Cosine => {
                products.upper(CLOSE, scale, |squared| at_most_2(squared * scale * scale / 2.0))
            }
            Distance::Euclidean => products.upper(CLOSE_FOR_A_ROOT, scale, |squared| squared.sqrt() * length),
            Distance::SquaredEuclidean => products.upper(CLOSE, scale, |squared| squared * length * length),
        }
    }

    /// The distance, from the squared length of the difference of two patterns as they are seen.
    fn of_pair<T: Real, O: Real>(self, seen: &Seen<'_, T>, equal: &Equal, i: usize, j: usize, squared: f64) -> O {
        let length = || if squared < TINY { seen.length_of_tiny_difference(i, j) } else { squared.sqrt() / seen.unit };
        O::nearest(match self {
            Distance::Correlation | Distance::Cosine if equal.are(seen, i, j, squared) => 0.0,
            Distance::Correlation | Distance::Cosine => at_most_2(squared / 2.0),
            Distance::Euclidean => length(),
            Distance::SquaredEuclidean if seen.unit == 1.0 && squared >= TINY => squared,
            Distance::SquaredEuclidean => square(length()),
        })
    }
}

/// What distances are made of where they are formed by products in single precision.
struct Products<'a, T> {
    seen: &'a Seen<'a, T>,
    equal: &'a Equal,
    panels: Panels<f32>,
    /// Squared lengths of the vectors in the panels.
    lengths: Vec<f64>,
    distance: Distance,
}

impl<T: Real> Products<'_, T> {
    /// `distance(squared difference)` of all pairs of vectors, which are in units of `scale`; of pairs that are closer than a `close` share of
    /// their squared lengths, or perhaps equal, by the difference of the patterns.
    fn upper<O: Real>(&self, close: f64, scale: f64, distance: impl Fn(f64) -> f64 + Sync) -> Vec<O> {
        let perhaps_equal = self.equal.most() / scale / scale;
        let too_small = TOO_SMALL * self.panels.depth as f64;
        upper_of(&self.panels, f32::ADD_PRODUCTS, |i, first, products, kept: &mut [O]| {
            let lengths = &self.lengths[first..first + products.len()];
            let of_pair = |product: &f64, length: &f64| {
                let together = self.lengths[i] + length;
                let squared = together - 2.0 * product;
                (squared, squared <= (close * together).max(perhaps_equal) || together < too_small)
            };
            // first as if none were close, which vector instructions can do
            let mut any_close = false;
            for ((kept, product), length) in kept.iter_mut().zip(products).zip(lengths) {
                let (squared, is_close) = of_pair(product, length);
                any_close |= is_close;
                *kept = O::nearest(distance(squared));
            }
            if any_close {
                for ((j, kept), (product, length)) in (first..).zip(kept).zip(products.iter().zip(lengths)) {
                    if of_pair(product, length).1 {
                        *kept = self.of_close_pair(i, j);
                    }
                }
            }
        })
    }

    fn of_close_pair<O: Real>(&self, i: usize, j: usize) -> O {
        if self.seen.are_the_same(i, j) {
            return O::default();
        }
        self.distance.of_pair(self.seen, self.equal, i, j, self.seen.squared_difference(i, j))
    }
}

/// What rounding takes past 2 is 2; what is no number stays so.
fn at_most_2(distance: f64) -> f64 {
    if distance > 2.0 { 2.0 } else { distance }
}

/// The square, but not 0 for what is not 0.
fn square(length: f64) -> f64 {
    if length == 0.0 { 0.0 } else { (length * length).max(f64::from_bits(1)) }
}

/// Whether all pairs can be taken by their differences at little cost.
fn cost_little(images: usize, features: usize) -> bool {
    features <= FEW || images.saturating_mul(images) / 2 <= LITTLE / features
}

/// That all distances are in the range of their numbers.
fn check_range<O: Real>(upper: &[O]) -> Result<(), PatternsError> {
    let [far, near] = upper
        .par_chunks(1 << 14)
        .map(|distances| {
            let ends = |[far, near]: [bool; 2], d: f64| [far | (d > O::LARGEST), near | (d > 0.0 && d < O::SMALLEST)];
            distances.iter().fold([false; 2], |found, &distance| ends(found, distance.into()))
        })
        .reduce(|| [false; 2], |a, b| [a[0] | b[0], a[1] | b[1]]);
    if far {
        return Err(PatternsError::TooFarApart { most: O::LARGEST });
    }
    if near {
        return Err(PatternsError::TooClose { least: O::SMALLEST });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::{correlate, method::Method};

    /// Patterns of so many images and features: a common one and, by `spread` of it, what is left of rank `rank`; some images twice.
    fn patterns() -> impl Strategy<Value = (Vec<f32>, usize)> {
        let shape = (20..90_usize, 17..200_usize, 0..8_i32, 1..6_usize);
        shape.prop_flat_map(|(images, features, spread, rank)| {
            let number = || -1.0..1.0_f64;
            let parts = (
                vec(number(), features),
                vec(number(), rank * features),
                vec(number(), images * rank),
                vec(0..images, images / 5),
            );
            parts.prop_map(move |(common, shapes, weights, again)| {
                let value = |image: usize, k: usize| {
                    let own: f64 = (0..rank).map(|r| weights[image * rank + r] * shapes[r * features + k]).sum();
                    (common[k] * 3.0 + 4.0 + 10.0_f64.powi(-spread) * own) as f32
                };
                let images = (0..images).chain(again);
                (images.flat_map(|image| (0..features).map(move |k| value(image, k)).collect::<Vec<_>>()).collect(), features)
            })
        })
    }

    /// What products in single precision say must be what differences in double precision say: within 1e-6 of the two patterns' mean
    /// squared distance from what all have in common (or its root, of a length), with the same ranks and ties.
    fn check(values: &[f32], features: usize) -> Result<(), TestCaseError> {
        let patterns = Patterns::check(values, features).expect("in order");
        for distance in [Distance::Euclidean, Distance::SquaredEuclidean, Distance::Correlation, Distance::Cosine] {
            let seen = Seen::by(distance, patterns);
            let mean = seen.mean_pattern();
            let spread_squared = seen.spread_squared(&mean);
            let equal = Equal::new(&seen, spread_squared);
            let products: Vec<f32> = distance.by_products(&seen, &equal, &mean, spread_squared);
            let differences: Vec<f64> = distance.of_any(&seen, true);
            let root = |squared: f64| if distance == Distance::Euclidean { squared.sqrt() } else { squared };
            let away = |image: usize| -> f64 {
                let values = patterns.pattern(image).iter().map(|&value| seen.changes[image].of(value.into()));
                values.zip(&mean).map(|(value, mean)| (value - mean).powi(2)).sum()
            };
            let away: Vec<f64> = (0..patterns.images).map(away).collect();
            let pairs = (0..patterns.images).flat_map(|i| (i + 1..patterns.images).map(move |j| (i, j)));
            for ((i, j), (ours, right)) in pairs.zip(products.iter().zip(&differences)) {
                let (error, spread) = ((f64::from(*ours) - right).abs(), root((away[i] + away[j]) / 2.0));
                prop_assert!(error <= 1e-6 * spread + 6e-8 * right, "{distance}: {ours} and {right}, spread {spread}");
            }
            let scale = root(spread_squared);
            // Closer than this, values of single precision are steps of their last digit, and distances tie by the thousand.
            let length = patterns.values.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / patterns.images as f64;
            if distance == Distance::Euclidean && spread_squared < 1e-11 * length {
                return Ok(());
            }
            // a matrix to compare with: the same images by other features
            let other: Vec<f64> =
                differences.iter().enumerate().map(|(k, d)| d / scale.max(1e-300) + (k * k % 97) as f64 / 50.0).collect();
            let doubled: Vec<f64> = products.iter().map(|&d| f64::from(d)).collect();
            let [a, b] = [&doubled, &differences].map(|matrix| correlate(matrix, &other, Method::TauB));
            prop_assert_eq!(a.is_some(), b.is_some());
            prop_assert!(a.zip(b).is_none_or(|(a, b)| (a - b).abs() < 1e-4), "{}: tau {:?} and {:?}", distance, a, b);
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn products_say_what_differences_say((values, features) in patterns()) {
            check(&values, features)?;
        }
    }

    /// One image far from all others, which are nearly one: neither the mean nor the spread says anything of these.
    #[test]
    fn one_image_far_from_all_others() {
        let noise = |k: usize| ((k * 7919 + k * k * 31) % 1009) as f32 / 1009.0;
        for apart in [1e-2, 1e-4, 1e-6] {
            let mut values: Vec<f32> = (0..60 * 50).map(|k| 1.0 + noise(k % 50) + apart * noise(k)).collect();
            values.extend((0..50).map(|k| 100.0 * noise(k + 13)));
            check(&values, 50).expect("as differences");
        }
    }
}
