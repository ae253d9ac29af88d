//! Linear CKA, plain and unbiased, against its definition, and its laws. `tests/fixtures/make.py` is the recipe of the fixtures: HSIC in
//! fractions, without centring or rounding, and package torch-cka's way of averaging it.

use std::collections::HashMap;

use proptest::{collection::vec, prelude::*};
use rsa::{CkaError, PatternsError, Real, linear_cka, linear_cka_minibatch, linear_cka_unbiased};
use serde::Deserialize;

use crate::{generator, rectified};

#[derive(Deserialize)]
struct Fixture {
    name: String,
    features: [usize; 2],
    x: Vec<f64>,
    y: Vec<f64>,
    plain: f64,
    unbiased: f64,
    minibatch: HashMap<usize, f64>,
}

fn fixtures() -> Vec<Fixture> {
    #[derive(Deserialize)]
    struct All {
        ckas: Vec<Fixture>,
    }
    serde_json::from_str::<All>(include_str!("../fixtures/scipy.json")).expect("make.py wrote it").ckas
}

#[track_caller]
fn near(name: &str, what: &str, ours: Option<f64>, wanted: f64, error: f64) {
    assert!(ours.is_some_and(|ours| (ours - wanted).abs() < error), "{name}, {what}: {ours:?}, not {wanted}");
}

fn check<T: Real>(Fixture { name, features: [p, q], plain, unbiased, minibatch, .. }: &Fixture, x: &[T], y: &[T]) {
    near(name, "plain", linear_cka((x, *p), (y, *q)).expect("in order"), *plain, 1e-6);
    near(name, "unbiased", linear_cka_unbiased((x, *p), (y, *q)).expect("in order"), *unbiased, 1e-10);
    for (&batch, &wanted) in minibatch {
        let ours = linear_cka_minibatch((x, *p), (y, *q), batch).expect("in order");
        near(name, &format!("batches of {batch}"), ours, wanted, 1e-10);
    }
}

#[test]
fn as_by_definition_in_fractions() {
    let (mut singles, mut doubles) = (0, 0);
    for fixture in fixtures() {
        check(&fixture, &fixture.x, &fixture.y);
        doubles += 1;
        let [x, y] = [&fixture.x, &fixture.y].map(|values| values.iter().map(|&v| v as f32).collect::<Vec<_>>());
        if [(&x, &fixture.x), (&y, &fixture.y)]
            .iter()
            .all(|(single, double)| single.iter().zip(*double).all(|(a, b)| f64::from(*a) == *b))
        {
            check(&fixture, &x, &y);
            singles += 1;
        }
    }
    assert_eq!((singles, doubles), (7, 10));
}

/// Noise about 0, near to normal.
fn normal(n: usize, seed: u64) -> Vec<f64> {
    let bits: Vec<u64> = generator(seed).take(12 * n).collect();
    bits.chunks(12).map(|twelve| twelve.iter().map(|&b| b as f64 / f64::from(1 << 24)).sum::<f64>() - 6.0).collect()
}

/// Of unrelated patterns the plain form says that they are much alike, the more features the more; the unbiased form, nothing.
#[test]
fn unrelated_patterns_are_unlike_without_bias() {
    let (images, sets) = (30, 40);
    for features in [10, 100, 1000] {
        let mut of_sets = [0.0; 3];
        for set in 0..sets {
            let [x, y] = [1, 2].map(|half| normal(images * features, 100 * features as u64 + 2 * set + half));
            let (x, y) = ((&x[..], features), (&y[..], features));
            let all = [
                linear_cka(x, y).map_err(CkaError::from),
                linear_cka_unbiased(x, y).map_err(CkaError::from),
                linear_cka_minibatch(x, y, 15),
            ];
            for (sum, value) in of_sets.iter_mut().zip(all) {
                *sum += value.expect("in order").expect("defined") / sets as f64;
            }
        }
        let [plain, unbiased, minibatch] = of_sets;
        // where X Xᵀ is nearly a multiple of one, F features of n images give F/(F+n)
        let expected = features as f64 / (features + images) as f64;
        assert!((plain - expected).abs() < 0.05, "{features} features: {plain}, not {expected}");
        assert!(unbiased.abs() < 0.02 && minibatch.abs() < 0.02, "{features} features: {unbiased}, {minibatch}");
    }
}

/// A rotation (reflections one after the other), a scale and a shift of all patterns.
fn moved(values: &[f64], features: usize, axes: &[f64], scale: f64) -> Vec<f64> {
    let mut moved = values.to_vec();
    for axis in axes.chunks_exact(features) {
        let square: f64 = axis.iter().map(|a| a * a).sum();
        for pattern in moved.chunks_mut(features).filter(|_| square > 0.0) {
            let along: f64 = pattern.iter().zip(axis).map(|(v, a)| v * a).sum();
            pattern.iter_mut().zip(axis).for_each(|(v, a)| *v -= 2.0 * along / square * a);
        }
    }
    moved.iter_mut().enumerate().for_each(|(k, v)| *v = *v * scale + axes[k % features]);
    moved
}

proptest! {
    #[test]
    fn rotations_scales_and_shifts_change_nothing(
        (images, p, q, x, y, axes) in (5..40_usize, 1..6_usize, 1..9_usize).prop_flat_map(|(n, p, q)| {
            let number = || -1.0..1.0_f64;
            (Just(n), Just(p), Just(q), vec(number(), n * p), vec(number(), n * q), vec(number(), 3 * p))
        }),
        scale in 1e-3..1e3_f64,
    ) {
        let x_moved = moved(&x, p, &axes, scale);
        let batch = images.div_ceil(2).max(images - 4.min(images / 2));
        for (ours, moved, error) in [
            (linear_cka((&x, p), (&y, q)).map_err(CkaError::from), linear_cka((&x_moved, p), (&y, q)).map_err(CkaError::from), 1e-6),
            (linear_cka_unbiased((&x, p), (&y, q)).map_err(CkaError::from), linear_cka_unbiased((&x_moved, p), (&y, q)).map_err(CkaError::from), 1e-7),
            (linear_cka_minibatch((&x, p), (&y, q), batch), linear_cka_minibatch((&x_moved, p), (&y, q), batch), 1e-7),
        ] {
            match (ours, moved) {
                (Ok(Some(ours)), Ok(Some(moved))) => prop_assert!((ours - moved).abs() < error, "{ours} and {moved}"),
                (ours, moved) => prop_assert_eq!(ours, moved),
            }
        }
    }

    #[test]
    fn patterns_are_like_themselves((n, p, x) in (4..60_usize, 2..9_usize).prop_flat_map(|(n, p)| (Just(n), Just(p), vec(-1.0..1.0_f64, n * p)))) {
        let again = x.clone();
        prop_assert_eq!(linear_cka((&x, p), (&again, p)), Ok(Some(1.0)));
        prop_assert_eq!(linear_cka_unbiased((&x, p), (&again, p)), Ok(Some(1.0)));
        prop_assert_eq!(linear_cka_minibatch((&x, p), (&again, p), n), Ok(Some(1.0)));
    }

    #[test]
    fn one_batch_is_the_unbiased_form((n, p, x, y) in (4..60_usize, 1..9_usize).prop_flat_map(|(n, p)| {
        (Just(n), Just(p), vec(-1.0..1.0_f64, n * p), vec(-1.0..1.0_f64, n * p))
    })) {
        let [whole, batch] = [linear_cka_unbiased((&x, p), (&y, p)).expect("in order"), linear_cka_minibatch((&x, p), (&y, p), n + 7).expect("in order")];
        prop_assert!(whole.zip(batch).is_some_and(|(a, b)| (a - b).abs() < 1e-12), "{whole:?}, {batch:?}");
    }
}

#[test]
fn any_number_of_threads_says_the_same() {
    for (images, p, q) in [(300, 40, 700), (900, 8, 20)] {
        let (x, y) = (rectified(images * p, 1), rectified(images * q, 2));
        let ours = || {
            [
                linear_cka_unbiased((&x, p), (&y, q)).expect("in order"),
                linear_cka_minibatch((&x, p), (&y, q), 64).expect("in order"),
            ]
        };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool");
        assert_eq!(pool.install(ours), ours());
    }
}

/// By products of features in double precision.
fn naive(x: &[f32], p: usize, y: &[f32], q: usize) -> f64 {
    let centred = |values: &[f32], features: usize| -> Vec<Vec<f64>> {
        let column = |k: usize| values[k..].iter().step_by(features).map(|&v| f64::from(v)).collect::<Vec<_>>();
        let centre = |column: Vec<f64>| {
            let mean = column.iter().sum::<f64>() / column.len() as f64;
            column.into_iter().map(|v| v - mean).collect()
        };
        (0..features).map(|k| centre(column(k))).collect()
    };
    let (x, y) = (centred(x, p), centred(y, q));
    let square = |a: &[Vec<f64>], b: &[Vec<f64>]| -> f64 {
        let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        a.iter().flat_map(|a| b.iter().map(move |b| product(a, b).powi(2))).sum()
    };
    square(&x, &y) / (square(&x, &x) * square(&y, &y)).sqrt()
}

#[test]
fn every_shape() {
    for (images, p, q) in [(2, 1, 1), (3, 2, 5), (40, 3, 200), (40, 7, 19), (300, 17, 130), (129, 128, 127), (130, 300, 150)] {
        let x = rectified(images * p, 1);
        let y: Vec<f32> = rectified(images * q, 2).iter().zip(x.iter().cycle()).map(|(y, x)| y + 0.5 * x).collect();
        let ours = linear_cka((&x, p), (&y, q)).expect("in order").expect("defined");
        let want = naive(&x, p, &y, q);
        assert!((ours - want).abs() < 1e-6, "{images} images, {p} and {q} features: {ours}, not {want}");
        assert_eq!(linear_cka((&x, p), (&x, p)), Ok(Some(1.0)));
    }
}

/// No value of doubles may be made of what rounding leaves of equal patterns.
#[test]
fn equal_patterns_are_undefined() {
    assert_eq!(linear_cka((&[1.0, 2.0, 1.0, 2.0], 2), (&[1.0, 2.0], 1)), Ok(None));
    for images in 1..40 {
        let equal: Vec<f64> = (0..images).flat_map(|_| [0.1, 1.0 / 3.0, 1e-7, 12_345.678_9, 1e300]).collect();
        let other = normal(images * 3, 5);
        assert_eq!(linear_cka((&equal, 5), (&other, 3)), Ok(None), "{images} images");
        assert_eq!(linear_cka((&other, 3), (&equal, 5)), Ok(None), "{images} images");
        assert_eq!(linear_cka_unbiased((&equal, 5), (&other, 3)), Ok(None), "{images} images");
        if images > 3 {
            assert_eq!(linear_cka_minibatch((&equal, 5), (&other, 3), images), Ok(None), "{images} images");
        }
    }
    for none in [[].as_slice(), &[0.1]] {
        assert_eq!(linear_cka((none, 1), (none, 1)), Ok(None));
        assert_eq!(linear_cka_unbiased((none, 1), (none, 1)), Ok(None));
    }
}

/// Where all patterns but one are equal, `K` without its diagonal says nothing that its rows do not.
#[test]
fn one_pattern_unlike_the_others_is_undefined_without_bias() {
    for (images, features) in [(4, 3), (9, 40), (60, 2)] {
        let mut x = [0.1, 0.7, 1.0 / 3.0].iter().cycle().take(features).copied().collect::<Vec<f64>>().repeat(images);
        x[features..2 * features].copy_from_slice(&normal(features, 3));
        let y = normal(images * 2, 4);
        assert_eq!(linear_cka_unbiased((&x, features), (&y, 2)), Ok(None), "{images} images");
        assert_eq!(linear_cka_unbiased((&y, 2), (&x, features)), Ok(None), "{images} images");
        assert!(linear_cka((&x, features), (&y, 2)).expect("in order").is_some());
    }
}

#[test]
fn fewer_than_four_images_have_no_unbiased_form() {
    let x = normal(12, 1);
    for images in 1..4 {
        assert_eq!(linear_cka_unbiased((&x[..images * 2], 2), (&x[..images * 2], 2)), Ok(None));
    }
    assert_eq!(linear_cka_unbiased((&x[..8], 2), (&x[..8], 2)), Ok(Some(1.0)));
}

#[test]
fn small_batches_are_refused() {
    let x = normal(40, 1);
    let of = |images: usize, batch: usize| linear_cka_minibatch((&x[..images * 2], 2), (&x[..images * 2], 2), batch);
    for (images, batch, smallest) in
        [(20, 0, 0), (20, 3, 2), (20, 9, 2), (19, 8, 3), (3, 8, 3), (0, 8, 0), (20, 1, 1), (12, 3, 3)]
    {
        assert_eq!(of(images, batch), Err(CkaError::SmallBatch { images, batch, smallest, least: 4 }), "{images}, {batch}");
    }
    for (images, batch) in [(20, 8), (20, 4), (20, 20), (20, 1000), (16, 12)] {
        assert_eq!(of(images, batch), Ok(Some(1.0)), "{images}, {batch}");
    }
}

#[test]
fn patterns_out_of_order_are_refused() {
    let different = PatternsError::DifferentImages { first: 2, second: 1 };
    assert_eq!(linear_cka((&[1.0, 2.0], 1), (&[1.0], 1)), Err(different));
    assert_eq!(linear_cka_unbiased((&[1.0, 2.0], 1), (&[1.0], 1)), Err(different));
    assert_eq!(linear_cka_minibatch((&[1.0, 2.0], 1), (&[1.0], 1), 8), Err(CkaError::Patterns(different)));
    assert_eq!(linear_cka((&[1.0], 0), (&[1.0], 1)), Err(PatternsError::NoFeatures));
    assert_eq!(linear_cka_unbiased((&[1.0], 0), (&[1.0], 1)), Err(PatternsError::NoFeatures));
}
