//! Sixteen numbers at a time, whatever the processor.
//!
//! Each algorithm of this crate is written once, over the trait [`Lanes`], and compiled three times: for AVX-512, for AVX2
//! with FMA, and for plain arrays, which any processor can do. Which one runs is found out at run time, so that one
//! shipped program suits every machine.
//!
//! The compiler uses an instruction set only inside functions that are marked for it. So a piece of work is a struct that
//! is [`Work`], [`Simd::run`] calls it from a function marked for the chosen instruction set, and everything on the way
//! down from there is `#[inline(always)]`: it becomes part of the marked function. (Closures cannot be marked so, and
//! hot code here has none.)

mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::cell::Cell;
use std::ops::{Add, Mul, Sub};

/// An instruction set that the kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Simd {
    /// Plain arrays of numbers: every processor, with what the compiler makes of them.
    Portable,
    /// 256-bit vectors with fused multiply-add (Intel from 2013, AMD from 2015).
    Avx2,
    /// 512-bit vectors (AMD from Zen 4, most Intel servers).
    Avx512,
}

impl std::fmt::Display for Simd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Simd::Portable => "portable",
            Simd::Avx2 => "AVX2",
            Simd::Avx512 => "AVX-512",
        })
    }
}

thread_local! {
    static FORCED: Cell<Option<Simd>> = const { Cell::new(None) };
}

impl Simd {
    /// All of them, the best first.
    pub const ALL: [Simd; 3] = [Simd::Avx512, Simd::Avx2, Simd::Portable];

    /// Can this processor do it?
    #[must_use]
    pub fn is_available(self) -> bool {
        match self {
            Simd::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Simd::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Simd::Avx512 => {
                Simd::Avx2.is_available()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
            }
            #[cfg(not(target_arch = "x86_64"))]
            Simd::Avx2 | Simd::Avx512 => false,
        }
    }

    /// The instruction set that a kernel called now, from this thread, will use: the forced one (see [`Simd::force`]) or else
    /// the best that the processor can do.
    #[must_use]
    pub fn current() -> Simd {
        let best = || Simd::ALL.into_iter().find(|simd| simd.is_available()).unwrap_or(Simd::Portable);
        FORCED.get().unwrap_or_else(best)
    }

    /// Does `work` with this instruction set in place of the best one, in kernels that are called from this thread. For tests
    /// and measurements.
    ///
    /// # Panics
    /// If the processor cannot do it.
    pub fn force<T>(self, work: impl FnOnce() -> T) -> T {
        assert!(self.is_available(), "this processor has no {self:?} instructions");
        /// Puts the earlier choice back, even when `work` panics.
        struct Back(Option<Simd>);
        impl Drop for Back {
            fn drop(&mut self) {
                FORCED.set(self.0);
            }
        }
        let _back = Back(FORCED.replace(Some(self)));
        work()
    }

    /// Does a piece of work with this instruction set. `self` comes from [`Simd::current`] or was found to be available, so the
    /// processor can do it.
    pub(crate) fn run<W: Work>(self, work: W) -> W::Output {
        debug_assert!(self.is_available());
        match self {
            Simd::Portable => work.run::<portable::Array>(),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: Avx2 is given out only where the processor has AVX2 and FMA.
            Simd::Avx2 => unsafe { x86::run_avx2(work) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: Avx512 is given out only where the processor has AVX-512 F, BW, DQ and VL.
            Simd::Avx512 => unsafe { x86::run_avx512(work) },
            #[cfg(not(target_arch = "x86_64"))]
            Simd::Avx2 | Simd::Avx512 => unreachable!("{self:?} is not available here"),
        }
    }
}

/// A piece of work that can be done with any instruction set. Implementations of `run` are `#[inline(always)]`.
pub(crate) trait Work {
    /// What is left when it is done.
    type Output;
    /// Does it, with vectors of the kind `L`.
    fn run<L: Lanes>(self) -> Self::Output;
}

/// How many numbers a vector has, on every instruction set; channels are counted in blocks of so many.
pub(crate) const BLOCK: usize = 16;

/// Sixteen numbers side by side. All methods are `#[inline(always)]`.
///
/// Values of the AVX types come into being only inside [`Simd::run`], which knows that the processor has the instructions;
/// that is the argument of every call of an intrinsic in their implementations.
pub(crate) trait Lanes: Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> {
    /// How many rows of sixteen sums a product keeps in registers.
    const ROWS: usize;

    /// Does a piece of work in a function of its own, to keep the calling function small.
    fn call<W: Work>(work: W) -> W::Output;

    /// The same number sixteen times.
    fn splat(value: f32) -> Self;

    /// Sixteen numbers from memory, at any address.
    ///
    /// # Safety
    /// Sixteen numbers can be read from there.
    unsafe fn load(from: *const f32) -> Self;

    /// The first `count` lanes from memory, zeros in the others.
    ///
    /// # Safety
    /// `count` numbers, at most sixteen, can be read from there.
    unsafe fn load_first(from: *const f32, count: usize) -> Self;

    /// Hints that the sixteen numbers there will be wanted soon. Any address will do.
    fn expect(at: *const f32);

    /// Hints that the sixteen numbers there will be wanted a little later: they go to the second-level cache. Any address will do.
    fn expect_later(at: *const f32);

    /// Writes sixteen numbers, at any address.
    ///
    /// # Safety
    /// Sixteen numbers can be written there.
    unsafe fn store(self, to: *mut f32);

    /// Writes the first `count` lanes.
    ///
    /// # Safety
    /// `count` numbers, at most sixteen, can be written there.
    unsafe fn store_first(self, to: *mut f32, count: usize);

    /// `self * factor + addend`, rounded once where the instruction set can.
    fn times_plus(self, factor: Self, addend: Self) -> Self;

    /// `max(self, 0)`; what is not a number stays so.
    fn relu(self) -> Self;

    /// The larger of the two; not a number if either is not.
    fn larger(self, other: Self) -> Self;

    /// `self` where `output` is not `<= 0`, else +0: how a gradient passes back through a ReLU with that output.
    fn through_relu(self, output: Self) -> Self;

    /// The first: `self` where `a == b`, else +0. The second: the other way round.
    fn where_equal(self, a: Self, b: Self) -> (Self, Self);

    /// `self` where the byte is not 0, else +0.
    ///
    /// # Safety
    /// Sixteen bytes can be read from there.
    unsafe fn keep(self, alive: *const u8) -> Self;

    /// Turns sixteen rows of sixteen numbers into columns; rows begin `from_row` and `to_row` numbers apart.
    ///
    /// # Safety
    /// Sixteen numbers can be read or written at the beginning of each of the sixteen rows; the two do not overlap.
    unsafe fn transpose(from: *const f32, from_row: usize, to: *mut f32, to_row: usize);
}

/// Reads the `filled` channels of a block, zeros in the other lanes.
///
/// # Safety
/// `filled` numbers, at most sixteen, can be read from there.
#[inline(always)]
pub(crate) unsafe fn read<L: Lanes>(from: *const f32, filled: usize) -> L {
    // SAFETY: what the caller promises.
    unsafe { if filled == BLOCK { L::load(from) } else { L::load_first(from, filled) } }
}

/// Writes the `filled` channels of a block.
///
/// # Safety
/// `filled` numbers, at most sixteen, can be written there.
#[inline(always)]
pub(crate) unsafe fn write<L: Lanes>(numbers: L, to: *mut f32, filled: usize) {
    // SAFETY: what the caller promises.
    unsafe { if filled == BLOCK { numbers.store(to) } else { numbers.store_first(to, filled) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every operation of `Lanes`, once, on numbers that include the awkward ones.
    struct Everything;

    impl Work for Everything {
        type Output = Vec<Vec<u32>>;
        #[inline(always)]
        fn run<L: Lanes>(self) -> Self::Output {
            let a: [f32; BLOCK] = std::array::from_fn(|i| [1.5, -2.0, 0.0, -0.0, f32::NAN, 3.25, f32::INFINITY, -7.0][i % 8]);
            let b: [f32; BLOCK] = std::array::from_fn(|i| [0.5, -2.0, -0.0, 4.0, 1.0, f32::NAN, 2.0, 3.0][(i + i / 8) % 8]);
            let bytes: [u8; BLOCK] = std::array::from_fn(|i| [0, 1, 255, 1][i % 4]);
            let square: Vec<f32> = (0..BLOCK * 20).map(|i| i as f32).collect();
            let mut turned = vec![0.0; BLOCK * 17];
            let mut short = [9.0; BLOCK];
            // SAFETY: all arrays have sixteen numbers; the squares have sixteen rows of 20 and 17.
            unsafe {
                let (x, y) = (L::load(a.as_ptr()), L::load(b.as_ptr()));
                L::transpose(square.as_ptr(), 20, turned.as_mut_ptr(), 17);
                y.store_first(short.as_mut_ptr(), 5);
                let results = [
                    x + y,
                    x - y,
                    x * y,
                    x.times_plus(y, L::splat(0.25)),
                    x.relu(),
                    x.larger(y),
                    y.larger(x),
                    x.through_relu(y),
                    L::splat(1.0).where_equal(x, y).0,
                    L::splat(1.0).where_equal(x, y).1,
                    x.keep(bytes.as_ptr()),
                    L::load_first(a.as_ptr(), 3),
                    L::load_first(a.as_ptr(), 16),
                    L::load(short.as_ptr()),
                ];
                let mut bits: Vec<Vec<u32>> = results.into_iter().map(|result| bits_of(result)).collect();
                bits.push(turned.iter().map(|x| x.to_bits()).collect());
                bits
            }
        }
    }

    #[inline(always)]
    fn bits_of<L: Lanes>(vector: L) -> Vec<u32> {
        let mut numbers = [0.0f32; BLOCK];
        // SAFETY: there is room for sixteen.
        unsafe { vector.store(numbers.as_mut_ptr()) };
        // Which of many bit patterns says "not a number" differs between processors and means nothing.
        numbers.iter().map(|x| if x.is_nan() { u32::MAX } else { x.to_bits() }).collect()
    }

    #[test]
    fn all_instruction_sets_agree() {
        let expected = Simd::Portable.run(Everything);
        for simd in Simd::ALL.into_iter().filter(|simd| simd.is_available()) {
            assert_eq!(simd.run(Everything), expected, "{simd:?}");
        }
    }

    #[test]
    fn the_portable_operations_mean_what_they_say() {
        let results = Simd::Portable.run(Everything);
        let value = |row: usize, lane: usize| f32::from_bits(results[row][lane]);
        assert_eq!(value(0, 0), 2.0);
        assert_eq!(value(3, 1), 4.25);
        assert_eq!((value(4, 0), value(4, 1)), (1.5, 0.0));
        assert!(value(4, 4).is_nan() && value(5, 4).is_nan() && value(5, 5).is_nan() && value(6, 4).is_nan());
        assert_eq!((value(7, 0), results[7][1]), (1.5, 0), "passes where the output is positive, else +0");
        assert_eq!((value(8, 1), value(8, 0), value(9, 1), value(9, 0)), (1.0, 0.0, 0.0, 1.0));
        assert_eq!((results[10][0], value(10, 1), value(10, 6)), (0, -2.0, f32::INFINITY));
        assert_eq!((value(11, 1), results[11][3]), (-2.0, 0));
        assert_eq!((value(13, 1), value(13, 5)), (-2.0, 9.0));
        assert_eq!(value(14, 17 * 3 + 5), 103.0, "row 5, column 3");
    }

    #[test]
    fn forcing_lasts_as_long_as_the_work() {
        let before = Simd::current();
        Simd::Portable.force(|| assert_eq!(Simd::current(), Simd::Portable));
        assert_eq!(Simd::current(), before);
    }
}
