//! Perceiving: what the network does when it is shown images. It learns nothing from them.

use burn::tensor::Tensor;
use neuro::images::Images;
use neuro::lesson::Augmentation;
use neuro::responses::{Answers, Patterns, Responses, Showing};
use neuro::seed::{Address, Seed};

use crate::batches::{Batch, Order};
use crate::learn::{highest, log_sum_exp};
use crate::network::{Mode, Network, Reader};
use crate::parameter::read;

/// Images shown at a time. A constant, so that responses cannot depend on a setting.
pub const SHOWN_AT_ONCE: usize = 200;

impl Network {
    /// Shows all of `test` and reads the answers; reads the activation at each of `taps` to the probe images, after
    /// ReLU, in evaluation mode: normalisations use their running statistics. `watch` is told how many images are done.
    ///
    /// Holds probe images x features x 4 bytes for each tap.
    pub fn perceive(&self, test: &Images, showing: &Showing, taps: &[String], watch: &mut dyn FnMut(usize)) -> Responses {
        let values: Vec<Tensor<1>> = self.parameters.iter().map(crate::parameter::Parameter::value).collect();
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
        let shown: Result<(), std::convert::Infallible> = order.each(|Batch { values: pixels, labels }| {
            let mut keep = |name: &str, activity: Tensor<2>| {
                let patterns = patterns.iter_mut().find(|p| p.layer == name).expect("only what is wanted is read");
                keep_rows(patterns, &read(activity), &rows[first..first + labels.len()]);
            };
            let images = self.images(pixels, labels.len());
            let mode = Mode::Perceiving(&self.statistics, Reader { taps, read: &mut keep });
            let logits = Network::pass(&self.architecture, self.operations, &values, images, mode);
            answers.add(&read(logits), &labels);
            first += labels.len();
            watch(labels.len());
            Ok(())
        });
        match shown {
            Ok(()) => Responses { answers, patterns },
        }
    }
}

/// Copies the rows of the probe images into their places.
fn keep_rows(patterns: &mut Patterns, activity: &[f32], rows: &[Option<usize>]) {
    let features = patterns.features;
    for (image, row) in rows.iter().enumerate() {
        if let Some(row) = row {
            patterns.values[row * features..(row + 1) * features]
                .copy_from_slice(&activity[image * features..(image + 1) * features]);
        }
    }
}

trait Add {
    fn add(&mut self, logits: &[f32], labels: &[u16]);
}

impl Add for Answers {
    fn add(&mut self, logits: &[f32], labels: &[u16]) {
        let classes = logits.len() / labels.len();
        for (row, &label) in logits.chunks(classes).zip(labels) {
            self.predictions.push(highest(row) as u16);
            self.losses.push((log_sum_exp(row) - f64::from(row[usize::from(label)])) as f32);
        }
    }
}
