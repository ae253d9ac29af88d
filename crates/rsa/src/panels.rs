//! Patterns laid out for multiplication.

use rayon::prelude::*;

use crate::{
    real::{PANEL, Real},
    seen::Seen,
};

/// Vectors in panels of [`PANEL`], side by side: number k of all vectors of a panel lie together, so that products read
/// memory in order. Vectors missing in the last panel are zeros.
pub(crate) struct Panels<N> {
    /// Number of vectors.
    pub(crate) vectors: usize,
    /// Numbers in each.
    pub(crate) depth: usize,
    /// Panel after panel, from `start` on.
    values: Vec<N>,
    /// Where a line of the cache begins: rows that straddle two lines make a product a tenth slower.
    start: usize,
}

/// Bytes of a line of the cache.
const LINE: usize = 64;

impl<N: Real> Panels<N> {
    /// One vector for each image: `number(feature, value)` of its pattern's values as the distance sees them.
    pub(crate) fn of_images<T: Real>(seen: &Seen<'_, T>, number: impl Fn(usize, f64) -> N + Sync) -> Panels<N> {
        let (images, depth) = (seen.patterns.images, seen.patterns.features);
        let mut panels = Panels::zeros(images, depth);
        let of_panel = seen.patterns.values.par_chunks(PANEL * depth).zip(seen.changes.par_chunks(PANEL));
        panels.rows_mut().par_chunks_mut(depth).zip(of_panel).for_each(|(panel, (patterns, changes))| {
            // A few features of all patterns at a time, so that each piece of the panel is written while it is in cache.
            for (start, rows) in (0..depth).step_by(PANEL).zip(panel.chunks_mut(PANEL)) {
                for (place, (pattern, change)) in patterns.chunks_exact(depth).zip(changes).enumerate() {
                    for (k, to) in (start..).zip(rows.iter_mut()) {
                        to[place] = number(k, change.of(pattern[k].into()));
                    }
                }
            }
        });
        panels
    }

    /// One vector for each feature: `number(feature, value)` of its values for all images.
    pub(crate) fn of_features<T: Real>(seen: &Seen<'_, T>, number: impl Fn(usize, f64) -> N + Sync) -> Panels<N> {
        let (features, depth) = (seen.patterns.features, seen.patterns.images);
        let mut panels = Panels::zeros(features, depth);
        panels.rows_mut().par_chunks_mut(depth).enumerate().for_each(|(index, panel)| {
            let first = index * PANEL;
            for (image, row) in panel.iter_mut().enumerate() {
                let values = &seen.patterns.pattern(image)[first..features.min(first + PANEL)];
                for ((k, to), &value) in (first..).zip(row.iter_mut()).zip(values) {
                    *to = number(k, seen.changes[image].of(value.into()));
                }
            }
        });
        panels
    }

    fn zeros(vectors: usize, depth: usize) -> Panels<N> {
        let spare = LINE / size_of::<N>();
        let values = vec![N::default(); vectors.div_ceil(PANEL) * depth * PANEL + spare];
        let start = values.as_ptr().align_offset(LINE).min(spare);
        Panels { vectors, depth, values, start }
    }

    fn rows_mut(&mut self) -> &mut [[N; PANEL]] {
        let length = self.count() * self.depth * PANEL;
        self.values[self.start..self.start + length].as_chunks_mut().0
    }

    /// Number of panels.
    pub(crate) fn count(&self) -> usize {
        self.vectors.div_ceil(PANEL)
    }

    /// One panel.
    pub(crate) fn panel(&self, index: usize) -> &[[N; PANEL]] {
        let each = self.depth * PANEL;
        self.values[self.start + index * each..self.start + (index + 1) * each].as_chunks().0
    }

    /// The squared length of each vector, as it was rounded.
    pub(crate) fn squared_lengths(&self) -> Vec<f64> {
        self.sums_of(|value| value * value)
    }

    /// The sum of each vector.
    pub(crate) fn sums(&self) -> Vec<f64> {
        self.sums_of(|value| value)
    }

    fn sums_of(&self, term: impl Fn(f64) -> f64 + Sync) -> Vec<f64> {
        let of_panel = |panel: usize| {
            let mut sums = [0.0; PANEL];
            for row in self.panel(panel) {
                sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum += term(value.into()));
            }
            sums
        };
        let mut sums: Vec<f64> = (0..self.count()).into_par_iter().flat_map_iter(of_panel).collect();
        sums.truncate(self.vectors);
        sums
    }
}
