//! The order of a sequence, with its ties.

use std::{
    ops::Range,
    sync::atomic::{AtomicI32, Ordering::Relaxed},
};

use rayon::prelude::*;

use crate::buckets::{Buckets, UNDEFINED, key, parts, piece};

/// The most values that can be ranked.
const MOST: usize = 1 << 31;

/// Set in a place whose value is tied with that of the place before.
const TIED: u32 = 1 << 31;

/// Buckets are so many that one of the largest matrices can be sorted in a second-level cache.
const BUCKETS: usize = 1024;

/// Below this many values, buckets are not worth their while.
const FEW: usize = 1 << 12;

/// The places of a sequence in the order of its values, tied ones in the order of places. Undefined (NaN) values have none.
#[derive(Clone, Debug)]
pub(crate) struct Ranking {
    values: usize,
    order: Vec<u32>,
}

impl Ranking {
    /// Sorts a sequence: values are shared out to buckets by size, and each bucket is sorted by the digits of its keys.
    ///
    /// O(n); 4 bytes for each value to keep, and 8 more meanwhile.
    pub(crate) fn of(sequence: &[f32]) -> Ranking {
        assert!(sequence.len() < MOST, "{} values are more than can be ranked", sequence.len());
        let entries = if sequence.len() <= FEW { sorted(sequence) } else { sorted_in_buckets(sequence) };
        let order = (0..entries.len()).into_par_iter().map(|at| {
            let tied = at > 0 && high(entries[at - 1]) == high(entries[at]);
            low(entries[at]) | if tied { TIED } else { 0 }
        });
        let order = order.collect();
        Ranking { values: sequence.len(), order }
    }

    /// Length of the sequence, undefined values included.
    pub(crate) fn values(&self) -> usize {
        self.values
    }

    /// The order cut into pieces of work that part no ties, with where each begins.
    pub(crate) fn pieces(&self) -> Vec<(usize, &[u32])> {
        let piece = piece(self.order.len());
        let mut ranges: Vec<Range<usize>> = Vec::new();
        let mut start = 0;
        while start < self.order.len() {
            let least = (start + piece).min(self.order.len());
            let end = least + self.order[least..].iter().take_while(|&&place| place & TIED != 0).count();
            ranges.push(start..end);
            start = end;
        }
        ranges.into_iter().map(|range| (range.start, &self.order[range])).collect()
    }

    /// Twice the rank of each place less the mean rank of all, so that it is a whole number: `first + last - (n-1)` for a value
    /// that is tied from the `first` to the `last` of n, counted from 0. Undefined values have [`NO_RANK`].
    pub(crate) fn ranks(&self) -> Vec<i32> {
        let ranks: Vec<AtomicI32> = (0..self.values).into_par_iter().map(|_| AtomicI32::new(NO_RANK)).collect();
        self.pieces().into_par_iter().for_each(|(start, order)| {
            let mut first = start;
            for run in runs(order) {
                let rank = self.rank(first, run.len());
                run.iter().for_each(|&entry| ranks[place(entry)].store(rank, Relaxed));
                first += run.len();
            }
        });
        ranks.into_iter().map(AtomicI32::into_inner).collect()
    }

    /// The same for the run of `tied` values that begins with the `first`.
    pub(crate) fn rank(&self, first: usize, tied: usize) -> i32 {
        (2 * first as i64 + tied as i64 - self.order.len() as i64) as i32
    }
}

/// The key and place of each defined value, sorted.
fn sorted(sequence: &[f32]) -> Vec<u64> {
    let entries = sequence.iter().zip(0..).map(|(&value, place)| pack(key(value), place));
    let mut entries: Vec<u64> = entries.filter(|&entry| high(entry) != UNDEFINED).collect();
    entries.sort_unstable();
    entries
}

/// The same of many values.
fn sorted_in_buckets(sequence: &[f32]) -> Vec<u64> {
    let piece = piece(sequence.len());
    let pieces: Vec<&[f32]> = sequence.chunks(piece).collect();
    let buckets = Buckets::of(&pieces, key, BUCKETS);
    let ranges = buckets.ranges();
    let mut entries = vec![0; ranges.last().map_or(0, |last| last.end)];

    let places = buckets.places(&mut entries);
    places.into_par_iter().zip(pieces).enumerate().for_each(|(index, (mut places, values))| {
        for (place, &value) in (index * piece..).zip(values) {
            let key = key(value);
            if key != UNDEFINED {
                *places[buckets.bucket(key)].next().expect("as many as were counted") = pack(key, place as u32);
            }
        }
    });
    parts(&mut entries, &ranges).into_par_iter().for_each_init(Vec::new, |spare, bucket| sort_by_key(bucket, spare));
    entries
}

/// The rank of an undefined value.
pub(crate) const NO_RANK: i32 = i32::MIN;

/// The runs of tied places in a piece of an order.
pub(crate) fn runs(order: &[u32]) -> impl Iterator<Item = &[u32]> {
    order.chunk_by(|_, next| next & TIED != 0)
}

/// The place that an entry of an order tells.
#[inline]
pub(crate) fn place(entry: u32) -> usize {
    (entry & !TIED) as usize
}

/// Sorts entries by their key, digit by digit from the last; those of the same key keep their order.
fn sort_by_key(entries: &mut [u64], spare: &mut Vec<u64>) {
    let (least, largest) = entries.iter().fold((u32::MAX, 0), |(a, b), &entry| (a.min(high(entry)), b.max(high(entry))));
    let bits = u32::BITS - largest.saturating_sub(least).leading_zeros();
    spare.resize(entries.len(), 0);
    let (mut from, mut to) = (&mut *entries, &mut spare[..]);
    for shift in (0..bits).step_by(8) {
        let digit = |entry: u64| usize::from(((high(entry) - least) >> shift) as u8);
        let mut next = [0_u32; 256];
        from.iter().for_each(|&entry| next[digit(entry)] += 1);
        let mut sum = 0;
        next.iter_mut().for_each(|next| sum += std::mem::replace(next, sum));
        for &entry in from.iter() {
            let next = &mut next[digit(entry)];
            to[*next as usize] = entry;
            *next += 1;
        }
        (from, to) = (to, from);
    }
    if bits.div_ceil(8) % 2 == 1 {
        to.copy_from_slice(from);
    }
}

fn pack(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

fn high(packed: u64) -> u32 {
    (packed >> 32) as u32
}

fn low(packed: u64) -> u32 {
    packed as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sequence: &[f32]) {
        let mut want: Vec<usize> = (0..sequence.len()).filter(|&place| !sequence[place].is_nan()).collect();
        want.sort_by(|&a, &b| sequence[a].partial_cmp(&sequence[b]).expect("defined"));
        let ranking = Ranking::of(sequence);
        assert!(ranking.order.iter().map(|&entry| place(entry)).eq(want.iter().copied()));
        let tied = |at: usize| at > 0 && sequence[want[at - 1]] == sequence[want[at]];
        assert!(ranking.order.iter().enumerate().all(|(at, entry)| (entry & TIED != 0) == tied(at)));

        let joined: Vec<u32> = ranking.pieces().into_iter().flat_map(|(_, piece)| piece.to_vec()).collect();
        assert_eq!(joined, ranking.order);
        assert!(ranking.pieces().iter().all(|(start, piece)| piece[0] == ranking.order[*start] && piece[0] & TIED == 0));
    }

    #[test]
    fn places_are_in_the_order_of_values() {
        let scattered: Vec<f32> = (0..100_000_u32).map(|i| i.wrapping_mul(2_654_435_769) as f32 / 1e9 - 2.0).collect();
        check(&[]);
        check(&[f32::NAN]);
        check(&[1.0, f32::NAN, -1.0, 0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY]);
        check(&scattered);
        check(&scattered.iter().map(|v| v.floor()).collect::<Vec<_>>());
        check(&scattered.iter().map(|v| if *v > 1.0 { f32::NAN } else { v * 1e-30 }).collect::<Vec<_>>());
        check(&scattered.iter().map(|v| v.powi(21)).collect::<Vec<_>>());
        check(&vec![7.0; 50_000]);
    }

    #[test]
    fn ranks_are_centred_and_doubled() {
        let ranks = Ranking::of(&[5.0, 2.0, f32::NAN, 2.0, 9.0]).ranks();
        assert_eq!(ranks, [1, -2, NO_RANK, -2, 3]); // ranks 3, 1.5, -, 1.5, 4 about 2.5
    }
}
