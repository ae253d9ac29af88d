//! CPU kernels on plain slices for the operations that training a convolutional network waits for.
//!
//! Activations are `f32` slices in the order image, row, column, channel (channels last), so that a vector of sixteen
//! numbers is sixteen channels of one pixel. Weights are in PyTorch's order: `[output, input, kernel row, kernel column]` for
//! convolutions, `[output, input]` for dense layers. Results are new vectors.
//!
//! | operation | forward | backward |
//! |---|---|---|
//! | convolution, with bias and ReLU | [`convolve`] | [`convolve_back`] |
//! | batch normalisation, with ReLU | [`normalise_by_batch`], [`normalise_by`] | [`normalise_by_batch_back`] |
//! | ReLU alone | [`relu`] | [`relu_back`] |
//! | max-pool 2×2 | [`pool`] | [`pool_back`] |
//! | dense layer, with bias and ReLU | [`dense`] | [`dense_back`] |
//! | stochastic gradient descent with lost weights | [`descend`] | |
//! | products of sixteen vectors with sixteen | [`panel_products`] | |

mod convolution;
mod dense;
mod descent;
mod gemm;
mod im2col;
mod memory;
mod normalisation;
mod panel;
mod pool;
mod scratch;
mod simd;
#[cfg(test)]
mod tests;
mod threads;
mod winograd;

pub use convolution::{Convolution, ConvolutionGradients, convolve, convolve_back};
pub use dense::{Dense, DenseGradients, dense, dense_back};
pub use descent::{Descent, descend};
#[doc(hidden)]
pub use gemm::{multiply_in_cache, multiply_transposed_in_cache};
pub use memory::keep_pages;
pub use normalisation::{
    Normalisation, NormalisationGradients, Normalised, normalise_by, normalise_by_batch, normalise_by_batch_back,
};
pub use panel::panel_products;
pub use pool::{pool, pool_back, relu, relu_back};
pub use simd::Simd;

/// How many maps (images, or what a layer made of them) there are, and how large each is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Maps {
    /// The number of maps.
    pub images: usize,
    /// Rows of each.
    pub height: usize,
    /// Columns of each.
    pub width: usize,
}

impl Maps {
    /// The number of pixels of all maps.
    #[must_use]
    pub fn pixels(self) -> usize {
        self.images * self.height * self.width
    }
}
