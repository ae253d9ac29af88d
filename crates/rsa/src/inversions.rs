//! Counting how many couples of a sequence stand in the wrong order.

use rayon::prelude::*;

use crate::buckets::{Buckets, parts};

/// Couples of places i < j of a sequence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Inversions {
    /// Those with value i > value j.
    pub(crate) inverted: u64,
    /// Those with equal values.
    pub(crate) tied: u64,
}

impl std::iter::Sum for Inversions {
    fn sum<I: Iterator<Item = Inversions>>(all: I) -> Inversions {
        all.fold(Inversions::default(), |a, b| Inversions { inverted: a.inverted + b.inverted, tied: a.tied + b.tied })
    }
}

/// Number of couples of `n` things, n at most 2^32.
pub(crate) fn couples(n: u64) -> u64 {
    n * n.saturating_sub(1) / 2
}

/// Below this many values, one thread in its cache is fastest.
const FEW: usize = 1 << 15;

/// Below this many values, insertion is fastest.
const SHORT: usize = 24;

/// Counts the inversions of a sequence that is given in pieces. Its order is lost.
///
/// A radix sort from the first digit, with no need to finish it: values go to buckets by size, and each value, as it comes, finds
/// out from the running counts how many before it went to higher buckets. What is left are inversions within buckets, of which
/// each is counted likewise, on its own and in cache. O(n), at most five passes; 4 bytes more for each value.
pub(crate) fn count(pieces: Vec<Vec<u32>>) -> Inversions {
    let values: usize = pieces.iter().map(Vec::len).sum();
    if values <= FEW {
        let mut all = pieces.concat();
        return count_in(&mut all, &mut vec![0; values]);
    }
    let slices: Vec<&[u32]> = pieces.iter().map(Vec::as_slice).collect();
    let buckets = Buckets::of(&slices, |key| key, DIGITS);
    let mut shared = vec![0; values];

    let mut seen = Vec::with_capacity(pieces.len());
    let mut before = Counts::default();
    for counts in buckets.counts() {
        seen.push(before.clone());
        counts.iter().enumerate().for_each(|(bucket, &count)| before.add(bucket, count));
    }
    let places = buckets.places(&mut shared);
    drop(slices);
    // a piece that has been shared out is let go
    let between: u64 = (places.into_par_iter().zip(seen).zip(pieces))
        .map(|((mut places, seen), piece)| {
            let mut above = Above::of(&seen);
            let mut inverted = 0;
            for key in piece {
                let bucket = buckets.bucket(key);
                inverted += above.pass(bucket);
                *places[bucket].next().expect("as many as were counted") = key;
            }
            inverted
        })
        .sum();

    let within = parts(&mut shared, &buckets.ranges()).into_par_iter().map_init(Vec::new, |spare, bucket| {
        spare.resize(bucket.len(), 0);
        count_in(bucket, spare)
    });
    let within: Vec<Inversions> = within.collect();
    within.into_iter().chain([Inversions { inverted: between, tied: 0 }]).sum()
}

/// Counts the inversions of one bucket; `spare` is as long as `keys`. What is left in either has no meaning.
fn count_in(keys: &mut [u32], spare: &mut [u32]) -> Inversions {
    if keys.len() <= SHORT {
        return count_by_insertion(keys);
    }
    let (least, largest) = keys.iter().fold((u32::MAX, 0), |(a, b), &key| (a.min(key), b.max(key)));
    if least == largest {
        return Inversions { inverted: 0, tied: couples(keys.len() as u64) };
    }
    let shift = (u32::BITS - (largest - least).leading_zeros()).saturating_sub(DIGITS.ilog2());
    let digit = |key: u32| usize::from(((key - least) >> shift) as u8);

    let mut ends = [0_u32; DIGITS];
    keys.iter().for_each(|&key| ends[digit(key)] += 1);
    let mut sum = 0;
    ends.iter_mut().for_each(|end| sum += std::mem::replace(end, sum));
    let mut above = Above::default();
    let mut inverted = 0;
    for &key in keys.iter() {
        let digit = digit(key);
        inverted += above.pass(digit);
        let end = &mut ends[digit];
        spare[*end as usize] = key;
        *end += 1;
    }

    let mut start = 0;
    let within = ends.iter().map(|&end| {
        let bucket = start..end as usize;
        start = bucket.end;
        match bucket.len() {
            0 | 1 => Inversions::default(),
            tied if shift == 0 => Inversions { inverted: 0, tied: couples(tied as u64) },
            _ => count_in(&mut spare[bucket.clone()], &mut keys[bucket]),
        }
    });
    within.chain([Inversions { inverted, tied: 0 }]).sum()
}

fn count_by_insertion(keys: &mut [u32]) -> Inversions {
    let mut inverted = 0;
    for end in 1..keys.len() {
        let key = keys[end];
        let mut place = end;
        while place > 0 && keys[place - 1] > key {
            keys[place] = keys[place - 1];
            place -= 1;
        }
        keys[place] = key;
        inverted += (end - place) as u64;
    }
    Inversions { inverted, tied: tied_couples(keys) }
}

/// Number of couples in the runs of equal keys.
pub(crate) fn tied_couples(sorted: &[u32]) -> u64 {
    let (mut tied, mut run) = (0, 0);
    for pair in sorted.windows(2) {
        run = if pair[0] == pair[1] { run + 1 } else { 0 };
        tied += run;
    }
    tied
}

/// Digits, which say the bucket, go from 0 to 255, as two times four bits.
const DIGITS: usize = 256;

/// How many values have each digit.
#[derive(Clone)]
struct Counts([u32; DIGITS]);

/// For each digit, how many values have passed with a larger one, in two steps: those with larger upper bits, and those with the
/// same upper and larger lower bits. Passing changes sixteen neighbouring counts of each, which takes a few vector
/// instructions and no decision.
#[derive(Default)]
struct Above {
    upper: [u32; 16],
    lower: [[u32; 16]; 16],
}

/// `BELOW[digit]` adds one to the counts of all digits below.
const BELOW: [[u32; 16]; 16] = {
    let mut below = [[0; 16]; 16];
    let mut at = 0;
    while at < 256 {
        below[at / 16][at % 16] = (at % 16 < at / 16) as u32;
        at += 1;
    }
    below
};

impl Default for Counts {
    fn default() -> Counts {
        Counts([0; DIGITS])
    }
}

impl Counts {
    fn add(&mut self, digit: usize, count: u32) {
        self.0[digit] += count;
    }
}

impl Above {
    /// After values with these digits have passed.
    fn of(counts: &Counts) -> Above {
        let mut above = Above::default();
        for upper in (0..16).rev() {
            let same = &counts.0[16 * upper..16 * (upper + 1)];
            for lower in 0..16 {
                above.lower[upper][lower] = same[lower + 1..].iter().sum();
            }
            above.upper[upper] = counts.0[16 * (upper + 1)..].iter().sum();
        }
        above
    }

    /// Passes one value; tells how many with a larger digit have passed before.
    #[inline(always)]
    fn pass(&mut self, digit: usize) -> u64 {
        let (high, low) = (digit / 16 % 16, digit % 16);
        let lower = &mut self.lower[high];
        let larger = u64::from(self.upper[high]) + u64::from(lower[low]);
        for at in 0..16 {
            self.upper[at] += BELOW[high][at];
            lower[at] += BELOW[low][at];
        }
        larger
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks against the definition.
    #[track_caller]
    fn check(values: &[u32]) {
        let mut want = Inversions::default();
        for (i, a) in values.iter().enumerate() {
            want.inverted += values[i + 1..].iter().filter(|&b| a > b).count() as u64;
            want.tied += values[i + 1..].iter().filter(|&b| a == b).count() as u64;
        }
        assert_eq!(count(vec![values.to_vec()]), want);
        assert_eq!(count(values.chunks(1000).map(<[u32]>::to_vec).collect()), want);
    }

    /// A repeatable shuffle: multiples of a number without a factor in common with 2^32.
    fn scattered(n: usize, distinct: u32) -> Vec<u32> {
        (0..n as u32).map(|i| i.wrapping_mul(2_654_435_769) % distinct).collect()
    }

    #[test]
    fn inversions_are_counted() {
        check(&[]);
        check(&[7]);
        check(&[1, 2, 3]);
        check(&[3, 2, 1]);
        check(&[2, 2, 1, 1]);
        for n in [SHORT, SHORT + 1, 2 * SHORT + 1, 1000, 4097] {
            check(&scattered(n, u32::MAX));
            check(&scattered(n, 5));
            check(&scattered(n, 300));
            check(&scattered(n, 70_000));
            check(&(0..n as u32).collect::<Vec<_>>());
            check(&(0..n as u32).rev().collect::<Vec<_>>());
        }
    }

    #[test]
    fn so_are_those_of_many_values() {
        check(&scattered(FEW + 1, u32::MAX));
        check(&scattered(FEW + 1, 9));
        let n = 20 * FEW as u64;
        let falling: Vec<u32> = (0..n as u32).rev().collect();
        let count = count(falling.chunks(FEW).map(<[u32]>::to_vec).collect());
        assert_eq!(count, Inversions { inverted: n * (n - 1) / 2, tied: 0 });
    }
}
