//! What is computed without instructions of a certain processor, and with no function of the system, has the same bits on all machines of one
//! architecture (others fuse a multiplication with an addition). All other results differ from it by rounding alone. Alone in its process,
//! since instructions are chosen once.

#![cfg(all(target_arch = "x86_64", not(target_feature = "fma")))]
use net::{Device, Network, Retina};
use neuro::architecture::Blueprint;
use neuro::images::{Images, Shape};
use neuro::injury::Injury;
use neuro::lesson::{Augmentation, Lesson, Schedule};
use neuro::quantity::{Fraction, NonNegative, Positive};
use neuro::responses::Showing;
use neuro::seed::{Address, Seed};

/// FNV-1a, which needs no crate.
fn hash(bytes: impl IntoIterator<Item = u8>) -> u64 {
    bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// If this fails on one machine alone, its results are not those of others; if on all, the same study has come to give other numbers.
#[test]
fn a_wounded_network_learns_the_bits_it_always_did() {
    net::pin_instructions("portable").unwrap();
    let shape = Shape { channels: 3, height: 16, width: 16 };
    let pixels = (0..20 * shape.len()).map(|i| (i as u32).wrapping_mul(2_654_435_769).to_be_bytes()[0]).collect();
    let images = Images::new(shape, pixels, (0..20).map(|i| i * 7 % 10).collect());
    let lesson = Lesson {
        epochs: 1,
        batch: 8.try_into().unwrap(),
        rate: Positive::try_from(0.05).unwrap(),
        momentum: Fraction::try_from(0.9).unwrap(),
        nesterov: true,
        decay: NonNegative::try_from(0.001).unwrap(),
        schedule: Schedule::Constant,
        label_smoothing: Fraction::try_from(0.1).unwrap(),
        augmentation: Augmentation::CropFlip,
    };
    let classes: Vec<String> = (0..10).map(|class| class.to_string()).collect();
    let showing = Showing::new(images.labels(), None, &classes);
    let bits = [false, true].map(|batch_norm| {
        let width = Positive::try_from(0.5).unwrap();
        let architecture = Blueprint::Tiny { batch_norm, head: vec![12.try_into().unwrap()], width }.architecture(shape, 10);
        let mut network = Network::newborn(architecture.unwrap(), &Retina::of(&images), Seed(7), Device::Cpu);
        network.suffer(&Injury::examples()[1].0, Seed(5));
        network.learn_epoch(&lesson, &images, Seed(1), Address::default(), &mut |_| {}).unwrap();
        let answers = network.perceive(&images, &showing, &[], &mut |_| {}).unwrap().answers;
        [hash(network.state()), hash(answers.logits.iter().flat_map(|logit| logit.to_le_bytes()))]
    });
    let always =
        [[11_487_064_221_531_396_258, 14_016_511_015_515_161_812], [5_468_060_223_283_713_138, 10_704_967_204_419_478_599]];
    assert_eq!(bits, always);
}
