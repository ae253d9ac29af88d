//! Products of vectors with vectors, sixteen by sixteen.

use crate::gemm::Outer;
use crate::simd::{BLOCK, Lanes, Simd, Work};

/// So many numbers are summed one after the other. Where many of them are equal, as after a ReLU, rounding errors have the same
/// sign and add up; so runs are short, and their sums are summed.
const RUN: usize = 32;

/// Sixteen rows of sixteen sums.
type Sums = [[f32; BLOCK]; BLOCK];

/// The products of each of sixteen vectors with each of sixteen others, on the calling thread.
///
/// Sixteen vectors lie side by side in a *panel*: `a[k][i]` is number `k` of vector `i`. The result holds the product of
/// vector `i` of `a` with vector `j` of `b` at `[i][j]`, summed in single precision, in an order that depends on the depth alone.
/// Multiplications and additions are fused where the processor can, so that last bits may differ between processors.
///
/// # Panics
/// If the panels are not equally deep.
#[must_use]
pub fn panel_products(a: &[[f32; BLOCK]], b: &[[f32; BLOCK]]) -> [[f32; BLOCK]; BLOCK] {
    assert_eq!(a.len(), b.len(), "the panels are not equally deep");
    Simd::current().run(Panels { a, b })
}

struct Panels<'a> {
    a: &'a [[f32; BLOCK]],
    b: &'a [[f32; BLOCK]],
}

impl Work for Panels<'_> {
    type Output = Sums;
    #[inline(always)]
    fn run<L: Lanes>(self) -> Sums {
        let mut sums = [[0.0; BLOCK]; BLOCK];
        for (a, b) in self.a.chunks(RUN).zip(self.b.chunks(RUN)) {
            let (rows, c) = (a.len(), sums.as_flattened_mut());
            Outer { a: a.as_flattened(), b: b.as_flattened(), c, c_row: BLOCK, rows, add: true }.run::<L>();
        }
        sums
    }
}
