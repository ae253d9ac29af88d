//! Batch normalisation (Ioffe & Szegedy 2015), with the ReLU that usually follows.
//!
//! Two passes over the maps each way: one for sums over all pixels, one for the result. The sums are taken of what is
//! shifted by the first pixel's values (forward) or the mean (backward), in single precision over a few pixels and in double
//! precision beyond, so that neither a large mean nor many pixels cost precision. (A first pixel that lies hundreds of standard deviations
//! from the others does: some 1e-3 of the variance.)
//!
//! The way back needs the input alone: which outputs the ReLU let pass, it computes anew, to the same bits. Memory is slower than that.

pub(crate) mod pooled;

use crate::scratch::{Scratch, Target, scratch, written};
use crate::simd::{BLOCK, Lanes, Simd, Work, read, write};
use crate::threads::{each, part, pieces};
use std::ops::Range;

/// So many pixels are summed in single precision.
const SINGLE: usize = 128;

/// The most parts of a sum. They are small here, so there can be more of them than elsewhere.
const PARTS: usize = 32;

/// What a normalisation layer has learned, and its constant. The number of channels is that of gains.
#[derive(Clone, Copy, Debug)]
pub struct Normalisation<'a> {
    /// The factor of each channel (`weight` in PyTorch).
    pub gain: &'a [f32],
    /// What is added to each channel (`bias` in PyTorch).
    pub shift: &'a [f32],
    /// Added to the variance before its root is taken; 1e-5 in PyTorch.
    pub epsilon: f32,
}

/// What [`normalise_by_batch`] and [`normalise_by_batch_and_pool`](crate::normalise_by_batch_and_pool) compute.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalised {
    /// `[image, row, column, channel]`; behind a pool with half as many rows and columns.
    pub y: Vec<f32>,
    /// Of each channel over all images and pixels.
    pub mean: Vec<f32>,
    /// The same; biased, that is, divided by the number of pixels. The running variance of PyTorch takes n / (n - 1) times as much.
    pub variance: Vec<f32>,
}

/// What [`normalise_by_batch_back`] and [`normalise_by_batch_and_pool_back`](crate::normalise_by_batch_and_pool_back) compute.
#[derive(Clone, Debug, PartialEq)]
pub struct NormalisationGradients {
    /// `[image, row, column, channel]`
    pub dx: Vec<f32>,
    /// `[channel]`
    pub dgain: Vec<f32>,
    /// `[channel]`
    pub dshift: Vec<f32>,
}

/// Normalises each channel by its mean and variance over the batch: `y = (x - mean) / sqrt(variance + epsilon) * gain + shift`,
/// then ReLU if wanted. `x` is `[image, row, column, channel]`.
///
/// # Panics
/// If `x` is not whole pixels of as many channels as there are gains and shifts.
#[must_use]
pub fn normalise_by_batch(x: &[f32], layer: &Normalisation, relu: bool) -> Normalised {
    let (mean, variance) = moments(x, layer);
    let y = normalise(Simd::current(), x, &Layer::new(layer, &mean, &variance, relu));
    Normalised { y, mean, variance }
}

/// Normalises each channel by a given mean and variance, such as the running ones of a trained network, then ReLU if wanted: the
/// formula and the order of `x` are those of [`normalise_by_batch`]. `mean` and `variance` are `[channel]`.
///
/// # Panics
/// If `x` is not whole pixels of as many channels as there are gains, shifts, means and variances.
#[must_use]
pub fn normalise_by(x: &[f32], mean: &[f32], variance: &[f32], layer: &Normalisation, relu: bool) -> Vec<f32> {
    layer.pixels(x);
    normalise(Simd::current(), x, &Layer::new(layer, mean, variance, relu))
}

/// The gradients of [`normalise_by_batch`], given its input, mean and variance, whether ReLU was applied, and the gradient `dy` with
/// respect to its output, as long as `x`. The gradient through mean and variance is part of `dx`.
///
/// # Panics
/// If the lengths do not fit together.
#[must_use]
pub fn normalise_by_batch_back(
    x: &[f32],
    mean: &[f32],
    variance: &[f32],
    layer: &Normalisation,
    relu: bool,
    dy: &[f32],
) -> NormalisationGradients {
    let (simd, pixels) = (Simd::current(), layer.pixels(x));
    assert_eq!(dy.len(), x.len(), "the output's gradient is as long as the input");
    let ready = Layer::new(layer, mean, variance, relu);
    let call = Backward { x, dy, layer: &ready };
    let count = (pixels / 64).clamp(1, PARTS);
    let sums = sum_parts(count, ready.channels, x.len() * 4, |i, sums| {
        simd.run(SumGradients { call: &call, pixels: part(pixels, count, i), sums });
    });
    let Slopes { factors, dgain, dshift } = Slopes::new(layer, variance, &sums, pixels);
    let write = |dx: Target| {
        pieces(pixels, 16, x.len() * 8, |pixels| simd.run(InputGradients { call: &call, factors: &factors, pixels, dx }));
    };
    // SAFETY: the pieces are all pixels.
    let dx = unsafe { written(x.len(), write) };
    NormalisationGradients { dx, dgain, dshift }
}

impl Normalisation<'_> {
    /// The number of pixels of some maps.
    fn pixels(&self, x: &[f32]) -> usize {
        let channels = self.gain.len();
        assert_eq!(self.shift.len(), channels, "as many shifts as gains");
        assert!(channels > 0 && x.len().is_multiple_of(channels), "{} numbers are not pixels of {channels} channels", x.len());
        x.len() / channels
    }
}

/// Mean and biased variance of each channel.
fn moments(x: &[f32], layer: &Normalisation) -> (Vec<f32>, Vec<f32>) {
    let (simd, pixels, channels) = (Simd::current(), layer.pixels(x), layer.gain.len());
    let first = if pixels > 0 { padded(&x[..channels]) } else { vec![0.0; channels.next_multiple_of(BLOCK)] };
    let count = (pixels / 64).clamp(1, PARTS);
    let sums = sum_parts(count, channels, x.len() * 4, |i, sums| {
        simd.run(SumSquares { x, centre: &first, channels, pixels: part(pixels, count, i), sums });
    });
    let (mut mean, mut variance) = (vec![0.0; channels], vec![0.0; channels]);
    for (channel, [sum, squares]) in sums.into_iter().enumerate() {
        let shifted = sum / pixels.max(1) as f64;
        mean[channel] = (f64::from(first[channel]) + shifted) as f32;
        let squared = squares / pixels.max(1) as f64 - shifted * shifted;
        // rounding may have left less than nothing; what is not a number stays so
        variance[channel] = if squared < 0.0 { 0.0 } else { squared as f32 };
    }
    (mean, variance)
}

/// A layer as the loops take it: a number for each channel, with zeros to fill the last block.
struct Layer {
    channels: usize,
    mean: Vec<f32>,
    /// `gain / sqrt(variance + epsilon)`
    factor: Vec<f32>,
    shift: Vec<f32>,
    relu: bool,
}

impl Layer {
    fn new(layer: &Normalisation, mean: &[f32], variance: &[f32], relu: bool) -> Layer {
        let channels = layer.gain.len();
        assert!(mean.len() == channels && variance.len() == channels, "mean and variance of {channels} channels");
        let root = |i: usize| (f64::from(variance[i]) + f64::from(layer.epsilon)).sqrt();
        let factor: Vec<f32> = (0..channels).map(|i| (f64::from(layer.gain[i]) / root(i)) as f32).collect();
        Layer { channels, mean: padded(mean), factor: padded(&factor), shift: padded(layer.shift), relu }
    }

    /// `x - mean` of the channels of a block, at place `at` of the maps.
    ///
    /// # Safety
    /// `filled` numbers, at most sixteen, can be read from there; `offset` is the first channel of a block that there is.
    #[inline(always)]
    unsafe fn centred<L: Lanes>(&self, x: &[f32], at: usize, offset: usize, filled: usize) -> L {
        // SAFETY: what the caller promises; the lists are padded.
        unsafe { read::<L>(x.as_ptr().add(at), filled) - L::load(self.mean.as_ptr().add(offset)) }
    }

    /// What comes out for that.
    ///
    /// # Safety
    /// `offset` is the first channel of a block that there is.
    #[inline(always)]
    unsafe fn output<L: Lanes>(&self, centred: L, offset: usize) -> L {
        // SAFETY: what the caller promises; the lists are padded.
        let y =
            unsafe { centred.times_plus(L::load(self.factor.as_ptr().add(offset)), L::load(self.shift.as_ptr().add(offset))) };
        if self.relu { y.relu() } else { y }
    }

    /// That all lists are padded; the unsafe code stands on it.
    fn assert_padded(&self) {
        let padded = self.channels.next_multiple_of(BLOCK);
        assert!([&self.mean, &self.factor, &self.shift].iter().all(|list| list.len() == padded));
    }
}

/// What follows from the sums over all pixels. With d what passes the ReLU, n pixels and s the root:
/// `dx = gain / s * (d - Σd / n - (x - mean) / s² * Σ d (x - mean) / n)`.
struct Slopes {
    /// `dx = f0 * d + f1 * (x - mean) + f2`; padded.
    factors: [Vec<f32>; 3],
    dgain: Vec<f32>,
    dshift: Vec<f32>,
}

impl Slopes {
    /// From `Σd` and `Σ d (x - mean)` of each channel.
    fn new(layer: &Normalisation, variance: &[f32], sums: &[[f64; 2]], pixels: usize) -> Slopes {
        let channels = layer.gain.len();
        let mut factors = [(); 3].map(|()| vec![0.0; channels.next_multiple_of(BLOCK)]);
        let (mut dgain, mut dshift) = (vec![0.0; channels], vec![0.0; channels]);
        for (channel, &[sum, product]) in sums.iter().enumerate() {
            let inverse = 1.0 / (f64::from(variance[channel]) + f64::from(layer.epsilon)).sqrt();
            let (factor, pixels) = (f64::from(layer.gain[channel]) * inverse, pixels.max(1) as f64);
            factors[0][channel] = factor as f32;
            factors[1][channel] = (-factor * inverse * inverse * product / pixels) as f32;
            factors[2][channel] = (-factor * sum / pixels) as f32;
            dgain[channel] = (product * inverse) as f32;
            dshift[channel] = sum as f32;
        }
        Slopes { factors, dgain, dshift }
    }
}

/// `dx` of the channels of a block.
///
/// # Safety
/// `offset` is the first channel of a block that the padded factors have.
#[inline(always)]
unsafe fn slope<L: Lanes>(factors: &[Vec<f32>; 3], d: L, centred: L, offset: usize) -> L {
    let [f0, f1, f2] = factors;
    // SAFETY: what the caller promises.
    unsafe {
        let rest = centred.times_plus(L::load(f1.as_ptr().add(offset)), L::load(f2.as_ptr().add(offset)));
        d.times_plus(L::load(f0.as_ptr().add(offset)), rest)
    }
}

/// A number for each channel, with zeros to fill the last block.
fn padded(numbers: &[f32]) -> Vec<f32> {
    let mut padded = numbers.to_vec();
    padded.resize(numbers.len().next_multiple_of(BLOCK), 0.0);
    padded
}

fn normalise(simd: Simd, x: &[f32], layer: &Layer) -> Vec<f32> {
    let write = |y: Target| {
        pieces(x.len() / layer.channels, 16, x.len() * 4, |pixels| simd.run(Normalise { x, layer, pixels, y }));
    };
    // SAFETY: the pieces are all pixels.
    unsafe { written(x.len(), write) }
}

/// Two sums for each channel over `count` parts, which `add` adds to what it is given. The parts depend on the shape alone, and
/// are added in order.
fn sum_parts(count: usize, channels: usize, cost: usize, add: impl Fn(usize, &mut [[f64; 2]]) + Sync) -> Vec<[f64; 2]> {
    let mut parts = vec![[0.0f64; 2]; count * channels];
    let all = std::sync::Mutex::new(parts.chunks_mut(channels).map(Some).collect::<Vec<_>>());
    each(count, cost, |i| {
        let sums = all.lock().expect("nothing panics under this lock")[i].take();
        add(i, sums.expect("each part is added once"));
    });
    let (first, others) = parts.split_at_mut(channels);
    for other in others.chunks(channels) {
        for (sum, more) in first.iter_mut().zip(other) {
            *sum = [sum[0] + more[0], sum[1] + more[1]];
        }
    }
    parts.truncate(channels);
    parts
}

/// Sums in single precision over a few pixels, two for each channel.
struct Singles {
    sums: Scratch,
    padded: usize,
}

impl Singles {
    fn new(channels: usize) -> Singles {
        let padded = channels.next_multiple_of(BLOCK);
        let mut sums = scratch(2 * padded);
        sums.fill(0.0);
        Singles { sums, padded }
    }

    /// Adds to both sums of a block of channels.
    ///
    /// # Safety
    /// `offset` is the first channel of a block that there is.
    #[inline(always)]
    unsafe fn add<L: Lanes>(&mut self, offset: usize, first: L, a: L, b: L) {
        // SAFETY: what the caller promises.
        unsafe {
            let sum = self.sums.as_mut_ptr().add(offset);
            let product = sum.add(self.padded);
            (L::load(sum) + first).store(sum);
            a.times_plus(b, L::load(product)).store(product);
        }
    }

    /// Moves the sums to sums in double precision.
    fn pour(&mut self, sums: &mut [[f64; 2]]) {
        for (channel, sum) in sums.iter_mut().enumerate() {
            *sum = [sum[0] + f64::from(self.sums[channel]), sum[1] + f64::from(self.sums[self.padded + channel])];
        }
        self.sums.fill(0.0);
    }
}

/// The sums of `x - centre` and of its square over some pixels.
struct SumSquares<'a> {
    x: &'a [f32],
    centre: &'a [f32],
    channels: usize,
    pixels: Range<usize>,
    sums: &'a mut [[f64; 2]],
}

impl Work for SumSquares<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let channels = self.channels;
        assert!(self.pixels.end * channels <= self.x.len() && self.centre.len() >= channels.next_multiple_of(BLOCK));
        let mut singles = Singles::new(channels);
        for from in self.pixels.clone().step_by(SINGLE) {
            for pixel in from..self.pixels.end.min(from + SINGLE) {
                for offset in (0..channels).step_by(BLOCK) {
                    let filled = BLOCK.min(channels - offset);
                    // SAFETY: the pixel is inside, by the assertion, and has `filled` channels from `offset` on; the others are padded.
                    unsafe {
                        let x = read::<L>(self.x.as_ptr().add(pixel * channels + offset), filled);
                        let x = x - L::load(self.centre.as_ptr().add(offset));
                        singles.add(offset, x, x, x);
                    }
                }
            }
            singles.pour(self.sums);
        }
    }
}

/// The way back.
struct Backward<'a> {
    x: &'a [f32],
    dy: &'a [f32],
    layer: &'a Layer,
}

impl Backward<'_> {
    fn assert_inside(&self, pixels: &Range<usize>) {
        self.layer.assert_padded();
        assert!(pixels.end * self.layer.channels <= self.x.len() && self.dy.len() == self.x.len());
    }

    /// `x - mean`, and what of the gradient passes the ReLU, if there is one.
    ///
    /// # Safety
    /// `filled` numbers, at most sixteen, can be read from place `at` of both; `offset` is the first channel of a block that there is.
    #[inline(always)]
    unsafe fn at<L: Lanes>(&self, at: usize, offset: usize, filled: usize) -> (L, L) {
        // SAFETY: what the caller promises.
        unsafe {
            let centred: L = self.layer.centred(self.x, at, offset, filled);
            let d = read::<L>(self.dy.as_ptr().add(at), filled);
            (centred, if self.layer.relu { d.through_relu(self.layer.output(centred, offset)) } else { d })
        }
    }
}

/// The sums of what passes and of its product with `x - mean` over some pixels.
struct SumGradients<'a> {
    call: &'a Backward<'a>,
    pixels: Range<usize>,
    sums: &'a mut [[f64; 2]],
}

impl Work for SumGradients<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let channels = self.call.layer.channels;
        self.call.assert_inside(&self.pixels);
        let mut singles = Singles::new(channels);
        for from in self.pixels.clone().step_by(SINGLE) {
            for pixel in from..self.pixels.end.min(from + SINGLE) {
                for offset in (0..channels).step_by(BLOCK) {
                    // SAFETY: the pixel is inside, by the assertion, and has so many channels from `offset` on.
                    unsafe {
                        let (centred, d) = self.call.at::<L>(pixel * channels + offset, offset, BLOCK.min(channels - offset));
                        singles.add(offset, d, centred, d);
                    }
                }
            }
            singles.pour(self.sums);
        }
    }
}

/// `y = (x - mean) * factor + shift` for some pixels.
struct Normalise<'a> {
    x: &'a [f32],
    layer: &'a Layer,
    pixels: Range<usize>,
    y: Target<'a>,
}

impl Work for Normalise<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Normalise { x, layer, pixels, y } = self;
        let channels = layer.channels;
        layer.assert_padded();
        assert!(pixels.end * channels <= x.len() && y.len() == x.len());
        for pixel in pixels {
            for offset in (0..channels).step_by(BLOCK) {
                let (at, filled) = (pixel * channels + offset, BLOCK.min(channels - offset));
                // SAFETY: the pixel is inside, by the assertion, has `filled` channels from `offset` on, and is this task's own.
                unsafe { write(layer.output::<L>(layer.centred(x, at, offset, filled), offset), y.at(at), filled) };
            }
        }
    }
}

/// `dx` for some pixels.
struct InputGradients<'a> {
    call: &'a Backward<'a>,
    factors: &'a [Vec<f32>; 3],
    pixels: Range<usize>,
    dx: Target<'a>,
}

impl Work for InputGradients<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let channels = self.call.layer.channels;
        self.call.assert_inside(&self.pixels);
        assert!(self.dx.len() == self.call.x.len());
        assert!(self.factors.iter().all(|factor| factor.len() >= channels.next_multiple_of(BLOCK)));
        for pixel in self.pixels {
            for offset in (0..channels).step_by(BLOCK) {
                let (at, filled) = (pixel * channels + offset, BLOCK.min(channels - offset));
                // SAFETY: the pixel is inside, by the assertion, has `filled` channels from `offset` on, and is this task's own; the
                // factors are padded.
                unsafe {
                    let (centred, d) = self.call.at::<L>(at, offset, filled);
                    write(slope(self.factors, d, centred, offset), self.dx.at(at), filled);
                }
            }
        }
    }
}
