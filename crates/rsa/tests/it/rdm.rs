//! Dissimilarities against naive versions.

use rsa::{Distance, PatternsError, Rdm};

use crate::{naive_upper, noise, rectified, scale};

/// Checks all distances, within 1e-6 of their scale.
#[track_caller]
fn check(values: &[f32], features: usize) {
    for distance in Distance::ALL {
        let rdm = Rdm::<f32>::of(values, features, distance).expect("in order");
        let naive = naive_upper(values, features, distance);
        assert_eq!(rdm.images(), values.len() / features);
        assert_eq!(rdm.upper().len(), naive.len());
        let scale = scale(&naive, distance);
        for (pair, (&ours, theirs)) in rdm.upper().iter().zip(naive).enumerate() {
            let same = (f64::from(ours) - theirs).abs() <= 1e-6 * scale || ours.is_nan() && theirs.is_nan();
            assert!(same, "{distance}, {} images, {features} features, pair {pair}: {ours}, not {theirs}", rdm.images());
        }
    }
}

/// Every number of images and features around the borders of panels, blocks and runs.
#[test]
fn every_shape() {
    for images in [1, 2, 3, 15, 16, 17, 31, 33, 65, 127, 128, 129, 145] {
        for features in [2, 3, 16, 255, 256, 257] {
            check(&rectified(images * features, (images * features) as u64), features);
        }
    }
    check(&rectified(300 * 40, 5), 40);
    check(&rectified(3 * 1000, 5), 1000);
}

/// The hardest case for sums in f32: patterns almost alike, so that all products have the same sign.
#[test]
fn almost_equal_patterns() {
    let features = 4096;
    let shared = rectified(features, 1);
    for apart in [1.0, 0.01, 1e-4] {
        let like = |seed| shared.iter().zip(noise(features, seed)).map(|(s, n)| s + apart * n).collect::<Vec<_>>();
        check(&(2..22).flat_map(like).collect::<Vec<_>>(), features);
    }
}

/// Two groups far apart, within which patterns are close: the mean of all does not help.
#[test]
fn close_patterns_far_from_the_mean() {
    for apart in [0.3, 0.01, 1e-4, 1e-6] {
        let values: Vec<f32> =
            noise(20 * 50, 3).iter().enumerate().map(|(k, n)| if k < 500 { 1.0 } else { -2.0 } + apart * n).collect();
        check(&values, 50);
    }
}

/// Squares of the largest and the smallest values are beyond single precision, and what is beyond it is refused rather than said wrong.
#[test]
fn very_large_and_very_small_values() {
    for unit in [1e30, 1e-30] {
        let values: Vec<f32> = noise(200, 1).iter().map(|v| (v * 100.0).floor() * unit).collect();
        for distance in [Distance::Correlation, Distance::Cosine, Distance::Euclidean] {
            let rdm = Rdm::<f32>::of(&values, 10, distance).expect("in order");
            let naive = naive_upper(&values, 10, distance);
            let scale = scale(&naive, distance);
            for (&ours, theirs) in rdm.upper().iter().zip(naive) {
                assert!(
                    (f64::from(ours) - theirs).abs() <= 1e-6 * scale + f64::from(f32::from_bits(1)),
                    "{distance}: {ours} {theirs}"
                );
            }
        }
    }
}

#[test]
fn distances_beyond_a_number_are_refused() {
    let far = PatternsError::TooFarApart { most: f64::from(f32::MAX) };
    let close = PatternsError::TooClose { least: f64::from(f32::MIN_POSITIVE) };
    let error = |values: &[f32], distance| Rdm::<f32>::of(values, 2, distance).unwrap_err();
    assert_eq!(error(&[3e38, 0.0, -3e38, 0.0], Distance::Euclidean), far);
    assert_eq!(error(&[1e20, 0.0, 0.0, 0.0], Distance::SquaredEuclidean), far);
    for tiny in [1e-25, 1e-22, 3e-20, 1e-40] {
        assert_eq!(error(&[1.0, tiny, 1.0, 0.0], Distance::SquaredEuclidean), close);
    }
    assert_eq!(error(&[f32::from_bits(3), 0.0, 0.0, 0.0], Distance::Euclidean), close);

    // double precision can say them
    let doubles = |values: &[f32], distance| Rdm::<f64>::of(values, 2, distance).expect("in order").upper().to_vec();
    assert_eq!(doubles(&[3e38, 0.0, -3e38, 0.0], Distance::Euclidean), [2.0 * f64::from(3e38_f32)]);
    assert_eq!(doubles(&[1e-25, 0.0, 0.0, 0.0], Distance::SquaredEuclidean), [f64::from(1e-25_f32).powi(2)]);

    // and has its own limits
    let error = |values: &[f64], distance| Rdm::<f64>::of(values, 2, distance).unwrap_err();
    assert_eq!(error(&[1e200, 0.0, 0.0, 0.0], Distance::SquaredEuclidean), PatternsError::TooFarApart { most: f64::MAX });
    for (value, other) in [(1e-170, 0.0), (1e-200, 1.0), (5e-324, 0.0)] {
        let error = error(&[value, other, 0.0, other], Distance::SquaredEuclidean);
        assert_eq!(error, PatternsError::TooClose { least: f64::MIN_POSITIVE });
    }
    assert_eq!(error(&[1e308, 0.0, -1e308, 0.0], Distance::Euclidean), PatternsError::TooFarApart { most: f64::MAX });
    let euclidean = |values: &[f64]| Rdm::<f64>::of(values, 2, Distance::Euclidean).expect("in order").upper()[0];
    assert_eq!(euclidean(&[1e-200, 1.0, 0.0, 1.0]), 1e-200);
    for unit in [1e-300, 1e300] {
        assert!((euclidean(&[3.0 * unit, 4.0 * unit, 0.0, 0.0]) / (5.0 * unit) - 1.0).abs() < 1e-15);
    }
}

#[test]
fn equal_patterns_are_no_distance_apart() {
    let pattern = noise(100, 1);
    let values = [pattern.clone(), noise(100, 2), pattern].concat();
    for distance in [Distance::Euclidean, Distance::SquaredEuclidean] {
        let rdm = Rdm::<f32>::of(&values, 100, distance).expect("in order");
        assert_eq!(rdm.upper()[1], 0.0);
        assert_eq!(rdm.upper()[0], rdm.upper()[2]);
        assert!(rdm.upper()[0] > 1.0);
    }
}

/// Rounding takes the product of a pattern with itself, or its opposite, past 1 as often as not; a correlation it never is.
#[test]
fn equal_and_opposite_patterns() {
    for seed in 0..50 {
        let pattern = rectified(200, seed);
        let opposite: Vec<f32> = pattern.iter().map(|v| -v).collect();
        let rdm = Rdm::correlation(&[pattern.clone(), pattern, opposite].concat(), 200);
        let [equal, opposite] = [rdm.upper()[0], rdm.upper()[1]];
        assert!((0.0..1e-6).contains(&equal), "{equal}");
        assert!(opposite > 2.0 - 1e-6 && opposite <= 2.0, "{opposite}");
    }
}

#[test]
fn zero_patterns_have_no_direction() {
    let values = [0.0, -0.0, 1.0, 1.0, 2.0, 0.0];
    let undefined = Distance::ALL.map(|distance| Rdm::<f32>::of(&values, 2, distance).expect("in order").constant().to_vec());
    assert_eq!(undefined, [vec![0, 1], vec![0], vec![], vec![]]);
    let rdm = Rdm::<f32>::of(&values, 2, Distance::Cosine).expect("in order");
    assert_eq!([(0, 1), (0, 2)].map(|(i, j)| rdm.get(i, j)), [None, None]);
    assert!((rdm.get(1, 2).expect("defined") - (1.0 - 0.5_f32.sqrt())).abs() < 1e-6);
}

#[test]
fn patterns_out_of_order_are_refused() {
    let error = |values: &[f32], features| Rdm::<f32>::of(values, features, Distance::Cosine).unwrap_err();
    assert_eq!(error(&[1.0], 0), PatternsError::NoFeatures);
    assert_eq!(error(&[1.0, 2.0, 3.0], 2), PatternsError::Torn { values: 3, features: 2 });
    let infinite = error(&[1.0, 2.0, 3.0, f32::INFINITY], 2);
    assert_eq!(infinite, PatternsError::NotFinite { image: 1, feature: 1, value: f64::INFINITY });
    assert_eq!(infinite.to_string(), "feature 1 of image 1 is inf (counted from 0)");
    let far = PatternsError::TooFarApart { most: f64::from(f32::MAX) };
    assert_eq!(far.to_string(), "some patterns are further apart than single precision can say (3.4e38)");
    let close = PatternsError::TooClose { least: f64::MIN_POSITIVE };
    assert_eq!(close.to_string(), "some patterns are closer together than double precision can say (2.2e-308)");
    assert_eq!(error(&vec![0.0; 65_537], 1), PatternsError::TooManyImages { images: 65_537 });
}
