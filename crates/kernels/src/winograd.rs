//! 3×3 convolutions with fewer multiplications.
//!
//! Winograd (1980) showed that m outputs of a filter with r taps need only m + r - 1 multiplications. In two dimensions, with
//! tiles of m × m outputs of a 3×3 filter (Lavin & Gray 2016):
//!
//! `Y = Aᵀ [ Σ (G w Gᵀ) ⊙ (Bᵀ X B) ] A`, the sum going over the input channels.
//!
//! The sum is an ordinary matrix product, tiles × inputs times inputs × outputs, one for each of the (m + 2)² *points* in
//! between the brackets. With V the transformed patches, U the transformed weights and M their products:
//!
//! | | forward | backward, the adjoint of each step |
//! |---|---|---|
//! | patches | `V = Bᵀ X B` | `dX = B dV Bᵀ`, overlapping patches added up |
//! | products | `M = V·U` | `dV = dM·Uᵀ`, `dU = Vᵀ·dM` |
//! | outputs | `Y = Aᵀ M A` | `dM = A dY Aᵀ` |
//! | weights | `U = G w Gᵀ` | `dw = Gᵀ dU G` |
//!
//! The backward pass is *not* a second Winograd convolution with turned filters: the adjoint needs `dM` only once for both
//! gradients, reads each output gradient once, and has no border.
//!
//! [`transform`] has the one-dimensional formulas, [`tiles`] and [`weights`] apply them to maps and weights, and two
//! schedules order the steps by what has to stay in the caches: [`large`] for large maps, [`small`] for small ones.

pub(crate) mod large;
pub(crate) mod small;
mod tiles;
pub(crate) mod transform;
mod weights;

use crate::simd::BLOCK;

/// How the matrices of all points (V, M, dM, dU, ...) lie in one piece of memory: point after point, each a blocked matrix.
#[derive(Clone, Copy)]
struct Layout {
    rows: usize,
    blocks: usize,
}

impl Layout {
    /// The distance between two blocks of columns.
    fn block(self) -> usize {
        self.rows * BLOCK
    }

    /// The distance between two points. One cache line is left free: without it, what is written for the points of one tile
    /// would lie at multiples of a large power of two, all competing for the same few places of the cache.
    fn point(self) -> usize {
        self.blocks * self.block() + BLOCK
    }

    /// The numbers of `points` points.
    fn len(self, points: usize) -> usize {
        self.point() * points
    }

    /// Where a block of columns of a point begins.
    fn at(self, point: usize, block: usize) -> usize {
        point * self.point() + block * self.block()
    }
}

/// The sum over parts of the bias gradient.
fn sum_bias(parts: &[f32], count: usize, outputs: usize) -> Vec<f32> {
    let length = parts.len() / count;
    (0..outputs).map(|i| (0..count).map(|part| f64::from(parts[part * length + i])).sum::<f64>() as f32).collect()
}
