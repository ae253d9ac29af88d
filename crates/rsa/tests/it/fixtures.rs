//! Against NumPy and SciPy: `tests/fixtures/make.py` is the recipe of `scipy.json`.

use rsa::{Method, Rdm, correlate};
use serde::Deserialize;

#[derive(Deserialize)]
struct Fixtures {
    rdms: Vec<RdmFixture>,
    taus: Vec<TauFixture>,
}

#[derive(Deserialize)]
struct RdmFixture {
    name: String,
    features: usize,
    patterns: Vec<f32>,
    upper: Vec<f64>,
}

#[derive(Deserialize)]
struct TauFixture {
    name: String,
    x: Vec<f32>,
    y: Vec<f32>,
    tau_a: f64,
    tau_b: f64,
}

fn fixtures() -> Fixtures {
    serde_json::from_str(include_str!("../fixtures/scipy.json")).expect("make.py wrote it")
}

#[test]
fn dissimilarities_are_those_of_scipy() {
    let rdms = fixtures().rdms;
    assert_eq!(rdms.len(), 4);
    for fixture in rdms {
        let rdm = Rdm::correlation(&fixture.patterns, fixture.features);
        assert_eq!(rdm.upper().len(), fixture.upper.len());
        for (ours, theirs) in rdm.upper().iter().zip(&fixture.upper) {
            assert!((f64::from(*ours) - theirs).abs() < 1e-6, "{}: {ours} and {theirs}", fixture.name);
        }
    }
}

#[test]
fn taus_are_those_of_scipy() {
    let taus = fixtures().taus;
    assert_eq!(taus.len(), 4);
    for fixture in taus {
        for (method, theirs) in [(Method::TauA, fixture.tau_a), (Method::TauB, fixture.tau_b)] {
            let ours = correlate(&fixture.x, &fixture.y, method).expect("defined");
            assert!((ours - theirs).abs() < 1e-14, "{} {method}: {ours} and {theirs}", fixture.name);
        }
    }
}
