use super::{assert_close, available, numbers};
use crate::panel_products;

#[test]
fn panels() {
    for depth in [0, 1, 2, 17, 256] {
        let [a, b] = [1, 2].map(|seed| numbers(seed, depth * 16));
        let (a, b) = (a.as_chunks().0, b.as_chunks().0);
        let product = |i: usize, j: usize| a.iter().zip(b).map(|(a, b)| f64::from(a[i]) * f64::from(b[j])).sum();
        let expected: Vec<f64> = (0..256).map(|sum| product(sum / 16, sum % 16)).collect();
        for simd in available() {
            let sums = simd.force(|| panel_products(a, b));
            assert_close(&format!("{depth} deep, {simd:?}"), sums.as_flattened(), &expected, 1e-5);
        }
    }
}

#[test]
#[should_panic(expected = "equally deep")]
fn panels_of_different_depth_are_refused() {
    let _ = panel_products(&[[0.0; 16]], &[]);
}
