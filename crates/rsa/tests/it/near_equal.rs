//! Patterns that are nearly one, equal, or whole numbers: what a network that has lost most of its synapses answers, and what people rate.

use rsa::{Distance, Method, Rdm, Real, correlate};

use crate::{generator, naive_upper, noise};

/// Distances by the differences of patterns that were brought to length 1, in double precision: small ones have a small error.
fn by_differences(values: &[f64], features: usize, distance: Distance) -> Vec<f64> {
    let seen = |pattern: &[f64]| -> Vec<f64> {
        let mean = if distance == Distance::Correlation { pattern.iter().sum::<f64>() / features as f64 } else { 0.0 };
        let centred: Vec<f64> = pattern.iter().map(|v| v - mean).collect();
        let unit = matches!(distance, Distance::Correlation | Distance::Cosine);
        let length = if unit { centred.iter().map(|v| v * v).sum::<f64>().sqrt() } else { 1.0 };
        centred.iter().map(|v| v / length).collect()
    };
    let patterns: Vec<Vec<f64>> = values.chunks(features).map(seen).collect();
    let pairs = (0..patterns.len()).flat_map(|i| (i + 1..patterns.len()).map(move |j| (i, j)));
    pairs
        .map(|(i, j)| {
            let squared: f64 = patterns[i].iter().zip(&patterns[j]).map(|(a, b)| (a - b).powi(2)).sum();
            match distance {
                Distance::Correlation | Distance::Cosine => squared / 2.0,
                Distance::Euclidean => squared.sqrt(),
                Distance::SquaredEuclidean => squared,
            }
        })
        .collect()
}

/// Noise about 0, near to normal.
fn normal(n: usize, seed: u64) -> Vec<f64> {
    let bits: Vec<u64> = generator(seed).take(12 * n).collect();
    bits.chunks(12).map(|twelve| twelve.iter().map(|&b| b as f64 / f64::from(1 << 24)).sum::<f64>() - 6.0).collect()
}

/// One pattern for all, and by `spread` of it classes and noise, as a network answers that has lost most of its synapses.
fn nearly_one(images: usize, features: usize, spread: f64, seed: u64) -> Vec<f64> {
    let common: Vec<f64> = normal(features, seed).iter().map(|v| v.abs() + 0.5).collect();
    let (classes, noise) = (normal(10 * features, seed + 1), normal(images * features, seed + 2));
    let value = |(k, noise): (usize, &f64)| {
        let (image, feature) = (k / features, k % features);
        common[feature] * (1.0 + spread * (classes[image % 10 * features + feature] + 0.7 * noise))
    };
    noise.iter().enumerate().map(value).collect()
}

/// Tau-b with the matrix of a healthy network, of distances in single and in double precision.
#[test]
fn nearly_equal_patterns_keep_their_ranks() {
    let (images, features) = (120, 64);
    let healthy = by_differences(&nearly_one(images, features, 0.5, 7), features, Distance::Correlation);
    for spread in [1.0, 0.1, 0.01, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7] {
        let values: Vec<f32> = nearly_one(images, features, spread, 7).iter().map(|&v| v as f32).collect();
        let doubles: Vec<f64> = values.iter().map(|&v| f64::from(v)).collect();
        for distance in Distance::ALL {
            let right = by_differences(&doubles, features, distance);
            let rdm: Rdm = Rdm::of(&values, features, distance).expect("in order");
            let ours: Vec<f64> = rdm.upper().iter().map(|&d| f64::from(d)).collect();
            let tau = |x: &[f64]| correlate(x, &healthy, Method::TauB).expect("defined");
            assert!((tau(&ours) - tau(&right)).abs() < 1e-5, "{distance}, {spread}: {} and {}", tau(&ours), tau(&right));
            let error = ours.iter().zip(&right).map(|(a, b)| (a - b).abs() / b).fold(0.0, f64::max);
            assert!(error < 1e-6, "{distance}, {spread}: {error}");
            let rdm: Rdm<f64> = Rdm::of(&doubles, features, distance).expect("in order");
            let error = rdm.upper().iter().zip(&right).map(|(a, b)| (a - b).abs() / b).fold(0.0, f64::max);
            assert!(error < 1e-7, "{distance}, {spread}, in double precision: {error}");
        }
    }
}

/// Multiples of a pattern, rounded to single precision, have its shape; and so have their features in another order.
#[test]
fn patterns_of_one_shape_are_equal() {
    for (features, multiples) in [(4, 4), (16, 9), (64, 30), (1000, 12)] {
        let shape = normal(features, 3);
        let rows =
            noise(multiples, 5).into_iter().map(|m| f64::from(m) + 0.3).map(|m| shape.iter().map(|v| (v * m) as f32).collect());
        let mut rows: Vec<Vec<f32>> = rows.collect();
        rows.push(normal(features, 4).iter().map(|&v| v as f32).collect());
        let backwards: Vec<f32> = rows.iter().flat_map(|row| row.iter().rev().copied()).collect();
        for distance in [Distance::Correlation, Distance::Cosine] {
            let [forwards, backwards] =
                [&rows.concat(), &backwards].map(|v| Rdm::<f32>::of(v, features, distance).expect("in order"));
            let zeros = forwards.upper().iter().filter(|&&d| d == 0.0).count();
            assert_eq!(zeros, multiples * (multiples - 1) / 2, "{distance}, {features} features");
            let others: Vec<f32> = forwards.upper().iter().copied().filter(|&d| d != 0.0).collect();
            assert!(others.iter().all(|&d| d == others[0] && d > 0.1), "all multiples are as far from the other: {others:?}");
            assert_eq!(
                correlate(forwards.upper(), backwards.upper(), Method::TauB),
                Some(1.0),
                "{distance}, {features} features"
            );
        }
    }
}

/// Where all patterns are multiples of one, and nothing was rounded, there is nothing but rounding to tell them apart.
#[test]
fn exact_multiples_are_equal_whatever_the_others_are() {
    let shape: Vec<f64> = normal(40, 9).iter().map(|v| f64::from((v * 1000.0).round() as f32) / 8.0).collect();
    for distance in [Distance::Correlation, Distance::Cosine] {
        let values: Vec<f64> = [3.0, 5.0, 7.0, 11.0, 0.1].iter().flat_map(|m| shape.iter().map(move |v| v * m)).collect();
        let rdm: Rdm<f64> = Rdm::of(&values, 40, distance).expect("in order");
        assert_eq!(rdm.upper(), [0.0; 10], "{distance}");
        let values: Vec<f32> = [3.0, 5.0, 7.0, 11.0].iter().flat_map(|m| shape.iter().map(move |v| (v * m) as f32)).collect();
        let rdm: Rdm = Rdm::of(&values, 40, distance).expect("in order");
        assert_eq!(rdm.upper(), [0.0; 6], "{distance}");
    }
}

/// Ratings, counts and bytes: what is equal by the definition ties, to the last bit.
#[test]
fn distances_of_whole_numbers_are_exact() {
    for (images, features, largest) in [(40, 1, 7), (40, 3, 7), (60, 20, 7), (50, 64, 2), (30, 300, 256), (30, 40, 70_000)] {
        let values: Vec<f32> = generator(11).take(images * features).map(|v| (v % largest) as f32).collect();
        for distance in [Distance::Euclidean, Distance::SquaredEuclidean] {
            let rdm: Rdm = Rdm::of(&values, features, distance).expect("in order");
            let right: Vec<f32> = naive_upper(&values, features, distance).iter().map(|&d| d as f32).collect();
            assert_eq!(rdm.upper(), right, "{distance}, {features} features up to {largest}");
        }
        if features > 1 && largest < 1000 {
            check_ratios::<f32>(&values, features);
            check_ratios::<f64>(&values, features);
        }
    }
}

/// Correlations of whole numbers are roots of ratios of whole numbers; pairs with the same ratio must tie.
fn check_ratios<T: Real>(values: &[f32], features: usize) {
    let rdm: Rdm<T> = Rdm::of(values, features, Distance::Correlation).expect("in order");
    let rows: Vec<Vec<i128>> = values.chunks(features).map(|row| row.iter().map(|&v| v as i128).collect()).collect();
    let covariance = |a: &[i128], b: &[i128]| {
        let product: i128 = a.iter().zip(b).map(|(a, b)| a * b).sum();
        features as i128 * product - a.iter().sum::<i128>() * b.iter().sum::<i128>()
    };
    // r |r| as a ratio: its order is that of r
    let mut ratios = Vec::new();
    for i in 0..rows.len() {
        for j in i + 1..rows.len() {
            let (ab, variances) =
                (covariance(&rows[i], &rows[j]), covariance(&rows[i], &rows[i]) * covariance(&rows[j], &rows[j]));
            if variances > 0 {
                ratios.push((ab * ab.abs(), variances, rdm.get(i, j).expect("defined")));
            }
        }
    }
    ratios.sort_by(|a, b| (b.0 * a.1).cmp(&(a.0 * b.1)));
    for pair in ratios.windows(2) {
        let same = pair[0].0 * pair[1].1 == pair[1].0 * pair[0].1;
        assert!(if same { pair[0].2 == pair[1].2 } else { pair[0].2 <= pair[1].2 }, "{pair:?}");
    }
}

/// Equal patterns have equal distances to all others, by whatever way these were found.
#[test]
fn repeated_patterns_tie() {
    let features = 33;
    let one = normal(12 * features, 1);
    let values: Vec<f32> = one.iter().chain(&one).map(|&v| v as f32).collect();
    for distance in Distance::ALL {
        let rdm: Rdm = Rdm::of(&values, features, distance).expect("in order");
        for i in 0..12 {
            assert_eq!(rdm.get(i, i + 12), Some(0.0), "{distance}");
            for j in (0..12).filter(|&j| j != i) {
                assert_eq!(rdm.get(i, j), rdm.get(i + 12, j + 12));
                assert_eq!(rdm.get(i, j), rdm.get(i, j + 12));
            }
        }
    }
}

/// The same in doubles, whose difference single precision could not hold.
#[test]
fn doubles_keep_their_digits() {
    let values: Vec<f64> = nearly_one(60, 20, 1e-9, 3).iter().map(|v| v * 1e200).collect();
    for distance in [Distance::Correlation, Distance::Cosine, Distance::Euclidean] {
        let right = by_differences(&nearly_one(60, 20, 1e-9, 3), 20, distance);
        let rdm: Rdm<f64> = Rdm::of(&values, 20, distance).expect("in order");
        assert!(correlate(rdm.upper(), &right, Method::TauB) > Some(0.9999), "{distance}");
    }
    // matrices that differ in the tenth digit, or of the smallest numbers there are
    for unit in [1e-10, 1e-320, 1e300] {
        let shift = if unit == 1e-10 { 1.0 } else { 0.0 };
        let x: Vec<f64> = normal(300, 1).iter().map(|v| shift + unit * v.abs()).collect();
        let y: Vec<f64> = normal(300, 2).iter().zip(&x).map(|(v, x)| v.abs() + (x - shift) / unit).collect();
        let plain: Vec<f64> = x.iter().map(|x| (x - shift) / unit).collect();
        for method in Method::ALL {
            let (scaled, plain) = (correlate(&x, &y, method), correlate(&plain, &y, method));
            let close = (scaled.unwrap() - plain.unwrap()).abs() < 1e-6;
            assert!(close || method == Method::Cosine && shift > 0.0, "{method}, {unit}: {scaled:?} and {plain:?}");
        }
    }
}

/// What is small beside the values themselves is not nothing: noise of a thousand last digits about 1, in any number of features.
#[test]
fn noise_on_a_large_value_is_seen() {
    for (features, size) in [(20, 1e-14), (1_000, 1e-12), (20_000, 1e-12)] {
        let noise = normal(12 * features, 1);
        let values: Vec<f64> = noise.iter().map(|v| 1.0 + size * v).collect();
        let left: Vec<f64> = values.iter().map(|v| v - 1.0).collect(); // exactly
        let right = by_differences(&left, features, Distance::Correlation);
        let rdm: Rdm<f64> = Rdm::of(&values, features, Distance::Correlation).expect("in order");
        let error = rdm.upper().iter().zip(&right).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(error < 2e-2 && rdm.upper().iter().all(|&d| d > 0.1), "{features} features, {size}: {error}");
    }
}

/// One image that is like none of the others does not make these equal.
#[test]
fn a_stranger_does_not_make_others_equal() {
    let features = 100;
    for spread in [1e-7, 3e-7, 1e-6] {
        let mut values: Vec<f32> = nearly_one(30, features, spread, 5).iter().map(|&v| v as f32).collect();
        let alone: Rdm = Rdm::of(&values, features, Distance::Correlation).expect("in order");
        values.extend(normal(features, 77).iter().map(|&v| v as f32));
        let with: Rdm = Rdm::of(&values, features, Distance::Correlation).expect("in order");
        let pairs = (0..30).flat_map(|i| (i + 1..30).map(move |j| (i, j)));
        let (a, b): (Vec<f32>, Vec<f32>) = pairs.map(|(i, j)| (alone.get(i, j).unwrap(), with.get(i, j).unwrap())).unzip();
        assert!(correlate(&a, &b, Method::TauB) > Some(0.99), "{spread}");
    }
}

/// A feature of one size that all patterns share, such as a bias, rounds along the patterns: their shapes lose nothing by it.
#[test]
fn a_large_common_feature_does_not_make_patterns_equal() {
    for size in [1e-8_f32, 1e-7] {
        let mut values: Vec<f32> = Vec::new();
        for row in normal(50 * 10, 21).chunks(10) {
            values.push(1.0);
            values.extend(row.iter().map(|&v| size * v as f32));
        }
        values.extend([1.0, 0.2, 1.0, -0.5, 0.3, 0.7, 0.0, 1.0, 0.4, -0.2, 0.6]);
        for distance in [Distance::Cosine, Distance::Correlation] {
            let rdm: Rdm = Rdm::of(&values, 11, distance).expect("in order");
            let zeros = rdm.upper().iter().filter(|&&d| d == 0.0).count();
            assert_eq!(zeros, 0, "{distance}, {size}");
        }
    }
}

/// Patterns of any size in one set: each pair by its own numbers.
#[test]
fn sizes_far_apart_do_not_hide_each_other() {
    let euclidean = |values: &[f64]| Rdm::<f64>::of(values, 1, Distance::Euclidean).expect("in order").upper()[0];
    assert_eq!(euclidean(&[1e-200, 3.5e-200, 1e200, 0.5]), 3.5e-200 - 1e-200);
    assert_eq!(euclidean(&[1.234_567_89e-155, 4.5e-155, 1e141]), 4.5e-155 - 1.234_567_89e-155);
    assert_eq!(euclidean(&[2e-200, 2e-200, 1e200]), 0.0);
    // products of single precision cannot say what lies between images beside one that is so much larger
    let (images, features) = (1_600, 1_000);
    for large in [1e19_f32, 1e24, 1e30] {
        let mut values: Vec<f32> = normal(images * features, 4).iter().map(|&v| v as f32).collect();
        let (first, second) = values[..2 * features].split_at_mut(features);
        for (a, b) in first.iter_mut().zip(second) {
            *a *= large;
            *b = -*a; // so that the mean of all says nothing of the two
        }
        let rdm: Rdm = Rdm::of(&values, features, Distance::Euclidean).expect("in order");
        for (i, j) in [(2, 3), (700, 1_500)] {
            let [a, b] = [i, j].map(|image| &values[image * features..(image + 1) * features]);
            let right = a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum::<f64>().sqrt();
            let ours = f64::from(rdm.get(i, j).expect("defined"));
            assert!((ours / right - 1.0).abs() < 2e-6, "{large}: {ours} and {right}");
        }
    }
}

/// The smallest numbers there are, in patterns that are nearly one.
#[test]
fn the_smallest_doubles_have_distances() {
    let (images, features) = (1_600, 1_000);
    let mut values: Vec<f64> = normal(images * features, 8).iter().map(|v| (v * 1e5).round() * 5e-324).collect();
    let (first, rest) = values.split_at_mut(features);
    rest[..features].copy_from_slice(first);
    rest[3] += 5e-324;
    let rdm: Rdm = Rdm::of(&values, features, Distance::Correlation).expect("in order");
    assert!(rdm.upper()[0] > 0.0 && rdm.upper()[0] < 1e-9, "{}", rdm.upper()[0]);
    assert!(rdm.upper()[1..].iter().all(|d| (0.5..1.5).contains(d)));
}
