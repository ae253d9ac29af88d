//! How long the crate takes: `cargo run --release -p rsa --example rsa_speed -- [IMAGES] [FEATURES]`.

use std::{env, hint::black_box, time::Instant};

use rsa::{Method, Prepared, Rdm};

fn main() {
    let mut sizes = env::args().skip(1).map(|arg| arg.parse().expect("a number"));
    let (images, features): (usize, usize) = (sizes.next().unwrap_or(1000), sizes.next().unwrap_or(512));
    let healthy = responses(images * features, 1);
    let injured: Vec<f32> = healthy.iter().zip(responses(images * features, 2)).map(|(a, b)| a + 0.5 * b).collect();

    let reference = timed("rdm", || Rdm::correlation(&healthy, features));
    let other = timed("rdm", || Rdm::correlation(&injured, features));
    let reference = timed("sorting the reference", || Prepared::new(reference));
    let similarity = timed("tau-b", || reference.similarity(&other, Method::TauB));
    timed("picture", || black_box(other.picture(200)));
    println!("{similarity:?}");
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    println!("{what:>24} {:8.3} s", start.elapsed().as_secs_f64());
    result
}

/// Rectified noise, about half of it zeros, as of units after a ReLU.
fn responses(n: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 24) as f32 - 0.5
    };
    (0..n).map(|_| next().max(0.0)).collect()
}
