//! Convolutions with any kernel, stride and padding: the patch of each output pixel becomes a row of a matrix, kernel row by
//! kernel row, and the weights a matrix that this one is multiplied with (Chellapilla et al. 2006).
//!
//! Also the first layer's: with three input channels there is little for Winograd's algorithm to save.

use crate::call::{Backward, Convolution, ConvolutionGradients, Forward};
use crate::gemm::{Outer, Product};
use crate::maps::Maps;
use crate::pool::half;
use crate::scratch::{Scratch, Target, scratch, written};
use crate::simd::{BLOCK, Lanes, Work};
use crate::threads::{each, part, parts};
use std::ops::Range;

/// How many output pixels go through together.
const CHUNK: usize = 64;

/// Convolves forward.
pub(crate) fn forward(call: &Forward) -> Vec<f32> {
    let patches = Patches { pool: call.finish.pool, ..Patches::new(&call.shape, call.at) };
    let w = weights_forward(&call.shape, call.weight);
    let pixels = patches.count();
    let write = |y: Target| {
        each(pixels.div_ceil(CHUNK), call.cost(), |i| {
            let pixels = i * CHUNK..pixels.min((i + 1) * CHUNK);
            call.simd.run(ForwardChunk { call, patches: &patches, w: &w, pixels, y });
        });
    };
    // SAFETY: the chunks are all pixels that are wanted, and each writes all channels.
    unsafe { written(call.output_len(), write) }
}

/// How patches are taken from maps.
struct Patches {
    shape: Convolution,
    from: Maps,
    to: Maps,
    /// Numbers of a patch, kernel row by kernel row, column by column, channel by channel.
    length: usize,
    /// Output pixels are counted square by square, as a pool wants them: the four of its first result, the four of its second.
    pool: bool,
}

impl Patches {
    fn new(shape: &Convolution, at: Maps) -> Patches {
        let length = shape.kernel[0] * shape.kernel[1] * shape.inputs;
        Patches { shape: *shape, from: at, to: shape.output(at), length, pool: false }
    }

    /// Blocks of sixteen numbers of a patch.
    fn blocks(&self) -> usize {
        self.length.div_ceil(BLOCK)
    }

    /// The number of output pixels that are wanted.
    fn count(&self) -> usize {
        if self.pool { 4 * half(self.to).pixels() } else { self.to.pixels() }
    }

    /// Where the patch of an output pixel begins.
    #[inline(always)]
    fn corner(&self, pixel: usize) -> Corner {
        let place = |pixel: usize, at: Maps| {
            let (line, column) = (pixel / at.width, pixel % at.width);
            (line / at.height, line % at.height, column)
        };
        let (image, row, column) = if self.pool {
            let (image, row, column) = place(pixel / 4, half(self.to));
            (image, 2 * row + pixel / 2 % 2, 2 * column + pixel % 2)
        } else {
            place(pixel, self.to)
        };
        Corner { image, row: row * self.shape.stride[0], column: column * self.shape.stride[1] }
    }

    /// The numbers that a kernel row of a patch has in common with its map, if there are any.
    #[inline(always)]
    fn run(&self, corner: &Corner, kernel_row: usize) -> Option<Run> {
        let Convolution { inputs, kernel, padding, .. } = self.shape;
        // In padded coordinates the map is at `padding .. padding + size`.
        let first = corner.column.max(padding[1]);
        let end = (corner.column + kernel[1]).min(padding[1] + self.from.width);
        let y = corner.row + kernel_row;
        if first >= end || y < padding[0] || y >= padding[0] + self.from.height {
            return None;
        }
        Some(Run {
            from: ((corner.image * self.from.height + y - padding[0]) * self.from.width + first - padding[1]) * inputs,
            to: (kernel_row * kernel[1] + first - corner.column) * inputs,
            length: (end - first) * inputs,
        })
    }

    /// Writes the patches of some pixels as a blocked matrix.
    #[inline(always)]
    fn gather<L: Lanes>(&self, x: &[f32], pixels: Range<usize>, matrix: &mut [f32]) {
        let (rows, blocks) = (pixels.len(), self.blocks());
        let mut patch = scratch((blocks + 1) * BLOCK);
        assert!(pixels.end <= self.count() && x.len() == self.from.pixels() * self.shape.inputs);
        assert!(matrix.len() >= blocks * rows * BLOCK);
        for (row, pixel) in pixels.enumerate() {
            let corner = self.corner(pixel);
            // SAFETY: a run is inside of `x` and of the patch, which has sixteen numbers more than its blocks; so is each block.
            unsafe {
                for block in 0..blocks {
                    L::splat(0.0).store(patch.as_mut_ptr().add(block * BLOCK));
                }
                for kernel_row in 0..self.shape.kernel[0] {
                    let Some(Run { from, to, length }) = self.run(&corner, kernel_row) else { continue };
                    for at in (0..length).step_by(BLOCK) {
                        // Writes zeros behind the run, where nothing is yet.
                        let numbers = L::load_first(x.as_ptr().add(from + at), BLOCK.min(length - at));
                        numbers.store(patch.as_mut_ptr().add(to + at));
                    }
                }
                for block in 0..blocks {
                    L::load(patch.as_ptr().add(block * BLOCK)).store(matrix.as_mut_ptr().add((block * rows + row) * BLOCK));
                }
            }
        }
    }

    /// Adds what a blocked matrix holds for the patches of some pixels to the maps; `first` is the place in the maps where `dx` begins.
    fn scatter(&self, matrix: &[f32], pixels: Range<usize>, first: usize, dx: &mut [f32]) {
        let rows = pixels.len();
        let mut patch = scratch(self.blocks() * BLOCK);
        for (row, pixel) in pixels.enumerate() {
            for (block, numbers) in patch.chunks_exact_mut(BLOCK).enumerate() {
                numbers.copy_from_slice(&matrix[(block * rows + row) * BLOCK..][..BLOCK]);
            }
            let corner = self.corner(pixel);
            for Run { from, to, length } in (0..self.shape.kernel[0]).filter_map(|kernel_row| self.run(&corner, kernel_row)) {
                for (sum, x) in dx[from - first..][..length].iter_mut().zip(&patch[to..to + length]) {
                    *sum += x;
                }
            }
        }
    }
}

/// Where a patch begins: its first row and column in a padded map.
struct Corner {
    image: usize,
    row: usize,
    column: usize,
}

/// Numbers that lie side by side in the maps and in a patch.
struct Run {
    from: usize,
    to: usize,
    length: usize,
}

/// Goes through the weights: where each is in PyTorch's order, which output it belongs to, and its place in a patch.
fn each_weight(shape: &Convolution, mut visit: impl FnMut(usize, usize, usize)) {
    let taps = shape.kernel[0] * shape.kernel[1];
    for output in 0..shape.outputs {
        for input in 0..shape.inputs {
            for tap in 0..taps {
                visit((output * shape.inputs + input) * taps + tap, output, tap * shape.inputs + input);
            }
        }
    }
}

/// The weights as a blocked matrix `patch × outputs`.
fn weights_forward(shape: &Convolution, weight: &[f32]) -> Scratch {
    let rows = (shape.weights() / shape.outputs).next_multiple_of(BLOCK);
    let mut matrix = scratch(shape.outputs.div_ceil(BLOCK) * rows * BLOCK);
    matrix.fill(0.0);
    each_weight(shape, |i, output, row| matrix[(output / BLOCK * rows + row) * BLOCK + output % BLOCK] = weight[i]);
    matrix
}

/// The weights as a blocked matrix `outputs × patch`.
fn weights_backward(shape: &Convolution, weight: &[f32]) -> Scratch {
    let (rows, columns) = (shape.outputs.next_multiple_of(BLOCK), shape.weights() / shape.outputs);
    let mut matrix = scratch(columns.div_ceil(BLOCK) * rows * BLOCK);
    matrix.fill(0.0);
    each_weight(shape, |i, output, column| matrix[(column / BLOCK * rows + output) * BLOCK + column % BLOCK] = weight[i]);
    matrix
}

/// A chunk of output pixels, forward.
struct ForwardChunk<'a> {
    call: &'a Forward<'a>,
    patches: &'a Patches,
    w: &'a [f32],
    pixels: Range<usize>,
    y: Target<'a>,
}

impl Work for ForwardChunk<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let (rows, outputs, depth) = (self.pixels.len(), self.call.shape.outputs, self.patches.blocks() * BLOCK);
        let (mut a, mut c) = (scratch(rows * depth), scratch(rows * BLOCK));
        let pooled = if self.patches.pool { 4 } else { 1 };
        assert!(self.pixels.end <= self.patches.count() && self.y.len() == self.patches.count() / pooled * outputs);
        assert!(self.pixels.start.is_multiple_of(pooled) && rows.is_multiple_of(pooled));
        self.patches.gather::<L>(self.call.x, self.pixels.clone(), &mut a);
        for block in 0..outputs.div_ceil(BLOCK) {
            let b = &self.w[block * depth * BLOCK..];
            L::call(Product { a: &a, a_block: rows * BLOCK, b, c: &mut c, rows, depth, add: false, soon: None });
            let (offset, filled) = (block * BLOCK, BLOCK.min(outputs - block * BLOCK));
            let finish = self.call.finish.of::<L>(offset, filled);
            // SAFETY: `c` has `rows` rows, and `y` has these pixels or what a pool makes of them, which are this task's own.
            unsafe {
                for row in (0..rows).step_by(pooled) {
                    let mut sum = finish.apply(L::load(c[row * BLOCK..].as_ptr()));
                    for next in row + 1..row + pooled {
                        sum = sum.larger(finish.apply(L::load(c[next * BLOCK..].as_ptr())));
                    }
                    sum.store_first(self.y.at((self.pixels.start + row) / pooled * outputs + offset), filled);
                }
            }
        }
    }
}

/// Convolves backward.
pub(crate) fn backward(call: &Backward) -> ConvolutionGradients {
    let patches = Patches::new(&call.shape, call.at);
    let w = call.want_dx.then(|| weights_backward(&call.shape, call.weight));
    let outputs = call.shape.outputs.next_multiple_of(BLOCK);
    let count = parts(call.at.images, 1);
    let share = (patches.blocks() * BLOCK + 1) * outputs;
    let mut sums = scratch(count * share);
    let target = sums.target();
    let write = |dx: Target| {
        each(count, call.cost(), |i| {
            let images = part(call.at.images, count, i);
            // SAFETY: each part uses its own share.
            let (dw, dbias) = unsafe { target.slice(i * share..(i + 1) * share) }.split_at_mut(share - outputs);
            call.simd.run(BackwardPart { call, patches: &patches, w: w.as_deref(), images, dw, dbias, dx });
        });
    };
    // SAFETY: the images of all parts are all images, and each part writes all of its images' pixels.
    let dx = unsafe { call.write_dx(write) };
    let (first, others) = sums.split_at_mut(share);
    for other in others.chunks_exact(share) {
        first.iter_mut().zip(other).for_each(|(sum, x)| *sum += x);
    }
    let (rows, mut dweight) = (patches.blocks() * BLOCK, vec![0.0; call.shape.weights()]);
    each_weight(&call.shape, |i, output, row| dweight[i] = first[(output / BLOCK * rows + row) * BLOCK + output % BLOCK]);
    let dbias = first[share - outputs..][..call.shape.outputs].to_vec();
    ConvolutionGradients { dx, dweight, dbias }
}

/// Some images, backward.
struct BackwardPart<'a> {
    call: &'a Backward<'a>,
    patches: &'a Patches,
    /// `outputs × patch`; `None` if dX is not wanted.
    w: Option<&'a [f32]>,
    images: Range<usize>,
    /// `patch × outputs`, blocked.
    dw: &'a mut [f32],
    dbias: &'a mut [f32],
    dx: Target<'a>,
}

impl Work for BackwardPart<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let map = self.patches.from.height * self.patches.from.width * self.call.shape.inputs;
        let range = self.images.start * map..self.images.end * map;
        assert!(self.w.is_none() || self.dx.len() == self.call.x.len());
        let dx = if self.w.is_some() {
            // SAFETY: these images of `dx` are this task's own; zeros initialise them.
            unsafe {
                self.dx.at(range.start).write_bytes(0, range.len());
                self.dx.slice(range.clone())
            }
        } else {
            &mut []
        };
        self.dbias.fill(0.0);
        let per_map = self.patches.to.height * self.patches.to.width;
        let (first, end) = (self.images.start * per_map, self.images.end * per_map);
        let depth = self.patches.blocks() * BLOCK;
        for from in (first..end).step_by(CHUNK) {
            let pixels = from..end.min(from + CHUNK);
            let rows = pixels.len();
            let (mut a, mut dy) = (scratch(rows * depth), scratch(rows * self.dbias.len()));
            self.patches.gather::<L>(self.call.x, pixels.clone(), &mut a);
            gather_gradients::<L>(self.call, pixels.clone(), &mut dy, self.dbias);
            for (output, b) in dy.chunks_exact(rows * BLOCK).enumerate() {
                for (block, a) in a.chunks_exact(rows * BLOCK).enumerate() {
                    let c = &mut self.dw[(output * depth + block * BLOCK) * BLOCK..];
                    L::call(Outer { a, b, c, c_row: BLOCK, rows, add: from > first });
                }
            }
            if let Some(w) = self.w {
                let (a_block, depth) = (rows * BLOCK, self.dbias.len());
                for (block, c) in a.chunks_exact_mut(rows * BLOCK).enumerate() {
                    let b = &w[block * depth * BLOCK..];
                    L::call(Product { a: &dy, a_block, b, c, rows, depth, add: false, soon: None });
                }
                self.patches.scatter(&a, pixels, range.start, dx);
            }
        }
    }
}

/// What of the output gradient of some pixels passes the ReLU, if there is one, as a blocked matrix; adds its sum to `dbias`.
#[inline(always)]
fn gather_gradients<L: Lanes>(call: &Backward, pixels: Range<usize>, matrix: &mut [f32], dbias: &mut [f32]) {
    let (rows, outputs) = (pixels.len(), call.shape.outputs);
    assert!(matrix.len() >= rows * dbias.len() && dbias.len() == outputs.next_multiple_of(BLOCK));
    assert!(pixels.end * outputs <= call.dy.len() && call.y.is_none_or(|y| y.len() == call.dy.len()));
    for block in 0..dbias.len() / BLOCK {
        let (offset, filled) = (block * BLOCK, BLOCK.min(outputs - block * BLOCK));
        let sum_at = &mut dbias[offset..offset + BLOCK];
        // SAFETY: `dy` and `y` have `filled` numbers from `offset` on for each pixel; `matrix` has a row of sixteen.
        unsafe {
            let mut sum = L::load(sum_at.as_ptr());
            for row in 0..rows {
                let at = (pixels.start + row) * outputs + offset;
                let mut dy = L::load_first(call.dy.as_ptr().add(at), filled);
                if let Some(y) = call.y {
                    dy = dy.through_relu(L::load_first(y.as_ptr().add(at), filled));
                }
                dy.store(matrix.as_mut_ptr().add((block * rows + row) * BLOCK));
                sum = sum + dy;
            }
            sum.store(sum_at.as_mut_ptr());
        }
    }
}
