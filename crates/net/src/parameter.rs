//! One trained tensor, how it is updated, and the law that what is dead stays dead.

use burn::tensor::{Device, Tensor, TensorData};
use kernels::Descent;
use neuro::lesion::LayerLesion;
use neuro::lesson::Lesson;

use crate::operations::Operations;
use crate::swift;

/// A trained tensor, kept flat; its momentum while a lesson lasts; and, for synapses, which are alive.
#[derive(Debug)]
pub(crate) struct Parameter {
    /// Name in weight files: `features.0.weight`.
    pub(crate) path: String,
    /// Shape in weight files.
    pub(crate) shape: Vec<usize>,
    value: Tensor<1>,
    momentum: Option<Tensor<1>>,
    /// Which synapses are alive; none where nothing is lost.
    alive: Option<Alive>,
}

/// 1 alive, 0 lost: as bytes for our kernels, as numbers for the engine.
#[derive(Debug)]
struct Alive {
    bytes: Vec<u8>,
    numbers: Tensor<1>,
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
    pub(crate) fn descend(&mut self, gradient: Tensor<1>, lesson: &Lesson, rate: f64, operations: Operations) {
        match operations {
            Operations::Swift => self.descend_in_place(gradient, lesson, rate),
            Operations::Stock => self.descend_by_engine(gradient, lesson, rate),
        }
    }

    fn descend_in_place(&mut self, gradient: Tensor<1>, lesson: &Lesson, rate: f64) {
        let how = Descent {
            rate: rate as f32,
            momentum: lesson.momentum.get() as f32,
            nesterov: lesson.nesterov,
            decay: lesson.decay.get() as f32,
        };
        let alive = self.alive.as_ref().map(|alive| alive.bytes.as_slice());
        // taken out, so that nobody else holds it and it can change where it lies
        let nothing = Tensor::zeros([1], &self.value.device());
        let value = std::mem::replace(&mut self.value, nothing);
        let (value, momentum) = swift::descend(value, self.momentum.take(), gradient, alive, &how);
        self.value = value;
        self.momentum = Some(momentum);
    }

    fn descend_by_engine(&mut self, gradient: Tensor<1>, lesson: &Lesson, rate: f64) {
        let (decay, keep) = (lesson.decay.get(), lesson.momentum.get());
        let mut gradient = match &self.alive {
            // a negative gradient times 0 is -0, and lost synapses are +0 to the last bit
            Some(alive) => gradient * alive.numbers.clone() + 0.0,
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
        let bytes = lesion.mask();
        let alive = tensor(bytes.iter().copied().map(f32::from).collect(), &self.value.device());
        // adding 0 turns the -0 of (negative weight x 0) into 0, so that dead synapses have one bit pattern
        self.value = self.value.clone() * alive.clone() + 0.0;
        self.momentum = self.momentum.take().map(|momentum| momentum * alive.clone() + 0.0);
        self.alive = Some(Alive { bytes, numbers: alive });
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
