//! Kendall's rank correlations, counted exactly (Kendall 1938, 1945; Knight 1966).

use std::ops::Range;

use rayon::prelude::*;

use crate::{
    buckets::{Key, UNDEFINED},
    inversions::{self, couples, tied_couples},
    ranking::{Bucket, MANY, Ranking},
    real::Real,
};

/// Into so many pieces the order is cut, whatever the number of threads.
const PIECES: usize = 64;

/// What two sequences of values say about the couples of places. With at most 2^32 values each count fits in 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Values compared, at most 2^32.
    pub(crate) values: u64,
    tied_in_x: u64,
    tied_in_y: u64,
    tied_in_both: u64,
    discordant: u64,
}

/// How the values stand to 0, of which the diagonal of a matrix is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Zeros {
    in_x: u64,
    in_y: u64,
    in_both: u64,
    /// Values above 0 in the one and below in the other.
    opposite: u64,
}

impl Counts {
    /// Compares `x`, whose ranking this is, with the values `y` at the same places; a place is used if it is defined in both.
    pub(crate) fn of<K: Key>(ranking: &Ranking, x: &[K], y: &[K]) -> Counts {
        assert_eq!(x.len(), y.len(), "the sequences differ in length");
        let shared = ranking.share_out(x, |place| y[place].key());
        let buckets: Vec<(&[u32], Bucket)> =
            ranking.ranges().iter().map(|range| &shared[range.clone()]).zip(ranking.buckets()).collect();
        let pieces: Vec<Piece> = buckets.par_chunks(buckets.len().div_ceil(PIECES).max(1)).map(Piece::of).collect();
        drop(shared);
        let [tied_in_x, tied_in_both, values] =
            [|p: &Piece| p.tied_in_x, |p: &Piece| p.tied_in_both, |p: &Piece| p.y.len() as u64]
                .map(|n| pieces.iter().map(n).sum());
        let inversions = inversions::count(pieces.into_iter().map(|piece| piece.y).collect());
        Counts { values, tied_in_x, tied_in_y: inversions.tied, tied_in_both, discordant: inversions.inverted }
    }

    /// The counts over two whole square matrices of `images` rows, diagonal included, from those over their upper triangles:
    /// each value then stands twice, and `images` pairs of zeros are added.
    pub(crate) fn over_full_matrix(self, images: u64, zeros: Zeros) -> Counts {
        let twice = |tied: u64, zeros: u64| 4 * tied + self.values + 2 * images * zeros + couples(images);
        Counts {
            values: 2 * self.values + images,
            tied_in_x: twice(self.tied_in_x, zeros.in_x),
            tied_in_y: twice(self.tied_in_y, zeros.in_y),
            tied_in_both: twice(self.tied_in_both, zeros.in_both),
            discordant: 4 * self.discordant + 2 * images * zeros.opposite,
        }
    }

    /// Tau-a, or `None` where there are no couples.
    pub(crate) fn tau_a(&self) -> Option<f64> {
        self.over(couples(self.values) as f64)
    }

    /// Tau-b, or `None` where a sequence is tied throughout.
    pub(crate) fn tau_b(&self) -> Option<f64> {
        let couples = couples(self.values);
        // The root of a rounded square is exact, so equal rankings give exactly 1.
        self.over(((couples - self.tied_in_x) as f64 * (couples - self.tied_in_y) as f64).sqrt())
    }

    fn over(&self, scale: f64) -> Option<f64> {
        (scale > 0.0).then(|| (self.concordant_minus_discordant() as f64 / scale).clamp(-1.0, 1.0))
    }

    fn concordant_minus_discordant(&self) -> i128 {
        let tied_in_any = i128::from(self.tied_in_x) + i128::from(self.tied_in_y) - i128::from(self.tied_in_both);
        i128::from(couples(self.values)) - tied_in_any - 2 * i128::from(self.discordant)
    }
}

impl Zeros {
    /// Over the places defined in both.
    pub(crate) fn of<T: Real>(x: &[T], y: &[T]) -> Zeros {
        let defined = x.par_iter().zip(y).filter(|(x, y)| !x.is_undefined() && !y.is_undefined());
        let each = defined.map(|(&x, &y)| (x.into(), y.into())).map(|(x, y): (f64, f64)| Zeros {
            in_x: u64::from(x == 0.0),
            in_y: u64::from(y == 0.0),
            in_both: u64::from(x == 0.0 && y == 0.0),
            opposite: u64::from(x > 0.0 && y < 0.0 || x < 0.0 && y > 0.0),
        });
        each.reduce(Zeros::default, |a, b| Zeros {
            in_x: a.in_x + b.in_x,
            in_y: a.in_y + b.in_y,
            in_both: a.in_both + b.in_both,
            opposite: a.opposite + b.opposite,
        })
    }
}

/// Part of the places in the order of x.
struct Piece {
    /// The keys of y at these places; where x is tied they rise, so that ties in x are no inversions.
    y: Vec<u32>,
    tied_in_x: u64,
    tied_in_both: u64,
}

impl Piece {
    /// From consecutive buckets, each with the keys that were shared out to it.
    fn of(buckets: &[(&[u32], Bucket<'_>)]) -> Piece {
        let values = buckets.iter().map(|(keys, _)| keys.len()).sum();
        let mut piece = Piece { y: Vec::with_capacity(values), tied_in_x: 0, tied_in_both: 0 };
        for (keys, bucket) in buckets {
            piece.add(keys, bucket);
        }
        piece
    }

    fn add(&mut self, keys: &[u32], bucket: &Bucket<'_>) {
        let (mut start, mut kept) = (self.y.len(), self.y.len());
        self.y.extend(bucket.arrange(keys));
        for run in bucket.runs() {
            let keys = start..start + run.len();
            start = keys.end;
            let defined = match run.len() {
                1 => usize::from(self.y[keys.start] != UNDEFINED),
                _ => self.sort_run(keys.clone()),
            };
            if kept < keys.start {
                self.y.copy_within(keys.start..keys.start + defined, kept);
            }
            kept += defined;
        }
        self.y.truncate(kept);
    }

    /// Sorts and counts keys that are tied in x; tells how many of them are defined. They come first.
    fn sort_run(&mut self, run: Range<usize>) -> usize {
        let keys = &mut self.y[run];
        if keys.len() < MANY {
            keys.sort_unstable();
        } else {
            keys.par_sort_unstable();
        }
        let defined = keys.partition_point(|&key| key != UNDEFINED);
        self.tied_in_x += couples(defined as u64);
        self.tied_in_both += tied_couples(&keys[..defined]);
        defined
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_values_do_not_overflow() {
        let values = u64::from(u32::MAX);
        let untied = Counts { values, tied_in_x: 0, tied_in_y: 0, tied_in_both: 0, discordant: 0 };
        let check = |counts: Counts, a, b| assert_eq!([counts.tau_a(), counts.tau_b()], [a, b]);
        check(untied, Some(1.0), Some(1.0));
        check(Counts { discordant: couples(values), ..untied }, Some(-1.0), Some(-1.0));
        let all = couples(values);
        check(Counts { tied_in_x: all, tied_in_y: all, tied_in_both: all, ..untied }, Some(0.0), None);
        // One couple left untied, which both rank alike.
        check(
            Counts { tied_in_x: all - 1, tied_in_y: all - 1, tied_in_both: all - 1, ..untied },
            Some(1.0 / all as f64),
            Some(1.0),
        );
    }

    #[test]
    fn undefined_values_are_left_out() {
        let x = [1.0, f32::NAN, 2.0, 3.0, 4.0];
        let y = [1.0, 9.0, f32::NAN, 4.0, 3.0];
        let counts = Counts::of(&Ranking::of(&x), &x, &y);
        assert_eq!(counts, Counts { values: 3, tied_in_x: 0, tied_in_y: 0, tied_in_both: 0, discordant: 1 });
    }
}
