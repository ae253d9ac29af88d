//! The order of a sequence, with its ties.

use std::ops::Range;

use rayon::prelude::*;

use crate::buckets::{Buckets, Key, UNDEFINED, parts, piece};

/// The most values that can be ranked.
const MOST: usize = 1 << 31;

/// From so many tied values on, threads share in sorting them.
pub(crate) const MANY: usize = 1 << 17;

/// Set in an entry of an order whose value is tied with that of the entry before.
const TIED: u32 = 1 << 31;

/// The order of the values of a sequence, tied ones in the order of their places. Undefined (NaN) values have no place in it.
///
/// Values are shared out to buckets by size. Within a bucket they are numbered in the order of their places, and the order says
/// these numbers. So other values at the same places can be brought into the order of this sequence by sharing them out
/// likewise, which reads and writes memory in order, and then rearranging each bucket in cache; jumping to their places would
/// take several times as long.
#[derive(Clone, Debug)]
pub(crate) struct Ranking {
    values: usize,
    buckets: Buckets,
    ranges: Vec<Range<usize>>,
    /// Bucket after bucket.
    order: Vec<u32>,
}

/// The order of one bucket's values.
pub(crate) struct Bucket<'a> {
    /// Where it begins in the order of all values.
    pub(crate) start: usize,
    order: &'a [u32],
}

impl Ranking {
    /// Sorts a sequence. O(n); 4 bytes for each value.
    pub(crate) fn of<K: Key>(sequence: &[K]) -> Ranking {
        assert!(sequence.len() < MOST, "{} values are more than can be ranked", sequence.len());
        let pieces: Vec<&[K]> = sequence.chunks(piece(sequence.len())).collect();
        // At most so many that one of the largest matrices can be sorted in a second-level cache.
        let buckets = Buckets::of(&pieces, K::key, (sequence.len() >> 15).clamp(2, 1024));
        let ranges = buckets.ranges();
        let mut ranking = Ranking { values: sequence.len(), buckets, ranges, order: Vec::new() };
        let mut order: Vec<u32> = ranking.share_out(sequence, |place| sequence[place].key());
        parts(&mut order, &ranking.ranges)
            .into_par_iter()
            .for_each_init(<[Vec<u64>; 2]>::default, |spare, bucket| sort(bucket, spare));
        ranking.order = order;
        ranking
    }

    /// The buckets in their order.
    pub(crate) fn buckets(&self) -> Vec<Bucket<'_>> {
        self.ranges.iter().map(|range| Bucket { start: range.start, order: &self.order[range.clone()] }).collect()
    }

    /// Where each bucket lies.
    pub(crate) fn ranges(&self) -> &[Range<usize>] {
        &self.ranges
    }

    /// `value(place)` of all places where the ranked `sequence` is defined, bucket after bucket, by place within each.
    pub(crate) fn share_out<K: Key, E: Copy + Default + Send>(
        &self,
        sequence: &[K],
        value: impl Fn(usize) -> E + Sync,
    ) -> Vec<E> {
        assert_eq!(self.values, sequence.len(), "another sequence");
        let mut shared = vec![E::default(); self.ranges.last().map_or(0, |last| last.end)];
        let piece = piece(sequence.len());
        let places = self.buckets.places(&mut shared);
        places.into_par_iter().zip(sequence.par_chunks(piece)).enumerate().for_each(|(index, (mut to, sequence))| {
            for (place, &x) in (index * piece..).zip(sequence) {
                let key = x.key();
                if key != UNDEFINED {
                    *to[self.buckets.bucket(key)].next().expect("as many as were counted") = value(place);
                }
            }
        });
        shared
    }

    /// Twice the rank of each value less the mean rank of all, so that it is a whole number: `first + last - (n-1)` for a value
    /// that is tied from the `first` to the `last` of n, counted from 0. Undefined values have 0, as the mean rank.
    pub(crate) fn ranks<K: Key>(&self, sequence: &[K]) -> Vec<i32> {
        let mut shared = vec![0; self.order.len()];
        parts(&mut shared, &self.ranges).into_par_iter().zip(self.buckets()).for_each(|(ranks, bucket)| {
            let mut first = bucket.start;
            for run in bucket.runs() {
                let rank = 2 * first as i64 + run.len() as i64 - self.order.len() as i64;
                run.iter().for_each(|&entry| ranks[number(entry)] = rank as i32);
                first += run.len();
            }
        });
        self.bring_back(sequence, &mut shared, 0)
    }

    /// The other way round than [`Ranking::share_out`]: what lies bucket after bucket, by place within each, to its places in the
    /// sequence; `undefined` where the sequence is.
    fn bring_back<K: Key, E: Copy + Send + Sync>(&self, sequence: &[K], shared: &mut [E], undefined: E) -> Vec<E> {
        let piece = piece(sequence.len());
        let mut all = vec![undefined; sequence.len()];
        let from = self.buckets.places(shared);
        from.into_par_iter().zip(sequence.par_chunks(piece)).zip(all.par_chunks_mut(piece)).for_each(
            |((mut from, sequence), all)| {
                for (to, &x) in all.iter_mut().zip(sequence) {
                    let key = x.key();
                    if key != UNDEFINED {
                        *to = *from[self.buckets.bucket(key)].next().expect("as many as were counted");
                    }
                }
            },
        );
        all
    }
}

/// Numbers of 32 bits that order as doubles do: for each, how many are smaller. NaN has the key of what is undefined.
///
/// The values are first ranked as they are rounded to single precision, after all were brought to between 0 and 1, which keeps
/// their order; then what has become equal is ranked among itself. O(n) where few have; 20 bytes for each value meanwhile.
pub(crate) fn order_of_doubles(values: &[f64]) -> Vec<u32> {
    let finite = || values.par_iter().copied().filter(|value| value.is_finite());
    let (least, largest) = (finite().reduce(|| f64::INFINITY, f64::min), finite().reduce(|| f64::NEG_INFINITY, f64::max));
    // halves, because the range of the largest doubles is more than a double holds
    let range = largest / 2.0 - least / 2.0;
    let unit = if range > 0.0 { range } else { 1.0 };
    let singles: Vec<f32> = values.par_iter().map(|value| ((value / 2.0 - least / 2.0) / unit) as f32).collect();
    let ranking = Ranking::of(&singles);
    let places: Vec<u32> = ranking.share_out(&singles, |place| place as u32);
    let mut smaller = vec![0; places.len()];
    parts(&mut smaller, &ranking.ranges).into_par_iter().zip(ranking.buckets()).for_each(|(smaller, bucket)| {
        let places = &places[bucket.start..];
        let mut first = bucket.start as u32;
        for run in bucket.runs() {
            rank_run(values, places, run, |entry, rank| smaller[number(entry)] = first + rank);
            first += run.len() as u32;
        }
    });
    ranking.bring_back(&singles, &mut smaller, UNDEFINED)
}

/// Tells of the entries of a run, whose values are equal in single precision, how many others of the run have smaller ones.
fn rank_run(values: &[f64], places: &[u32], run: &[u32], mut tell: impl FnMut(u32, u32)) {
    if let [only] = run {
        return tell(*only, 0);
    }
    let mut sorted: Vec<(f64, u32)> = run.iter().map(|&entry| (values[places[number(entry)] as usize], entry)).collect();
    let by_value = |a: &(f64, u32), b: &(f64, u32)| a.0.partial_cmp(&b.0).expect("NaN has no place in an order");
    if sorted.len() < MANY {
        sorted.sort_unstable_by(by_value);
    } else {
        sorted.par_sort_unstable_by(by_value);
    }
    let mut smaller = 0;
    for same in sorted.chunk_by(|a, b| a.0 == b.0) {
        same.iter().for_each(|&(_, entry)| tell(entry, smaller));
        smaller += same.len() as u32;
    }
}

impl<'a> Bucket<'a> {
    /// The runs of tied values.
    pub(crate) fn runs(&self) -> impl Iterator<Item = &'a [u32]> + use<'a> {
        self.order.chunk_by(|_, next| next & TIED != 0)
    }

    /// Brings values that were shared out to this bucket into its order.
    pub(crate) fn arrange<E: Copy>(&self, values: &[E]) -> impl Iterator<Item = E> {
        self.order.iter().map(|&entry| values[number(entry)])
    }
}

/// The number in its bucket that an entry of an order says.
fn number(entry: u32) -> usize {
    (entry & !TIED) as usize
}

/// Turns a bucket's keys into its order.
fn sort(bucket: &mut [u32], [entries, spare]: &mut [Vec<u64>; 2]) {
    // A value that occurs often fills a bucket of its own, which may be most of all values.
    if bucket.iter().all(|&key| key == bucket[0]) {
        bucket.iter_mut().zip(0..).for_each(|(order, number)| *order = number | if number > 0 { TIED } else { 0 });
        return;
    }
    entries.clear();
    entries.extend(bucket.iter().zip(0..).map(|(&key, number)| pack(key, number)));
    sort_by_key(entries, spare);
    let mut before = None;
    for (order, &entry) in bucket.iter_mut().zip(entries.iter()) {
        let tied = before == Some(high(entry));
        *order = low(entry) | if tied { TIED } else { 0 };
        before = Some(high(entry));
    }
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
        let defined: Vec<usize> = (0..sequence.len()).filter(|&place| !sequence[place].is_nan()).collect();
        let mut want = defined.clone();
        want.sort_by(|&a, &b| sequence[a].partial_cmp(&sequence[b]).expect("defined"));
        let ranking = Ranking::of(sequence);
        let places = ranking.share_out(sequence, |place| place);
        let arranged = ranking.buckets().into_iter().flat_map(|bucket| {
            let range = bucket.start..bucket.start + bucket.order.len();
            bucket.arrange(&places[range]).collect::<Vec<_>>()
        });
        assert!(arranged.eq(want.iter().copied()));
        let tied = |at: usize| at > 0 && sequence[want[at - 1]] == sequence[want[at]];
        assert!(ranking.order.iter().enumerate().all(|(at, entry)| (entry & TIED != 0) == tied(at)));

        let ranks = ranking.ranks(sequence);
        let mut first = 0;
        for run in want.chunk_by(|&a, &b| sequence[a] == sequence[b]) {
            let rank = (2 * first + run.len()) as i32 - want.len() as i32;
            assert!(run.iter().all(|&place| ranks[place] == rank));
            first += run.len();
        }
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

    #[track_caller]
    fn check_doubles(values: &[f64]) {
        let smaller = |value: f64| values.iter().filter(|&&other| other < value).count() as u32;
        let want: Vec<u32> = values.iter().map(|&v| if v.is_nan() { UNDEFINED } else { smaller(v) }).collect();
        assert_eq!(order_of_doubles(values), want);
    }

    /// Also where doubles are closer than single precision can tell, and beyond its range.
    #[test]
    fn doubles_are_ordered_by_all_their_digits() {
        let scattered: Vec<f64> = (0..3_000_u32).map(|i| f64::from(i.wrapping_mul(2_654_435_769))).collect();
        check_doubles(&[]);
        check_doubles(&[f64::NAN, f64::NAN]);
        check_doubles(&[1.0, f64::NAN, -1.0, 0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN]);
        check_doubles(&[0.0, 5e-324, 1e-323, 5e-324]);
        check_doubles(&scattered);
        check_doubles(&scattered.iter().map(|v| 1.0 + v * 1e-25).collect::<Vec<_>>());
        check_doubles(&scattered.iter().map(|v| 1.0 + (v % 7.0) * f64::EPSILON).collect::<Vec<_>>());
        check_doubles(&scattered.iter().map(|v| v * 1e-310).chain([1.0]).collect::<Vec<_>>());
        check_doubles(&scattered.iter().map(|v| if *v < 1e9 { f64::NAN } else { -v * 1e290 }).collect::<Vec<_>>());
    }

    #[test]
    fn ranks_are_centred_and_doubled() {
        let sequence = [5.0, 2.0, f32::NAN, 2.0, 9.0];
        assert_eq!(Ranking::of(&sequence).ranks(&sequence), [1, -2, 0, -2, 3]); // ranks 3, 1.5, -, 1.5, 4 about 2.5
    }
}
