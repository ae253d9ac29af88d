//! Comparing one reference matrix with many others.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    kendall::{Method, Ranking},
    rdm::Rdm,
};

/// A reference matrix whose pairs have been sorted once, to be compared with many others.
#[derive(Clone, Debug)]
pub struct Prepared {
    rdm: Rdm,
    ranking: Ranking,
}

/// Which entries of the two matrices are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Over {
    /// Each pair of images once.
    #[default]
    Triangle,
    /// The whole square matrices: each pair twice, and the diagonal of zeros. Some scripts flatten a matrix so; it adds about
    /// `2 (1 - tau) / (images + 1)` to tau-b.
    FullMatrix,
}

/// How alike two matrices rank the pairs of images, and on how many pairs that rests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Similarity {
    /// Rank correlation, from -1 to 1; `None` where it is undefined: fewer than two pairs used, or, for tau-b, all
    /// dissimilarities of a matrix tied.
    pub value: Option<f64>,
    /// Pairs of images that are defined in both matrices, and were compared.
    pub pairs_used: u64,
    /// Pairs left out because either matrix has a constant pattern there.
    pub pairs_left_out: u64,
}

impl Prepared {
    /// Sorts the pairs of a reference matrix. Cost: O(n log n) for n pairs, and 8 bytes more for each than the matrix.
    ///
    /// # Panics
    /// If the matrix has more than 92,682 images, which is more pairs than 32 bits can number.
    pub fn new(rdm: Rdm) -> Prepared {
        let ranking = Ranking::of(rdm.upper());
        Prepared { rdm, ranking }
    }

    /// The reference matrix.
    pub fn rdm(&self) -> &Rdm {
        &self.rdm
    }

    /// Compares `other` with the reference, over the pairs that are defined in both.
    ///
    /// Cost: O(n log n) for n pairs, and about 12 bytes for each meanwhile.
    ///
    /// # Panics
    /// If the matrices are not over the same number of images.
    pub fn similarity(&self, other: &Rdm, method: Method) -> Similarity {
        self.similarity_over(other, method, Over::Triangle)
    }

    /// As [`Prepared::similarity`], over the entries that `over` says. Pairs of images are counted once in any case.
    pub fn similarity_over(&self, other: &Rdm, method: Method, over: Over) -> Similarity {
        assert_eq!(self.rdm.images(), other.images(), "the matrices must be over the same images");
        let counts = self.ranking.against(other.upper());
        let (pairs, pairs_used) = (other.upper().len() as u64, counts.values);
        let counts = match over {
            Over::Triangle => counts,
            Over::FullMatrix => {
                let silent = |image: &usize| self.rdm.constant().contains(image) || other.constant().contains(image);
                let images = (0..other.images()).filter(|image| !silent(image)).count() as u64;
                counts.over_full_matrix(images, zeros(self.rdm.upper(), other.upper()))
            }
        };
        Similarity { value: counts.tau(method), pairs_used, pairs_left_out: pairs - pairs_used }
    }
}

/// How many of the pairs defined in both are 0 in x, in y and in both.
fn zeros(x: &[f32], y: &[f32]) -> [u64; 3] {
    let defined = x.par_iter().zip(y).filter(|(x, y)| !x.is_nan() && !y.is_nan());
    let each = defined.map(|(&x, &y)| [x == 0.0, y == 0.0, x == 0.0 && y == 0.0].map(u64::from));
    each.reduce(|| [0; 3], |a, b| [a[0] + b[0], a[1] + b[1], a[2] + b[2]])
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
