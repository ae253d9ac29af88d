//! `atrophy rdm` and `atrophy compare`: their numbers where they are hard to get right, and what is said of them beside the file.

use serde_json::Value;

use crate::Toy;
use crate::similarity::npy;

/// A file of single or of double precision.
fn singles(shape: &[usize], values: &[f64]) -> Vec<u8> {
    npy("<f4", false, shape, &values.iter().flat_map(|&value| (value as f32).to_le_bytes()).collect::<Vec<u8>>())
}

fn doubles(shape: &[usize], values: &[f64]) -> Vec<u8> {
    npy("<f8", false, shape, &values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>())
}

/// The numbers of a file that `atrophy rdm` wrote.
fn numbers(toy: &Toy, name: &str) -> Vec<f64> {
    let bytes = std::fs::read(toy.path(name)).unwrap();
    let start = bytes.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    match bytes.windows(2).any(|two| two == b"f8") {
        true => bytes[start..].chunks_exact(8).map(|eight| f64::from_le_bytes(eight.try_into().unwrap())).collect(),
        false => bytes[start..].chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap()).into()).collect(),
    }
}

fn json(toy: &Toy, arguments: &str) -> Value {
    serde_json::from_str(&toy.atrophy(arguments).done().out).unwrap()
}

fn tau(toy: &Toy, arguments: &str) -> f64 {
    json(toy, &format!("compare {arguments} --json"))["value"].as_f64().unwrap()
}

/// Repeatable numbers from 0 to 1.
fn noise(count: usize, seed: u64) -> Vec<f64> {
    let mut state = seed;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / f64::from(1 << 24)
    };
    std::iter::repeat_with(next).take(count).collect()
}

/// Tau-b by its definition.
fn naive_tau(x: &[f64], y: &[f64]) -> f64 {
    let (mut score, mut untied_x, mut untied_y) = (0.0, 0.0, 0.0);
    for i in 0..x.len() {
        for j in 0..i {
            let [a, b] = [x, y].map(|v| f64::from(i8::from(v[i] > v[j]) - i8::from(v[i] < v[j])));
            score += a * b;
            untied_x += a.abs();
            untied_y += b.abs();
        }
    }
    score / f64::sqrt(untied_x * untied_y)
}

/// Distances by the differences of patterns without their mean, at length 1, in double precision.
fn correlation_distances(values: &[f64], features: usize) -> Vec<f64> {
    let unit = |pattern: &[f64]| -> Vec<f64> {
        let mean = pattern.iter().sum::<f64>() / features as f64;
        let length = pattern.iter().map(|v| (v - mean).powi(2)).sum::<f64>().sqrt();
        pattern.iter().map(|v| (v - mean) / length).collect()
    };
    let patterns: Vec<Vec<f64>> = values.chunks(features).map(unit).collect();
    let pairs = (0..patterns.len()).flat_map(|i| (i + 1..patterns.len()).map(move |j| (i, j)));
    pairs.map(|(i, j)| patterns[i].iter().zip(&patterns[j]).map(|(a, b)| (a - b).powi(2)).sum::<f64>() / 2.0).collect()
}

/// Four multiples of one pattern and another one: four equal shapes, whatever the order of the features.
#[test]
fn multiples_of_a_pattern_are_equal() {
    let toy = Toy::new();
    let (shape, other) = (noise(12, 3), noise(12, 4));
    let rows: Vec<Vec<f64>> = [1.4, 3.2, 3.4, 1.8].iter().map(|m| shape.iter().map(|v| v * m).collect()).chain([other]).collect();
    let backwards: Vec<f64> = rows.iter().flat_map(|row| row.iter().rev().copied()).collect();
    toy.write("x.npy", singles(&[5, 12], &rows.concat()));
    toy.write("backwards.npy", singles(&[5, 12], &backwards));
    let _ = toy.atrophy("rdm x.npy -o a.npy").done();
    let _ = toy.atrophy("rdm backwards.npy -o b.npy").done();
    let a = numbers(&toy, "a.npy");
    assert_eq!([0, 1, 2, 4, 5, 7].map(|pair| a[pair]), [0.0; 6]);
    assert!([6, 8, 9].iter().all(|&pair| a[pair] == a[3]) && a[3] > 0.1, "{a:?}");
    assert_eq!(tau(&toy, "a.npy b.npy"), 1.0);
}

/// Ratings of one feature, beside the same distances in double precision.
#[test]
fn distances_of_ratings_tie_as_they_should() {
    let toy = Toy::new();
    let ratings: Vec<f64> = noise(40, 5).iter().map(|v| (v * 7.0).floor() + 1.0).collect();
    let apart: Vec<f64> =
        (0..40).flat_map(|i| (i + 1..40).map(move |j| (i, j))).map(|(i, j)| (ratings[i] - ratings[j]).abs()).collect();
    let brain: Vec<f64> = apart.iter().zip(noise(780, 6)).map(|(d, n)| d + 4.0 * n).collect();
    toy.write("ratings.npy", singles(&[40, 1], &ratings));
    toy.write("right.npy", doubles(&[780], &apart));
    toy.write("brain.npy", doubles(&[780], &brain));
    let _ = toy.atrophy("rdm ratings.npy -o r.npy --distance euclidean").done();
    assert_eq!(numbers(&toy, "r.npy"), apart);
    assert_eq!(tau(&toy, "r.npy right.npy"), 1.0);
    assert!((tau(&toy, "r.npy brain.npy") - naive_tau(&apart, &brain)).abs() < 1e-12);
}

/// A network that has lost most of its synapses: one pattern, and a millionth of it classes and noise.
#[test]
fn patterns_that_are_nearly_one_keep_their_geometry() {
    let toy = Toy::new();
    let (images, features) = (60, 40);
    let (common, classes, own) = (noise(features, 1), noise(10 * features, 2), noise(images * features, 3));
    let pattern = |spread: f64| -> Vec<f64> {
        let value =
            |k: usize| 1.0 + common[k % features] + spread * (classes[k / features % 10 * features + k % features] + own[k]);
        (0..images * features).map(|k| f64::from(value(k) as f32)).collect()
    };
    let (healthy, dead) = (pattern(1.0), pattern(1e-6));
    toy.write("healthy.npy", singles(&[images, features], &healthy));
    toy.write("dead.npy", singles(&[images, features], &dead));
    let right = naive_tau(&correlation_distances(&healthy, features), &correlation_distances(&dead, features));
    for dtype in ["f4", "f8"] {
        let _ = toy.atrophy(&format!("rdm healthy.npy -o h.npy --dtype {dtype}")).done();
        let _ = toy.atrophy(&format!("rdm dead.npy -o d.npy --dtype {dtype}")).done();
        let ours = tau(&toy, "h.npy d.npy");
        assert!((ours - right).abs() < 1e-5 && right > 0.05, "{dtype}: {ours}, not {right}");
    }
}

#[test]
fn distances_beyond_single_precision_are_refused_or_doubles() {
    let toy = Toy::new();
    toy.write("small.npy", singles(&[3, 1], &[1e-25, 2e-25, 4e-25]));
    toy.write("large.npy", singles(&[3, 1], &[1e25, 2e25, 4e25]));
    insta::assert_snapshot!(toy.atrophy("rdm small.npy -o r.npy --distance squared-euclidean").refused(), @"
    exit 3
    error: small.npy: some patterns are closer together than single precision can say (1.2e-38); scale the values up, or say --dtype f8
    ");
    insta::assert_snapshot!(toy.atrophy("rdm large.npy -o r.npy --distance squared-euclidean").refused(), @"
    exit 3
    error: large.npy: some patterns are further apart than single precision can say (3.4e38); scale the values down, or say --dtype f8
    ");
    assert!(!toy.path("r.npy").exists() && !toy.path("r.json").exists());
    let _ = toy.atrophy("rdm small.npy -o r.npy --distance squared-euclidean --dtype f8").done();
    let right = [1e-50, 9e-50, 4e-50];
    assert!(numbers(&toy, "r.npy").iter().zip(right).all(|(ours, right)| (ours / right - 1.0).abs() < 1e-6));
    let _ = toy.atrophy("rdm small.npy -o r.npy --distance euclidean").done();
}

/// Matrices in double precision whose values differ in the tenth digit, or are the smallest there are.
#[test]
fn doubles_keep_their_digits() {
    let toy = Toy::new();
    let (x, y) = (noise(28, 1), noise(28, 2));
    let y: Vec<f64> = x.iter().zip(y).map(|(x, y)| x + y).collect();
    toy.write("y.npy", doubles(&[28], &y));
    let mut right = Vec::new();
    for method in ["tau-b", "spearman", "pearson"] {
        toy.write("x.npy", doubles(&[28], &x));
        right.push(tau(&toy, &format!("x.npy y.npy --method {method}")));
        for (shift, unit) in [(1.0, 1e-11), (0.0, 1e-310), (0.0, 1e300)] {
            toy.write("x.npy", doubles(&[28], &x.iter().map(|x| shift + unit * x).collect::<Vec<_>>()));
            let ours = tau(&toy, &format!("x.npy y.npy --method {method}"));
            assert!((ours - right.last().unwrap()).abs() < 1e-5, "{method}, {unit}: {ours} and {right:?}");
        }
    }
    assert!((right[0] - naive_tau(&x, &y)).abs() < 1e-12);
}

/// What rsatoolbox and SciPy save: stacks of condensed or square matrices.
#[test]
fn stacks_are_compared_each_with_each() {
    let toy = Toy::new();
    let (a, b, c) = (noise(10, 1), noise(10, 2), noise(10, 3));
    let square = |upper: &[f64]| -> Vec<f64> {
        let at = |i: usize, j: usize| upper[(0..i).map(|row| 4 - row).sum::<usize>() + j - i - 1];
        let entry = |i: usize, j: usize| if i == j { 0.0 } else { at(i.min(j), i.max(j)) };
        (0..25).map(|k| entry(k / 5, k % 5)).collect()
    };
    toy.write("one.npy", doubles(&[1, 10], &a));
    toy.write("two.npy", doubles(&[2, 10], &[a.clone(), b.clone()].concat()));
    toy.write("squares.npy", doubles(&[2, 5, 5], &[square(&b), square(&c)].concat()));
    toy.write("c.npy", doubles(&[10], &c));
    let [ac, bc, ab] = [(&a, &c), (&b, &c), (&a, &b)].map(|(x, y)| naive_tau(x, y));
    assert_eq!(tau(&toy, "one.npy c.npy"), ac);
    assert_eq!(json(&toy, "compare two.npy c.npy --json")["value"], serde_json::json!([ac, bc]));
    assert_eq!(json(&toy, "compare two.npy squares.npy --json")["value"], serde_json::json!([[ab, ac], [1.0, bc]]));
    assert_eq!(tau(&toy, "two.npy c.npy --index 1"), bc);
    assert_eq!(tau(&toy, "c.npy squares.npy --index 0"), bc);
    assert_eq!(tau(&toy, "two.npy squares.npy --index 0,1"), ac);
    insta::assert_snapshot!(toy.atrophy("compare two.npy c.npy").done().out, @"
    two.npy[0], c.npy: 0.244444 tau-b, 10 pairs of 5 images
    two.npy[1], c.npy: -0.066667 tau-b, 10 pairs of 5 images
    ");
    insta::assert_snapshot!(toy.atrophy("compare two.npy squares.npy --index 1").refused(), @"
    exit 2
    error: two.npy and squares.npy are both stacks; say of each which matrix is meant: --index I,J
    ");
    insta::assert_snapshot!(toy.atrophy("compare two.npy c.npy --index 2").refused(), @"
    exit 2
    error: two.npy has 2 matrices, counted from 0; there is no number 2
    ");
    insta::assert_snapshot!(toy.atrophy("compare two.npy c.npy --index 0,0,0").refused(), @"
    exit 2
    error: --index is one number, or two: I,J
    ");
}

/// As many subjects as each has pairs: a square that is no matrix.
#[test]
fn a_square_may_be_a_stack() {
    let toy = Toy::new();
    let subjects: Vec<f64> = (1..=10).flat_map(|seed| noise(10, seed)).collect();
    toy.write("subjects.npy", doubles(&[10, 10], &subjects));
    insta::assert_snapshot!(toy.atrophy("noise-ceiling subjects.npy").refused(), @"
    exit 3
    error: subjects.npy: image 0 is 0.42320913076400757 unlike itself, not 0; if these are similarities, take 1 - similarity; if each row is an upper triangle, say --stack
    ");
    let told = json(&toy, "noise-ceiling subjects.npy --stack --json");
    assert_eq!((&told["n"], &told["images"]), (&10.into(), &5.into()));
    toy.write("column.npy", doubles(&[10, 1], &subjects[..10]));
    assert_eq!(tau(&toy, "subjects.npy column.npy --stack --index 0"), 1.0);
    toy.write("flat.npy", doubles(&[10], &[1.0; 10]));
    insta::assert_snapshot!(toy.atrophy("compare column.npy flat.npy").done().out, @"undefined tau-b, 10 pairs of 5 images: all dissimilarities of flat.npy are equal");
}

/// Numbers that a picture cannot hold are told before anything is written.
#[test]
fn what_cannot_be_drawn_is_not_half_done() {
    let toy = Toy::new();
    toy.write("x.npy", doubles(&[4, 5], &noise(20, 1).iter().map(|v| v * 1e-100).collect::<Vec<_>>()));
    insta::assert_snapshot!(toy.atrophy("rdm x.npy -o r.npy --dtype f8 --distance euclidean --picture p.png").refused(), @"
    exit 3
    error: distances up to 9.6e-101 cannot be drawn, only those from 1e-38 to 3e38; scale the values, or leave --picture out
    ");
    assert!(!toy.path("r.npy").exists() && !toy.path("r.json").exists());
    let _ = toy.atrophy("rdm x.npy -o r.npy --dtype f8 --distance euclidean").done();
}

#[test]
fn repetitions_are_averaged_by_their_labels() {
    let toy = Toy::new();
    let x: Vec<f64> = noise(6 * 30, 1).iter().map(|&v| f64::from(v as f32)).collect();
    let means: Vec<f64> = (0..90).map(|k| (x[k / 30 * 60 + k % 30] + x[k / 30 * 60 + 30 + k % 30]) / 2.0).collect();
    toy.write("x.npy", singles(&[6, 30], &x));
    toy.write("l.txt", "b\nb\nc\nc\na\na\n");
    toy.write("means.npy", doubles(&[3, 30], &[&means[60..], &means[..60]].concat()));
    let _ = toy.atrophy("rdm means.npy -o right.npy --dtype f8").done();
    for arguments in ["--average-by l.txt", "--labels l.txt --average-by labels"] {
        insta::allow_duplicates! {
            insta::assert_snapshot!(toy.atrophy(&format!("rdm x.npy -o r.npy --dtype f8 {arguments}")).done().out, @"r.npy: 3 conditions, 3 pairs, correlation distance");
        }
        let close = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-12;
        assert!(numbers(&toy, "r.npy").iter().zip(&numbers(&toy, "right.npy")).all(close), "{arguments}");
    }
    let side: Value = serde_json::from_slice(&std::fs::read(toy.path("r.json")).unwrap()).unwrap();
    assert_eq!((&side["labels"], &side["averaged_by"]), (&serde_json::json!(["a", "b", "c"]), &"l.txt".into()));
    toy.write("short.txt", "a\nb\n");
    insta::assert_snapshot!(toy.atrophy("rdm x.npy -o r.npy --average-by short.txt").refused(), @"
    exit 3
    error: short.txt has 2 labels for 6 images; give one for each image
    ");
}

/// Sorted against unsorted compares different images with each other.
#[test]
fn what_a_matrix_is_stands_beside_it() {
    let toy = Toy::new();
    toy.write("x.npy", singles(&[6, 30], &noise(180, 1)));
    toy.write("l.txt", "b\na\nc\nb\na\nc\n");
    let _ = toy.atrophy("rdm x.npy -o plain.npy").done();
    let _ = toy.atrophy("rdm x.npy -o labelled.npy --labels l.txt").done();
    let _ = toy.atrophy("rdm x.npy -o sorted.npy --sort-by l.txt").done();
    let _ = toy.atrophy("rdm x.npy -o euclidean.npy --distance euclidean").done();
    let side: Value = serde_json::from_slice(&std::fs::read(toy.path("sorted.json")).unwrap()).unwrap();
    assert_eq!((&side["order"], &side["labels"][0]), (&serde_json::json!([1, 4, 0, 3, 2, 5]), &"a".into()));
    assert_eq!(tau(&toy, "plain.npy labelled.npy"), 1.0);
    insta::assert_snapshot!(toy.atrophy("compare sorted.npy plain.npy").refused(), @"
    exit 5
    error: rows of sorted.npy and plain.npy are different images: sorted by l.txt and as they came; make both in the same order (rdm --sort-by); or take them together --regardless
    ");
    let anyway = toy.atrophy("compare sorted.npy plain.npy --regardless").done();
    assert!(anyway.err.starts_with("warning: rows of sorted.npy"), "{}", anyway.err);
    insta::assert_snapshot!(toy.atrophy("compare euclidean.npy plain.npy").done().err, @"warning: euclidean.npy holds euclidean distances and plain.npy correlation");
    assert!(json(&toy, "compare euclidean.npy plain.npy --json")["warnings"].is_array());

    // another matrix in the place of the one that was spoken of
    std::fs::copy(toy.path("plain.npy"), toy.path("sorted.npy")).unwrap();
    insta::assert_snapshot!(toy.atrophy("compare sorted.npy plain.npy").done().err, @"warning: sorted.json was written for another matrix than sorted.npy holds now, and is not believed");

    // nothing is known of another one's rows, or it cannot be read
    let _ = toy.atrophy("rdm x.npy -o sorted.npy --sort-by l.txt").done();
    std::fs::remove_file(toy.path("plain.json")).unwrap();
    insta::assert_snapshot!(toy.atrophy("compare sorted.npy plain.npy").done().err, @"warning: sorted.npy is sorted by l.txt, and nothing says in which order the rows of plain.npy are");
    toy.write("plain.json", "{ \"distance\": ");
    insta::assert_snapshot!(toy.atrophy("compare labelled.npy plain.npy").done().err, @"warning: plain.json does not say what plain.npy is, as such a file should; it is not minded");

    toy.write("mine.json", "{}");
    insta::assert_snapshot!(toy.atrophy("rdm x.npy -o mine.npy").refused(), @"
    exit 5
    error: mine.json is there, and says nothing of a matrix; it would be overwritten by what the matrix is. Give the matrix another name
    ");
    assert!(!toy.path("mine.npy").exists());
}

/// Unrelated and opposite patterns have different colours, and the bar says which.
#[test]
fn a_picture_has_the_scale_of_its_data_or_the_one_that_is_asked_for() {
    let toy = Toy::new();
    toy.write("x.npy", singles(&[4, 4], &[1., 2., 3., 4., 4., 3., 2., 1., 1., -1., -1., 1., 1., 2., 3., 5.]));
    toy.write("l.txt", "<left>\nright\n<left>\nright\n");
    let _ = toy.atrophy("rdm x.npy -o r.npy --picture p.svg --labels l.txt").done();
    let svg = std::fs::read_to_string(toy.path("p.svg")).unwrap();
    assert!(svg.starts_with("<svg") || svg.starts_with("<?xml"), "{}", &svg[..40]);
    assert!(svg.contains("&lt;left&gt;") && svg.contains("Correlation distance"));
    let _ = toy.atrophy("rdm x.npy -o r.npy --picture fixed.svg --range 0,1").done();
    let fixed = std::fs::read_to_string(toy.path("fixed.svg")).unwrap();
    assert!(
        fixed.contains("of the pairs lie above") && !svg.contains("of the pairs lie above"),
        "what is beyond the scale is said"
    );
    for range in ["1,0", "0", "a,b", "0,inf", "1,1"] {
        let refused = toy.atrophy(&format!("rdm x.npy -o r.npy --picture p.svg --range {range}")).refused();
        assert!(refused.starts_with("exit 2") && refused.contains("as in 0,2"), "{refused}");
    }
}

#[test]
fn intervals_are_of_ten_images_or_more() {
    let toy = Toy::new();
    for (name, seed) in [("x", 1), ("y", 2)] {
        toy.write(&format!("{name}3.npy"), doubles(&[3], &noise(3, seed)));
        toy.write(&format!("{name}12.npy"), doubles(&[66], &noise(66, seed)));
    }
    for method in ["tau-b", "tau-a", "rho-a", "spearman", "pearson", "cosine"] {
        let told = json(&toy, &format!("compare x12.npy y12.npy --method {method} --bootstrap 50 --json"));
        let (low, high) = (&told["interval"]["lower"], &told["interval"]["upper"]);
        assert!(low.as_f64().is_some() && low.as_f64() < high.as_f64(), "{method}: {told}");
        let few = toy.atrophy(&format!("compare x3.npy y3.npy --method {method} --bootstrap 1000")).refused();
        assert!(few.starts_with("exit 3") && few.contains("3 images") && few.contains("at least 10"), "{method}: {few}");
    }
    // of a matrix with one distance of its own most resamples are tied throughout
    let flat: Vec<f64> = (0..66).map(|pair| f64::from(i8::from(pair == 7))).collect();
    toy.write("flat.npy", doubles(&[66], &flat));
    insta::assert_snapshot!(toy.atrophy("compare flat.npy y12.npy --bootstrap 50").done().out, @"
    0.115159 tau-b, 66 pairs of 12 images
    no 95 % interval, as too many resamples have no value, bootstrap over images (50 resamples, 32 of them undefined, seed 1)
    ");
    assert!(json(&toy, "compare flat.npy y12.npy --bootstrap 50 --json")["interval"]["lower"].is_null());
}

#[test]
fn activations_are_aligned_in_three_ways() {
    let toy = Toy::new();
    let (x, y) = (noise(20 * 50, 1), noise(20 * 50, 2));
    toy.write("x.npy", singles(&[20, 50], &x));
    toy.write("y.npy", doubles(&[20, 50], &y));
    let of = |method: &str| tau(&toy, &format!("x.npy y.npy --method {method}"));
    assert!(of("linear-cka") > 0.5 && of("linear-cka-unbiased").abs() < 0.25, "unrelated patterns, more features than images");
    assert!((of("linear-cka-minibatch --batch 20") - of("linear-cka-unbiased")).abs() < 1e-9, "one batch of all images");
    for method in ["linear-cka", "linear-cka-unbiased", "linear-cka-minibatch --batch 5"] {
        assert!((tau(&toy, &format!("x.npy x.npy --method {method}")) - 1.0).abs() < 1e-6);
    }
    insta::assert_snapshot!(toy.atrophy("compare x.npy y.npy --method linear-cka-minibatch --batch 9").refused(), @"
    exit 3
    error: x.npy and y.npy: 20 images in batches of 9 make one of 2; each needs at least 4, so choose another size
    ");
    insta::assert_snapshot!(toy.atrophy("compare x.npy y.npy --method linear-cka --batch 9").refused(), @"
    exit 2
    error: --batch goes with linear-cka-minibatch
    ");
    insta::assert_snapshot!(toy.atrophy("compare x.npy y.npy --method cka").refused(), @"
    exit 2
    error: invalid value 'cka' for '--method <METHOD>': choose tau-b, tau-a, rho-a, spearman, pearson, cosine, linear-cka, linear-cka-unbiased, linear-cka-minibatch

    For more information, try '--help'.
    ");
}

#[test]
fn the_noise_ceiling_of_healthy_matrices() {
    let toy = Toy::new();
    let common = noise(66, 9);
    let of = |seed| -> Vec<f64> { common.iter().zip(noise(66, seed)).map(|(c, n)| c + n).collect() };
    toy.write("three.npy", doubles(&[3, 66], &[of(1), of(2), of(3)].concat()));
    toy.write("four.npy", doubles(&[66], &of(4)));
    let told = json(&toy, "noise-ceiling three.npy four.npy --method spearman --json");
    let (low, high) = (told["lower"].as_f64().unwrap(), told["upper"].as_f64().unwrap());
    assert!(0.3 < low && low < high && high < 1.0, "{told}");
    assert_eq!((told["between"].as_array().unwrap().len(), &told["n"]), (6, &4.into()));
    let told = toy.atrophy("noise-ceiling three.npy four.npy").done();
    insta::assert_snapshot!(told.out + &told.err, @"
    0.417107 to 0.583198 tau-b, noise ceiling of 4 matrices (66 pairs of 12 images); by twos they are 0.331935 alike in the mean
    warning: 4 matrices say little of how unlike subjects are; 5 or more are usual
    ");
    // rows of one are known to be sorted, and nothing is known of the others
    toy.write("x.npy", singles(&[12, 4], &noise(48, 5)));
    toy.write("l.txt", "b\na\n".repeat(6));
    let _ = toy.atrophy("rdm x.npy -o sorted.npy --sort-by l.txt").done();
    let warned = toy.atrophy("noise-ceiling four.npy sorted.npy three.npy").done().err;
    assert!(
        warned.contains("sorted.npy is sorted by l.txt, and nothing says in which order the rows of four.npy are"),
        "{warned}"
    );
    insta::assert_snapshot!(toy.atrophy("noise-ceiling four.npy").refused(), @"
    exit 3
    error: four.npy: a noise ceiling is of the matrices of several subjects, two at least; here are 1
    ");
}
