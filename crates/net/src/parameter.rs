//! One trained tensor, how it is updated, and the law that what is dead stays dead.

use burn::tensor::{Device, Tensor, TensorData};
use neuro::lesion::LayerLesion;
use neuro::lesson::Lesson;

/// A trained tensor, kept flat; its momentum while a lesson lasts; and, for synapses, which are alive.
#[derive(Debug)]
pub(crate) struct Parameter {
    /// Name in weight files: `features.0.weight`.
    pub(crate) path: String,
    /// Shape in weight files.
    pub(crate) shape: Vec<usize>,
    value: Tensor<1>,
    momentum: Option<Tensor<1>>,
    /// 1 alive, 0 lost; none where nothing is lost.
    alive: Option<Tensor<1>>,
}

impl Parameter {
    pub(crate) fn new(path: String, shape: Vec<usize>, values: Vec<f32>, device: &Device) -> Self {
        assert_eq!(values.len(), shape.iter().product::<usize>());
        Self { path, shape, value: tensor(values, device), momentum: None, alive: None }
    }

    /// The value, for perception: outside any graph.
    pub(crate) fn value(&self) -> Tensor<1> {
        self.value.clone()
    }

    /// The value as the leaf of a new graph.
    pub(crate) fn leaf(&self) -> Tensor<1> {
        self.value.clone().autodiff().require_grad()
    }

    /// One step of stochastic gradient descent, as PyTorch's `SGD`: g += decay w; v = m v + g; w -= rate (v, or g + m v).
    ///
    /// The law: a lost synapse's gradient is struck out here, the only place where values change. Its weight and
    /// momentum were set to 0 when it was lost, and decay of 0 is 0, so all three stay exactly 0.
    pub(crate) fn descend(&mut self, gradient: Tensor<1>, lesson: &Lesson, rate: f64) {
        let (decay, keep) = (lesson.decay.get(), lesson.momentum.get());
        let mut gradient = match &self.alive {
            Some(alive) => gradient * alive.clone(),
            None => gradient,
        };
        if decay > 0.0 {
            gradient = gradient + self.value.clone() * decay;
        }
        let direction = if keep > 0.0 {
            let momentum = match self.momentum.take() {
                Some(momentum) => momentum * keep + gradient.clone(),
                None => gradient.clone(),
            };
            self.momentum = Some(momentum.clone());
            if lesson.nesterov { gradient + momentum * keep } else { momentum }
        } else {
            gradient
        };
        self.value = self.value.clone() - direction * rate;
    }

    /// Sets lost synapses to 0, weight and momentum, and strikes out their gradients from now on.
    pub(crate) fn wound(&mut self, lesion: &LayerLesion) {
        if lesion.lost() == 0 {
            self.alive = None;
            return;
        }
        let mask: Vec<f32> = lesion.mask().into_iter().map(f32::from).collect();
        let alive = tensor(mask, &self.value.device());
        // adding 0 turns the -0 of (negative weight x 0) into 0, so that dead synapses have one bit pattern
        self.value = self.value.clone() * alive.clone() + 0.0;
        self.momentum = self.momentum.take().map(|momentum| momentum * alive.clone() + 0.0);
        self.alive = Some(alive);
    }

    /// Momentum starts at rest.
    pub(crate) fn rest(&mut self) {
        self.momentum = None;
    }

    pub(crate) fn values(&self) -> Vec<f32> {
        read(self.value.clone())
    }

    pub(crate) fn momentum_values(&self) -> Option<Vec<f32>> {
        self.momentum.clone().map(read)
    }

    pub(crate) fn restore(&mut self, values: Vec<f32>, momentum: Option<Vec<f32>>) {
        let device = self.value.device();
        self.value = tensor(values, &device);
        self.momentum = momentum.map(|values| tensor(values, &device));
    }
}

pub(crate) fn tensor(values: Vec<f32>, device: &Device) -> Tensor<1> {
    let length = values.len();
    Tensor::from_data(TensorData::new(values, [length]), device)
}

pub(crate) fn read<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.try_into_vec_as::<f32>().expect("the device hands its tensors back as f32")
}
