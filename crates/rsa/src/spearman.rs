//! Correlations of ranks: Spearman's rho, and rho-a (Schütt 2023).

use rayon::prelude::*;

use crate::ranking::{NO_RANK, Ranking, place, runs};

/// Sums over the ranks of n values, in exact whole numbers. Ranks are centred and doubled, see [`Ranking::ranks`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RankSums {
    pub(crate) values: u64,
    xx: i128,
    xy: i128,
    yy: i128,
}

impl RankSums {
    /// From the ranks `x` of one sequence and the ranking of another. Both must be defined at the same places.
    pub(crate) fn of(x: &[i32], y: &Ranking) -> RankSums {
        let pieces = y.pieces().into_par_iter().map(|(start, order)| {
            let mut sums = RankSums { values: order.len() as u64, xx: 0, xy: 0, yy: 0 };
            let mut first = start;
            for run in runs(order) {
                let rank = i128::from(y.rank(first, run.len()));
                let (mut of_x, mut squares) = (0, 0);
                for &entry in run {
                    let x = x[place(entry)];
                    debug_assert_ne!(x, NO_RANK);
                    of_x += i64::from(x);
                    squares += i128::from(i64::from(x).pow(2));
                }
                sums.xx += squares;
                sums.xy += rank * i128::from(of_x);
                sums.yy += rank * rank * run.len() as i128;
                first += run.len();
            }
            sums
        });
        pieces.reduce(
            || RankSums { values: 0, xx: 0, xy: 0, yy: 0 },
            |a, b| RankSums { values: a.values + b.values, xx: a.xx + b.xx, xy: a.xy + b.xy, yy: a.yy + b.yy },
        )
    }

    /// Spearman's rho, or `None` where a sequence is tied throughout.
    pub(crate) fn spearman(&self) -> Option<f64> {
        // The root of a rounded square is exact, so equal rankings give exactly 1.
        let scale = (self.xx as f64 * self.yy as f64).sqrt();
        (scale > 0.0).then(|| (self.xy as f64 / scale).clamp(-1.0, 1.0))
    }

    /// Rho-a, or `None` for fewer than two values. With centred and doubled ranks `u` and `v`, `12 Σ r s / (n³-n) - 3 (n+1)/(n-1)`
    /// is `3 Σ u v / (n³-n)`.
    pub(crate) fn rho_a(&self) -> Option<f64> {
        let n = i128::from(self.values);
        (n > 1).then(|| (3 * self.xy) as f64 / (n * n * n - n) as f64)
    }
}
