//! Sorting that counts how far a sequence was from sorted.

/// From this many values on, threads save more than they cost.
const WORTH_THREADS: usize = 1 << 15;

/// Below this many values, insertion is faster than merging.
const SHORT: usize = 24;

/// Sorts `values`, ascending, and tells how many exchanges of neighbours that takes: the number of places i < j with
/// values\[i\] > values\[j\]. Merge sort after Knight (1966); O(n log n), n/2 values of extra memory.
pub(crate) fn sort(values: &mut [u32]) -> u64 {
    let mut spare = vec![0; values.len() / 2];
    merge_sort(values, &mut spare)
}

fn merge_sort(values: &mut [u32], spare: &mut [u32]) -> u64 {
    if values.len() <= SHORT {
        return insertion_sort(values);
    }
    let middle = values.len() / 2;
    let within = sort_halves(values, middle, spare);
    if values[middle - 1] <= values[middle] {
        return within;
    }
    spare[..middle].copy_from_slice(&values[..middle]);
    within + merge(&spare[..middle], values)
}

fn sort_halves(values: &mut [u32], middle: usize, spare: &mut [u32]) -> u64 {
    let worth_threads = values.len() >= WORTH_THREADS;
    let (left, right) = values.split_at_mut(middle);
    let (left_spare, right_spare) = spare.split_at_mut(left.len() / 2);
    let mut sort_left = || merge_sort(left, left_spare);
    let mut sort_right = || merge_sort(right, right_spare);
    let (in_left, in_right) = if worth_threads { rayon::join(sort_left, sort_right) } else { (sort_left(), sort_right()) };
    in_left + in_right
}

/// Merges `left` with the values from `left.len()` on into `values`. What comes from the right passes all that is still
/// waiting on the left. Which side comes next is hard to foretell, hence no branch on it.
fn merge(left: &[u32], values: &mut [u32]) -> u64 {
    let mut exchanges = 0;
    let (mut from_left, mut from_right) = (0, left.len());
    while from_left < left.len() && from_right < values.len() {
        let (a, b) = (left[from_left], values[from_right]);
        let right_first = b < a;
        values[from_left + from_right - left.len()] = if right_first { b } else { a };
        exchanges += (left.len() - from_left) as u64 * u64::from(right_first);
        from_left += usize::from(!right_first);
        from_right += usize::from(right_first);
    }
    let waiting = &left[from_left..];
    let end = from_right;
    values[end - waiting.len()..end].copy_from_slice(waiting);
    exchanges
}

fn insertion_sort(values: &mut [u32]) -> u64 {
    let mut exchanges = 0;
    for end in 1..values.len() {
        let value = values[end];
        let mut place = end;
        while place > 0 && values[place - 1] > value {
            values[place] = values[place - 1];
            place -= 1;
        }
        values[place] = value;
        exchanges += (end - place) as u64;
    }
    exchanges
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks against the definition.
    #[track_caller]
    fn check(values: &[u32]) {
        let inversions = values.iter().enumerate().map(|(i, a)| values[i + 1..].iter().filter(|&b| a > b).count() as u64);
        let mut sorted = values.to_vec();
        sorted.sort_unstable();
        let mut ours = values.to_vec();
        assert_eq!(sort(&mut ours), inversions.sum::<u64>());
        assert_eq!(ours, sorted);
    }

    /// A repeatable shuffle: multiples of a number without a factor in common with 2^32.
    fn scattered(n: u32, distinct: u32) -> Vec<u32> {
        (0..n).map(|i| i.wrapping_mul(2_654_435_769) % distinct).collect()
    }

    #[test]
    fn exchanges_are_the_inversions() {
        check(&[]);
        check(&[7]);
        check(&[1, 2, 3]);
        check(&[3, 2, 1]);
        check(&[2, 2, 1, 1]);
        for n in [SHORT, SHORT + 1, 2 * SHORT + 1, 1000, 4097] {
            check(&scattered(n as u32, u32::MAX));
            check(&scattered(n as u32, 5));
            check(&(0..n as u32).collect::<Vec<_>>());
            check(&(0..n as u32).rev().collect::<Vec<_>>());
        }
    }

    #[test]
    fn threads_count_alike() {
        let n = 4 * WORTH_THREADS as u64;
        let mut falling: Vec<u32> = (0..n as u32).rev().collect();
        assert_eq!(sort(&mut falling), n * (n - 1) / 2);
        assert!(falling.is_sorted());
    }
}
