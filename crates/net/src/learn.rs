//! Learning: one epoch of stochastic gradient descent.

use neuro::images::Images;
use neuro::lesson::Lesson;
use neuro::seed::{Address, Purpose, Seed};

use crate::batches::{Batch, Order};
use crate::loss::{cross_entropy, cross_entropy_gradient, highest, targets};
use crate::network::Network;
use crate::parameter::Parameter;

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

    /// One step: forwards, the loss, and backwards, where each parameter descends as soon as its gradient is there.
    fn learn_batch(&mut self, lesson: &Lesson, rate: f64, batch: Batch, tally: &mut Tally) -> Result<(), NotANumber> {
        let images = batch.labels.len();
        let targets = targets(&batch.labels, self.architecture.classes, lesson.label_smoothing.get());
        let pass = self.learning.forward(&self.parameters, &mut self.statistics, batch.values, images);
        tally.count(pass.logits(), &targets, &batch.labels)?;
        let gradient = cross_entropy_gradient(pass.logits(), &targets, images);
        let mut descend = |parameter: &mut Parameter, gradient: &[f32]| parameter.descend(gradient, lesson, rate);
        self.learning.backward(pass, gradient, &mut self.parameters, &mut descend);
        Ok(())
    }

    fn is_finite(&self) -> bool {
        let finite = |values: &[f32]| values.iter().all(|value| value.is_finite());
        self.parameters.iter().all(|parameter| finite(parameter.values()))
            && self.statistics.iter().all(|kept| finite(&kept.mean) && finite(&kept.variance))
    }
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
            let loss = cross_entropy(row, goal);
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
