//! Against NumPy and SciPy: `tests/fixtures/make.py` is the recipe of `scipy.json`.

use std::collections::HashMap;

use rsa::{Distance, Method, Rdm, correlate};
use serde::Deserialize;

use crate::{generator, scale};

#[derive(Deserialize)]
struct Fixtures {
    rdms: Vec<RdmFixture>,
    sequences: Vec<SequencesFixture>,
    long_and_tied: HashMap<Method, f64>,
}

#[derive(Deserialize)]
struct RdmFixture {
    name: String,
    features: usize,
    patterns: Vec<f32>,
    upper: HashMap<Distance, Vec<f64>>,
}

#[derive(Deserialize)]
struct SequencesFixture {
    name: String,
    x: Vec<f32>,
    y: Vec<f32>,
    alike: HashMap<Method, f64>,
}

fn fixtures() -> Fixtures {
    serde_json::from_str(include_str!("../fixtures/scipy.json")).expect("make.py wrote it")
}

#[test]
fn dissimilarities_are_those_of_scipy() {
    let rdms = fixtures().rdms;
    assert_eq!(rdms.len(), 4);
    for fixture in rdms {
        for distance in Distance::ALL {
            let rdm = Rdm::<f32>::of(&fixture.patterns, fixture.features, distance).expect("in order");
            let theirs = &fixture.upper[&distance];
            assert_eq!(rdm.upper().len(), theirs.len());
            for (ours, wanted) in rdm.upper().iter().zip(theirs) {
                let error = (f64::from(*ours) - wanted).abs() / scale(theirs, distance);
                assert!(error < 1e-6, "{}, {distance}: {ours} and {wanted}", fixture.name);
            }
        }
    }
}

#[track_caller]
fn check(name: &str, x: &[f32], y: &[f32], alike: &HashMap<Method, f64>) {
    for method in Method::ALL {
        let (ours, theirs) = (correlate(x, y, method).expect("defined"), alike[&method]);
        assert!((ours - theirs).abs() < 1e-12, "{name}, {method}: {ours} and {theirs}");
    }
}

#[test]
fn correlations_are_those_of_scipy() {
    let sequences = fixtures().sequences;
    assert_eq!(sequences.len(), 4);
    for fixture in sequences {
        check(&fixture.name, &fixture.x, &fixture.y, &fixture.alike);
    }
}

#[test]
fn a_million_places_with_many_ties_are_those_of_scipy() {
    let [x, y] =
        [(1, 97), (2, 61)].map(|(seed, distinct)| generator(seed).take(1_000_000).map(|v| v % distinct).collect::<Vec<_>>());
    let y: Vec<f32> = x.iter().zip(y).map(|(x, y)| ((x + y) / 7) as f32).collect();
    let x: Vec<f32> = x.into_iter().map(|x| x as f32).collect();
    check("a million", &x, &y, &fixtures().long_and_tied);
}
