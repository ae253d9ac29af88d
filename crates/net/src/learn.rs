//! Learning: one epoch of stochastic gradient descent.

use burn::tensor::{Tensor, TensorData};
use neuro::images::Images;
use neuro::lesson::Lesson;
use neuro::seed::{Address, Purpose, Seed};

use crate::batches::{Batch, Order};
use crate::network::{Mode, Network};
use crate::parameter::{Parameter, read};

/// What an epoch was like, as seen while learning.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpochOutcome {
    /// Mean cross-entropy, in nats (with label smoothing, if the lesson has it).
    pub loss: f64,
    /// Share of the images named right, 0 to 1.
    pub accuracy: f64,
}

/// Learning has run away: the loss is no longer a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the training loss is no longer a number (batch {batch}); try a smaller learning rate or batch normalisation")]
pub struct Diverged {
    /// Batch in which it was seen, from 1.
    pub batch: usize,
}

impl Network {
    /// Learns all of `train` once, in random order. The draws come from `data` at the address (stage, epoch), with
    /// `epoch` counted from 0 within the lesson. `watch` is told after each batch how many images are done.
    ///
    /// After an error the network is in no usable state; restore it.
    pub fn learn_epoch(
        &mut self,
        lesson: &Lesson,
        train: &Images,
        data: Seed,
        at: Address,
        watch: &mut dyn FnMut(usize),
    ) -> Result<EpochOutcome, Diverged> {
        let count = u32::try_from(train.len()).expect("fewer than 2^32 images");
        let sequence = data.stream(Purpose::Shuffle, at).order(count).into_iter().map(|i| i as usize).collect();
        let retina = self.retina.clone();
        let batch = lesson.batch.get() as usize;
        let order =
            Order { images: train, retina: &retina, sequence, batch, augmentation: lesson.augmentation, chance: (data, at) };
        let batches = train.len().div_ceil(batch);
        let mut tally = Tally::default();
        let mut done = 0;
        order.each(|batch| {
            let lesson_done = (f64::from(at.epoch) + done as f64 / batches as f64) / f64::from(lesson.epochs);
            let rate = lesson.rate.get() * lesson.schedule.factor(lesson_done);
            done += 1;
            let images = batch.labels.len();
            self.learn_batch(lesson, rate, batch, &mut tally).map_err(|_: NotANumber| Diverged { batch: done })?;
            watch(images);
            Ok(())
        })?;
        // the loss looks at the values before an update, so nobody has looked at those behind the last one
        if self.is_finite() { Ok(tally.outcome()) } else { Err(Diverged { batch: batches }) }
    }

    fn learn_batch(&mut self, lesson: &Lesson, rate: f64, batch: Batch, tally: &mut Tally) -> Result<(), NotANumber> {
        let targets = targets(&batch.labels, self.architecture.classes, lesson.label_smoothing.get());
        let leaves: Vec<Tensor<1>> = self.parameters.iter().map(Parameter::leaf).collect();
        let images = self.images(batch.values, batch.labels.len()).autodiff();
        let logits = Network::pass(&self.architecture, self.operations, &leaves, images, Mode::Learning(&mut self.statistics));
        tally.count(&read(logits.clone().inner()), &targets, &batch.labels)?;
        let target_tensor =
            Tensor::from_data(TensorData::new(targets, [batch.labels.len(), self.architecture.classes]), &self.engine);
        let mut gradients = crate::operations::cross_entropy(logits, target_tensor).backward();
        for (parameter, leaf) in self.parameters.iter_mut().zip(leaves) {
            let gradient = leaf.grad_remove(&mut gradients).expect("every parameter takes part");
            drop(leaf);
            parameter.descend(gradient, lesson, rate, self.operations);
        }
        Ok(())
    }

    fn is_finite(&self) -> bool {
        let finite = |values: Vec<f32>| values.iter().all(|value| value.is_finite());
        self.parameters.iter().all(|parameter| finite(parameter.values()))
            && self.statistics.iter().all(|s| finite(read(s.mean.clone())) && finite(read(s.variance.clone())))
    }

    /// Images as the network takes them: `[images, channels, height, width]`, with the channels last in memory.
    pub(crate) fn images(&self, values: Vec<f32>, count: usize) -> Tensor<4> {
        let shape = self.architecture.input;
        let data = TensorData::new(values, [count, shape.height, shape.width, shape.channels]);
        Tensor::<4>::from_data(data, &self.engine).permute([0, 3, 1, 2])
    }
}

/// Target distributions, images x classes.
fn targets(labels: &[u16], classes: usize, smoothing: f64) -> Vec<f32> {
    let mut targets = vec![(smoothing / classes as f64) as f32; labels.len() * classes];
    for (image, &label) in labels.iter().enumerate() {
        targets[image * classes + usize::from(label)] = (1.0 - smoothing + smoothing / classes as f64) as f32;
    }
    targets
}

struct NotANumber;

/// Sums over an epoch, in f64 and in the order of the batches.
#[derive(Default)]
struct Tally {
    images: usize,
    right: usize,
    loss: f64,
}

impl Tally {
    fn count(&mut self, logits: &[f32], targets: &[f32], labels: &[u16]) -> Result<(), NotANumber> {
        let classes = logits.len() / labels.len();
        for (image, &label) in labels.iter().enumerate() {
            let row = &logits[image * classes..(image + 1) * classes];
            let goal = &targets[image * classes..(image + 1) * classes];
            let log_sum = log_sum_exp(row);
            let loss: f64 = row.iter().zip(goal).map(|(&x, &t)| f64::from(t) * (log_sum - f64::from(x))).sum();
            if !loss.is_finite() {
                return Err(NotANumber);
            }
            self.loss += loss;
            self.right += usize::from(highest(row) == usize::from(label));
            self.images += 1;
        }
        Ok(())
    }

    fn outcome(&self) -> EpochOutcome {
        let images = self.images.max(1) as f64;
        EpochOutcome { loss: self.loss / images, accuracy: self.right as f64 / images }
    }
}

/// ln(sum of exp), without overflow.
pub(crate) fn log_sum_exp(row: &[f32]) -> f64 {
    let top = f64::from(row.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    top + row.iter().map(|&x| (f64::from(x) - top).exp()).sum::<f64>().ln()
}

/// Index of the highest value; the first of them in a tie.
pub(crate) fn highest(row: &[f32]) -> usize {
    (1..row.len()).fold(0, |best, i| if row[i] > row[best] { i } else { best })
}
