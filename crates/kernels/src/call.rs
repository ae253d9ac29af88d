//! What a convolution is asked for and gives back: its shape, the arguments of a call, and the gradients.

use crate::maps::{Maps, product};
use crate::pool::half;
use crate::scratch::{Target, written};
use crate::simd::{BLOCK, Lanes, Simd};

/// The shape of a convolution layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Convolution {
    /// Channels that come in.
    pub inputs: usize,
    /// Channels that go out.
    pub outputs: usize,
    /// Rows and columns of the kernel.
    pub kernel: [usize; 2],
    /// By how many rows and columns the kernel moves from one output to the next.
    pub stride: [usize; 2],
    /// How many rows and columns of zeros are thought around each map.
    pub padding: [usize; 2],
}

impl Convolution {
    /// A 3×3 kernel with stride 1 and padding 1, which leaves the size of maps as it is. Faster than all others.
    #[must_use]
    pub fn three_by_three(inputs: usize, outputs: usize) -> Convolution {
        Convolution { inputs, outputs, kernel: [3, 3], stride: [1, 1], padding: [1, 1] }
    }

    /// The maps that come out.
    ///
    /// # Panics
    /// If the kernel is larger than the padded maps, or empty, or the stride is 0.
    #[must_use]
    pub fn output(&self, at: Maps) -> Maps {
        let side = |length: usize, i: usize| {
            let padded = length + 2 * self.padding[i];
            assert!(self.kernel[i] > 0 && self.stride[i] > 0 && padded >= self.kernel[i], "{self:?} does not fit {at:?}");
            (padded - self.kernel[i]) / self.stride[i] + 1
        };
        Maps { images: at.images, height: side(at.height, 0), width: side(at.width, 1) }
    }

    /// The number of weights.
    #[must_use]
    pub fn weights(&self) -> usize {
        product(&[self.outputs, self.inputs, self.kernel[0], self.kernel[1]])
    }

    pub(crate) fn is_three_by_three(&self) -> bool {
        *self == Convolution::three_by_three(self.inputs, self.outputs)
    }
}

/// What [`convolve_back`](crate::convolve_back) computes.
#[derive(Clone, Debug, PartialEq)]
pub struct ConvolutionGradients {
    /// With respect to the input, if it was wanted: `[image, row, column, input]`.
    pub dx: Option<Vec<f32>>,
    /// With respect to the weights: `[output, input, kernel row, kernel column]`.
    pub dweight: Vec<f32>,
    /// With respect to the bias: `[output]`.
    pub dbias: Vec<f32>,
}

/// The arguments of [`convolve_and`](crate::convolve_and).
pub(crate) struct Forward<'a> {
    pub(crate) simd: Simd,
    pub(crate) x: &'a [f32],
    pub(crate) at: Maps,
    pub(crate) shape: Convolution,
    pub(crate) weight: &'a [f32],
    pub(crate) finish: Finish<'a>,
}

impl Forward<'_> {
    /// The numbers of the result.
    pub(crate) fn output_len(&self) -> usize {
        let to = self.shape.output(self.at);
        let to = if self.finish.pool { half(to) } else { to };
        product(&[to.pixels(), self.shape.outputs])
    }

    /// Floating point operations of a direct convolution.
    pub(crate) fn cost(&self) -> usize {
        2 * self.shape.weights() * self.shape.output(self.at).pixels()
    }
}

/// What is done to the sums of a convolution before they are written, in this order; the lists have a number for each output channel.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Finish<'a> {
    /// Multiplied with.
    pub scale: Option<&'a [f32]>,
    /// Added.
    pub bias: Option<&'a [f32]>,
    /// `max(x, 0)`.
    pub relu: bool,
    /// The largest of each 2×2 pixels, as [`pool`](crate::pool) does it.
    pub pool: bool,
}

impl Finish<'_> {
    /// The same for the `filled` channels from `offset` on.
    #[inline(always)]
    pub(crate) fn of<L: Lanes>(&self, offset: usize, filled: usize) -> FinishChannels<L> {
        #[expect(clippy::manual_map, reason = "a closure would not be compiled for the instruction set")]
        let scale = match self.scale {
            Some(scale) => Some(first(scale, offset, filled)),
            None => None,
        };
        let bias = match self.bias {
            Some(bias) => first(bias, offset, filled),
            None => L::splat(0.0),
        };
        FinishChannels { scale, bias, relu: self.relu }
    }
}

/// The numbers of `filled` channels from `offset` on.
#[inline(always)]
fn first<L: Lanes>(numbers: &[f32], offset: usize, filled: usize) -> L {
    let numbers = &numbers[offset..offset + filled];
    assert!(filled <= BLOCK);
    // SAFETY: so many numbers, and not more than a vector has.
    unsafe { L::load_first(numbers.as_ptr(), filled) }
}

/// [`Finish`] for sixteen channels.
#[derive(Clone, Copy)]
pub(crate) struct FinishChannels<L> {
    scale: Option<L>,
    bias: L,
    relu: bool,
}

impl<L: Lanes> FinishChannels<L> {
    #[inline(always)]
    pub(crate) fn apply(self, sum: L) -> L {
        let sum = match self.scale {
            Some(scale) => sum.times_plus(scale, self.bias),
            None => sum + self.bias,
        };
        if self.relu { sum.relu() } else { sum }
    }
}

/// The arguments of [`convolve_back`](crate::convolve_back).
pub(crate) struct Backward<'a> {
    pub(crate) simd: Simd,
    pub(crate) x: &'a [f32],
    pub(crate) at: Maps,
    pub(crate) shape: Convolution,
    pub(crate) weight: &'a [f32],
    pub(crate) y: Option<&'a [f32]>,
    pub(crate) dy: &'a [f32],
    pub(crate) want_dx: bool,
}

impl Backward<'_> {
    /// Floating point operations of a direct convolution.
    pub(crate) fn cost(&self) -> usize {
        4 * self.shape.weights() * self.shape.output(self.at).pixels()
    }

    /// Makes a new vector for dX, if it is wanted, and lets `write` write it; without it, `write` gets an empty target.
    ///
    /// # Safety
    /// `write` writes every element.
    pub(crate) unsafe fn write_dx(&self, write: impl FnOnce(Target)) -> Option<Vec<f32>> {
        let length = if self.want_dx { self.x.len() } else { 0 };
        // SAFETY: what the caller promises.
        let dx = unsafe { written(length, write) };
        self.want_dx.then_some(dx)
    }
}
