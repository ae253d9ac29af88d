//! The schedule for small maps: all patches are transformed first, then each thread takes a few blocks of channels and
//! transforms just their weights. The transformed weights, 36/9 times as many as the weights, never reach memory.

use super::tiles::{Domain, Grid, Job};
use super::transform::Transform;
use super::weights::{Filters, Room};
use super::{Layout, sum_bias};
use crate::call::{Backward, ConvolutionGradients, Forward};
use crate::gemm::{Outer, Product};
use crate::scratch::{Scratch, Target, scratch, written};
use crate::simd::{BLOCK, Lanes, Work};
use crate::threads::{each, part, parts, pieces};
use std::ops::Range;

/// How many blocks of channels are computed together: more read the patches less often, fewer fit the cache better. With many threads
/// one at a time, so that all have something to do; the results are the same.
fn group(blocks: usize) -> usize {
    if blocks >= 4 * rayon::current_num_threads() { 2 } else { 1 }
}

/// How many tiles are multiplied with the same weights before they are transformed back.
const CHUNK: usize = 160;

/// Convolves forward.
pub(crate) fn forward<X: Transform>(call: &Forward) -> Vec<f32> {
    let filters = Filters { inputs: call.shape.inputs, outputs: call.shape.outputs };
    let (inputs, outputs) = (Grid::<X>::new(call.at, filters.inputs), Grid::<X>::new(call.at, filters.outputs));
    let zeros = vec![0.0; inputs.blocks() * BLOCK];
    let mut v = Matrices::new(inputs);
    let domain = v.domain();
    pieces(inputs.tiles(), 2, call.cost(), |tiles| {
        call.simd.run(Patches {
            x: call.x,
            zeros: &zeros,
            job: Job { grid: inputs, tiles, blocks: 0..inputs.blocks() },
            v: &domain,
        });
    });
    let write = |y: Target| {
        let group = group(outputs.blocks());
        each(outputs.blocks().div_ceil(group), call.cost(), |i| {
            let blocks = i * group..outputs.blocks().min((i + 1) * group);
            call.simd.run(ForwardGroup { call, filters, outputs, v: &v, blocks, y });
        });
    };
    // SAFETY: the groups are all channels, and each group writes all pixels.
    unsafe { written(call.output_len(), write) }
}

/// The matrices of all points for all tiles.
struct Matrices<X> {
    memory: Scratch,
    layout: Layout,
    grid: Grid<X>,
}

impl<X: Transform> Matrices<X> {
    const POINTS: usize = X::POINTS * X::POINTS;

    fn new(grid: Grid<X>) -> Self {
        let layout = Layout { rows: grid.tiles(), blocks: grid.blocks() };
        Matrices { memory: scratch(layout.len(Self::POINTS)), layout, grid }
    }

    fn domain(&mut self) -> Domain<'_> {
        Domain { memory: self.memory.target(), layout: self.layout, first_tile: 0, first_block: 0 }
    }

    /// The matrix of a point, from a block of columns and a row on.
    fn at(&self, point: usize, block: usize, row: usize) -> &[f32] {
        &self.memory[self.layout.at(point, block) + row * BLOCK..]
    }

    /// These tiles' rows of the product with a block of columns.
    #[inline(always)]
    fn times<'a>(&'a self, point: usize, tiles: &Range<usize>, b: &'a [f32], c: &'a mut [f32]) -> Product<'a> {
        let (a_block, depth) = (self.layout.block(), self.layout.blocks * BLOCK);
        Product { a: self.at(point, 0, tiles.start), a_block, b, c, rows: tiles.len(), depth, add: false, soon: None }
    }
}

/// Transforms some tiles' patches.
struct Patches<'a, X> {
    x: &'a [f32],
    zeros: &'a [f32],
    job: Job<X>,
    v: &'a Domain<'a>,
}

impl<X: Transform> Work for Patches<'_, X> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        // SAFETY: each task has its own tiles.
        unsafe { self.job.patches::<L>(self.x, self.zeros, self.v) };
    }
}

/// Some blocks of output channels, forward.
struct ForwardGroup<'a, X> {
    call: &'a Forward<'a>,
    filters: Filters,
    outputs: Grid<X>,
    v: &'a Matrices<X>,
    blocks: Range<usize>,
    y: Target<'a>,
}

impl<X: Transform> Work for ForwardGroup<'_, X> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let layout = Layout { rows: self.filters.input_blocks() * BLOCK, blocks: self.blocks.len() };
        let (mut u, mut room) = (scratch(layout.len(Matrices::<X>::POINTS)), Room::new());
        for output in self.blocks.clone() {
            for input in 0..self.filters.input_blocks() {
                // SAFETY: `u` is this task's own.
                unsafe {
                    let (pair, block) = ((output, input), output - self.blocks.start);
                    self.filters.transform::<L, X>(self.call.weight, pair, u.target(), layout, block, &mut room);
                }
            }
        }
        let mut spill = scratch(self.outputs.blocks() * BLOCK);
        let chunks = self.outputs.tiles().div_ceil(CHUNK);
        for chunk in 0..chunks {
            let tiles = part(self.outputs.tiles(), chunks, chunk);
            let mut m = multiply::<L, X>(self.v, &u, layout, &tiles);
            let domain = Domain { first_tile: tiles.start, first_block: self.blocks.start, ..m.domain() };
            let job = Job { grid: self.outputs, tiles, blocks: self.blocks.clone() };
            // SAFETY: all of M was written; these channels of `y` are this task's own.
            unsafe { job.outputs::<L>(&domain, self.call.finish, &mut spill, self.y) };
        }
    }
}

/// The products of one task.
struct Products {
    memory: Scratch,
    layout: Layout,
}

impl Products {
    fn domain(&mut self) -> Domain<'_> {
        Domain { memory: self.memory.target(), layout: self.layout, first_tile: 0, first_block: 0 }
    }
}

/// Some tiles' rows of all points' matrices, times a few blocks of columns.
#[inline(always)]
fn multiply<L: Lanes, X: Transform>(a: &Matrices<X>, u: &[f32], u_layout: Layout, tiles: &Range<usize>) -> Products {
    let layout = Layout { rows: tiles.len(), blocks: u_layout.blocks };
    let mut memory = scratch(layout.len(Matrices::<X>::POINTS));
    for point in 0..Matrices::<X>::POINTS {
        for block in 0..layout.blocks {
            let (b, c) = (&u[u_layout.at(point, block)..], &mut memory[layout.at(point, block)..]);
            L::call(a.times(point, tiles, b, c));
        }
    }
    Products { memory, layout }
}

/// Convolves backward.
pub(crate) fn backward<X: Transform>(call: &Backward) -> ConvolutionGradients {
    let filters = Filters { inputs: call.shape.inputs, outputs: call.shape.outputs };
    let (inputs, outputs) = (Grid::<X>::new(call.at, filters.inputs), Grid::<X>::new(call.at, filters.outputs));
    let zeros = vec![0.0; inputs.blocks().max(outputs.blocks()) * BLOCK];
    let (mut v, mut dm) = (Matrices::new(inputs), Matrices::new(outputs));
    let dbias = transform_both(call, &zeros, &mut v, &mut dm);
    let write = |dx: Target| {
        let group = group(inputs.blocks());
        let groups = if call.want_dx { inputs.blocks().div_ceil(group) } else { 0 };
        each(groups, call.cost() / 2, |i| {
            let blocks = i * group..inputs.blocks().min((i + 1) * group);
            call.simd.run(BackwardGroup { call, filters, inputs, dm: &dm, zeros: &zeros, blocks, dx });
        });
    };
    // SAFETY: the groups are all channels, and each group writes all pixels.
    let dx = unsafe { call.write_dx(write) };
    let write = |dw: Target| {
        let columns = inputs.blocks().div_ceil(PAIRS);
        each(outputs.blocks().div_ceil(PAIRS) * columns, call.cost() / 2, |i| {
            let square = |i: usize, all: usize| i * PAIRS..all.min((i + 1) * PAIRS);
            let (rows, columns) = (square(i / columns, outputs.blocks()), square(i % columns, inputs.blocks()));
            call.simd.run(WeightGradients { filters, v: &v, dm: &dm, outputs: rows, inputs: columns, dw });
        });
    };
    // SAFETY: all pairs of blocks are written.
    let dweight = unsafe { written(filters.len(), write) };
    ConvolutionGradients { dx, dweight, dbias }
}

/// Transforms the patches and the output gradients of all tiles; gives the bias gradient.
fn transform_both<X: Transform>(call: &Backward, zeros: &[f32], v: &mut Matrices<X>, dm: &mut Matrices<X>) -> Vec<f32> {
    let (inputs, outputs, tiles) = (v.grid, dm.grid, v.grid.tiles());
    let (v, dm) = (v.domain(), dm.domain());
    let (count, length) = (parts(tiles, 2), outputs.blocks() * BLOCK);
    let mut dbias = scratch(count * length);
    dbias.fill(0.0);
    let target = dbias.target();
    each(count, call.cost(), |i| {
        let tiles = part(tiles, count, i);
        let patches = Job { grid: inputs, tiles: tiles.clone(), blocks: 0..inputs.blocks() };
        call.simd.run(Patches { x: call.x, zeros, job: patches, v: &v });
        // SAFETY: each task uses its own part.
        let dbias = unsafe { target.slice(i * length..(i + 1) * length) };
        let job = Job { grid: outputs, tiles, blocks: 0..outputs.blocks() };
        call.simd.run(OutputGradients { dy: call.dy, y: call.y, zeros, job, dm: &dm, dbias });
    });
    sum_bias(&dbias, count, call.shape.outputs)
}

/// Transforms some tiles' output gradients.
struct OutputGradients<'a, X> {
    dy: &'a [f32],
    y: Option<&'a [f32]>,
    zeros: &'a [f32],
    job: Job<X>,
    dm: &'a Domain<'a>,
    dbias: &'a mut [f32],
}

impl<X: Transform> Work for OutputGradients<'_, X> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        // SAFETY: each task has its own tiles.
        unsafe { self.job.output_gradients::<L>(self.dy, self.y, self.zeros, self.dm, self.dbias) };
    }
}

/// Some blocks of input channels, backward.
struct BackwardGroup<'a, X> {
    call: &'a Backward<'a>,
    filters: Filters,
    inputs: Grid<X>,
    dm: &'a Matrices<X>,
    zeros: &'a [f32],
    blocks: Range<usize>,
    dx: Target<'a>,
}

impl<X: Transform> Work for BackwardGroup<'_, X> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let layout = Layout { rows: self.filters.output_blocks() * BLOCK, blocks: self.blocks.len() };
        let (mut u, mut room) = (scratch(layout.len(Matrices::<X>::POINTS)), Room::new());
        for input in self.blocks.clone() {
            for output in 0..self.filters.output_blocks() {
                // SAFETY: `u` is this task's own.
                unsafe {
                    let (pair, block) = ((output, input), input - self.blocks.start);
                    self.filters.transform_back::<L, X>(self.call.weight, pair, u.target(), layout, block, &mut room);
                }
            }
        }
        let mut spill = scratch(self.inputs.blocks() * BLOCK);
        let chunks = self.inputs.tiles().div_ceil(CHUNK);
        for chunk in 0..chunks {
            let tiles = part(self.inputs.tiles(), chunks, chunk);
            let mut dv = multiply::<L, X>(self.dm, &u, layout, &tiles);
            let domain = Domain { first_tile: tiles.start, first_block: self.blocks.start, ..dv.domain() };
            let job = Job { grid: self.inputs, tiles, blocks: self.blocks.clone() };
            // SAFETY: all of dV was written; these channels of dX are this task's own, and its chunks go in raster order.
            unsafe { job.patch_gradients::<L>(&domain, self.zeros, &mut spill, self.dx) };
        }
    }
}

/// Weight gradients are computed in squares of so many blocks of outputs and of inputs: what is read serves so many products.
const PAIRS: usize = 2;

/// Some weight gradients: `dU = Vᵀ·dM`, a sum over all tiles.
struct WeightGradients<'a, X> {
    filters: Filters,
    v: &'a Matrices<X>,
    dm: &'a Matrices<X>,
    outputs: Range<usize>,
    inputs: Range<usize>,
    dw: Target<'a>,
}

impl<X: Transform> Work for WeightGradients<'_, X> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        const POINT: usize = BLOCK * BLOCK + BLOCK;
        let (points, rows) = (Matrices::<X>::POINTS, self.v.layout.rows);
        let pair = points * POINT;
        let mut du = scratch(self.outputs.len() * self.inputs.len() * pair);
        for point in 0..points {
            let mut at = point * POINT;
            for output in self.outputs.clone() {
                for input in self.inputs.clone() {
                    let (a, b) = (self.v.at(point, input, 0), self.dm.at(point, output, 0));
                    L::call(Outer { a, b, c: &mut du[at..], c_row: BLOCK, rows, add: false });
                    at += pair;
                }
            }
        }
        let mut room = Room::new();
        for (i, output) in self.outputs.clone().enumerate() {
            for (j, input) in self.inputs.clone().enumerate() {
                let du = &du[(i * self.inputs.len() + j) * pair..][..pair];
                // SAFETY: each task writes the weights of its own pairs of blocks.
                unsafe { self.filters.gradient::<L, X>(du, POINT, (output, input), self.dw, &mut room) };
            }
        }
    }
}
