//! Our kernels inside the engine: they do what its own operations do, copy nothing, and do not depend on threads.

use net::{Device, Network, Retina};
use neuro::architecture::{Architecture, Blueprint, Depth};
use neuro::images::{Images, Shape};
use neuro::injury::Injury;
use neuro::lesson::Lesson;
use neuro::quantity::{NonNegative, Positive};
use neuro::responses::Showing;
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

/// A wounded network after an epoch: its state, the epoch's loss, and each image's loss afterwards.
fn learned(device: Device, batch_norm: bool) -> (Vec<u8>, f64, Vec<f32>) {
    let images = images(20);
    let mut network = Network::newborn(vgg(batch_norm), &Retina::of(&images), Seed(3), device);
    network.suffer(&Injury::examples()[1].0, Seed(5));
    let outcome = network.learn_epoch(&lesson(1), &images, Seed(1), Address::default(), &mut |_| {}).unwrap();
    let classes: Vec<String> = (0..10).map(|class| class.to_string()).collect();
    let showing = Showing::new(images.labels(), None, &classes);
    let answers = network.perceive(&images, &showing, &["block2".to_owned()], &mut |_| {}).unwrap().answers;
    (network.state(), outcome.loss, answers.losses)
}

#[test]
fn they_do_what_the_engines_operations_do() {
    for batch_norm in [false, true] {
        let (_, swift, swift_after) = learned(Device::Cpu, batch_norm);
        let (_, stock, stock_after) = learned(Device::CpuStock, batch_norm);
        // three steps with batches of 8 images; normalisation over the few values of the last blocks amplifies roundings
        let tolerance = if batch_norm { 2e-2 } else { 1e-4 };
        assert!((swift - stock).abs() < tolerance * stock, "{swift}, stock {stock}");
        // each image's loss afterwards: closely without normalisation, and with it as closely as the amplified roundings allow
        let tolerance = if batch_norm { 0.03 } else { 1e-3 };
        for (ours, theirs) in swift_after.iter().zip(&stock_after) {
            assert!((ours - theirs).abs() < tolerance * (1.0 + theirs), "afterwards {ours}, stock {theirs}");
        }
    }
}

#[test]
fn lost_synapses_are_zero_to_the_last_bit_on_both() {
    let images = images(20);
    for device in [Device::Cpu, Device::CpuStock] {
        let mut network = Network::newborn(vgg(true), &Retina::of(&images), Seed(3), device);
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
                    assert_eq!(value, [0; 4], "{name} on {device}");
                    checked += 1;
                }
            }
        }
        assert!(checked as u64 == 2 * network.lesion().lost() && checked > 0);
    }
}

#[test]
fn a_training_step_copies_nothing() {
    let images = images(20);
    for batch_norm in [false, true] {
        let mut network = Network::newborn(vgg(batch_norm), &Retina::of(&images), Seed(3), Device::Cpu);
        let before = net::conversions();
        network.learn_epoch(&lesson(1), &images, Seed(1), Address::default(), &mut |_| {}).unwrap();
        assert_eq!(net::conversions() - before, 0);
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| [false, true].map(|batch_norm| learned(Device::Cpu, batch_norm)))
    };
    let one = with(1);
    assert!(with(2) == one && with(3) == one);
}

/// The same network, read: here normalisations are folded into the convolutions, there they are passes of their own.
#[test]
fn a_normalised_network_reads_as_with_the_engines_operations() {
    let images = images(20);
    let (state, _, swift) = learned(Device::Cpu, true);
    let mut stock = Network::newborn(vgg(true), &Retina::of(&images), Seed(9), Device::CpuStock);
    stock.restore(&state).unwrap();
    let classes: Vec<String> = (0..10).map(|class| class.to_string()).collect();
    let showing = Showing::new(images.labels(), None, &classes);
    let stock = stock.perceive(&images, &showing, &[], &mut |_| {}).unwrap().answers.losses;
    for (ours, theirs) in swift.iter().zip(&stock) {
        assert!((ours - theirs).abs() < 1e-3 * (1.0 + theirs), "{ours}, stock {theirs}");
    }
}
