//! States as safetensors bytes: weights under torchvision's names, masks beside them, momentum while a lesson lasts.

use std::borrow::Cow;

use neuro::lesion::Lesion;
use safetensors::tensor::{Dtype, SafeTensors, View};

use crate::network::Network;
use crate::parameter::{read, tensor};

/// Why a file of weights cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum WeightsError {
    /// Not a safetensors file, or cut off.
    #[error("it is not a whole safetensors file ({0})")]
    Unreadable(String),
    /// A tensor of this network is not in it.
    #[error("it has no tensor '{name}', so it belongs to another network than {network}")]
    Missing {
        /// The tensor.
        name: String,
        /// This network.
        network: String,
    },
    /// A tensor has another shape or type than this network's.
    #[error("its tensor '{name}' is {found}, but {network} needs {needed}, so it belongs to another network")]
    Unlike {
        /// The tensor.
        name: String,
        /// Shape and type in the file.
        found: String,
        /// Shape and type needed.
        needed: String,
        /// This network.
        network: String,
    },
    /// A lost synapse has a weight or momentum that is not 0, or a lesion is not whole.
    #[error("its tensor '{0}' breaks the law that a lost synapse is exactly 0; the file was altered")]
    Revived(String),
    /// A weight that is not a finite number.
    #[error("its tensor '{0}' holds values that are not numbers")]
    NotFinite(String),
    /// A variance below zero.
    #[error("its tensor '{0}' holds variances below zero")]
    NegativeVariance(String),
}

impl Network {
    /// The whole state: values, running statistics, masks (`NAME_mask`, one byte per synapse, 1 alive) and, while a lesson
    /// lasts, momentum (`NAME_momentum`). Panics if a lost synapse is not exactly 0: that would be our fault.
    pub fn state(&self) -> Vec<u8> {
        let mut tensors: Vec<(String, Plain)> = Vec::new();
        for parameter in &self.parameters {
            let (path, shape) = (&parameter.path, &parameter.shape);
            tensors.push((path.clone(), Plain::floats(shape, &parameter.values())));
            if let Some(momentum) = parameter.momentum_values() {
                tensors.push((format!("{path}_momentum"), Plain::floats(shape, &momentum)));
            }
        }
        for statistics in &self.statistics {
            for (name, values) in [("running_mean", &statistics.mean), ("running_var", &statistics.variance)] {
                let values = read(values.clone());
                tensors.push((format!("{}.{name}", statistics.path), Plain::floats(&[values.len()], &values)));
            }
        }
        for (layer, index) in self.synaptic_indices().into_iter().enumerate() {
            let (parameter, lesion) = (&self.parameters[index], &self.lesion.layers()[layer]);
            assert!(dead_are_zero(lesion, &parameter.values()), "a lost synapse of {} came back", parameter.path);
            let momentum = parameter.momentum_values().unwrap_or_default();
            assert!(dead_are_zero(lesion, &momentum), "a lost synapse of {} has momentum", parameter.path);
            tensors.push((format!("{}_mask", parameter.path), Plain::bytes(&parameter.shape, lesion.mask())));
        }
        safetensors::serialize(tensors, None).expect("names are distinct and sizes agree")
    }

    /// Takes on a state. Tensors it does not know are ignored; masks and momentum may be absent (no lesion, at rest). On an
    /// error the network is unchanged.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<(), WeightsError> {
        let file = SafeTensors::deserialize(bytes).map_err(|error| WeightsError::Unreadable(error.to_string()))?;
        let network = &self.architecture.name;
        let mut values = Vec::new();
        for parameter in &self.parameters {
            let momentum = format!("{}_momentum", parameter.path);
            let momentum =
                file.tensor(&momentum).is_ok().then(|| floats(&file, &momentum, &parameter.shape, network)).transpose()?;
            values.push((floats(&file, &parameter.path, &parameter.shape, network)?, momentum));
        }
        let mut statistics = Vec::new();
        for kept in &self.statistics {
            let channels = kept.mean.dims();
            let read = |name: &str| floats(&file, &format!("{}.{name}", kept.path), &channels, network);
            let (mean, variance) = (read("running_mean")?, read("running_var")?);
            if variance.iter().any(|&variance| variance < 0.0) {
                return Err(WeightsError::NegativeVariance(format!("{}.running_var", kept.path)));
            }
            statistics.push((mean, variance));
        }
        let lesion = self.read_lesion(&file, &values)?;

        for (parameter, (value, momentum)) in self.parameters.iter_mut().zip(values) {
            parameter.restore(value, momentum);
        }
        for (kept, (mean, variance)) in self.statistics.iter_mut().zip(statistics) {
            kept.mean = tensor(mean, &self.engine);
            kept.variance = tensor(variance, &self.engine);
        }
        self.lesion = lesion;
        self.apply_lesion();
        Ok(())
    }

    fn read_lesion(&self, file: &SafeTensors<'_>, values: &[(Vec<f32>, Option<Vec<f32>>)]) -> Result<Lesion, WeightsError> {
        let mut lesion = Lesion::none(&self.architecture);
        for (layer, index) in self.synaptic_indices().into_iter().enumerate() {
            let parameter = &self.parameters[index];
            let name = format!("{}_mask", parameter.path);
            let Ok(view) = file.tensor(&name) else { continue };
            if view.dtype() != Dtype::U8 || view.shape() != parameter.shape {
                return Err(unlike(&name, &view, Dtype::U8, &parameter.shape, &self.architecture.name));
            }
            let lost = view.data().iter().enumerate().filter(|&(_, &alive)| alive == 0);
            lost.for_each(|(synapse, _)| lesion.take(layer, synapse));
            let (value, momentum) = &values[index];
            let whole = dead_are_zero(&lesion.layers()[layer], value)
                && dead_are_zero(&lesion.layers()[layer], momentum.as_deref().unwrap_or_default());
            if !whole {
                return Err(WeightsError::Revived(parameter.path.clone()));
            }
        }
        Ok(lesion)
    }
}

/// The law, as it is asserted at each save and checked at each load. No values, nothing to check.
fn dead_are_zero(lesion: &neuro::lesion::LayerLesion, values: &[f32]) -> bool {
    values.iter().enumerate().all(|(synapse, &value)| value == 0.0 || !lesion.is_lost(synapse))
}

fn floats(file: &SafeTensors<'_>, name: &str, shape: &[usize], network: &str) -> Result<Vec<f32>, WeightsError> {
    let missing = |_| WeightsError::Missing { name: name.to_owned(), network: network.to_owned() };
    let view = file.tensor(name).map_err(missing)?;
    if view.dtype() != Dtype::F32 || view.shape() != shape {
        return Err(unlike(name, &view, Dtype::F32, shape, network));
    }
    let values: Vec<f32> = view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    if values.iter().all(|value| value.is_finite()) { Ok(values) } else { Err(WeightsError::NotFinite(name.to_owned())) }
}

fn unlike(name: &str, view: &impl View, dtype: Dtype, shape: &[usize], network: &str) -> WeightsError {
    WeightsError::Unlike {
        name: name.to_owned(),
        found: format!("{:?} {:?}", view.dtype(), view.shape()),
        needed: format!("{dtype:?} {shape:?}"),
        network: network.to_owned(),
    }
}

/// A tensor as the file format wants it.
struct Plain {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Plain {
    fn floats(shape: &[usize], values: &[f32]) -> Self {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self { dtype: Dtype::F32, shape: shape.to_vec(), bytes }
    }

    fn bytes(shape: &[usize], bytes: Vec<u8>) -> Self {
        Self { dtype: Dtype::U8, shape: shape.to_vec(), bytes }
    }
}

impl View for Plain {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}
