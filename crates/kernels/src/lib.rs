//! CPU kernels on plain slices for the operations that training a convolutional network waits for.
//!
//! Activations are `f32` slices in the order image, row, column, channel (channels last), so that a vector of sixteen
//! numbers is sixteen channels of one pixel. Weights are in PyTorch's order: `[output, input, kernel row, kernel column]` for
//! convolutions, `[output, input]` for dense layers. Every kernel returns a new vector, except [`descend`] and those of panels,
//! which update in place.
//!
//! | operation | forward | backward |
//! |---|---|---|
//! | convolution, with bias and ReLU | [`convolve`] | [`convolve_back`] |
//! | the same, with normalisation by given statistics and pool | [`convolve_and`] | |
//! | batch normalisation, with ReLU | [`normalise_by_batch`], [`normalise_by`] | [`normalise_by_batch_back`] |
//! | the same and a max-pool | [`normalise_by_batch_and_pool`] | [`normalise_by_batch_and_pool_back`] |
//! | max-pool 2×2 | [`pool()`] | [`pool_back`] |
//! | dense layer, with bias and ReLU | [`dense()`] | [`dense_back`] |
//! | SGD step with lost weights held at 0 (a pruning mask) | [`descend`] | |
//! | products of sixteen vectors with sixteen, in single and in double precision, and squared differences | [`add_panel_products`], [`add_panel_products_f64`], [`add_panel_squared_differences`] | |
//! | squared difference of two vectors | [`squared_difference`] | |
//!
//! ```
//! use kernels::{Convolution, Maps, convolve, convolve_back, pool};
//!
//! // Two images of 4×4 pixels with one channel, and a filter that adds up a pixel's neighbourhood.
//! let at = Maps { images: 2, height: 4, width: 4 };
//! let shape = Convolution::three_by_three(1, 1);
//! let x = vec![1.0; 32];
//! let y = convolve(&x, at, &shape, &[1.0; 9], None, true);
//! assert_eq!(y[..5], [4.0, 6.0, 6.0, 4.0, 6.0]); // a corner has four neighbours that are not border, an edge six
//! assert_eq!(pool(&y, at, 1), [9.0; 8]);
//!
//! let gradients = convolve_back(&x, at, &shape, &[1.0; 9], Some(&y), &[1.0; 32], false);
//! assert_eq!(gradients.dweight[4], 32.0); // the tap in the middle meets every pixel of both images
//! ```
//!
//! # How it is fast
//!
//! - **Fewer multiplications.** 3×3 convolutions are Winograd convolutions (Winograd 1980, Lavin & Gray 2016): 36 products where the
//!   definition takes 144, and on maps of 2×2, which are all border, 9 where it takes 36. The backward pass is the adjoint of
//!   the forward algorithm, step by step, and shares its intermediate results between both gradients. See `winograd.rs`.
//! - **One layout inside.** Every matrix is blocked by sixteen columns; transforms write that form, products read and write it, and
//!   nothing is packed or unpacked in between. Two small products, written once, do all the arithmetic. See `gemm.rs`.
//! - **Caches before arithmetic.** Two schedules, for large and for small maps, decide what stays in the caches: chunks of tiles, or the
//!   weights of a few channels. Other kernels and strides, and the first layer, go through im2col, chunk by chunk.
//! - **Every number once.** Bias, ReLU and their gradients are computed on the way in or out of a convolution; normalisation and its ReLU
//!   are one operation; descent is one pass over weights, velocities, gradients and lost weights.
//! - **No zeroing, no fresh pages.** Working space is used again, and results are not zeroed before they are written. See `scratch.rs`.
//! - **The processor's widest vectors**, found out at run time: AVX-512, AVX2 with FMA, or what the compiler makes of plain arrays. See
//!   [`Simd`].
//!
//! # What is promised
//!
//! - Results are the same bits whatever the number of threads: what is summed by several threads is cut by the shape alone and added in
//!   order. Different instruction sets round differently; [`Simd::pin`] chooses one for the whole process.
//! - A forward convolution gives the same bits for an image whatever else is in the batch.
//! - NaN propagates through ReLU and max-pool.
//! - Lost weights and their velocities are exactly +0.0 after [`descend`].
//! - Work is shared out among rayon's current pool (`ThreadPool::install` chooses another).
//! - Slices of the wrong length are a mistake of the calling code: a panic that says which.
//!
//! All `unsafe` code of the project is here: intrinsics, unchecked addresses in the inner loops, memory that several threads
//! write at once, and settings of the allocator. Each use says why it is sound.
//!
//! # Sources
//!
//! - Chellapilla, Puri, Simard (2006) High performance convolutional neural networks for document processing. *IWFHR*.
//! - Ioffe, Szegedy (2015) Batch normalization: accelerating deep network training by reducing internal covariate shift. *ICML*.
//! - Lavin, Gray (2016) Fast algorithms for convolutional neural networks. *CVPR*, 4013-4021.
//! - Winograd (1980) Arithmetic complexity of computations. *SIAM CBMS-NSF* 33.

mod call;
mod convolution;
mod dense;
mod descent;
mod gemm;
mod im2col;
mod maps;
mod memory;
mod normalisation;
mod panel;
mod pool;
mod processor;
mod scratch;
mod simd;
#[cfg(test)]
mod tests;
mod threads;
mod winograd;

pub use call::{Convolution, ConvolutionGradients, Finish};
pub use convolution::{convolve, convolve_and, convolve_back};
pub use dense::{Dense, DenseGradients, dense, dense_back};
pub use descent::{Descent, descend};
#[doc(hidden)]
pub use gemm::{multiply_in_cache, multiply_transposed_in_cache};
pub use maps::Maps;
pub use memory::{keep_pages, use_large_pages};
pub use normalisation::pooled::{normalise_by_batch_and_pool, normalise_by_batch_and_pool_back};
pub use normalisation::{
    Normalisation, NormalisationGradients, Normalised, normalise_by, normalise_by_batch, normalise_by_batch_back,
};
pub use panel::{add_panel_products, add_panel_products_f64, add_panel_squared_differences, squared_difference};
pub use pool::{pool, pool_back};
pub use processor::processor;
pub use simd::{Simd, SimdError};
