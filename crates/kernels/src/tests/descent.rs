use super::{assert_close, assert_same_on_all_threads, available, cases, numbers};
use crate::{Descent, descend};
use proptest::prelude::*;

/// PyTorch's SGD by its documentation, in double precision: new weights and velocities.
fn reference(w: &[f32], v: &[f32], gradient: &[f32], how: &Descent) -> [Vec<f64>; 2] {
    let [rate, momentum, decay] = [how.rate, how.momentum, how.decay].map(f64::from);
    let (mut weights, mut velocities) = (vec![], vec![]);
    for ((&w, &v), &gradient) in w.iter().zip(v).zip(gradient) {
        let g = f64::from(gradient) + decay * f64::from(w);
        let v = momentum * f64::from(v) + g;
        let step = if how.nesterov { g + momentum * v } else { v };
        weights.push(f64::from(w) - rate * step);
        velocities.push(v);
    }
    [weights, velocities]
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn a_step_is_that_of_pytorch(length in 0usize..100, seed in 0u64..1000, nesterov: bool, momentum in prop_oneof![Just(0.0f32), Just(0.9)]) {
        let how = Descent { rate: 0.05, momentum, nesterov, decay: 0.0005 };
        let (w, v, g) = (numbers(seed, length), numbers(seed + 1, length), numbers(seed + 2, length));
        let [weights, velocities] = reference(&w, &v, &g, &how);
        for simd in available() {
            let (mut w, mut v) = (w.clone(), v.clone());
            simd.force(|| descend(&mut w, &mut v, &g, None, &how));
            assert_close("weights", &w, &weights, 1e-6);
            assert_close("velocities", &v, &velocities, 1e-6);
        }
    }

    #[test]
    fn lost_weights_are_exactly_zero(length in 1usize..100, seed in 0u64..1000, nesterov: bool) {
        let how = Descent { rate: 0.05, momentum: 0.9, nesterov, decay: 0.0005 };
        let (w, v, mut g) = (numbers(seed, length), numbers(seed + 1, length), numbers(seed + 2, length));
        let alive: Vec<u8> = numbers(seed + 3, length).iter().map(|&x| u8::from(x > 0.0)).collect();
        // What the gradient of a lost weight is must not matter at all.
        for (g, _) in g.iter_mut().zip(&alive).filter(|(_, alive)| **alive == 0) {
            *g = if *g > 0.0 { f32::NAN } else { f32::NEG_INFINITY };
        }
        for simd in available() {
            let (mut w_all, mut v_all) = (w.clone(), v.clone());
            let (mut w, mut v) = (w.clone(), v.clone());
            simd.force(|| {
                descend(&mut w_all, &mut v_all, &g, None, &how);
                descend(&mut w, &mut v, &g, Some(&alive), &how);
            });
            for i in 0..length {
                let expected = if alive[i] == 0 { (0, 0) } else { (w_all[i].to_bits(), v_all[i].to_bits()) };
                prop_assert_eq!((w[i].to_bits(), v[i].to_bits()), expected, "{:?}: weight {} of {}", simd, i, length);
            }
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "too many numbers for Miri")]
fn results_do_not_depend_on_the_number_of_threads() {
    let how = Descent { rate: 0.05, momentum: 0.9, nesterov: false, decay: 0.0005 };
    let (w, v, g) = (numbers(1, 100_003), numbers(2, 100_003), numbers(3, 100_003));
    let alive: Vec<u8> = (0..w.len()).map(|i| u8::from(i % 3 != 0)).collect();
    assert_same_on_all_threads(|| {
        let (mut w, mut v) = (w.clone(), v.clone());
        descend(&mut w, &mut v, &g, Some(&alive), &how);
        (w, v)
    });
}
