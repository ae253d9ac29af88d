//! What must hold for any patterns and any rankings.

use proptest::{collection::vec, prelude::*};
use rsa::{Distance, Method, Over, Prepared, Rdm, correlate};

use crate::{RANK_METHODS, TAUS, agree, naive, naive_tau};

/// Patterns of 2 to 20 images, 2 to 9 features. Few distinct values, so that ties and constant patterns happen.
fn patterns() -> impl Strategy<Value = (Vec<f32>, usize)> {
    (2..20_usize, 2..10_usize).prop_flat_map(|(images, features)| {
        let value = (0..6_i32).prop_map(|v| v as f32);
        (vec(value, images * features), Just(features))
    })
}

/// Two sequences of the same length.
fn sequences() -> impl Strategy<Value = (Vec<f32>, Vec<f32>)> {
    vec(((-9..9_i32), (-9..9_i32)), 0..60).prop_map(|couples| couples.iter().map(|&(x, y)| (x as f32, y as f32)).unzip())
}

fn same(a: f32, b: f32) -> bool {
    (a - b).abs() < 1e-6 || a.is_nan() && b.is_nan()
}

proptest! {
    #[test]
    fn scaling_and_shifting_a_pattern_changes_nothing((values, features) in patterns(), scale in 0.01..100.0_f32, shift in -4..4_i32) {
        let mut changed = values.clone();
        changed[..features].iter_mut().for_each(|v| *v = (*v + shift as f32) * scale);
        let (before, after) = (Rdm::correlation(&values, features), Rdm::correlation(&changed, features));
        prop_assert_eq!(before.constant(), after.constant());
        prop_assert!(before.upper().iter().zip(after.upper()).all(|(&a, &b)| same(a, b)));
    }

    #[test]
    fn negating_a_pattern_turns_its_correlations_round((values, features) in patterns()) {
        let mut negated = values.clone();
        negated[..features].iter_mut().for_each(|v| *v = -*v);
        let (before, after) = (Rdm::correlation(&values, features), Rdm::correlation(&negated, features));
        for other in 1..before.images() {
            prop_assert_eq!(before.get(0, other).is_some(), after.get(0, other).is_some());
            if let (Some(a), Some(b)) = (before.get(0, other), after.get(0, other)) {
                prop_assert!(same(a, 2.0 - b), "{a} and {b}");
            }
        }
    }

    #[test]
    fn order_of_images_does_not_matter((values, features) in patterns()) {
        let backwards: Vec<f32> = values.rchunks(features).flatten().copied().collect();
        let (rdm, turned) = (Rdm::correlation(&values, features), Rdm::correlation(&backwards, features));
        let last = rdm.images() - 1;
        for i in 0..=last {
            for j in 0..=last {
                prop_assert_eq!(rdm.get(i, j), rdm.get(j, i));
                prop_assert_eq!(rdm.get(i, j), turned.get(last - i, last - j));
            }
        }
    }

    #[test]
    fn dissimilarities_are_in_range((values, features) in patterns()) {
        let rdm = Rdm::correlation(&values, features);
        let undefined = rdm.upper().iter().filter(|d| d.is_nan()).count();
        let (images, varied) = (rdm.images(), rdm.images() - rdm.constant().len());
        prop_assert_eq!(undefined, images * (images - 1) / 2 - varied * varied.saturating_sub(1) / 2);
        prop_assert!(rdm.upper().iter().all(|d| d.is_nan() || (0.0..=2.0).contains(d)));
        prop_assert!((0..images).all(|i| rdm.get(i, i) == Some(0.0)));
    }

    #[test]
    fn similarity_is_over_the_pairs_defined_in_both((a, features) in patterns(), noise in vec(0..6_i32, 200)) {
        let b: Vec<f32> = a.iter().zip(noise.iter().cycle()).map(|(&v, &n)| v * (n % 2) as f32 + n as f32).collect();
        let (a, b) = (Rdm::correlation(&a, features), Rdm::correlation(&b, features));
        let defined = a.upper().iter().zip(b.upper()).filter(|(a, b)| !a.is_nan() && !b.is_nan());
        let (x, y): (Vec<f32>, Vec<f32>) = defined.unzip();
        let prepared = Prepared::new(a);
        for method in Method::ALL {
            let similarity = prepared.similarity(&b, method);
            let want = naive(&x, &y, method);
            prop_assert!(agree(similarity.value, want, method), "{}: {:?} {:?}", method, similarity.value, want);
            prop_assert_eq!(similarity.pairs_used, x.len() as u64);
            prop_assert_eq!(similarity.pairs_used + similarity.pairs_left_out, b.upper().len() as u64);
        }
    }

    /// Against tau by its definition over the flattened squares.
    #[test]
    fn the_full_matrix_is_the_triangle_twice_and_a_diagonal((a, features) in patterns(), noise in vec(0..6_i32, 200)) {
        let b: Vec<f32> = a.iter().zip(noise.iter().cycle()).map(|(&v, &n)| v * (n % 2) as f32 + n as f32).collect();
        let (a, b) = (Rdm::correlation(&a, features), Rdm::correlation(&b, features));
        let images = a.images();
        // a constant pattern has no correlation with itself either, so its diagonal is left out too
        let silent = |image| a.constant().contains(&image) || b.constant().contains(&image);
        let places = (0..images * images).map(|k| (k / images, k % images)).filter(|&(i, j)| !silent(i) && !silent(j));
        let (x, y): (Vec<f32>, Vec<f32>) = places.filter_map(|(i, j)| Some((a.get(i, j)?, b.get(i, j)?))).unzip();
        let prepared = Prepared::new(a.clone());
        for method in TAUS {
            prop_assert_eq!(prepared.similarity_over(&b, method, Over::FullMatrix).value, naive_tau(&x, &y, method));
        }
    }

    /// Cross-validated dissimilarities may be negative, and then they stand below the diagonal's zeros.
    #[test]
    fn the_full_matrix_may_hold_negative_values((x, y) in sequences()) {
        let images = (0_usize..).find(|n| n * (n + 1) / 2 > x.len()).expect("some");
        let pairs = images * (images - 1) / 2;
        prop_assume!(images > 2);
        let [a, b] = [x, y].map(|v| Rdm::from_condensed(v[..pairs].to_vec()).expect("in order"));
        let [x, y] = [&a, &b].map(|m| (0..images * images).map(|k| m.get(k / images, k % images).expect("defined")).collect::<Vec<_>>());
        let prepared = Prepared::new(a);
        for method in TAUS {
            prop_assert_eq!(prepared.similarity_over(&b, method, Over::FullMatrix).value, naive_tau(&x, &y, method));
        }
    }

    #[test]
    fn ranks_look_at_order_alone((x, y) in sequences()) {
        let risen: Vec<f32> = x.iter().map(|x| x.powi(3) * 7.0 - 3.0).collect();
        let fallen: Vec<f32> = x.iter().map(|x| (-x).exp()).collect();
        for method in RANK_METHODS {
            let alike = correlate(&x, &y, method);
            prop_assert_eq!(alike, correlate(&risen, &y, method));
            prop_assert_eq!(alike.map(|alike| -alike), correlate(&fallen, &y, method));
            prop_assert_eq!(alike, correlate(&y, &x, method));
        }
    }

    #[test]
    fn a_sequence_is_like_itself((x, _) in sequences()) {
        let varied = x.iter().any(|&v| v != x[0]);
        for method in [Method::TauB, Method::Spearman, Method::Pearson] {
            prop_assert_eq!(correlate(&x, &x, method), varied.then_some(1.0));
        }
        prop_assert_eq!(correlate(&x, &x, Method::Cosine), x.iter().any(|&v| v != 0.0).then_some(1.0));
    }

    #[test]
    fn values_are_alike_in_any_unit((x, y) in sequences(), scale in 0.01..100.0_f32) {
        let scaled: Vec<f32> = x.iter().map(|x| x * scale).collect();
        for method in [Method::Pearson, Method::Cosine] {
            let [a, b] = [&x, &scaled].map(|x| correlate(x, &y, method));
            prop_assert_eq!(a.is_some(), b.is_some());
            prop_assert!(a.zip(b).is_none_or(|(a, b)| (a - b).abs() < 1e-6), "{}: {:?} {:?}", method, a, b);
        }
    }

    #[test]
    fn a_matrix_made_elsewhere_is_the_same_matrix((values, features) in patterns()) {
        let rdm = Rdm::correlation(&values, features);
        let images = rdm.images();
        let silent = |image| rdm.constant().contains(&image);
        let entry = |i, j| if i == j && silent(i) { f32::NAN } else { rdm.get(i, j).unwrap_or(f32::NAN) };
        let square: Vec<f32> = (0..images * images).map(|k| entry(k / images, k % images)).collect();
        let doubled: Vec<f64> = square.iter().map(|&v| f64::from(v)).collect();
        let made = [Rdm::from_condensed(rdm.upper().to_vec()), Rdm::<f32>::from_square(&square), Rdm::<f32>::from_square(&doubled)];
        for made in made {
            let made = made.expect("in order");
            prop_assert_eq!(made.images(), images);
            // With one image that speaks, there is no other that it could speak to.
            let alone = images - rdm.constant().len() == 1;
            prop_assert!(made.constant() == rdm.constant() || alone && made.constant().len() == images);
            prop_assert!(made.upper().iter().zip(rdm.upper()).all(|(a, b)| a == b || a.is_nan() && b.is_nan()));
        }
    }
}

#[test]
fn methods_and_distances_are_written_as_in_the_study_file() {
    let names = ["tau-b", "tau-a", "rho-a", "spearman", "pearson", "cosine"];
    for (method, name) in Method::ALL.into_iter().zip(names) {
        assert_eq!(method.to_string(), name);
        assert_eq!(serde_json::to_value(method).expect("plain"), name);
        assert_eq!(serde_json::from_value::<Method>(name.into()).expect("known"), method);
    }
    for (distance, name) in Distance::ALL.into_iter().zip(["correlation", "cosine", "euclidean", "squared-euclidean"]) {
        assert_eq!(distance.to_string(), name);
        assert_eq!(serde_json::to_value(distance).expect("plain"), name);
        assert_eq!(serde_json::from_value::<Distance>(name.into()).expect("known"), distance);
    }
}

#[test]
fn only_the_taus_look_at_the_full_matrix() {
    let full = Method::ALL.into_iter().filter(|method| method.allows(Over::FullMatrix));
    assert_eq!(full.collect::<Vec<_>>(), TAUS);
    assert!(Method::ALL.into_iter().all(|method| method.allows(Over::Triangle)));
}

#[test]
#[should_panic(expected = "spearman is taken over the triangle only")]
fn others_are_refused() {
    let rdm = Rdm::correlation(&[1.0, 2.0, 2.0, 1.0], 2);
    Prepared::new(rdm.clone()).similarity_over(&rdm, Method::Spearman, Over::FullMatrix);
}
