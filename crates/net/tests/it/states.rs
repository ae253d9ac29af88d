//! States as files: they come back as they were, and files of other networks are refused.

use net::WeightsError;
use neuro::injury::Injury;
use neuro::seed::{Address, Seed};
use safetensors::tensor::{Dtype, TensorView};

use crate::{images, lesson, newborn};

#[test]
fn a_state_comes_back_and_learning_goes_on_as_if_never_interrupted() {
    let images = images(20);
    let epoch = |network: &mut net::Network, epoch| {
        network.learn_epoch(&lesson(2), &images, Seed(3), Address { stage: 1, epoch, item: 0 }, &mut |_| {}).unwrap();
    };
    let mut straight = newborn(true, 1);
    straight.suffer(&Injury::examples()[1].0, Seed(5));
    epoch(&mut straight, 0);
    let saved = straight.state();
    epoch(&mut straight, 1);

    let mut resumed = newborn(true, 99);
    resumed.restore(&saved).unwrap();
    assert!(resumed.state() == saved);
    assert_eq!(resumed.lesion(), straight.lesion());
    epoch(&mut resumed, 1);
    assert!(resumed.state() == straight.state());
}

#[test]
fn files_of_other_networks_are_refused_and_change_nothing() {
    let state = newborn(true, 1).state();
    let mut plain = newborn(false, 1);
    let before = plain.state();
    let error = |network: &mut net::Network, bytes: &[u8]| network.restore(bytes).unwrap_err();

    assert_eq!(
        error(&mut plain, &state).to_string(),
        "it has no tensor 'features.3.weight' (the nearest it has is 'features.0.weight'), so it belongs to another network than Tiny, width 0.5, two dense layers"
    );
    assert!(matches!(error(&mut plain, &state[..state.len() - 5]), WeightsError::Unreadable(_)));
    assert!(matches!(error(&mut plain, b"not weights at all"), WeightsError::Unreadable(_)));
    assert!(plain.state() == before);
}

#[test]
fn a_revived_synapse_and_a_weight_that_is_no_number_are_refused() {
    let mut network = newborn(true, 1);
    network.suffer(&Injury::examples()[1].0, Seed(5));
    let state = network.state();
    let file = safetensors::SafeTensors::deserialize(&state).unwrap();
    let header = 8 + u64::from_le_bytes(state[..8].try_into().unwrap()) as usize;
    let (_, info) = file.iter().find(|(name, _)| *name == "features.0.weight").unwrap();
    let start = info.data().as_ptr() as usize - state.as_ptr() as usize;
    assert!(start >= header);
    let dead = file.tensor("features.0.weight_mask").unwrap().data().iter().position(|&alive| alive == 0).unwrap();

    let altered = |place: usize, value: f32| {
        let mut bytes = state.clone();
        bytes[start + 4 * place..][..4].copy_from_slice(&value.to_le_bytes());
        bytes
    };
    let mut other = newborn(true, 2);
    assert_eq!(other.restore(&altered(dead, 0.1)), Err(WeightsError::Revived("features.0.weight".to_owned())));
    assert_eq!(other.restore(&altered(dead, -0.0)), Err(WeightsError::Revived("features.0.weight".to_owned())));
    assert_eq!(other.restore(&altered(0, f32::NAN)), Err(WeightsError::NotFinite("features.0.weight".to_owned())));

    let variance = file.tensor("features.1.running_var").unwrap().data().as_ptr() as usize - state.as_ptr() as usize;
    let below_zero = altered((variance - start) / 4, -1.0);
    assert_eq!(other.restore(&below_zero), Err(WeightsError::NegativeVariance("features.1.running_var".to_owned())));
}

#[test]
fn a_state_with_more_less_or_other_tensors_was_altered() {
    let state = newborn(true, 1).state();
    let file = safetensors::SafeTensors::deserialize(&state).unwrap();
    let tensors: Vec<(String, TensorView<'_>)> = file.iter().map(|(name, view)| (name.to_owned(), view)).collect();
    let error = |tensors: Vec<(String, TensorView<'_>)>| {
        let mut network = newborn(true, 2);
        let before = network.state();
        let error = network.restore(&safetensors::serialize(tensors, None).unwrap()).unwrap_err();
        assert!(network.state() == before);
        error
    };
    let with = |name: &str, dtype, bytes| {
        let mut tensors = tensors.clone();
        let shape = tensors.iter().find(|(other, _)| other == name).map_or(vec![1], |(_, view)| view.shape().to_vec());
        tensors.retain(|(other, _)| other != name);
        tensors.push((name.to_owned(), TensorView::new(dtype, shape, bytes).unwrap()));
        error(tensors)
    };

    for stranger in ["stranger", "features.0.bias_mask", "features.1.num_batches_tracked"] {
        assert_eq!(with(stranger, Dtype::U8, &[1]), WeightsError::Altered(stranger.to_owned()));
    }
    let no_mask = tensors.iter().filter(|(name, _)| name != "features.0.weight_mask").cloned().collect();
    assert!(matches!(error(no_mask), WeightsError::Missing { .. }), "its lesion would be lost");
    // momentum of one parameter alone
    assert!(matches!(
        with("features.0.bias_momentum", Dtype::F32, &[0; 4]),
        WeightsError::Unlike { .. } | WeightsError::Missing { .. }
    ));
    assert!(matches!(with("features.0.bias", Dtype::F16, &[0; 8]), WeightsError::Type { .. }));
    assert!(matches!(with("features.0.weight_mask", Dtype::BOOL, &[1; 108]), WeightsError::Type { .. }));
    assert_eq!(with("features.0.weight_mask", Dtype::U8, &[2; 108]), WeightsError::Altered("features.0.weight_mask".to_owned()));
}
