//! Batch normalisation (Ioffe & Szegedy 2015), with the ReLU that usually follows.
//!
//! Two passes over the maps each way: one for sums over all pixels, one for the result. The sums are taken of what is
//! shifted by the first pixel's values (forward) or the mean (backward), in single precision over a few pixels and in double
//! precision beyond, so that neither a large mean nor many pixels cost precision.

use crate::scratch::{Target, scratch, written};
use crate::simd::{BLOCK, Lanes, Simd, Work};
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

/// What [`normalise_by_batch`] computes.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalised {
    /// `[image, row, column, channel]`
    pub y: Vec<f32>,
    /// Of each channel over all images and pixels.
    pub mean: Vec<f32>,
    /// The same; biased, that is, divided by the number of pixels. The running variance of PyTorch takes n / (n - 1) times as much.
    pub variance: Vec<f32>,
}

/// What [`normalise_by_batch_back`] computes.
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
    let simd = Simd::current();
    let pixels = layer.pixels(x);
    let channels = layer.gain.len();
    let first = if pixels > 0 { padded(&x[..channels]) } else { vec![0.0; channels] };
    let sums = sums(simd, &Maps { x, gradient: None }, &first, channels);
    let (mut mean, mut variance) = (vec![0.0; channels], vec![0.0; channels]);
    for channel in 0..channels {
        let [sum, squares] = sums[channel];
        let shifted = sum / pixels.max(1) as f64;
        mean[channel] = (f64::from(first[channel]) + shifted) as f32;
        variance[channel] = (squares / pixels.max(1) as f64 - shifted * shifted).max(0.0) as f32;
    }
    let y = normalise(simd, x, &mean, &variance, layer, relu);
    Normalised { y, mean, variance }
}

/// Normalises each channel by a given mean and variance, such as the running ones of a trained network, then ReLU if wanted.
///
/// # Panics
/// If `x` is not whole pixels of as many channels as there are gains, shifts, means and variances.
#[must_use]
pub fn normalise_by(x: &[f32], mean: &[f32], variance: &[f32], layer: &Normalisation, relu: bool) -> Vec<f32> {
    normalise(Simd::current(), x, mean, variance, layer, relu)
}

/// The gradients of [`normalise_by_batch`], given its input, mean and variance, and the gradient `dy` with respect to its output.
/// If ReLU was applied, `y` is the output. The gradient through mean and variance is part of `dx`.
///
/// # Panics
/// If the lengths do not fit together.
#[must_use]
pub fn normalise_by_batch_back(
    x: &[f32],
    mean: &[f32],
    variance: &[f32],
    layer: &Normalisation,
    y: Option<&[f32]>,
    dy: &[f32],
) -> NormalisationGradients {
    let simd = Simd::current();
    let pixels = layer.pixels(x);
    let channels = layer.gain.len();
    assert!(mean.len() == channels && variance.len() == channels, "mean and variance of {channels} channels");
    assert!(dy.len() == x.len() && y.is_none_or(|y| y.len() == x.len()), "output and its gradient are as long as the input");
    let maps = Maps { x, gradient: Some((dy, y)) };
    let mean = padded(mean);
    let sums = sums(simd, &maps, &mean, channels);
    // With d what passes the ReLU, n pixels and s the root: dx = gain / s * (d - Σd / n - (x - mean) / s² * Σ d (x - mean) / n).
    let mut factors = [(); 3].map(|()| vec![0.0; channels.next_multiple_of(BLOCK)]);
    let (mut dgain, mut dshift) = (vec![0.0; channels], vec![0.0; channels]);
    for channel in 0..channels {
        let [sum, product] = sums[channel];
        let inverse = 1.0 / (f64::from(variance[channel]) + f64::from(layer.epsilon)).sqrt();
        let (factor, pixels) = (f64::from(layer.gain[channel]) * inverse, pixels.max(1) as f64);
        factors[0][channel] = factor as f32;
        factors[1][channel] = (-factor * inverse * inverse * product / pixels) as f32;
        factors[2][channel] = (-factor * sum / pixels) as f32;
        dgain[channel] = (product * inverse) as f32;
        dshift[channel] = sum as f32;
    }
    let write = |dx: Target| {
        pieces(pixels, 16, x.len() * 8, |pixels| {
            simd.run(InputGradients { maps: &maps, mean: &mean, factors: &factors, channels, pixels, dx });
        });
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

/// A number for each channel, with zeros to fill the last block.
fn padded(numbers: &[f32]) -> Vec<f32> {
    let mut padded = numbers.to_vec();
    padded.resize(numbers.len().next_multiple_of(BLOCK), 0.0);
    padded
}

fn normalise(simd: Simd, x: &[f32], mean: &[f32], variance: &[f32], layer: &Normalisation, relu: bool) -> Vec<f32> {
    let (pixels, channels) = (layer.pixels(x), layer.gain.len());
    assert!(mean.len() == channels && variance.len() == channels, "mean and variance of {channels} channels");
    let root = |i: usize| (f64::from(variance[i]) + f64::from(layer.epsilon)).sqrt();
    let factor: Vec<f32> = (0..channels).map(|i| (f64::from(layer.gain[i]) / root(i)) as f32).collect();
    let (mean, factor, shift) = (padded(mean), padded(&factor), padded(layer.shift));
    let write = |y: Target| {
        pieces(pixels, 16, x.len() * 4, |pixels| {
            simd.run(Normalise { x, mean: &mean, factor: &factor, shift: &shift, channels, relu, pixels, y });
        });
    };
    // SAFETY: the pieces are all pixels.
    unsafe { written(x.len(), write) }
}

/// What is summed: `x`, or the gradient and its product with `x`.
struct Maps<'a> {
    x: &'a [f32],
    /// The output's gradient, and the output if ReLU was applied.
    gradient: Option<(&'a [f32], Option<&'a [f32]>)>,
}

/// For each channel the sums over all pixels of `x - centre` and its square, or, if there is a gradient, of that and its product with
/// `x - centre`. The parts depend on the number of pixels alone, and are added in order.
fn sums(simd: Simd, maps: &Maps, centre: &[f32], channels: usize) -> Vec<[f64; 2]> {
    let pixels = maps.x.len() / channels;
    let count = (pixels / 64).clamp(1, PARTS);
    let mut parts = vec![[0.0f64; 2]; count * channels];
    let all = std::sync::Mutex::new(parts.chunks_mut(channels).map(Some).collect::<Vec<_>>());
    each(count, maps.x.len() * 4, |i| {
        let sums = all.lock().ok().and_then(|mut all| all[i].take());
        if let Some(sums) = sums {
            simd.run(Sums { maps, centre, channels, pixels: part(pixels, count, i), sums });
        }
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

/// Reads the channels of a block.
///
/// # Safety
/// `filled` numbers, at most sixteen, can be read from there.
#[inline(always)]
unsafe fn read<L: Lanes>(from: *const f32, filled: usize) -> L {
    // SAFETY: what the caller promises.
    unsafe { if filled == BLOCK { L::load(from) } else { L::load_first(from, filled) } }
}

/// Writes the channels of a block.
///
/// # Safety
/// `filled` numbers, at most sixteen, can be written there.
#[inline(always)]
unsafe fn write<L: Lanes>(numbers: L, to: *mut f32, filled: usize) {
    // SAFETY: what the caller promises.
    unsafe { if filled == BLOCK { numbers.store(to) } else { numbers.store_first(to, filled) } }
}

/// The sums of some pixels.
struct Sums<'a> {
    maps: &'a Maps<'a>,
    centre: &'a [f32],
    channels: usize,
    pixels: Range<usize>,
    sums: &'a mut [[f64; 2]],
}

impl Work for Sums<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let padded = self.channels.next_multiple_of(BLOCK);
        let mut single = scratch(2 * padded);
        for from in self.pixels.clone().step_by(SINGLE) {
            single.fill(0.0);
            let pixels = from..self.pixels.end.min(from + SINGLE);
            match self.maps.gradient {
                None => self.add::<L>(pixels, &mut single),
                Some((dy, y)) => self.add_gradients::<L>(pixels, dy, y, &mut single),
            }
            for (channel, sum) in self.sums.iter_mut().enumerate() {
                *sum = [sum[0] + f64::from(single[channel]), sum[1] + f64::from(single[padded + channel])];
            }
        }
    }
}

impl Sums<'_> {
    #[inline(always)]
    fn add<L: Lanes>(&self, pixels: Range<usize>, sums: &mut [f32]) {
        let padded = self.centre.len();
        assert!(pixels.end * self.channels <= self.maps.x.len() && sums.len() == 2 * padded && padded >= self.channels);
        let (sums, squares) = sums.split_at_mut(padded);
        for pixel in pixels {
            for offset in (0..self.channels).step_by(BLOCK) {
                let filled = BLOCK.min(self.channels - offset);
                // SAFETY: the pixel is inside, by the assertion, and has `filled` channels from `offset` on; the others are padded.
                unsafe {
                    let x = read::<L>(self.maps.x.as_ptr().add(pixel * self.channels + offset), filled);
                    let x = x - L::load(self.centre.as_ptr().add(offset));
                    let (sum, square) = (sums.as_mut_ptr().add(offset), squares.as_mut_ptr().add(offset));
                    (L::load(sum) + x).store(sum);
                    x.times_plus(x, L::load(square)).store(square);
                }
            }
        }
    }

    #[inline(always)]
    fn add_gradients<L: Lanes>(&self, pixels: Range<usize>, dy: &[f32], y: Option<&[f32]>, sums: &mut [f32]) {
        let padded = self.centre.len();
        assert!(pixels.end * self.channels <= self.maps.x.len() && sums.len() == 2 * padded && padded >= self.channels);
        assert!(dy.len() == self.maps.x.len() && y.is_none_or(|y| y.len() == dy.len()));
        let (sums, products) = sums.split_at_mut(padded);
        for pixel in pixels {
            for offset in (0..self.channels).step_by(BLOCK) {
                let (at, filled) = (pixel * self.channels + offset, BLOCK.min(self.channels - offset));
                // SAFETY: as for `add`; all maps are equally long.
                unsafe {
                    let x = read::<L>(self.maps.x.as_ptr().add(at), filled) - L::load(self.centre.as_ptr().add(offset));
                    let d = read_gradient::<L>(dy, y, at, filled);
                    let (sum, product) = (sums.as_mut_ptr().add(offset), products.as_mut_ptr().add(offset));
                    (L::load(sum) + d).store(sum);
                    x.times_plus(d, L::load(product)).store(product);
                }
            }
        }
    }
}

/// What of the gradient passes the ReLU, if there is one.
///
/// # Safety
/// `filled` numbers, at most sixteen, can be read from place `at` of both.
#[inline(always)]
unsafe fn read_gradient<L: Lanes>(dy: &[f32], y: Option<&[f32]>, at: usize, filled: usize) -> L {
    // SAFETY: what the caller promises.
    unsafe {
        let d = read::<L>(dy.as_ptr().add(at), filled);
        match y {
            Some(y) => d.through_relu(read::<L>(y.as_ptr().add(at), filled)),
            None => d,
        }
    }
}

/// `y = (x - mean) * factor + shift` for some pixels.
struct Normalise<'a> {
    x: &'a [f32],
    mean: &'a [f32],
    factor: &'a [f32],
    shift: &'a [f32],
    channels: usize,
    relu: bool,
    pixels: Range<usize>,
    y: Target<'a>,
}

impl Work for Normalise<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Normalise { x, mean, factor, shift, channels, relu, pixels, y } = self;
        assert!(pixels.end * channels <= x.len() && y.len() == x.len());
        assert!(mean.len() >= channels.next_multiple_of(BLOCK) && factor.len() == mean.len() && shift.len() == mean.len());
        for pixel in pixels {
            for offset in (0..channels).step_by(BLOCK) {
                let (at, filled) = (pixel * channels + offset, BLOCK.min(channels - offset));
                // SAFETY: the pixel is inside, by the assertion, has `filled` channels from `offset` on, and is this task's own; the
                // others are padded.
                unsafe {
                    let x = read::<L>(x.as_ptr().add(at), filled) - L::load(mean.as_ptr().add(offset));
                    let sum = x.times_plus(L::load(factor.as_ptr().add(offset)), L::load(shift.as_ptr().add(offset)));
                    write(if relu { sum.relu() } else { sum }, y.at(at), filled);
                }
            }
        }
    }
}

/// `dx = f0 * d + f1 * (x - mean) + f2` for some pixels.
struct InputGradients<'a> {
    maps: &'a Maps<'a>,
    mean: &'a [f32],
    factors: &'a [Vec<f32>; 3],
    channels: usize,
    pixels: Range<usize>,
    dx: Target<'a>,
}

impl Work for InputGradients<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let (channels, x) = (self.channels, self.maps.x);
        let Some((dy, y)) = self.maps.gradient else { return };
        assert!(self.pixels.end * channels <= x.len() && self.dx.len() == x.len());
        assert!(dy.len() == x.len() && y.is_none_or(|y| y.len() == x.len()));
        let padded = channels.next_multiple_of(BLOCK);
        assert!(self.mean.len() >= padded && self.factors.iter().all(|factor| factor.len() >= padded));
        for pixel in self.pixels {
            for offset in (0..channels).step_by(BLOCK) {
                let (at, filled) = (pixel * channels + offset, BLOCK.min(channels - offset));
                // SAFETY: the pixel is inside, by the assertion, has `filled` channels from `offset` on, and is this task's own; the
                // others are padded.
                unsafe {
                    let x = read::<L>(x.as_ptr().add(at), filled) - L::load(self.mean.as_ptr().add(offset));
                    let d = read_gradient::<L>(dy, y, at, filled);
                    let [f0, f1, f2] = self.factors;
                    let sum = x.times_plus(L::load(f1.as_ptr().add(offset)), L::load(f2.as_ptr().add(offset)));
                    write(d.times_plus(L::load(f0.as_ptr().add(offset)), sum), self.dx.at(at), filled);
                }
            }
        }
    }
}
