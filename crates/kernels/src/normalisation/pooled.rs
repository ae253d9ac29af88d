//! Batch normalisation, ReLU and max-pool 2×2 in one: what lies between is never written to memory. It is computed anew on the way
//! back, square by square, to the same bits.

use super::{
    Layer, Normalisation, NormalisationGradients, Normalised, PARTS, SINGLE, Singles, Slopes, moments, slope, sum_parts,
};
use crate::maps::Maps;
use crate::pool::{four, half, largest};
use crate::scratch::{Target, written};
use crate::simd::{BLOCK, Lanes, Simd, Work, read, write};
use crate::threads::{part, pieces};
use std::ops::Range;

/// [`normalise_by_batch`](crate::normalise_by_batch) with ReLU, and [`pool`](crate::pool()) behind it, to the same bits. `x` is
/// `[image, row, column, channel]` with the sizes of `at`; the output has half as many rows and columns, rounded down.
///
/// # Panics
/// If `x` is not as long as `at` and the number of gains and shifts say.
#[must_use]
pub fn normalise_by_batch_and_pool(x: &[f32], at: Maps, layer: &Normalisation) -> Normalised {
    assert_eq!(layer.pixels(x), at.pixels(), "pixels of {at:?}");
    let (simd, to) = (Simd::current(), half(at));
    let (mean, variance) = moments(x, layer);
    let ready = Layer::new(layer, &mean, &variance, true);
    let write = |y: Target| {
        pieces(to.images * to.height, 1, x.len() * 4, |rows| simd.run(Pool { x, at, layer: &ready, rows, y }));
    };
    // SAFETY: the pieces are all rows of the result.
    let y = unsafe { written(to.pixels() * ready.channels, write) };
    Normalised { y, mean, variance }
}

/// The gradients of [`normalise_by_batch_and_pool`], given its input, mean and variance, and the gradient `dy` with respect to its
/// output.
///
/// # Panics
/// If the lengths do not fit together.
#[must_use]
pub fn normalise_by_batch_and_pool_back(
    x: &[f32],
    at: Maps,
    mean: &[f32],
    variance: &[f32],
    layer: &Normalisation,
    dy: &[f32],
) -> NormalisationGradients {
    assert_eq!(layer.pixels(x), at.pixels(), "pixels of {at:?}");
    let (simd, rows) = (Simd::current(), at.images * (at.height / 2));
    let ready = Layer::new(layer, mean, variance, true);
    assert_eq!(dy.len(), half(at).pixels() * ready.channels, "output gradient of a pool on {at:?}");
    let call = Backward { x, at, dy, layer: &ready };
    let count = rows.clamp(1, PARTS);
    let sums = sum_parts(count, ready.channels, x.len() * 6, |i, sums| {
        simd.run(SumGradients { call: &call, rows: part(rows, count, i), sums });
    });
    let Slopes { factors, dgain, dshift } = Slopes::new(layer, variance, &sums, at.pixels());
    // Maps of one row have no row of squares, but pixels.
    let lines = at.images * at.height.div_ceil(2);
    let write = |dx: Target| {
        pieces(lines, 1, x.len() * 10, |lines| simd.run(InputGradients { call: &call, factors: &factors, lines, dx }));
    };
    // SAFETY: the pieces are all pairs of rows, and each writes both, or the last one where their number is odd.
    let dx = unsafe { written(x.len(), write) };
    NormalisationGradients { dx, dgain, dshift }
}

/// Some rows of the output.
struct Pool<'a> {
    x: &'a [f32],
    at: Maps,
    layer: &'a Layer,
    rows: Range<usize>,
    y: Target<'a>,
}

impl Work for Pool<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let (layer, channels, to) = (self.layer, self.layer.channels, half(self.at));
        layer.assert_padded();
        assert!(self.rows.end <= to.images * to.height && self.x.len() == self.at.pixels() * channels);
        assert!(self.y.len() == to.pixels() * channels);
        for row in self.rows {
            for column in 0..to.width {
                let from = four(self.at, channels, row, column);
                for offset in (0..channels).step_by(BLOCK) {
                    let filled = BLOCK.min(channels - offset);
                    // SAFETY: pixels inside of the maps, with `filled` channels from `offset` on; the row is this task's own.
                    unsafe {
                        let mut y = [L::splat(0.0); 4];
                        for (y, from) in y.iter_mut().zip(from) {
                            *y = layer.output(layer.centred(self.x, from + offset, offset, filled), offset);
                        }
                        write(largest(y), self.y.at((row * to.width + column) * channels + offset), filled);
                    }
                }
            }
        }
    }
}

/// The way back.
struct Backward<'a> {
    x: &'a [f32],
    at: Maps,
    dy: &'a [f32],
    layer: &'a Layer,
}

impl Backward<'_> {
    fn assert_inside(&self) {
        self.layer.assert_padded();
        assert!(self.x.len() == self.at.pixels() * self.layer.channels);
        assert!(self.dy.len() == half(self.at).pixels() * self.layer.channels);
    }

    /// Of the four pixels of a square, `x - mean`, and what of the gradient comes to each: all of it to the first that is the largest,
    /// if the ReLU let that pass.
    ///
    /// # Safety
    /// `filled` numbers, at most sixteen, can be read, `offset` numbers on, from the places of the pixels in `x` and from place `dy` of the
    /// output's gradient; `offset` is the first channel of a block that there is.
    #[inline(always)]
    unsafe fn square<L: Lanes>(&self, from: [usize; 4], dy: usize, offset: usize, filled: usize) -> ([L; 4], [L; 4]) {
        let (mut centred, mut y, mut d) = ([L::splat(0.0); 4], [L::splat(0.0); 4], [L::splat(0.0); 4]);
        // SAFETY: what the caller promises.
        unsafe {
            for k in 0..4 {
                centred[k] = self.layer.centred(self.x, from[k] + offset, offset, filled);
                y[k] = self.layer.output(centred[k], offset);
            }
            let largest = largest(y);
            let mut left = read::<L>(self.dy.as_ptr().add(dy + offset), filled).through_relu(largest);
            for k in 0..4 {
                (d[k], left) = left.where_equal(y[k], largest);
            }
        }
        (centred, d)
    }
}

/// The sums of what passes and of its product with `x - mean` over some rows of squares.
struct SumGradients<'a> {
    call: &'a Backward<'a>,
    rows: Range<usize>,
    sums: &'a mut [[f64; 2]],
}

impl Work for SumGradients<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let (call, channels, to) = (self.call, self.call.layer.channels, half(self.call.at));
        call.assert_inside();
        assert!(self.rows.end <= to.images * to.height);
        let mut singles = Singles::new(channels);
        for row in self.rows {
            for first in (0..to.width).step_by(SINGLE / 4) {
                for column in first..to.width.min(first + SINGLE / 4) {
                    let from = four(call.at, channels, row, column);
                    for offset in (0..channels).step_by(BLOCK) {
                        let (dy, filled) = ((row * to.width + column) * channels, BLOCK.min(channels - offset));
                        // SAFETY: pixels inside of the maps, by the assertions, with `filled` channels from `offset` on.
                        unsafe {
                            let (centred, d) = call.square::<L>(from, dy, offset, filled);
                            for k in 0..4 {
                                singles.add(offset, d[k], centred[k], d[k]);
                            }
                        }
                    }
                }
                singles.pour(self.sums);
            }
        }
    }
}

/// `dx` for some pairs of rows.
struct InputGradients<'a> {
    call: &'a Backward<'a>,
    factors: &'a [Vec<f32>; 3],
    /// Pairs of rows, image after image; the last of an image is a single one where their number is odd.
    lines: Range<usize>,
    dx: Target<'a>,
}

impl Work for InputGradients<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let (call, channels, Maps { images, height, width }) = (self.call, self.call.layer.channels, self.call.at);
        call.assert_inside();
        assert!(self.dx.len() == call.x.len() && self.lines.end <= images * height.div_ceil(2));
        assert!(self.factors.iter().all(|factor| factor.len() >= channels.next_multiple_of(BLOCK)));
        for line in self.lines.clone() {
            let (image, within) = (line / height.div_ceil(2), line % height.div_ceil(2));
            let pixel = |row: usize, column: usize| (image * height + row) * width + column;
            // SAFETY: the pixels of these rows are this task's own; squares and single pixels are all of them.
            unsafe {
                if 2 * within + 1 < height {
                    for column in 0..width / 2 {
                        self.square::<L>(image * (height / 2) + within, column);
                    }
                    if width % 2 == 1 {
                        self.left_out::<L>(pixel(2 * within, width - 1));
                        self.left_out::<L>(pixel(2 * within + 1, width - 1));
                    }
                } else {
                    for column in 0..width {
                        self.left_out::<L>(pixel(2 * within, column));
                    }
                }
            }
        }
    }
}

impl InputGradients<'_> {
    /// The four pixels of a square.
    ///
    /// # Safety
    /// The square is inside, and this task's own.
    #[inline(always)]
    unsafe fn square<L: Lanes>(&self, row: usize, column: usize) {
        let (call, channels) = (self.call, self.call.layer.channels);
        let from = four(call.at, channels, row, column);
        let dy = (row * (call.at.width / 2) + column) * channels;
        for offset in (0..channels).step_by(BLOCK) {
            let filled = BLOCK.min(channels - offset);
            // SAFETY: what the caller promises.
            unsafe {
                let (centred, d) = call.square::<L>(from, dy, offset, filled);
                for k in 0..4 {
                    write(slope(self.factors, d[k], centred[k], offset), self.dx.at(from[k] + offset), filled);
                }
            }
        }
    }

    /// A pixel of an odd last row or column, which no gradient comes to but that through mean and variance.
    ///
    /// # Safety
    /// The pixel is inside, and this task's own.
    #[inline(always)]
    unsafe fn left_out<L: Lanes>(&self, pixel: usize) {
        let channels = self.call.layer.channels;
        for offset in (0..channels).step_by(BLOCK) {
            let (at, filled) = (pixel * channels + offset, BLOCK.min(channels - offset));
            // SAFETY: what the caller promises.
            unsafe {
                let centred = self.call.layer.centred(self.call.x, at, offset, filled);
                write(slope(self.factors, L::splat(0.0), centred, offset), self.dx.at(at), filled);
            }
        }
    }
}
