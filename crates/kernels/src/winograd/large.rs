//! The schedule for large maps: the weights are transformed once, then chunks of tiles go through the whole computation while
//! they are in the second-level cache.

use super::tiles::{Domain, Grid, Job};
use super::transform::{Lavin, Transform};
use super::weights::{Filters, Room};
use super::{Layout, sum_bias};
use crate::call::{Backward, ConvolutionGradients, Forward};
use crate::gemm::{Outer, Product};
use crate::scratch::{Scratch, Target, scratch, written};
use crate::simd::{BLOCK, Lanes, Simd, Work};
use crate::threads::{each, part, parts};
use std::ops::Range;

/// The number of products of a tile.
const POINTS: usize = Lavin::POINTS * Lavin::POINTS;

/// How many tiles go through together.
const CHUNK: usize = 24;

/// Convolves forward.
pub(crate) fn forward(call: &Forward) -> Vec<f32> {
    let filters = Filters { inputs: call.shape.inputs, outputs: call.shape.outputs };
    let (inputs, outputs) = (Grid::<Lavin>::new(call.at, filters.inputs), Grid::<Lavin>::new(call.at, filters.outputs));
    let u = Weights::transformed(call.simd, call.weight, filters, false);
    let zeros = vec![0.0; inputs.blocks() * BLOCK];
    let write = |y: Target| {
        each(inputs.tiles().div_ceil(CHUNK), call.cost(), |i| {
            let tiles = i * CHUNK..inputs.tiles().min((i + 1) * CHUNK);
            call.simd.run(ForwardChunk { call, inputs, outputs, u: &u, zeros: &zeros, tiles, y });
        });
    };
    // SAFETY: the tiles of all chunks cover every pixel, and each chunk writes all channels of its tiles.
    unsafe { written(call.output_len(), write) }
}

/// Transformed weights of all points: `inputs × outputs`, or transposed for the backward pass.
struct Weights {
    memory: Scratch,
    layout: Layout,
}

impl Weights {
    fn transformed(simd: Simd, weight: &[f32], filters: Filters, transposed: bool) -> Weights {
        let (rows, blocks) = match transposed {
            false => (filters.input_blocks() * BLOCK, filters.output_blocks()),
            true => (filters.output_blocks() * BLOCK, filters.input_blocks()),
        };
        let layout = Layout { rows, blocks };
        let mut memory = scratch(layout.len(POINTS));
        // The pairs of a column of blocks are neighbours at each point, so that threads share few cache lines.
        let target = memory.target();
        each(blocks, filters.len() * 20, |block| {
            simd.run(TransformWeights { weight, filters, transposed, u: target, layout, block });
        });
        Weights { memory, layout }
    }

    /// The matrix of a point, from a block of columns on.
    fn at(&self, point: usize, block: usize) -> &[f32] {
        &self.memory[self.layout.at(point, block)..]
    }
}

/// Transforms the weights of one block of columns.
struct TransformWeights<'a> {
    weight: &'a [f32],
    filters: Filters,
    transposed: bool,
    u: Target<'a>,
    layout: Layout,
    block: usize,
}

impl Work for TransformWeights<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let mut room = Room::new();
        for other in 0..self.layout.rows / BLOCK {
            // SAFETY: each task writes the columns of its own block.
            unsafe {
                if self.transposed {
                    self.filters.transform_back::<L, Lavin>(
                        self.weight,
                        (other, self.block),
                        self.u,
                        self.layout,
                        self.block,
                        &mut room,
                    );
                } else {
                    self.filters.transform::<L, Lavin>(
                        self.weight,
                        (self.block, other),
                        self.u,
                        self.layout,
                        self.block,
                        &mut room,
                    );
                }
            }
        }
    }
}

/// A chunk of tiles, forward.
struct ForwardChunk<'a> {
    call: &'a Forward<'a>,
    inputs: Grid<Lavin>,
    outputs: Grid<Lavin>,
    u: &'a Weights,
    zeros: &'a [f32],
    tiles: Range<usize>,
    y: Target<'a>,
}

impl Work for ForwardChunk<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let mut v = Chunk::new(self.inputs, self.tiles.clone());
        let mut m = Chunk::new(self.outputs, self.tiles.clone());
        let mut spill = scratch(self.outputs.blocks() * BLOCK);
        let (job, domain) = v.job();
        // SAFETY: the matrices are this task's own.
        unsafe { job.patches::<L>(self.call.x, self.zeros, &domain) };
        let next = self.inputs.span(self.tiles.end..self.tiles.end + self.tiles.len());
        for point in 0..POINTS {
            fetch::<L>(self.call.x, &next, point);
            for block in 0..self.outputs.blocks() {
                L::call(v.times(point, self.u.at(point, block), m.at_mut(point, block)));
            }
        }
        let (job, domain) = m.job();
        // SAFETY: all of M was written; the pixels of these tiles in `y` are this task's own.
        unsafe { job.outputs::<L>(&domain, self.call.finish, &mut spill, self.y) };
    }
}

/// Has the share of a point of what the next chunk will read brought into the second-level cache, while this chunk is multiplied:
/// memory has nothing else to do then.
#[inline(always)]
fn fetch<L: Lanes>(maps: &[f32], next: &Range<usize>, point: usize) {
    let share = part(next.len(), POINTS, point);
    for at in (next.start + share.start..next.start + share.end).step_by(BLOCK) {
        L::prefetch_second_level(maps.as_ptr().wrapping_add(at));
    }
}

/// The matrices of all points for a chunk of tiles.
struct Chunk {
    memory: Scratch,
    layout: Layout,
    job: Job<Lavin>,
}

impl Chunk {
    fn new(grid: Grid<Lavin>, tiles: Range<usize>) -> Chunk {
        let layout = Layout { rows: tiles.len(), blocks: grid.blocks() };
        Chunk { memory: scratch(layout.len(POINTS)), layout, job: Job { grid, tiles, blocks: 0..grid.blocks() } }
    }

    /// What is to be transformed, and the memory for it.
    fn job(&mut self) -> (&Job<Lavin>, Domain<'_>) {
        let (layout, first_tile) = (self.layout, self.job.tiles.start);
        (&self.job, Domain { memory: self.memory.target(), layout, first_tile, first_block: 0 })
    }

    fn at(&self, point: usize, block: usize) -> &[f32] {
        &self.memory[self.layout.at(point, block)..]
    }

    fn at_mut(&mut self, point: usize, block: usize) -> &mut [f32] {
        &mut self.memory[self.layout.at(point, block)..]
    }

    /// This matrix of a point times a block of columns.
    #[inline(always)]
    fn times<'a>(&'a self, point: usize, b: &'a [f32], c: &'a mut [f32]) -> Product<'a> {
        let Layout { rows, blocks } = self.layout;
        Product { a: self.at(point, 0), a_block: self.layout.block(), b, c, rows, depth: blocks * BLOCK, add: false, soon: None }
    }
}

/// Convolves backward.
pub(crate) fn backward(call: &Backward) -> ConvolutionGradients {
    let filters = Filters { inputs: call.shape.inputs, outputs: call.shape.outputs };
    let (inputs, outputs) = (Grid::<Lavin>::new(call.at, filters.inputs), Grid::<Lavin>::new(call.at, filters.outputs));
    let u = call.want_dx.then(|| Weights::transformed(call.simd, call.weight, filters, true));
    let zeros = vec![0.0; inputs.blocks().max(outputs.blocks()) * BLOCK];
    let count = parts(call.at.images, 1);
    let layout = Layout { rows: inputs.blocks() * BLOCK, blocks: outputs.blocks() };
    let (mut du, mut dbias) = (scratch(count * layout.len(POINTS)), scratch(count * outputs.blocks() * BLOCK));
    dbias.fill(0.0);
    let (du_target, dbias_target) = (du.target(), dbias.target());
    let write = |dx: Target| {
        each(count, call.cost(), |i| {
            let images = part(call.at.images, count, i);
            // SAFETY: each part uses its own share of both.
            let (du, dbias) = unsafe { (share(du_target, count, i), share(dbias_target, count, i)) };
            call.simd.run(BackwardPart {
                call,
                inputs,
                outputs,
                u: u.as_ref(),
                zeros: &zeros,
                images,
                du,
                du_layout: layout,
                dbias,
                dx,
            });
        });
    };
    // SAFETY: the images of all parts are all images, and each part writes all of its images' pixels.
    let dx = unsafe { call.write_dx(write) };
    let dweight = sum_weights(call.simd, &du, count, layout, filters, call.cost() / 100);
    ConvolutionGradients { dx, dweight, dbias: sum_bias(&dbias, count, filters.outputs) }
}

/// Share `i` of `count` equal shares.
///
/// # Safety
/// The memory is initialised, and nobody else uses this share.
unsafe fn share(all: Target<'_>, count: usize, i: usize) -> &mut [f32] {
    let length = all.len() / count;
    // SAFETY: what the caller promises.
    unsafe { all.slice(i * length..(i + 1) * length) }
}

/// Some images, backward, chunk by chunk.
struct BackwardPart<'a> {
    call: &'a Backward<'a>,
    inputs: Grid<Lavin>,
    outputs: Grid<Lavin>,
    /// Transposed; `None` if dX is not wanted.
    u: Option<&'a Weights>,
    zeros: &'a [f32],
    images: Range<usize>,
    du: &'a mut [f32],
    du_layout: Layout,
    dbias: &'a mut [f32],
    dx: Target<'a>,
}

impl Work for BackwardPart<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let mut spill = scratch(self.inputs.blocks() * BLOCK);
        let (first, end) = (self.images.start * self.inputs.per_map(), self.images.end * self.inputs.per_map());
        let chunks = (end - first).div_ceil(CHUNK);
        for chunk in 0..chunks {
            let tiles = part(end - first, chunks, chunk);
            let tiles = first + tiles.start..first + tiles.end;
            let (mut v, mut dm) = (Chunk::new(self.inputs, tiles.clone()), Chunk::new(self.outputs, tiles));
            let ((v_job, v_domain), (dm_job, dm_domain)) = (v.job(), dm.job());
            // SAFETY: the matrices are this task's own.
            unsafe {
                v_job.patches::<L>(self.call.x, self.zeros, &v_domain);
                dm_job.output_gradients::<L>(self.call.dy, self.call.y, self.zeros, &dm_domain, self.dbias);
            }
            let next = v.job.tiles.end..v.job.tiles.end + v.job.tiles.len();
            let (next_x, next_y) = (self.inputs.span(next.clone()), self.outputs.span(next));
            for point in 0..POINTS {
                fetch::<L>(self.call.x, &next_x, point);
                fetch::<L>(self.call.dy, &next_y, point);
                if let Some(y) = self.call.y {
                    fetch::<L>(y, &next_y, point);
                }
                for output in 0..self.outputs.blocks() {
                    for input in 0..self.inputs.blocks() {
                        let c = &mut self.du[self.du_layout.at(point, output) + input * BLOCK * BLOCK..];
                        let (a, b) = (v.at(point, input), dm.at(point, output));
                        L::call(Outer { a, b, c, c_row: BLOCK, rows: v.layout.rows, add: chunk > 0 });
                    }
                }
                // What V holds of this point is done with; dV takes its place.
                if let Some(u) = self.u {
                    for input in 0..self.inputs.blocks() {
                        L::call(dm.times(point, u.at(point, input), v.at_mut(point, input)));
                    }
                }
            }
            if self.u.is_some() {
                let (job, domain) = v.job();
                // SAFETY: all of dV was written; these images of dX are this task's own, and its chunks go in raster order.
                unsafe { job.patch_gradients::<L>(&domain, self.zeros, &mut spill, self.dx) };
            }
        }
    }
}

/// Adds up dU over the parts and transforms it to weights.
fn sum_weights(simd: Simd, du: &[f32], count: usize, layout: Layout, filters: Filters, cost: usize) -> Vec<f32> {
    let write = |dw: Target| {
        each(filters.output_blocks(), cost, |output| {
            simd.run(SumWeights { du, count, layout, filters, output, dw });
        });
    };
    // SAFETY: all pairs of blocks are written.
    unsafe { written(filters.len(), write) }
}

/// The weight gradients of one block of outputs.
struct SumWeights<'a> {
    du: &'a [f32],
    count: usize,
    layout: Layout,
    filters: Filters,
    output: usize,
    dw: Target<'a>,
}

impl Work for SumWeights<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        const POINT: usize = BLOCK * BLOCK + BLOCK;
        let (mut sums, mut room) = (scratch(POINTS * POINT), Room::new());
        for input in 0..self.filters.input_blocks() {
            for point in 0..POINTS {
                let from = self.layout.at(point, self.output) + input * BLOCK * BLOCK;
                let sums = &mut sums[point * POINT..][..BLOCK * BLOCK];
                sums.copy_from_slice(&self.du[from..][..BLOCK * BLOCK]);
                for part in 1..self.count {
                    let more = &self.du[part * self.layout.len(POINTS) + from..][..BLOCK * BLOCK];
                    for (sum, x) in sums.iter_mut().zip(more) {
                        *sum += x;
                    }
                }
            }
            // SAFETY: each task writes the weights of its own block of outputs.
            unsafe { self.filters.gradient::<L, Lavin>(&sums, POINT, (self.output, input), self.dw, &mut room) };
        }
    }
}
