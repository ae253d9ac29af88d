//! Sixteen numbers side by side: what every instruction set can do with them.

use std::ops::{Add, Mul, Sub};

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
/// Values of the AVX types come into being only inside [`Simd::run`](super::Simd::run), which knows that the processor has the instructions;
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
    fn prefetch(at: *const f32);

    /// Hints that the sixteen numbers there will be wanted a little later: they go to the second-level cache. Any address will do.
    fn prefetch_second_level(at: *const f32);

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
