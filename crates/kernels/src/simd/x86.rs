//! AVX2 with FMA, and AVX-512.
//!
//! One argument stands behind every `unsafe` call of an intrinsic below: [`Avx2`] and [`Avx512`] are used only inside
//! [`run_avx2`] and [`run_avx512`], which are called only where the processor has these instructions.

use super::lanes::{BLOCK, Lanes, Work};
use std::arch::x86_64::*;
use std::ops::{Add, Mul, Sub};

/// Does a piece of work with AVX2.
///
/// # Safety
/// The processor has AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn run_avx2<W: Work>(work: W) -> W::Output {
    work.run::<Avx2>()
}

/// Does a piece of work with AVX-512.
///
/// # Safety
/// The processor has AVX2, FMA and AVX-512 F, BW, DQ and VL.
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) unsafe fn run_avx512<W: Work>(work: W) -> W::Output {
    work.run::<Avx512>()
}

/// Sixteen numbers in two registers of eight.
#[derive(Clone, Copy)]
pub(super) struct Avx2(__m256, __m256);

/// Sixteen numbers in one register.
#[derive(Clone, Copy)]
pub(super) struct Avx512(__m512);

/// Defines an operator of both types by one intrinsic each.
macro_rules! operator {
    ($trait:ident, $method:ident, $avx2:ident, $avx512:ident) => {
        impl $trait for Avx2 {
            type Output = Avx2;
            #[inline(always)]
            fn $method(self, other: Avx2) -> Avx2 {
                // SAFETY: the processor has AVX2, see the head of this file.
                unsafe { Avx2($avx2(self.0, other.0), $avx2(self.1, other.1)) }
            }
        }

        impl $trait for Avx512 {
            type Output = Avx512;
            #[inline(always)]
            fn $method(self, other: Avx512) -> Avx512 {
                // SAFETY: the processor has AVX-512, see the head of this file.
                unsafe { Avx512($avx512(self.0, other.0)) }
            }
        }
    };
}

operator!(Add, add, _mm256_add_ps, _mm512_add_ps);
operator!(Sub, sub, _mm256_sub_ps, _mm512_sub_ps);
operator!(Mul, mul, _mm256_mul_ps, _mm512_mul_ps);

impl Lanes for Avx2 {
    /// Six rows of two registers, and four registers left for what is multiplied.
    const ROWS: usize = 6;

    #[inline(always)]
    fn call<W: Work>(work: W) -> W::Output {
        // SAFETY: the processor has AVX2 and FMA, see the head of this file.
        unsafe { run_avx2(work) }
    }

    #[inline(always)]
    fn splat(value: f32) -> Avx2 {
        // SAFETY: the processor has AVX2, see the head of this file.
        let eight = unsafe { _mm256_set1_ps(value) };
        Avx2(eight, eight)
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Avx2 {
        // SAFETY: the caller promises sixteen readable numbers.
        unsafe { Avx2(_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))) }
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> Avx2 {
        let mut numbers = [0.0; BLOCK];
        debug_assert!(count <= BLOCK);
        // SAFETY: the caller promises `count` readable numbers, at most sixteen.
        unsafe {
            numbers.as_mut_ptr().copy_from_nonoverlapping(from, count);
            Avx2::load(numbers.as_ptr())
        }
    }

    #[inline(always)]
    fn prefetch(at: *const f32) {
        // SAFETY: a hint; it does not access memory, and cannot fail.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) };
    }

    #[inline(always)]
    fn prefetch_second_level(at: *const f32) {
        // SAFETY: as for `expect`.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(at.cast()) };
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller promises room for sixteen numbers.
        unsafe {
            _mm256_storeu_ps(to, self.0);
            _mm256_storeu_ps(to.add(8), self.1);
        }
    }

    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, count: usize) {
        let mut numbers = [0.0; BLOCK];
        debug_assert!(count <= BLOCK);
        // SAFETY: the caller promises room for `count` numbers, at most sixteen.
        unsafe {
            self.store(numbers.as_mut_ptr());
            to.copy_from_nonoverlapping(numbers.as_ptr(), count);
        }
    }

    #[inline(always)]
    fn times_plus(self, factor: Avx2, addend: Avx2) -> Avx2 {
        // SAFETY: the processor has FMA, see the head of this file.
        unsafe { Avx2(_mm256_fmadd_ps(self.0, factor.0, addend.0), _mm256_fmadd_ps(self.1, factor.1, addend.1)) }
    }

    #[inline(always)]
    fn relu(self) -> Avx2 {
        // `max` gives its second operand when either is not a number, and so lets it through.
        // SAFETY: the processor has AVX2, see the head of this file.
        unsafe {
            let zero = _mm256_setzero_ps();
            Avx2(_mm256_max_ps(zero, self.0), _mm256_max_ps(zero, self.1))
        }
    }

    #[inline(always)]
    fn larger(self, other: Avx2) -> Avx2 {
        #[inline(always)]
        fn half(a: __m256, b: __m256) -> __m256 {
            // `max` loses an `a` that is not a number; put it back.
            // SAFETY: the processor has AVX2, see the head of this file.
            unsafe { _mm256_blendv_ps(_mm256_max_ps(a, b), a, _mm256_cmp_ps::<_CMP_UNORD_Q>(a, a)) }
        }
        Avx2(half(self.0, other.0), half(self.1, other.1))
    }

    #[inline(always)]
    fn through_relu(self, output: Avx2) -> Avx2 {
        #[inline(always)]
        fn half(x: __m256, y: __m256) -> __m256 {
            // SAFETY: the processor has AVX2, see the head of this file.
            unsafe { _mm256_and_ps(x, _mm256_cmp_ps::<_CMP_NLE_UQ>(y, _mm256_setzero_ps())) }
        }
        Avx2(half(self.0, output.0), half(self.1, output.1))
    }

    #[inline(always)]
    fn where_equal(self, a: Avx2, b: Avx2) -> (Avx2, Avx2) {
        #[inline(always)]
        fn half(x: __m256, a: __m256, b: __m256) -> (__m256, __m256) {
            // SAFETY: the processor has AVX2, see the head of this file.
            unsafe {
                let equal = _mm256_cmp_ps::<_CMP_EQ_OQ>(a, b);
                (_mm256_and_ps(equal, x), _mm256_andnot_ps(equal, x))
            }
        }
        let (low, high) = (half(self.0, a.0, b.0), half(self.1, a.1, b.1));
        (Avx2(low.0, high.0), Avx2(low.1, high.1))
    }

    #[inline(always)]
    unsafe fn keep(self, alive: *const u8) -> Avx2 {
        #[inline(always)]
        unsafe fn half(x: __m256, alive: *const u8) -> __m256 {
            // SAFETY: the processor has AVX2, see the head of this file; the caller promises eight readable bytes.
            unsafe {
                let bytes = _mm256_cvtepu8_epi32(_mm_loadl_epi64(alive.cast()));
                let lost = _mm256_cmpeq_epi32(bytes, _mm256_setzero_si256());
                _mm256_andnot_ps(_mm256_castsi256_ps(lost), x)
            }
        }
        // SAFETY: the caller promises sixteen readable bytes.
        unsafe { Avx2(half(self.0, alive), half(self.1, alive.add(8))) }
    }

    #[inline(always)]
    unsafe fn transpose(from: *const f32, from_row: usize, to: *mut f32, to_row: usize) {
        for row in [0, 8] {
            for column in [0, 8] {
                // SAFETY: a quarter of the square that the caller promises; the processor has AVX2.
                unsafe {
                    let (from, to) = (from.add(row * from_row + column), to.add(column * to_row + row));
                    transpose_eight(from, from_row, to, to_row);
                }
            }
        }
    }
}

/// Turns eight rows of eight numbers into columns: pairs, pairs of pairs, halves.
///
/// # Safety
/// Eight numbers can be read or written at the beginning of each of the eight rows; the processor has AVX2.
#[inline(always)]
unsafe fn transpose_eight(from: *const f32, from_row: usize, to: *mut f32, to_row: usize) {
    // SAFETY: what the caller promises.
    unsafe {
        let mut rows = [_mm256_setzero_ps(); 8];
        for (i, row) in rows.iter_mut().enumerate() {
            *row = _mm256_loadu_ps(from.add(i * from_row));
        }
        let mut pairs = rows;
        for i in [0, 2, 4, 6] {
            pairs[i] = _mm256_unpacklo_ps(rows[i], rows[i + 1]);
            pairs[i + 1] = _mm256_unpackhi_ps(rows[i], rows[i + 1]);
        }
        let mut fours = pairs;
        for i in [0, 4] {
            fours[i] = _mm256_shuffle_ps::<0x44>(pairs[i], pairs[i + 2]);
            fours[i + 1] = _mm256_shuffle_ps::<0xee>(pairs[i], pairs[i + 2]);
            fours[i + 2] = _mm256_shuffle_ps::<0x44>(pairs[i + 1], pairs[i + 3]);
            fours[i + 3] = _mm256_shuffle_ps::<0xee>(pairs[i + 1], pairs[i + 3]);
        }
        for i in 0..4 {
            _mm256_storeu_ps(to.add(i * to_row), _mm256_permute2f128_ps::<0x20>(fours[i], fours[i + 4]));
            _mm256_storeu_ps(to.add((i + 4) * to_row), _mm256_permute2f128_ps::<0x31>(fours[i], fours[i + 4]));
        }
    }
}

impl Lanes for Avx512 {
    /// Sixteen of 32 registers: a sum is needed again after 16 steps, long after its addition is done, and the sixteen rows of a
    /// weight gradient fit at once.
    const ROWS: usize = 16;

    #[inline(always)]
    fn call<W: Work>(work: W) -> W::Output {
        // SAFETY: the processor has AVX-512, see the head of this file.
        unsafe { run_avx512(work) }
    }

    #[inline(always)]
    fn splat(value: f32) -> Avx512 {
        // SAFETY: the processor has AVX-512, see the head of this file.
        Avx512(unsafe { _mm512_set1_ps(value) })
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Avx512 {
        // SAFETY: the caller promises sixteen readable numbers.
        Avx512(unsafe { _mm512_loadu_ps(from) })
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> Avx512 {
        // SAFETY: the caller promises `count` readable numbers; lanes outside of the mask are not read.
        Avx512(unsafe { _mm512_maskz_loadu_ps(first(count), from) })
    }

    #[inline(always)]
    fn prefetch(at: *const f32) {
        // SAFETY: a hint; it does not access memory, and cannot fail.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) };
    }

    #[inline(always)]
    fn prefetch_second_level(at: *const f32) {
        // SAFETY: as for `expect`.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(at.cast()) };
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller promises room for sixteen numbers.
        unsafe { _mm512_storeu_ps(to, self.0) };
    }

    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, count: usize) {
        // SAFETY: the caller promises room for `count` numbers; lanes outside of the mask are not written.
        unsafe { _mm512_mask_storeu_ps(to, first(count), self.0) };
    }

    #[inline(always)]
    fn times_plus(self, factor: Avx512, addend: Avx512) -> Avx512 {
        // SAFETY: the processor has AVX-512, see the head of this file.
        Avx512(unsafe { _mm512_fmadd_ps(self.0, factor.0, addend.0) })
    }

    #[inline(always)]
    fn relu(self) -> Avx512 {
        // `max` gives its second operand when either is not a number, and so lets it through.
        // SAFETY: the processor has AVX-512, see the head of this file.
        Avx512(unsafe { _mm512_max_ps(_mm512_setzero_ps(), self.0) })
    }

    #[inline(always)]
    fn larger(self, other: Avx512) -> Avx512 {
        // `max` loses a first operand that is not a number; put it back.
        // SAFETY: the processor has AVX-512, see the head of this file.
        Avx512(unsafe {
            let lost = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(self.0, self.0);
            _mm512_mask_mov_ps(_mm512_max_ps(self.0, other.0), lost, self.0)
        })
    }

    #[inline(always)]
    fn through_relu(self, output: Avx512) -> Avx512 {
        // SAFETY: the processor has AVX-512, see the head of this file.
        Avx512(unsafe { _mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_NLE_UQ>(output.0, _mm512_setzero_ps()), self.0) })
    }

    #[inline(always)]
    fn where_equal(self, a: Avx512, b: Avx512) -> (Avx512, Avx512) {
        // SAFETY: the processor has AVX-512, see the head of this file.
        unsafe {
            let equal = _mm512_cmp_ps_mask::<_CMP_EQ_OQ>(a.0, b.0);
            (Avx512(_mm512_maskz_mov_ps(equal, self.0)), Avx512(_mm512_maskz_mov_ps(!equal, self.0)))
        }
    }

    #[inline(always)]
    unsafe fn keep(self, alive: *const u8) -> Avx512 {
        // SAFETY: the processor has AVX-512, see the head of this file; the caller promises sixteen readable bytes.
        Avx512(unsafe {
            let bytes = _mm512_cvtepu8_epi32(_mm_loadu_si128(alive.cast()));
            _mm512_maskz_mov_ps(_mm512_test_epi32_mask(bytes, bytes), self.0)
        })
    }

    #[inline(always)]
    unsafe fn transpose(from: *const f32, from_row: usize, to: *mut f32, to_row: usize) {
        // SAFETY: what the caller promises; a processor with AVX-512 has AVX2.
        unsafe { Avx2::transpose(from, from_row, to, to_row) };
    }
}

/// The mask of the first `count` of sixteen lanes.
#[inline(always)]
fn first(count: usize) -> u16 {
    debug_assert!(count <= BLOCK);
    ((1u32 << count) - 1) as u16
}
