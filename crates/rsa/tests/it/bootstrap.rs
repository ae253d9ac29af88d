//! The bootstrap over images.

use rsa::{BootstrapError, Distance, Method, Rdm, bootstrap};

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
        let found = bootstrap(&rdm, &rdm, method, 50, 1).expect("enough");
        assert_eq!((found.interval, found.undefined), (Some([1.0, 1.0]), 0), "{method}");
    }
}

#[test]
fn draws_depend_on_the_seed_alone() {
    let (a, b) = (copies(30, 0.0, 2), copies(30, 1.0, 3));
    let found = bootstrap(&a, &b, Method::TauA, 60, 1);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool");
    assert_eq!(pool.install(|| bootstrap(&a, &b, Method::TauA, 60, 1)), found);
    assert_ne!(bootstrap(&a, &b, Method::TauA, 60, 2), found);
    let [more, fewer] = [found, bootstrap(&a, &b, Method::TauA, 40, 1)].map(|found| found.expect("enough").similarities);
    assert_eq!(fewer, more[..40]);
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
            let found = bootstrap(&a, &b, Method::Spearman, 200, seed).expect("enough");
            found.interval.map(|[lower, upper]| (lower, upper)).expect("defined")
        })
        .collect();
    let covering = found.iter().filter(|(lower, upper)| (lower..=upper).contains(&&truth)).count();
    assert!(covering >= 52, "{covering} of 60 hold {truth}");
    assert!(found.iter().all(|(lower, upper)| upper - lower < 0.6), "{found:?}");
}

#[test]
fn too_few_images_are_refused() {
    for images in [1, 2, 3, 9] {
        let [a, b] =
            [0.0, 1.0].map(|much| Rdm::<f32>::of(&noise(images * 8, 3 + much as u64), 8, Distance::Euclidean).expect("in order"));
        for method in Method::ALL {
            let found = bootstrap(&a, &b, method, 1000, 1);
            let error = BootstrapError::TooFewImages { images: if images == 1 { 0 } else { images }, least: 10 };
            assert_eq!(found, Err(error), "{images} images, {method}");
        }
    }
    assert!(bootstrap(&copies(10, 0.0, 2), &copies(10, 1.0, 3), Method::TauB, 1000, 1).expect("enough").interval.is_some());
}

/// Of a hundred images a network says something of nine, or two networks of nine together.
#[test]
fn images_without_dissimilarities_do_not_count() {
    let silent = |speaking: &dyn Fn(usize) -> bool, seed: u64| {
        let mut values = noise(100 * 8, seed);
        values.chunks_mut(8).enumerate().filter(|(image, _)| !speaking(*image)).for_each(|(_, pattern)| pattern.fill(1.0));
        Rdm::<f32>::of(&values, 8, Distance::Correlation).expect("in order")
    };
    let few = Err(BootstrapError::TooFewImages { images: 9, least: 10 });
    let all = silent(&|_| true, 2);
    let nine = silent(&|image| image % 11 == 0 && image > 0, 1);
    assert_eq!(bootstrap(&nine, &all, Method::TauB, 1000, 1), few);
    assert_eq!(bootstrap(&all, &nine, Method::TauB, 1000, 1), few);
    let [first, last] = [silent(&|image| image < 54, 1), silent(&|image| image >= 45, 2)];
    assert_eq!(bootstrap(&first, &last, Method::TauB, 1000, 1), few);
    assert!(bootstrap(&silent(&|image| image < 55, 1), &last, Method::TauB, 100, 1).is_ok());
}

/// All dissimilarities are tied but those of two images with all others: resamples that hold neither of them are tied throughout.
#[test]
fn an_interval_is_not_of_those_that_happen_to_be_defined() {
    let images = 20;
    let pairs = (0..images).flat_map(|i| (i + 1..images).map(move |j| (i, j)));
    let b = copies(images, 0.0, 2);
    let tied: Vec<f32> = pairs.map(|(i, j)| if i < 2 { 1.0 + (j % 3) as f32 } else { 1.0 }).collect();
    let found = bootstrap(&Rdm::from_condensed(tied).expect("in order"), &b, Method::TauB, 1000, 1).expect("enough");
    // (18/20)^20 of all, 12 %
    assert!((80..170).contains(&found.undefined), "{}", found.undefined);
    assert_eq!(found.similarities.iter().filter(|similarity| similarity.is_none()).count(), found.undefined);
    assert_eq!(found.interval, None);
}

#[test]
fn too_few_resamples_are_refused() {
    let (a, b) = (copies(30, 0.0, 2), copies(30, 1.0, 3));
    for resamples in [0, 1, 39] {
        assert_eq!(bootstrap(&a, &b, Method::TauB, resamples, 1), Err(BootstrapError::TooFewResamples { resamples, least: 40 }));
    }
    assert!(bootstrap(&a, &b, Method::TauB, 40, 1).is_ok());
}
