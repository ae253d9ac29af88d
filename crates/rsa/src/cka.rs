//! Comparing patterns without a matrix of dissimilarities.

use rayon::prelude::*;

use crate::{
    centred::Centred,
    hsic::{self, Unbiased},
    patterns::{Patterns, PatternsError},
    real::Real,
};

/// Linear centred kernel alignment of two sets of patterns over the same images, from 0 to 1.
///
/// `x` and `y` hold patterns, images x features, row-major; the numbers of features may differ. With the mean of each feature taken
/// away, `CKA = |Yᵀ X|² / (|Xᵀ X| |Yᵀ Y|)`, where `|·|` is the root of the sum of squares (Kornblith 2019). It does not change
/// when patterns are rotated or scaled as a whole. `None` where a set has the same pattern for all images.
///
/// It is biased upwards where features are many compared with images: of unrelated patterns it tends to 1, and not to 0 (Murphy 2024).
/// [`linear_cka_unbiased`] is not.
///
/// Computed in double precision for patterns that are, and for others where that takes up to 2^30 products; else it differs from that by less
/// than 1e-6. The same bits for any number of threads.
///
/// Cost: with p and q features, images x (p + q)² operations or, where images are fewer than features, images² x (p + q);
/// and images x (p + q) x 4 or 8 bytes.
///
/// # Errors
/// As [`Rdm::of`](crate::Rdm::of), or if the sets are not over the same images.
///
/// ```
/// let x = [1.0_f32, 2.0, 4.0, 3.0, 5.0, 9.0]; // three images, two features each
/// let rotated = [2.0, -1.0, 3.0, -4.0, 9.0, -5.0];
/// assert!((rsa::linear_cka((&x, 2), (&rotated, 2))?.unwrap() - 1.0).abs() < 1e-6);
/// # Ok::<(), rsa::PatternsError>(())
/// ```
pub fn linear_cka<T: Real>(x: (&[T], usize), y: (&[T], usize)) -> Result<Option<f64>, PatternsError> {
    Ok(of_both(check(x, y)?, |x, y| {
        let [xx, xy, yy] = hsic::plain(x, y);
        (xx > 0.0 && yy > 0.0).then(|| ratio(xx, xy, yy).clamp(0.0, 1.0))
    }))
}

/// Linear centred kernel alignment without bias, from -1 to 1: about 0 for unrelated patterns, however many features they have.
///
/// `x` and `y` as for [`linear_cka`]. `CKA = HSIC1(K, L) / sqrt(HSIC1(K, K) HSIC1(L, L))` with `K = X Xᵀ`, `L = Y Yᵀ` and the unbiased
/// estimate of the Hilbert-Schmidt independence criterion (Song 2012, Nguyen 2021, Murphy 2024)
///
/// `HSIC1(K, L) = 1/(n(n-3)) [tr(K̃ L̃) + (1ᵀ K̃ 1)(1ᵀ L̃ 1) / ((n-1)(n-2)) - 2/(n-2) 1ᵀ K̃ L̃ 1]`,
///
/// where `K̃` and `L̃` are `K` and `L` with zeros on their diagonals, and n is the number of images. (It is HSIC that is estimated without
/// bias; of a ratio this holds nearly.) It does not change when patterns are rotated, scaled or shifted as a whole. It may be
/// negative where patterns are unrelated.
///
/// `None` with fewer than four images, and where a set's `HSIC1(K, K)` is 0 but for rounding: where all images have the same pattern, or
/// all but one.
///
/// Differs from the exact value by less than 1e-6, also where patterns are nearly one. The same bits for any number of threads.
///
/// Cost: with p and q features, images² x (p + q) operations (in double precision where these are up to 2^31, else in single) and images x
/// (p + q) x 4 or 8 bytes; or, with 4 (p + q) images or more, images x (p + q)² in double precision. No matrix of all pairs is kept. Where
/// single precision cannot tell, as where one pattern is a hundred times as far from the others as these from each other, all is done
/// again in double.
///
/// # Errors
/// As [`linear_cka`].
///
/// ```
/// // Two unrelated sets of patterns: 20 images, 200 features each.
/// let mut state = 1_u64;
/// let mut noise = || {
///     state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
///     (state >> 40) as f64
/// };
/// let [x, y]: [Vec<f64>; 2] = [(); 2].map(|()| (0..4000).map(|_| noise()).collect());
/// assert!(rsa::linear_cka((&x, 200), (&y, 200))?.unwrap() > 0.85);
/// assert!(rsa::linear_cka_unbiased((&x, 200), (&y, 200))?.unwrap().abs() < 0.3);
/// assert_eq!(rsa::linear_cka_unbiased((&x, 200), (&x, 200))?, Some(1.0));
/// # Ok::<(), rsa::PatternsError>(())
/// ```
pub fn linear_cka_unbiased<T: Real>(x: (&[T], usize), y: (&[T], usize)) -> Result<Option<f64>, PatternsError> {
    let (x, y) = check(x, y)?;
    if x.images < Unbiased::LEAST_IMAGES {
        return Ok(None);
    }
    Ok(of_both((x, y), |x, y| unbiased_ratio(&[Unbiased::of(x, y)])))
}

/// Why there is no centred kernel alignment by minibatches.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum CkaError {
    /// The patterns are not in order.
    #[error(transparent)]
    Patterns(#[from] PatternsError),
    /// A batch has fewer than four images, perhaps the last one.
    #[error("{images} images in batches of {batch} make one of {smallest}; each needs at least {least}, so choose another size")]
    SmallBatch {
        /// Number of images.
        images: usize,
        /// The size of a batch.
        batch: usize,
        /// Images in the smallest.
        smallest: usize,
        /// The least there must be.
        least: usize,
    },
}

/// Linear centred kernel alignment by minibatches, as package torch-cka 0.21 has it (Nguyen 2021); for comparison with what
/// was computed so. [`linear_cka_unbiased`] is to be preferred where all patterns are at hand.
///
/// The images are taken in the given order, `batch` at a time; the last batch holds what is left, and counts as much as any other (as with
/// PyTorch's `DataLoader`, which drops no batch unless told to; whether it shuffles the images is its caller's choice). `HSIC1` of each batch
/// (see [`linear_cka_unbiased`]) is averaged over the batches, each of the three by itself, and CKA is the ratio of the means. The package
/// does not centre the patterns; `HSIC1` does not see it. It computes in single precision, and stops with "HSIC computation resulted in
/// NANs" where rounding makes a mean negative; here all is computed as exactly as for [`linear_cka_unbiased`].
///
/// `None` where a set's mean of `HSIC1(K, K)` is 0 but for rounding.
///
/// Cost: that of [`linear_cka_unbiased`] of each batch.
///
/// # Errors
/// As [`linear_cka`], or if a batch would have fewer than four images, for which `HSIC1` is not defined (the package divides by 0).
///
/// ```
/// let noise = |k: usize| (k as f64 * 12.9898).sin() * 43758.5453 % 1.0;
/// let x: Vec<f64> = (0..60).map(noise).collect(); // 20 images, three features each
/// assert_eq!(rsa::linear_cka_minibatch((&x, 3), (&x, 3), 8)?, Some(1.0)); // 8, 8 and 4 images
/// assert!(rsa::linear_cka_minibatch((&x, 3), (&x, 3), 6).is_err()); // the last would have two
/// # Ok::<(), rsa::CkaError>(())
/// ```
pub fn linear_cka_minibatch<T: Real>(x: (&[T], usize), y: (&[T], usize), batch: usize) -> Result<Option<f64>, CkaError> {
    let (x, y) = check(x, y)?;
    let (images, least) = (x.images, Unbiased::LEAST_IMAGES);
    let last = images.checked_rem(batch).map_or(0, |rest| if rest == 0 { batch.min(images) } else { rest });
    if last.min(batch) < least {
        return Err(CkaError::SmallBatch { images, batch, smallest: last.min(batch), least });
    }
    Ok(of_both((x, y), |x, y| {
        let of_batch = |first: usize| {
            let [of_x, of_y] = [x.batch(first, batch), y.batch(first, batch)];
            Unbiased::of(&of_x, if std::ptr::eq(x, y) { &of_x } else { &of_y })
        };
        let firsts: Vec<usize> = (0..images).step_by(batch).collect();
        unbiased_ratio(&firsts.into_par_iter().map(of_batch).collect::<Vec<_>>())
    }))
}

fn check<'a, T: Real>(x: (&'a [T], usize), y: (&'a [T], usize)) -> Result<(Patterns<'a, T>, Patterns<'a, T>), PatternsError> {
    let (x, y) = (Patterns::check(x.0, x.1)?, Patterns::check(y.0, y.1)?);
    if x.images != y.images {
        return Err(PatternsError::DifferentImages { first: x.images, second: y.images });
    }
    Ok((x, y))
}

/// Centres both sets; once where they are the same, so that all that is computed of them has the same bits.
fn of_both<T: Real, R>((x, y): (Patterns<'_, T>, Patterns<'_, T>), of: impl Fn(&Centred<'_, T>, &Centred<'_, T>) -> R) -> R {
    let of_x = Centred::of(x);
    if x.features == y.features && x.values == y.values { of(&of_x, &of_x) } else { of(&of_x, &Centred::of(y)) }
}

/// The ratio of what was averaged over batches.
fn unbiased_ratio(batches: &[Unbiased]) -> Option<f64> {
    let sum = |of: fn(&Unbiased) -> f64| batches.iter().map(of).sum::<f64>();
    let [xx, xy, yy] = [sum(|batch| batch.xx), sum(|batch| batch.xy), sum(|batch| batch.yy)];
    let is_defined = xx > sum(|batch| batch.xx_by_rounding) && yy > sum(|batch| batch.yy_by_rounding);
    is_defined.then(|| ratio(xx, xy, yy).clamp(-1.0, 1.0))
}

fn ratio(xx: f64, xy: f64, yy: f64) -> f64 {
    // One root of a square where they are equal, so that equal patterns give exactly 1.
    xy / if xx == yy { xx } else { xx.sqrt() * yy.sqrt() }
}
