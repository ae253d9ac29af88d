//! A lesson: one stretch of learning, fully stated.

use std::num::NonZeroU32;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::quantity::{Fraction, NonNegative, Positive};

/// How a network learns for a number of epochs by stochastic gradient descent on the training images.
/// Momentum starts at rest: every lesson is a fresh optimiser.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lesson {
    /// Passes over the training images.
    pub epochs: u32,
    /// Images per update.
    pub batch: NonZeroU32,
    /// Learning rate; the highest one where a schedule changes it.
    pub rate: Positive,
    /// Share of the last update's direction that is kept (Polyak 1964), as PyTorch defines it: v = m v + g.
    pub momentum: Fraction,
    /// Nesterov's form of momentum, as PyTorch defines it: step along g + m v.
    pub nesterov: bool,
    /// Weight decay: added to each gradient as decay x value, biases and normalisation included, as in PyTorch's SGD.
    pub decay: NonNegative,
    /// How the rate changes over the lesson.
    pub schedule: Schedule,
    /// Share of the target spread evenly over all classes (Szegedy 2016).
    pub label_smoothing: Fraction,
    /// What is done to an image before it is learned from.
    pub augmentation: Augmentation,
}

impl Lesson {
    /// The lesson as a clause of a methods paragraph: "3 epochs (stochastic gradient descent on the cross-entropy, ...)".
    pub fn sentence(&self) -> String {
        let plural = if self.epochs == 1 { "" } else { "s" };
        let nesterov = if self.nesterov { "Nesterov " } else { "" };
        let rate = self.rate.get();
        let rate = match self.schedule {
            Schedule::Constant => format!("constant learning rate {rate}"),
            Schedule::Cosine => format!("learning rate {rate} falling by a half cosine to 0"),
            Schedule::OneCycle { warmup } => format!(
                "learning rate rising from a 25th of {rate} to {rate} over the first {} of the lesson, then falling by a half cosine to 0",
                warmup.percent()
            ),
        };
        let smoothing = match self.label_smoothing.get() {
            0.0 => String::new(),
            share => format!(", label smoothing {share}"),
        };
        let augmentation = match self.augmentation {
            Augmentation::CropFlip => "random crops of images padded by 4 black pixels, half of them mirrored",
            Augmentation::Crop => "random crops of images padded by 4 black pixels",
            Augmentation::None => "no augmentation",
        };
        format!(
            "{} epoch{plural} (stochastic gradient descent on the cross-entropy, batches of {}, {rate}, {nesterov}momentum {}, weight decay \
             {}{smoothing}, {augmentation})",
            self.epochs,
            self.batch,
            self.momentum.get(),
            self.decay.get(),
        )
    }
}

/// How the healthy network learns: the lesson of stage 0, which later lessons take their settings from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schooling {
    /// Weights to start from instead of random ones (safetensors with torchvision's names; relative to the study file).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<PathBuf>,
    /// Passes over the training images; 0 only with given weights.
    pub epochs: u32,
    /// Images per update.
    pub batch: NonZeroU32,
    /// Learning rate.
    pub rate: Positive,
    /// Momentum.
    pub momentum: Fraction,
    /// Whether momentum is Nesterov's.
    #[serde(default)]
    pub nesterov: bool,
    /// Weight decay.
    pub decay: NonNegative,
    /// How the rate changes over the lesson.
    #[serde(default)]
    pub schedule: Schedule,
    /// Label smoothing.
    #[serde(default = "no_smoothing")]
    pub label_smoothing: Fraction,
    /// What is done to an image before it is learned from.
    #[serde(default)]
    pub augmentation: Augmentation,
}

fn no_smoothing() -> Fraction {
    Fraction::ZERO
}

impl Schooling {
    /// The lesson of stage 0.
    pub fn lesson(&self) -> Lesson {
        Lesson {
            epochs: self.epochs,
            batch: self.batch,
            rate: self.rate,
            momentum: self.momentum,
            nesterov: self.nesterov,
            decay: self.decay,
            schedule: self.schedule,
            label_smoothing: self.label_smoothing,
            augmentation: self.augmentation,
        }
    }
}

/// How the learning rate changes over a lesson.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Schedule {
    /// Not at all.
    #[default]
    Constant,
    /// Half a cosine from the rate down to 0 (Loshchilov & Hutter 2017).
    Cosine,
    /// A straight rise from a 25th of the rate to the rate over the first `warmup` of the lesson, then half a cosine
    /// down to 0 (after Smith & Topin 2018).
    OneCycle {
        /// Share of the lesson spent rising.
        warmup: Fraction,
    },
}

impl Schedule {
    /// The factor on the rate when `done` (0 to 1) of the lesson lies behind.
    pub fn factor(self, done: f64) -> f64 {
        let fall = |done: f64| (1.0 + libm::cos(std::f64::consts::PI * done)) / 2.0; // not the system's, which differ in the last bit
        match self {
            Schedule::Constant => 1.0,
            Schedule::Cosine => fall(done),
            Schedule::OneCycle { warmup } if done < warmup.get() => 0.04 + 0.96 * done / warmup.get(),
            Schedule::OneCycle { warmup } if warmup.get() < 1.0 => fall((done - warmup.get()) / (1.0 - warmup.get())),
            Schedule::OneCycle { .. } => 1.0,
        }
    }
}

/// What is done to an image before it is learned from. Assessment and test images are never altered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Augmentation {
    /// Padded by 4 black pixels, cropped back to size at a random place, and mirrored left to right half of the time.
    #[default]
    CropFlip,
    /// Padded and cropped, not mirrored.
    Crop,
    /// Nothing.
    None,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_start_rise_and_fall_as_stated() {
        let cycle = Schedule::OneCycle { warmup: Fraction::try_from(0.25).unwrap() };
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} is not {b}");
        near(cycle.factor(0.0), 0.04);
        near(cycle.factor(0.125), 0.52);
        near(cycle.factor(0.25), 1.0);
        near(cycle.factor(0.625), 0.5);
        near(cycle.factor(1.0), 0.0);
        near(Schedule::Cosine.factor(0.5), 0.5);
        near(Schedule::Constant.factor(0.9), 1.0);
    }

    #[test]
    fn sentences_say_every_setting() {
        let sentence = |text: &str| serde_json::from_str::<Schooling>(text).unwrap().lesson().sentence();
        insta::assert_snapshot!(
            sentence(r#"{"epochs":10,"batch":40,"rate":0.001,"momentum":0.9,"decay":0.0005}"#),
            @"10 epochs (stochastic gradient descent on the cross-entropy, batches of 40, constant learning rate 0.001, momentum 0.9, weight decay 0.0005, random crops of images padded by 4 black pixels, half of them mirrored)"
        );
        insta::assert_snapshot!(
            sentence(
                r#"{"epochs":1,"batch":128,"rate":0.1,"momentum":0.9,"nesterov":true,"decay":0.0005,"label_smoothing":0.1,
                    "schedule":{"one-cycle":{"warmup":0.07}},"augmentation":"none"}"#
            ),
            @"1 epoch (stochastic gradient descent on the cross-entropy, batches of 128, learning rate rising from a 25th of 0.1 to 0.1 over the first 7 % of the lesson, then falling by a half cosine to 0, Nesterov momentum 0.9, weight decay 0.0005, label smoothing 0.1, no augmentation)"
        );
        insta::assert_snapshot!(
            sentence(r#"{"epochs":2,"batch":40,"rate":0.001,"momentum":0,"decay":0,"schedule":"cosine","augmentation":"crop"}"#),
            @"2 epochs (stochastic gradient descent on the cross-entropy, batches of 40, learning rate 0.001 falling by a half cosine to 0, momentum 0, weight decay 0, random crops of images padded by 4 black pixels)"
        );
    }
}
