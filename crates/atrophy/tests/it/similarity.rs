//! `atrophy rdm` and `atrophy compare`, on files as NumPy writes them.

use std::io::Write;

use serde_json::Value;

use crate::Toy;

/// A NumPy file of format 1.0.
fn npy(descr: &str, fortran: bool, shape: &[usize], bytes: &[u8]) -> Vec<u8> {
    let order = if fortran { "True" } else { "False" };
    let shape: String = shape.iter().map(|length| format!("{length}, ")).collect();
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': ({shape}), }}");
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(bytes);
    file
}

const IMAGES: usize = 6;
const FEATURES: usize = 5;

fn activation(image: usize, feature: usize) -> f64 {
    ((image * 7 + feature * feature * 3) % 11) as f64 / 4.0
}

/// A toy folder with the same activations written in four ways.
fn toy() -> Toy {
    let toy = Toy::new();
    let rows = || (0..IMAGES).flat_map(|i| (0..FEATURES).map(move |f| activation(i, f)));
    let columns = || (0..FEATURES).flat_map(|f| (0..IMAGES).map(move |i| activation(i, f)));
    let single: Vec<u8> = rows().flat_map(|value| (value as f32).to_le_bytes()).collect();
    toy.write("a.npy", npy("<f4", false, &[IMAGES, FEATURES], &single));
    let big_endian: Vec<u8> = columns().flat_map(f64::to_be_bytes).collect();
    toy.write("fortran.npy", npy(">f8", true, &[IMAGES, FEATURES], &big_endian));
    toy.write("maps.npy", npy("<f4", false, &[IMAGES, 1, FEATURES], &single));
    let mut archive = zip::ZipWriter::new(std::fs::File::create(toy.path("two.npz")).unwrap());
    for name in ["conv1.npy", "conv2.npy"] {
        archive.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(&npy("<f4", false, &[IMAGES, FEATURES], &single)).unwrap();
    }
    archive.finish().unwrap();
    toy
}

fn json(toy: &Toy, arguments: &str) -> Value {
    serde_json::from_str(&toy.atrophy(arguments).done().out).unwrap()
}

#[test]
fn the_same_activations_in_any_layout_have_the_same_matrix() {
    let toy = toy();
    let told = json(&toy, "rdm a.npy -o a.rdm.npy --json");
    assert_eq!(
        (&told["value"], &told["images"], &told["features"], &told["pairs"]),
        (&"a.rdm.npy".into(), &6.into(), &5.into(), &15.into())
    );
    let matrix = std::fs::read(toy.path("a.rdm.npy")).unwrap();
    for other in ["fortran.npy", "maps.npy", "two.npz:conv2"] {
        let _ = toy.atrophy(&format!("rdm {other} -o other.npy")).done();
        assert!(std::fs::read(toy.path("other.npy")).unwrap() == matrix, "{other}");
    }
}

#[test]
fn matrices_are_compared_whole_or_condensed() {
    let toy = toy();
    let _ = toy.atrophy("rdm a.npy -o correlation.npy").done();
    let _ = toy.atrophy("rdm a.npy -o square.npy --square").done();
    let _ = toy.atrophy("rdm a.npy -o euclidean.npy --distance euclidean").done();
    let same = json(&toy, "compare correlation.npy square.npy --json");
    assert_eq!(
        (&same["value"], &same["n"], &same["method"], &same["pairs_left_out"]),
        (&1.0.into(), &15.into(), &"tau-b".into(), &0.into())
    );
    for method in ["tau-a", "rho-a", "spearman", "pearson", "cosine"] {
        let told = json(&toy, &format!("compare correlation.npy euclidean.npy --method {method} --bootstrap 50 --json"));
        let (value, low, high) = (&told["value"], &told["interval"]["lower"], &told["interval"]["upper"]);
        assert!(value.as_f64().is_some_and(|value| value.abs() <= 1.0), "{method}: {told}");
        assert!(low.as_f64() <= high.as_f64(), "{method}: {told}");
    }
    assert_eq!(
        json(&toy, "compare a.npy fortran.npy --method linear-cka --json")["value"].as_f64().map(|cka| (cka - 1.0).abs() < 1e-6),
        Some(true)
    );
    insta::assert_snapshot!(toy.atrophy("compare correlation.npy square.npy").done().out, @"1.000000 tau-b, 15 pairs of 6 images");
}

#[test]
fn images_are_sorted_by_label_and_drawn() {
    let toy = toy();
    let labels: Vec<u8> = [2i64, 0, 1, 0, 2, 1].iter().flat_map(|label| label.to_le_bytes()).collect();
    toy.write("labels.npy", npy("<i8", false, &[IMAGES], &labels));
    let _ = toy.atrophy("rdm a.npy -o sorted.npy --labels labels.npy --square --picture sorted.png").done();
    let _ = toy.atrophy("rdm a.npy -o plain.npy --square").done();
    let matrix = |name: &str| {
        let bytes = std::fs::read(toy.path(name)).unwrap();
        ledger::npy::read_square(&bytes).unwrap().1
    };
    let (sorted, plain) = (matrix("sorted.npy"), matrix("plain.npy"));
    let order = [1, 3, 2, 5, 0, 4];
    for (i, &from_i) in order.iter().enumerate() {
        for (j, &from_j) in order.iter().enumerate() {
            assert!((sorted[i * IMAGES + j] - plain[from_i * IMAGES + from_j]).abs() < 1e-6);
        }
    }
    assert!(std::fs::read(toy.path("sorted.png")).unwrap().starts_with(b"\x89PNG"));
}

/// What is far from zero, or tiny, as doubles can be, must not be rounded away: patterns of 1e6 + x are as unlike as patterns of x.
#[test]
fn doubles_keep_what_tells_them_apart() {
    let toy = toy();
    let doubles = |factor: f64, offset: f64| -> Vec<u8> {
        let values = (0..IMAGES).flat_map(|i| (0..FEATURES).map(move |f| activation(i, f)));
        values.flat_map(|x| (offset + factor * x).to_le_bytes()).collect()
    };
    toy.write("plain.npy", npy("<f8", false, &[IMAGES, FEATURES], &doubles(1.0, 0.0)));
    toy.write("far.npy", npy("<f8", false, &[IMAGES, FEATURES], &doubles(1.0, 1e6)));
    toy.write("tiny.npy", npy("<f8", false, &[IMAGES, FEATURES], &doubles(1e-60, 0.0)));
    toy.write("same.npy", npy("<f8", false, &[2, FEATURES], &[0.1f64; 2 * FEATURES].map(f64::to_le_bytes).concat()));
    let matrix = |of: &str, distance: &str| -> Vec<f32> {
        let _ = toy.atrophy(&format!("rdm {of}.npy -o out.npy --distance {distance}")).done();
        let bytes = std::fs::read(toy.path("out.npy")).unwrap();
        let numbers = &bytes[bytes.len() - IMAGES * (IMAGES - 1) / 2 * 4..];
        numbers.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect()
    };
    for (distance, other) in [("correlation", "far"), ("correlation", "tiny"), ("cosine", "tiny"), ("euclidean", "far")] {
        for (a, b) in matrix("plain", distance).into_iter().zip(matrix(other, distance)) {
            assert!((a - b).abs() <= 1e-6 * a.abs().max(1.0), "{distance} of {other}: {b} in place of {a}");
        }
    }
    let constant = json(&toy, "rdm same.npy -o out.npy --json");
    assert_eq!((&constant["pairs"], &constant["pairs_undefined"]), (&1.into(), &1.into()), "sums of 0.1 are rounded");

    let far = |i: usize| (1.0 + 1e-9 * ((i * 7919) % 28) as f64).to_le_bytes();
    let near = |i: usize| (((i * 7919) % 28) as f32).to_le_bytes();
    toy.write("far.npy", npy("<f8", false, &[28], &(0..28).flat_map(far).collect::<Vec<u8>>()));
    toy.write("near.npy", npy("<f4", false, &[28], &(0..28).flat_map(near).collect::<Vec<u8>>()));
    for method in ["tau-b", "spearman", "pearson"] {
        let value = json(&toy, &format!("compare far.npy near.npy --method {method} --json"))["value"].as_f64().unwrap();
        assert!((value - 1.0).abs() < 1e-6, "{method}: {value}");
    }
}

#[cfg(unix)]
#[test]
fn results_go_where_they_are_sent_and_take_nothings_place() {
    let toy = toy();
    let _ = toy.atrophy("rdm a.npy -o target.npy").done();
    let whole = std::fs::read(toy.path("target.npy")).unwrap();
    std::fs::write(toy.path("target.npy"), "old").unwrap();
    std::os::unix::fs::symlink("target.npy", toy.path("link.npy")).unwrap();
    let _ = toy.atrophy("rdm a.npy -o link.npy").done();
    assert!(toy.path("link.npy").is_symlink() && std::fs::read(toy.path("target.npy")).unwrap() == whole);

    assert!(std::process::Command::new("mkfifo").arg(toy.path("pipe")).status().unwrap().success());
    let pipe = toy.path("pipe");
    let reader = std::thread::spawn(move || std::fs::read(pipe).unwrap());
    let _ = toy.atrophy("rdm a.npy -o pipe").done();
    assert!(reader.join().unwrap() == whole, "and it still is a pipe");

    insta::assert_snapshot!(toy.atrophy("rdm a.npy -o ./a.npy").refused(), @"
    exit 2
    error: ./a.npy would be overwritten; give the result another name
    ");
    insta::assert_snapshot!(toy.atrophy("rdm two.npz:conv1 -o two.npz").refused(), @"
    exit 2
    error: two.npz would be overwritten; give the result another name
    ");
    insta::assert_snapshot!(toy.atrophy("rdm a.npy -o b.npy --picture ./b.npy").refused(), @"
    exit 2
    error: the matrix and its picture cannot be the same file
    ");
    std::fs::create_dir(toy.path("folder")).unwrap();
    insta::assert_snapshot!(toy.atrophy("rdm a.npy -o folder").refused(), @"
    exit 1
    error: cannot write folder: it is a folder
    ");
    let left: Vec<_> = std::fs::read_dir(toy.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().ends_with(".part")), "{left:?}");
}

#[test]
fn files_that_cannot_be_used_are_refused() {
    let toy = toy();
    toy.write("text.npy", "not an array");
    let single = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    toy.write("nan.npy", npy("<f4", false, &[2, 2], &single(&[1.0, 2.0, f32::NAN, 3.0])));
    toy.write("one.npy", npy("<f4", false, &[1, 3], &single(&[1.0, 2.0, 3.0])));
    toy.write("short.npy", npy("<f4", false, &[2, 3], &single(&[1.0, 2.0, 3.0])));
    toy.write("whole.npy", npy("<i4", false, &[2, 2], &[0; 16]));
    toy.write("four.npy", npy("<f4", false, &[4], &single(&[1.0, 2.0, 3.0, 4.0])));
    toy.write("three.npy", npy("<f4", false, &[3], &single(&[1.0, 2.0, 3.0])));
    let messages: Vec<String> = [
        "rdm nothing.npy -o out.npy",
        "rdm text.npy -o out.npy",
        "rdm nan.npy -o out.npy",
        "rdm one.npy -o out.npy",
        "rdm short.npy -o out.npy",
        "rdm whole.npy -o out.npy",
        "rdm two.npz -o out.npy",
        "rdm two.npz:conv3 -o out.npy",
        "rdm a.npy -o out.npy --labels three.npy",
        "compare four.npy three.npy",
        "compare a.npy a.npy",
    ]
    .iter()
    .map(|arguments| format!("{arguments}\n{}", toy.atrophy(arguments).refused()))
    .collect();
    assert!(messages.iter().all(|message| message.contains("exit 3")));
    assert!(!toy.path("out.npy").exists());
    insta::assert_snapshot!(messages.join("\n\n"), @"
    rdm nothing.npy -o out.npy
    exit 3
    error: cannot read nothing.npy: No such file or directory (os error 2)

    rdm text.npy -o out.npy
    exit 3
    error: text.npy is no NumPy file: magic not found for NPY file

    rdm nan.npy -o out.npy
    exit 3
    error: nan.npy: feature 0 of image 1 is NaN (counted from 0)

    rdm one.npy -o out.npy
    exit 3
    error: one.npy: one image has no pair; give at least two

    rdm short.npy -o out.npy
    exit 3
    error: short.npy is cut off: failed to fill whole buffer

    rdm whole.npy -o out.npy
    exit 3
    error: whole.npy holds '<i4'; convert it: numpy.save(..., array.astype('float32'))

    rdm two.npz -o out.npy
    exit 3
    error: two.npz holds 2 arrays; name one, as in two.npz:conv1

    rdm two.npz:conv3 -o out.npy
    exit 3
    error: two.npz has no array 'conv3' (it has conv1, conv2): specified file not found in archive

    rdm a.npy -o out.npy --labels three.npy
    exit 3
    error: three.npy holds '<f4'; labels are whole numbers

    compare four.npy three.npy
    exit 3
    error: four.npy: 4 values are not the pairs of any number of images (that would be 1, 3, 6, 10, … n(n-1)/2); a whole square matrix has n² values

    compare a.npy a.npy
    exit 3
    error: a.npy has the shape [6, 5]; a dissimilarity matrix is square or an upper triangle (make one with `atrophy rdm`)
    ");
}

#[test]
fn the_benchmark_of_matrices_says_what_it_measured() {
    let told = json(&Toy::new(), "bench rsa --images 50 --features 20 --threads 1 --json");
    assert_eq!((&told["images"], &told["features"]), (&50.into(), &20.into()));
    assert!(told["tau_b"].as_f64().is_some_and(|tau| (0.1..0.99).contains(&tau)), "{told}");
}
