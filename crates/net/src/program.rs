//! A network as a program: its architecture, compiled once for learning (training mode) and once for perceiving (evaluation mode) into a list of
//! operations.
//!
//! An operation is one call of a kernel and does all that can be done in the same pass over memory: a ReLU, a pool, and in perceiving
//! the normalisation behind a convolution. It knows the sizes of activity, where its trained values lie among the parameters and its
//! statistics among those of the network. `compile` says what becomes of which parts; `forward` runs the list on the activity of a batch,
//! whose channels lie last in memory; `backward` goes the same list in reverse, with what the forward pass kept.

use kernels::{Convolution, Dense, Maps};
use neuro::images::Shape;

mod backward;
mod compile;
mod forward;
#[cfg(test)]
mod tests;

/// Added to variances before the root, as in PyTorch.
const NORMALISATION_EPSILON: f64 = 1e-5;

/// A list of operations. Activity i goes into operation i; what comes out of the last is the logits.
#[derive(Debug)]
pub(crate) struct Program {
    operations: Vec<Operation>,
}

/// What is done to the activity of a batch. `from` is the size of an image's activity that goes in; `weight` is the index of the weights
/// among the parameters, and the biases are the next.
#[derive(Clone, Debug, PartialEq)]
enum Operation {
    /// 3x3 convolution, stride 1, padding 1, with bias; then what it is followed by, in this order.
    Convolve { shape: Convolution, from: Shape, weight: usize, normalisation: Option<Normalisation>, relu: bool, pool: bool },
    /// Normalisation of each channel (Ioffe & Szegedy 2015), then what it is followed by.
    Normalise { layer: Normalisation, from: Shape, relu: bool, pool: bool },
    /// max(0, x), where it stands alone.
    Rectify,
    /// Maximum over 2x2 squares, stride 2; an odd last row or column is left out.
    Pool { from: Shape },
    /// From maps to features, in PyTorch's order.
    Flatten { from: Shape },
    /// Dense layer, with bias.
    Combine { shape: Dense, weight: usize, relu: bool },
    /// Nothing; here activity can be read.
    Tap { name: String, from: Shape },
}

/// Where a normalisation's gains lie among the parameters (the shifts are the next), and its running statistics among those of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Normalisation {
    gain: usize,
    statistics: usize,
}

/// What a forward pass for learning leaves to the backward pass.
pub(crate) struct Pass {
    images: usize,
    /// What went into each operation, if it is needed again, and the logits.
    activities: Vec<Option<Vec<f32>>>,
    /// Mean and variance of each normalisation's batch, by operation.
    moments: Vec<Option<[Vec<f32>; 2]>>,
}

impl Pass {
    /// The outputs: images x classes.
    pub(crate) fn logits(&self) -> &[f32] {
        self.activities.last().and_then(Option::as_deref).expect("the last activity is kept")
    }
}

fn maps(images: usize, shape: Shape) -> Maps {
    Maps { images, height: shape.height, width: shape.width }
}
