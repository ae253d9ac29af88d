//! Weights that users bring, as PyTorch and its neighbours save them: understood where that is safe, refused with the reason
//! where it is not. A subject starts healthy, so no mask with a lost synapse may get lost on the way.

use std::collections::BTreeMap;

use neuro::lesion::Lesion;
use safetensors::tensor::TensorView;

use super::error::{WeightsError, shown};
use super::file::{check_shape, floats, mask, nearest, not_negative, open};
use crate::network::Network;

/// What wrappers of networks (data parallelism, Lightning, `torch.compile`) put before all names.
const PREFIXES: [&str; 3] = ["module.", "model.", "_orig_mod."];

/// What was found in a file of given weights.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// Names of the tensors that this network has no place for, sorted; fit to be shown (escaped, cut at 60 characters).
    /// PyTorch's `num_batches_tracked`, which nothing here depends on, is not among them.
    pub unused: Vec<String>,
    /// How many synapses have a weight of exactly 0. Without a mask they count as alive, and learn.
    pub zero_synapses: u64,
    /// How many synapses the network has.
    pub synapses: u64,
}

impl Network {
    /// Takes on weights from a safetensors file of any maker, with torchvision's names. Afterwards the network is healthy and at
    /// rest. On an error it is unchanged.
    ///
    /// F16, BF16, F32 and F64 are converted to f32. Prefixes that all names share (`module.`, `model.`, `_orig_mod.`) are left
    /// out. `NAME_orig` with `NAME_mask`, as `torch.nn.utils.prune` saves them, are multiplied; masks may be of any type.
    ///
    /// # Errors
    /// If a tensor is missing, has another shape, or holds what is no finite number; and if a mask marks anything as lost, be it
    /// that of a weight or one that belongs to nothing here.
    pub fn take_weights(&mut self, bytes: &[u8]) -> Result<Given, WeightsError> {
        let file = open(bytes)?;
        let mut foreign = Foreign { left: without_prefixes(file.iter().collect()), network: &self.architecture.name };
        let mut values = Vec::new();
        for parameter in &self.parameters {
            values.push((foreign.parameter(&parameter.path, &parameter.shape)?, None));
        }
        let mut statistics = Vec::new();
        for kept in &self.statistics {
            let (mean, variance) = (format!("{}.running_mean", kept.path), format!("{}.running_var", kept.path));
            let channels = [kept.mean.len()];
            statistics.push((foreign.floats(&mean, &channels)?, not_negative(&variance, foreign.floats(&variance, &channels)?)?));
        }
        let unused = foreign.unused()?;

        let lesion = Lesion::none(&self.architecture);
        let weights = self.synaptic_indices().into_iter().flat_map(|index| &values[index].0);
        let zero_synapses = weights.filter(|&&weight| weight == 0.0).count() as u64;
        let given = Given { unused, zero_synapses, synapses: lesion.synapses() };
        self.take_on(values, statistics, lesion);
        Ok(given)
    }
}

/// Removes what all names begin with, as often as they do.
fn without_prefixes<T>(mut tensors: Vec<(&str, T)>) -> BTreeMap<&str, T> {
    let shared = |tensors: &[(&str, T)]| {
        PREFIXES.into_iter().find(|prefix| !tensors.is_empty() && tensors.iter().all(|(name, _)| name.starts_with(prefix)))
    };
    while let Some(prefix) = shared(&tensors) {
        tensors.iter_mut().for_each(|(name, _)| *name = &name[prefix.len()..]);
    }
    tensors.into_iter().collect()
}

/// A file of somebody else's weights that is being read.
struct Foreign<'a> {
    /// The tensors that nobody has asked for yet.
    left: BTreeMap<&'a str, TensorView<'a>>,
    network: &'a str,
}

impl Foreign<'_> {
    /// A trained tensor, multiplied by its mask if it has one, which must not mark anything as lost.
    fn parameter(&mut self, path: &str, shape: &[usize]) -> Result<Vec<f32>, WeightsError> {
        let (original, mask_name) = (format!("{path}_orig"), format!("{path}_mask"));
        let is_pruned = !self.left.contains_key(path) && self.left.contains_key(original.as_str());
        let mut values = self.floats(if is_pruned { &original } else { path }, shape)?;
        let Some(view) = self.left.remove(mask_name.as_str()) else {
            return if is_pruned { Err(self.missing(&mask_name)) } else { Ok(values) };
        };
        check_shape(&mask_name, &view, shape, self.network)?;
        let mask = mask(&mask_name, &view)?;
        let lost = mask.iter().filter(|&&alive| alive == 0.0).count() as u64;
        if lost > 0 {
            return Err(WeightsError::Wounded { mask: mask_name, lost, values: mask.len() as u64 });
        }
        if is_pruned {
            values.iter_mut().zip(mask).for_each(|(value, factor)| *value *= factor);
        }
        Ok(values)
    }

    fn floats(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, WeightsError> {
        let Some(view) = self.left.remove(name) else { return Err(self.missing(name)) };
        check_shape(name, &view, shape, self.network)?;
        floats(name, &view)
    }

    fn missing(&self, name: &str) -> WeightsError {
        let nearest = nearest(self.left.keys().copied(), name);
        WeightsError::Missing { name: name.to_owned(), nearest, network: self.network.to_owned() }
    }

    /// The names of what nobody asked for. A mask among them must not hold zeros: a lesion would be lost.
    fn unused(self) -> Result<Vec<String>, WeightsError> {
        for (name, view) in &self.left {
            if name.to_ascii_lowercase().contains("mask") && mask(name, view)?.contains(&0.0) {
                return Err(WeightsError::StrayMask((*name).to_owned()));
            }
        }
        let names = self.left.into_keys().filter(|name| name.rsplit('.').next() != Some("num_batches_tracked"));
        Ok(names.map(shown).collect())
    }
}
