//! The number of threads changes nothing.

use rayon::ThreadPoolBuilder;
use rsa::{Distance, Method, Prepared, Rdm, Real};

use crate::rectified;

/// All numbers of a comparison of images of so many features, as bits.
fn numbers<T: Real>(threads: usize, images: usize, features: usize) -> Vec<u64> {
    let pool = ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
    pool.install(|| {
        let rdm = |seed| Rdm::<T>::of(&rectified(images * features, seed), features, Distance::Correlation).expect("in order");
        let [healthy, injured] = [1, 2].map(rdm);
        let bits = |&value: &T| value.into().to_bits();
        let mut numbers: Vec<u64> = healthy.upper().iter().chain(injured.upper()).map(bits).collect();
        numbers.extend(healthy.picture(30).values.into_iter().map(|value| u64::from(value.to_bits())));
        let similarity = Prepared::new(healthy).similarity(&injured, Method::TauB);
        numbers.push(similarity.value.expect("defined").to_bits());
        numbers
    })
}

#[track_caller]
fn check<T: Real>(images: usize, features: usize) {
    let one = numbers::<T>(1, images, features);
    assert_eq!(one.len(), images * (images - 1) + 900 + 1);
    assert!([2, 3].into_iter().all(|threads| numbers::<T>(threads, images, features) == one), "{images} x {features}");
}

#[test]
fn results_do_not_depend_on_threads() {
    check::<f32>(500, 200); // by differences
    check::<f64>(500, 200);
    check::<f32>(1_500, 1_000); // by products
}
