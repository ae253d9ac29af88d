//! The crate against naive versions, SciPy, and its own laws.

mod bootstrap;
mod ceiling;
mod cka;
mod exact;
mod fixtures;
mod laws;
mod made_elsewhere;
mod near_equal;
mod rdm;
mod threads;

use rsa::{Distance, Method};

const TAUS: [Method; 2] = [Method::TauB, Method::TauA];

/// The methods that look at ranks only.
const RANK_METHODS: [Method; 4] = [Method::TauB, Method::TauA, Method::RhoA, Method::Spearman];

/// How alike two sequences are by the definition of the method: for ranks, looks at every couple of places.
fn naive(x: &[f32], y: &[f32], method: Method) -> Option<f64> {
    match method {
        Method::TauB | Method::TauA => naive_tau(x, y, method),
        Method::RhoA => {
            let n = x.len() as i64;
            let [r, s] = [x, y].map(doubled_ranks);
            let sum = r.iter().zip(s).map(|(r, s)| r * s).sum::<i64>();
            // 12 Σ r s / (n³-n) - 3 (n+1)/(n-1), on one denominator, with ranks doubled
            (n > 1).then(|| (3 * sum - 3 * n * (n + 1).pow(2)) as f64 / (n.pow(3) - n) as f64)
        }
        Method::Spearman => {
            let [r, s] = [x, y].map(|v| doubled_ranks(v).iter().map(|r| r - v.len() as i64 - 1).collect::<Vec<_>>());
            let dot = |a: &[i64], b: &[i64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<i64>() as f64;
            let scale = (dot(&r, &r) * dot(&s, &s)).sqrt();
            (scale > 0.0).then(|| dot(&r, &s) / scale)
        }
        Method::Pearson => {
            let centred = |v: &[f32]| {
                let mean = v.iter().map(|&v| f64::from(v)).sum::<f64>() / v.len() as f64;
                let equal = v.iter().all(|&value| value == v[0]);
                v.iter().map(|&v| if equal { 0.0 } else { f64::from(v) - mean }).collect::<Vec<_>>()
            };
            naive_cosine(&centred(x), &centred(y))
        }
        Method::Cosine => {
            let [x, y] = [x, y].map(|v| v.iter().map(|&v| f64::from(v)).collect::<Vec<_>>());
            naive_cosine(&x, &y)
        }
    }
}

/// Twice the rank of each value from 1 to n; tied ones share the mean.
fn doubled_ranks(values: &[f32]) -> Vec<i64> {
    let count = |so: &dyn Fn(&f32) -> bool| values.iter().filter(|v| so(v)).count() as i64;
    values.iter().map(|value| 2 * count(&|v| v < value) + count(&|v| v == value) + 1).collect()
}

fn naive_cosine(x: &[f64], y: &[f64]) -> Option<f64> {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let scale = (dot(x, x) * dot(y, y)).sqrt();
    (scale > 0.0).then(|| dot(x, y) / scale)
}

/// Equal for ranks, which are counted; within rounding for the others.
fn agree(a: Option<f64>, b: Option<f64>, method: Method) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a == b || !RANK_METHODS.contains(&method) && (a - b).abs() < 1e-12,
        _ => a == b,
    }
}

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
        _ => couples as f64,
    };
    (scale > 0.0).then(|| score as f64 / scale)
}

/// Dissimilarities by their definition, in double precision; NaN for patterns that have none.
fn naive_upper(values: &[f32], features: usize, distance: Distance) -> Vec<f64> {
    let patterns: Vec<Vec<f64>> = values
        .chunks(features)
        .map(|pattern| {
            let pattern: Vec<f64> = pattern.iter().map(|&v| f64::from(v)).collect();
            let mean = pattern.iter().sum::<f64>() / features as f64;
            pattern.iter().map(|v| if distance == Distance::Correlation { v - mean } else { *v }).collect()
        })
        .collect();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let measure = |a: &[f64], b: &[f64]| {
        let squared = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
        match distance {
            Distance::Correlation | Distance::Cosine => 1.0 - dot(a, b) / (dot(a, a) * dot(b, b)).sqrt(),
            Distance::Euclidean => squared.sqrt(),
            Distance::SquaredEuclidean => squared,
        }
    };
    (0..patterns.len())
        .flat_map(|i| (i + 1..patterns.len()).map(move |j| (i, j)))
        .map(|(i, j)| measure(&patterns[i], &patterns[j]))
        .collect()
}

/// What a distance's errors are measured by: 1 or, for the Euclidean distances, the largest of the matrix.
fn scale(upper: &[f64], distance: Distance) -> f64 {
    match distance {
        Distance::Correlation | Distance::Cosine => 1.0,
        Distance::Euclidean | Distance::SquaredEuclidean => upper.iter().copied().fold(0.0, f64::max),
    }
}

/// Repeatable numbers of 24 bits that look random.
fn generator(seed: u64) -> impl Iterator<Item = u64> {
    let mut state = seed;
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 40
    })
}

/// Repeatable noise in [0, 1).
fn noise(n: usize, seed: u64) -> Vec<f32> {
    generator(seed).take(n).map(|bits| bits as f32 / (1 << 24) as f32).collect()
}

/// Repeatable noise after a ReLU: half of it zeros.
fn rectified(n: usize, seed: u64) -> Vec<f32> {
    noise(n, seed).into_iter().map(|v| (v - 0.5).max(0.0)).collect()
}
