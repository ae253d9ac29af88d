//! A VGG of all kinds of layers, with channels that fill no vector: the law of the dead to the last bit, and threads that change nothing.

use net::{Device, Network, Retina};
use neuro::architecture::{Architecture, Blueprint, Depth};
use neuro::images::{Images, Shape};
use neuro::injury::Injury;
use neuro::lesson::Lesson;
use neuro::quantity::{NonNegative, Positive};
use neuro::responses::{Responses, Showing};
use neuro::seed::{Address, Seed};

use crate::lesson;

const SHAPE: Shape = Shape { channels: 3, height: 32, width: 32 };

/// VGG11 with every kind of layer and channels that fill no block of 16.
fn vgg(batch_norm: bool) -> Architecture {
    let head = [20, 10].map(|width| width.try_into().unwrap()).to_vec();
    let (depth, width) = (Depth::try_from(11).unwrap(), Positive::try_from(0.1).unwrap());
    Blueprint::Vgg { depth, batch_norm, head, width }.architecture(SHAPE, 10).unwrap()
}

fn images(count: usize) -> Images {
    let pixels = (0..count * SHAPE.len()).map(|i| (i as u32).wrapping_mul(2_654_435_769).to_be_bytes()[0]).collect();
    Images::new(SHAPE, pixels, (0..count).map(|i| (i * 7 % 10) as u16).collect())
}

fn newborn(batch_norm: bool, images: &Images) -> Network {
    Network::newborn(vgg(batch_norm), &Retina::of(images), Seed(3), Device::Cpu)
}

#[test]
fn lost_synapses_are_zero_to_the_last_bit() {
    let images = images(20);
    let mut network = newborn(true, &images);
    network.suffer(&Injury::examples()[1].0, Seed(5));
    // decay would hide a -0
    let lesson = Lesson { decay: NonNegative::try_from(0.0).unwrap(), ..lesson(1) };
    network.learn_epoch(&lesson, &images, Seed(1), Address::default(), &mut |_| {}).unwrap();
    let state = network.state();
    let file = safetensors::SafeTensors::deserialize(&state).unwrap();
    let mut checked = 0;
    for (mask, alive) in file.iter().filter_map(|(name, view)| Some((name.strip_suffix("_mask")?, view.data()))) {
        for name in [mask.to_owned(), format!("{mask}_momentum")] {
            let values = file.tensor(&name).unwrap().data().chunks_exact(4);
            for (value, _) in values.zip(alive).filter(|(_, alive)| **alive == 0) {
                assert_eq!(value, [0; 4], "{name}");
                checked += 1;
            }
        }
    }
    assert!(checked as u64 == 2 * network.lesion().lost() && checked > 0);
}

/// A wounded network after an epoch: its state, the epoch's loss, and all that it then shows.
fn learned(batch_norm: bool) -> (Vec<u8>, f64, Responses) {
    let images = images(20);
    let mut network = newborn(batch_norm, &images);
    network.suffer(&Injury::examples()[1].0, Seed(5));
    let outcome = network.learn_epoch(&lesson(1), &images, Seed(1), Address::default(), &mut |_| {}).unwrap();
    let classes: Vec<String> = (0..10).map(|class| class.to_string()).collect();
    let showing = Showing::new(images.labels(), None, &classes);
    let taps = ["block2", "penultimate"].map(str::to_owned);
    (network.state(), outcome.loss, network.perceive(&images, &showing, &taps, &mut |_| {}).unwrap())
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| [false, true].map(learned))
    };
    let one = with(1);
    assert!(with(2) == one && with(3) == one);
}
