//! The Hilbert-Schmidt independence criterion, HSIC: what centred kernel alignment is a ratio of.

use rayon::prelude::*;

use crate::{
    centred::Centred,
    panels::Panels,
    product::{Block, SIDE, corners},
    real::Real,
};

/// Up to so many products (pairs of images x features) cost little even in double precision.
const LITTLE: usize = 1 << 30;

/// Of `K = X Xᵀ` and `L = Y Yᵀ`, with each feature's mean taken away: the sums of the products of all entries, `Σ K K`, `Σ K L`, `Σ L L`.
///
/// In double precision where this costs little, or the patterns are in double precision themselves.
pub(crate) fn plain<T: Real>(x: &Centred<'_, T>, y: &Centred<'_, T>) -> [f64; 3] {
    let (images, features) = (x.images(), x.features() + y.features());
    let products = images.saturating_mul(features).saturating_mul(images.min(features)) / 2;
    if T::ROUNDING < f32::ROUNDING || products <= LITTLE { plainly::<T, f64>(x, y) } else { plainly::<T, f32>(x, y) }
}

fn plainly<T: Real, N: Real>(x: &Centred<'_, T>, y: &Centred<'_, T>) -> [f64; 3] {
    if x.images() < x.features().max(y.features()) {
        by_pairs::<T, N>(x, y, |[k, l], _| [k.dot(k), k.dot(l), l.dot(l)])
    } else {
        by_features::<T, N>(x, y)
    }
}

/// The same from products of features, as `|Xᵀ X|²`, `|Xᵀ Y|²` and `|Yᵀ Y|²`. The same three where x and y are one.
fn by_features<T: Real, N: Real>(x: &Centred<'_, T>, y: &Centred<'_, T>) -> [f64; 3] {
    let of_x = x.by_features::<N>();
    if std::ptr::eq(x, y) {
        return [sum_of_squares(&of_x, &of_x); 3];
    }
    let of_y = y.by_features::<N>();
    [sum_of_squares(&of_x, &of_x), sum_of_squares(&of_x, &of_y), sum_of_squares(&of_y, &of_y)]
}

/// The sum of the squared products of each vector of `a` with each of `b`.
fn sum_of_squares<N: Real>(a: &Panels<N>, b: &Panels<N>) -> f64 {
    let is_symmetric = std::ptr::eq(a, b);
    let corners: Vec<_> = corners(a.vectors, b.vectors).filter(|(top, left)| !is_symmetric || top <= left).collect();
    let of_block = |block: &mut Block, (top, left)| {
        block.fill(N::ADD_PRODUCTS, a, top, b, left);
        block.dot(block) * if is_symmetric && top < left { 2.0 } else { 1.0 }
    };
    let sums: Vec<f64> = corners.into_par_iter().map_init(Block::new, of_block).collect();
    sums.into_iter().sum()
}

/// Adds up `sums` of all blocks of `K` and `L`, from products of images; those above the diagonal twice in place of those below.
fn by_pairs<T: Real, N: Real>(
    x: &Centred<'_, T>,
    y: &Centred<'_, T>,
    sums: impl Fn([&Block; 2], (usize, usize)) -> [f64; 3] + Sync,
) -> [f64; 3] {
    let panels = [x, y].map(Centred::by_images::<N>);
    let corners: Vec<_> = corners(x.images(), x.images()).filter(|(top, left)| top <= left).collect();
    let of_blocks = |blocks: &mut [Block; 2], (top, left)| {
        for (block, panels) in blocks.iter_mut().zip(&panels) {
            block.fill(N::ADD_PRODUCTS, panels, top, panels, left);
        }
        sums(blocks.each_ref(), (top, left)).map(|sum| sum * if top < left { 2.0 } else { 1.0 })
    };
    let parts: Vec<[f64; 3]> = corners.into_par_iter().map_init(|| [Block::new(), Block::new()], of_blocks).collect();
    parts.into_iter().fold([0.0; 3], |a, b| [a[0] + b[0], a[1] + b[1], a[2] + b[2]])
}

/// The unbiased estimates of HSIC (Song 2012), and what rounding alone may make of them where they are 0.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Unbiased {
    pub(crate) xx: f64,
    pub(crate) xy: f64,
    pub(crate) yy: f64,
    pub(crate) xx_by_rounding: f64,
    pub(crate) yy_by_rounding: f64,
}

impl Unbiased {
    /// The least images that it is defined for.
    pub(crate) const LEAST_IMAGES: usize = 4;

    /// Of two sets of patterns over the same images, four at least.
    ///
    /// Where patterns have many features, nearly all of `K` and `L` is on their diagonals, which the estimate leaves out; its three terms are
    /// then large and nearly cancel. So it is computed as the sum of products of the *U-centred* matrices (Székely and Rizzo 2014), which is
    /// the same number: `n(n-3) HSIC1 = Σ_{i≠j} U_ij V_ij`, with `U_ij = K_ij - (r_i + r_j) / (n-2) + t / ((n-1)(n-2))`, the sums `r`
    /// of the rows of K without its diagonal, and their sum `t`. As the features have no mean, `r_i = -K_ii`.
    pub(crate) fn of<T: Real>(x: &Centred<'_, T>, y: &Centred<'_, T>) -> Unbiased {
        let (images, [p, q]) = (x.images(), [x.features(), y.features()]);
        let [x_trace, y_trace] = [x, y].map(|centred| centred.squared_lengths.iter().sum::<f64>());
        // How much of the trace must be left for the way to be exact enough; beyond that a more exact one is taken.
        let is_clear = |sums: &[f64; 3], [x_least, y_least]: [f64; 2]| {
            sums[0] >= x_least * x_trace * x_trace && sums[2] >= y_least * y_trace * y_trace
        };
        let quickly = if 4 * (p + q) <= images {
            Some(by_centred_features(x, y)).filter(|sums| is_clear(sums, [1e-8; 2]))
        } else if images.saturating_mul(images) / 2 > LITTLE / (p + q) {
            Some(by_u_centred_pairs::<T, f32>(x, y)).filter(|sums| is_clear(sums, [p, q].map(|features| 0.06 / features as f64)))
        } else {
            None
        };
        let [xx, xy, yy] =
            quickly.unwrap_or_else(|| by_u_centred_pairs::<T, f64>(x, y)).map(|sum| sum / (images * (images - 3)) as f64);
        let by_rounding = |trace: f64| (64.0 * f64::ROUNDING * trace).powi(2) / (images * (images - 3)) as f64;
        Unbiased { xx, xy, yy, xx_by_rounding: by_rounding(x_trace), yy_by_rounding: by_rounding(y_trace) }
    }
}

/// `Σ U U`, `Σ U V` and `Σ V V` from products of few features, in double precision: `|Xᵀ Y|² - n/(n-2) Σ K_ii L_ii + tr K tr L / ((n-1)(n-2))`.
fn by_centred_features<T: Real>(x: &Centred<'_, T>, y: &Centred<'_, T>) -> [f64; 3] {
    let n = x.images() as f64;
    let [xx, xy, yy] = by_features::<T, f64>(x, y);
    let unbiased = |sum: f64, a: &Centred<'_, T>, b: &Centred<'_, T>| {
        let trace = |centred: &Centred<'_, T>| centred.squared_lengths.iter().sum::<f64>();
        let diagonal: f64 = a.squared_lengths.iter().zip(&b.squared_lengths).map(|(k, l)| k * l).sum();
        sum - n / (n - 2.0) * diagonal + trace(a) * trace(b) / ((n - 1.0) * (n - 2.0))
    };
    [unbiased(xx, x, x), unbiased(xy, x, y), unbiased(yy, y, y)]
}

/// The same from the products of all pairs of images. No matrix of all pairs is kept.
fn by_u_centred_pairs<T: Real, N: Real>(x: &Centred<'_, T>, y: &Centred<'_, T>) -> [f64; 3] {
    let images = x.images();
    let [u_shifts, v_shifts] = [x, y].map(|centred| shifts(&centred.squared_lengths));
    by_pairs::<T, N>(x, y, |[k, l], (top, left)| {
        let mut sums = [0.0; 3];
        for i in top..images.min(top + SIDE) {
            let (k, l) = (k.row(i - top), l.row(i - top));
            for j in (left..images.min(left + SIDE)).filter(|&j| j != i) {
                let u = k[j - left] + (u_shifts[i] + u_shifts[j]);
                let v = l[j - left] + (v_shifts[i] + v_shifts[j]);
                sums = [sums[0] + u * u, sums[1] + u * v, sums[2] + v * v];
            }
        }
        sums
    })
}

/// `U_ij` is `K_ij` with those of i and j added.
fn shifts(squared_lengths: &[f64]) -> Vec<f64> {
    let n = squared_lengths.len() as f64;
    let of_all = squared_lengths.iter().sum::<f64>() / (n - 1.0) / 2.0;
    squared_lengths.iter().map(|length| (length - of_all) / (n - 2.0)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::patterns::Patterns;

    /// Two sets of patterns over the same images, of few features: common to both, and each its own; one image perhaps far from all others.
    fn sets() -> impl Strategy<Value = ([Vec<f64>; 2], [usize; 2])> {
        let shape = (4..150_usize, 1..12_usize, 1..12_usize, 0..8_i32, prop_oneof![Just(1.0), Just(10.0), Just(1000.0)]);
        shape.prop_flat_map(|(images, p, q, spread, far)| {
            let number = || -1.0..1.0_f64;
            let parts = (vec(number(), images * 2), vec(number(), images * p), vec(number(), images * q));
            parts.prop_map(move |(both, x, y)| {
                let set = |own: &[f64], features: usize| -> Vec<f64> {
                    let value = |(k, own): (usize, &f64)| {
                        let (image, feature) = (k / features, k % features);
                        let away = own + both[image * 2 + feature % 2] * 0.7;
                        5.0 + feature as f64 + 10.0_f64.powi(-spread) * away * if image == 1 { far } else { 1.0 }
                    };
                    own.iter().enumerate().map(value).collect()
                };
                ([set(&x, p), set(&y, q)], [p, q])
            })
        })
    }

    fn ratio([xx, xy, yy]: [f64; 3]) -> f64 {
        xy / (xx * yy).sqrt()
    }

    proptest! {
        /// All ways say the same where they are clear, and pairs in double precision always are.
        #[test]
        fn three_ways_agree(([x, y], features) in sets()) {
            let check = |values, features| Patterns::check(values, features).expect("in order");
            let [x, y] = [Centred::of(check(&x[..], features[0])), Centred::of(check(&y[..], features[1]))];
            let right = by_u_centred_pairs::<f64, f64>(&x, &y);
            let [x_trace, y_trace] = [&x, &y].map(|set| set.squared_lengths.iter().sum::<f64>());
            // with few images of few features what is left may be next to nothing
            prop_assume!(right[0] > 1e-12 * x_trace.powi(2) && right[2] > 1e-12 * y_trace.powi(2));
            let is_clear = |[x_least, y_least]: [f64; 2]| right[0] >= x_least * x_trace * x_trace && right[2] >= y_least * y_trace * y_trace;
            if is_clear([1e-8; 2]) {
                let ours = by_centred_features(&x, &y);
                prop_assert!((ratio(ours) - ratio(right)).abs() < 1e-7, "by features {ours:?}, {right:?}");
            }
            if is_clear(features.map(|features| 0.06 / features as f64)) {
                let ours = by_u_centred_pairs::<f64, f32>(&x, &y);
                prop_assert!((ratio(ours) - ratio(right)).abs() < 1e-6, "in single precision {ours:?}, {right:?}");
            }
        }
    }

    /// Many features, as of a convolution: what is left of a product in single precision.
    #[test]
    fn many_features_in_single_precision() {
        let noise = |k: usize| ((k as f64 * 12.9898).sin() * 43_758.545_3).fract();
        for (images, features, common) in [(40, 20_000, 0.0), (200, 5_000, 1.0), (12, 60_000, 0.3)] {
            let set = |start: usize| -> Vec<f64> {
                let value = |k: usize| 1.0 + 1e-3 * (noise(k + start).max(0.0) + common * noise(k / features * 100 + k % 3));
                (0..images * features).map(value).collect()
            };
            let [x, y] = [set(0), set(images * features)];
            let [x, y] = [&x, &y].map(|values| Centred::of(Patterns::check(&values[..], features).expect("in order")));
            let [single, double] = [by_u_centred_pairs::<f64, f32>(&x, &y), by_u_centred_pairs::<f64, f64>(&x, &y)];
            assert!((ratio(single) - ratio(double)).abs() < 1e-6, "{images}, {features}: {} {}", ratio(single), ratio(double));
            let trace: f64 = x.squared_lengths.iter().sum();
            assert!(single[0] > 0.06 / features as f64 * trace * trace, "clear enough");
        }
    }
}
