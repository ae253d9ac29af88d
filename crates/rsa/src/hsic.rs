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

/// Blocks whose sums are kept until they are added up, some 4 megabytes.
const BLOCKS: usize = 1 << 10;

/// Of `K = X Xᵀ` and `L = Y Yᵀ`, with each feature's mean taken away: the sums of the products of all entries, `Σ K K`, `Σ K L`, `Σ L L`.
/// (HSIC as Gretton 2005 estimates it is this divided by (n-1)².)
pub(crate) fn plain<T: Real>(x: &Centred<'_, T>, y: &Centred<'_, T>) -> [f64; 3] {
    if x.images() < x.features().max(y.features()) { by_images(x, y) } else { by_features::<T, f32>(x, y) }
}

/// From products of images.
fn by_images<T: Real>(x: &Centred<'_, T>, y: &Centred<'_, T>) -> [f64; 3] {
    of_both(
        x,
        y,
        |centred| centred.by_images::<f32>(),
        |a, b| {
            let square = |block: &mut Block, (top, left)| {
                block.fill(f32::ADD_PRODUCTS, a, top, a, left);
                if std::ptr::eq(a, b) {
                    return block.dot(block);
                }
                let mut other = Block::new();
                other.fill(f32::ADD_PRODUCTS, b, top, b, left);
                block.dot(&other)
            };
            sum_over(a.vectors, b.vectors, true, square)
        },
    )
}

/// The same numbers from products of features, as `|Xᵀ X|²`, `|Xᵀ Y|²` and `|Yᵀ Y|²`.
fn by_features<T: Real, N: Real>(x: &Centred<'_, T>, y: &Centred<'_, T>) -> [f64; 3] {
    of_both(
        x,
        y,
        |centred| centred.by_features::<N>(),
        |a, b| {
            let square = |block: &mut Block, (top, left)| {
                block.fill(N::ADD_PRODUCTS, a, top, b, left);
                block.dot(block)
            };
            sum_over(a.vectors, b.vectors, std::ptr::eq(a, b), square)
        },
    )
}

/// `sum` of the panels of x with themselves, of x with y, and of y with themselves. The same three where x and y are one.
fn of_both<T: Real, N: Real>(
    x: &Centred<'_, T>,
    y: &Centred<'_, T>,
    panels: impl Fn(&Centred<'_, T>) -> Panels<N>,
    sum: impl Fn(&Panels<N>, &Panels<N>) -> f64,
) -> [f64; 3] {
    let of_x = panels(x);
    if std::ptr::eq(x, y) {
        return [sum(&of_x, &of_x); 3];
    }
    let of_y = panels(y);
    [sum(&of_x, &of_x), sum(&of_x, &of_y), sum(&of_y, &of_y)]
}

/// Adds up `of_block` of all blocks; of a symmetric product, those above the diagonal twice in place of those below.
fn sum_over(rows: usize, columns: usize, symmetric: bool, of_block: impl Fn(&mut Block, (usize, usize)) -> f64 + Sync) -> f64 {
    let corners: Vec<_> = corners(rows, columns).filter(|(top, left)| !symmetric || top <= left).collect();
    let sums: Vec<f64> = (corners.into_par_iter())
        .map_init(Block::new, |block, (top, left)| of_block(block, (top, left)) * if symmetric && top < left { 2.0 } else { 1.0 })
        .collect();
    sums.into_iter().sum()
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
    /// of the rows of K without its diagonal, and their sum `t`. As the features have no mean, `r_i = -K_ii` but for rounding.
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
            Some(by_pairs::<T, f32>(x, y)).filter(|sums| is_clear(sums, [p, q].map(|features| 0.06 / features as f64)))
        } else {
            None
        };
        let [xx, xy, yy] = quickly.unwrap_or_else(|| by_pairs::<T, f64>(x, y)).map(|sum| sum / (images * (images - 3)) as f64);
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

/// The same from the products of all pairs of images, block by block. No matrix of all pairs is kept.
fn by_pairs<T: Real, N: Real>(x: &Centred<'_, T>, y: &Centred<'_, T>) -> [f64; 3] {
    let images = x.images();
    let sides = [x, y].map(|centred| Side { panels: centred.by_images::<N>(), shifts: shifts(&centred.squared_lengths) });
    let corners: Vec<_> = corners(images, images).filter(|(top, left)| top <= left).collect();
    let mut sums = [0.0; 3];
    // what rounding has left of the sums of rows
    let mut rows = [(); 2].map(|()| vec![0.0; images]);
    for corners in corners.chunks(BLOCKS) {
        let new = || [Block::new(), Block::new()];
        let parts: Vec<Part> = corners.par_iter().map_init(new, |blocks, &corner| Part::of(blocks, &sides, corner)).collect();
        for (part, (top, left)) in parts.iter().zip(corners) {
            sums.iter_mut().zip(part.sums).for_each(|(sum, part)| *sum += 2.0 * part);
            for (rows, [of_rows, of_columns]) in rows.iter_mut().zip(&part.rows) {
                rows[*top..].iter_mut().zip(of_rows).for_each(|(sum, part)| *sum += part);
                rows[*left..].iter_mut().zip(of_columns).for_each(|(sum, part)| *sum += part);
            }
        }
    }
    let n = images as f64;
    let rest = |a: &[f64], b: &[f64]| {
        let product: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
        a.iter().sum::<f64>() * b.iter().sum::<f64>() / ((n - 1.0) * (n - 2.0)) - 2.0 / (n - 2.0) * product
    };
    let [u, v] = &rows;
    [sums[0] + rest(u, u), sums[1] + rest(u, v), sums[2] + rest(v, v)]
}

/// One of the two sets.
struct Side<N> {
    panels: Panels<N>,
    /// `U_ij` is `K_ij` with those of i and j added.
    shifts: Vec<f64>,
}

fn shifts(squared_lengths: &[f64]) -> Vec<f64> {
    let n = squared_lengths.len() as f64;
    let of_all = squared_lengths.iter().sum::<f64>() / (n - 1.0) / 2.0;
    squared_lengths.iter().map(|length| (length - of_all) / (n - 2.0)).collect()
}

/// What the pairs i < j of one block add.
struct Part {
    sums: [f64; 3],
    /// For either side the sums of the block's rows, and of its columns.
    rows: [[Vec<f64>; 2]; 2],
}

impl Part {
    fn of<N: Real>(blocks: &mut [Block; 2], sides: &[Side<N>; 2], (top, left): (usize, usize)) -> Part {
        for (block, side) in blocks.iter_mut().zip(sides) {
            block.fill(N::ADD_PRODUCTS, &side.panels, top, &side.panels, left);
        }
        let images = sides[0].shifts.len();
        let mut part = Part { sums: [0.0; 3], rows: [(); 2].map(|()| [(); 2].map(|()| vec![0.0; SIDE])) };
        for i in top..images.min(top + SIDE) {
            for j in left.max(i + 1)..images.min(left + SIDE) {
                let [u, v] = [0, 1].map(|k| blocks[k].row(i - top)[j - left] + (sides[k].shifts[i] + sides[k].shifts[j]));
                part.sums.iter_mut().zip([u * u, u * v, v * v]).for_each(|(sum, product)| *sum += product);
                for (rows, value) in part.rows.iter_mut().zip([u, v]) {
                    rows[0][i - top] += value;
                    rows[1][j - left] += value;
                }
            }
        }
        part
    }
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
            let right = by_pairs::<f64, f64>(&x, &y);
            let [x_trace, y_trace] = [&x, &y].map(|set| set.squared_lengths.iter().sum::<f64>());
            // with few images of few features what is left may be next to nothing
            prop_assume!(right[0] > 1e-12 * x_trace.powi(2) && right[2] > 1e-12 * y_trace.powi(2));
            let is_clear = |[x_least, y_least]: [f64; 2]| right[0] >= x_least * x_trace * x_trace && right[2] >= y_least * y_trace * y_trace;
            if is_clear([1e-8; 2]) {
                let ours = by_centred_features(&x, &y);
                prop_assert!((ratio(ours) - ratio(right)).abs() < 1e-7, "by features {ours:?}, {right:?}");
            }
            if is_clear(features.map(|features| 0.06 / features as f64)) {
                let ours = by_pairs::<f64, f32>(&x, &y);
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
            let [single, double] = [by_pairs::<f64, f32>(&x, &y), by_pairs::<f64, f64>(&x, &y)];
            assert!((ratio(single) - ratio(double)).abs() < 1e-6, "{images}, {features}: {} {}", ratio(single), ratio(double));
            let trace: f64 = x.squared_lengths.iter().sum();
            assert!(single[0] > 0.06 / features as f64 * trace * trace, "clear enough");
        }
    }
}
