//! The crate against naive versions, SciPy, and its own laws.

mod exact;
mod fixtures;
mod laws;
mod threads;

use rsa::Method;

const METHODS: [Method; 2] = [Method::TauB, Method::TauA];

/// Tau by its definition: looks at every couple.
fn naive_tau(x: &[f32], y: &[f32], method: Method) -> Option<f64> {
    let (mut score, mut couples, mut untied_x, mut untied_y) = (0_i64, 0_i64, 0_i64, 0_i64);
    for i in 0..x.len() {
        for j in 0..i {
            let [a, b] = [x, y].map(|v| i64::from(v[i] > v[j]) - i64::from(v[i] < v[j]));
            score += a * b;
            couples += 1;
            untied_x += a.abs();
            untied_y += b.abs();
        }
    }
    let scale = match method {
        Method::TauB => (untied_x as f64 * untied_y as f64).sqrt(),
        Method::TauA => couples as f64,
    };
    (scale > 0.0).then(|| score as f64 / scale)
}

/// Dissimilarities by their definition, in double precision; NaN for constant patterns.
fn naive_upper(values: &[f32], features: usize) -> Vec<f64> {
    let patterns: Vec<Vec<f64>> = values
        .chunks(features)
        .map(|pattern| {
            let pattern: Vec<f64> = pattern.iter().map(|&v| f64::from(v)).collect();
            let mean = pattern.iter().sum::<f64>() / features as f64;
            pattern.iter().map(|v| v - mean).collect()
        })
        .collect();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let distance = |a: &[f64], b: &[f64]| 1.0 - dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
    (0..patterns.len())
        .flat_map(|i| (i + 1..patterns.len()).map(move |j| (i, j)))
        .map(|(i, j)| distance(&patterns[i], &patterns[j]))
        .collect()
}

/// Repeatable noise in [0, 1).
fn noise(n: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 24) as f32
    };
    (0..n).map(|_| next()).collect()
}

/// Repeatable noise after a ReLU: half of it zeros.
fn rectified(n: usize, seed: u64) -> Vec<f32> {
    noise(n, seed).into_iter().map(|v| (v - 0.5).max(0.0)).collect()
}
