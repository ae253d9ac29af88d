//! One trained tensor, how it is updated, and the law that what is dead stays dead.

use kernels::Descent;
use neuro::lesion::LayerLesion;
use neuro::lesson::Lesson;

/// A trained tensor, kept flat; its momentum while a lesson lasts; and, for synapses, which are alive.
#[derive(Debug)]
pub(crate) struct Parameter {
    /// Name in weight files: `features.0.weight`.
    pub(crate) path: String,
    /// Shape in weight files.
    pub(crate) shape: Vec<usize>,
    value: Vec<f32>,
    momentum: Option<Vec<f32>>,
    /// 1 for each synapse that is alive, 0 for each that is lost; none where nothing is lost.
    alive: Option<Vec<u8>>,
}

impl Parameter {
    /// All zeros, at rest.
    pub(crate) fn zeros(path: String, shape: Vec<usize>) -> Self {
        let value = vec![0.0; shape.iter().product()];
        Self { path, shape, value, momentum: None, alive: None }
    }

    /// One step of stochastic gradient descent, as PyTorch's `SGD`: g += decay w; v = m v + g; w -= rate (v, or g + m v).
    ///
    /// The law: the gradient of a lost synapse is struck out here, the only place where values change by learning. Weight and momentum
    /// of the lost are exactly +0.0 afterwards.
    pub(crate) fn descend(&mut self, gradient: &[f32], lesson: &Lesson, rate: f64) {
        let how = Descent {
            rate: rate as f32,
            momentum: lesson.momentum.get() as f32,
            nesterov: lesson.nesterov,
            decay: lesson.decay.get() as f32,
        };
        let momentum = self.momentum.get_or_insert_with(|| vec![0.0; gradient.len()]);
        kernels::descend(&mut self.value, momentum, gradient, self.alive.as_deref(), &how);
    }

    /// Sets lost synapses to +0.0, weight and momentum, and strikes out their gradients from now on.
    pub(crate) fn wound(&mut self, lesion: &LayerLesion) {
        if lesion.lost() == 0 {
            self.alive = None;
            return;
        }
        let alive = lesion.mask();
        for values in [Some(&mut self.value), self.momentum.as_mut()].into_iter().flatten() {
            values.iter_mut().zip(&alive).filter(|(_, alive)| **alive == 0).for_each(|(value, _)| *value = 0.0);
        }
        self.alive = Some(alive);
    }

    /// Momentum starts at rest.
    pub(crate) fn rest(&mut self) {
        self.momentum = None;
    }

    pub(crate) fn values(&self) -> &[f32] {
        &self.value
    }

    pub(crate) fn momentum(&self) -> Option<&[f32]> {
        self.momentum.as_deref()
    }

    pub(crate) fn restore(&mut self, value: Vec<f32>, momentum: Option<Vec<f32>>) {
        let fits = |values: &Vec<f32>| values.len() == self.value.len();
        assert!(fits(&value) && momentum.as_ref().is_none_or(fits), "as many values as {} has", self.path);
        (self.value, self.momentum) = (value, momentum);
    }
}
