//! The number of threads changes nothing.

use rayon::ThreadPoolBuilder;
use rsa::{Method, Prepared, Rdm};

use crate::rectified;

/// All numbers of a comparison, as bits.
fn numbers(threads: usize) -> Vec<u64> {
    let pool = ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
    pool.install(|| {
        let [healthy, injured] = [1, 2].map(|seed| Rdm::correlation(&rectified(500 * 200, seed), 200));
        let picture = healthy.picture(30).values;
        let values: Vec<f32> = [healthy.upper(), injured.upper(), &picture].concat();
        let similarity = Prepared::new(healthy).similarity(&injured, Method::TauB);
        let mut numbers: Vec<u64> = values.into_iter().map(|v| u64::from(v.to_bits())).collect();
        numbers.push(similarity.value.expect("defined").to_bits());
        numbers
    })
}

#[test]
fn results_do_not_depend_on_threads() {
    let one = numbers(1);
    assert_eq!(one.len(), 2 * 124_750 + 900 + 1);
    assert!([2, 3].into_iter().all(|threads| numbers(threads) == one));
}
