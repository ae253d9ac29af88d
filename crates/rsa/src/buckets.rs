//! Sharing out values to buckets by size, so that each bucket can be sorted, or counted, in cache and by one thread.

use std::{ops::Range, slice::IterMut};

use rayon::prelude::*;

/// The key of NaN. No other value has it: infinity comes well before.
pub(crate) const UNDEFINED: u32 = u32::MAX;

/// What is ranked: something that has a key of 32 bits which orders as it does.
pub trait Key: Copy + std::fmt::Debug + Send + Sync {
    /// The key; `u32::MAX` for what is not defined.
    fn key(self) -> u32;
}

impl Key for f32 {
    fn key(self) -> u32 {
        key(self)
    }
}

impl Key for u32 {
    fn key(self) -> u32 {
        self
    }
}

/// A key that orders as the value does: the bits of a negative number fall as it rises, those of a positive one rise.
fn key(value: f32) -> u32 {
    const SIGN: u32 = 1 << 31;
    let bits = value.to_bits();
    if value.is_nan() {
        UNDEFINED
    } else if value == 0.0 {
        SIGN // for both zeros
    } else if bits & SIGN == 0 {
        bits | SIGN
    } else {
        !bits
    }
}

/// How many values make a piece of work for one thread. Not a matter of how many threads there are.
pub(crate) fn piece(values: usize) -> usize {
    (values / 64).max(1 << 14)
}

/// Bounds between buckets of about equally many keys. A key that occurs often makes a bucket of its own.
///
/// The range of the keys is cut into narrow bins of equal width, which are counted and then joined.
#[derive(Clone, Debug)]
pub(crate) struct Buckets {
    least: u32,
    shift: u32,
    bucket_of: Vec<u16>,
    /// For each piece of the input, how many keys fall in each bucket.
    counts: Vec<Vec<u32>>,
}

impl Buckets {
    /// At most `most` buckets for the keys of all pieces. Undefined keys belong nowhere.
    pub(crate) fn of<T: Copy + Sync>(pieces: &[&[T]], key: impl Fn(T) -> u32 + Sync, most: usize) -> Buckets {
        let defined = |&value: &T| Some(key(value)).filter(|&key| key != UNDEFINED);
        let range = |piece: &&[T]| piece.iter().filter_map(defined).fold((u32::MAX, 0), |(a, b), key| (a.min(key), b.max(key)));
        let (least, largest) = pieces.par_iter().map(range).reduce(|| (u32::MAX, 0), |a, b| (a.0.min(b.0), a.1.max(b.1)));
        let values: usize = pieces.iter().map(|piece| piece.len()).sum();

        let wanted_bins = (values / 1024).clamp(256, 1 << 16);
        let width = largest.saturating_sub(least);
        let shift = (u32::BITS - width.leading_zeros()).saturating_sub(wanted_bins.ilog2());
        let bins = (width >> shift) as usize + 1;
        let count = |piece: &&[T]| {
            let mut bins = vec![0_u32; bins];
            piece.iter().filter_map(defined).for_each(|key| bins[((key - least) >> shift) as usize] += 1);
            bins
        };
        let counts: Vec<Vec<u32>> = pieces.par_iter().map(count).collect();

        let total = |bin| counts.iter().map(|counts| counts[bin] as usize).sum();
        let bucket_of = join((0..bins).into_par_iter().map(total).collect(), values, most);
        let buckets = bucket_of.last().map_or(0, |&last| usize::from(last) + 1);
        let joined = |bins: &Vec<u32>| {
            let mut joined = vec![0; buckets];
            bins.iter().zip(&bucket_of).for_each(|(&count, &bucket)| joined[usize::from(bucket)] += count);
            joined
        };
        let counts = counts.par_iter().map(joined).collect();
        Buckets { least, shift, bucket_of, counts }
    }

    /// The bucket of a key that was among those counted.
    #[inline]
    pub(crate) fn bucket(&self, key: u32) -> usize {
        usize::from(self.bucket_of[((key - self.least) >> self.shift) as usize])
    }

    /// How many keys fall in each bucket, piece by piece.
    pub(crate) fn counts(&self) -> &[Vec<u32>] {
        &self.counts
    }

    /// Where each bucket lies when they follow each other.
    pub(crate) fn ranges(&self) -> Vec<Range<usize>> {
        let mut end = 0;
        let buckets = self.counts.first().map_or(0, Vec::len);
        let mut range = |bucket| {
            let start = end;
            end += self.counts.iter().map(|counts| counts[bucket] as usize).sum::<usize>();
            start..end
        };
        (0..buckets).map(&mut range).collect()
    }

    /// For each piece, where in `all` its entries of each bucket go: buckets in their order, pieces in theirs within a bucket.
    pub(crate) fn places<'a, E>(&self, mut all: &'a mut [E]) -> Vec<Vec<IterMut<'a, E>>> {
        let buckets = self.counts.first().map_or(0, Vec::len);
        let mut places: Vec<Vec<IterMut<'a, E>>> = self.counts.iter().map(|_| Vec::with_capacity(buckets)).collect();
        for bucket in 0..buckets {
            for (places, counts) in places.iter_mut().zip(&self.counts) {
                let (these, rest) = all.split_at_mut(counts[bucket] as usize);
                places.push(these.iter_mut());
                all = rest;
            }
        }
        places
    }
}

/// Joins neighbouring bins to at most `most` buckets; tells the bucket of each bin.
fn join(bins: Vec<usize>, values: usize, most: usize) -> Vec<u16> {
    // Half the buckets would do for bins that fit in; the other half is for those that begin before a large bin.
    let enough = values.div_ceil(most / 2).max(1);
    let (mut bucket, mut held) = (0_u16, 0);
    let place = |count: usize| {
        if held > 0 && held + count > enough {
            bucket += 1;
            held = 0;
        }
        held += count;
        bucket
    };
    bins.into_iter().map(place).collect()
}

/// Cuts a slice into consecutive parts of these lengths.
pub(crate) fn parts<'a, E>(mut all: &'a mut [E], ranges: &[Range<usize>]) -> Vec<&'a mut [E]> {
    let mut parts = Vec::with_capacity(ranges.len());
    for range in ranges {
        let (part, rest) = all.split_at_mut(range.len());
        parts.push(part);
        all = rest;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_order_as_values_do() {
        let tiny = f32::from_bits(1);
        let rising = [f32::NEG_INFINITY, f32::MIN, -1.5, -1.0, -tiny, 0.0, tiny, 1.0, 1.5, f32::MAX, f32::INFINITY, f32::NAN];
        assert!(rising.windows(2).all(|pair| key(pair[0]) < key(pair[1])));
        assert_eq!(key(-0.0), key(0.0));
        assert_eq!([key(-f32::NAN), key(f32::NAN)], [UNDEFINED; 2]);
    }

    #[track_caller]
    fn check(keys: &[u32], most: usize) {
        let pieces: Vec<&[u32]> = keys.chunks(1000).collect();
        let buckets = Buckets::of(&pieces, |key| key, most);
        let defined: Vec<u32> = keys.iter().copied().filter(|&key| key != UNDEFINED).collect();
        let mut all = vec![0; defined.len()];
        for (places, piece) in buckets.places(&mut all).iter_mut().zip(&pieces) {
            for &key in piece.iter().filter(|&&key| key != UNDEFINED) {
                *places[buckets.bucket(key)].next().expect("counted") = key;
            }
        }
        let ranges = buckets.ranges();
        assert!(ranges.len() <= most, "{} buckets", ranges.len());
        parts(&mut all, &ranges).into_iter().for_each(<[u32]>::sort_unstable);
        let mut sorted = defined;
        sorted.sort_unstable();
        assert!(all == sorted);
    }

    #[test]
    fn buckets_follow_each_other() {
        let scattered: Vec<u32> = (0..5000_u32).map(|i| i.wrapping_mul(2_654_435_769)).collect();
        for most in [2, 7, 256] {
            check(&[], most);
            check(&[UNDEFINED; 3], most);
            check(&[5; 3000], most);
            check(&scattered, most);
            check(&scattered.iter().map(|i| i % 7).collect::<Vec<_>>(), most);
            check(&scattered.iter().map(|i| if i % 3 == 0 { UNDEFINED } else { i % 300 }).collect::<Vec<_>>(), most);
            check(&scattered.iter().map(|i| if i % 3 == 0 { u32::MAX - 1 } else { i % 300 }).collect::<Vec<_>>(), most);
        }
    }
}
