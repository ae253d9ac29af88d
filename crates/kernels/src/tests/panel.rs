use super::{assert_close, available, numbers};
use crate::add_panel_products;

#[test]
fn panels() {
    for depth in [0, 1, 2, 17, 256] {
        let [a, b] = [1, 2].map(|seed| numbers(seed, depth * 16));
        let (a, b) = (a.as_chunks().0, b.as_chunks().0);
        let product = |i: usize, j: usize| -> f64 { a.iter().zip(b).map(|(a, b)| f64::from(a[i]) * f64::from(b[j])).sum() };
        // Rows of twenty, of which four numbers are none of its business.
        let expected: Vec<f64> = (0..320).map(|at| if at % 20 < 16 { 1.0 + product(at / 20, at % 20) } else { 1.0 }).collect();
        for simd in available() {
            let mut sums = [1.0; 320];
            simd.force(|| add_panel_products(a, b, &mut sums, 20));
            assert_close(&format!("{depth} deep, {simd:?}"), &sums.map(|sum| sum as f32), &expected, 1e-5);
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
