//! The operations that training waits for, behind one door: our own kernels on the processor, Burn's operations elsewhere.
//!
//! Maps are `[images, channels, height, width]`. All but those that normalise by given statistics can be differentiated. `relu` says whether
//! max(0, x) follows, which the kernels do in the same pass.

use burn::backend::{Dispatch, Flex};
use burn::tensor::Tensor;
use burn::tensor::module::{self, BatchNormTrainOutput};
use burn::tensor::ops::{ConvOptions, MaxPoolOptions};

use crate::device::Device;
use crate::swift::{self, NORMALISATION_EPSILON, Swift};

/// What a convolution is followed by when a network is read.
pub(crate) struct Followed {
    /// Normalisation by given statistics: gain, shift, mean and variance of each channel.
    pub(crate) layer: Option<[Tensor<1>; 4]>,
    /// ReLU.
    pub(crate) relu: bool,
    /// The maximum over 2x2 squares.
    pub(crate) pool: bool,
}

/// Who carries the operations out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operations {
    /// Our kernels, on the processor.
    Swift,
    /// Burn's own operations, on any device.
    Stock,
}

impl Operations {
    /// The fastest that this device has.
    pub(crate) fn of(device: Device) -> Self {
        match device {
            Device::Cpu => Operations::Swift,
            _ => Operations::Stock,
        }
    }

    /// 3x3 convolution, stride 1, padding 1. `weight` is `[out, in, 3, 3]`.
    pub(crate) fn convolve(self, maps: Tensor<4>, weight: Tensor<4>, bias: Tensor<1>, relu: bool) -> Tensor<4> {
        match self {
            Operations::Swift => Tensor::from_dispatch(<Dispatch as Swift>::swift_convolve(
                maps.into_dispatch(),
                weight.into_dispatch(),
                bias.into_dispatch(),
                relu,
            )),
            Operations::Stock => {
                rectified(module::conv2d(maps, weight, Some(bias), ConvOptions::new([1, 1], [1, 1], [1, 1], 1)), relu)
            }
        }
    }

    /// Normalises each channel by the statistics of this batch (Ioffe & Szegedy 2015); also returns them: mean and
    /// biased variance.
    pub(crate) fn normalise_by_batch(
        self,
        maps: Tensor<4>,
        gain: Tensor<1>,
        shift: Tensor<1>,
        relu: bool,
    ) -> (Tensor<4>, Tensor<1>, Tensor<1>) {
        match self {
            Operations::Swift => {
                let (gain, shift) = (gain.into_dispatch(), shift.into_dispatch());
                let (output, mean, variance) =
                    <Dispatch as Swift>::swift_normalise_by_batch(maps.into_dispatch(), gain, shift, relu);
                (Tensor::from_dispatch(output), Tensor::from_dispatch(mean), Tensor::from_dispatch(variance))
            }
            Operations::Stock => {
                let BatchNormTrainOutput { output, mean, variance } =
                    module::batch_norm_train(maps, gain, shift, NORMALISATION_EPSILON);
                (rectified(output, relu), mean, variance)
            }
        }
    }

    /// The same with ReLU, and then [`Operations::pool`]; our kernels never write what lies between.
    pub(crate) fn normalise_by_batch_and_pool(
        self,
        maps: Tensor<4>,
        gain: Tensor<1>,
        shift: Tensor<1>,
    ) -> (Tensor<4>, Tensor<1>, Tensor<1>) {
        match self {
            Operations::Swift => {
                let (gain, shift) = (gain.into_dispatch(), shift.into_dispatch());
                let (output, mean, variance) =
                    <Dispatch as Swift>::swift_normalise_by_batch_and_pool(maps.into_dispatch(), gain, shift);
                (Tensor::from_dispatch(output), Tensor::from_dispatch(mean), Tensor::from_dispatch(variance))
            }
            Operations::Stock => {
                let (output, mean, variance) = self.normalise_by_batch(maps, gain, shift, true);
                (self.pool(output), mean, variance)
            }
        }
    }

    /// [`Operations::convolve`] and what it is followed by; our kernels do all in one pass.
    pub(crate) fn convolve_and(self, maps: Tensor<4>, weight: Tensor<4>, bias: Tensor<1>, followed: Followed) -> Tensor<4> {
        let Followed { layer, relu, pool } = followed;
        match self {
            Operations::Swift => {
                let (maps, weight, bias) = (swift::primitive(maps), swift::primitive(weight), swift::primitive(bias));
                let layer = layer.map(|layer| layer.map(swift::primitive));
                Tensor::from_primitive::<Flex>(swift::convolve_and(&maps, [&weight, &bias], layer.as_ref(), relu, pool))
            }
            Operations::Stock => {
                let maps = match layer {
                    Some(layer) => self.normalise_by(self.convolve(maps, weight, bias, false), layer, relu),
                    None => self.convolve(maps, weight, bias, relu),
                };
                if pool { self.pool(maps) } else { maps }
            }
        }
    }

    /// Normalises each channel by given statistics: gain, shift, mean and variance of each.
    pub(crate) fn normalise_by(self, maps: Tensor<4>, [gain, shift, mean, variance]: [Tensor<1>; 4], relu: bool) -> Tensor<4> {
        match self {
            Operations::Swift => {
                let [gain, shift, mean, variance] = [gain, shift, mean, variance].map(swift::primitive);
                Tensor::from_primitive::<Flex>(swift::normalise_by(
                    &swift::primitive(maps),
                    [&gain, &shift, &mean, &variance],
                    relu,
                ))
            }
            Operations::Stock => rectified(module::batch_norm(maps, gain, shift, mean, variance, NORMALISATION_EPSILON), relu),
        }
    }

    /// Maximum over 2x2 squares, stride 2; an odd last row or column is left out.
    pub(crate) fn pool(self, maps: Tensor<4>) -> Tensor<4> {
        match self {
            Operations::Swift => Tensor::from_dispatch(<Dispatch as Swift>::swift_pool(maps.into_dispatch())),
            Operations::Stock => module::max_pool2d(maps, MaxPoolOptions::new([2, 2]).with_stride([2, 2])),
        }
    }

    /// Dense layer. `weight` is `[out, in]`, as in PyTorch.
    pub(crate) fn combine(self, features: Tensor<2>, weight: Tensor<2>, bias: Tensor<1>, relu: bool) -> Tensor<2> {
        match self {
            Operations::Swift => Tensor::from_dispatch(<Dispatch as Swift>::swift_combine(
                features.into_dispatch(),
                weight.into_dispatch(),
                bias.into_dispatch(),
                relu,
            )),
            Operations::Stock => rectified(module::linear(features, weight.transpose(), Some(bias)), relu),
        }
    }
}

fn rectified<const D: usize>(activity: Tensor<D>, relu: bool) -> Tensor<D> {
    if relu { rectify(activity) } else { activity }
}

/// max(0, x), where it stands alone.
pub(crate) fn rectify<const D: usize>(activity: Tensor<D>) -> Tensor<D> {
    burn::tensor::activation::relu(activity)
}

/// Cross-entropy of `logits` against target distributions, mean over the batch, in nats.
pub(crate) fn cross_entropy(logits: Tensor<2>, targets: Tensor<2>) -> Tensor<1> {
    let images = logits.dims()[0] as f64;
    (burn::tensor::activation::log_softmax(logits, 1) * targets).sum() / -images
}
