//! How long the kernels take: `cargo bench -p kernels`. The table of VGG19's layers is `cargo run --release -p kernels --example speed`.

#![allow(missing_docs)] // criterion's macros make functions without

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kernels::{Convolution, Descent, Maps, Normalisation, convolve, convolve_back, descend, normalise_by_batch, pool};

/// Numbers between -0.5 and 0.5 that look random.
fn numbers(length: usize) -> Vec<f32> {
    (0..length as u64).map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as f32 / (1u64 << 24) as f32 - 0.5).collect()
}

/// 3×3 convolutions: one for each way to do them.
fn convolutions(criterion: &mut Criterion) {
    for (inputs, outputs, size) in [(3, 64, 32), (64, 64, 32), (256, 256, 8), (512, 512, 4), (512, 512, 2)] {
        let (at, shape) = (Maps { images: 40, height: size, width: size }, Convolution::three_by_three(inputs, outputs));
        let (x, w, bias) = (numbers(at.pixels() * inputs), numbers(shape.weights()), numbers(outputs));
        let y = convolve(&x, at, &shape, &w, Some(&bias), true);
        let mut group = criterion.benchmark_group(format!("{inputs} to {outputs} channels, {size} x {size}, 40 images"));
        group.throughput(Throughput::Elements(40));
        group.bench_function("forward", |b| b.iter(|| convolve(black_box(&x), at, &shape, &w, Some(&bias), true)));
        let want_dx = inputs > 3;
        group.bench_function("backward", |b| b.iter(|| convolve_back(black_box(&x), at, &shape, &w, Some(&y), &y, want_dx)));
        group.finish();
    }
}

fn others(criterion: &mut Criterion) {
    let at = Maps { images: 40, height: 32, width: 32 };
    let (x, gain, shift) = (numbers(at.pixels() * 64), numbers(64), numbers(64));
    let layer = Normalisation { gain: &gain, shift: &shift, epsilon: 1e-5 };
    criterion.bench_function("normalisation of 64 x 32 x 32", |b| b.iter(|| normalise_by_batch(black_box(&x), &layer, true)));
    criterion.bench_function("pool of 64 x 32 x 32", |b| b.iter(|| pool(black_box(&x), at, 64)));

    let length = 4_000_000;
    let (mut w, mut v, g, alive) = (numbers(length), numbers(length), numbers(length), vec![1; length]);
    let how = Descent { rate: 0.001, momentum: 0.9, nesterov: false, decay: 0.0005 };
    let mut group = criterion.benchmark_group("descent");
    group.throughput(Throughput::Elements(length as u64));
    group.bench_function("4 million weights", |b| b.iter(|| descend(&mut w, &mut v, black_box(&g), Some(&alive), &how)));
    group.finish();
}

criterion_group!(benches, convolutions, others);
criterion_main!(benches);
