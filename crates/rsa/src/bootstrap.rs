//! How sure a similarity is, as far as it rests on the choice of images.

use rayon::prelude::*;

use crate::{comparison::Prepared, method::Method, rdm::Rdm, real::Real};

/// A similarity as it would come out for other images: what [`bootstrap`] finds.
#[derive(Clone, Debug, PartialEq)]
pub struct Bootstrap {
    /// The 95 % interval, from the 2.5th to the 97.5th percentile of all resamples; `None` where too many have no similarity, see
    /// [`bootstrap`].
    pub interval: Option<[f64; 2]>,
    /// The similarity of each resample in the order they were drawn; `None` where it is undefined, see [`Method`].
    pub similarities: Vec<Option<f64>>,
    /// Number of resamples whose similarity is undefined.
    pub undefined: usize,
}

/// Why there is nothing to be had from resampling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BootstrapError {
    /// Fewer than ten images have dissimilarities in both matrices.
    #[error(
        "{images} images with dissimilarities in both matrices are too few to resample; at least {least} are needed, better 20"
    )]
    TooFewImages {
        /// Images that have a dissimilarity to some other in both matrices.
        images: usize,
        /// The least there must be.
        least: usize,
    },
    /// Fewer than forty resamples.
    #[error("{resamples} resamples are too few for a 95 % interval; ask for at least {least}, better 1000")]
    TooFewResamples {
        /// Resamples asked for.
        resamples: usize,
        /// The least there must be.
        least: usize,
    },
}

/// A rank correlation of the six pairs of four images takes few values, and of fewer images still fewer. With ten images 1.8 % of
/// all resamples hold four images or fewer, too few to fill a tail of 2.5 %; with nine 6.5 % do.
const LEAST_IMAGES: usize = 10;

/// One in forty resamples lies beyond each end.
const LEAST_RESAMPLES: usize = 40;

/// The share of resamples below the interval, and above it.
const TAIL: f64 = 0.025;

/// From so many pairs on, a resample is work enough for all threads; smaller ones are shared out.
const MANY_PAIRS: usize = 1 << 20;

/// Bootstraps the similarity of two matrices over images (Nili 2014): draws as many images as there are, with replacement,
/// `resamples` times over (1,000 is usual); takes the matrices of the drawn images, without the pairs of an image with itself, whose
/// dissimilarity is 0 by construction; and compares these. The interval is from the 2.5th to the 97.5th percentile of the
/// similarities (the percentile interval of Efron and Tibshirani 1993), between values by linear interpolation (as NumPy's `percentile`).
///
/// Which images are drawn is a function of `seed`, the number of the resample and the number of images alone, so that several
/// measures can be bootstrapped with the same draws.
///
/// # What to make of it
/// - The interval says how much rests on the choice of images, and nothing of the networks or subjects.
/// - It is an approximation. A resample holds about 63 % of the images, and pairs of an image with itself say nothing, so that its similarity
///   varies more than that of new images would. The interval tends to be wide (Schütt 2023): in a simulation with 10 to 20 images it held
///   what very many images give about 99 times in 100. Its ends are not corrected for bias.
/// - At least ten images must have dissimilarities in both matrices. With fewer, resamples of four images or fewer, whose similarities
///   are coarse, make up the tails. The toolbox of Nili 2014 bootstraps from 20 images on, which is a good rule for what is to be published.
/// - It is an interval over *all* resamples. Those whose similarity is undefined (as where one of the matrices is tied throughout) are taken to
///   lie beyond its lower end for the one, and beyond its upper end for the other, the worst that could be. Where they would be part of
///   an end, as they are from about 2.5 % of the resamples on, there is no interval.
///
/// Cost: as many unprepared comparisons as resamples. With up to 1,448 images they are spread over threads, each of which
/// needs the memory of a comparison and of two matrices; with more, one follows the other.
///
/// # Errors
/// If fewer than ten images have a dissimilarity to some other in both matrices, or there are fewer than 40 resamples.
///
/// # Panics
/// If the matrices are not over the same number of images.
///
/// ```
/// use rsa::{BootstrapError, Distance, Method, Rdm, bootstrap};
/// let [x, y] = [7, 11].map(|m| (0..60).map(|k| (k * k * m % 31) as f32).collect::<Vec<_>>());
/// let [a, b] = [&x, &y].map(|values| Rdm::<f32>::of(values, 3, Distance::Euclidean).unwrap());
/// let sure = bootstrap(&a, &b, Method::Spearman, 100, 1)?;
/// assert_eq!((sure.similarities.len(), sure.undefined), (100, 0));
/// let [lower, upper] = sure.interval.expect("all resamples are defined");
/// assert!(lower < upper);
///
/// let [a, b] = [&x, &y].map(|values| Rdm::<f32>::of(&values[..9], 3, Distance::Euclidean).unwrap());
/// let error = bootstrap(&a, &b, Method::Spearman, 100, 1).unwrap_err();
/// assert_eq!(error, BootstrapError::TooFewImages { images: 3, least: 10 });
/// # Ok::<(), BootstrapError>(())
/// ```
pub fn bootstrap<T: Real>(
    a: &Rdm<T>,
    b: &Rdm<T>,
    method: Method,
    resamples: usize,
    seed: u64,
) -> Result<Bootstrap, BootstrapError> {
    assert_eq!(a.images(), b.images(), "the matrices must be over the same images");
    let images = a.images();
    let speaking = (0..images).into_par_iter().filter(|&image| is_compared(a, b, image)).count();
    if speaking < LEAST_IMAGES {
        return Err(BootstrapError::TooFewImages { images: speaking, least: LEAST_IMAGES });
    }
    if resamples < LEAST_RESAMPLES {
        return Err(BootstrapError::TooFewResamples { resamples, least: LEAST_RESAMPLES });
    }
    let similarity = |resample: usize| {
        let picked = draw(images, seed, resample as u64);
        Prepared::new(a.picking(&picked)).similarity(&b.picking(&picked), method).value
    };
    let similarities: Vec<Option<f64>> = if a.upper().len() < MANY_PAIRS {
        (0..resamples).into_par_iter().map(similarity).collect()
    } else {
        (0..resamples).map(similarity).collect()
    };
    let undefined = similarities.iter().filter(|similarity| similarity.is_none()).count();
    Ok(Bootstrap { interval: interval(&similarities), similarities, undefined })
}

/// Whether an image has a dissimilarity to some other in both matrices.
fn is_compared<T: Real>(a: &Rdm<T>, b: &Rdm<T>, image: usize) -> bool {
    (0..a.images()).any(|other| other != image && a.get(image, other).is_some() && b.get(image, other).is_some())
}

/// From the 2.5th to the 97.5th percentile, with what is undefined beyond both ends.
fn interval(similarities: &[Option<f64>]) -> Option<[f64; 2]> {
    let mut sorted: Vec<f64> = similarities.iter().copied().flatten().collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let undefined = similarities.len() - sorted.len();
    let lower = percentile(&[vec![f64::NEG_INFINITY; undefined], sorted.clone()].concat(), TAIL)?;
    let upper = percentile(&[sorted, vec![f64::INFINITY; undefined]].concat(), 1.0 - TAIL)?;
    (lower.is_finite() && upper.is_finite()).then_some([lower, upper])
}

/// Draws as many images as there are, with replacement. Ascending, because their order does not matter and memory prefers it.
fn draw(images: usize, seed: u64, resample: u64) -> Vec<usize> {
    let stream = mix(mix(seed).wrapping_add(resample));
    // The upper half of a product is below the number of images; the bias is below images / 2^64.
    let draw = |k: u64| ((u128::from(mix(stream.wrapping_add(k))) * images as u128) >> 64) as usize;
    let mut picked: Vec<usize> = (0..images as u64).map(draw).collect();
    picked.sort_unstable();
    picked
}

/// Turns a counter into 64 random bits: one step of SplitMix64 (Steele, Lea and Flood 2014).
fn mix(counter: u64) -> u64 {
    let z = counter.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The value below which a `share` of the sorted values lies.
fn percentile(sorted: &[f64], share: f64) -> Option<f64> {
    let place = share * sorted.len().checked_sub(1)? as f64;
    let (below, part) = (place as usize, place.fract());
    let above = sorted.get(below + 1).unwrap_or(&sorted[below]);
    Some(if part > 0.0 { sorted[below] + part * (above - sorted[below]) } else { sorted[below] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_numpys() {
        assert_eq!(percentile(&[], 0.5), None);
        assert_eq!(percentile(&[3.0], 0.975), Some(3.0));
        assert_eq!(percentile(&[1.0, 2.0, 4.0], 0.75), Some(3.0));
        assert_eq!(percentile(&[1.0, 2.0, 4.0], 1.0), Some(4.0));
    }

    #[test]
    fn what_is_undefined_is_no_part_of_an_interval() {
        let values = |defined: usize, undefined: usize| -> Vec<Option<f64>> {
            (0..defined).map(|k| Some(k as f64 / 1000.0)).chain(vec![None; undefined]).collect()
        };
        assert_eq!(interval(&values(1001, 0)), Some([0.025, 0.975]));
        assert_eq!(interval(&[&values(0, 1)[..], &values(1001, 0)].concat()), interval(&values(1001, 1)));
        // ten more on either side: the 25th and 975th of 1,001
        assert_eq!(interval(&values(991, 10)), Some([0.015, 0.975]));
        assert_eq!(interval(&values(976, 25)), Some([0.0, 0.975]));
        assert_eq!(interval(&values(975, 26)), None);
        assert_eq!(interval(&values(225, 775)), None);
        assert_eq!(interval(&values(0, 1000)), None);
        assert_eq!(interval(&[]), None);
    }

    /// Of n images drawn with replacement, that at most four are different: what the least number of images rests on.
    #[test]
    fn few_resamples_of_the_least_images_hold_four_or_fewer() {
        let share = |images: usize| {
            // number of different images so far, and how likely it is
            let mut likely = vec![0.0; images + 1];
            likely[0] = 1.0;
            for _ in 0..images {
                for k in (1..=images).rev() {
                    let again = likely[k] * k as f64 / images as f64;
                    likely[k] = again + likely[k - 1] * (images + 1 - k) as f64 / images as f64;
                }
                likely[0] = 0.0;
            }
            likely[..=4].iter().sum::<f64>()
        };
        assert!(share(LEAST_IMAGES) < TAIL && share(LEAST_IMAGES - 1) > TAIL);
        assert!((share(10) - 0.0179).abs() < 1e-4 && (share(9) - 0.0646).abs() < 1e-4);
    }

    /// The published first outputs of SplitMix64 from seed 0.
    #[test]
    fn mixing_is_splitmix() {
        assert_eq!([0, 1, 2].map(mix), [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f]);
    }

    #[test]
    fn each_image_is_drawn_as_often_as_another() {
        let (images, resamples) = (50, 2000);
        let mut drawn = vec![0_i64; images];
        (0..resamples).for_each(|resample| draw(images, 3, resample).into_iter().for_each(|image| drawn[image] += 1));
        // The standard deviation of a count is about the root of its mean, 45.
        assert!(drawn.iter().all(|n| (n - resamples as i64).abs() < 5 * 45), "{drawn:?}");
        assert_ne!(draw(images, 3, 0), draw(images, 3, 1));
        assert_ne!(draw(images, 3, 0), draw(images, 4, 0));
    }
}
