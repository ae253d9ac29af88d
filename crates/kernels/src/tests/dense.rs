use super::{assert_close, assert_same_on_all_threads, available, cases, numbers};
use crate::{Dense, DenseGradients, dense, dense_back};
use proptest::prelude::*;

/// A dense layer by definition, in double precision, forward and backward, against the kernels on every instruction set.
fn check(images: usize, shape: Dense, relu: bool, bias: bool, seed: u64) {
    let Dense { inputs, outputs } = shape;
    let (x, weight) = (numbers(seed, images * inputs), numbers(seed + 1, inputs * outputs));
    let (bias_numbers, dy) = (numbers(seed + 2, outputs), numbers(seed + 3, images * outputs));
    let bias = bias.then_some(bias_numbers.as_slice());
    let mut expected = vec![0.0; images * outputs];
    for (i, y) in expected.iter_mut().enumerate() {
        let (image, output) = (i / outputs, i % outputs);
        let terms = (0..inputs).map(|k| f64::from(x[image * inputs + k]) * f64::from(weight[output * inputs + k]));
        let sum = terms.sum::<f64>() + bias.map_or(0.0, |bias| f64::from(bias[output]));
        *y = if relu { sum.max(0.0) } else { sum };
    }
    for simd in available() {
        let what = format!("{simd:?}, {images} images, {shape:?}");
        let y = simd.force(|| dense(&x, images, &shape, &weight, bias, relu));
        assert_close(&format!("y: {what}"), &y, &expected, 2e-5);

        let passed = |i: usize| if relu && y[i] <= 0.0 { 0.0 } else { f64::from(dy[i]) };
        let (mut dx, mut dw, mut db) = (vec![0.0; x.len()], vec![0.0; weight.len()], vec![0.0; outputs]);
        for image in 0..images {
            for output in 0..outputs {
                let d = passed(image * outputs + output);
                db[output] += d;
                for k in 0..inputs {
                    dx[image * inputs + k] += d * f64::from(weight[output * inputs + k]);
                    dw[output * inputs + k] += d * f64::from(x[image * inputs + k]);
                }
            }
        }
        let output = relu.then_some(y.as_slice());
        let gradients = simd.force(|| dense_back(&x, images, &shape, &weight, output, &dy, true));
        assert_close(&format!("dx: {what}"), gradients.dx.as_deref().unwrap(), &dx, 2e-5);
        assert_close(&format!("dw: {what}"), &gradients.dweight, &dw, 2e-5);
        assert_close(&format!("db: {what}"), &gradients.dbias, &db, 2e-5);
        let without = simd.force(|| dense_back(&x, images, &shape, &weight, output, &dy, false));
        assert!(without == DenseGradients { dx: None, ..gradients });
    }
}

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn any_dense_layer(images in 1usize..20, inputs in 1usize..70, outputs in 1usize..70, flags in 0u8..4, seed in 0u64..1000) {
        check(images, Dense { inputs, outputs }, flags & 1 == 0, flags & 2 == 0, seed);
    }
}

#[test]
#[cfg_attr(miri, ignore = "too many numbers for Miri")]
fn layers_that_go_beyond_one_piece() {
    check(40, Dense { inputs: 600, outputs: 10 }, false, true, 1);
    check(7, Dense { inputs: 150, outputs: 700 }, true, true, 1);
    check(1, Dense { inputs: 300, outputs: 300 }, true, false, 1);
}

#[test]
#[cfg_attr(miri, ignore = "too many numbers for Miri")]
fn results_do_not_depend_on_the_number_of_threads() {
    let shape = Dense { inputs: 300, outputs: 280 };
    let (x, weight, dy) = (numbers(1, 40 * 300), numbers(2, 300 * 280), numbers(3, 40 * 280));
    assert_same_on_all_threads(|| {
        let y = dense(&x, 40, &shape, &weight, None, true);
        let gradients = dense_back(&x, 40, &shape, &weight, Some(&y), &dy, true);
        (y, gradients)
    });
}

#[test]
fn nothing_to_do() {
    let shape = Dense { inputs: 3, outputs: 2 };
    assert!(dense(&[], 0, &shape, &[1.0; 6], None, true).is_empty());
    let gradients = dense_back(&[], 0, &shape, &[1.0; 6], None, &[], true);
    assert_eq!(gradients, DenseGradients { dx: Some(vec![]), dweight: vec![0.0; 6], dbias: vec![0.0; 2] });
    assert_eq!(dense(&[], 2, &Dense { inputs: 0, outputs: 2 }, &[], Some(&[1.0, -1.0]), true), [1.0, 0.0, 1.0, 0.0]);
}
