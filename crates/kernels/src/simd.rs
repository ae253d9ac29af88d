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

mod lanes;
mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

pub(crate) use lanes::{BLOCK, Lanes, Work, read, write};

use std::cell::Cell;
use std::str::FromStr;
use std::sync::OnceLock;

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

impl FromStr for Simd {
    type Err = SimdError;

    /// `avx512`, `avx2` or `portable`; also as they are displayed.
    fn from_str(name: &str) -> Result<Simd, SimdError> {
        match name.to_ascii_lowercase().replace('-', "").as_str() {
            "avx512" => Ok(Simd::Avx512),
            "avx2" => Ok(Simd::Avx2),
            "portable" => Ok(Simd::Portable),
            _ => Err(SimdError::Unknown(name.chars().take(40).collect())),
        }
    }
}

/// Why an instruction set cannot be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SimdError {
    /// A word that names none.
    Unknown(String),
    /// This processor lacks it.
    Lacking(Simd),
    /// Another one was pinned before.
    Pinned {
        /// The one that was.
        before: Simd,
        /// The one that was asked for.
        now: Simd,
    },
}

impl std::fmt::Display for SimdError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SimdError::Unknown(name) => write!(f, "there is no instruction set {name:?}; choose avx512, avx2 or portable"),
            SimdError::Lacking(simd) => {
                let available = Simd::ALL.into_iter().filter(|simd| simd.is_available());
                let names: Vec<String> = available.map(|simd| simd.to_string()).collect();
                write!(f, "this processor cannot do {simd}; choose {}", names.join(" or "))
            }
            SimdError::Pinned { before, now } => write!(f, "this process already uses {before}, so it cannot change to {now}"),
        }
    }
}

impl std::error::Error for SimdError {}

/// The instruction set of all threads, see [`Simd::pin`].
static PINNED: OnceLock<Simd> = OnceLock::new();

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

    /// The instruction set that a kernel called now, from this thread, will use: the forced one (see [`Simd::force`]), or else the
    /// pinned one (see [`Simd::pin`]), or else the best that the processor can do.
    #[must_use]
    pub fn current() -> Simd {
        let best = || Simd::ALL.into_iter().find(|simd| simd.is_available()).unwrap_or(Simd::Portable);
        FORCED.get().or_else(|| PINNED.get().copied()).unwrap_or_else(best)
    }

    /// Has all threads of this process use this instruction set in place of the best one, so that processors of different kinds give
    /// the same bits. Call it once, before any work.
    ///
    /// # Errors
    /// If this processor lacks it, or another one was pinned before.
    pub fn pin(self) -> Result<(), SimdError> {
        if !self.is_available() {
            return Err(SimdError::Lacking(self));
        }
        match *PINNED.get_or_init(|| self) {
            before if before == self => Ok(()),
            before => Err(SimdError::Pinned { before, now: self }),
        }
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
