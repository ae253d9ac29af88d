//! How sure a similarity is, as far as it rests on the choice of images.

use rayon::prelude::*;

use crate::{comparison::Prepared, method::Method, rdm::Rdm, real::Real};

/// A similarity as it would come out for other images: what [`bootstrap`] finds.
#[derive(Clone, Debug, PartialEq)]
pub struct Bootstrap {
    /// The 2.5th percentile of the resamples' similarities; `None` where none of them is defined.
    pub lower: Option<f64>,
    /// The 97.5th percentile. Between the two lies the 95 % interval.
    pub upper: Option<f64>,
    /// The similarity of each resample in the order they were drawn, those that are not defined left out.
    pub similarities: Vec<f64>,
    /// Number of resamples whose similarity is not defined.
    pub undefined: usize,
}

/// From so many pairs on, a resample is work enough for all threads; smaller ones are shared out.
const MANY_PAIRS: usize = 1 << 20;

/// Bootstraps the similarity of two matrices over images (Nili 2014): draws as many images as there are, with replacement,
/// `resamples` times over (1,000 is usual); takes the matrices of the drawn images, without the pairs of an image with itself, whose
/// dissimilarity is 0 by construction; and compares these. The interval is from the 2.5th to the 97.5th percentile of the
/// similarities, between values by linear interpolation (as NumPy's `percentile`).
///
/// Which images are drawn is a function of `seed`, the number of the resample and the number of images alone, so that several
/// measures can be bootstrapped with the same draws.
///
/// Cost: as many unprepared comparisons as resamples. With up to 1,448 images they are spread over threads, each of which
/// needs the memory of a comparison and of two matrices; with more, one follows the other.
///
/// ```
/// use rsa::{Distance, Method, Rdm, bootstrap};
/// let [x, y] = [7, 11].map(|m| (0..60).map(|k| (k * k * m % 31) as f32).collect::<Vec<_>>());
/// let [x, y] = [&x, &y].map(|values| Rdm::<f32>::of(values, 3, Distance::Euclidean).unwrap());
/// let sure = bootstrap(&x, &y, Method::Spearman, 100, 1);
/// assert_eq!(sure.similarities.len() + sure.undefined, 100);
/// assert!(sure.lower < sure.upper);
/// ```
///
/// # Panics
/// If the matrices are not over the same number of images.
pub fn bootstrap<T: Real>(a: &Rdm<T>, b: &Rdm<T>, method: Method, resamples: usize, seed: u64) -> Bootstrap {
    assert_eq!(a.images(), b.images(), "the matrices must be over the same images");
    let images = a.images();
    let similarity = |resample: usize| {
        let picked = draw(images, seed, resample as u64);
        Prepared::new(a.picking(&picked)).similarity(&b.picking(&picked), method).value
    };
    let similarities: Vec<Option<f64>> = if a.upper().len() < MANY_PAIRS {
        (0..resamples).into_par_iter().map(similarity).collect()
    } else {
        (0..resamples).map(similarity).collect()
    };
    let similarities: Vec<f64> = similarities.into_iter().flatten().collect();
    let mut sorted = similarities.clone();
    sorted.sort_unstable_by(f64::total_cmp);
    Bootstrap {
        lower: percentile(&sorted, 0.025),
        upper: percentile(&sorted, 0.975),
        undefined: resamples - similarities.len(),
        similarities,
    }
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
    Some(sorted[below] + part * (above - sorted[below]))
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
