//! The way of activity through a program.

use kernels::Finish;
use neuro::images::Shape;

use super::{NORMALISATION_EPSILON, Normalisation, Operation, Pass, Program, maps};
use crate::order::to_pytorch;
use crate::parameter::Parameter;
use crate::statistics::Statistics;

impl Program {
    /// The forward pass of a program for learning over images `[n, height, width, channels]`: normalises by the batch, and running statistics
    /// follow. Keeps what the backward pass needs; all else is dropped as soon as it is used.
    pub(crate) fn forward(
        &self,
        parameters: &[Parameter],
        statistics: &mut [Statistics],
        mut x: Vec<f32>,
        images: usize,
    ) -> Pass {
        let (mut activities, mut all_moments) = (Vec::new(), Vec::new());
        let mut wanted_before = false;
        for operation in &self.operations {
            let (y, moments) = match *operation {
                Operation::Normalise { layer, from, relu, pool } => {
                    let learned = layer.learned(parameters);
                    let normalised = match pool {
                        true => kernels::normalise_by_batch_and_pool(&x, maps(images, from), &learned),
                        false => kernels::normalise_by_batch(&x, &learned, relu),
                    };
                    let (mean, variance) = (normalised.mean, normalised.variance);
                    statistics[layer.statistics].follow(&mean, &variance, maps(images, from).pixels());
                    (normalised.y, Some([mean, variance]))
                }
                _ => (operation.perform(&x, images, parameters, statistics), None),
            };
            let keep = wanted_before || operation.needs_input();
            activities.push(keep.then_some(x));
            all_moments.push(moments);
            wanted_before = operation.needs_output();
            x = y;
        }
        activities.push(Some(x));
        Pass { images, activities, moments: all_moments }
    }

    /// Runs a program for perceiving over images `[n, height, width, channels]`, by running statistics, and returns the logits. `read` is shown
    /// the activity at every tap: its name, the size of an image's activity, and the values with the channels last.
    pub(crate) fn perceive(
        &self,
        parameters: &[Parameter],
        statistics: &[Statistics],
        mut x: Vec<f32>,
        images: usize,
        read: &mut dyn FnMut(&str, Shape, &[f32]),
    ) -> Vec<f32> {
        for operation in &self.operations {
            match operation {
                Operation::Tap { name, from } => read(name, *from, &x),
                _ => x = operation.perform(&x, images, parameters, statistics),
            }
        }
        x
    }
}

impl Operation {
    /// What comes out for this input; normalisations go by running statistics.
    fn perform(&self, x: &[f32], images: usize, parameters: &[Parameter], statistics: &[Statistics]) -> Vec<f32> {
        match *self {
            Operation::Convolve { ref shape, from, weight, normalisation, relu, pool } => {
                let [weight, bias] = pair(parameters, weight);
                let folded = normalisation.map(|layer| layer.folded(bias, parameters, statistics));
                let (scale, bias) = folded.as_ref().map_or((None, bias), |(scale, bias)| (Some(scale.as_slice()), bias));
                let finish = Finish { scale, bias: Some(bias), relu, pool };
                kernels::convolve_and(x, maps(images, from), shape, weight, finish)
            }
            Operation::Normalise { layer, from, relu, pool } => {
                let Statistics { mean, variance, .. } = &statistics[layer.statistics];
                let y = kernels::normalise_by(x, mean, variance, &layer.learned(parameters), relu);
                if pool { kernels::pool(&y, maps(images, from), from.channels) } else { y }
            }
            // a NaN stays one
            Operation::Rectify => x.iter().map(|&x| if x <= 0.0 { 0.0 } else { x }).collect(),
            Operation::Pool { from } => kernels::pool(x, maps(images, from), from.channels),
            Operation::Flatten { from } => {
                let mut y = vec![0.0; x.len()];
                for (x, y) in x.chunks_exact(from.len()).zip(y.chunks_exact_mut(from.len())) {
                    to_pytorch(from, x, y);
                }
                y
            }
            Operation::Combine { ref shape, weight, relu } => {
                let [weight, bias] = pair(parameters, weight);
                kernels::dense(x, images, shape, weight, Some(bias), relu)
            }
            Operation::Tap { .. } => x.to_vec(),
        }
    }

    /// Whether the backward pass looks at what went in.
    fn needs_input(&self) -> bool {
        match self {
            Operation::Convolve { .. } | Operation::Normalise { .. } | Operation::Pool { .. } | Operation::Combine { .. } => true,
            Operation::Rectify | Operation::Flatten { .. } | Operation::Tap { .. } => false,
        }
    }

    /// Whether the backward pass looks at what came out.
    pub(super) fn needs_output(&self) -> bool {
        match self {
            Operation::Convolve { relu, .. } | Operation::Combine { relu, .. } => *relu,
            Operation::Rectify | Operation::Pool { .. } => true,
            Operation::Normalise { .. } | Operation::Flatten { .. } | Operation::Tap { .. } => false,
        }
    }
}

impl Normalisation {
    /// Gains and shifts, as the kernels take them.
    pub(super) fn learned(self, parameters: &[Parameter]) -> kernels::Normalisation<'_> {
        let [gain, shift] = pair(parameters, self.gain);
        kernels::Normalisation { gain, shift, epsilon: NORMALISATION_EPSILON as f32 }
    }

    /// Scale and bias that do to a convolution's sums what its bias and this normalisation by running statistics do: with
    /// s = gain / sqrt(variance + epsilon) the normalised convolution is `s * (x * weight) + s * (bias - mean) + shift`.
    fn folded(self, bias: &[f32], parameters: &[Parameter], statistics: &[Statistics]) -> (Vec<f32>, Vec<f32>) {
        let [gain, shift] = pair(parameters, self.gain);
        let Statistics { mean, variance, .. } = &statistics[self.statistics];
        let wide = |list: &[f32], channel: usize| f64::from(list[channel]);
        let scale = |i: usize| wide(gain, i) / (wide(variance, i) + NORMALISATION_EPSILON).sqrt();
        let moved = |i: usize| scale(i) * (wide(bias, i) - wide(mean, i)) + wide(shift, i);
        (0..bias.len()).map(|i| (scale(i) as f32, moved(i) as f32)).unzip()
    }
}

/// The values of two parameters that belong together: weights and biases, or gains and shifts.
fn pair(parameters: &[Parameter], first: usize) -> [&[f32]; 2] {
    [parameters[first].values(), parameters[first + 1].values()]
}
