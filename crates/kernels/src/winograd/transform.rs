//! The one-dimensional transforms of three algorithms, each with its adjoint.

use crate::simd::Lanes;

/// The longest line that is transformed. A shorter one uses the first values and leaves the rest alone.
pub(crate) const SIDE: usize = 6;

/// A line of values, each of sixteen channels.
pub(crate) type Line<L> = [L; SIDE];

/// A square of values, each of sixteen channels.
pub(super) type Square<L> = [Line<L>; SIDE];

/// A small matrix that multiplies a line.
pub(crate) trait Linear {
    /// Its columns: the length of the line that it takes.
    const FROM: usize;
    /// Its rows: the length of the line that it gives.
    const TO: usize;
    /// Matrix times line.
    fn apply<L: Lanes>(x: Line<L>) -> Line<L>;
}

/// An algorithm for a filter of three taps, in one dimension: `y = Aᵀ [(G w) ⊙ (Bᵀ x)]`.
pub(crate) trait Transform: Sync + 'static {
    /// How many outputs a tile has on a side.
    const TILE: usize;
    /// How many inputs the patch of a tile has on a side.
    const PATCH: usize;
    /// How many products it takes.
    const POINTS: usize;
    /// How far the patch begins before its tile.
    const BEFORE: usize;
    /// The index, among `POINTS`² points, of the one where `A dY Aᵀ` is the sum of dY: the bias gradient falls off there.
    const SUM: usize;
    /// `Bᵀ` and `B`.
    type Patch: Linear;
    type PatchBack: Linear;
    /// `Aᵀ` and `A`.
    type Output: Linear;
    type OutputBack: Linear;
    /// `G` and `Gᵀ`.
    type Weight: Linear;
    type WeightBack: Linear;
}

/// Applies a matrix to the columns of a square, then to its rows: `F x Fᵀ`.
#[inline(always)]
pub(super) fn both_ways<L: Lanes, F: Linear>(x: &Square<L>) -> Square<L> {
    let zero = L::splat(0.0);
    let mut half = [[zero; SIDE]; SIDE];
    for column in 0..F::FROM {
        let mut line = [zero; SIDE];
        for row in 0..F::FROM {
            line[row] = x[row][column];
        }
        let line = F::apply(line);
        for row in 0..F::TO {
            half[row][column] = line[row];
        }
    }
    let mut result = [[zero; SIDE]; SIDE];
    for row in 0..F::TO {
        result[row] = F::apply(half[row]);
    }
    result
}

/// Defines a matrix by the formula of its product with a line.
macro_rules! linear {
    ($name:ident: $from:literal -> $to:literal, |$x:ident| $formula:block) => {
        pub(crate) struct $name;
        impl Linear for $name {
            const FROM: usize = $from;
            const TO: usize = $to;
            #[inline(always)]
            fn apply<L: Lanes>($x: Line<L>) -> Line<L> {
                let values: [L; $to] = $formula;
                let mut line = [L::splat(0.0); SIDE];
                line[..$to].copy_from_slice(&values);
                line
            }
        }
    };
}

#[inline(always)]
fn times<L: Lanes>(factor: f32, x: L) -> L {
    L::splat(factor) * x
}

/// `factor * x + y`
#[inline(always)]
fn plus<L: Lanes>(factor: f32, x: L, y: L) -> L {
    L::splat(factor).times_plus(x, y)
}

/// F(4×4, 3×3): 36 products for 16 outputs in place of 144. The points are 0, ±1, ±2 and infinity (Lavin & Gray 2016, §4.3).
///
/// Its error is about ten times that of a direct convolution, some 3e-6 of the outputs' root mean square.
pub(crate) struct Lavin;

impl Transform for Lavin {
    const TILE: usize = 4;
    const PATCH: usize = 6;
    const POINTS: usize = 6;
    const BEFORE: usize = 1;
    const SUM: usize = 7; // point 1 in both directions
    type Patch = LavinPatch;
    type PatchBack = LavinPatchBack;
    type Output = LavinOutput;
    type OutputBack = LavinOutputBack;
    type Weight = LavinWeight;
    type WeightBack = LavinWeightBack;
}

linear!(LavinPatch: 6 -> 6, |x| {
    let (a, b) = (plus(-4.0, x[2], x[4]), plus(-4.0, x[1], x[3]));
    let (c, d) = (x[4] - x[2], times(2.0, x[3] - x[1]));
    [plus(4.0, x[0], plus(-5.0, x[2], x[4])), a + b, a - b, c + d, c - d, plus(4.0, x[1], plus(-5.0, x[3], x[5]))]
});

linear!(LavinPatchBack: 6 -> 6, |v| {
    let (s, d) = (v[1] + v[2], v[1] - v[2]);
    let (t, e) = (v[3] + v[4], times(2.0, v[3] - v[4]));
    [
        times(4.0, v[0]),
        plus(4.0, v[5] - d, times(-1.0, e)),
        plus(-5.0, v[0], plus(-4.0, s, times(-1.0, t))),
        plus(-5.0, v[5], d + e),
        v[0] + (s + t),
        v[5],
    ]
});

linear!(LavinOutput: 6 -> 4, |m| {
    let (s, d) = (m[1] + m[2], m[1] - m[2]);
    let (t, e) = (m[3] + m[4], m[3] - m[4]);
    [m[0] + s + t, plus(2.0, e, d), plus(4.0, t, s), plus(8.0, e, d) + m[5]]
});

linear!(LavinOutputBack: 4 -> 6, |y| {
    let (a, b) = (y[0] + y[2], y[1] + y[3]);
    let (c, d) = (plus(4.0, y[2], y[0]), plus(8.0, y[3], times(2.0, y[1])));
    [y[0], a + b, a - b, c + d, c - d, y[3]]
});

linear!(LavinWeight: 3 -> 6, |w| {
    let (a, b) = (times(-1.0 / 6.0, w[0] + w[2]), times(1.0 / 6.0, w[1]));
    let (c, d) = (plus(1.0 / 24.0, w[0], times(1.0 / 6.0, w[2])), times(1.0 / 12.0, w[1]));
    [times(0.25, w[0]), a - b, a + b, c + d, c - d, w[2]]
});

linear!(LavinWeightBack: 6 -> 3, |u| {
    let (s, d) = (times(-1.0 / 6.0, u[1] + u[2]), times(1.0 / 6.0, u[2] - u[1]));
    let (t, e) = (u[3] + u[4], u[3] - u[4]);
    [
        plus(0.25, u[0], plus(1.0 / 24.0, t, s)),
        plus(1.0 / 12.0, e, d),
        plus(1.0 / 6.0, t, s) + u[5],
    ]
});

/// For maps of 2×2, which are all border: 9 products for 4 outputs, where F(2×2, 3×3) takes 16.
///
/// A side of two outputs, `y0 = w1 x0 + w2 x1` and `y1 = w0 x0 + w1 x1`, is a Toeplitz matrix times a vector, which takes three
/// products: `w1 (x0 + x1)`, `(w2 - w1) x1` and `(w0 - w1) x0`. Additions only around them, so it is as exact as a direct
/// convolution, and the transformed weights are as many as the weights.
pub(crate) struct Toeplitz;

impl Transform for Toeplitz {
    const TILE: usize = 2;
    const PATCH: usize = 2;
    const POINTS: usize = 3;
    const BEFORE: usize = 0;
    const SUM: usize = 0;
    type Patch = ToeplitzPatch;
    type PatchBack = ToeplitzPatchBack;
    type Output = ToeplitzOutput;
    type OutputBack = ToeplitzOutputBack;
    type Weight = ToeplitzWeight;
    type WeightBack = ToeplitzWeightBack;
}

linear!(ToeplitzPatch: 2 -> 3, |x| { [x[0] + x[1], x[1], x[0]] });
linear!(ToeplitzPatchBack: 3 -> 2, |v| { [v[0] + v[2], v[0] + v[1]] });
linear!(ToeplitzOutput: 3 -> 2, |m| { [m[0] + m[1], m[0] + m[2]] });
linear!(ToeplitzOutputBack: 2 -> 3, |y| { [y[0] + y[1], y[0], y[1]] });
linear!(ToeplitzWeight: 3 -> 3, |w| { [w[1], w[2] - w[1], w[0] - w[1]] });
linear!(ToeplitzWeightBack: 3 -> 3, |u| { [u[2], u[0] - (u[1] + u[2]), u[1]] });

/// For maps of one pixel: only the tap in the centre meets anything but border.
pub(crate) struct Centre;

impl Transform for Centre {
    const TILE: usize = 1;
    const PATCH: usize = 1;
    const POINTS: usize = 1;
    const BEFORE: usize = 0;
    const SUM: usize = 0;
    type Patch = Same;
    type PatchBack = Same;
    type Output = Same;
    type OutputBack = Same;
    type Weight = CentreWeight;
    type WeightBack = CentreWeightBack;
}

linear!(Same: 1 -> 1, |x| { [x[0]] });
linear!(CentreWeight: 3 -> 1, |w| { [w[1]] });
linear!(CentreWeightBack: 1 -> 3, |u| { [L::splat(0.0), u[0], L::splat(0.0)] });

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::{BLOCK, Simd, Work};
    use std::marker::PhantomData;

    /// The matrix of a `Linear`, column by column from the unit vectors: `[row][column]`.
    struct Matrix<F>(PhantomData<F>);

    impl<F: Linear> Work for Matrix<F> {
        type Output = Vec<Vec<f32>>;
        #[inline(always)]
        fn run<L: Lanes>(self) -> Self::Output {
            let mut matrix = vec![vec![0.0; F::FROM]; F::TO];
            for column in 0..F::FROM {
                let mut unit = [L::splat(0.0); SIDE];
                unit[column] = L::splat(1.0);
                let product = F::apply(unit);
                for row in 0..F::TO {
                    let mut lanes = [0.0f32; BLOCK];
                    // SAFETY: there is room for sixteen.
                    unsafe { product[row].store(lanes.as_mut_ptr()) };
                    matrix[row][column] = lanes[0];
                }
            }
            matrix
        }
    }

    fn matrix<F: Linear>() -> Vec<Vec<f32>> {
        Simd::Portable.run(Matrix::<F>(PhantomData))
    }

    fn assert_adjoint<F: Linear, G: Linear>() {
        assert_eq!((F::FROM, F::TO), (G::TO, G::FROM));
        let (f, g) = (matrix::<F>(), matrix::<G>());
        for row in 0..F::TO {
            for column in 0..F::FROM {
                assert!((f[row][column] - g[column][row]).abs() < 1e-7, "({row}, {column}): {f:?} {g:?}");
            }
        }
    }

    /// The identity behind the algorithm, for each pair of a tap and an input: `Σ Aᵀ[i][p] G[p][k] Bᵀ[p][j]` is 1 where output i,
    /// tap k and input j meet in a convolution with border 1, else 0.
    fn assert_convolves<X: Transform>() {
        let (a, g, b) = (matrix::<X::Output>(), matrix::<X::Weight>(), matrix::<X::Patch>());
        for output in 0..X::TILE {
            for tap in 0..3 {
                for input in 0..X::PATCH {
                    let sum: f32 = (0..X::POINTS).map(|p| a[output][p] * g[p][tap] * b[p][input]).sum();
                    let meet = output + tap + X::BEFORE == input + 1;
                    assert!((sum - f32::from(u8::from(meet))).abs() < 1e-6, "{output} {tap} {input}: {sum}");
                }
            }
        }
    }

    fn check<X: Transform>() {
        assert_adjoint::<X::Patch, X::PatchBack>();
        assert_adjoint::<X::Output, X::OutputBack>();
        assert_adjoint::<X::Weight, X::WeightBack>();
        assert_convolves::<X>();
        let back = matrix::<X::OutputBack>();
        let sums: Vec<bool> = back.iter().map(|row| row.iter().all(|&x| x == 1.0)).collect();
        assert!(sums[X::SUM / X::POINTS] && sums[X::SUM % X::POINTS], "the bias gradient's point");
    }

    #[test]
    fn the_lavin_transforms_convolve() {
        check::<Lavin>();
    }

    #[test]
    fn the_toeplitz_transforms_convolve() {
        check::<Toeplitz>();
    }

    #[test]
    fn the_centre_transforms_convolve() {
        check::<Centre>();
    }
}
