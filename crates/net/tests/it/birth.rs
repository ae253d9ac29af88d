//! Newborn networks: the first draws are the cause of every result, so they must not change.

use net::{Device, Network, Retina};
use neuro::seed::Seed;

use crate::{images, tiny};

/// FNV-1a, which needs no crate.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[test]
fn a_newborn_has_the_bits_it_always_had() {
    let states = [false, true].map(|batch_norm| {
        let network = Network::newborn(tiny(batch_norm, &[12]), &Retina::of(&images(20)), Seed(7), Device::Cpu);
        hash(&network.state())
    });
    assert_eq!(states, [10_285_216_635_583_206_834, 14_887_892_918_874_102_693]);
}
