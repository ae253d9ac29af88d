use super::{assert_close, assert_same_on_all_threads, available, cases, numbers};
use crate::{
    Maps, Normalisation, normalise_by, normalise_by_batch, normalise_by_batch_and_pool, normalise_by_batch_and_pool_back,
    normalise_by_batch_back, pool, pool_back,
};
use proptest::prelude::*;

const EPSILON: f32 = 1e-5;

/// Mean and biased variance of each channel, in double precision.
fn moments(x: &[f32], channels: usize) -> (Vec<f64>, Vec<f64>) {
    let pixels = (x.len() / channels) as f64;
    let over = |f: &dyn Fn(usize, f64) -> f64| -> Vec<f64> {
        let sum = |c: usize| x.iter().skip(c).step_by(channels).map(|&x| f(c, f64::from(x))).sum::<f64>();
        (0..channels).map(|c| sum(c) / pixels).collect()
    };
    let mean = over(&|_, x| x);
    let variance = over(&|c, x| (x - mean[c]).powi(2));
    (mean, variance)
}

fn reference(x: &[f32], mean: &[f64], variance: &[f64], layer: &Normalisation, relu: bool) -> Vec<f64> {
    let value = |i: usize, x: f32| {
        let c = i % mean.len();
        let y = (f64::from(x) - mean[c]) / (variance[c] + f64::from(EPSILON)).sqrt() * f64::from(layer.gain[c])
            + f64::from(layer.shift[c]);
        if relu { y.max(0.0) } else { y }
    };
    x.iter().enumerate().map(|(i, &x)| value(i, x)).collect()
}

/// The gradients with respect to x, gain and shift, from the chain rule written out for each pair of pixels' influence by way of mean and
/// variance: `dx = gain/s (d - mean(d) - h mean(d h))` with `h` the normalised input.
fn reference_back(x: &[f32], layer: &Normalisation, d: &[f64]) -> [Vec<f64>; 3] {
    let channels = layer.gain.len();
    let (mean, variance) = moments(x, channels);
    let h = |i: usize| (f64::from(x[i]) - mean[i % channels]) / (variance[i % channels] + f64::from(EPSILON)).sqrt();
    let (mut dgain, mut dshift) = (vec![0.0; channels], vec![0.0; channels]);
    for (i, d) in d.iter().enumerate() {
        dgain[i % channels] += d * h(i);
        dshift[i % channels] += d;
    }
    let pixels = (x.len() / channels) as f64;
    let value = |i: usize| {
        let c = i % channels;
        f64::from(layer.gain[c]) / (variance[c] + f64::from(EPSILON)).sqrt()
            * (d[i] - dshift[c] / pixels - h(i) * dgain[c] / pixels)
    };
    [(0..x.len()).map(value).collect(), dgain, dshift]
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn any_maps(pixels in 2usize..400, channels in 1usize..40, relu: bool, mean in prop_oneof![Just(0.0f32), Just(50.0)], seed in 0u64..1000) {
        let x: Vec<f32> = numbers(seed, pixels * channels).iter().map(|x| x + mean).collect();
        let (gain, shift, dy) = (numbers(seed + 1, channels), numbers(seed + 2, channels), numbers(seed + 3, x.len()));
        let layer = Normalisation { gain: &gain, shift: &shift, epsilon: EPSILON };
        let (mean, variance) = moments(&x, channels);
        // Two nearby pixels make a small variance, which makes rounding errors of x large ones of y.
        let tolerance = if pixels > 8 { 1e-4 } else { 1e-2 };
        for simd in available() {
            let n = simd.force(|| normalise_by_batch(&x, &layer, relu));
            // what sums are off by is a share of what was added up, not of what came out
            for (ours, expected) in n.mean.iter().zip(&mean) {
                prop_assert!((f64::from(*ours) - expected).abs() <= 1e-6 * (1.0 + expected.abs()), "mean {ours} in place of {expected}");
            }
            assert_close("variance", &n.variance, &variance, 1e-4);
            assert_close("y", &n.y, &reference(&x, &mean, &variance, &layer, relu), tolerance);
            let again = simd.force(|| normalise_by(&x, &n.mean, &n.variance, &layer, relu));
            prop_assert!(again == n.y, "the same by its own mean and variance");

            let d: Vec<f64> = (0..x.len()).map(|i| if relu && n.y[i] <= 0.0 { 0.0 } else { f64::from(dy[i]) }).collect();
            let [dx, dgain, dshift] = reference_back(&x, &layer, &d);
            let g = simd.force(|| normalise_by_batch_back(&x, &n.mean, &n.variance, &layer, relu, &dy));
            assert_close("dx", &g.dx, &dx, 10.0 * tolerance);
            for (sums, expected, share) in [(&g.dgain, &dgain, tolerance), (&g.dshift, &dshift, 1e-6)] {
                for (ours, expected) in sums.iter().zip(expected) {
                    let off = (f64::from(*ours) - expected).abs();
                    prop_assert!(off <= share * (pixels as f64 + expected.abs()), "dgain or dshift {ours} in place of {expected}");
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(64))]

    /// In one pass or one after the other: the outputs are the same to the last bit, the gradients but for the order of sums.
    #[test]
    fn pooled_at_once(images in 1usize..4, height in 1usize..9, width in 1usize..9, channels in 1usize..40, ties: bool, seed in 0u64..1000) {
        let at = Maps { images, height, width };
        let mut x = numbers(seed, at.pixels() * channels);
        if ties {
            x.iter_mut().for_each(|x| *x = (*x * 2.0).round());
        }
        let (gain, shift) = (numbers(seed + 1, channels), numbers(seed + 2, channels));
        let dy = numbers(seed + 3, images * (height / 2) * (width / 2) * channels);
        let layer = Normalisation { gain: &gain, shift: &shift, epsilon: EPSILON };
        for simd in available() {
            simd.force(|| {
                let n = normalise_by_batch(&x, &layer, true);
                let y = pool(&n.y, at, channels);
                let d = pool_back(&n.y, at, channels, &y, &dy);
                let expected = normalise_by_batch_back(&x, &n.mean, &n.variance, &layer, true, &d);

                let pooled = normalise_by_batch_and_pool(&x, at, &layer);
                assert_eq!((&pooled.y, &pooled.mean, &pooled.variance), (&y, &n.mean, &n.variance));
                let g = normalise_by_batch_and_pool_back(&x, at, &n.mean, &n.variance, &layer, &dy);
                for (what, ours, expected) in
                    [("dx", &g.dx, &expected.dx), ("dgain", &g.dgain, &expected.dgain), ("dshift", &g.dshift, &expected.dshift)]
                {
                    let expected: Vec<f64> = expected.iter().map(|&x| f64::from(x)).collect();
                    assert_close(what, ours, &expected, 1e-4);
                }
            });
        }
    }
}

/// The formula of the gradient itself, against finite differences of the forward formula.
#[test]
#[cfg_attr(miri, ignore = "too many numbers for Miri")]
fn the_reference_gradient_is_that_of_the_reference() {
    let (x, gain, shift, dy) = (numbers(1, 30), numbers(2, 3), numbers(3, 3), numbers(4, 30));
    let layer = Normalisation { gain: &gain, shift: &shift, epsilon: EPSILON };
    let loss = |x: &[f32]| {
        let (mean, variance) = moments(x, 3);
        reference(x, &mean, &variance, &layer, false).iter().zip(&dy).map(|(y, &dy)| y * f64::from(dy)).sum::<f64>()
    };
    let d: Vec<f64> = dy.iter().map(|&x| f64::from(x)).collect();
    let [dx, _, _] = reference_back(&x, &layer, &d);
    for i in 0..x.len() {
        let (mut up, mut down) = (x.clone(), x.clone());
        up[i] += 1.0 / 1024.0;
        down[i] -= 1.0 / 1024.0;
        let slope = (loss(&up) - loss(&down)) / f64::from(up[i] - down[i]);
        assert!((slope - dx[i]).abs() < 1e-4, "{i}: {slope} {}", dx[i]);
    }
}

#[test]
#[cfg_attr(miri, ignore = "too many numbers for Miri")]
fn results_do_not_depend_on_the_number_of_threads() {
    let (x, gain, shift, dy) = (numbers(1, 5000 * 40), numbers(2, 40), numbers(3, 40), numbers(4, 5000 * 40));
    let layer = Normalisation { gain: &gain, shift: &shift, epsilon: EPSILON };
    assert_same_on_all_threads(|| {
        let n = normalise_by_batch(&x, &layer, true);
        let g = normalise_by_batch_back(&x, &n.mean, &n.variance, &layer, true, &dy);
        let at = Maps { images: 8, height: 25, width: 25 };
        let pooled = normalise_by_batch_and_pool(&x, at, &layer);
        let back = normalise_by_batch_and_pool_back(&x, at, &n.mean, &n.variance, &layer, &dy[..8 * 12 * 12 * 40]);
        (n, g, pooled, back)
    });
}

#[test]
fn a_constant_channel_is_shifted_to_its_shift() {
    let layer = Normalisation { gain: &[2.0], shift: &[0.25], epsilon: EPSILON };
    let n = normalise_by_batch(&[1e4; 100], &layer, false);
    assert_eq!((n.mean[0], n.variance[0]), (1e4, 0.0));
    assert!(n.y.iter().all(|&y| y == 0.25));
}

#[test]
fn an_empty_batch_is_normalised_to_nothing() {
    let layer = Normalisation { gain: &[1.0; 3], shift: &[0.0; 3], epsilon: EPSILON };
    let empty = normalise_by_batch(&[], &layer, true);
    assert_eq!((empty.y.len(), empty.mean, empty.variance), (0, vec![0.0; 3], vec![0.0; 3]));
    assert!(normalise_by_batch_and_pool(&[], Maps { images: 0, height: 4, width: 4 }, &layer).y.is_empty());
}

#[test]
fn an_infinite_activity_is_not_hidden() {
    let layer = Normalisation { gain: &[1.0], shift: &[0.0], epsilon: EPSILON };
    let normalised = normalise_by_batch(&[1.0, f32::INFINITY, 2.0], &layer, true);
    assert!(normalised.variance[0].is_nan() && normalised.y.iter().all(|y| y.is_nan()), "as in PyTorch");
}
