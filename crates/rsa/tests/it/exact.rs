//! Against naive versions.

use rsa::{Method, Rdm, kendall};

use crate::{METHODS, naive_tau, naive_upper, noise, rectified};

#[track_caller]
fn check_tau(x: &[f32], y: &[f32]) {
    for method in METHODS {
        assert_eq!(kendall(x, y, method), naive_tau(x, y, method), "{method} of {x:?} and {y:?}");
    }
}

/// All sequences of `n` values 0, 1, 2.
fn sequences(n: u32) -> Vec<Vec<f32>> {
    (0..3_u32.pow(n)).map(|code| (0..n).map(|digit| (code / 3_u32.pow(digit) % 3) as f32).collect()).collect()
}

#[test]
fn tau_of_every_short_sequence() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool");
    pool.install(|| {
        for n in 0..=5 {
            let all = sequences(n);
            all.iter().for_each(|x| all.iter().for_each(|y| check_tau(x, y)));
        }
    });
}

#[test]
fn tau_of_long_sequences() {
    for n in [23, 24, 25, 49, 100, 1000, 2500] {
        for distinct in [2.0, 10.0, 1e9] {
            let [x, y] = [1, 2].map(|seed| noise(n, seed).into_iter().map(|v| (v * distinct).floor()).collect::<Vec<_>>());
            check_tau(&x, &y);
            let mixed: Vec<f32> = x.iter().zip(&y).map(|(x, y)| (x + 0.2 * y).floor()).collect();
            check_tau(&x, &mixed);
        }
    }
}

/// Long enough for every thread to have work; tau of a known permutation: n-1 descents of one over a rising sequence.
#[test]
fn tau_of_a_very_long_sequence() {
    let n = 1_000_000_i64;
    let x: Vec<f32> = (0..n).map(|i| i as f32).collect();
    let mut rotated = x.clone();
    rotated.rotate_left(1);
    let couples = (n * (n - 1) / 2) as f64;
    let want = (couples - 2.0 * (n - 1) as f64) / couples;
    assert_eq!(kendall(&x, &rotated, Method::TauB), Some(want));
    assert_eq!(kendall(&rotated, &x, Method::TauA), Some(want));
}

#[test]
fn both_zeros_are_tied() {
    assert_eq!(kendall(&[0.0, -0.0], &[1.0, 2.0], Method::TauB), None);
    assert_eq!(kendall(&[0.0, -0.0, 1.0], &[1.0, 1.0, 2.0], Method::TauB), Some(1.0));
}

#[test]
#[should_panic(expected = "differ in length")]
fn sequences_of_different_length_are_refused() {
    kendall(&[1.0, 2.0], &[1.0], Method::TauB);
}

#[test]
#[should_panic(expected = "NaN")]
fn undefined_values_are_refused() {
    kendall(&[1.0, 2.0], &[1.0, f32::NAN], Method::TauB);
}

/// Every number of images and features around the borders of panels, strips and runs.
#[test]
fn rdm_of_every_shape() {
    for images in [1, 2, 3, 7, 8, 9, 12, 16, 31, 32, 33, 41, 65] {
        for features in [2, 3, 127, 128, 129, 300] {
            let values = rectified(images * features, (images * features) as u64);
            let rdm = Rdm::correlation(&values, features);
            let naive = naive_upper(&values, features);
            assert_eq!(rdm.images(), images);
            assert_eq!(rdm.upper().len(), naive.len());
            for (ours, theirs) in rdm.upper().iter().zip(naive) {
                let same = (f64::from(*ours) - theirs).abs() < 1e-6 || ours.is_nan() && theirs.is_nan();
                assert!(same, "{images} images, {features} features: {ours} and {theirs}");
            }
        }
    }
}

/// The hardest case for sums in f32: patterns almost alike, so that all products have the same sign.
#[test]
fn rdm_of_almost_equal_patterns() {
    let features = 4096;
    let shared = rectified(features, 1);
    let values: Vec<f32> = (2..22)
        .flat_map(|seed| shared.iter().zip(noise(features, seed)).map(|(s, n)| s + 0.01 * n).collect::<Vec<_>>())
        .collect();
    let rdm = Rdm::correlation(&values, features);
    for (ours, theirs) in rdm.upper().iter().zip(naive_upper(&values, features)) {
        assert!((f64::from(*ours) - theirs).abs() < 2e-6, "{ours} and {theirs}");
    }
}

/// Rounding takes the product of a pattern with itself, or its opposite, past 1 as often as not; a correlation it never is.
#[test]
fn rdm_of_equal_and_opposite_patterns() {
    for seed in 0..50 {
        let pattern = rectified(200, seed);
        let opposite: Vec<f32> = pattern.iter().map(|v| -v).collect();
        let rdm = Rdm::correlation(&[pattern.clone(), pattern, opposite].concat(), 200);
        let [equal, opposite] = [rdm.upper()[0], rdm.upper()[1]];
        assert!((0.0..1e-6).contains(&equal), "{equal}");
        assert!(opposite > 2.0 - 1e-6 && opposite <= 2.0, "{opposite}");
    }
}
