//! Products of every pattern with every later one: the upper triangle of Z Zᵀ.
//!
//! The work is cut into strips of images, which threads share out; a strip into tiles of [`PANEL`] x [`PANEL`] pairs, whose
//! sums stay in registers; and the features into runs of [`DEPTH`], so that what a tile reads stays in the first-level
//! cache. Each pair's sum is formed in the same order wherever it is computed, in plain multiplications and additions:
//! the same bits for any number of threads and on any machine.

use rayon::prelude::*;

use crate::{
    patterns::{PANEL, Panels},
    rdm::{pairs, row_start},
};

/// Panels in a strip. A strip is what one thread does at a time; all its panels meet a later panel while that is in cache.
const STRIP: usize = 4;

/// Features summed in one go. Short runs also keep the rounding of f32 sums small.
const DEPTH: usize = 128;

/// Half a panel: the rows of a tile whose sums fit in the sixteen registers of SSE2.
const HALF: usize = PANEL / 2;

type Tile = [[f32; PANEL]; HALF];

/// The products of all pairs of images i < j, row after row.
pub(crate) fn upper_products(panels: &Panels) -> Vec<f32> {
    let mut upper = vec![0.0; pairs(panels.images())];
    strips(&mut upper, panels.images()).into_par_iter().for_each(|mut strip| strip.fill(panels));
    upper
}

/// The rows of the upper triangle that belong to [`STRIP`] consecutive panels of images.
struct Strip<'a> {
    images: usize,
    first: usize,
    rows: &'a mut [f32],
}

fn strips(mut upper: &mut [f32], images: usize) -> Vec<Strip<'_>> {
    let mut strips = Vec::new();
    for first in (0..images).step_by(STRIP * PANEL) {
        let end = (first + STRIP * PANEL).min(images);
        let (rows, rest) = upper.split_at_mut(row_start(images, end) - row_start(images, first));
        strips.push(Strip { images, first, rows });
        upper = rest;
    }
    strips
}

impl Strip<'_> {
    fn fill(&mut self, panels: &Panels) {
        let last = self.images.div_ceil(PANEL);
        let first = self.first / PANEL;
        for start in (0..panels.features()).step_by(DEPTH) {
            let run = start..(start + DEPTH).min(panels.features());
            for right in first..last {
                let columns = &panels.panel(right)[run.clone()];
                for left in first..(first + STRIP).min(right + 1) {
                    let rows = &panels.panel(left)[run.clone()];
                    self.add(left * PANEL, right * PANEL, &tile::<0>(rows, columns));
                    self.add(left * PANEL + HALF, right * PANEL, &tile::<HALF>(rows, columns));
                }
            }
        }
    }

    /// Adds a tile, whose corner is the pair (`top`, `left`), to the pairs i < j that it covers.
    fn add(&mut self, top: usize, left: usize, tile: &Tile) {
        for (i, sums) in (top..self.images).zip(tile) {
            let row = row_start(self.images, i) - row_start(self.images, self.first);
            let columns = left.max(i + 1)..(left + PANEL).min(self.images);
            if columns.is_empty() {
                continue;
            }
            let kept = &mut self.rows[row + columns.start - i - 1..row + columns.end - i - 1];
            for (kept, sum) in kept.iter_mut().zip(&sums[columns.start - left..]) {
                *kept += sum;
            }
        }
    }
}

/// Products of half a panel, from image `TOP` on, with a whole panel. Written so that the compiler keeps the sums in
/// registers.
fn tile<const TOP: usize>(rows: &[[f32; PANEL]], columns: &[[f32; PANEL]]) -> Tile {
    let mut sums = [[0.0; PANEL]; HALF];
    for (row, column) in rows.iter().zip(columns) {
        for i in 0..HALF {
            for j in 0..PANEL {
                sums[i][j] += row[TOP + i] * column[j];
            }
        }
    }
    sums
}
