//! The network itself: its parts filled with values, and its two programs.

use neuro::architecture::{Architecture, Kind};
use neuro::injury::Injury;
use neuro::lesion::{Anatomy, Layer, Lesion};
use neuro::seed::{Address, Purpose, Seed};

use crate::device::Device;
use crate::parameter::Parameter;
use crate::program::Program;
use crate::retina::Retina;
use crate::statistics::Statistics;

/// A network with its lesion. Lost synapses are exactly 0, whatever it learns.
#[derive(Debug)]
pub struct Network {
    pub(crate) architecture: Architecture,
    /// What is done to images when it learns, and when it perceives.
    pub(crate) learning: Program,
    pub(crate) perceiving: Program,
    pub(crate) retina: Retina,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) statistics: Vec<Statistics>,
    pub(crate) lesion: Lesion,
}

/// A parameter's values, and its momentum while a lesson lasts.
pub(crate) type Valued = (Vec<f32>, Option<Vec<f32>>);

impl Network {
    /// A newborn network: [`Network::blank`], then [`Network::initialise`].
    pub fn newborn(architecture: Architecture, retina: &Retina, seed: Seed, device: Device) -> Self {
        let mut network = Self::blank(architecture, retina, device);
        network.initialise(seed);
        network
    }

    /// A network with memory for its values, all of them 0: to be initialised, or to take on a state or weights.
    pub fn blank(architecture: Architecture, retina: &Retina, Device::Cpu: Device) -> Self {
        let mut parameters = Vec::new();
        let mut statistics = Vec::new();
        for part in &architecture.parts {
            let shapes = match part.kind {
                Kind::Convolution { inputs, outputs } => [vec![outputs, inputs, 3, 3], vec![outputs]],
                Kind::Dense { inputs, outputs } => [vec![outputs, inputs], vec![outputs]],
                Kind::Normalisation { channels } => {
                    let [mean, variance] = [(); 2].map(|()| vec![0.0; channels]);
                    statistics.push(Statistics { path: part.path.clone(), mean, variance });
                    [vec![channels], vec![channels]]
                }
                Kind::Relu | Kind::MaxPool | Kind::Flatten | Kind::Tap => continue,
            };
            for (name, shape) in ["weight", "bias"].into_iter().zip(shapes) {
                parameters.push(Parameter::zeros(format!("{}.{name}", part.path), shape));
            }
        }
        let lesion = Lesion::none(&architecture);
        let (learning, perceiving) = (Program::learning(&architecture), Program::perceiving(&architecture));
        Self { architecture, learning, perceiving, retina: retina.clone(), parameters, statistics, lesion }
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
            (kept.mean, kept.variance) = (mean, variance);
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
        let weights = self.synaptic_indices().into_iter().map(|index| self.parameters[index].values());
        let layers = self.architecture.synaptic().zip(weights).map(|(part, weights)| Layer { name: &part.name, weights });
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
}
