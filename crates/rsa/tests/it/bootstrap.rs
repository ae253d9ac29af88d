//! The bootstrap over images.

use rsa::{Distance, Method, Rdm, bootstrap};

use crate::noise;

/// The matrix of noisy copies of the same patterns.
fn copies(images: usize, much: f32, seed: u64) -> Rdm {
    let values: Vec<f32> = noise(images * 8, 1).iter().zip(noise(images * 8, seed)).map(|(v, n)| v + much * n).collect();
    Rdm::<f32>::of(&values, 8, Distance::Euclidean).expect("in order")
}

#[test]
fn a_matrix_is_like_itself_for_any_images() {
    let rdm = copies(20, 0.0, 2);
    for method in [Method::TauB, Method::Spearman, Method::Pearson, Method::Cosine] {
        let found = bootstrap(&rdm, &rdm, method, 50, 1);
        assert_eq!((found.lower, found.upper, found.undefined), (Some(1.0), Some(1.0), 0), "{method}");
    }
}

#[test]
fn draws_depend_on_the_seed_alone() {
    let (a, b) = (copies(30, 0.0, 2), copies(30, 1.0, 3));
    let found = bootstrap(&a, &b, Method::TauA, 40, 1);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool");
    assert_eq!(pool.install(|| bootstrap(&a, &b, Method::TauA, 40, 1)), found);
    assert_ne!(bootstrap(&a, &b, Method::TauA, 40, 2), found);
    assert_eq!(bootstrap(&a, &b, Method::TauA, 20, 1).similarities, found.similarities[..20]);
}

/// Intervals of independent samples of images cover what very many images would give about 95 times in 100. The bootstrap over
/// images is known to be somewhat wide (Schütt 2023), so only a lower bound is asked for, and that an interval is no formality.
#[test]
fn intervals_cover_what_many_images_give() {
    let sample = |seed: u64, images: usize| {
        let values = noise(images * 8, seed);
        let noisy: Vec<f32> = values.iter().zip(noise(images * 8, seed + 1000)).map(|(v, n)| v + n).collect();
        [values, noisy].map(|values| Rdm::<f32>::of(&values, 8, Distance::Euclidean).expect("in order"))
    };
    let [a, b] = sample(5000, 400);
    let truth = rsa::correlate(a.upper(), b.upper(), Method::Spearman).expect("defined");
    let found: Vec<(f64, f64)> = (0..60)
        .map(|seed| {
            let [a, b] = sample(seed, 25);
            let found = bootstrap(&a, &b, Method::Spearman, 200, seed);
            (found.lower.expect("defined"), found.upper.expect("defined"))
        })
        .collect();
    let covering = found.iter().filter(|(lower, upper)| (lower..=upper).contains(&&truth)).count();
    assert!(covering >= 52, "{covering} of 60 hold {truth}");
    assert!(found.iter().all(|(lower, upper)| upper - lower < 0.6), "{found:?}");
}

#[test]
fn too_few_images_are_undefined() {
    let found = bootstrap(&copies(2, 0.0, 2), &copies(2, 1.0, 3), Method::TauB, 10, 1);
    assert_eq!((found.lower, found.upper, found.undefined), (None, None, 10));
}
