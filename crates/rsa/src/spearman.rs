//! Correlations of ranks: Spearman's rho, and rho-a (Schütt 2023).

use rayon::prelude::*;

/// Ranks summed by one thread at a time.
const PIECE: usize = 1 << 14;

/// Sums over the ranks of n values, in exact whole numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RankSums {
    values: u64,
    xx: i128,
    xy: i128,
    yy: i128,
}

impl RankSums {
    /// From centred and doubled ranks among `values` defined values, see [`Ranking::ranks`](crate::ranking::Ranking::ranks).
    pub(crate) fn of(x: &[i32], y: &[i32], values: u64) -> RankSums {
        let product = |a: i32, b: i32| i128::from(i64::from(a) * i64::from(b));
        let add = |a: [i128; 3], b: [i128; 3]| [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
        let of_piece = |(x, y): (&[i32], &[i32])| {
            let products = x.iter().zip(y).map(|(&x, &y)| [product(x, x), product(x, y), product(y, y)]);
            products.fold([0; 3], add)
        };
        let [xx, xy, yy] = x.par_chunks(PIECE).zip(y.par_chunks(PIECE)).map(of_piece).reduce(|| [0; 3], add);
        RankSums { values, xx, xy, yy }
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
