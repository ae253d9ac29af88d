//! How fast the kernels are here: the layers of VGG19 on images of 32×32, in milliseconds, forward and backward.
//!
//! `cargo run --release -p kernels --example speed [batch] [rounds]`; the number of threads is that of RAYON_NUM_THREADS, or all. Prints
//! the median over the rounds. Convolutions include bias and ReLU, and backward everything that a training step needs. The maps of a layer
//! may still be in a cache from the round before, as they are not when a network learns.

use kernels::*;
use std::hint::black_box;
use std::time::Instant;

/// The convolutions: inputs, outputs, size of the maps, and how many of these there are.
const LAYERS: [(usize, usize, usize, usize); 9] = [
    (3, 64, 32, 1),
    (64, 64, 32, 1),
    (64, 128, 16, 1),
    (128, 128, 16, 1),
    (128, 256, 8, 1),
    (256, 256, 8, 3),
    (256, 512, 4, 1),
    (512, 512, 4, 3),
    (512, 512, 2, 4),
];

fn main() {
    keep_pages();
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>().expect("a number"));
    let (batch, rounds) = (arguments.next().unwrap_or(40), arguments.next().unwrap_or(9));
    println!("{:?}, {} threads, batch {batch}, median of {rounds}", Simd::current(), rayon::current_num_threads());
    bare_products();
    convolutions(batch, rounds);
    others(batch, rounds);
}

/// What the two products reach on one thread without leaving the caches.
fn bare_products() {
    let rate = |work: &dyn Fn() -> usize| {
        let rates = (0..20).map(|_| {
            let start = Instant::now();
            let operations = work();
            operations as f64 / start.elapsed().as_secs_f64() / 1e9
        });
        median(rates.collect())
    };
    for depth in [32, 64, 128, 256, 512] {
        println!("product, 48 rows, depth {depth:4}: {:6.1} GFLOP/s", rate(&|| multiply_in_cache(48, depth, 500_000 / depth)));
    }
    for rows in [40, 64, 160] {
        println!(
            "transposed product, {rows:3} rows: {:6.1} GFLOP/s",
            rate(&|| multiply_transposed_in_cache(rows, 500_000 / rows))
        );
    }
}

fn convolutions(batch: usize, rounds: usize) {
    let mut sums = [0.0; 2];
    for (inputs, outputs, size, count) in LAYERS {
        let at = Maps { images: batch, height: size, width: size };
        let shape = Convolution::three_by_three(inputs, outputs);
        let (x, w, b) = (numbers(at.pixels() * inputs), numbers(shape.weights()), numbers(outputs));
        let y = convolve(&x, at, &shape, &w, Some(&b), true);
        let forward = time(rounds, || convolve(&x, at, &shape, &w, Some(&b), true));
        let backward = time(rounds, || convolve_back(&x, at, &shape, &w, Some(&y), &y, inputs > 3));
        let gflop = 2e-9 * shape.weights() as f64 * at.pixels() as f64;
        println!(
            "{inputs:3} -> {outputs:3} @ {size:2} x{count}: {forward:7.2} {backward:7.2} ms   {:6.0} {:6.0} effective GFLOP/s",
            gflop / forward * 1e3,
            gflop * if inputs > 3 { 2e3 } else { 1e3 } / backward,
        );
        sums[0] += forward * count as f64;
        sums[1] += backward * count as f64;
    }
    println!("stack: {:.1} + {:.1} = {:.1} ms", sums[0], sums[1], sums[0] + sums[1]);
}

fn others(batch: usize, rounds: usize) {
    let at = Maps { images: batch, height: 32, width: 32 };
    let (x, gain, shift) = (numbers(at.pixels() * 64), numbers(64), numbers(64));
    let layer = Normalisation { gain: &gain, shift: &shift, epsilon: 1e-5 };
    let n = normalise_by_batch(&x, &layer, true);
    let forward = time(rounds, || normalise_by_batch(&x, &layer, true));
    let backward = time(rounds, || normalise_by_batch_back(&x, &n.mean, &n.variance, &layer, true, &n.y));
    println!("normalisation 64 @ 32: {forward:.2} {backward:.2} ms");

    let y = pool(&x, at, 64);
    let forward = time(rounds, || pool(&x, at, 64));
    let backward = time(rounds, || pool_back(&x, at, 64, &y, &y));
    println!("pool 64 @ 32: {forward:.2} {backward:.2} ms");

    for (inputs, outputs) in [(512, 4096), (4096, 4096), (4096, 10)] {
        let shape = Dense { inputs, outputs };
        let (x, w, b) = (numbers(batch * inputs), numbers(inputs * outputs), numbers(outputs));
        let y = dense(&x, batch, &shape, &w, Some(&b), true);
        let forward = time(rounds, || dense(&x, batch, &shape, &w, Some(&b), true));
        let backward = time(rounds, || dense_back(&x, batch, &shape, &w, Some(&y), &y, true));
        println!("dense {inputs} -> {outputs}: {forward:.2} {backward:.2} ms");
    }

    let length = 38_300_000;
    let (mut w, mut v, g, alive) = (numbers(length), numbers(length), numbers(length), vec![1; length]);
    let how = Descent { rate: 0.001, momentum: 0.9, nesterov: false, decay: 0.0005 };
    let masked = time(rounds, || descend(&mut w, &mut v, &g, Some(&alive), &how));
    let whole = time(rounds, || descend(&mut w, &mut v, &g, None, &how));
    println!("descent, 38.3 M weights: {masked:.2} ms with lost weights, {whole:.2} without");
}

/// Milliseconds, the median over the rounds.
fn time<T>(rounds: usize, mut work: impl FnMut() -> T) -> f64 {
    let times = (0..rounds).map(|_| {
        let start = Instant::now();
        black_box(work());
        start.elapsed().as_secs_f64() * 1e3
    });
    median(times.collect())
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// Numbers between -0.5 and 0.5 that look random.
fn numbers(length: usize) -> Vec<f32> {
    (0..length as u64).map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as f32 / (1u64 << 24) as f32 - 0.5).collect()
}
