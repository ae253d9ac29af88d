//! Noise ceilings against NumPy and SciPy (`tests/fixtures/make.py` is the recipe), and their laws.

use std::collections::HashMap;

use rsa::{CeilingError, Distance, Method, Rdm, Real, correlate, noise_ceiling};
use serde::Deserialize;

use crate::noise;

#[derive(Deserialize)]
struct Fixture {
    name: String,
    matrices: Vec<Vec<Option<f64>>>,
    lower: HashMap<Method, f64>,
    upper: HashMap<Method, f64>,
    between: HashMap<Method, Vec<f64>>,
}

fn fixtures() -> Vec<Fixture> {
    #[derive(Deserialize)]
    struct All {
        ceilings: Vec<Fixture>,
    }
    serde_json::from_str::<All>(include_str!("../fixtures/scipy.json")).expect("make.py wrote it").ceilings
}

fn check<T: Real>(fixture: &Fixture, number: impl Fn(f64) -> T) {
    let matrix = |values: &Vec<Option<f64>>| {
        Rdm::from_condensed(values.iter().map(|v| number(v.unwrap_or(f64::NAN))).collect()).expect("in order")
    };
    let matrices: Vec<Rdm<T>> = fixture.matrices.iter().map(matrix).collect();
    let left_out = (0..36).filter(|&pair| fixture.matrices.iter().any(|matrix| matrix[pair].is_none())).count() as u64;
    for method in Method::ALL {
        let name = format!("{}, {method}", fixture.name);
        let found = noise_ceiling(&matrices, method).expect("in order");
        let near = |ours: Option<f64>, wanted: f64| {
            assert!(ours.is_some_and(|o| (o - wanted).abs() < 1e-12), "{name}: {ours:?}, not {wanted}");
        };
        near(found.lower, fixture.lower[&method]);
        near(found.upper, fixture.upper[&method]);
        assert_eq!(found.between.len(), fixture.between[&method].len());
        found.between.iter().zip(&fixture.between[&method]).for_each(|(ours, wanted)| near(*ours, *wanted));
        assert_eq!((found.matrices, found.pairs_used, found.pairs_left_out), (matrices.len(), 36 - left_out, left_out), "{name}");
    }
}

#[test]
fn as_numpy_and_scipy_have_it() {
    let fixtures = fixtures();
    assert_eq!(fixtures.len(), 4);
    for fixture in fixtures {
        check(&fixture, |value| value);
        check(&fixture, |value| value as f32);
    }
}

/// Subjects that share patterns and have noise of their own.
fn subjects(count: u64, much: f32) -> Vec<Rdm> {
    let shared = noise(25 * 8, 1);
    let values = |subject: u64| shared.iter().zip(noise(25 * 8, 10 + subject)).map(|(v, n)| v + much * n).collect::<Vec<f32>>();
    (0..count).map(|subject| Rdm::of(&values(subject), 8, Distance::Euclidean).expect("in order")).collect()
}

#[test]
fn equal_matrices_reach_1() {
    let same = vec![subjects(1, 0.0).remove(0); 3];
    for method in [Method::TauB, Method::Spearman, Method::Pearson, Method::Cosine] {
        let found = noise_ceiling(&same, method).expect("in order");
        for value in [found.lower, found.upper, found.between[0]] {
            assert!(value.is_some_and(|value| (value - 1.0).abs() < 1e-12), "{method}: {found:?}");
        }
    }
}

/// The lower bound is below the upper; of two it is how alike they are; more noise lowers both; their order does not matter.
#[test]
fn bounds_are_in_order() {
    for method in Method::ALL {
        let mut before = (Some(1.1), Some(1.1));
        for much in [0.1, 0.5, 2.0] {
            let mut matrices = subjects(6, much);
            let found = noise_ceiling(&matrices, method).expect("in order");
            assert!(found.lower < found.upper, "{method}: {found:?}");
            assert!(found.lower < before.0 && found.upper < before.1, "{method}: {found:?}");
            before = (found.lower, found.upper);
            matrices.reverse();
            let turned = noise_ceiling(&matrices, method).expect("in order");
            let same = |a: Option<f64>, b: Option<f64>| a.zip(b).is_some_and(|(a, b)| (a - b).abs() < 1e-12);
            assert!(same(found.lower, turned.lower) && same(found.upper, turned.upper), "{method}");
        }
        let two = subjects(2, 0.5);
        let (found, alike) = (noise_ceiling(&two, method).expect("in order"), correlate(two[0].upper(), two[1].upper(), method));
        assert!((found.lower.expect("defined") - alike.expect("defined")).abs() < 1e-12, "{method}: {found:?}, {alike:?}");
        assert_eq!(found.between, [alike]);
    }
}

/// No other matrix has a higher mean similarity with all than the pool, for the methods that promise it.
#[test]
fn the_upper_bound_is_the_highest() {
    let matrices = subjects(5, 1.0);
    for method in [Method::RhoA, Method::Spearman, Method::Pearson, Method::Cosine] {
        let upper = noise_ceiling(&matrices, method).expect("in order").upper.expect("defined");
        let mut candidates = subjects(5, 0.3);
        candidates.extend(subjects(1, 0.0));
        candidates.extend(matrices.clone());
        for candidate in candidates {
            let mean =
                matrices.iter().map(|m| correlate(m.upper(), candidate.upper(), method).expect("defined")).sum::<f64>() / 5.0;
            assert!(mean <= upper + 1e-12, "{method}: {mean}, {upper}");
        }
    }
}

/// A mean over those that happen to be defined is no mean over subjects.
#[test]
fn a_matrix_that_says_nothing_leaves_no_ceiling() {
    let mut matrices = subjects(4, 0.5);
    matrices.push(Rdm::from_condensed(vec![1.0; 300]).expect("in order"));
    for method in [Method::TauB, Method::Spearman, Method::Pearson] {
        let found = noise_ceiling(&matrices, method).expect("in order");
        assert_eq!((found.lower, found.upper, found.between[3], found.between.len()), (None, None, None, 10), "{method}");
        assert!(found.between[0].is_some());
    }
    matrices[4] = Rdm::from_condensed(vec![f32::NAN; 300]).expect("in order");
    for method in Method::ALL {
        let found = noise_ceiling(&matrices, method).expect("in order");
        assert_eq!((found.lower, found.upper, found.pairs_used, found.pairs_left_out), (None, None, 0, 300), "{method}");
    }
    let one_image: Rdm = Rdm::of(&[1.0_f32, 2.0], 2, Distance::Euclidean).expect("in order");
    assert_eq!(
        noise_ceiling(&[one_image.clone(), one_image], Method::TauB).map(|found| (found.lower, found.upper)),
        Ok((None, None))
    );
}

/// Values far from 0 and close together, as of networks that have lost most of their synapses; the largest and smallest doubles.
#[test]
fn digits_are_kept() {
    let matrices: Vec<Rdm<f64>> = (0..5)
        .map(|subject| {
            Rdm::of(
                &noise(25 * 8, 1).iter().zip(noise(25 * 8, 10 + subject)).map(|(v, n)| v + n).collect::<Vec<_>>(),
                8,
                Distance::Euclidean,
            )
        })
        .collect::<Result<_, _>>()
        .expect("in order");
    let of = |change: &dyn Fn(f64) -> f64, method| {
        let changed =
            |matrix: &Rdm<f64>| Rdm::from_condensed(matrix.upper().iter().map(|&v| change(v)).collect()).expect("in order");
        let found = noise_ceiling(&matrices.iter().map(changed).collect::<Vec<_>>(), method).expect("in order");
        [found.lower, found.upper].map(|bound| bound.expect("defined"))
    };
    for method in Method::ALL {
        let right = of(&|v| v, method);
        let shift: &dyn Fn(f64) -> f64 = &|v| 1.0 + 1e-9 * v;
        let changes: [&dyn Fn(f64) -> f64; 3] =
            [&|v| v * 1e307, &|v| v * 1e-300, if method == Method::Cosine { &|v| 3.0 * v } else { shift }];
        for (change, error) in changes.into_iter().zip([1e-12, 1e-12, 1e-6]) {
            let ours = of(change, method);
            assert!(ours.iter().zip(right).all(|(a, b)| (a - b).abs() < error), "{method}: {ours:?}, not {right:?}");
        }
    }
}

#[test]
fn matrices_out_of_order_are_refused() {
    assert_eq!(noise_ceiling::<f32>(&[], Method::TauB), Err(CeilingError::TooFewMatrices { matrices: 0 }));
    assert_eq!(noise_ceiling(&subjects(1, 0.0), Method::TauB), Err(CeilingError::TooFewMatrices { matrices: 1 }));
    let mut matrices = subjects(3, 0.5);
    matrices[2] = Rdm::from_condensed(vec![1.0, 2.0, 3.0]).expect("in order");
    let error = CeilingError::DifferentImages { matrix: 2, images: 3, first: 25 };
    assert_eq!(noise_ceiling(&matrices, Method::TauB), Err(error));
}
