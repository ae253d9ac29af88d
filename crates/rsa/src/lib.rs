//! Representational similarity analysis: patterns → dissimilarity matrix → rank correlation.
//!
//! A network (or a brain) answers each image with a *pattern* of activations. How unlike the patterns of each pair of
//! images are is its *representational dissimilarity matrix*, [`Rdm`]; two matrices over the same images are compared by
//! how alike they rank the pairs ([`Prepared::similarity`]), or by other methods ([`Method`]), which needs no match between
//! the units of the two networks (Kriegeskorte 2008).
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
//! # More questions
//!
//! ```
//! use rsa::{Distance, Method, Rdm, bootstrap, linear_cka, linear_cka_unbiased, noise_ceiling};
//!
//! // Two layers' answers to the same twelve images: three features, and two.
//! let early: Vec<f32> = (0..36).map(|k| (k * k * 7 % 31) as f32).collect();
//! let late: Vec<f32> = early.chunks(3).flat_map(|image| [image[0] + image[1], image[2] + image[0] / 4.0]).collect();
//!
//! let a: Rdm = Rdm::of(&early, 3, Distance::Euclidean)?;
//! let b: Rdm = Rdm::of(&late, 2, Distance::Euclidean)?;
//! let rho = rsa::correlate(a.upper(), b.upper(), Method::Spearman).unwrap();
//! assert!(rho > 0.5);
//! // How much does that rest on the choice of images?
//! let [lower, upper] = bootstrap(&a, &b, Method::Spearman, 1000, 42)?.interval.unwrap();
//! assert!(lower < rho && rho < upper);
//! // How alike can anything be to matrices that differ so much among themselves?
//! let ceiling = noise_ceiling(&[a, b], Method::Spearman)?;
//! assert!(ceiling.lower == Some(rho) && ceiling.upper > Some(rho));
//!
//! // Without dissimilarities: centred kernel alignment, which is too high for few images, and the same without bias.
//! let plain = linear_cka((&early, 3), (&late, 2))?.unwrap();
//! assert!(linear_cka_unbiased((&early, 3), (&late, 2))?.unwrap() < plain);
//!
//! // A matrix that someone else made, whole or condensed.
//! let made_elsewhere: Rdm<f64> = Rdm::from_square(&[0.0_f64, 0.3, 0.8, 0.3, 0.0, 0.9, 0.8, 0.9, 0.0]).unwrap();
//! assert_eq!(made_elsewhere.upper(), [0.3, 0.8, 0.9]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Definitions
//!
//! - **Distance** of the patterns of images i and j ([`Distance`]): `1 - r`, with Pearson's correlation `r` of the patterns over
//!   the features, from 0 (same shape) over 1 (unrelated) to 2 (opposite) (Kriegeskorte 2008); `1 - cos`; `|a - b|`; `|a - b|²`.
//! - **Undefined pairs**: a constant pattern (all values equal, or no further from their mean than eight roundings of a double; so a
//!   pattern of one feature always is) has no variance and therefore no correlation, and a zero pattern no angle. Their pairs hold NaN, and a comparison leaves them out of *both* matrices and
//!   counts them.
//! - **Kendall's tau**: of the `n0 = n(n-1)/2` couples that can be formed of n pairs of images, `C` are ranked alike by both
//!   matrices, `D` oppositely, `n1` are tied in the one and `n2` in the other.
//!   `tau-a = (C-D) / n0` (Kendall 1938); `tau-b = (C-D) / sqrt((n0-n1)(n0-n2))` (Kendall 1945).
//!   Tau-b reaches 1 for any two equal rankings, tied or not; it favours a matrix that predicts ties, where tau-a does
//!   not (Nili 2014).
//! - **Rank correlations**, with ranks `r` and `s` from 1 to n of which tied pairs share the mean: Spearman's rho is Pearson's
//!   correlation of the ranks (Spearman 1904); `rho-a = 12 Σ r s / (n³-n) - 3 (n+1)/(n-1)` is the mean of Spearman's rho over all ways
//!   to break ties (Schütt 2023). It treats ties as tau-a does, and costs less in most software.
//! - **Pearson's correlation** and the **cosine** of the dissimilarities themselves, `Σ x y / sqrt(Σ x² Σ y²)`, the former with the means
//!   taken away.
//! - **Linear CKA** of patterns `X` and `Y`, each feature's mean taken away: `|Yᵀ X|² / (|Xᵀ X| |Yᵀ Y|)` (Kornblith 2019).
//!   It is biased upwards where features are many compared with images; **unbiased linear CKA** is the same ratio of unbiased estimates of
//!   HSIC (Song 2012, Nguyen 2021, Murphy 2024).
//! - **Bootstrap over images**: images are drawn anew with replacement, pairs of an image with itself left out (Nili 2014,
//!   Schütt 2023).
//! - **Noise ceiling** of several subjects' matrices: the mean similarity of each with all pooled (upper bound), and with all others pooled
//!   (lower bound) (Nili 2014).
//!
//! Rank correlations are exact: counts and sums are whole numbers, and only the last operations round. How exact distances are, and which
//! patterns count as equal, is told at [`Rdm::of`].
//!
//! Patterns and matrices are in single precision ([`Rdm`]) or in double (`Rdm<f64>`), see [`Real`]; doubles are ranked by all their digits.
//!
//! # Costs
//!
//! For N images of F features, n = N(N-1)/2 pairs:
//!
//! | | operations | memory besides patterns and matrices |
//! |---|---|---|
//! | [`Rdm::of`] | n F multiplications and additions | 4 N F bytes; 8 N F where n F is below 2^30, and in double precision |
//! | [`Prepared::prepare`] | O(n) | 4 n bytes (ranks: 12 n, of which 4 n are kept) |
//! | tau-a, tau-b | O(n) | 8 n bytes; 28 n in double precision |
//! | rho-a, Spearman | O(n) | 12 n bytes; 28 n in double precision |
//! | Pearson, cosine | O(n) | none |
//! | [`linear_cka`] | the lesser of N F² and N² F | 4 N F bytes |
//! | [`linear_cka_unbiased`] | N F² for N ≥ 8 F, else N² F | 4 or 8 N F bytes |
//! | [`bootstrap`] | one comparison for each resample | two matrices and a comparison for each thread |
//! | [`noise_ceiling`] of m matrices | m (m + 3) / 2 comparisons | 50 n bytes |
//!
//! Knight's merge sort (1966) counts the discordant couples in O(n log n). Here values are shared out by their digits, first to
//! buckets that fit in a cache, with running counts of the digits seen, so that each value is touched a fixed number of times
//! and memory is read and written in order. Products are formed by crate `kernels`, with the vector instructions that the processor has.
//!
//! # What is promised
//!
//! Results are the same bits whatever the number of threads, because no sum depends on how work is shared out. (Processors with
//! other vector instructions may differ in the last bits of a distance.) The crate is pure: no files, clock, or terminal. It
//! runs on rayon's current thread pool.
//!
//! # Sources
//!
//! - Efron, Tibshirani (1993) An introduction to the bootstrap. Chapman & Hall.
//! - Kendall (1938) A new measure of rank correlation. *Biometrika* 30:81-93.
//! - Kendall (1945) The treatment of ties in ranking problems. *Biometrika* 33:239-251.
//! - Knight (1966) A computer method for calculating Kendall's tau with ungrouped data. *J Am Stat Assoc* 61:436-439.
//! - Kornblith, Norouzi, Lee, Hinton (2019) Similarity of neural network representations revisited. *ICML*, PMLR 97:3519-3529.
//! - Kriegeskorte, Mur, Bandettini (2008) Representational similarity analysis: connecting the branches of systems
//!   neuroscience. *Front Syst Neurosci* 2:4.
//! - Murphy, Zylberberg, Fyshe (2024) Correcting biased centered kernel alignment measures in biological and artificial neural networks.
//!   arXiv:2405.01012.
//! - Nguyen, Raghu, Kornblith (2021) Do wide and deep networks learn the same things? *ICLR*, arXiv:2010.15327.
//! - Nili et al. (2014) A toolbox for representational similarity analysis. *PLoS Comput Biol* 10:e1003553.
//! - Schütt, Kipnis, Diedrichsen, Kriegeskorte (2023) Statistical inference on representational geometries. *eLife* 12:e82566.
//! - Song, Smola, Gretton, Bedo, Borgwardt (2012) Feature selection via dependence maximization. *J Mach Learn Res* 13:1393-1434.
//! - Spearman (1904) The proof and measurement of association between two things. *Am J Psychol* 15:72-101.
//! - Székely, Rizzo (2014) Partial distance correlation with methods for dissimilarities. *Ann Stat* 42:2382-2412.

mod bootstrap;
mod ceiling;
mod cka;
mod comparison;
mod distance;
mod method;
mod patterns;
mod picture;
mod rdm;
mod real;

mod buckets;
mod centred;
mod equal;
mod hsic;
mod inversions;
mod kendall;
mod moments;
mod pairs;
mod panels;
mod product;
mod ranking;
mod seen;
mod spearman;
mod triangle;
mod whole;

pub use bootstrap::{Bootstrap, BootstrapError, bootstrap};
pub use ceiling::{CeilingError, NoiseCeiling, noise_ceiling};
pub use cka::{CkaError, linear_cka, linear_cka_minibatch, linear_cka_unbiased};
pub use comparison::{Prepared, Similarity, correlate};
pub use distance::Distance;
pub use method::{Method, Over};
pub use patterns::PatternsError;
pub use picture::Picture;
pub use rdm::{MatrixError, Rdm};
pub use real::Real;
pub use triangle::MOST_IMAGES;
