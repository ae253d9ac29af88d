//! Matrices that were made elsewhere.

use rsa::{MatrixError, Rdm};

#[test]
fn condensed_matrices_out_of_order_are_refused() {
    let error = |values: &[f32]| Rdm::from_condensed(values.to_vec()).unwrap_err();
    for values in [0, 2, 4, 5, 7, 9, 4950 - 1, 4950 + 1] {
        assert_eq!(error(&vec![1.0; values]), MatrixError::NotPairs { values });
    }
    assert_eq!(error(&[1.0, 2.0, 3.0, 4.0, f32::INFINITY, 6.0]), MatrixError::NotFinite { i: 1, j: 3 });
    assert!([1, 3, 6, 4950].into_iter().all(|pairs| Rdm::from_condensed(vec![1.0; pairs]).is_ok()));
}

#[test]
fn square_matrices_out_of_order_are_refused() {
    let error = |values: &[f64]| Rdm::<f32>::from_square(values).unwrap_err();
    assert_eq!(error(&[]), MatrixError::NotSquare { values: 0 });
    assert_eq!(error(&[0.0, 1.0, 1.0]), MatrixError::NotSquare { values: 3 });
    assert_eq!(error(&[0.0, 1.0, 1.5, 0.0]), MatrixError::NotSymmetric { i: 0, j: 1, above: 1.0, below: 1.5 });
    assert_eq!(error(&[1.0, 0.2, 0.2, 1.0]), MatrixError::Diagonal { image: 0, value: 1.0 });
    assert_eq!(error(&[0.0, 1e39, 1e39, 0.0]), MatrixError::NotFinite { i: 0, j: 1 });
    assert!(matches!(error(&[0.0, f64::NAN, 1.0, 0.0]), MatrixError::NotSymmetric { i: 0, j: 1, .. }));
}

#[test]
fn rounding_is_no_disorder() {
    let square = [0.0, 1.0, 2.0, 1.0 + 1e-7, -1e-16, 3.0, 2.0, 3.0 - 1e-7, 1e-9];
    assert_eq!(Rdm::<f32>::from_square(&square).expect("in order").upper(), [1.0, 2.0, 3.0]);
    assert_eq!(Rdm::<f32>::from_square(&[0.0_f32]).expect("one image").images(), 1);
}

#[test]
fn images_without_any_dissimilarity_are_known() {
    let nan = f32::NAN;
    let rdm = Rdm::from_condensed(vec![nan, 1.0, nan, nan, nan, nan]).expect("in order");
    assert_eq!(rdm.constant(), [1, 3]); // 0 and 2 have each other
    assert_eq!((rdm.get(0, 2), rdm.get(0, 1)), (Some(1.0), None));
    let errors = MatrixError::NotPairs { values: 5 }.to_string();
    assert!(errors.contains("5 values"), "{errors}");
}
