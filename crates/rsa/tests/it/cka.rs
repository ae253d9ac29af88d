//! Linear CKA against its definition.

use rsa::{PatternsError, linear_cka};

use crate::rectified;

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

#[test]
fn constant_patterns_are_undefined() {
    assert_eq!(linear_cka((&[1.0, 2.0, 1.0, 2.0], 2), (&[1.0, 2.0], 1)), Ok(None));
}

#[test]
fn patterns_out_of_order_are_refused() {
    assert_eq!(linear_cka((&[1.0, 2.0], 1), (&[1.0], 1)), Err(PatternsError::DifferentImages { first: 2, second: 1 }));
    assert_eq!(linear_cka((&[1.0], 0), (&[1.0], 1)), Err(PatternsError::NoFeatures));
}
