//! Dense layers. With a batch of some ten images they are bound by the memory that the weights are read from or their
//! gradient is written to; so each weight is touched once, in pieces that stay in the caches while they are multiplied.

use crate::gemm::{Outer, Product, Soon};
use crate::maps::product;
use crate::scratch::{Scratch, Target, scratch, written};
use crate::simd::{BLOCK, Lanes, Simd, Work};
use crate::threads::{each, pieces};
use std::ops::Range;

/// So many inputs (forward) or outputs (backward) are multiplied at a time.
const DEPTH: usize = 256;

/// Blocks of columns that a task computes together: what is read of the images serves them all.
const GROUP: usize = 8;

/// The shape of a dense layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dense {
    /// Numbers that come in for each image.
    pub inputs: usize,
    /// Numbers that go out.
    pub outputs: usize,
}

/// What [`dense_back`] computes.
#[derive(Clone, Debug, PartialEq)]
pub struct DenseGradients {
    /// With respect to the input, if it was wanted: `[image, input]`.
    pub dx: Option<Vec<f32>>,
    /// With respect to the weights: `[output, input]`.
    pub dweight: Vec<f32>,
    /// With respect to the bias: `[output]`.
    pub dbias: Vec<f32>,
}

/// A dense layer: `y = x * weightᵀ + bias`, then ReLU if wanted. `x` is `[image, input]`, `weight` is `[output, input]`, `bias` has a number
/// for each output, and the result is `[image, output]`.
///
/// # Panics
/// If the length of a slice is not what `images` and `shape` say.
#[must_use]
pub fn dense(x: &[f32], images: usize, shape: &Dense, weight: &[f32], bias: Option<&[f32]>, relu: bool) -> Vec<f32> {
    let Dense { inputs, outputs } = *shape;
    assert_eq!(x.len(), product(&[images, inputs]), "input of {shape:?} for {images} images");
    assert_eq!(weight.len(), product(&[inputs, outputs]), "weights of {shape:?}");
    let length = product(&[images, outputs]);
    assert!(bias.is_none_or(|bias| bias.len() == outputs), "bias of {shape:?}");
    let (simd, cost) = (Simd::current(), 2 * images * inputs * outputs);
    let blocked = block(simd, &Matrix { numbers: x, relu: None, rows: images, columns: inputs });
    let write = |y: Target| {
        each(outputs.div_ceil(BLOCK * GROUP), cost, |i| {
            let columns = i * BLOCK * GROUP..outputs.min((i + 1) * BLOCK * GROUP);
            simd.run(Forward { x: &blocked, images, shape: *shape, weight, bias, relu, columns, y });
        });
    };
    // SAFETY: the tasks have all outputs, and each writes them for all images.
    unsafe { written(length, write) }
}

/// The gradients of a dense layer, given the gradient `dy` with respect to its output, `[image, output]`. If ReLU was applied, `y` is the
/// output. Without `want_dx` the gradient with respect to the input is left out.
///
/// # Panics
/// If the length of a slice is not what `images` and `shape` say.
#[must_use]
pub fn dense_back(
    x: &[f32],
    images: usize,
    shape: &Dense,
    weight: &[f32],
    y: Option<&[f32]>,
    dy: &[f32],
    want_dx: bool,
) -> DenseGradients {
    let Dense { inputs, outputs } = *shape;
    assert_eq!(x.len(), product(&[images, inputs]), "input of {shape:?} for {images} images");
    assert_eq!(weight.len(), product(&[inputs, outputs]), "weights of {shape:?}");
    assert_eq!(dy.len(), product(&[images, outputs]), "output gradient of {shape:?} for {images} images");
    assert!(y.is_none_or(|y| y.len() == dy.len()), "output of {shape:?} for {images} images");
    let (simd, cost) = (Simd::current(), 2 * images * inputs * outputs);
    let x = block(simd, &Matrix { numbers: x, relu: None, rows: images, columns: inputs });
    let dy = block(simd, &Matrix { numbers: dy, relu: y, rows: images, columns: outputs });
    let write_dx = |dx: Target| {
        each(inputs.div_ceil(BLOCK * GROUP), cost, |i| {
            let columns = i * BLOCK * GROUP..inputs.min((i + 1) * BLOCK * GROUP);
            simd.run(Backward { dy: &dy, images, shape: *shape, weight, columns, dx });
        });
    };
    // SAFETY: the tasks have all inputs, and each writes them for all images.
    let dx = want_dx.then(|| unsafe { written(images * inputs, write_dx) });
    let write_dw = |dw: Target| {
        pieces(outputs.div_ceil(BLOCK), 1, cost, |blocks| {
            simd.run(WeightGradients { x: &x, dy: &dy, images, shape: *shape, blocks, dw });
        });
    };
    // SAFETY: the pieces are all outputs, and each writes all of their weights.
    let dweight = unsafe { written(inputs * outputs, write_dw) };
    let column = |i: usize| (0..images).map(move |row| (i / BLOCK * images + row) * BLOCK + i % BLOCK);
    let dbias = (0..outputs).map(|i| column(i).map(|at| f64::from(dy[at])).sum::<f64>() as f32).collect();
    DenseGradients { dx, dweight, dbias }
}

/// A matrix, row after row. If `relu` is given, it stands for what of it passes a ReLU with that output.
struct Matrix<'a> {
    numbers: &'a [f32],
    relu: Option<&'a [f32]>,
    rows: usize,
    columns: usize,
}

/// The same as a blocked matrix.
fn block(simd: Simd, matrix: &Matrix) -> Scratch {
    let blocks = matrix.columns.div_ceil(BLOCK);
    let mut blocked = scratch(matrix.rows * blocks * BLOCK);
    let to = blocked.target();
    pieces(blocks, 4, matrix.numbers.len(), |blocks| simd.run(BlockColumns { matrix, blocks, to }));
    blocked
}

/// Some blocks of a matrix.
struct BlockColumns<'a> {
    matrix: &'a Matrix<'a>,
    blocks: Range<usize>,
    to: Target<'a>,
}

impl Work for BlockColumns<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Matrix { numbers, relu, rows, columns } = *self.matrix;
        assert!(numbers.len() == rows * columns && relu.is_none_or(|relu| relu.len() == numbers.len()));
        assert!(self.blocks.end <= columns.div_ceil(BLOCK) && self.to.len() >= self.blocks.end * rows * BLOCK);
        for row in 0..rows {
            for block in self.blocks.clone() {
                let (at, filled) = (row * columns + block * BLOCK, BLOCK.min(columns - block * BLOCK));
                // SAFETY: `filled` numbers of this row from `at` on; the blocks are this task's own.
                unsafe {
                    let mut x = L::load_first(numbers.as_ptr().add(at), filled);
                    if let Some(relu) = relu {
                        x = x.through_relu(L::load_first(relu.as_ptr().add(at), filled));
                    }
                    x.store(self.to.at((block * rows + row) * BLOCK));
                }
            }
        }
    }
}

/// Some outputs of all images.
struct Forward<'a> {
    /// Blocked.
    x: &'a [f32],
    images: usize,
    shape: Dense,
    weight: &'a [f32],
    bias: Option<&'a [f32]>,
    relu: bool,
    /// A multiple of sixteen to begin with.
    columns: Range<usize>,
    y: Target<'a>,
}

impl Work for Forward<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let (images, block) = (self.images, self.images * BLOCK);
        let mut panel = scratch(DEPTH * BLOCK);
        let mut sums = scratch(self.columns.len().div_ceil(BLOCK) * block);
        if self.shape.inputs == 0 {
            sums.fill(0.0);
        }
        for from in (0..self.shape.inputs).step_by(DEPTH) {
            let inputs = from..self.shape.inputs.min(from + DEPTH);
            let depth = inputs.len().next_multiple_of(BLOCK);
            for (i, c) in sums.chunks_exact_mut(block.max(1)).enumerate() {
                let first = self.columns.start + i * BLOCK;
                turn::<L>(self.weight, self.shape, first..self.columns.end.min(first + BLOCK), inputs.clone(), &mut panel);
                let a = &self.x[from / BLOCK * block..];
                let next =
                    if first + BLOCK < self.columns.end { (first + BLOCK, from) } else { (self.columns.start, from + DEPTH) };
                let soon = (next.1 < self.shape.inputs).then_some(Soon {
                    at: self.weight.as_ptr().wrapping_add(next.0 * self.shape.inputs + next.1),
                    by_step: self.shape.inputs,
                    by_block: BLOCK,
                });
                L::call(Product { a, a_block: block, b: &panel, c, rows: images, depth, add: from > 0, soon });
            }
        }
        self.write::<L>(&sums);
    }
}

impl Forward<'_> {
    /// Adds the bias, applies the ReLU, and writes the results.
    #[inline(always)]
    fn write<L: Lanes>(&self, sums: &[f32]) {
        let outputs = self.shape.outputs;
        assert!(self.columns.end <= outputs && self.y.len() == self.images * outputs);
        assert!(self.bias.is_none_or(|bias| bias.len() == outputs));
        assert!(sums.len() >= self.columns.len().div_ceil(BLOCK) * self.images * BLOCK);
        for first in self.columns.clone().step_by(BLOCK) {
            let (i, filled) = ((first - self.columns.start) / BLOCK, BLOCK.min(self.columns.end - first));
            for image in 0..self.images {
                // SAFETY: `filled` outputs from `first` on, which are this task's own, and sixteen sums of the image.
                unsafe {
                    let mut sum = L::load(sums.as_ptr().add((i * self.images + image) * BLOCK));
                    if let Some(bias) = self.bias {
                        sum = sum + L::load_first(bias.as_ptr().add(first), filled);
                    }
                    sum = if self.relu { sum.relu() } else { sum };
                    sum.store_first(self.y.at(image * outputs + first), filled);
                }
            }
        }
    }
}

/// The weights of at most sixteen outputs for some inputs, with inputs as rows, and zeros to fill sixteen outputs and the last sixteen
/// inputs.
#[inline(always)]
fn turn<L: Lanes>(weight: &[f32], shape: Dense, outputs: Range<usize>, inputs: Range<usize>, panel: &mut [f32]) {
    assert!(outputs.len() <= BLOCK && outputs.end <= shape.outputs && inputs.end <= shape.inputs);
    assert!(weight.len() == shape.inputs * shape.outputs && panel.len() >= inputs.len().next_multiple_of(BLOCK) * BLOCK);
    for from in inputs.clone().step_by(BLOCK) {
        let to = &mut panel[(from - inputs.start) * BLOCK..][..BLOCK * BLOCK];
        let filled = BLOCK.min(inputs.end - from);
        let first = outputs.start * shape.inputs + from;
        if filled == BLOCK && outputs.len() == BLOCK {
            // SAFETY: sixteen rows of `weight` with sixteen numbers from `from` on.
            unsafe { L::transpose(weight.as_ptr().add(first), shape.inputs, to.as_mut_ptr(), BLOCK) };
        } else {
            let mut copy = [0.0; BLOCK * BLOCK];
            for output in 0..outputs.len() {
                copy[output * BLOCK..][..filled].copy_from_slice(&weight[first + output * shape.inputs..][..filled]);
            }
            // SAFETY: both are sixteen rows of sixteen.
            unsafe { L::transpose(copy.as_ptr(), BLOCK, to.as_mut_ptr(), BLOCK) };
        }
    }
}

/// The gradient with respect to some inputs of all images.
struct Backward<'a> {
    /// Blocked.
    dy: &'a [f32],
    images: usize,
    shape: Dense,
    weight: &'a [f32],
    /// A multiple of sixteen to begin with.
    columns: Range<usize>,
    dx: Target<'a>,
}

impl Work for Backward<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let (images, block, blocks) = (self.images, self.images * BLOCK, self.columns.len().div_ceil(BLOCK));
        let mut panels = scratch(blocks * DEPTH * BLOCK);
        let mut sums = scratch(blocks * block);
        if self.shape.outputs == 0 {
            sums.fill(0.0);
        }
        for from in (0..self.shape.outputs).step_by(DEPTH) {
            let outputs = from..self.shape.outputs.min(from + DEPTH);
            let depth = outputs.len().next_multiple_of(BLOCK);
            self.copy::<L>(outputs, &mut panels);
            let panels = panels.chunks_exact(DEPTH * BLOCK);
            for (i, (c, b)) in sums.chunks_exact_mut(block.max(1)).zip(panels).enumerate() {
                let a = &self.dy[from / BLOCK * block..];
                let (next, by_step) = (from + DEPTH, self.shape.inputs);
                let soon = (next < self.shape.outputs).then_some(Soon {
                    at: self.weight.as_ptr().wrapping_add(next * by_step + self.columns.start + i * BLOCK),
                    by_step,
                    by_block: BLOCK * by_step,
                });
                L::call(Product { a, a_block: block, b, c, rows: images, depth, add: from > 0, soon });
            }
        }
        assert!(self.columns.end <= self.shape.inputs && self.dx.len() == images * self.shape.inputs);
        for image in 0..images {
            for (i, first) in self.columns.clone().step_by(BLOCK).enumerate() {
                let filled = BLOCK.min(self.columns.end - first);
                // SAFETY: `filled` inputs from `first` on, which are this task's own, and sixteen sums of the image.
                unsafe {
                    let sum = L::load(sums[(i * images + image) * BLOCK..].as_ptr());
                    sum.store_first(self.dx.at(image * self.shape.inputs + first), filled);
                }
            }
        }
    }
}

impl Backward<'_> {
    /// Copies the weights of some outputs into a panel for each block of inputs, with zeros to fill the last sixteen outputs.
    #[inline(always)]
    fn copy<L: Lanes>(&self, outputs: Range<usize>, panels: &mut [f32]) {
        let inputs = self.shape.inputs;
        assert!(outputs.len() <= DEPTH && outputs.end * inputs <= self.weight.len() && self.columns.end <= inputs);
        assert!(panels.len() >= self.columns.len().div_ceil(BLOCK) * DEPTH * BLOCK);
        for row in 0..outputs.len().next_multiple_of(BLOCK) {
            for (i, first) in self.columns.clone().step_by(BLOCK).enumerate() {
                let filled = if row < outputs.len() { BLOCK.min(self.columns.end - first) } else { 0 };
                // SAFETY: `filled` weights of an output that there is, from an input that there is; the panel has a row of sixteen.
                unsafe {
                    let from = if filled > 0 { (outputs.start + row) * inputs + first } else { 0 };
                    let weights = L::load_first(self.weight.as_ptr().add(from), filled);
                    weights.store(panels.as_mut_ptr().add((i * DEPTH + row) * BLOCK));
                }
            }
        }
    }
}

/// The weight gradients of some blocks of outputs.
struct WeightGradients<'a> {
    /// Both blocked.
    x: &'a [f32],
    dy: &'a [f32],
    images: usize,
    shape: Dense,
    blocks: Range<usize>,
    dw: Target<'a>,
}

impl Work for WeightGradients<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let (Dense { inputs, outputs }, rows) = (self.shape, self.images);
        let mut square = [0.0; BLOCK * BLOCK];
        assert!(self.blocks.end <= outputs.div_ceil(BLOCK) && self.dw.len() == inputs * outputs);
        for output in self.blocks {
            let filled_rows = BLOCK.min(outputs - output * BLOCK);
            for input in 0..inputs.div_ceil(BLOCK) {
                let filled = BLOCK.min(inputs - input * BLOCK);
                let (a, b) = (&self.dy[output * rows * BLOCK..], &self.x[input * rows * BLOCK..]);
                L::call(Outer { a, b, c: &mut square, c_row: BLOCK, rows, add: false });
                for row in 0..filled_rows {
                    // SAFETY: `filled` weights of an output that there is, from an input that there is; all are this task's own.
                    unsafe {
                        let to = self.dw.at((output * BLOCK + row) * inputs + input * BLOCK);
                        L::load(square[row * BLOCK..].as_ptr()).store_first(to, filled);
                    }
                }
            }
        }
    }
}
