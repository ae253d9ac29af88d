//! How two matrices, or any two sequences, are compared.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How alike two sequences are. All but the cosine are correlations, from -1 (reversed) over 0 (unrelated) to 1 (alike); they
/// differ in what they take from the numbers, and in what ties do.
///
/// n is the number of values, `C` and `D` are the couples of places that both sequences rank alike and oppositely, of `n0 =
/// n(n-1)/2` couples, `n1` are tied in the one and `n2` in the other. Tied values share the mean of their ranks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Kendall's tau-b: `(C-D) / sqrt((n0-n1)(n0-n2))`. 1 means the same ranking, ties included. Undefined where either
    /// sequence is tied throughout. Kendall 1945.
    TauB,
    /// Kendall's tau-a: `(C-D) / n0`. Ties keep it from reaching 1; a sequence that is tied throughout gives 0. For
    /// comparing models of which some predict ties. Kendall 1938, Nili 2014.
    TauA,
    /// Rho-a: `12 Σ r s / (n³-n) - 3 (n+1)/(n-1)`, with the ranks `r` and `s` from 1 to n. The mean Spearman correlation where
    /// ties are broken at random; treats ties as tau-a does. Schütt 2023.
    RhoA,
    /// Spearman's rho: Pearson's correlation of the ranks. Undefined where either sequence is tied throughout. Spearman 1904.
    Spearman,
    /// Pearson's correlation of the values: `Σ (x-x̄)(y-ȳ) / sqrt(Σ (x-x̄)² Σ (y-ȳ)²)`. Undefined where all values of either are equal.
    Pearson,
    /// The cosine of the angle between the sequences: `Σ x y / sqrt(Σ x² Σ y²)`. Dissimilarities are positive, so it is seldom
    /// near 0. Undefined where all values of either are 0.
    Cosine,
}

impl Method {
    /// All of them.
    pub const ALL: [Method; 6] = [Method::TauB, Method::TauA, Method::RhoA, Method::Spearman, Method::Pearson, Method::Cosine];

    /// Whether the method can be asked of these entries. Only the taus can be taken [over the full
    /// matrix](Over::FullMatrix); the others, of the triangle alone.
    pub fn allows(self, over: Over) -> bool {
        over == Over::Triangle || matches!(self, Method::TauB | Method::TauA)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Method::TauB => "tau-b",
            Method::TauA => "tau-a",
            Method::RhoA => "rho-a",
            Method::Spearman => "spearman",
            Method::Pearson => "pearson",
            Method::Cosine => "cosine",
        })
    }
}

/// Which entries of the two matrices are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Over {
    /// Each pair of images once.
    #[default]
    Triangle,
    /// The whole square matrices: each pair twice, and the diagonal of zeros. Some scripts flatten a matrix so; it adds about
    /// `2 (1 - tau) / (images + 1)` to tau-b. For the taus only, see [`Method::allows`].
    FullMatrix,
}
