//! Sixteen vectors with sixteen others: their products in single precision, and products or squared differences in double.

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
/// may differ between processors; products of whole numbers are exact as long as their sums stay below 2^24.
///
/// # Panics
/// If the panels are not equally deep, `row` is below 16, or `sums` is too short for sixteen rows.
pub fn add_panel_products(a: &[[f32; BLOCK]], b: &[[f32; BLOCK]], sums: &mut [f64], row: usize) {
    check(a.len(), b.len(), sums, row);
    Simd::current().run(Singles { a, b, sums, row });
}

/// As [`add_panel_products`], in double precision throughout, with the same bits on every processor: nothing is fused. Some four times
/// as slow.
///
/// # Panics
/// As [`add_panel_products`].
pub fn add_panel_products_f64(a: &[[f64; BLOCK]], b: &[[f64; BLOCK]], sums: &mut [f64], row: usize) {
    check(a.len(), b.len(), sums, row);
    Simd::current().run(Doubles::<false> { a, b, sums, row });
}

/// As [`add_panel_products_f64`], of `(a - b)²` in the place of `a b`: the squared Euclidean distances of vectors, with a small relative
/// error however close two of them are.
///
/// # Panics
/// As [`add_panel_products`].
pub fn add_panel_squared_differences(a: &[[f64; BLOCK]], b: &[[f64; BLOCK]], sums: &mut [f64], row: usize) {
    check(a.len(), b.len(), sums, row);
    Simd::current().run(Doubles::<true> { a, b, sums, row });
}

/// The sum of `(p a - q b + shift)²` over the values of two vectors: the squared length of their difference, after each was scaled and
/// the two shifted against each other. In double precision, with the same bits on every processor.
///
/// # Panics
/// If the vectors are not equally long.
pub fn squared_difference<T: Copy + Into<f64>>(a: &[T], b: &[T], p: f64, q: f64, shift: f64) -> f64 {
    assert_eq!(a.len(), b.len(), "the vectors are not equally long");
    Simd::current().run(Difference { a, b, p, q, shift })
}

fn check(a: usize, b: usize, sums: &[f64], row: usize) {
    assert_eq!(a, b, "the panels are not equally deep");
    assert!(row >= BLOCK && sums.len() >= (BLOCK - 1) * row + BLOCK, "sixteen rows of sixteen sums");
}

struct Singles<'a> {
    a: &'a [[f32; BLOCK]],
    b: &'a [[f32; BLOCK]],
    sums: &'a mut [f64],
    row: usize,
}

impl Work for Singles<'_> {
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

/// Squared differences, or else products.
struct Doubles<'a, const DIFFERENCES: bool> {
    a: &'a [[f64; BLOCK]],
    b: &'a [[f64; BLOCK]],
    sums: &'a mut [f64],
    row: usize,
}

/// So many rows of sixteen sums stay in registers.
const ROWS: usize = 4;

impl<const DIFFERENCES: bool> Work for Doubles<'_, DIFFERENCES> {
    type Output = ();
    /// Plain loops: in a function that is marked for an instruction set (see [`Simd::run`]) the compiler uses its vectors.
    #[inline(always)]
    fn run<L: Lanes>(self) {
        for (top, sums) in (0..BLOCK).step_by(ROWS).zip(self.sums.chunks_mut(ROWS * self.row)) {
            let mut tile = [[0.0_f64; BLOCK]; ROWS];
            for (a, b) in self.a.iter().zip(self.b) {
                for (i, tile) in tile.iter_mut().enumerate() {
                    for (sum, b) in tile.iter_mut().zip(b) {
                        let (a, difference) = (a[top + i], a[top + i] - b);
                        *sum += if DIFFERENCES { difference * difference } else { a * b };
                    }
                }
            }
            for (tile, sums) in tile.iter().zip(sums.chunks_mut(self.row)) {
                sums[..BLOCK].iter_mut().zip(tile).for_each(|(sum, tile)| *sum += tile);
            }
        }
    }
}

struct Difference<'a, T> {
    a: &'a [T],
    b: &'a [T],
    p: f64,
    q: f64,
    shift: f64,
}

impl<T: Copy + Into<f64>> Work for Difference<'_, T> {
    type Output = f64;
    #[inline(always)]
    fn run<L: Lanes>(self) -> f64 {
        let Difference { a, b, p, q, shift } = self;
        let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<BLOCK>(), b.as_chunks::<BLOCK>());
        let mut sums = [0.0_f64; BLOCK];
        for (a, b) in a.iter().zip(b) {
            for (sum, (&a, &b)) in sums.iter_mut().zip(a.iter().zip(b)) {
                let difference = p * a.into() - q * b.into() + shift;
                *sum += difference * difference;
            }
        }
        for (sum, (&a, &b)) in sums.iter_mut().zip(a_rest.iter().zip(b_rest)) {
            let difference = p * a.into() - q * b.into() + shift;
            *sum += difference * difference;
        }
        sums.iter().sum()
    }
}
