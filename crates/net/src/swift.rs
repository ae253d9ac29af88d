//! The operations that training waits for, on our own kernels: Burn's extension mechanism around crate `kernels`.
//!
//! Maps keep the logical shape `[images, channels, height, width]` with the channels last in memory, so that no operation
//! copies or converts; [`conversions`] counts where one had to, and a test holds the number at none.

use std::borrow::Cow;
use std::cell::Cell;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::{FlexTensor, Layout};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, DType, Flex, TensorMetadata, backend_extension};
use burn::tensor::{Bytes, Shape, Tensor};
use kernels::{Convolution, Dense, Descent, Finish, Maps, Normalisation};

/// Added to variances before the root, as in PyTorch.
pub(crate) const NORMALISATION_EPSILON: f64 = 1e-5;

/// The operations. With `relu`, max(0, x) follows in the same pass.
#[backend_extension(Flex, Autodiff)]
pub(crate) trait Swift: Backend {
    /// 3x3 convolution, stride 1, padding 1; weight `[out, in, 3, 3]`.
    fn swift_convolve(x: FloatTensor<Self>, weight: FloatTensor<Self>, bias: FloatTensor<Self>, relu: bool) -> FloatTensor<Self>;

    /// Batch normalisation by the batch; also mean and biased variance, through which nothing is differentiated.
    fn swift_normalise_by_batch(
        x: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        relu: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// The same with ReLU, and the maximum over 2x2 squares behind it.
    fn swift_normalise_by_batch_and_pool(
        x: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        shift: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// Maximum over 2x2 squares, stride 2.
    fn swift_pool(x: FloatTensor<Self>) -> FloatTensor<Self>;

    /// Dense layer; weight `[out, in]`.
    fn swift_combine(x: FloatTensor<Self>, weight: FloatTensor<Self>, bias: FloatTensor<Self>, relu: bool) -> FloatTensor<Self>;
}

/// How often this thread had to copy a tensor because it was not laid out as a kernel needs it, or because it was to change in
/// place and somebody else held it. A training step of a VGG needs none.
pub fn conversions() -> usize {
    CONVERSIONS.get()
}

thread_local! {
    static CONVERSIONS: Cell<usize> = const { Cell::new(0) };
}

fn count_conversion() {
    CONVERSIONS.set(CONVERSIONS.get() + 1);
}

impl Swift for Flex {
    fn swift_convolve(x: FlexTensor, weight: FlexTensor, bias: FlexTensor, relu: bool) -> FlexTensor {
        let (maps, shape) = convolution(&x, &weight);
        let y = kernels::convolve(&pixels(&x), maps, &shape, &plain(&weight), Some(&plain(&bias)), relu);
        channels_last(y, maps, shape.outputs)
    }

    fn swift_normalise_by_batch(
        x: FlexTensor,
        gain: FlexTensor,
        shift: FlexTensor,
        relu: bool,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let (maps, channels) = maps(&x);
        let (gain, shift) = (plain(&gain), plain(&shift));
        let normalised = kernels::normalise_by_batch(&pixels(&x), &layer(&gain, &shift), relu);
        (channels_last(normalised.y, maps, channels), list(normalised.mean), list(normalised.variance))
    }

    fn swift_normalise_by_batch_and_pool(
        x: FlexTensor,
        gain: FlexTensor,
        shift: FlexTensor,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let (maps, channels) = maps(&x);
        let (gain, shift) = (plain(&gain), plain(&shift));
        let normalised = kernels::normalise_by_batch_and_pool(&pixels(&x), maps, &layer(&gain, &shift));
        (channels_last(normalised.y, half(maps), channels), list(normalised.mean), list(normalised.variance))
    }

    fn swift_pool(x: FlexTensor) -> FlexTensor {
        let (maps, channels) = maps(&x);
        channels_last(kernels::pool(&pixels(&x), maps, channels), half(maps), channels)
    }

    fn swift_combine(x: FlexTensor, weight: FlexTensor, bias: FlexTensor, relu: bool) -> FlexTensor {
        let (images, shape) = dense(&x, &weight);
        let y = kernels::dense(&plain(&x), images, &shape, &plain(&weight), Some(&plain(&bias)), relu);
        FlexTensor::new(Bytes::from_elems(y), Layout::contiguous(Shape::new([images, shape.outputs])), DType::F32)
    }
}

/// 3x3 convolution and what follows when the network is read, in one pass: normalisation by given statistics (gain, shift, mean and
/// variance), ReLU, pool; not differentiated.
///
/// With s = gain / sqrt(variance + epsilon) the normalised convolution is `s * (x * weight) + s * (bias - mean) + shift`.
pub(crate) fn convolve_and(
    x: &FlexTensor,
    [weight, bias]: [&FlexTensor; 2],
    layer: Option<&[FlexTensor; 4]>,
    relu: bool,
    pool: bool,
) -> FlexTensor {
    let (maps, shape) = convolution(x, weight);
    let bias = plain(bias);
    let folded = layer.map(|layer| folded(layer, &bias));
    let (scale, bias) = folded.as_ref().map_or((None, &*bias), |(scale, bias)| (Some(scale.as_slice()), bias));
    let finish = Finish { scale, bias: Some(bias), relu, pool };
    let y = kernels::convolve_and(&pixels(x), maps, &shape, &plain(weight), finish);
    channels_last(y, if pool { half(maps) } else { maps }, shape.outputs)
}

/// Scale and bias that do to a convolution's sums what its bias and a normalisation by given statistics do.
fn folded(layer: &[FlexTensor; 4], bias: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let [gain, shift, mean, variance] = layer.each_ref().map(plain);
    let wide = |list: &[f32], channel: usize| f64::from(list[channel]);
    let scale = |i: usize| wide(&gain, i) / (wide(&variance, i) + NORMALISATION_EPSILON).sqrt();
    let moved = |i: usize| scale(i) * (wide(bias, i) - wide(&mean, i)) + wide(&shift, i);
    (0..bias.len()).map(|i| (scale(i) as f32, moved(i) as f32)).unzip()
}

/// Maps normalised by given statistics, as when the network is read; not differentiated.
pub(crate) fn normalise_by(x: &FlexTensor, [gain, shift, mean, variance]: [&FlexTensor; 4], relu: bool) -> FlexTensor {
    let (maps, channels) = maps(x);
    let (gain, shift) = (plain(gain), plain(shift));
    let y = kernels::normalise_by(&pixels(x), &plain(mean), &plain(variance), &layer(&gain, &shift), relu);
    channels_last(y, maps, channels)
}

/// The engine's own tensor on the processor.
pub(crate) fn primitive<const D: usize>(tensor: Tensor<D>) -> FlexTensor {
    tensor.try_into_primitive::<Flex>().expect("the network lives on the processor, outside any graph")
}

/// One step of descent in place: weights and velocities change, where no other tensor shares them.
pub(crate) fn descend(
    weights: Tensor<1>,
    velocities: Option<Tensor<1>>,
    gradient: Tensor<1>,
    alive: Option<&[u8]>,
    how: &Descent,
) -> (Tensor<1>, Tensor<1>) {
    let mut weights = primitive(weights);
    let gradient = primitive(gradient);
    let mut velocities = velocities.map_or_else(|| list(vec![0.0; gradient.layout().num_elements()]), primitive);
    for shared in [&weights, &velocities] {
        if !shared.is_unique() {
            count_conversion();
        }
    }
    kernels::descend(weights.storage_mut(), velocities.storage_mut(), &plain(&gradient), alive, how);
    (Tensor::from_primitive::<Flex>(weights), Tensor::from_primitive::<Flex>(velocities))
}

impl<C: CheckpointStrategy> Swift for Autodiff<Flex, C> {
    fn swift_convolve(x: FloatTensor<Self>, weight: FloatTensor<Self>, bias: FloatTensor<Self>, relu: bool) -> FloatTensor<Self> {
        let ((x, from_x), (weight, from_weight), (bias, from_bias)) = (x.into_parts(), weight.into_parts(), bias.into_parts());
        let y = Flex::swift_convolve(x.clone(), weight.clone(), bias, relu);
        match ConvolveBack.prepare::<C>([from_x, from_weight, from_bias]).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish(Kept { x, weight, y: relu.then(|| y.clone()) }, y),
            OpsKind::UnTracked(prepared) => prepared.finish(y),
        }
    }

    fn swift_normalise_by_batch(
        x: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        relu: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        normalised::<C>([x, gain, shift], Rest::Relu(relu))
    }

    fn swift_normalise_by_batch_and_pool(
        x: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        shift: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        normalised::<C>([x, gain, shift], Rest::ReluAndPool)
    }

    fn swift_pool(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let (x, from_x) = x.into_parts();
        let y = Flex::swift_pool(x.clone());
        match PoolBack.prepare::<C>([from_x]).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish([x, y.clone()], y),
            OpsKind::UnTracked(prepared) => prepared.finish(y),
        }
    }

    fn swift_combine(x: FloatTensor<Self>, weight: FloatTensor<Self>, bias: FloatTensor<Self>, relu: bool) -> FloatTensor<Self> {
        let ((x, from_x), (weight, from_weight), (bias, from_bias)) = (x.into_parts(), weight.into_parts(), bias.into_parts());
        let y = Flex::swift_combine(x.clone(), weight.clone(), bias, relu);
        match CombineBack.prepare::<C>([from_x, from_weight, from_bias]).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish(Kept { x, weight, y: relu.then(|| y.clone()) }, y),
            OpsKind::UnTracked(prepared) => prepared.finish(y),
        }
    }
}

/// What the way back through a convolution or dense layer needs; `y` where ReLU was applied.
#[derive(Clone, Debug)]
struct Kept {
    x: FlexTensor,
    weight: FlexTensor,
    y: Option<FlexTensor>,
}

#[derive(Debug)]
struct ConvolveBack;

impl Backward<Flex, 3> for ConvolveBack {
    type State = Kept;

    fn backward(self, ops: Ops<Kept, 3>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let dy = gradients.consume::<Flex>(&ops.node);
        let Kept { x, weight, y } = ops.state;
        let [to_x, to_weight, to_bias] = ops.parents;
        let (maps, shape) = convolution(&x, &weight);
        let y = y.as_ref().map(pixels);
        let back = kernels::convolve_back(&pixels(&x), maps, &shape, &plain(&weight), y.as_deref(), &pixels(&dy), to_x.is_some());
        if let (Some(node), Some(dx)) = (to_x, back.dx) {
            gradients.register::<Flex>(node.id, channels_last(dx, maps, shape.inputs));
        }
        if let Some(node) = to_weight {
            let shape = weight.layout().shape().clone();
            gradients.register::<Flex>(
                node.id,
                FlexTensor::new(Bytes::from_elems(back.dweight), Layout::contiguous(shape), DType::F32),
            );
        }
        if let Some(node) = to_bias {
            gradients.register::<Flex>(node.id, list(back.dbias));
        }
    }
}

/// The rest of the pass that a normalisation begins.
#[derive(Clone, Copy, Debug)]
enum Rest {
    Relu(bool),
    ReluAndPool,
}

type Tracked<C> = FloatTensor<Autodiff<Flex, C>>;

/// A normalisation of x with gain and shift, with the way back; also mean and variance.
fn normalised<C: CheckpointStrategy>(inputs: [Tracked<C>; 3], rest: Rest) -> (Tracked<C>, Tracked<C>, Tracked<C>) {
    let [(x, from_x), (gain, from_gain), (shift, from_shift)] = inputs.map(FloatTensor::<Autodiff<Flex, C>>::into_parts);
    let (y, mean, variance) = match rest {
        Rest::Relu(relu) => Flex::swift_normalise_by_batch(x.clone(), gain.clone(), shift.clone(), relu),
        Rest::ReluAndPool => Flex::swift_normalise_by_batch_and_pool(x.clone(), gain.clone(), shift.clone()),
    };
    let statistics = [mean.clone(), variance.clone()].map(Tracked::<C>::new);
    let y = match NormaliseBack.prepare::<C>([from_x, from_gain, from_shift]).compute_bound().stateful() {
        OpsKind::Tracked(prepared) => prepared.finish(KeptNormalisation { x, gain, shift, mean, variance, rest }, y),
        OpsKind::UnTracked(prepared) => prepared.finish(y),
    };
    let [mean, variance] = statistics;
    (y, mean, variance)
}

#[derive(Clone, Debug)]
struct KeptNormalisation {
    x: FlexTensor,
    gain: FlexTensor,
    shift: FlexTensor,
    mean: FlexTensor,
    variance: FlexTensor,
    rest: Rest,
}

#[derive(Debug)]
struct NormaliseBack;

impl Backward<Flex, 3> for NormaliseBack {
    type State = KeptNormalisation;

    fn backward(self, ops: Ops<KeptNormalisation, 3>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let dy = gradients.consume::<Flex>(&ops.node);
        let KeptNormalisation { x, gain, shift, mean, variance, rest } = ops.state;
        let [to_x, to_gain, to_shift] = ops.parents;
        let (maps, channels) = maps(&x);
        let [gain, shift, mean, variance] = [&gain, &shift, &mean, &variance].map(plain);
        let (layer, x, dy) = (layer(&gain, &shift), pixels(&x), pixels(&dy));
        let back = match rest {
            Rest::Relu(relu) => kernels::normalise_by_batch_back(&x, &mean, &variance, &layer, relu, &dy),
            Rest::ReluAndPool => kernels::normalise_by_batch_and_pool_back(&x, maps, &mean, &variance, &layer, &dy),
        };
        if let Some(node) = to_x {
            gradients.register::<Flex>(node.id, channels_last(back.dx, maps, channels));
        }
        if let Some(node) = to_gain {
            gradients.register::<Flex>(node.id, list(back.dgain));
        }
        if let Some(node) = to_shift {
            gradients.register::<Flex>(node.id, list(back.dshift));
        }
    }
}

#[derive(Debug)]
struct PoolBack;

impl Backward<Flex, 1> for PoolBack {
    type State = [FlexTensor; 2];

    fn backward(self, ops: Ops<[FlexTensor; 2], 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let dy = gradients.consume::<Flex>(&ops.node);
        let [x, y] = ops.state;
        if let [Some(node)] = ops.parents {
            let (maps, channels) = maps(&x);
            let dx = kernels::pool_back(&pixels(&x), maps, channels, &pixels(&y), &pixels(&dy));
            gradients.register::<Flex>(node.id, channels_last(dx, maps, channels));
        }
    }
}

#[derive(Debug)]
struct CombineBack;

impl Backward<Flex, 3> for CombineBack {
    type State = Kept;

    fn backward(self, ops: Ops<Kept, 3>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let dy = gradients.consume::<Flex>(&ops.node);
        let Kept { x, weight, y } = ops.state;
        let [to_x, to_weight, to_bias] = ops.parents;
        let (images, shape) = dense(&x, &weight);
        let y = y.as_ref().map(plain);
        let back = kernels::dense_back(&plain(&x), images, &shape, &plain(&weight), y.as_deref(), &plain(&dy), to_x.is_some());
        let matrix = |values: Vec<f32>, rows, columns| {
            FlexTensor::new(Bytes::from_elems(values), Layout::contiguous(Shape::new([rows, columns])), DType::F32)
        };
        if let (Some(node), Some(dx)) = (to_x, back.dx) {
            gradients.register::<Flex>(node.id, matrix(dx, images, shape.inputs));
        }
        if let Some(node) = to_weight {
            gradients.register::<Flex>(node.id, matrix(back.dweight, shape.outputs, shape.inputs));
        }
        if let Some(node) = to_bias {
            gradients.register::<Flex>(node.id, list(back.dbias));
        }
    }
}

/// Size of maps `[images, channels, height, width]`, and their channels.
fn maps(x: &FlexTensor) -> (Maps, usize) {
    let [images, channels, height, width] = x.shape().dims();
    (Maps { images, height, width }, channels)
}

/// What a pool makes of maps of this size.
fn half(maps: Maps) -> Maps {
    Maps { height: maps.height / 2, width: maps.width / 2, ..maps }
}

fn convolution(x: &FlexTensor, weight: &FlexTensor) -> (Maps, Convolution) {
    let (maps, inputs) = maps(x);
    let [outputs, ..] = weight.shape().dims::<4>();
    (maps, Convolution::three_by_three(inputs, outputs))
}

fn dense(x: &FlexTensor, weight: &FlexTensor) -> (usize, Dense) {
    let ([images, inputs], [outputs, _]) = (x.shape().dims(), weight.shape().dims::<2>());
    (images, Dense { inputs, outputs })
}

fn layer<'a>(gain: &'a [f32], shift: &'a [f32]) -> Normalisation<'a> {
    Normalisation { gain, shift, epsilon: NORMALISATION_EPSILON as f32 }
}

fn list(values: Vec<f32>) -> FlexTensor {
    let shape = Shape::new([values.len()]);
    FlexTensor::new(Bytes::from_elems(values), Layout::contiguous(shape), DType::F32)
}

/// Maps whose channels lie last in memory, as a tensor of shape `[images, channels, height, width]`.
fn channels_last(values: Vec<f32>, maps: Maps, channels: usize) -> FlexTensor {
    let Maps { images, height, width } = maps;
    let strides = [height * width * channels, 1, width * channels, channels].map(|stride| stride as isize).to_vec();
    let layout = Layout::new(Shape::new([images, channels, height, width]), strides, 0);
    FlexTensor::new(Bytes::from_elems(values), layout, DType::F32)
}

/// The values of maps, channels last.
fn pixels(tensor: &FlexTensor) -> Cow<'_, [f32]> {
    let [_, channels, height, width] = tensor.shape().dims();
    values(tensor, &[height * width * channels, 1, width * channels, channels], &[0, 2, 3, 1])
}

/// The values of any tensor in the order of its dimensions.
fn plain(tensor: &FlexTensor) -> Cow<'_, [f32]> {
    let shape = tensor.shape();
    let strides: Vec<usize> =
        (0..shape.num_dims()).map(|d| (d + 1..shape.num_dims()).map(|later| shape[later]).product()).collect();
    let order: Vec<usize> = (0..shape.num_dims()).collect();
    values(tensor, &strides, &order)
}

/// Borrows the values if they lie as wanted, else copies them into that order. The stride of a dimension of size 1 says
/// nothing.
fn values<'a>(tensor: &'a FlexTensor, strides: &[usize], order: &[usize]) -> Cow<'a, [f32]> {
    let (layout, shape) = (tensor.layout(), tensor.shape());
    let lies = |d: usize| shape[d] == 1 || layout.strides()[d] == strides[d] as isize;
    let fits = layout.start_offset() == 0 && (0..shape.num_dims()).all(lies);
    let stored: &[f32] = tensor.storage();
    if fits && stored.len() == layout.num_elements() {
        return Cow::Borrowed(stored);
    }
    count_conversion();
    Cow::Owned(tensor.permute(order).to_contiguous().storage::<f32>()[..layout.num_elements()].to_vec())
}
