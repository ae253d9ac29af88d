//! Products, or squared differences, of every vector with every other, block by block.
//!
//! The work is cut into blocks of [`SIDE`] x [`SIDE`] pairs, which are formed by one thread each; a block into tiles of
//! [`PANEL`] x [`PANEL`] pairs, whose sums stay in registers ([`kernels::add_panel_products`] and its like); and the depth into
//! runs of [`RUN`], so that what a tile reads stays in the caches. A run is summed in the precision of the panels, the runs in
//! double, in an order that does not depend on who does it: the same bits for any number of threads.

use std::ops::Range;

use rayon::prelude::*;

use crate::{
    panels::Panels,
    real::{PANEL, Real, Tile},
    triangle::{pairs, row_start},
};

/// Pairs along the side of a block. Its sums, and the runs of the panels it reads, fit in a second-level cache.
pub(crate) const SIDE: usize = 128;

/// So much depth is multiplied before its sums are added to others: short runs keep the rounding of f32 sums small.
const RUN: usize = 256;

/// The sums of one block of pairs, row after row of [`SIDE`].
pub(crate) struct Block {
    sums: Vec<f64>,
}

impl Block {
    pub(crate) fn new() -> Block {
        Block { sums: vec![0.0; SIDE * SIDE] }
    }

    /// Forms `tile` of the vectors of `rows` from number `top` on with those of `columns` from number `left` on, as many
    /// as there are in a block. Both numbers are multiples of the block's side.
    pub(crate) fn fill<N: Real>(&mut self, tile: Tile<N>, rows: &Panels<N>, top: usize, columns: &Panels<N>, left: usize) {
        self.sums.fill(0.0);
        let [rows_panels, column_panels] =
            [(rows, top), (columns, left)].map(|(p, first)| first / PANEL..p.count().min((first + SIDE) / PANEL));
        for start in (0..rows.depth).step_by(RUN) {
            let run = start..(start + RUN).min(rows.depth);
            for column in column_panels.clone() {
                for row in rows_panels.clone() {
                    let sums = &mut self.sums[(row * PANEL - top) * SIDE + column * PANEL - left..];
                    tile(&rows.panel(row)[run.clone()], &columns.panel(column)[run.clone()], sums, SIDE);
                }
            }
        }
    }

    /// One row of sums.
    pub(crate) fn row(&self, i: usize) -> &[f64] {
        &self.sums[i * SIDE..(i + 1) * SIDE]
    }

    /// The sum of the products of this block's sums with another's. Sums of missing vectors are zeros.
    pub(crate) fn dot(&self, other: &Block) -> f64 {
        self.sums.iter().zip(&other.sums).map(|(a, b)| a * b).sum()
    }
}

/// The corners of the blocks that cover `rows` x `columns` pairs.
pub(crate) fn corners(rows: usize, columns: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..rows).step_by(SIDE).flat_map(move |top| (0..columns).step_by(SIDE).map(move |left| (top, left)))
}

/// What becomes of the sums that `tile` forms of all pairs of vectors i < j, row after row: `finish(i, j, sums, kept)` is called with the
/// sums of vector i with j, j + 1, … and writes as many numbers.
pub(crate) fn upper_of<N: Real, O: Real>(
    panels: &Panels<N>,
    tile: Tile<N>,
    finish: impl Fn(usize, usize, &[f64], &mut [O]) + Sync,
) -> Vec<O> {
    let mut upper = vec![O::default(); pairs(panels.vectors)];
    strips(&mut upper, panels.vectors).into_par_iter().for_each_init(Block::new, |block, mut strip| {
        for left in (strip.images.start..panels.vectors).step_by(SIDE) {
            block.fill(tile, panels, strip.images.start, panels, left);
            strip.take(block, left..panels.vectors.min(left + SIDE), panels.vectors, &finish);
        }
    });
    upper
}

/// The rows of the upper triangle that a row of blocks covers.
struct Strip<'a, O> {
    images: Range<usize>,
    rows: &'a mut [O],
}

/// All strips; the longest come first, so that threads finish together.
fn strips<O>(mut upper: &mut [O], images: usize) -> Vec<Strip<'_, O>> {
    let mut strips = Vec::new();
    for first in (0..images).step_by(SIDE) {
        let end = (first + SIDE).min(images);
        let (rows, rest) = upper.split_at_mut(row_start(images, end) - row_start(images, first));
        strips.push(Strip { images: first..end, rows });
        upper = rest;
    }
    strips
}

impl<O> Strip<'_, O> {
    /// Takes the pairs i < j out of a block.
    fn take(&mut self, block: &Block, columns: Range<usize>, images: usize, finish: impl Fn(usize, usize, &[f64], &mut [O])) {
        let first = self.images.start;
        for i in self.images.clone() {
            let from = columns.start.max(i + 1);
            if from >= columns.end {
                continue;
            }
            let start = row_start(images, i) - row_start(images, first) + from - i - 1;
            let sums = &block.row(i - first)[from - columns.start..columns.len()];
            finish(i, from, sums, &mut self.rows[start..start + columns.end - from]);
        }
    }
}
