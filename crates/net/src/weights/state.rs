//! The network's own states (checkpoints): written, and taken on again only if nothing in them was altered.

use std::borrow::Cow;
use std::collections::BTreeSet;

use neuro::lesion::{LayerLesion, Lesion};
use safetensors::tensor::{Dtype, SafeTensors, View};

use super::error::WeightsError;
use super::file::{check_shape, finite, nearest, not_negative, of_type, open};
use crate::network::Network;

impl Network {
    /// The whole state (a checkpoint): values, running statistics, masks (`NAME_mask`, one byte per synapse, 1 alive) and, while a
    /// lesson lasts, momentum (`NAME_momentum`). Panics if a lost synapse is not exactly 0: that would be our fault.
    pub fn state(&self) -> Vec<u8> {
        let mut tensors: Vec<(String, Plain)> = Vec::new();
        for parameter in &self.parameters {
            let (path, shape) = (&parameter.path, &parameter.shape);
            tensors.push((path.clone(), Plain::floats(shape, parameter.values())));
            if let Some(momentum) = parameter.momentum() {
                tensors.push((format!("{path}_momentum"), Plain::floats(shape, momentum)));
            }
        }
        for statistics in &self.statistics {
            for (name, values) in [("running_mean", &statistics.mean), ("running_var", &statistics.variance)] {
                tensors.push((format!("{}.{name}", statistics.path), Plain::floats(&[values.len()], values)));
            }
        }
        for (layer, index) in self.synaptic_indices().into_iter().enumerate() {
            let (parameter, lesion) = (&self.parameters[index], &self.lesion.layers()[layer]);
            assert!(dead_are_zero(lesion, parameter.values()), "a lost synapse of {} came back", parameter.path);
            let momentum = parameter.momentum().unwrap_or_default();
            assert!(dead_are_zero(lesion, momentum), "a lost synapse of {} has momentum", parameter.path);
            tensors.push((format!("{}_mask", parameter.path), Plain::bytes(&parameter.shape, lesion.mask())));
        }
        safetensors::serialize(tensors, None).expect("names are distinct and sizes agree")
    }

    /// Takes on a state that [`Network::state`] wrote; momentum may be absent (at rest), all else must be there and nothing else
    /// may be. Weights from elsewhere go through [`Network::take_weights`]. On an error the network is unchanged.
    ///
    /// # Errors
    /// If the bytes are no state of such a network, or break the law that a lost synapse is exactly +0.0.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<(), WeightsError> {
        let mut state = State { file: open(bytes)?, read: BTreeSet::new(), network: &self.architecture.name };
        // momentum is kept of all parameters or of none
        let learning = state.file.names().iter().any(|name| name.ends_with("_momentum"));
        let mut values = Vec::new();
        for parameter in &self.parameters {
            let value = state.floats(&parameter.path, &parameter.shape)?;
            let momentum =
                learning.then(|| state.floats(&format!("{}_momentum", parameter.path), &parameter.shape)).transpose()?;
            values.push((value, momentum));
        }
        let mut statistics = Vec::new();
        for kept in &self.statistics {
            let channels = [kept.mean.len()];
            let mean = state.floats(&format!("{}.running_mean", kept.path), &channels)?;
            statistics.push((mean, state.variances(&format!("{}.running_var", kept.path), &channels)?));
        }
        let mut lesion = Lesion::none(&self.architecture);
        for (layer, index) in self.synaptic_indices().into_iter().enumerate() {
            let parameter = &self.parameters[index];
            let mask = state.mask(&format!("{}_mask", parameter.path), &parameter.shape)?;
            let lost = mask.iter().enumerate().filter(|&(_, &alive)| alive == 0);
            lost.for_each(|(synapse, _)| lesion.take(layer, synapse));
            let (value, momentum) = &values[index];
            let here = &lesion.layers()[layer];
            if !dead_are_zero(here, value) || !dead_are_zero(here, momentum.as_deref().unwrap_or_default()) {
                return Err(WeightsError::Revived(parameter.path.clone()));
            }
        }
        state.nothing_else()?;
        self.take_on(values, statistics, lesion);
        Ok(())
    }
}

/// A state that is being read.
struct State<'a> {
    file: SafeTensors<'a>,
    /// Names of the tensors read so far.
    read: BTreeSet<String>,
    network: &'a str,
}

impl State<'_> {
    fn tensor(&mut self, name: &str, dtype: Dtype, shape: &[usize]) -> Result<&[u8], WeightsError> {
        let Ok(view) = self.file.tensor(name) else {
            let nearest = nearest(self.file.names().into_iter(), name);
            return Err(WeightsError::Missing { name: name.to_owned(), nearest, network: self.network.to_owned() });
        };
        check_shape(name, &view, shape, self.network)?;
        if view.dtype() != dtype {
            return Err(of_type(name, view.dtype(), if dtype == Dtype::U8 { "U8" } else { "F32" }));
        }
        self.read.insert(name.to_owned());
        Ok(view.data())
    }

    fn floats(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, WeightsError> {
        let data = self.tensor(name, Dtype::F32, shape)?;
        finite(name, data.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect())
    }

    fn variances(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, WeightsError> {
        not_negative(name, self.floats(name, shape)?)
    }

    fn mask(&mut self, name: &str, shape: &[usize]) -> Result<&[u8], WeightsError> {
        let mask = self.tensor(name, Dtype::U8, shape)?;
        if mask.iter().all(|&alive| alive <= 1) { Ok(mask) } else { Err(WeightsError::Altered(name.to_owned())) }
    }

    fn nothing_else(&self) -> Result<(), WeightsError> {
        let stranger = self.file.names().into_iter().filter(|name| !self.read.contains(*name)).min();
        stranger.map_or(Ok(()), |name| Err(WeightsError::Altered(name.to_owned())))
    }
}

/// The law, as it is asserted at each save and checked at each load: +0.0 to the last bit. No values, nothing to check.
fn dead_are_zero(lesion: &LayerLesion, values: &[f32]) -> bool {
    values.iter().enumerate().all(|(synapse, value)| value.to_bits() == 0 || !lesion.is_lost(synapse))
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
