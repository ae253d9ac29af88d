//! Convolutions: which algorithm answers a call.

use crate::call::{Backward, Convolution, ConvolutionGradients, Finish, Forward};
use crate::im2col;
use crate::maps::{Maps, product};
use crate::simd::Simd;
use crate::winograd::transform::{Centre, Lavin, Toeplitz};
use crate::winograd::{large, small};

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
