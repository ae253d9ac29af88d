//! Every kernel against a plain version in double precision, over random shapes, on every instruction set of the processor.

mod convolution;
mod dense;
mod descent;
mod normalisation;
mod panel;
mod pool;

use crate::Simd;
use proptest::prelude::ProptestConfig;

/// Numbers between -1 and 1 that look random; the same for the same seed.
fn numbers(seed: u64, length: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d;
    (0..length)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 40) as f32) / (1u64 << 23) as f32 - 1.0
        })
        .collect()
}

/// So many random cases of each law; few under Miri, which is a thousand times slower.
fn cases(wanted: u32) -> ProptestConfig {
    if cfg!(miri) {
        return ProptestConfig { cases: 2, failure_persistence: None, ..ProptestConfig::default() };
    }
    ProptestConfig::with_cases(wanted)
}

/// The instruction sets of this processor.
fn available() -> impl Iterator<Item = Simd> {
    Simd::ALL.into_iter().filter(|simd| simd.is_available())
}

/// That two results differ by no more than `tolerance` times the root mean square of what is expected; or times 0.1 / sqrt(n), if that
/// is more, since a few sums may all happen to cancel.
#[track_caller]
fn assert_close(what: &str, result: &[f32], expected: &[f64], tolerance: f64) {
    assert_eq!(result.len(), expected.len(), "{what}");
    let count = expected.len().max(1) as f64;
    let square = expected.iter().map(|x| x * x).sum::<f64>() / count;
    let scale = square.sqrt().max(0.1 / count.sqrt());
    for (i, (&x, &e)) in result.iter().zip(expected).enumerate() {
        assert!((f64::from(x) - e).abs() <= tolerance * scale, "{what} [{i}]: {x} in place of {e} (scale {scale})");
    }
}

/// What `work` gives with 1, 2 and 3 threads, which has to be the same.
#[track_caller]
fn assert_same_on_all_threads<T: PartialEq + Send + std::fmt::Debug>(work: impl Fn() -> T + Sync) {
    let with = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(&work);
    let one = with(1);
    for threads in [2, 3] {
        // Not `assert_eq`, which would print millions of numbers.
        assert!(with(threads) == one, "{threads} threads give something else than one");
    }
}
