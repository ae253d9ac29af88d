//! Perceiving: what the network does when it is shown images. It learns nothing from them.

use neuro::images::{Images, Shape};
use neuro::lesson::Augmentation;
use neuro::responses::{Answers, Patterns, Responses, Showing};
use neuro::seed::{Address, Seed};

use crate::batches::{Batch, Order};
use crate::loss::{highest, log_sum_exp};
use crate::network::Network;
use crate::order::to_pytorch;

/// Images shown at a time. A constant, so that responses cannot depend on a setting.
pub const SHOWN_AT_ONCE: usize = 200;

/// The network's outputs to an image are no longer finite numbers, so that its answer means nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the outputs are no longer numbers (image {image})")]
pub struct NotFinite {
    /// The first such image, from 1.
    pub image: usize,
}

impl Network {
    /// Shows all of `test` and reads the answers; reads the activation at each of `taps` to the probe images, after
    /// ReLU, in evaluation mode: normalisations use their running statistics. `watch` is told how many images are done.
    ///
    /// Holds probe images x features x 4 bytes for each tap, and test images x classes x 4 bytes of logits.
    ///
    /// # Errors
    /// If an output (a logit) or a loss is not a finite number: such a row has no highest value, and names no class.
    pub fn perceive(
        &self,
        test: &Images,
        showing: &Showing,
        taps: &[String],
        watch: &mut dyn FnMut(usize),
    ) -> Result<Responses, NotFinite> {
        let mut rows = vec![None; test.len()];
        showing.probe.iter().enumerate().for_each(|(row, &position)| rows[position] = Some(row));
        let features = |tap: &String| {
            let part = self.architecture.taps().find(|part| part.name == *tap).expect("the study's taps are checked");
            part.output.len()
        };
        let mut patterns: Vec<Patterns> = taps
            .iter()
            .map(|tap| (tap, features(tap)))
            .map(|(tap, features)| Patterns { layer: tap.clone(), features, values: vec![0.0; features * showing.probe.len()] })
            .collect();
        let mut answers = Answers::default();

        let order = Order {
            images: test,
            retina: &self.retina,
            sequence: (0..test.len()).collect(),
            batch: SHOWN_AT_ONCE,
            augmentation: Augmentation::None,
            chance: (Seed(0), Address::default()),
        };
        let mut first = 0;
        order.each(|Batch { values: pixels, labels }| {
            let mut keep = |tap: &str, size: Shape, activity: &[f32]| {
                if let Some(patterns) = patterns.iter_mut().find(|patterns| patterns.layer == tap) {
                    keep_rows(patterns, size, activity, &rows[first..first + labels.len()]);
                }
            };
            let logits = self.perceiving.perceive(&self.parameters, &self.statistics, pixels, labels.len(), &mut keep);
            answer(&mut answers, &logits, &labels)?;
            first += labels.len();
            watch(labels.len());
            Ok(())
        })?;
        Ok(Responses { answers, patterns })
    }
}

/// Copies the activity of the probe images into their rows, in PyTorch's order of features.
fn keep_rows(patterns: &mut Patterns, size: Shape, activity: &[f32], rows: &[Option<usize>]) {
    let features = patterns.features;
    for (activity, row) in activity.chunks_exact(features).zip(rows) {
        if let Some(row) = row {
            to_pytorch(size, activity, &mut patterns.values[row * features..(row + 1) * features]);
        }
    }
}

/// Adds the answers to a batch of images: the class with the highest logit, the cross-entropy in nats, and the logits themselves.
fn answer(answers: &mut Answers, logits: &[f32], labels: &[u16]) -> Result<(), NotFinite> {
    let classes = logits.len() / labels.len();
    for (row, &label) in logits.chunks(classes).zip(labels) {
        let loss = (log_sum_exp(row) - f64::from(row[usize::from(label)])) as f32;
        if !loss.is_finite() || !row.iter().all(|logit| logit.is_finite()) {
            return Err(NotFinite { image: answers.predictions.len() + 1 });
        }
        answers.predictions.push(highest(row) as u16);
        answers.losses.push(loss);
    }
    answers.logits.extend_from_slice(logits);
    Ok(())
}
