//! The operations that training waits for, behind one door: whoever brings faster kernels changes this file.
//!
//! Maps are `[images, channels, height, width]`; every operation can be differentiated.

use burn::tensor::Tensor;
use burn::tensor::module::{self, BatchNormTrainOutput};
use burn::tensor::ops::{ConvOptions, MaxPoolOptions};

/// Added to variances before the root, as in PyTorch.
const NORMALISATION_EPSILON: f64 = 1e-5;

/// 3x3 convolution, stride 1, padding 1. `weight` is `[out, in, 3, 3]`.
pub(crate) fn convolve(maps: Tensor<4>, weight: Tensor<4>, bias: Tensor<1>) -> Tensor<4> {
    module::conv2d(maps, weight, Some(bias), ConvOptions::new([1, 1], [1, 1], [1, 1], 1))
}

/// Normalises each channel by the statistics of this batch (Ioffe & Szegedy 2015); also returns them: mean and
/// biased variance.
pub(crate) fn normalise_by_batch(maps: Tensor<4>, gain: Tensor<1>, shift: Tensor<1>) -> (Tensor<4>, Tensor<1>, Tensor<1>) {
    let BatchNormTrainOutput { output, mean, variance } = module::batch_norm_train(maps, gain, shift, NORMALISATION_EPSILON);
    (output, mean, variance)
}

/// Normalises each channel by given statistics.
pub(crate) fn normalise_by(
    maps: Tensor<4>,
    gain: Tensor<1>,
    shift: Tensor<1>,
    mean: Tensor<1>,
    variance: Tensor<1>,
) -> Tensor<4> {
    module::batch_norm(maps, gain, shift, mean, variance, NORMALISATION_EPSILON)
}

/// max(0, x).
pub(crate) fn rectify<const D: usize>(activity: Tensor<D>) -> Tensor<D> {
    burn::tensor::activation::relu(activity)
}

/// Maximum over 2x2 squares, stride 2; an odd last row or column is left out.
pub(crate) fn pool(maps: Tensor<4>) -> Tensor<4> {
    module::max_pool2d(maps, MaxPoolOptions::new([2, 2]).with_stride([2, 2]))
}

/// Dense layer. `weight` is `[out, in]`, as in PyTorch.
pub(crate) fn combine(features: Tensor<2>, weight: Tensor<2>, bias: Tensor<1>) -> Tensor<2> {
    module::linear(features, weight.transpose(), Some(bias))
}

/// Cross-entropy of `logits` against target distributions, mean over the batch, in nats.
pub(crate) fn cross_entropy(logits: Tensor<2>, targets: Tensor<2>) -> Tensor<1> {
    let images = logits.dims()[0] as f64;
    (burn::tensor::activation::log_softmax(logits, 1) * targets).sum() / -images
}
