//! How long the crate takes on 1,000 images: `cargo bench -p rsa`. For the full scale beside NumPy and SciPy see `bench/rsa_vs_python.py`.

#![allow(missing_docs)] // criterion's macros make functions without

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use rsa::{Distance, Method, Prepared, Rdm, linear_cka};

const IMAGES: usize = 1000;
const FEATURES: usize = 512;
const PAIRS: u64 = (IMAGES * (IMAGES - 1) / 2) as u64;

/// Rectified noise, about half of it zeros, as of units after a ReLU.
fn responses(seed: u64) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 24) as f32 - 0.5
    };
    (0..IMAGES * FEATURES).map(|_| next().max(0.0)).collect()
}

/// The responses of a healthy network and of one that is still somewhat like it.
fn two() -> [Vec<f32>; 2] {
    let healthy = responses(1);
    let injured = healthy.iter().zip(responses(2)).map(|(a, b)| a + 0.5 * b).collect();
    [healthy, injured]
}

fn matrices(criterion: &mut Criterion) {
    let [healthy, _] = two();
    let mut group = criterion.benchmark_group("matrix");
    group.throughput(Throughput::Elements(PAIRS));
    for distance in Distance::ALL {
        group.bench_function(distance.to_string(), |b| b.iter(|| Rdm::<f32>::of(black_box(&healthy), FEATURES, distance)));
    }
    group.finish();
}

fn comparisons(criterion: &mut Criterion) {
    let [healthy, injured] = two();
    let [reference, other] = [&healthy, &injured].map(|values| Rdm::correlation(values, FEATURES));
    let mut group = criterion.benchmark_group("comparison");
    group.throughput(Throughput::Elements(PAIRS));
    for method in Method::ALL {
        let cold = || Prepared::new(reference.clone());
        group.bench_function(format!("{method}, cold"), |b| {
            b.iter_batched(cold, |reference| reference.similarity(&other, method), BatchSize::LargeInput);
        });
        let prepared = cold();
        prepared.prepare(method);
        group.bench_function(format!("{method}, prepared"), |b| b.iter(|| prepared.similarity(black_box(&other), method)));
    }
    group.finish();
    criterion.bench_function("linear cka", |b| b.iter(|| linear_cka((&healthy, FEATURES), (black_box(&injured), FEATURES))));
    criterion.bench_function("picture", |b| b.iter(|| black_box(&other).picture(200)));
}

criterion_group!(benches, matrices, comparisons);
criterion_main!(benches);
