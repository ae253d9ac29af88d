//! Activations: what is read of them, and what is made of them before their distances are taken.

use crate::arrays::{self, Array, Labels, Place, Values};
use crate::trouble::{Exit, Result, Trouble};

/// Patterns of activations: images x features, row-major.
pub(super) struct Activations {
    pub(super) values: Values,
    pub(super) images: usize,
    pub(super) features: usize,
}

impl Activations {
    /// Reads them; further dimensions than the first are features. Doubles that are all singles are held as singles.
    pub(super) fn read(place: &Place) -> Result<Activations> {
        let Array { shape, values } = arrays::read(place)?;
        let [images, features @ ..] = shape.as_slice() else {
            let message = format!(
                "{place} holds a single number; activations are images x features: numpy.save(FILE, array) of a 2-d array"
            );
            return Err(Trouble::new(Exit::Data, message));
        };
        if features.is_empty() || *images == 0 {
            let message = format!(
                "{place} has the shape {shape:?}; activations are images x features (of one feature: array.reshape(-1, 1))"
            );
            return Err(Trouble::new(Exit::Data, message));
        }
        Ok(Activations { images: *images, features: features.iter().product(), values: values.narrowed() })
    }

    /// That all are numbers.
    pub(super) fn check_finite(&self, place: &Place) -> Result<()> {
        let first = match &self.values {
            Values::F32(values) => values.iter().position(|value| !value.is_finite()),
            Values::F64(values) => values.iter().position(|value| !value.is_finite()),
        };
        first.map_or(Ok(()), |at| {
            let (image, feature) = (at / self.features.max(1), at % self.features.max(1));
            let message = format!("{place}: feature {feature} of image {image} is no finite number (counted from 0)");
            Err(Trouble::new(Exit::Data, message))
        })
    }

    /// Bytes that they take.
    pub(super) fn bytes(&self) -> u64 {
        match &self.values {
            Values::F32(values) => values.len() as u64 * 4,
            Values::F64(values) => values.len() as u64 * 8,
        }
    }

    /// That there is a label for each image.
    pub(super) fn check(&self, labels: &Labels, place: &Place) -> Result<()> {
        match labels.len() == self.images {
            true => Ok(()),
            false => {
                let message = format!("{place} has {} labels for {} images; give one for each image", labels.len(), self.images);
                Err(Trouble::new(Exit::Data, message))
            }
        }
    }

    /// In this order of images.
    pub(super) fn in_order(self, order: &[usize]) -> Activations {
        fn pick<T: Copy>(values: &[T], features: usize, order: &[usize]) -> Vec<T> {
            order.iter().flat_map(|&image| &values[image * features..(image + 1) * features]).copied().collect()
        }
        let values = match &self.values {
            Values::F32(values) => Values::F32(pick(values, self.features, order)),
            Values::F64(values) => Values::F64(pick(values, self.features, order)),
        };
        Activations { values, images: order.len(), features: self.features }
    }

    /// The mean pattern of each label, in the order of the labels' names, in double precision.
    pub(super) fn averaged(&self, labels: &Labels) -> Activations {
        let mut means = vec![0.0; labels.names().len() * self.features];
        let mut counts = vec![0.0; labels.names().len()];
        for (image, &label) in labels.of().iter().enumerate() {
            let (mean, pattern) = (&mut means[label as usize * self.features..][..self.features], image * self.features..);
            let pattern = pattern.take(self.features);
            match &self.values {
                Values::F32(values) => mean.iter_mut().zip(pattern).for_each(|(sum, k)| *sum += f64::from(values[k])),
                Values::F64(values) => mean.iter_mut().zip(pattern).for_each(|(sum, k)| *sum += values[k]),
            }
            counts[label as usize] += 1.0;
        }
        for (mean, count) in means.chunks_mut(self.features.max(1)).zip(counts) {
            mean.iter_mut().for_each(|sum| *sum /= count);
        }
        Activations { values: Values::F64(means), images: labels.names().len(), features: self.features }
    }
}
