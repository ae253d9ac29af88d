//! Products of vectors with vectors, sixteen by sixteen.

use crate::gemm::Outer;
use crate::simd::{BLOCK, Lanes, Simd, Work};

/// So many numbers are summed one after the other. Where many of them are equal, as after a ReLU, rounding errors have the same
/// sign and add up; so runs are short, and their sums are summed.
const RUN: usize = 32;

/// Adds the products of each of sixteen vectors with each of sixteen others to sums in double precision, on the calling thread.
///
/// Sixteen vectors lie side by side in a *panel*: `a[k][i]` is number `k` of vector `i`. The product of vector `i` of `a` with vector `j` of
/// `b` is added to `sums[i * row + j]`. It is summed in single precision, 32 terms and then these sums, whatever the threads, so that
/// panels should not be deeper than rounding allows. Multiplications and additions are fused where the processor can, so that last bits
/// may differ between processors.
///
/// # Panics
/// If the panels are not equally deep, `row` is below 16, or `sums` is too short for sixteen rows.
pub fn add_panel_products(a: &[[f32; BLOCK]], b: &[[f32; BLOCK]], sums: &mut [f64], row: usize) {
    assert_eq!(a.len(), b.len(), "the panels are not equally deep");
    assert!(row >= BLOCK && sums.len() >= (BLOCK - 1) * row + BLOCK, "sixteen rows of sixteen sums");
    Simd::current().run(Panels { a, b, sums, row });
}

struct Panels<'a> {
    a: &'a [[f32; BLOCK]],
    b: &'a [[f32; BLOCK]],
    sums: &'a mut [f64],
    row: usize,
}

impl Work for Panels<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let mut products = [[0.0; BLOCK]; BLOCK];
        for (a, b) in self.a.chunks(RUN).zip(self.b.chunks(RUN)) {
            let (rows, c) = (a.len(), products.as_flattened_mut());
            Outer { a: a.as_flattened(), b: b.as_flattened(), c, c_row: BLOCK, rows, add: true }.run::<L>();
        }
        for (products, sums) in products.iter().zip(self.sums.chunks_mut(self.row)) {
            for (sum, &product) in sums[..BLOCK].iter_mut().zip(products) {
                *sum += f64::from(product);
            }
        }
    }
}
