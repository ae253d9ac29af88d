//! Whole numbers, such as ratings, counts and the bytes of a picture: their distances are exact.

use rayon::prelude::*;

use crate::{distance::Distance, panels::Panels, patterns::Patterns, product::upper_of, real::Real, seen::Seen};

/// A run of so many products of numbers of this size has sums below 2^24, which single precision holds exactly.
const LARGEST: f64 = 256.0;

/// Products of variances of more features than these might be beyond 127 bits.
const MOST_FEATURES: usize = 1 << 20;

/// Values looked at in one go.
const PIECE: usize = 1 << 12;

/// Patterns of whole numbers up to 256 away from 0.
pub(crate) struct Exact {
    panels: Panels<f32>,
    features: i128,
    sums: Vec<i128>,
    squares: Vec<i128>,
}

/// How far from 0 the values reach, if all are whole numbers.
pub(crate) fn largest<T: Real>(patterns: Patterns<'_, T>) -> Option<f64> {
    let of_piece = |values: &[T]| {
        let whole = values.iter().all(|&value| value.into().fract() == 0.0);
        whole.then(|| values.iter().fold(0.0, |largest: f64, &value| largest.max(value.into().abs())))
    };
    let longer = |a: Option<f64>, b: Option<f64>| a.zip(b).map(|(a, b)| a.max(b));
    patterns.values.par_chunks(PIECE).map(of_piece).reduce(|| Some(0.0), longer)
}

impl Exact {
    /// If the patterns are of this kind, with values that reach so far from 0.
    pub(crate) fn of<T: Real>(patterns: Patterns<'_, T>, largest: f64) -> Option<Exact> {
        if largest > LARGEST || patterns.features > MOST_FEATURES {
            return None;
        }
        let as_is = Seen::by(Distance::Euclidean, patterns);
        let panels = Panels::of_images(&as_is, |_, value| value as f32);
        let [sums, squares] =
            [panels.sums(), panels.squared_lengths()].map(|all| all.into_iter().map(|sum| sum as i128).collect());
        Some(Exact { panels, features: patterns.features as i128, sums, squares })
    }

    /// The distances of all pairs i < j, row after row.
    pub(crate) fn upper<O: Real>(&self, distance: Distance) -> Vec<O> {
        let Exact { features, sums, squares, .. } = self;
        // Pearson's correlation without fractions: covariances and variances times F².
        let variances: Vec<i128> = squares.iter().zip(sums).map(|(square, sum)| features * square - sum * sum).collect();
        let of_pair = |i: usize, j: usize, product: f64| {
            let product = product as i128;
            match distance {
                Distance::Correlation => one_minus(features * product - sums[i] * sums[j], variances[i], variances[j]),
                Distance::Cosine => one_minus(product, squares[i], squares[j]),
                Distance::Euclidean => ((squares[i] + squares[j] - 2 * product) as f64).sqrt(),
                Distance::SquaredEuclidean => (squares[i] + squares[j] - 2 * product) as f64,
            }
        };
        upper_of(&self.panels, f32::ADD_PRODUCTS, |i, first, products, kept: &mut [O]| {
            let pairs = (first..).zip(products);
            kept.iter_mut().zip(pairs).for_each(|(kept, (j, &product))| *kept = O::nearest(of_pair(i, j, product)));
        })
    }
}

/// `1 - ab / sqrt(aa bb)`, rounded once, as it were: so that equal ratios, of whatever numbers, give equal distances. What a step rounds
/// away is found out and carried along (Dekker 1971).
fn one_minus(ab: i128, aa: i128, bb: i128) -> f64 {
    if aa == 0 || bb == 0 {
        return f64::NAN;
    }
    let square = aa * bb;
    if ab > 0 && ab * ab == square {
        return 0.0;
    }
    let of_whole = |number: i128| (number as f64, (number - number as f64 as i128) as f64);
    let (square, square_rest) = of_whole(square);
    let root = square.sqrt();
    let root_rest = ((-root).mul_add(root, square) + square_rest) / (2.0 * root);
    let (product, product_rest) = of_whole(ab);
    let ratio = product / root;
    let ratio_rest = ((-ratio).mul_add(root, product) + product_rest - ratio * root_rest) / root;
    let distance = 1.0 - ratio;
    let back = distance - 1.0;
    let distance_rest = (1.0 - (distance - back)) - (ratio + back);
    distance + (distance_rest - ratio_rest)
}
