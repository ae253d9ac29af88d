//! The network against PyTorch, and its laws.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

mod birth;
mod given;
mod laws;
mod pytorch;
mod states;
mod vgg;

use std::num::NonZeroU32;

use net::{Device, Network, Retina};
use neuro::architecture::{Architecture, Blueprint};
use neuro::images::{Images, Shape};
use neuro::lesson::{Augmentation, Lesson, Schedule};
use neuro::quantity::{Fraction, NonNegative, Positive};
use neuro::seed::Seed;

const SHAPE: Shape = Shape { channels: 3, height: 16, width: 16 };

/// `tiny` at half width for 16 x 16 images.
fn tiny(batch_norm: bool, head: &[u32]) -> Architecture {
    let head = head.iter().map(|&width| NonZeroU32::new(width).unwrap()).collect();
    let blueprint = Blueprint::Tiny { batch_norm, head, width: Positive::try_from(0.5).unwrap() };
    blueprint.architecture(SHAPE, 10).unwrap()
}

/// Repeatable noise.
fn images(count: usize) -> Images {
    let pixels = (0..count * SHAPE.len()).map(|i| (i as u32).wrapping_mul(2_654_435_769).to_be_bytes()[0]).collect();
    Images::new(SHAPE, pixels, (0..count).map(|i| (i * 7 % 10) as u16).collect())
}

fn newborn(batch_norm: bool, seed: u64) -> Network {
    Network::newborn(tiny(batch_norm, &[12]), &Retina::of(&images(20)), Seed(seed), Device::Cpu)
}

fn lesson(epochs: u32) -> Lesson {
    Lesson {
        epochs,
        batch: NonZeroU32::new(8).unwrap(),
        rate: Positive::try_from(0.05).unwrap(),
        momentum: Fraction::try_from(0.9).unwrap(),
        nesterov: false,
        decay: NonNegative::try_from(0.001).unwrap(),
        schedule: Schedule::Constant,
        label_smoothing: Fraction::ZERO,
        augmentation: Augmentation::CropFlip,
    }
}
