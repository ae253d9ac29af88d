use super::{assert_close, available, numbers};
use crate::{add_panel_products, add_panel_products_f64, add_panel_squared_differences, squared_difference};

/// The depths that are tried.
const DEPTHS: [usize; 5] = [0, 1, 2, 17, 256];

/// What rows of twenty sums of 1 must become, of which four numbers are none of a tile's business.
fn expected(term: impl Fn(usize, usize) -> f64) -> Vec<f64> {
    (0..320).map(|at| if at % 20 < 16 { 1.0 + term(at / 20, at % 20) } else { 1.0 }).collect()
}

#[test]
fn panels() {
    for depth in DEPTHS {
        let [a, b] = [1, 2].map(|seed| numbers(seed, depth * 16));
        let (a, b) = (a.as_chunks().0, b.as_chunks().0);
        let expected = expected(|i, j| a.iter().zip(b).map(|(a, b)| f64::from(a[i]) * f64::from(b[j])).sum());
        for simd in available() {
            let mut sums = [1.0; 320];
            simd.force(|| add_panel_products(a, b, &mut sums, 20));
            assert_close(&format!("{depth} deep, {simd:?}"), &sums.map(|sum| sum as f32), &expected, 1e-5);
        }
    }
}

type Kernel = fn(&[[f64; 16]], &[[f64; 16]], &mut [f64], usize);

/// In the order of the sums, and so to the last bit, on every processor.
#[test]
fn panels_of_doubles() {
    for depth in DEPTHS {
        let [a, b] = [1, 2].map(|seed| numbers(seed, depth * 16).into_iter().map(f64::from).collect::<Vec<_>>());
        let (a, b) = (a.as_chunks().0, b.as_chunks().0);
        let products = expected(|i, j| a.iter().zip(b).fold(0.0, |sum, (a, b)| sum + a[i] * b[j]));
        let differences = expected(|i, j| a.iter().zip(b).fold(0.0, |sum, (a, b)| sum + (a[i] - b[j]) * (a[i] - b[j])));
        for simd in available() {
            let of = |kernel: Kernel| {
                let mut sums = vec![1.0; 320];
                simd.force(|| kernel(a, b, &mut sums, 20));
                sums
            };
            assert_eq!(of(add_panel_products_f64), products, "{depth} deep, {simd:?}");
            assert_eq!(of(add_panel_squared_differences), differences, "{depth} deep, {simd:?}");
        }
    }
}

#[test]
#[should_panic(expected = "equally deep")]
fn panels_of_different_depth_are_refused() {
    add_panel_products(&[[0.0; 16]], &[], &mut [0.0; 256], 16);
}

#[test]
#[should_panic(expected = "sixteen rows")]
fn too_few_sums_are_refused() {
    add_panel_products(&[], &[], &mut [0.0; 255], 16);
}

/// In the order of sixteen sums, and so to the last bit; equal vectors are no distance apart.
#[test]
fn differences_of_two_vectors() {
    for length in [0, 1, 15, 16, 100] {
        let [a, b] = [1, 2].map(|seed| numbers(seed, length));
        let mut sums = [0.0; 16];
        for k in 0..length {
            let difference = 0.3 * f64::from(a[k]) - 0.7 * f64::from(b[k]) + 0.1;
            sums[k % 16] += difference * difference;
        }
        let doubles = [&a, &b].map(|v| v.iter().map(|&v| f64::from(v)).collect::<Vec<_>>());
        for simd in available() {
            simd.force(|| {
                assert_eq!(squared_difference(&a, &b, 0.3, 0.7, 0.1), sums.iter().sum::<f64>(), "{length} long, {simd:?}");
                assert_eq!(squared_difference(&doubles[0], &doubles[1], 0.3, 0.7, 0.1), sums.iter().sum::<f64>());
                assert_eq!(squared_difference(&a, &a, 0.3, 0.3, 0.0), 0.0);
            });
        }
    }
}
