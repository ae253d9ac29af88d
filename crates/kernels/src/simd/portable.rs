//! Plain arrays: what every processor can do.

use super::lanes::{BLOCK, Lanes, Work};
use std::ops::{Add, Mul, Sub};

/// Sixteen numbers in an array; the compiler makes of it what the target has (SSE2, NEON).
#[derive(Clone, Copy)]
pub(super) struct Array([f32; BLOCK]);

/// Combines two arrays lane by lane. A macro, since a closure might not be inlined.
macro_rules! lanewise {
    ($a:expr, $b:expr, |$x:ident, $y:ident| $result:expr) => {{
        let (a, b): ([f32; BLOCK], [f32; BLOCK]) = ($a.0, $b.0);
        let mut result = [0.0; BLOCK];
        let mut i = 0;
        while i < BLOCK {
            let ($x, $y) = (a[i], b[i]);
            result[i] = $result;
            i += 1;
        }
        Array(result)
    }};
}

impl Add for Array {
    type Output = Array;
    #[inline(always)]
    fn add(self, other: Array) -> Array {
        lanewise!(self, other, |x, y| x + y)
    }
}

impl Sub for Array {
    type Output = Array;
    #[inline(always)]
    fn sub(self, other: Array) -> Array {
        lanewise!(self, other, |x, y| x - y)
    }
}

impl Mul for Array {
    type Output = Array;
    #[inline(always)]
    fn mul(self, other: Array) -> Array {
        lanewise!(self, other, |x, y| x * y)
    }
}

impl Lanes for Array {
    /// NEON has 32 registers of four numbers, SSE2 only 16.
    const ROWS: usize = if cfg!(target_arch = "aarch64") { 6 } else { 2 };

    #[inline(always)]
    fn call<W: Work>(work: W) -> W::Output {
        work.run::<Array>()
    }

    #[inline(always)]
    fn splat(value: f32) -> Array {
        Array([value; BLOCK])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Array {
        // SAFETY: the caller promises sixteen readable numbers.
        Array(unsafe { from.cast::<[f32; BLOCK]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> Array {
        let mut numbers = [0.0; BLOCK];
        debug_assert!(count <= BLOCK);
        // SAFETY: the caller promises `count` readable numbers, at most sixteen.
        unsafe { numbers.as_mut_ptr().copy_from_nonoverlapping(from, count) };
        Array(numbers)
    }

    #[inline(always)]
    fn prefetch(_at: *const f32) {}

    #[inline(always)]
    fn prefetch_second_level(_at: *const f32) {}

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller promises room for sixteen numbers.
        unsafe { to.cast::<[f32; BLOCK]>().write_unaligned(self.0) };
    }

    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, count: usize) {
        debug_assert!(count <= BLOCK);
        // SAFETY: the caller promises room for `count` numbers, at most sixteen.
        unsafe { to.copy_from_nonoverlapping(self.0.as_ptr(), count) };
    }

    #[inline(always)]
    fn times_plus(self, factor: Array, addend: Array) -> Array {
        // Without a fused instruction `mul_add` would be a slow function call, so only where the target always has one.
        if cfg!(any(target_arch = "aarch64", target_feature = "fma")) {
            let mut result = [0.0; BLOCK];
            let mut i = 0;
            while i < BLOCK {
                result[i] = self.0[i].mul_add(factor.0[i], addend.0[i]);
                i += 1;
            }
            Array(result)
        } else {
            self * factor + addend
        }
    }

    #[inline(always)]
    fn relu(self) -> Array {
        lanewise!(self, Array::splat(0.0), |x, zero| if x < zero { zero } else { x })
    }

    #[inline(always)]
    fn larger(self, other: Array) -> Array {
        lanewise!(self, other, |x, y| if x.is_nan() || x > y { x } else { y })
    }

    #[inline(always)]
    fn through_relu(self, output: Array) -> Array {
        lanewise!(self, output, |x, y| if y <= 0.0 { 0.0 } else { x })
    }

    #[inline(always)]
    fn where_equal(self, a: Array, b: Array) -> (Array, Array) {
        let equal = lanewise!(a, b, |x, y| if x == y { 1.0 } else { 0.0 });
        let yes = lanewise!(self, equal, |x, e| if e != 0.0 { x } else { 0.0 });
        let no = lanewise!(self, equal, |x, e| if e != 0.0 { 0.0 } else { x });
        (yes, no)
    }

    #[inline(always)]
    unsafe fn keep(self, alive: *const u8) -> Array {
        // SAFETY: the caller promises sixteen readable bytes.
        let alive = unsafe { alive.cast::<[u8; BLOCK]>().read_unaligned() };
        let mut result = [0.0; BLOCK];
        let mut i = 0;
        while i < BLOCK {
            result[i] = if alive[i] != 0 { self.0[i] } else { 0.0 };
            i += 1;
        }
        Array(result)
    }

    #[inline(always)]
    unsafe fn transpose(from: *const f32, from_row: usize, to: *mut f32, to_row: usize) {
        for row in 0..BLOCK {
            for column in 0..BLOCK {
                // SAFETY: the caller promises sixteen numbers at the beginning of each of the sixteen rows, in both.
                unsafe { *to.add(column * to_row + row) = *from.add(row * from_row + column) };
            }
        }
    }
}
