//! What must hold for every network: dead stays dead, and the same beginning has the same end.

use net::{Device, Network, Retina};
use neuro::injury::{Injury, Scope, Share};
use neuro::quantity::Fraction;
use neuro::responses::Showing;
use neuro::seed::{Address, Seed};
use safetensors::SafeTensors;

use crate::{images, lesson, newborn, tiny};

fn ablation(fraction: f64) -> Injury {
    Injury::Ablation {
        fraction: Fraction::try_from(fraction).unwrap(),
        of: Share::Remaining,
        scope: Scope::PerLayer,
        layers: None,
    }
}

/// Bits of every value that is dead by the masks of this state: weights and momentum.
fn dead_bits(state: &[u8]) -> Vec<u32> {
    let file = SafeTensors::deserialize(state).unwrap();
    let mut bits = Vec::new();
    for name in file.names().into_iter().filter(|name| name.ends_with("_mask")) {
        let mask = file.tensor(name).unwrap();
        let path = name.trim_end_matches("_mask");
        for tensor in [path.to_owned(), format!("{path}_momentum")] {
            let Ok(tensor) = file.tensor(&tensor) else { continue };
            let values = tensor.data().chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
            bits.extend(values.zip(mask.data()).filter(|&(_, &alive)| alive == 0).map(|(bits, _)| bits));
        }
    }
    bits
}

#[test]
fn dead_stays_dead_through_momentum_and_decay() {
    let images = images(20);
    for batch_norm in [false, true] {
        let mut network = newborn(batch_norm, 1);
        for stage in 1..=3 {
            network.suffer(&ablation(0.3), Seed(4));
            for epoch in 0..2 {
                network.learn_epoch(&lesson(2), &images, Seed(2), Address { stage, epoch, item: 0 }, &mut |_| {}).unwrap();
                let dead = dead_bits(&network.state());
                assert_eq!(dead.len() as u64, 2 * network.lesion().lost(), "weights and momentum");
                assert!(dead.iter().all(|&bits| bits == 0), "a dead synapse is +0.0, bit for bit");
            }
        }
        assert!(network.lesion().fraction_lost() > 0.65);
    }
}

#[test]
fn the_living_learn() {
    let mut network = newborn(true, 1);
    network.suffer(&ablation(0.5), Seed(4));
    let before = network.state();
    network.learn_epoch(&lesson(1), &images(20), Seed(2), Address::default(), &mut |_| {}).unwrap();
    network.rest();
    let after = network.state();
    assert_eq!(before.len(), after.len());
    let file = |state: &[u8]| SafeTensors::deserialize(state).unwrap().tensor("features.0.weight").unwrap().data().to_vec();
    let same = file(&before).chunks(4).zip(file(&after).chunks(4)).filter(|(a, b)| a == b).count();
    assert_eq!(same, 54, "half of 108 synapses are dead and equal; all others moved");
}

#[test]
fn the_same_beginning_has_the_same_end_and_another_seed_another() {
    let end = |network_seed, data_seed| {
        let mut network = newborn(true, network_seed);
        network.learn_epoch(&lesson(1), &images(20), Seed(data_seed), Address::default(), &mut |_| {}).unwrap();
        network.state()
    };
    assert!(end(1, 1) == end(1, 1));
    assert!(end(1, 1) != end(2, 1));
    assert!(end(1, 1) != end(1, 2));
}

#[test]
fn reading_changes_nothing_and_taps_only_the_probe() {
    let images = images(20);
    let network = newborn(true, 1);
    let before = network.state();
    let classes: Vec<String> = (0..10).map(|class| class.to_string()).collect();
    let taps = ["block1", "block3", "penultimate"].map(str::to_owned);
    let all = network.perceive(&images, &Showing::new(images.labels(), None, &classes), &taps, &mut |_| {}).unwrap();
    let some = network.perceive(&images, &Showing::new(images.labels(), Some(1), &classes), &taps, &mut |_| {}).unwrap();
    assert!(before == network.state());
    assert_eq!(all.answers, some.answers);
    assert_eq!(all.patterns.iter().map(|p| p.features).collect::<Vec<_>>(), [4 * 64, 16 * 4, 12]);
    for (all, some) in all.patterns.iter().zip(&some.patterns) {
        // both are sorted by class, and every class has two images
        let firsts: Vec<f32> = all.values.chunks(all.features).step_by(2).flatten().copied().collect();
        assert_eq!(firsts, some.values);
        assert!(all.values.iter().all(|&value| value >= 0.0), "read after ReLU");
    }
}

/// Logits of another program make the same answers and losses.
#[test]
fn answers_and_losses_come_from_the_logits() {
    let images = images(230); // more than are shown at a time
    let classes: Vec<String> = (0..10).map(|class| class.to_string()).collect();
    let showing = Showing::new(images.labels(), None, &classes);
    let answers = newborn(true, 1).perceive(&images, &showing, &[], &mut |_| {}).unwrap().answers;
    assert_eq!(answers.logits.len(), images.len() * classes.len());
    for (image, row) in answers.logits.chunks(classes.len()).enumerate() {
        let best = (0..row.len()).rev().max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap();
        assert_eq!(usize::from(answers.predictions[image]), best);
        let sum: f64 = row.iter().map(|&logit| f64::from(logit).exp()).sum();
        let loss = sum.ln() - f64::from(row[usize::from(images.labels()[image])]);
        assert!((loss - f64::from(answers.losses[image])).abs() < 1e-5, "image {image}");
    }
}

#[test]
fn a_loss_that_is_no_number_is_reported_with_its_batch() {
    let mut wild = lesson(1);
    wild.rate = neuro::quantity::Positive::try_from(1e30).unwrap();
    let error = newborn(false, 1).learn_epoch(&wild, &images(20), Seed(1), Address::default(), &mut |_| {}).unwrap_err();
    assert!((2..=3).contains(&error.batch), "{error}");

    // a loss looks at the values before an update: behind the last one nobody would
    wild.batch = 20.try_into().unwrap();
    wild.rate = neuro::quantity::Positive::try_from(1e39).unwrap();
    let error = newborn(false, 1).learn_epoch(&wild, &images(20), Seed(1), Address::default(), &mut |_| {}).unwrap_err();
    assert_eq!(error.batch, 1);
}

/// Weights of this size are finite and are taken, but not what they make of an image.
#[test]
fn outputs_that_are_no_numbers_are_an_error_and_never_a_class() {
    let images = images(20);
    let classes: Vec<String> = (0..10).map(|class| class.to_string()).collect();
    let showing = Showing::new(images.labels(), None, &classes);
    for (batch_norm, weight) in [(false, 1e30), (true, 3e38)] {
        let state = newborn(batch_norm, 1).state();
        let file = SafeTensors::deserialize(&state).unwrap();
        let huge: Vec<u8> = std::iter::repeat_n(f32::to_le_bytes(weight), 16 * 72).flatten().collect();
        let tensors = file.iter().map(|(name, view)| {
            let is_dense = name.starts_with("classifier") && name.ends_with("weight");
            let data = if is_dense { &huge[..view.data().len()] } else { view.data() };
            (name.to_owned(), safetensors::tensor::TensorView::new(view.dtype(), view.shape().to_vec(), data).unwrap())
        });
        let mut network = newborn(batch_norm, 1);
        network.restore(&safetensors::serialize(tensors.collect::<Vec<_>>(), None).unwrap()).unwrap();
        let error = network.perceive(&images, &showing, &[], &mut |_| {}).unwrap_err();
        assert_eq!(error.to_string(), "the outputs are no longer numbers (image 1)");
    }
}

/// A network of one dense layer reads its last maps twice: as maps, and as the features that they become. Dense layers count their inputs in
/// PyTorch's order.
#[test]
fn patterns_of_maps_are_in_the_order_of_features() {
    let images = images(20);
    let network = Network::newborn(tiny(true, &[]), &Retina::of(&images), Seed(1), Device::Cpu);
    let classes: Vec<String> = (0..10).map(|class| class.to_string()).collect();
    let taps = ["block3", "penultimate"].map(str::to_owned);
    let showing = Showing::new(images.labels(), Some(1), &classes);
    let patterns = network.perceive(&images, &showing, &taps, &mut |_| {}).unwrap().patterns;
    assert_eq!((patterns[0].features, patterns[0].values.len()), (16 * 4, 10 * 16 * 4));
    assert_eq!(patterns[0].values, patterns[1].values);
}
