//! Against naive versions.

use rsa::{Method, correlate};

use crate::{agree, naive, noise};

#[track_caller]
fn check(x: &[f32], y: &[f32]) {
    for method in Method::ALL {
        let (ours, want) = (correlate(x, y, method), naive(x, y, method));
        assert!(agree(ours, want, method), "{method} of {x:?} and {y:?}: {ours:?}, not {want:?}");
    }
}

/// All sequences of `n` values 0, 1, 2.
fn sequences(n: u32) -> Vec<Vec<f32>> {
    (0..3_u32.pow(n)).map(|code| (0..n).map(|digit| (code / 3_u32.pow(digit) % 3) as f32).collect()).collect()
}

#[test]
fn every_short_sequence() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool");
    pool.install(|| {
        for n in 0..=5 {
            let all = sequences(n);
            all.iter().for_each(|x| all.iter().for_each(|y| check(x, y)));
        }
    });
}

#[test]
fn long_sequences() {
    for n in [23, 24, 25, 49, 100, 1000, 2500] {
        for distinct in [2.0, 10.0, 1e9] {
            let [x, y] = [1, 2].map(|seed| noise(n, seed).into_iter().map(|v| (v * distinct).floor()).collect::<Vec<_>>());
            check(&x, &y);
            let mixed: Vec<f32> = x.iter().zip(&y).map(|(x, y)| (x + 0.2 * y).floor()).collect();
            check(&x, &mixed);
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
    assert_eq!(correlate(&x, &rotated, Method::TauB), Some(want));
    assert_eq!(correlate(&rotated, &x, Method::TauA), Some(want));
}

#[test]
fn both_zeros_are_tied() {
    assert_eq!(correlate(&[0.0, -0.0], &[1.0, 2.0], Method::TauB), None);
    assert_eq!(correlate(&[0.0, -0.0, 1.0], &[1.0, 1.0, 2.0], Method::TauB), Some(1.0));
}

#[test]
#[should_panic(expected = "differ in length")]
fn sequences_of_different_length_are_refused() {
    correlate(&[1.0, 2.0], &[1.0], Method::TauB);
}

#[test]
#[should_panic(expected = "NaN")]
fn undefined_values_are_refused() {
    correlate(&[1.0, 2.0], &[1.0, f32::NAN], Method::TauB);
}

/// All rankings without ties that agree with a sequence.
fn orders(values: &[f32]) -> Vec<Vec<f32>> {
    let mut all = vec![Vec::new()];
    for n in 0..values.len() {
        all =
            all.iter().flat_map(|order: &Vec<f32>| (0..values.len()).map(move |v| [&order[..], &[v as f32]].concat())).collect();
        all.retain(|order| !order[..n].contains(&order[n]));
    }
    let agrees = |order: &Vec<f32>| {
        let mut couples = (0..values.len()).flat_map(|i| (0..values.len()).map(move |j| (i, j)));
        couples.all(|(i, j)| values[i] >= values[j] || order[i] < order[j])
    };
    all.retain(agrees);
    all
}

/// What rho-a is for (Schütt 2023): the mean of Spearman's rho over all ways to break the ties of both.
#[test]
fn rho_a_is_the_mean_rho_with_ties_broken_at_random() {
    for n in 2..=4 {
        let all: Vec<_> = sequences(n).into_iter().map(|x| (orders(&x), x)).collect();
        for ((x_orders, x), (y_orders, y)) in all.iter().flat_map(|x| all.iter().map(move |y| (x, y))) {
            let squares: f32 = x_orders
                .iter()
                .flat_map(|x| y_orders.iter().flat_map(move |y| x.iter().zip(y)))
                .map(|(x, y)| (x - y).powi(2))
                .sum();
            let n = f64::from(n);
            let rho = 1.0 - 6.0 * f64::from(squares) / (x_orders.len() * y_orders.len()) as f64 / (n.powi(3) - n);
            let ours = correlate(x, y, Method::RhoA).expect("two values");
            assert!((ours - rho).abs() < 1e-12, "{x:?} {y:?}: {ours} {rho}");
        }
    }
}

#[test]
fn fewer_than_two_values_have_no_ranks() {
    for method in [Method::TauA, Method::TauB, Method::RhoA, Method::Spearman, Method::Pearson] {
        assert_eq!([correlate::<f32>(&[], &[], method), correlate::<f32>(&[1.0], &[2.0], method)], [None, None], "{method}");
    }
    assert_eq!([correlate::<f32>(&[], &[], Method::Cosine), correlate::<f32>(&[1.0], &[2.0], Method::Cosine)], [None, Some(1.0)]);
}

#[test]
fn an_infinite_value_has_no_cosine_and_no_pearson() {
    for method in [Method::Cosine, Method::Pearson] {
        assert_eq!(correlate(&[f32::INFINITY, 1.0, 2.0], &[3.0, 4.0, 7.0], method), None, "{method}");
    }
}
