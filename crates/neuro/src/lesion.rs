//! The synapses lost so far. A lesion only grows: there is no way to revive a synapse.

use crate::architecture::Architecture;

/// What an injury can see of a network: its synaptic layers, in order, borrowed and read only.
#[derive(Clone, Debug)]
pub struct Anatomy<'a> {
    /// The layers.
    pub layers: Vec<Layer<'a>>,
}

/// One synaptic layer.
#[derive(Clone, Debug)]
pub struct Layer<'a> {
    /// Name, such as `conv3_2`.
    pub name: &'a str,
    /// Its weights, row-major with the output first: `[out, in, 3, 3]` or `[out, in]`.
    pub weights: &'a [f32],
}

/// The synapses lost so far, in each layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lesion {
    layers: Vec<LayerLesion>,
}

/// The synapses of one layer that are lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerLesion {
    bits: Vec<u64>,
    synapses: usize,
    lost: usize,
}

impl Lesion {
    /// No synapse lost yet.
    pub fn none(architecture: &Architecture) -> Self {
        Self::of_sizes(architecture.synaptic().map(|part| part.kind.synapses()))
    }

    /// No synapse lost yet, for layers of these sizes.
    pub fn of_sizes(sizes: impl IntoIterator<Item = usize>) -> Self {
        let layers = sizes.into_iter().map(|synapses| LayerLesion { bits: vec![0; synapses.div_ceil(64)], synapses, lost: 0 });
        Self { layers: layers.collect() }
    }

    /// The layers, in the order of the anatomy.
    pub fn layers(&self) -> &[LayerLesion] {
        &self.layers
    }

    /// Takes one synapse for good. Taking it twice changes nothing.
    pub fn take(&mut self, layer: usize, synapse: usize) {
        let layer = &mut self.layers[layer];
        assert!(synapse < layer.synapses, "the layer has {} synapses", layer.synapses);
        let (word, bit) = (synapse / 64, 1 << (synapse % 64));
        layer.lost += usize::from(layer.bits[word] & bit == 0);
        layer.bits[word] |= bit;
    }

    /// Number of synapses lost.
    pub fn lost(&self) -> u64 {
        self.layers.iter().map(|layer| layer.lost as u64).sum()
    }

    /// Number of synapses there were in the healthy network.
    pub fn synapses(&self) -> u64 {
        self.layers.iter().map(|layer| layer.synapses as u64).sum()
    }

    /// Share of the healthy network's synapses that is lost, counted, 0 to 1.
    pub fn fraction_lost(&self) -> f64 {
        if self.synapses() == 0 { 0.0 } else { self.lost() as f64 / self.synapses() as f64 }
    }

    /// Whether everything lost in `earlier` is lost here too.
    pub fn contains(&self, earlier: &Lesion) -> bool {
        self.layers.len() == earlier.layers.len()
            && self
                .layers
                .iter()
                .zip(&earlier.layers)
                .all(|(now, then)| now.synapses == then.synapses && now.bits.iter().zip(&then.bits).all(|(n, t)| t & !n == 0))
    }
}

impl LayerLesion {
    /// Number of synapses of the healthy layer.
    pub fn synapses(&self) -> usize {
        self.synapses
    }

    /// Number of them lost.
    pub fn lost(&self) -> usize {
        self.lost
    }

    /// Whether this synapse is lost.
    pub fn is_lost(&self, synapse: usize) -> bool {
        self.bits[synapse / 64] >> (synapse % 64) & 1 == 1
    }

    /// One byte per synapse: 1 alive, 0 lost (the sense of PyTorch's `weight_mask`).
    pub fn mask(&self) -> Vec<u8> {
        (0..self.synapses).map(|synapse| u8::from(!self.is_lost(synapse))).collect()
    }
}

/// How many synapses each layer has lost: what can be known of a lesion from numbers alone, before any synapse is drawn. Where chance
/// decides which layer loses how many, a layer's number is the one to be expected; the sum is exact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    layers: Vec<Count>,
    /// Whether chance has decided which layer lost how many.
    pub by_chance: bool,
}

/// The synapses of one layer, and how many of them are lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// Name of the layer.
    pub layer: String,
    /// Synapses of the healthy layer.
    pub synapses: u64,
    /// Synapses lost.
    pub lost: u64,
}

impl Tally {
    /// No synapse lost yet.
    pub fn none(architecture: &Architecture) -> Self {
        Self::of_sizes(architecture.synaptic().map(|part| (part.name.as_str(), part.kind.synapses())))
    }

    /// No synapse lost yet, for layers of these names and sizes.
    pub fn of_sizes<'a>(sizes: impl IntoIterator<Item = (&'a str, usize)>) -> Self {
        let count = |(layer, synapses): (&str, usize)| Count { layer: layer.to_owned(), synapses: synapses as u64, lost: 0 };
        Self { layers: sizes.into_iter().map(count).collect(), by_chance: false }
    }

    /// The layers, in the order of the anatomy.
    pub fn layers(&self) -> &[Count] {
        &self.layers
    }

    /// Counts so many more synapses of a layer as lost.
    ///
    /// # Panics
    /// If the layer has not that many left.
    pub fn take(&mut self, layer: usize, synapses: u64) {
        let count = &mut self.layers[layer];
        assert!(synapses <= count.remaining(), "layer {} has {} synapses left", count.layer, count.remaining());
        count.lost += synapses;
    }

    /// Number of synapses lost.
    pub fn lost(&self) -> u64 {
        self.layers.iter().map(|layer| layer.lost).sum()
    }

    /// Share of the healthy network's synapses that is lost, 0 to 1.
    pub fn fraction_lost(&self) -> f64 {
        let synapses: u64 = self.layers.iter().map(|layer| layer.synapses).sum();
        if synapses == 0 { 0.0 } else { self.lost() as f64 / synapses as f64 }
    }
}

impl Count {
    /// Number of synapses still there.
    pub fn remaining(&self) -> u64 {
        self.synapses - self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_each_synapse_once() {
        let mut lesion = Lesion::of_sizes([3, 70]);
        for (layer, synapse) in [(1, 69), (1, 0), (1, 69), (0, 2)] {
            lesion.take(layer, synapse);
        }
        assert_eq!((lesion.lost(), lesion.synapses()), (3, 73));
        assert_eq!(lesion.layers()[0].mask(), [1, 1, 0]);
        assert!(lesion.layers()[1].is_lost(69) && !lesion.layers()[1].is_lost(68));
        assert!(lesion.contains(&Lesion::of_sizes([3, 70])));
        assert!(!Lesion::of_sizes([3, 70]).contains(&lesion));
    }
}
