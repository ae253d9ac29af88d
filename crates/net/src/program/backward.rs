//! The way back: from the gradient of the loss with respect to the logits to that of every parameter.

use super::{Operation, Pass, Program, maps};
use crate::order::from_pytorch;
use crate::parameter::Parameter;

impl Program {
    /// The backward pass of a program for learning. Hands each parameter its gradient as soon as it is there and nobody needs the
    /// parameter's value any more, so that `use_gradient` may change it; no gradient outlives its use, and no activity the last operation
    /// that looks at it.
    pub(crate) fn backward(
        &self,
        pass: Pass,
        of_logits: Vec<f32>,
        parameters: &mut [Parameter],
        use_gradient: &mut dyn FnMut(&mut Parameter, &[f32]),
    ) {
        let Pass { images, mut activities, moments } = pass;
        // nothing before the first operation with parameters has anything to learn
        let Some(first) = self.operations.iter().position(Operation::learns) else { return };
        let mut dy = of_logits;
        for (index, (operation, moments)) in self.operations.iter().zip(moments).enumerate().skip(first).rev() {
            let y = activities.pop().flatten();
            let x = activities.last().and_then(Option::as_deref);
            let back =
                operation.back(Around { images, x, y: y.as_deref(), moments, dy: &dy, want_dx: index > first }, parameters);
            drop(y);
            if index == 0 || !self.operations[index - 1].needs_output() {
                activities[index] = None;
            }
            dy = back.dx;
            for (parameter, gradient) in back.gradients {
                use_gradient(&mut parameters[parameter], &gradient);
            }
        }
    }
}

/// What an operation's way back may look at.
struct Around<'a> {
    images: usize,
    /// What went in and what came out, if they were kept.
    x: Option<&'a [f32]>,
    y: Option<&'a [f32]>,
    moments: Option<[Vec<f32>; 2]>,
    /// The gradient with respect to what came out.
    dy: &'a [f32],
    want_dx: bool,
}

/// Gradients with respect to what went in (empty if not wanted) and to parameters, by their index.
struct Back {
    dx: Vec<f32>,
    gradients: Vec<(usize, Vec<f32>)>,
}

impl Operation {
    /// Whether it has parameters.
    fn learns(&self) -> bool {
        matches!(self, Operation::Convolve { .. } | Operation::Normalise { .. } | Operation::Combine { .. })
    }

    fn back(&self, around: Around<'_>, parameters: &[Parameter]) -> Back {
        let Around { images, x, y, moments, dy, want_dx } = around;
        let x = || x.expect("what went in is kept");
        let y = || y.expect("what came out is kept");
        match *self {
            Operation::Convolve { ref shape, from, weight, normalisation, relu, pool } => {
                assert!(normalisation.is_none() && !pool, "a program for perceiving has no way back");
                let values = parameters[weight].values();
                let back = kernels::convolve_back(x(), maps(images, from), shape, values, relu.then(y), dy, want_dx);
                Back::of(back.dx, weight, [back.dweight, back.dbias])
            }
            Operation::Normalise { layer, from, relu, pool } => {
                let [mean, variance] = moments.expect("the batch's statistics are kept");
                let learned = layer.learned(parameters);
                let back = match pool {
                    true => kernels::normalise_by_batch_and_pool_back(x(), maps(images, from), &mean, &variance, &learned, dy),
                    false => kernels::normalise_by_batch_back(x(), &mean, &variance, &learned, relu, dy),
                };
                Back::of(Some(back.dx), layer.gain, [back.dgain, back.dshift])
            }
            Operation::Combine { ref shape, weight, relu } => {
                let values = parameters[weight].values();
                let back = kernels::dense_back(x(), images, shape, values, relu.then(y), dy, want_dx);
                Back::of(back.dx, weight, [back.dweight, back.dbias])
            }
            Operation::Rectify => Back::to_input(dy.iter().zip(y()).map(|(&dy, &y)| if y > 0.0 { dy } else { 0.0 }).collect()),
            Operation::Pool { from } => Back::to_input(kernels::pool_back(x(), maps(images, from), from.channels, y(), dy)),
            Operation::Flatten { from } => {
                let mut dx = vec![0.0; dy.len()];
                for (dy, dx) in dy.chunks_exact(from.len()).zip(dx.chunks_exact_mut(from.len())) {
                    from_pytorch(from, dy, dx);
                }
                Back::to_input(dx)
            }
            Operation::Tap { .. } => Back::to_input(dy.to_vec()),
        }
    }
}

impl Back {
    fn of(dx: Option<Vec<f32>>, first: usize, [weights, biases]: [Vec<f32>; 2]) -> Self {
        Self { dx: dx.unwrap_or_default(), gradients: vec![(first, weights), (first + 1, biases)] }
    }

    fn to_input(dx: Vec<f32>) -> Self {
        Self { dx, gradients: Vec::new() }
    }
}
