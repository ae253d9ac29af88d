//! Sharing work out among the threads of rayon's current pool.
//!
//! Two kinds of sharing keep every result the same, bit for bit, whatever the number of threads. Where each element of the
//! result is computed as a whole by one task, the tasks may be cut in any way ([`pieces`] cuts by the number of threads).
//! Where a sum is shared out, it is cut into a number of parts that depends on the shape alone ([`parts`]), and the
//! partial sums are added in order.

use rayon::prelude::*;
use std::ops::Range;

/// Below about so many floating point operations, waking another thread costs more than it saves. Under Miri all work is shared, so that
/// it sees the threads.
const WORTH_SHARING: usize = if cfg!(miri) { 0 } else { 200_000 };

/// The most parts that a sum is cut into, and so the most threads that it can use.
pub(crate) const PARTS: usize = 8;

/// Does tasks 0 to `count - 1`, which together cost about `cost` floating point operations, in any order.
pub(crate) fn each(count: usize, cost: usize, task: impl Fn(usize) + Sync) {
    if count <= 1 || cost < WORTH_SHARING || rayon::current_num_threads() == 1 {
        (0..count).for_each(task);
    } else {
        (0..count).into_par_iter().with_max_len(1).for_each(&task);
    }
}

/// Cuts `length` things into pieces of at least `least`, a few per thread so that a slow one can be evened out, and does each.
pub(crate) fn pieces(length: usize, least: usize, cost: usize, task: impl Fn(Range<usize>) + Sync) {
    let wanted = if cost < WORTH_SHARING { 1 } else { 4 * rayon::current_num_threads() };
    let count = wanted.min(length / least.max(1)).max(1).min(length);
    each(count, cost, |i| task(part(length, count, i)));
}

/// How many parts a sum over `length` things is cut into: at most [`PARTS`], each of at least `least`. Never 0.
pub(crate) fn parts(length: usize, least: usize) -> usize {
    (length / least.max(1)).clamp(1, PARTS)
}

/// Part `i` of `count` nearly equal parts of `length` things.
pub(crate) fn part(length: usize, count: usize, i: usize) -> Range<usize> {
    length * i / count..length * (i + 1) / count
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::Mutex;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn pieces_cover_everything_once(length in 0usize..300, least in 0usize..40, cost in 0usize..400_000) {
            let seen = Mutex::new(vec![0; length]);
            pieces(length, least, cost, |piece| piece.for_each(|i| seen.lock().unwrap()[i] += 1));
            prop_assert!(seen.into_inner().unwrap().iter().all(|&n| n == 1));
        }

        #[test]
        fn parts_are_nearly_equal(length in 1usize..500, least in 0usize..40) {
            let count = parts(length, least);
            let lengths: Vec<usize> = (0..count).map(|i| part(length, count, i).len()).collect();
            prop_assert_eq!(lengths.iter().sum::<usize>(), length);
            prop_assert!(lengths.iter().max().unwrap() - lengths.iter().min().unwrap() <= 1);
        }
    }
}
