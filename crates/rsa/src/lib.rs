//! Representational similarity analysis: patterns → dissimilarity matrix → rank correlation.
//!
//! A network (or a brain) answers each image with a *pattern* of activations. How unlike the patterns of each pair of
//! images are is its *representational dissimilarity matrix*, [`Rdm`]; two matrices over the same images are compared by
//! how alike they rank the pairs ([`Prepared::similarity`]), which needs no match between the units of the two networks
//! (Kriegeskorte 2008).
//!
//! ```
//! use rsa::{Method, Prepared, Rdm};
//!
//! // Four images, three features each, row after row. The first two images are alike, and so are the last two.
//! let healthy = [
//!     0.0, 1.0, 5.0, //
//!     0.0, 2.0, 5.0, //
//!     4.0, 1.0, 0.0, //
//!     6.0, 3.0, 0.0,
//! ];
//! let reference = Prepared::new(Rdm::correlation(&healthy, 3));
//! assert_eq!(reference.rdm().images(), 4);
//! assert_eq!(reference.rdm().upper().len(), 6); // pairs 01, 02, 03, 12, 13, 23
//!
//! // After a lesson the responses are weaker and shifted. A correlation does not mind; the similarity is perfect.
//! let weaker = healthy.map(|activation| 0.5 * activation + 1.0);
//! let similarity = reference.similarity(&Rdm::correlation(&weaker, 3), Method::TauB);
//! assert_eq!(similarity.value, Some(1.0));
//! assert_eq!(similarity.pairs_used, 6);
//!
//! // After an injury the network says nothing at all about the last image: its three pairs cannot be judged.
//! let mut injured = healthy;
//! injured[9..12].fill(0.0);
//! let injured = Rdm::correlation(&injured, 3);
//! assert_eq!(injured.constant(), [3]);
//! let similarity = reference.similarity(&injured, Method::TauB);
//! assert_eq!(similarity.value, Some(1.0));
//! assert_eq!((similarity.pairs_used, similarity.pairs_left_out), (3, 3));
//! ```
//!
//! # Definitions
//!
//! - **Dissimilarity** of images i and j: `1 - r`, where `r` is Pearson's correlation of their patterns over the features;
//!   from 0 (same shape) over 1 (unrelated) to 2 (opposite). Kriegeskorte 2008.
//! - **Constant pattern**: all values of the pattern are equal (so a pattern of one feature always is). It has no variance
//!   and therefore no correlation; its pairs hold NaN, and a comparison leaves them out of *both* matrices and counts them.
//! - **Kendall's tau**: of the `n0 = n(n-1)/2` couples that can be formed of n pairs of images, `C` are ranked alike by both
//!   matrices, `D` oppositely, `n1` are tied in the one and `n2` in the other.
//!   `tau-a = (C-D) / n0` (Kendall 1938); `tau-b = (C-D) / sqrt((n0-n1)(n0-n2))` (Kendall 1945).
//!   Tau-b reaches 1 for any two equal rankings, tied or not; it favours a matrix that predicts ties, where tau-a does
//!   not (Nili 2014). Counted exactly, in integers, in O(n log n) (Knight 1966).
//!
//! # What is promised
//!
//! Results are the same bits whatever the number of threads, because no sum depends on how work is shared out. The crate
//! is pure: no files, clock, or terminal. It runs on rayon's current thread pool.
//!
//! # Sources
//!
//! - Kendall (1938) A new measure of rank correlation. *Biometrika* 30:81-93.
//! - Kendall (1945) The treatment of ties in ranking problems. *Biometrika* 33:239-251.
//! - Knight (1966) A computer method for calculating Kendall's tau with ungrouped data. *J Am Stat Assoc* 61:436-439.
//! - Kriegeskorte, Mur, Bandettini (2008) Representational similarity analysis: connecting the branches of systems
//!   neuroscience. *Front Syst Neurosci* 2:4.
//! - Nili et al. (2014) A toolbox for representational similarity analysis. *PLoS Comput Biol* 10:e1003553.

mod bootstrap;
mod cka;
mod comparison;
mod distance;
mod method;
mod patterns;
mod picture;
mod rdm;

mod buckets;
mod inversions;
mod kendall;
mod moments;
mod product;
mod ranking;
mod spearman;

pub use bootstrap::{Bootstrap, bootstrap};
pub use cka::linear_cka;
pub use comparison::{Prepared, Similarity, correlate};
pub use distance::Distance;
pub use method::{Method, Over};
pub use patterns::PatternsError;
pub use picture::Picture;
pub use rdm::{MatrixError, Rdm};
