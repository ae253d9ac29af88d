//! Kendall's rank correlation, counted exactly (Kendall 1938, 1945; Knight 1966).

use std::fmt;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::exchanges;

/// Which rank correlation. They differ in what ties do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Kendall's tau-b (1945): concordant minus discordant couples over the geometric mean of the couples untied in
    /// either sequence. 1 means the same ranking, ties included. Undefined where either sequence is tied throughout.
    TauB,
    /// Kendall's tau-a (1938): concordant minus discordant couples over all couples. Ties keep it from reaching 1; a
    /// sequence that is tied throughout gives 0. For comparing models of which some predict ties (Nili 2014).
    TauA,
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Method::TauB => "tau-b",
            Method::TauA => "tau-a",
        })
    }
}

/// Kendall's tau of two sequences, from -1 (reversed) to 1 (same ranking).
///
/// `None` where it is undefined: fewer than two values, or, for tau-b, a sequence whose values are all equal. Counts are
/// exact integers; only the last division rounds. `0.0` and `-0.0` are tied.
///
/// Cost: O(n log n) and about 20 bytes for each value.
///
/// ```
/// use rsa::{Method, kendall};
/// // 3 couples: one is ranked alike by both, one is tied in x, one is ranked alike.
/// assert_eq!(kendall(&[1.0, 1.0, 2.0], &[5.0, 6.0, 7.0], Method::TauA), Some(2.0 / 3.0));
/// assert_eq!(kendall(&[1.0, 1.0, 2.0], &[5.0, 6.0, 7.0], Method::TauB), Some(2.0 / f64::sqrt(2.0 * 3.0)));
/// assert_eq!(kendall(&[1.0, 1.0, 1.0], &[5.0, 6.0, 7.0], Method::TauB), None);
/// ```
///
/// # Panics
/// If the sequences differ in length, hold NaN, or have more than 2^32 - 1 values.
pub fn kendall(x: &[f32], y: &[f32], method: Method) -> Option<f64> {
    assert!(!x.iter().chain(y).any(|value| value.is_nan()), "NaN has no rank");
    Ranking::of(x).against(y).tau(method)
}

/// The places of a sequence in the order of its values. Undefined (NaN) values have no place in it.
///
/// Each entry packs the rank key of a value (high 32 bits) with its place (low), so that sorting entries sorts places.
#[derive(Clone, Debug)]
pub(crate) struct Ranking {
    values: usize,
    entries: Vec<u64>,
}

impl Ranking {
    /// Sorts a sequence. O(n log n), 8 bytes for each value.
    pub(crate) fn of(sequence: &[f32]) -> Ranking {
        assert!(u32::try_from(sequence.len()).is_ok(), "{} values are more than can be ranked", sequence.len());
        let entry = |(place, &value)| pack(key(value), place as u32);
        let mut entries: Vec<u64> = sequence.par_iter().enumerate().map(entry).collect();
        entries.retain(|&entry| high(entry) != UNDEFINED);
        entries.par_sort_unstable();
        Ranking { values: sequence.len(), entries }
    }

    /// Compares this ranking (x) with the values `y` at the same places; a place is used if it is defined in both.
    pub(crate) fn against(&self, y: &[f32]) -> Counts {
        assert_eq!(self.values, y.len(), "the sequences differ in length");

        // Both keys of each place, ordered by x, and where x is tied by y, so that ties in x need no exchanges.
        let mut keys: Vec<u64> = self.entries.par_iter().map(|&entry| pack(high(entry), key(y[low(entry) as usize]))).collect();
        keys.retain(|&keys| low(keys) != UNDEFINED);
        keys.par_chunk_by_mut(|a, b| high(*a) == high(*b)).for_each(<[u64]>::sort_unstable);
        let tied_in_x = tied_couples(&keys, |a, b| high(*a) == high(*b));
        let tied_in_both = tied_couples(&keys, |a, b| a == b);

        let mut y: Vec<u32> = keys.par_iter().map(|&keys| low(keys)).collect();
        drop(keys);
        let discordant = exchanges::sort(&mut y);
        let tied_in_y = tied_couples(&y, |a, b| a == b);
        Counts { values: y.len() as u64, tied_in_x, tied_in_y, tied_in_both, discordant }
    }
}

/// What two sequences of values say about the couples of places. With at most 2^32 values each count fits in 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Values compared, at most 2^32.
    pub(crate) values: u64,
    tied_in_x: u64,
    tied_in_y: u64,
    tied_in_both: u64,
    discordant: u64,
}

impl Counts {
    /// The counts over two whole square matrices of `images` rows, diagonal included, from those over their upper triangles:
    /// each value then stands twice, and `images` pairs of zeros are added. `zeros` of the values of the triangles are 0 in x,
    /// in y and in both. Holds for matrices without negative values.
    pub(crate) fn over_full_matrix(self, images: u64, zeros: [u64; 3]) -> Counts {
        let twice = |tied: u64, zeros: u64| 4 * tied + self.values + 2 * images * zeros + couples(images);
        Counts {
            values: 2 * self.values + images,
            tied_in_x: twice(self.tied_in_x, zeros[0]),
            tied_in_y: twice(self.tied_in_y, zeros[1]),
            tied_in_both: twice(self.tied_in_both, zeros[2]),
            discordant: 4 * self.discordant,
        }
    }

    /// Tau, or `None` where it is undefined.
    pub(crate) fn tau(&self, method: Method) -> Option<f64> {
        let couples = couples(self.values);
        let scale = match method {
            Method::TauA => couples as f64,
            // The root of a rounded square is exact, so equal rankings give exactly 1.
            Method::TauB => ((couples - self.tied_in_x) as f64 * (couples - self.tied_in_y) as f64).sqrt(),
        };
        (scale > 0.0).then(|| (self.concordant_minus_discordant() as f64 / scale).clamp(-1.0, 1.0))
    }

    fn concordant_minus_discordant(&self) -> i128 {
        let tied_in_any = i128::from(self.tied_in_x) + i128::from(self.tied_in_y) - i128::from(self.tied_in_both);
        i128::from(couples(self.values)) - tied_in_any - 2 * i128::from(self.discordant)
    }
}

/// Number of couples of `n` things, n at most 2^32.
fn couples(n: u64) -> u64 {
    n * n.saturating_sub(1) / 2
}

/// Number of couples in the runs of equal entries.
fn tied_couples<T: Sync>(sorted: &[T], equal: impl Fn(&T, &T) -> bool + Send + Sync) -> u64 {
    sorted.par_chunk_by(equal).map(|run| couples(run.len() as u64)).sum()
}

/// The key of NaN. No other value has it: infinity comes well before.
const UNDEFINED: u32 = u32::MAX;

/// A key that orders as the value does: the bits of a negative number fall as it rises, those of a positive one rise.
fn key(value: f32) -> u32 {
    const SIGN: u32 = 1 << 31;
    let bits = value.to_bits();
    if value.is_nan() {
        UNDEFINED
    } else if value == 0.0 {
        SIGN // for both zeros
    } else if bits & SIGN == 0 {
        bits | SIGN
    } else {
        !bits
    }
}

fn pack(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

fn high(packed: u64) -> u32 {
    (packed >> 32) as u32
}

fn low(packed: u64) -> u32 {
    packed as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_order_as_values_do() {
        let tiny = f32::from_bits(1);
        let rising = [f32::NEG_INFINITY, f32::MIN, -1.5, -1.0, -tiny, 0.0, tiny, 1.0, 1.5, f32::MAX, f32::INFINITY, f32::NAN];
        assert!(rising.windows(2).all(|pair| key(pair[0]) < key(pair[1])));
        assert_eq!(key(-0.0), key(0.0));
        assert_eq!([key(-f32::NAN), key(f32::NAN)], [UNDEFINED; 2]);
    }

    #[test]
    fn the_most_values_do_not_overflow() {
        let values = u64::from(u32::MAX);
        let untied = Counts { values, tied_in_x: 0, tied_in_y: 0, tied_in_both: 0, discordant: 0 };
        let check = |counts: Counts, a, b| assert_eq!([counts.tau(Method::TauA), counts.tau(Method::TauB)], [a, b]);
        check(untied, Some(1.0), Some(1.0));
        check(Counts { discordant: couples(values), ..untied }, Some(-1.0), Some(-1.0));
        let all = couples(values);
        check(Counts { tied_in_x: all, tied_in_y: all, tied_in_both: all, ..untied }, Some(0.0), None);
        // One couple left untied, which both rank alike.
        check(
            Counts { tied_in_x: all - 1, tied_in_y: all - 1, tied_in_both: all - 1, ..untied },
            Some(1.0 / all as f64),
            Some(1.0),
        );
    }

    #[test]
    fn undefined_values_are_left_out() {
        let x = [1.0, f32::NAN, 2.0, 3.0, 4.0];
        let y = [1.0, 9.0, f32::NAN, 4.0, 3.0];
        let counts = Ranking::of(&x).against(&y);
        assert_eq!(counts, Counts { values: 3, tied_in_x: 0, tied_in_y: 0, tied_in_both: 0, discordant: 1 });
    }
}
