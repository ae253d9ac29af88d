//! How long the crate takes: `cargo run --release -p rsa --example rsa_speed -- [IMAGES] [FEATURES]`.

use std::{env, hint::black_box, time::Instant};

use rsa::{Distance, Method, Prepared, Rdm, linear_cka};

fn main() {
    let mut sizes = env::args().skip(1).map(|arg| arg.parse().expect("a number"));
    let (images, features): (usize, usize) = (sizes.next().unwrap_or(1000), sizes.next().unwrap_or(512));
    let healthy = responses(images * features, 1);
    let injured: Vec<f32> = healthy.iter().zip(responses(images * features, 2)).map(|(a, b)| a + 0.5 * b).collect();

    timed("linear cka", || linear_cka((&healthy, features), (&injured, features)).expect("in order"));
    for distance in [Distance::Cosine, Distance::Euclidean] {
        timed(&distance.to_string(), || Rdm::of(&healthy, features, distance).expect("in order"));
    }
    let [reference, other] = [healthy, injured].map(|values| timed("rdm", || Rdm::correlation(&values, features)));
    let reference = Prepared::new(reference);
    timed("sorting the reference", || reference.prepare(Method::TauB));
    for method in Method::ALL {
        let first = timed(&method.to_string(), || reference.similarity(&other, method));
        let again = timed("again", || reference.similarity(&other, method));
        assert_eq!(first, again);
        println!("{first:?}");
    }
    timed("picture", || black_box(other.picture(200)));
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
