//! Convolutions: what can be asked for, and which algorithm answers.

use crate::pool::half;
use crate::scratch::written;
use crate::simd::{BLOCK, Lanes};
use crate::winograd::{Centre, Lavin, Toeplitz, large, small};
use crate::{Maps, Simd, im2col, product};

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

    fn is_three_by_three(&self) -> bool {
        *self == Convolution::three_by_three(self.inputs, self.outputs)
    }
}

/// What [`convolve_back`] computes.
#[derive(Clone, Debug, PartialEq)]
pub struct ConvolutionGradients {
    /// With respect to the input, if it was wanted: `[image, row, column, input]`.
    pub dx: Option<Vec<f32>>,
    /// With respect to the weights: `[output, input, kernel row, kernel column]`.
    pub dweight: Vec<f32>,
    /// With respect to the bias: `[output]`.
    pub dbias: Vec<f32>,
}

/// Convolves maps: `y = x * weight + bias`, then ReLU if wanted (a cross-correlation, as in every deep learning library).
///
/// `x` is `[image, row, column, input]` with the sizes of `at`; `weight` is `[output, input, kernel row, kernel column]`; `bias` has
/// a number for each output. The result is `[image, row, column, output]` with the sizes of `shape.output(at)`.
///
/// Results repeat bit for bit whatever the number of threads. 3×3 kernels with stride 1 and padding 1 are Winograd convolutions,
/// whose error is about 3e-6 of the outputs' root mean square (some 1e-4 at worst for a single one).
///
/// # Panics
/// If the length of a slice is not what `at` and `shape` say, or the shape does not fit, see [`Convolution::output`].
#[must_use]
pub fn convolve(x: &[f32], at: Maps, shape: &Convolution, weight: &[f32], bias: Option<&[f32]>, relu: bool) -> Vec<f32> {
    convolve_and(x, at, shape, weight, Finish { scale: None, bias, relu, pool: false })
}

/// Convolves maps and does what follows in the same pass over memory: a normalisation by given statistics, ReLU, a pool. What lies
/// between is never written.
///
/// With a pool, the result has half as many rows and columns; all else is as for [`convolve`].
///
/// # Panics
/// If the length of a slice is not what `at` and `shape` say, or the shape does not fit, see [`Convolution::output`].
#[must_use]
pub fn convolve_and(x: &[f32], at: Maps, shape: &Convolution, weight: &[f32], finish: Finish) -> Vec<f32> {
    let call = Forward { simd: Simd::current(), x, at, shape: *shape, weight, finish };
    convolve_by(Algorithm::forward(shape, at), &call)
}

/// The gradients of a convolution, given the gradient `dy` with respect to its output.
///
/// `dy` is `[image, row, column, output]` with the sizes of `shape.output(at)`. If ReLU was applied, `y` is the output, and `dy` is the
/// gradient behind the ReLU. Without `want_dx`, as for the first layer of a network, the gradient with respect to the input is left out.
///
/// # Panics
/// If the length of a slice is not what `at` and `shape` say, or the shape does not fit, see [`Convolution::output`].
#[must_use]
pub fn convolve_back(
    x: &[f32],
    at: Maps,
    shape: &Convolution,
    weight: &[f32],
    y: Option<&[f32]>,
    dy: &[f32],
    want_dx: bool,
) -> ConvolutionGradients {
    let call = Backward { simd: Simd::current(), x, at, shape: *shape, weight, y, dy, want_dx };
    convolve_back_by(Algorithm::backward(shape, at), &call)
}

/// The ways to convolve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// Any kernel: the patches become the rows of a matrix.
    Columns,
    /// 3×3 on maps of one pixel.
    Centre,
    /// 3×3 on maps of 2×2.
    Toeplitz,
    /// 3×3, tile by tile through the whole computation, for large maps.
    Large,
    /// 3×3, channel by channel, for small maps.
    Small,
}

impl Algorithm {
    /// The fastest one forward. Measured: the schedule for large maps wins as soon as the transformed weights serve enough tiles.
    pub(crate) fn forward(shape: &Convolution, at: Maps) -> Algorithm {
        let large = 4 * tiles(at) >= shape.inputs.max(shape.outputs) && Algorithm::keeps_weights(shape);
        Algorithm::of(shape, at, if large { Algorithm::Large } else { Algorithm::Small })
    }

    /// The fastest one backward. Measured: the schedule for large maps keeps a sum for every transformed weight and part, and wins only if
    /// tiles are many more than channels.
    pub(crate) fn backward(shape: &Convolution, at: Maps) -> Algorithm {
        let large = tiles(at) >= 4 * shape.inputs.min(shape.outputs) && Algorithm::keeps_weights(shape);
        Algorithm::of(shape, at, if large { Algorithm::Large } else { Algorithm::Small })
    }

    /// Do the transformed weights stay in a last-level cache? There are 36 for each pair of channels.
    fn keeps_weights(shape: &Convolution) -> bool {
        36 * 4 * shape.inputs * shape.outputs < 12 << 20
    }

    fn of(shape: &Convolution, at: Maps, schedule: Algorithm) -> Algorithm {
        match (at.height, at.width) {
            _ if !shape.is_three_by_three() => Algorithm::Columns,
            (1, 1) => Algorithm::Centre,
            (2, 2) => Algorithm::Toeplitz,
            _ if shape.inputs <= 4 => Algorithm::Columns,
            _ => schedule,
        }
    }
}

/// The number of tiles of 4×4.
fn tiles(at: Maps) -> usize {
    at.images * at.height.div_ceil(4) * at.width.div_ceil(4)
}

/// The arguments of [`convolve_and`].
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

/// The arguments of [`convolve_back`].
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
    pub(crate) unsafe fn write_dx(&self, write: impl FnOnce(crate::scratch::Target)) -> Option<Vec<f32>> {
        let length = if self.want_dx { self.x.len() } else { 0 };
        // SAFETY: what the caller promises.
        let dx = unsafe { written(length, write) };
        self.want_dx.then_some(dx)
    }
}

pub(crate) fn convolve_by(algorithm: Algorithm, call: &Forward) -> Vec<f32> {
    let shape = &call.shape;
    assert_eq!(call.x.len(), product(&[call.at.pixels(), shape.inputs]), "input of {shape:?} on {:?}", call.at);
    assert_eq!(call.weight.len(), shape.weights(), "weights of {shape:?}");
    let fits = |numbers: &[f32]| numbers.len() == shape.outputs;
    assert!(call.finish.scale.is_none_or(fits) && call.finish.bias.is_none_or(fits), "scale and bias of {shape:?}");
    if call.output_len() == 0 || shape.inputs == 0 {
        return empty(call);
    }
    match algorithm {
        Algorithm::Columns => im2col::forward(call),
        Algorithm::Centre => small::forward::<Centre>(call),
        Algorithm::Toeplitz => small::forward::<Toeplitz>(call),
        Algorithm::Large => large::forward(call),
        Algorithm::Small => small::forward::<Lavin>(call),
    }
}

/// The outputs when there is nothing to convolve: no images, or no inputs, which leaves the bias.
fn empty(call: &Forward) -> Vec<f32> {
    let pixel: Vec<f32> = (0..call.shape.outputs)
        .map(|i| call.finish.bias.map_or(0.0, |bias| bias[i]))
        .map(|y| if call.finish.relu && y <= 0.0 { 0.0 } else { y })
        .collect();
    pixel.repeat(call.output_len() / call.shape.outputs.max(1))
}

/// The gradients when there is nothing to convolve: what passes the ReLU is the bias's.
fn empty_back(call: &Backward) -> ConvolutionGradients {
    let outputs = call.shape.outputs;
    let mut dbias = vec![0.0f64; outputs];
    for (i, &dy) in call.dy.iter().enumerate() {
        if call.y.is_none_or(|y| y[i] > 0.0 || y[i].is_nan()) {
            dbias[i % outputs] += f64::from(dy);
        }
    }
    let dx = call.want_dx.then(|| vec![0.0; call.x.len()]);
    let dbias = dbias.into_iter().map(|sum| sum as f32).collect();
    ConvolutionGradients { dx, dweight: vec![0.0; call.shape.weights()], dbias }
}

pub(crate) fn convolve_back_by(algorithm: Algorithm, call: &Backward) -> ConvolutionGradients {
    let shape = &call.shape;
    assert_eq!(call.x.len(), product(&[call.at.pixels(), shape.inputs]), "input of {shape:?} on {:?}", call.at);
    assert_eq!(call.weight.len(), shape.weights(), "weights of {shape:?}");
    assert_eq!(
        call.dy.len(),
        product(&[shape.output(call.at).pixels(), shape.outputs]),
        "output gradient of {shape:?} on {:?}",
        call.at
    );
    assert!(call.y.is_none_or(|y| y.len() == call.dy.len()), "output of {shape:?} on {:?}", call.at);
    if call.x.is_empty() || call.dy.is_empty() {
        return empty_back(call);
    }
    match algorithm {
        Algorithm::Columns => im2col::backward(call),
        Algorithm::Centre => small::backward::<Centre>(call),
        Algorithm::Toeplitz => small::backward::<Toeplitz>(call),
        Algorithm::Large => large::backward(call),
        Algorithm::Small => small::backward::<Lavin>(call),
    }
}
