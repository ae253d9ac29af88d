//! How unlike two patterns are, in four senses.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The distance between two patterns `a` and `b`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Distance {
    /// `1 - r`, with Pearson's correlation `r` of the two patterns over their features; from 0 (same shape) over 1 (unrelated)
    /// to 2 (opposite). A constant pattern has none. Kriegeskorte 2008.
    #[default]
    Correlation,
    /// `1 - a·b / (|a| |b|)`, from 0 to 2: as correlation, but the patterns are not centred. A zero pattern has none.
    Cosine,
    /// `|a - b|`, the length of the difference.
    Euclidean,
    /// `|a - b|²`.
    SquaredEuclidean,
}

impl Distance {
    /// All of them.
    pub const ALL: [Distance; 4] = [Distance::Correlation, Distance::Cosine, Distance::Euclidean, Distance::SquaredEuclidean];
}

impl fmt::Display for Distance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Distance::Correlation => "correlation",
            Distance::Cosine => "cosine",
            Distance::Euclidean => "euclidean",
            Distance::SquaredEuclidean => "squared-euclidean",
        })
    }
}
