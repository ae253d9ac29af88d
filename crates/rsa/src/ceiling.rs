//! How alike to healthy matrices anything can be, as unlike as these are among themselves.

use std::borrow::Cow;

use rayon::prelude::*;

use crate::{comparison::correlate, method::Method, ranking::Ranking, rdm::Rdm, real::Real, triangle::pairs};

/// How alike matrices of several subjects are to what they have in common: what [`noise_ceiling`] finds.
#[derive(Clone, Debug, PartialEq)]
pub struct NoiseCeiling {
    /// The mean similarity of each matrix with those of all others pooled. `None` where that of any is undefined, see [`Method`].
    pub lower: Option<f64>,
    /// The mean similarity of each matrix with all pooled, itself among them. `None` as for `lower`.
    pub upper: Option<f64>,
    /// Number of matrices.
    pub matrices: usize,
    /// Pairs of images that are defined in all matrices, and were compared.
    pub pairs_used: u64,
    /// Pairs of images left out because some matrix has no dissimilarity there.
    pub pairs_left_out: u64,
    /// How alike the matrices are by twos: 01, 02, …, 12, 13, …, row after row.
    pub between: Vec<Option<f64>>,
}

/// Why matrices have no noise ceiling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CeilingError {
    /// Fewer than two matrices.
    #[error("a noise ceiling is of the matrices of several subjects, two at least; here are {matrices}")]
    TooFewMatrices {
        /// Number of matrices.
        matrices: usize,
    },
    /// The matrices are not over the same images.
    #[error("matrix {matrix} (counted from 0) is over {images} images and the first over {first}; give matrices over the same")]
    DifferentImages {
        /// Which matrix, counted from 0.
        matrix: usize,
        /// Images of this matrix.
        images: usize,
        /// Images of the first.
        first: usize,
    },
}

/// The noise ceiling: how similar the matrix of a subject can be expected to be to the best of all models, given how much subjects
/// differ (Nili 2014). A similarity with healthy matrices says something only against this; where it lies between the bounds,
/// nothing tells it from another healthy subject's.
///
/// `upper = mean over i of s(R_i, pool of all)` is too high, because each matrix is part of the pool, which is fitted to all; `lower = mean over i of
/// s(R_i, pool of all but i)` is too low, because a pool of fewer matrices is noisier than the truth. Matrices are pooled as it suits the
/// method: with `s` the cosine the mean of the matrices, each divided by the root of its mean square; with Pearson's correlation
/// the mean of the z-scores; with rank correlations the mean of the ranks, tied ones sharing theirs. For rho-a, Pearson and the
/// cosine no other matrix has a higher mean similarity with all than this pool (Schütt 2023); for Spearman no other one without ties,
/// where the given ones have none. For the taus it is an approximation: the best matrix is a ranking that no one knows how to find
/// quickly, and the true upper bound is somewhat higher. (Package rsatoolbox pools likewise, and warns of it.)
///
/// Pairs of images that are undefined in any matrix are left out of all, and counted. With fewer than about five matrices both bounds are
/// themselves very uncertain, which a caller should say.
///
/// Cost: for m matrices, m (m + 3) / 2 comparisons, one after the other, each by all threads; and about 50 bytes for each pair of images.
///
/// # Errors
/// If there are fewer than two matrices, or they are not over the same number of images.
///
/// ```
/// use rsa::{Method, Rdm, noise_ceiling};
/// // Three subjects, four images: six pairs.
/// let subjects = [[0.1_f32, 0.9, 0.8, 0.7, 1.0, 0.2], [0.2, 0.8, 0.9, 0.6, 1.0, 0.1], [0.1, 0.7, 1.0, 0.9, 0.8, 0.3]];
/// let subjects = subjects.map(|upper| Rdm::from_condensed(upper.to_vec()).unwrap());
/// let ceiling = noise_ceiling(&subjects, Method::Spearman)?;
/// assert!(ceiling.lower < ceiling.upper && ceiling.upper < Some(1.0));
/// assert_eq!((ceiling.matrices, ceiling.pairs_used, ceiling.between.len()), (3, 6, 3));
/// # Ok::<(), rsa::CeilingError>(())
/// ```
pub fn noise_ceiling<T: Real>(matrices: &[Rdm<T>], method: Method) -> Result<NoiseCeiling, CeilingError> {
    let [first, _, ..] = matrices else { return Err(CeilingError::TooFewMatrices { matrices: matrices.len() }) };
    if let Some((matrix, other)) = matrices.iter().enumerate().find(|(_, other)| other.images() != first.images()) {
        return Err(CeilingError::DifferentImages { matrix, images: other.images(), first: first.images() });
    }
    let common = Common::of(matrices);

    let mut total = vec![0.0; common.used];
    for matrix in matrices {
        let part = part(&common.values(matrix), method);
        total.par_iter_mut().zip(part).for_each(|(total, part)| *total += part);
    }
    let (mut lower, mut upper) = (Vec::new(), Vec::new());
    for matrix in matrices {
        // its part of the pool is as good as the matrix itself: the method takes no notice of what was done to it
        let part = part(&common.values(matrix), method);
        upper.push(correlate(&part, &total, method));
        let others: Vec<f64> = total.par_iter().zip(&part).map(|(total, part)| total - part).collect();
        lower.push(correlate(&part, &others, method));
    }

    let mut between = Vec::with_capacity(pairs(matrices.len()));
    for (i, a) in matrices.iter().enumerate() {
        let a = common.values(a);
        between.extend(matrices[i + 1..].iter().map(|b| correlate(&a, &common.values(b), method)));
    }
    Ok(NoiseCeiling {
        lower: mean(lower),
        upper: mean(upper),
        matrices: matrices.len(),
        pairs_used: common.used as u64,
        pairs_left_out: (first.upper().len() - common.used) as u64,
        between,
    })
}

/// The pairs of images that are defined in all matrices.
struct Common {
    used: usize,
    /// Of each pair whether it is; `None` where all are.
    defined: Option<Vec<bool>>,
}

impl Common {
    fn of<T: Real>(matrices: &[Rdm<T>]) -> Common {
        let mut defined = vec![true; matrices[0].upper().len()];
        for matrix in matrices {
            defined.par_iter_mut().zip(matrix.upper()).for_each(|(defined, value)| *defined &= !value.is_undefined());
        }
        let used = defined.par_iter().filter(|&&defined| defined).count();
        Common { used, defined: (used < defined.len()).then_some(defined) }
    }

    fn values<'a, T: Real>(&self, matrix: &'a Rdm<T>) -> Cow<'a, [T]> {
        match &self.defined {
            None => Cow::Borrowed(matrix.upper()),
            Some(defined) => {
                let values = matrix.upper().iter().zip(defined).filter(|(_, defined)| **defined);
                Cow::Owned(values.map(|(&value, _)| value).collect())
            }
        }
    }
}

/// What a matrix adds to the pool. All zeros where it has nothing to say: all its values are equal or, for the cosine, 0.
fn part<T: Real>(values: &[T], method: Method) -> Vec<f64> {
    match method {
        Method::TauB | Method::TauA | Method::RhoA | Method::Spearman => {
            // whole numbers, so that pools tie where they should
            let keys = T::keys(values);
            Ranking::of(&keys).ranks(&keys).into_par_iter().map(f64::from).collect()
        }
        Method::Pearson => {
            let least = ends(values)[0];
            let mut shares = of_size_1(values.par_iter().map(|&value| value.into() / 2.0 - least / 2.0).collect());
            let mean = sum(&shares, |share| share) / shares.len() as f64;
            shares.par_iter_mut().for_each(|share| *share -= mean);
            by_root_mean_square(shares)
        }
        Method::Cosine => by_root_mean_square(of_size_1(values.par_iter().map(|&value| value.into()).collect())),
    }
}

/// In parts of the largest, so that no square is out of range.
fn of_size_1(mut values: Vec<f64>) -> Vec<f64> {
    let [least, most] = ends(&values);
    let largest = most.max(-least);
    if largest > 0.0 {
        values.par_iter_mut().for_each(|value| *value /= largest);
    }
    values
}

fn by_root_mean_square(mut values: Vec<f64>) -> Vec<f64> {
    let root = (sum(&values, |value| value * value) / values.len() as f64).sqrt();
    if root > 0.0 {
        values.par_iter_mut().for_each(|value| *value /= root);
    }
    values
}

/// The least and the largest.
fn ends<T: Real>(values: &[T]) -> [f64; 2] {
    let both = values.par_iter().map(|&value| [value.into(); 2]);
    both.reduce(|| [f64::INFINITY, f64::NEG_INFINITY], |a: [f64; 2], b| [a[0].min(b[0]), a[1].max(b[1])])
}

/// The sum of `term(value)`: pieces are added up in their order, whoever formed them.
fn sum(values: &[f64], term: impl Fn(f64) -> f64 + Sync) -> f64 {
    let pieces: Vec<f64> = values.par_chunks(1 << 14).map(|piece| piece.iter().map(|&value| term(value)).sum()).collect();
    pieces.iter().sum()
}

/// A mean over all subjects, or none: never over those that happen to be defined.
fn mean(similarities: Vec<Option<f64>>) -> Option<f64> {
    let count = similarities.len() as f64;
    similarities.into_iter().sum::<Option<f64>>().map(|sum| sum / count)
}
