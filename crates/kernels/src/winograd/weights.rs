//! From weights to points and back.
//!
//! PyTorch's order is `[output][input][3][3]`. Blocks of 16 outputs × 16 inputs × 9 taps are moved by register transposes, so
//! that a vector holds one tap of sixteen outputs, or of sixteen inputs, which then are transformed like pixels.

use super::Layout;
use super::transform::{SIDE, Square, Transform, both_ways};
use crate::scratch::{Scratch, Target, scratch};
use crate::simd::{BLOCK, Lanes};

/// The taps of one filter, and of the filters of sixteen inputs.
const TAPS: usize = 9;
const ROW: usize = BLOCK * TAPS;

/// Room for blocks of weights on their way, 144 rows of 16 numbers each. A task takes it once.
pub(super) struct Room(Scratch);

impl Room {
    pub(super) fn new() -> Room {
        Room(scratch(2 * ROW * BLOCK))
    }

    fn halves(&mut self) -> (&mut [f32], &mut [f32]) {
        self.0.split_at_mut(ROW * BLOCK)
    }
}

/// The number of weights of one convolution, which is how they lie in memory.
#[derive(Clone, Copy)]
pub(super) struct Filters {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
}

impl Filters {
    pub(super) fn len(self) -> usize {
        self.inputs * self.outputs * TAPS
    }

    pub(super) fn input_blocks(self) -> usize {
        self.inputs.div_ceil(BLOCK)
    }

    pub(super) fn output_blocks(self) -> usize {
        self.outputs.div_ceil(BLOCK)
    }

    /// How many outputs and inputs a pair of blocks really has, and where its first weight is.
    fn extent(self, output_block: usize, input_block: usize) -> (usize, usize, usize) {
        let (output, input) = (output_block * BLOCK, input_block * BLOCK);
        assert!(output < self.outputs && input < self.inputs, "there is such a pair of blocks");
        ((self.outputs - output).min(BLOCK), (self.inputs - input).min(BLOCK), (output * self.inputs + input) * TAPS)
    }

    /// The weights of a pair of blocks, rows `input * 9 + tap` of 16 outputs, in the first half of the room. Those of the next pair, `ahead`
    /// numbers further on, are asked for already: they come from sixteen places far apart, which no processor guesses.
    #[inline(always)]
    fn read<L: Lanes>(self, w: &[f32], pair: (usize, usize), ahead: usize, room: &mut Room) {
        assert!(w.len() == self.len());
        let (outputs, inputs, first) = self.extent(pair.0, pair.1);
        let (panel, padded) = room.halves();
        let (from, row) = if outputs == BLOCK && inputs == BLOCK {
            for row in 0..BLOCK {
                for line in 0..TAPS {
                    L::prefetch(w.as_ptr().wrapping_add(first + ahead + row * self.inputs * TAPS + line * BLOCK));
                }
            }
            (w[first..].as_ptr(), self.inputs * TAPS)
        } else {
            padded.fill(0.0);
            for output in 0..outputs {
                let from = first + output * self.inputs * TAPS;
                padded[output * ROW..][..inputs * TAPS].copy_from_slice(&w[from..from + inputs * TAPS]);
            }
            (padded.as_ptr(), ROW)
        };
        for square in 0..TAPS {
            // SAFETY: both have sixteen rows of 144 numbers: `extent` says that the whole block is inside of `w`.
            unsafe { L::transpose(from.add(square * BLOCK), row, panel[square * BLOCK * BLOCK..].as_mut_ptr(), BLOCK) };
        }
    }

    /// `U = G w Gᵀ` for a pair of blocks: rows are inputs, and the block of columns is `block` of the matrices in `u`.
    ///
    /// # Safety
    /// Nobody else uses this pair's part of `u` now.
    #[inline(always)]
    pub(super) unsafe fn transform<L: Lanes, X: Transform>(
        self,
        w: &[f32],
        pair: (usize, usize),
        u: Target,
        layout: Layout,
        block: usize,
        room: &mut Room,
    ) {
        self.read::<L>(w, pair, ROW, room);
        let (panel, _) = room.halves();
        let first = layout.at(0, block) + pair.1 * BLOCK * BLOCK;
        assert!(u.len() >= layout.len(X::POINTS * X::POINTS) && block < layout.blocks && (pair.1 + 1) * BLOCK <= layout.rows);
        for input in 0..BLOCK {
            // SAFETY: the panel has nine rows for each input; `u` has the row `input` of this block at each point, by the assertion.
            unsafe {
                let taps = read_taps::<L>(panel.as_ptr().add(input * TAPS * BLOCK), BLOCK);
                write_points::<L, X>(&taps, u.at(first + input * BLOCK), layout);
            }
        }
    }

    /// The same, transposed: rows are outputs, and the block of columns is a block of inputs.
    ///
    /// # Safety
    /// Nobody else uses this pair's part of `u` now.
    #[inline(always)]
    pub(super) unsafe fn transform_back<L: Lanes, X: Transform>(
        self,
        w: &[f32],
        pair: (usize, usize),
        u: Target,
        layout: Layout,
        block: usize,
        room: &mut Room,
    ) {
        self.read::<L>(w, pair, BLOCK * self.inputs * TAPS, room);
        let (panel, turned) = room.halves();
        for tap in 0..TAPS {
            // SAFETY: sixteen rows of the panel, nine rows apart, and sixteen of `turned`.
            unsafe {
                let to = turned.as_mut_ptr().add(tap * BLOCK * BLOCK);
                L::transpose(panel.as_ptr().add(tap * BLOCK), ROW, to, BLOCK);
            }
        }
        let first = layout.at(0, block) + pair.0 * BLOCK * BLOCK;
        assert!(u.len() >= layout.len(X::POINTS * X::POINTS) && block < layout.blocks && (pair.0 + 1) * BLOCK <= layout.rows);
        for output in 0..BLOCK {
            // SAFETY: `turned` has a row for each tap and output; `u` has the row `output` of this block at each point.
            unsafe {
                let taps = read_taps::<L>(turned.as_ptr().add(output * BLOCK), BLOCK * BLOCK);
                write_points::<L, X>(&taps, u.at(first + output * BLOCK), layout);
            }
        }
    }

    /// `dw = Gᵀ dU G` for a pair of blocks, whose products are 16 rows (inputs) of 16 columns (outputs) at each point, `point`
    /// numbers apart in `du`.
    ///
    /// # Safety
    /// Nobody else uses this pair's weights in `dw` now.
    #[inline(always)]
    pub(super) unsafe fn gradient<L: Lanes, X: Transform>(
        self,
        du: &[f32],
        point: usize,
        pair: (usize, usize),
        dw: Target,
        room: &mut Room,
    ) {
        assert!(dw.len() == self.len() && du.len() >= (X::POINTS * X::POINTS - 1) * point + BLOCK * BLOCK);
        let (panel, padded) = room.halves();
        for input in 0..BLOCK {
            // SAFETY: `du` has sixteen rows at each point, by the assertion; the panel has nine rows for each input.
            unsafe {
                let points = read_points::<L, X>(du.as_ptr().add(input * BLOCK), point);
                let taps = both_ways::<L, X::WeightBack>(&points);
                for tap in 0..TAPS {
                    taps[tap / 3][tap % 3].store(panel.as_mut_ptr().add((input * TAPS + tap) * BLOCK));
                }
            }
        }
        // SAFETY: what the caller promises.
        unsafe { self.write::<L>(panel, padded, pair, dw) };
    }

    /// Writes a pair of blocks back to PyTorch's order.
    ///
    /// # Safety
    /// Nobody else uses this pair's weights in `dw` now.
    #[inline(always)]
    unsafe fn write<L: Lanes>(self, panel: &[f32], padded: &mut [f32], pair: (usize, usize), dw: Target) {
        let (outputs, inputs, first) = self.extent(pair.0, pair.1);
        assert!(panel.len() == ROW * BLOCK && padded.len() == panel.len());
        let whole = outputs == BLOCK && inputs == BLOCK;
        // SAFETY: `extent` says that the whole block, or `outputs` rows of `inputs` filters, are inside of `dw`.
        unsafe {
            let (to, row) = if whole { (dw.at(first), self.inputs * TAPS) } else { (padded.as_mut_ptr(), ROW) };
            for square in 0..TAPS {
                L::transpose(panel.as_ptr().add(square * BLOCK * BLOCK), BLOCK, to.add(square * BLOCK), row);
            }
            if !whole {
                for output in 0..outputs {
                    let to = dw.at(first + output * self.inputs * TAPS);
                    to.copy_from_nonoverlapping(padded.as_ptr().add(output * ROW), inputs * TAPS);
                }
            }
        }
    }
}

/// # Safety
/// Sixteen numbers can be read at each of nine taps, `distance` numbers apart.
#[inline(always)]
unsafe fn read_taps<L: Lanes>(from: *const f32, distance: usize) -> Square<L> {
    let mut square = [[L::splat(0.0); SIDE]; SIDE];
    for tap in 0..TAPS {
        // SAFETY: what the caller promises.
        square[tap / 3][tap % 3] = unsafe { L::load(from.add(tap * distance)) };
    }
    square
}

/// # Safety
/// Sixteen numbers can be read at each point, `distance` numbers apart.
#[inline(always)]
unsafe fn read_points<L: Lanes, X: Transform>(from: *const f32, distance: usize) -> Square<L> {
    let mut square = [[L::splat(0.0); SIDE]; SIDE];
    for i in 0..X::POINTS {
        for j in 0..X::POINTS {
            // SAFETY: what the caller promises.
            square[i][j] = unsafe { L::load(from.add((i * X::POINTS + j) * distance)) };
        }
    }
    square
}

/// # Safety
/// Sixteen numbers can be written at each point of the layout, from `to` on.
#[inline(always)]
unsafe fn write_points<L: Lanes, X: Transform>(taps: &Square<L>, to: *mut f32, layout: Layout) {
    let points = both_ways::<L, X::Weight>(taps);
    for i in 0..X::POINTS {
        for j in 0..X::POINTS {
            // SAFETY: what the caller promises.
            unsafe { points[i][j].store(to.add((i * X::POINTS + j) * layout.point())) };
        }
    }
}
