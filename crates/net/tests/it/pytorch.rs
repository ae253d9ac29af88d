//! Against PyTorch: `tests/fixtures/make.py` is the recipe of the fixtures.

use std::num::NonZeroU32;

use net::{Device, Network, Retina};
use neuro::images::Images;
use neuro::lesson::{Augmentation, Lesson, Schedule};
use neuro::quantity::{Fraction, NonNegative, Positive};
use neuro::responses::Showing;
use neuro::seed::{Address, Seed};
use serde::Deserialize;

use crate::{SHAPE, tiny};

#[derive(Deserialize)]
struct Fixture {
    batch_norm: bool,
    head: Vec<u32>,
    lesson: FixtureLesson,
    pixels: Vec<u8>,
    labels: Vec<u16>,
    losses: Vec<f64>,
    after: Vec<f64>,
}

#[derive(Deserialize)]
struct FixtureLesson {
    rate: Positive,
    momentum: Fraction,
    nesterov: bool,
    decay: NonNegative,
    label_smoothing: Fraction,
}

/// Ten steps of full batches from the same weights, then each image's loss in evaluation mode.
#[track_caller]
fn check(json: &str, take: impl FnOnce(&mut Network)) {
    let fixture: Fixture = serde_json::from_str(json).unwrap();
    let images = Images::new(SHAPE, fixture.pixels, fixture.labels);
    let mut network = Network::newborn(tiny(fixture.batch_norm, &fixture.head), &Retina::of(&images), Seed(1), Device::Cpu);
    take(&mut network);
    let FixtureLesson { rate, momentum, nesterov, decay, label_smoothing } = fixture.lesson;
    let lesson = Lesson {
        epochs: fixture.losses.len() as u32,
        batch: NonZeroU32::new(images.len() as u32).unwrap(),
        rate,
        momentum,
        nesterov,
        decay,
        schedule: Schedule::Constant,
        label_smoothing,
        augmentation: Augmentation::None,
    };
    for (epoch, &theirs) in (0u32..).zip(&fixture.losses) {
        let at = Address { stage: 0, epoch, item: 0 };
        let ours = network.learn_epoch(&lesson, &images, Seed(1), at, &mut |_| {}).unwrap().loss;
        assert!((ours - theirs).abs() < 1e-4 * theirs.abs(), "step {epoch}: {ours}, in PyTorch {theirs}");
    }
    let classes: Vec<String> = (0..10).map(|class| class.to_string()).collect();
    let showing = Showing::new(images.labels(), None, &classes);
    let answers = network.perceive(&images, &showing, &[], &mut |_| {}).unwrap().answers;
    for (ours, theirs) in answers.losses.iter().zip(&fixture.after) {
        assert!((f64::from(*ours) - theirs).abs() < 1e-3 * (1.0 + theirs.abs()), "afterwards {ours}, in PyTorch {theirs}");
    }
}

/// Healthy weights as PyTorch saves them.
fn given(weights: &[u8]) -> impl FnOnce(&mut Network) {
    |network| {
        let given = network.take_weights(weights).unwrap();
        assert_eq!((given.unused.len(), given.zero_synapses), (0, 0));
    }
}

#[test]
fn a_plain_network_learns_as_in_pytorch() {
    check(include_str!("../fixtures/plain.json"), given(include_bytes!("../fixtures/plain.safetensors")));
}

#[test]
fn a_normalised_network_learns_as_in_pytorch() {
    check(include_str!("../fixtures/normalised.json"), given(include_bytes!("../fixtures/normalised.safetensors")));
}

#[test]
fn a_wounded_network_learns_as_in_pytorch_with_masked_gradients() {
    let state = include_bytes!("../fixtures/wounded.safetensors");
    check(include_str!("../fixtures/wounded.json"), |network| network.restore(state).unwrap());
}
