//! Max-pooling 2×2.

use crate::maps::{Maps, product};
use crate::scratch::{Target, written};
use crate::simd::{BLOCK, Lanes, Simd, Work, read};
use crate::threads::pieces;
use std::ops::Range;

/// The largest of each 2×2 pixels, channel by channel, with stride 2; an odd last row or column is left out.
///
/// `x` is `[image, row, column, channel]`; the result has half as many rows and columns, rounded down. What is not a number is the
/// largest, as in PyTorch.
///
/// # Panics
/// If `x` is not as long as `at` and `channels` say.
#[must_use]
pub fn pool(x: &[f32], at: Maps, channels: usize) -> Vec<f32> {
    assert_eq!(x.len(), product(&[at.pixels(), channels]), "input of a pool on {at:?}");
    let (simd, to) = (Simd::current(), half(at));
    let write = |y: Target| {
        pieces(to.images * to.height, 1, x.len(), |rows| simd.run(Pool { x, at, channels, rows, y }));
    };
    // SAFETY: the pieces are all rows of the result.
    unsafe { written(to.pixels() * channels, write) }
}

/// The gradient of [`pool`] with respect to its input, given the input, the output and the gradient `dy` with respect to that: each
/// goes to the first of the four pixels, row by row, that is the largest, and nowhere where one is not a number. `x` is
/// `[image, row, column, channel]`; `y` and `dy` have half as many rows and columns, rounded down.
///
/// # Panics
/// If the lengths do not fit together.
#[must_use]
pub fn pool_back(x: &[f32], at: Maps, channels: usize, y: &[f32], dy: &[f32]) -> Vec<f32> {
    assert_eq!(x.len(), product(&[at.pixels(), channels]), "input of a pool on {at:?}");
    let (simd, to) = (Simd::current(), half(at));
    assert!(y.len() == to.pixels() * channels && dy.len() == y.len(), "output of a pool on {at:?}");
    if to.height == 0 {
        return vec![0.0; x.len()];
    }
    let write = |dx: Target| {
        pieces(to.images * to.height, 1, x.len() * 2, |rows| simd.run(PoolBack { x, at, channels, y, dy, rows, dx }));
    };
    // SAFETY: the pieces are all rows of the result; each writes its two rows of the input, and the last of an image an odd row too.
    unsafe { written(x.len(), write) }
}

pub(crate) fn half(at: Maps) -> Maps {
    Maps { images: at.images, height: at.height / 2, width: at.width / 2 }
}

/// The four pixels of an output pixel, as places of their first channels.
#[inline(always)]
pub(crate) fn four(at: Maps, channels: usize, row: usize, column: usize) -> [usize; 4] {
    let (image, row) = (row / (at.height / 2), row % (at.height / 2));
    let first = ((image * at.height + 2 * row) * at.width + 2 * column) * channels;
    let below = first + at.width * channels;
    [first, first + channels, below, below + channels]
}

/// Some rows of the output.
struct Pool<'a> {
    x: &'a [f32],
    at: Maps,
    channels: usize,
    rows: Range<usize>,
    y: Target<'a>,
}

impl Work for Pool<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let (channels, to) = (self.channels, half(self.at));
        assert!(self.rows.end <= to.images * to.height && self.x.len() == self.at.pixels() * channels);
        assert!(self.y.len() == to.pixels() * channels);
        for row in self.rows {
            for column in 0..to.width {
                let from = four(self.at, channels, row, column);
                for offset in (0..channels).step_by(BLOCK) {
                    let filled = BLOCK.min(channels - offset);
                    // SAFETY: pixels inside of the maps, with `filled` channels from `offset` on; the row is this task's own.
                    unsafe {
                        let largest = largest(load_four::<L>(self.x, from, offset, filled));
                        largest.store_first(self.y.at((row * to.width + column) * channels + offset), filled);
                    }
                }
            }
        }
    }
}

/// The largest of four; not a number if any is not.
#[inline(always)]
pub(crate) fn largest<L: Lanes>([a, b, c, d]: [L; 4]) -> L {
    a.larger(b).larger(c.larger(d))
}

/// # Safety
/// `filled` numbers can be read at each place, `offset` numbers on.
#[inline(always)]
unsafe fn load_four<L: Lanes>(x: &[f32], from: [usize; 4], offset: usize, filled: usize) -> [L; 4] {
    let mut four = [L::splat(0.0); 4];
    for (vector, from) in four.iter_mut().zip(from) {
        // SAFETY: what the caller promises.
        *vector = unsafe { read(x.as_ptr().add(from + offset), filled) };
    }
    four
}

/// Some rows of the output, backward.
struct PoolBack<'a> {
    x: &'a [f32],
    at: Maps,
    channels: usize,
    y: &'a [f32],
    dy: &'a [f32],
    rows: Range<usize>,
    dx: Target<'a>,
}

impl Work for PoolBack<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let (channels, to) = (self.channels, half(self.at));
        assert!(self.rows.end <= to.images * to.height && self.x.len() == self.at.pixels() * channels);
        assert!(self.y.len() == to.pixels() * channels && self.dy.len() == self.y.len() && self.dx.len() == self.x.len());
        for row in self.rows.clone() {
            // SAFETY: the rows are this task's own.
            unsafe { self.zero_left_out(row) };
            for column in 0..to.width {
                let from = four(self.at, channels, row, column);
                for offset in (0..channels).step_by(BLOCK) {
                    let filled = BLOCK.min(channels - offset);
                    let at = (row * to.width + column) * channels + offset;
                    // SAFETY: pixels inside of the maps, with `filled` channels from `offset` on; the rows are this task's own.
                    unsafe {
                        let pixels = load_four::<L>(self.x, from, offset, filled);
                        let largest = L::load_first(self.y.as_ptr().add(at), filled);
                        let mut left = L::load_first(self.dy.as_ptr().add(at), filled);
                        for (pixel, from) in pixels.into_iter().zip(from) {
                            let (goes, stays) = left.where_equal(pixel, largest);
                            goes.store_first(self.dx.at(from + offset), filled);
                            left = stays;
                        }
                    }
                }
            }
        }
    }
}

impl PoolBack<'_> {
    /// Writes zeros to the odd last column of two rows, and to the odd last row behind the last two.
    ///
    /// # Safety
    /// Nobody else uses these rows of `dx` now.
    unsafe fn zero_left_out(&self, row: usize) {
        let Maps { height, width, .. } = self.at;
        let (image, within) = (row / (height / 2), row % (height / 2));
        let line = |row: usize| (image * height + row) * width * self.channels;
        // SAFETY: rows inside of the maps, by the assertions of the caller.
        unsafe {
            if width % 2 == 1 {
                for end in [line(2 * within + 1), line(2 * within + 2)] {
                    self.dx.at(end - self.channels).write_bytes(0, self.channels);
                }
            }
            if height % 2 == 1 && within + 1 == height / 2 {
                self.dx.at(line(height - 1)).write_bytes(0, width * self.channels);
            }
        }
    }
}
