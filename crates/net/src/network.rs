//! The network itself: its parts filled with values, and the way activity takes through them.

use burn::tensor::{Device as Engine, Tensor};
use neuro::architecture::{Architecture, Kind};
use neuro::injury::Injury;
use neuro::lesion::{Anatomy, Layer, Lesion};
use neuro::seed::{Address, Purpose, Seed};

use crate::device::Device;
use crate::operations::{self, Followed, Operations};
use crate::parameter::{Parameter, tensor};
use crate::retina::Retina;

/// How far running statistics move towards those of a batch, as in PyTorch.
const STATISTICS_RATE: f64 = 0.1;

/// A network with its lesion. Lost synapses are exactly 0, whatever it learns.
#[derive(Debug)]
pub struct Network {
    pub(crate) architecture: Architecture,
    pub(crate) engine: Engine,
    pub(crate) operations: Operations,
    pub(crate) retina: Retina,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) statistics: Vec<Statistics>,
    pub(crate) lesion: Lesion,
}

/// Running statistics of one normalisation, used whenever the network is read.
#[derive(Debug)]
pub(crate) struct Statistics {
    pub(crate) path: String,
    pub(crate) mean: Tensor<1>,
    pub(crate) variance: Tensor<1>,
}

/// A parameter's values, and its momentum while a lesson lasts.
pub(crate) type Valued = (Vec<f32>, Option<Vec<f32>>);

/// Where in the parameters and statistics a walk through the parts stands.
#[derive(Default)]
struct Cursor {
    parameter: usize,
    statistics: usize,
}

/// Activity on its way: maps, then features.
enum Activity {
    Maps(Tensor<4>),
    Features(Tensor<2>),
}

impl Activity {
    fn maps(self) -> Tensor<4> {
        match self {
            Activity::Maps(maps) => maps,
            Activity::Features(_) => unreachable!("the architecture puts maps before features"),
        }
    }

    fn features(self) -> Tensor<2> {
        match self {
            Activity::Features(features) => features,
            Activity::Maps(maps) => maps.flatten(1, 3),
        }
    }
}

/// How normalisations find their statistics, and what is read on the way.
pub(crate) enum Mode<'a> {
    /// From the batch; running statistics follow.
    Learning(&'a mut Vec<Statistics>),
    /// From the running statistics; taps are handed to the reader.
    Perceiving(&'a [Statistics], Reader<'a>),
}

/// Who reads activity at taps.
pub(crate) struct Reader<'a> {
    /// The taps that are wanted.
    pub(crate) taps: &'a [String],
    /// What is done with the activity at one of them: `[images, features]`.
    pub(crate) read: &'a mut dyn FnMut(&str, Tensor<2>),
}

impl Network {
    /// A newborn network: [`Network::blank`], then [`Network::initialise`].
    pub fn newborn(architecture: Architecture, retina: &Retina, seed: Seed, device: Device) -> Self {
        let mut network = Self::blank(architecture, retina, device);
        network.initialise(seed);
        network
    }

    /// A network with memory for its values, all of them 0: to be initialised, or to take on a state or weights.
    pub fn blank(architecture: Architecture, retina: &Retina, device: Device) -> Self {
        let engine = device.engine();
        let zeros = |shape: &[usize]| vec![0.0; shape.iter().product()];
        let mut parameters = Vec::new();
        let mut statistics = Vec::new();
        for part in &architecture.parts {
            let shapes = match part.kind {
                Kind::Convolution { inputs, outputs } => [vec![outputs, inputs, 3, 3], vec![outputs]],
                Kind::Dense { inputs, outputs } => [vec![outputs, inputs], vec![outputs]],
                Kind::Normalisation { channels } => {
                    let [mean, variance] = [(); 2].map(|()| tensor(zeros(&[channels]), &engine));
                    statistics.push(Statistics { path: part.path.clone(), mean, variance });
                    [vec![channels], vec![channels]]
                }
                Kind::Relu | Kind::MaxPool | Kind::Flatten | Kind::Tap => continue,
            };
            for (name, shape) in ["weight", "bias"].into_iter().zip(shapes) {
                let values = zeros(&shape);
                parameters.push(Parameter::new(format!("{}.{name}", part.path), shape, values, &engine));
            }
        }
        let (lesion, operations) = (Lesion::none(&architecture), Operations::of(device));
        Self { architecture, engine, operations, retina: retina.clone(), parameters, statistics, lesion }
    }

    /// Draws the weights from a normal distribution with variance 2 / (number of inputs) (He et al. 2015), 1 / (number of inputs)
    /// in the last layer, which no ReLU follows. Biases are 0, gains 1, and running statistics have mean 0 and variance 1.
    ///
    /// # Panics
    /// If the network has a lesion: synapses would come back.
    pub fn initialise(&mut self, seed: Seed) {
        assert_eq!(self.lesion.lost(), 0, "a wounded network is not born again");
        let last = self.architecture.parts.len() - 1;
        let (mut values, mut statistics) = (Vec::new(), Vec::new());
        for (index, part) in self.architecture.parts.iter().enumerate() {
            let draw = |inputs: usize| {
                let mut stream = seed.stream(Purpose::Initialisation, Address { item: index as u64, ..Address::default() });
                let gain = if index == last { 1.0 } else { 2.0 };
                let deviation = (gain / inputs as f64).sqrt();
                (0..part.kind.synapses()).map(|_| (stream.normal() * deviation) as f32).collect::<Vec<f32>>()
            };
            let (weights, biases) = match part.kind {
                Kind::Convolution { inputs, outputs } => (draw(inputs * 9), outputs),
                Kind::Dense { inputs, outputs } => (draw(inputs), outputs),
                Kind::Normalisation { channels } => {
                    statistics.push((vec![0.0; channels], vec![1.0; channels]));
                    (vec![1.0; channels], channels)
                }
                Kind::Relu | Kind::MaxPool | Kind::Flatten | Kind::Tap => continue,
            };
            values.extend([(weights, None), (vec![0.0; biases], None)]);
        }
        self.take_on(values, statistics, Lesion::none(&self.architecture));
    }

    /// Takes on all that a network has: a value and perhaps a momentum for each parameter, mean and variance for each normalisation,
    /// and the lesion. The only door for values that were not learned.
    pub(crate) fn take_on(&mut self, values: Vec<Valued>, statistics: Vec<(Vec<f32>, Vec<f32>)>, lesion: Lesion) {
        assert!(values.len() == self.parameters.len() && statistics.len() == self.statistics.len());
        for (parameter, (value, momentum)) in self.parameters.iter_mut().zip(values) {
            parameter.restore(value, momentum);
        }
        for (kept, (mean, variance)) in self.statistics.iter_mut().zip(statistics) {
            kept.mean = tensor(mean, &self.engine);
            kept.variance = tensor(variance, &self.engine);
        }
        self.lesion = lesion;
        self.apply_lesion();
    }

    /// The synapses lost so far.
    pub fn lesion(&self) -> &Lesion {
        &self.lesion
    }

    /// One step of an injury: decides on the network's own anatomy, then takes the synapses for good. Momentum comes to rest.
    pub fn suffer(&mut self, injury: &Injury, seed: Seed) {
        let weights: Vec<Vec<f32>> = self.synaptic_indices().iter().map(|&index| self.parameters[index].values()).collect();
        let layers = self.architecture.synaptic().zip(&weights).map(|(part, weights)| Layer { name: &part.name, weights });
        let anatomy = Anatomy { layers: layers.collect() };
        injury.strike(&anatomy, &mut self.lesion, seed);
        self.apply_lesion();
        self.rest();
    }

    /// Momentum comes to rest, as it must before a new lesson.
    pub fn rest(&mut self) {
        self.parameters.iter_mut().for_each(Parameter::rest);
    }

    pub(crate) fn apply_lesion(&mut self) {
        for (layer, index) in self.synaptic_indices().into_iter().enumerate() {
            self.parameters[index].wound(&self.lesion.layers()[layer]);
        }
    }

    /// Which parameters are synapses: the weights of convolutions and dense layers, in the anatomy's order.
    pub(crate) fn synaptic_indices(&self) -> Vec<usize> {
        let is_synaptic = |parameter: &Parameter| parameter.shape.len() >= 2;
        (0..self.parameters.len()).filter(|&index| is_synaptic(&self.parameters[index])).collect()
    }

    /// The way of activity from images `[n, channels, height, width]` to outputs `[n, classes]`; `values` holds one
    /// tensor for each parameter.
    pub(crate) fn pass(
        architecture: &Architecture,
        operations: Operations,
        values: &[Tensor<1>],
        images: Tensor<4>,
        mut mode: Mode<'_>,
    ) -> Tensor<2> {
        let mut cursor = Cursor::default();
        let mut activity = Activity::Maps(images);
        let mut parts = architecture.parts.iter().peekable();
        while let Some(part) = parts.next() {
            let at = cursor.parameter;
            cursor.parameter += if part.kind.parameters() > 0 { 2 } else { 0 };
            // a ReLU right behind a part with parameters is done in the same pass over memory
            let relu = part.kind.parameters() > 0 && parts.next_if(|next| next.kind == Kind::Relu).is_some();
            activity = match part.kind {
                Kind::Convolution { inputs, outputs } => {
                    let (weight, bias) = (values[at].clone().reshape([outputs, inputs, 3, 3]), values[at + 1].clone());
                    Activity::Maps(match &mode {
                        // statistics are given and nothing is differentiated: what follows can be part of the convolution
                        Mode::Perceiving(statistics, _) => {
                            let normalised =
                                !relu && parts.next_if(|next| matches!(next.kind, Kind::Normalisation { .. })).is_some();
                            let layer = normalised.then(|| statistics[cursor.statistics].layer(&values[at + 2..]));
                            cursor.parameter += 2 * usize::from(normalised);
                            cursor.statistics += usize::from(normalised);
                            let relu = relu || parts.next_if(|next| next.kind == Kind::Relu).is_some();
                            let pool = parts.next_if(|next| next.kind == Kind::MaxPool).is_some();
                            operations.convolve_and(activity.maps(), weight, bias, Followed { layer, relu, pool })
                        }
                        Mode::Learning(_) => operations.convolve(activity.maps(), weight, bias, relu),
                    })
                }
                Kind::Normalisation { .. } => {
                    cursor.statistics += 1;
                    let (gain, shift) = (values[at].clone(), values[at + 1].clone());
                    // what lies between normalisation and pool is wanted by nobody
                    let pool =
                        relu && matches!(mode, Mode::Learning(_)) && parts.next_if(|next| next.kind == Kind::MaxPool).is_some();
                    let layer = Normalisation { gain, shift, index: cursor.statistics - 1, relu, pool };
                    Activity::Maps(normalise(operations, activity.maps(), layer, &mut mode))
                }
                Kind::Relu => match activity {
                    Activity::Maps(maps) => Activity::Maps(operations::rectify(maps)),
                    Activity::Features(features) => Activity::Features(operations::rectify(features)),
                },
                Kind::MaxPool => Activity::Maps(operations.pool(activity.maps())),
                Kind::Flatten => Activity::Features(activity.features()),
                Kind::Dense { inputs, outputs } => {
                    let weight = values[at].clone().reshape([outputs, inputs]);
                    Activity::Features(operations.combine(activity.features(), weight, values[at + 1].clone(), relu))
                }
                Kind::Tap => tapped(activity, &part.name, &mut mode),
            };
        }
        activity.features()
    }
}

/// A normalisation on the way of activity; `index` is its place among the running statistics.
struct Normalisation {
    gain: Tensor<1>,
    shift: Tensor<1>,
    index: usize,
    relu: bool,
    pool: bool,
}

fn normalise(operations: Operations, maps: Tensor<4>, layer: Normalisation, mode: &mut Mode<'_>) -> Tensor<4> {
    let Normalisation { gain, shift, index, relu, pool } = layer;
    match mode {
        Mode::Learning(statistics) => {
            let [images, _, height, width] = maps.dims();
            let (output, mean, variance) = match pool {
                true => operations.normalise_by_batch_and_pool(maps, gain, shift),
                false => operations.normalise_by_batch(maps, gain, shift, relu),
            };
            statistics[index].follow(mean.inner(), variance.inner(), images * height * width);
            output
        }
        Mode::Perceiving(statistics, _) => operations.normalise_by(maps, statistics[index].layer(&[gain, shift]), relu),
    }
}

fn tapped(activity: Activity, name: &str, mode: &mut Mode<'_>) -> Activity {
    if let Mode::Perceiving(_, reader) = mode
        && reader.taps.iter().any(|tap| tap == name)
    {
        let features = match &activity {
            Activity::Maps(maps) => maps.clone().flatten(1, 3),
            Activity::Features(features) => features.clone(),
        };
        (reader.read)(name, features);
    }
    activity
}

impl Statistics {
    /// Gain and shift, the first two of `values`, with these statistics: all that the normalisation goes by.
    fn layer(&self, values: &[Tensor<1>]) -> [Tensor<1>; 4] {
        [values[0].clone(), values[1].clone(), self.mean.clone(), self.variance.clone()]
    }

    /// Moves towards a batch's statistics. The variance kept is the unbiased one, n/(n-1) times the batch's, as in
    /// PyTorch; Burn's own normalisation keeps the biased one.
    fn follow(&mut self, mean: Tensor<1>, biased_variance: Tensor<1>, n: usize) {
        let unbiased = n as f64 / n.saturating_sub(1).max(1) as f64;
        self.mean = self.mean.clone() * (1.0 - STATISTICS_RATE) + mean * STATISTICS_RATE;
        self.variance = self.variance.clone() * (1.0 - STATISTICS_RATE) + biased_variance * (unbiased * STATISTICS_RATE);
    }
}
