//! From an architecture to a program: which parts become one operation.

use std::iter::Peekable;
use std::slice::Iter;

use kernels::{Convolution, Dense};
use neuro::architecture::{Architecture, Kind, Part};
use neuro::images::Shape;

use super::{Normalisation, Operation, Program};

impl Program {
    /// For learning, where normalisations go by the batch. What the backward pass needs is computed; a pool is part of a normalisation with
    /// ReLU, since what lies between them is wanted by nobody.
    pub(crate) fn learning(architecture: &Architecture) -> Self {
        compile(architecture, false)
    }

    /// For perceiving, where statistics are given and nothing is differentiated: all that follows a convolution can be part of it. Here
    /// are the taps.
    pub(crate) fn perceiving(architecture: &Architecture) -> Self {
        compile(architecture, true)
    }
}

fn compile(architecture: &Architecture, perceiving: bool) -> Program {
    let mut operations = Vec::new();
    let mut walk = Walk { parts: architecture.parts.iter().peekable(), shape: architecture.input, parameters: 0, statistics: 0 };
    while let (from, Some(part)) = (walk.shape, walk.next()) {
        operations.push(match part.kind {
            Kind::Convolution { inputs, outputs } => {
                let (shape, weight) = (Convolution::three_by_three(inputs, outputs), walk.pair());
                let relu = walk.goes_on_with_relu();
                let normalised = perceiving && !relu && walk.goes_on_with(|kind| matches!(kind, Kind::Normalisation { .. }));
                let normalisation = normalised.then(|| walk.normalisation());
                let relu = relu || normalised && walk.goes_on_with_relu();
                let pool = perceiving && walk.goes_on_with_pool();
                Operation::Convolve { shape, from, weight, normalisation, relu, pool }
            }
            Kind::Normalisation { .. } => {
                let layer = walk.normalisation();
                let relu = walk.goes_on_with_relu();
                let pool = !perceiving && relu && walk.goes_on_with_pool();
                Operation::Normalise { layer, from, relu, pool }
            }
            Kind::Relu => Operation::Rectify,
            Kind::MaxPool => Operation::Pool { from },
            // one pixel is a list already
            Kind::Flatten if from.height * from.width == 1 => continue,
            Kind::Flatten => Operation::Flatten { from },
            Kind::Dense { inputs, outputs } => {
                assert_eq!(from, Shape { channels: inputs, height: 1, width: 1 }, "maps are flattened before dense layers");
                let weight = walk.pair();
                Operation::Combine { shape: Dense { inputs, outputs }, weight, relu: walk.goes_on_with_relu() }
            }
            Kind::Tap if perceiving => Operation::Tap { name: part.name.clone(), from },
            Kind::Tap => continue,
        });
    }
    Program { operations }
}

/// A walk through the parts: the size of activity behind the last one, and how many parameters and statistics were met.
struct Walk<'a> {
    parts: Peekable<Iter<'a, Part>>,
    shape: Shape,
    parameters: usize,
    statistics: usize,
}

impl<'a> Walk<'a> {
    fn next(&mut self) -> Option<&'a Part> {
        self.parts.next().inspect(|part| self.shape = part.output)
    }

    /// Takes the next part too, if it is of such a kind.
    fn goes_on_with(&mut self, is: impl Fn(Kind) -> bool) -> bool {
        self.parts.next_if(|part| is(part.kind)).inspect(|part| self.shape = part.output).is_some()
    }

    fn goes_on_with_relu(&mut self) -> bool {
        self.goes_on_with(|kind| kind == Kind::Relu)
    }

    fn goes_on_with_pool(&mut self) -> bool {
        self.goes_on_with(|kind| kind == Kind::MaxPool)
    }

    /// The place of this part's two parameters.
    fn pair(&mut self) -> usize {
        self.parameters += 2;
        self.parameters - 2
    }

    fn normalisation(&mut self) -> Normalisation {
        self.statistics += 1;
        Normalisation { gain: self.pair(), statistics: self.statistics - 1 }
    }
}
