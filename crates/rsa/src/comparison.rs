//! Comparing one reference matrix with many others.

use std::borrow::Cow;
use std::sync::OnceLock;

use rayon::prelude::*;

use crate::{
    kendall::{Counts, Zeros},
    method::{Method, Over},
    moments,
    ranking::Ranking,
    rdm::Rdm,
    real::Real,
    spearman::RankSums,
};

/// A reference matrix to be compared with many others.
///
/// What a method needs of it, the order of its pairs with their ties, or their ranks, is found when first asked for, and kept.
#[derive(Clone, Debug)]
pub struct Prepared<T: Real = f32> {
    rdm: Rdm<T>,
    ranking: OnceLock<Ranked<T>>,
    ranks: OnceLock<Vec<i32>>,
}

/// The order of a matrix's pairs; and what it was found by, unless that are the dissimilarities themselves.
#[derive(Clone, Debug)]
struct Ranked<T: Real> {
    ranking: Ranking,
    keys: Option<Vec<T::Key>>,
}

/// How alike two matrices are, and on how many pairs of images that rests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Similarity {
    /// From -1 to 1; `None` where it is undefined, see [`Method`].
    pub value: Option<f64>,
    /// Pairs of images that are defined in both matrices, and were compared.
    pub pairs_used: u64,
    /// Pairs left out because either matrix has no dissimilarity there.
    pub pairs_left_out: u64,
}

impl<T: Real> Prepared<T> {
    /// Takes a reference matrix. Costs nothing yet; see [`Prepared::prepare`].
    pub fn new(rdm: Rdm<T>) -> Prepared<T> {
        Prepared { rdm, ranking: OnceLock::new(), ranks: OnceLock::new() }
    }

    /// Finds now what a method needs, in place of at the first comparison.
    ///
    /// Cost for n pairs: O(n). For a tau, 4 bytes for each pair to keep; for Spearman and rho-a, 4 bytes to keep and 8 more
    /// meanwhile; for Pearson and cosine, nothing.
    pub fn prepare(&self, method: Method) {
        match method {
            Method::TauB | Method::TauA => _ = self.ranked(),
            Method::RhoA | Method::Spearman => _ = self.ranks(),
            Method::Pearson | Method::Cosine => {}
        }
    }

    /// The reference matrix.
    pub fn rdm(&self) -> &Rdm<T> {
        &self.rdm
    }

    /// Compares `other` with the reference, over the pairs that are defined in both.
    ///
    /// Cost for n pairs: O(n), and meanwhile 8 bytes for each pair for a tau, 12 for Spearman and rho-a; where these two leave out pairs
    /// that are defined in the reference, its ranks have to be found anew. Nothing of note for Pearson and cosine.
    ///
    /// # Panics
    /// If the matrices are not over the same number of images.
    pub fn similarity(&self, other: &Rdm<T>, method: Method) -> Similarity {
        self.similarity_over(other, method, Over::Triangle)
    }

    /// As [`Prepared::similarity`], over the entries that `over` says. Pairs of images are counted once in any case.
    ///
    /// # Panics
    /// If the matrices are not over the same number of images, or the method does not [allow](Method::allows) these entries.
    pub fn similarity_over(&self, other: &Rdm<T>, method: Method, over: Over) -> Similarity {
        assert_eq!(self.rdm.images(), other.images(), "the matrices must be over the same images");
        assert!(method.allows(over), "{method} is taken over the triangle only");
        let (x, y) = (self.rdm.upper(), other.upper());
        let (value, pairs_used) = match method {
            Method::TauB | Method::TauA => {
                let Ranked { ranking, keys } = self.ranked();
                let counts = Counts::of(ranking, keys.as_deref().map_or_else(|| T::keys(x), Cow::Borrowed).as_ref(), &T::keys(y));
                let entries = match over {
                    Over::Triangle => counts,
                    Over::FullMatrix => counts.over_full_matrix(self.speaking_in_both(other), Zeros::of(x, y)),
                };
                (if method == Method::TauA { entries.tau_a() } else { entries.tau_b() }, counts.values)
            }
            Method::RhoA | Method::Spearman => {
                let used = defined_in_both(x, y);
                let sums = self.rank_sums(y, used);
                (if method == Method::RhoA { sums.rho_a() } else { sums.spearman() }, used)
            }
            Method::Pearson => (moments::pearson(x, y), defined_in_both(x, y)),
            Method::Cosine => (moments::cosine(x, y), defined_in_both(x, y)),
        };
        Similarity { value, pairs_used, pairs_left_out: y.len() as u64 - pairs_used }
    }

    // Both are found before the cell is locked: a thread that waits for others to help may meanwhile take on work that asks for the same,
    // and would wait for itself.

    fn ranked(&self) -> &Ranked<T> {
        if let Some(ranked) = self.ranking.get() {
            return ranked;
        }
        let keys = T::keys(self.rdm.upper());
        let ranking = Ranking::of(&keys);
        let keys = if let Cow::Owned(keys) = keys { Some(keys) } else { None };
        self.ranking.get_or_init(|| Ranked { ranking, keys })
    }

    fn ranks(&self) -> &[i32] {
        if let Some(ranks) = self.ranks.get() {
            return ranks;
        }
        let ranks = ranks(self.rdm.upper());
        self.ranks.get_or_init(|| ranks)
    }

    /// Ranks are among the pairs that are compared; so those of the reference can be used only if they are of the same pairs.
    fn rank_sums(&self, y: &[T], used: u64) -> RankSums {
        let x = self.rdm.upper();
        if x.par_iter().zip(y).all(|(x, y)| x.is_undefined() == y.is_undefined()) {
            return RankSums::of(self.ranks(), &ranks(y), used);
        }
        RankSums::of(&ranks(&where_defined(x, y)), &ranks(&where_defined(y, x)), used)
    }

    /// Number of images that have dissimilarities in both matrices; an image that has none is not alike to itself either.
    fn speaking_in_both(&self, other: &Rdm<T>) -> u64 {
        let silent = |image: &usize| self.rdm.constant().contains(image) || other.constant().contains(image);
        (0..other.images()).filter(|image| !silent(image)).count() as u64
    }
}

/// How alike two sequences are by the given method, as [`Prepared::similarity`] of the upper triangles of two matrices.
///
/// `None` where it is undefined, see [`Method`]. `0.0` and `-0.0` are tied. For the rank correlations counts and sums are exact
/// integers, and only the last operations round.
///
/// Cost: O(n) operations, and about 12 bytes for each value (16 for Spearman and rho-a).
///
/// ```
/// use rsa::{Method, correlate};
/// // 3 couples: two are ranked alike by both, one is tied in x.
/// assert_eq!(correlate(&[1.0, 1.0, 2.0], &[5.0, 6.0, 7.0], Method::TauA), Some(2.0 / 3.0));
/// assert_eq!(correlate(&[1.0, 1.0, 2.0], &[5.0, 6.0, 7.0], Method::TauB), Some(2.0 / f64::sqrt(2.0 * 3.0)));
/// assert_eq!(correlate(&[1.0, 1.0, 1.0], &[5.0, 6.0, 7.0], Method::TauB), None);
/// // Ranks 1.5, 1.5, 3 and 1, 2, 3.
/// assert_eq!(correlate(&[1.0, 1.0, 2.0], &[5.0, 6.0, 7.0], Method::Spearman), Some(3.0 / f64::sqrt(3.0 * 4.0)));
/// ```
///
/// # Panics
/// If the sequences differ in length, hold NaN, or, for the rank correlations, have 2^31 values or more.
pub fn correlate<T: Real>(x: &[T], y: &[T], method: Method) -> Option<f64> {
    assert_eq!(x.len(), y.len(), "the sequences differ in length");
    assert!(!x.iter().chain(y).any(|value| value.is_undefined()), "NaN has no rank");
    match method {
        Method::TauB => counts(x, y).tau_b(),
        Method::TauA => counts(x, y).tau_a(),
        Method::Spearman => RankSums::of(&ranks(x), &ranks(y), x.len() as u64).spearman(),
        Method::RhoA => RankSums::of(&ranks(x), &ranks(y), x.len() as u64).rho_a(),
        Method::Pearson => moments::pearson(x, y),
        Method::Cosine => moments::cosine(x, y),
    }
}

fn counts<T: Real>(x: &[T], y: &[T]) -> Counts {
    let (x, y) = (T::keys(x), T::keys(y));
    Counts::of(&Ranking::of(&x), &x, &y)
}

fn ranks<T: Real>(values: &[T]) -> Vec<i32> {
    let keys = T::keys(values);
    Ranking::of(&keys).ranks(&keys)
}

fn defined_in_both<T: Real>(x: &[T], y: &[T]) -> u64 {
    x.par_iter().zip(y).filter(|(x, y)| !x.is_undefined() && !y.is_undefined()).count() as u64
}

/// `values`, but undefined where `other` is.
fn where_defined<T: Real>(values: &[T], other: &[T]) -> Vec<T> {
    values.par_iter().zip(other).map(|(&value, other)| if other.is_undefined() { T::UNDEFINED } else { value }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Five patterns of four features, none like another; those listed are made constant.
    fn rdm(constant: &[usize]) -> Rdm {
        let mut patterns =
            [[1.0, 2.0, 4.0, 8.0], [3.0, 1.0, 2.0, 9.0], [9.0, 1.0, 7.0, 3.0], [5.0, 6.0, 0.0, 0.0], [1.0, 0.0, 0.0, 2.0]];
        constant.iter().for_each(|&image| patterns[image] = [2.0; 4]);
        Rdm::correlation(&patterns.concat(), 4)
    }

    #[track_caller]
    fn check(reference: &[usize], other: &[usize], want: (Option<f64>, u64, u64)) {
        for method in [Method::TauB, Method::TauA] {
            let s = Prepared::new(rdm(reference)).similarity(&rdm(other), method);
            assert_eq!((s.value, s.pairs_used, s.pairs_left_out), want, "{method}");
        }
    }

    #[test]
    fn pairs_undefined_in_either_are_left_out_of_both() {
        check(&[], &[], (Some(1.0), 10, 0));
        check(&[], &[1], (Some(1.0), 6, 4));
        check(&[1], &[], (Some(1.0), 6, 4));
        check(&[1], &[1], (Some(1.0), 6, 4));
        check(&[1], &[3], (Some(1.0), 3, 7));
        check(&[0, 1], &[3], (None, 1, 9));
        check(&[], &[0, 1, 2, 3, 4], (None, 0, 10));
    }

    #[test]
    fn fewer_than_two_pairs_have_no_ranking() {
        for images in 0..3 {
            let patterns = [[1.0, 2.0, 4.0], [3.0, 1.0, 2.0]][..images.min(2)].concat();
            let reference = Prepared::new(Rdm::correlation(&patterns, 3));
            let similarity = reference.similarity(reference.rdm(), Method::TauB);
            assert_eq!(similarity.value, None, "{images} images");
        }
    }

    #[test]
    #[should_panic(expected = "same images")]
    fn matrices_over_different_images_are_refused() {
        Prepared::new(rdm(&[])).similarity(&Rdm::correlation(&[1.0, 2.0, 2.0, 1.0], 2), Method::TauB);
    }
}
