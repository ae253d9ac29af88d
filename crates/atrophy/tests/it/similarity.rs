//! `atrophy rdm` and `atrophy compare`, on files as NumPy writes them.

use std::ffi::OsStr;
use std::io::Write;
use std::process::Command;

use serde_json::Value;

use crate::{Ran, Toy};

/// A NumPy file of format 1.0.
pub(crate) fn npy(descr: &str, fortran: bool, shape: &[usize], bytes: &[u8]) -> Vec<u8> {
    let order = if fortran { "True" } else { "False" };
    let shape: String = shape.iter().map(|length| format!("{length}, ")).collect();
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': ({shape}), }}");
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    [with_header(header.as_bytes()).as_slice(), bytes].concat()
}

/// The beginning of a NumPy file of format 1.0 with this header.
fn with_header(header: &[u8]) -> Vec<u8> {
    [b"\x93NUMPY\x01\x00".as_slice(), &(header.len() as u16).to_le_bytes(), header].concat()
}

/// An archive of one array, which inflates to these bytes and `zeros` zeros.
pub(crate) fn npz(bytes: &[u8], zeros: usize) -> Vec<u8> {
    let mut file = std::io::Cursor::new(Vec::new());
    let mut archive = zip::ZipWriter::new(&mut file);
    archive.start_file("a.npy", zip::write::SimpleFileOptions::default().compression_level(Some(1))).unwrap();
    archive.write_all(bytes).unwrap();
    std::io::copy(&mut std::io::Read::take(std::io::repeat(0), zeros as u64), &mut archive).unwrap();
    archive.finish().unwrap();
    file.into_inner()
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
        let told = json(&toy, &format!("compare correlation.npy euclidean.npy --method {method} --json"));
        assert!(told["value"].as_f64().is_some_and(|value| value.abs() <= 1.0), "{method}: {told}");
    }
    assert_eq!(
        json(&toy, "compare a.npy fortran.npy --method linear-cka --json")["value"].as_f64().map(|cka| (cka - 1.0).abs() < 1e-6),
        Some(true)
    );
    insta::assert_snapshot!(toy.atrophy("compare correlation.npy square.npy").done().out, @"1.000000 tau-b, 15 pairs of 6 images");
}

#[test]
fn images_are_sorted_where_that_is_asked_for() {
    let toy = toy();
    let labels: Vec<u8> = [2i64, 0, 1, 0, 2, 1].iter().flat_map(|label| label.to_le_bytes()).collect();
    toy.write("labels.npy", npy("<i8", false, &[IMAGES], &labels));
    let _ = toy.atrophy("rdm a.npy -o sorted.npy --sort-by labels.npy --square --picture sorted.png").done();
    let _ = toy.atrophy("rdm a.npy -o plain.npy --square").done();
    let _ = toy.atrophy("rdm a.npy -o labelled.npy --labels labels.npy --square --picture labelled.png").done();
    let bytes = |name: &str| std::fs::read(toy.path(name)).unwrap();
    assert!(bytes("labelled.npy") == bytes("plain.npy"), "labels order the picture");
    assert!(bytes("labelled.png") == bytes("sorted.png"));
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
    toy.write("complex.npy", npy("<c8", false, &[2, 2], &[0; 32]));
    toy.write("four.npy", npy("<f4", false, &[4], &single(&[1.0, 2.0, 3.0, 4.0])));
    toy.write("three.npy", npy("<f4", false, &[3], &single(&[1.0, 2.0, 3.0])));
    let messages: Vec<String> = [
        "rdm nothing.npy -o out.npy",
        "rdm text.npy -o out.npy",
        "rdm nan.npy -o out.npy",
        "rdm one.npy -o out.npy",
        "rdm short.npy -o out.npy",
        "rdm complex.npy -o out.npy",
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
    error: text.npy is text, no NumPy file; if it is a table of numbers: numpy.save(FILE, numpy.loadtxt('text.npy'))

    rdm nan.npy -o out.npy
    exit 3
    error: nan.npy: feature 0 of image 1 is NaN (counted from 0)

    rdm one.npy -o out.npy
    exit 3
    error: one.npy: one image has no pair; give at least two

    rdm short.npy -o out.npy
    exit 3
    error: short.npy is cut off: its shape is [2, 3], which takes 24 bytes, and 12 are there; copy or save it again

    rdm complex.npy -o out.npy
    exit 3
    error: complex.npy holds complex numbers ('<c8'); choose what of them you mean: numpy.save(FILE, numpy.abs(array)), or array.real, array.imag, numpy.angle(array)

    rdm two.npz -o out.npy
    exit 3
    error: two.npz holds 2 arrays: conv1 float32 [6, 5], conv2 float32 [6, 5]; name one, as in two.npz:conv1

    rdm two.npz:conv3 -o out.npy
    exit 3
    error: two.npz has no array 'conv3'; it has conv1 float32 [6, 5], conv2 float32 [6, 5]

    rdm a.npy -o out.npy --labels three.npy
    exit 3
    error: three.npy has 3 labels for 6 images; give one for each image

    compare four.npy three.npy
    exit 3
    error: four.npy: 4 values are not the pairs of any number of images (that would be 1, 3, 6, 10, … n(n-1)/2); a whole square matrix has n² values

    compare a.npy a.npy
    exit 3
    error: a.npy has the shape [6, 5]; a dissimilarity matrix is square (n, n) or an upper triangle (n(n-1)/2,), or a stack of them (k, n, n) or (k, n(n-1)/2); make one of activations with `atrophy rdm`
    ");
}

/// Runs `atrophy` with 400 MB of address space, which is taken as a lack of memory.
#[cfg(target_os = "linux")]
fn with_little_memory(toy: &Toy, arguments: &[&str]) -> Ran {
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -v 400000; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_atrophy")]).args(arguments);
    Ran::of(&command.current_dir(toy.folder.path()).output().unwrap(), toy.folder.path())
}

/// Whatever a file claims, and whatever it is, nothing is taken from it that is not there.
#[cfg(target_os = "linux")]
#[test]
fn hostile_arrays_are_refused_at_once() {
    let toy = toy();
    let shape = |shape: &str| {
        let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n");
        [with_header(header.as_bytes()).as_slice(), &[0; 80]].concat()
    };
    let descr =
        |descr: &str| with_header(format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (2, 2), }}\n").as_bytes());
    let whole = npy("<f4", false, &[2, 2], &[0; 16]);
    let claimed = [b"\x93NUMPY\x02\x00\xff\xff\xff\xff".as_slice(), &[b' '; 100]].concat();
    let mega = [b"\x93NUMPY\x02\x00".as_slice(), &1_000_000u32.to_le_bytes(), &vec![b'['; 1_000_000]].concat();
    let many = format!("({})", "1, ".repeat(20_000));
    let hidden = format!("{{{}", "')', [".repeat(5_000));
    let escaped = format!("{{{}", r"'\N{'}', [".repeat(5_000));
    let tripled = format!("{{{}", "'''(''', [".repeat(5_000));
    let large = npy("<f4", false, &[2, 75_000_000], &[]);
    let directory = |file: &[u8]| file.windows(4).rposition(|four| four == b"PK\x01\x02").unwrap();
    let mut lying = npz(&large, 600_000);
    let at = directory(&lying) + 24;
    lying[at..at + 4].copy_from_slice(&0xffff_fff0_u32.to_le_bytes());
    let mut damaged = npz(&npy("<f4", false, &[2, 2], &[1; 16]), 0);
    let at = directory(&damaged) + 16;
    damaged[at] ^= 1;
    let files: Vec<(&str, Vec<u8>, &str)> = vec![
        ("empty.npy", Vec::new(), "is empty"),
        ("magic.npy", whole[..7].to_vec(), "too short"),
        ("header.npy", whole[..40].to_vec(), "cut off in its header"),
        ("nothing.npy", whole[..whole.len() - 16].to_vec(), "0 are there"),
        ("cut.npy", whole[..whole.len() - 1].to_vec(), "takes 16 bytes, and 15 are there"),
        ("claimed.npy", claimed, "claims 4294967295 bytes"),
        ("mega.npy", mega, "claims 1000000 bytes"),
        ("version.npy", b"\x93NUMPY\x09\x00\x02\x00\x00\x00{}".to_vec(), "no NumPy array"),
        ("deep.npy", with_header("[".repeat(60_000).as_bytes()), "no NumPy array"),
        ("sets.npy", with_header("{".repeat(30).as_bytes()), "no NumPy array"),
        ("hidden.npy", with_header(hidden.as_bytes()), "no NumPy array"),
        ("escaped.npy", with_header(escaped.as_bytes()), "no NumPy array"),
        ("tripled.npy", with_header(tripled.as_bytes()), "no NumPy array"),
        ("signs.npy", with_header("-".repeat(60_000).as_bytes()), "no NumPy array"),
        ("digits.npy", shape(&format!("({}, )", "9".repeat(60_000))), "the length 9999"),
        ("wraps.npy", shape("(4294967296, 4294967296)"), "no file can hold"),
        ("wraps-in-bytes.npy", shape("(4611686018427387904, )"), "no file can hold"),
        ("absurd.npy", shape("(1000000, 1000000)"), "80 are there"),
        ("negative.npy", shape("(-1, 5)"), "the length -1, which no array has"),
        ("fraction.npy", shape("(2.0, 5)"), "the length 2.0, which no array has"),
        ("dimensions.npy", shape(&many), "at most 64"),
        ("objects.npy", descr("'|O'"), "'|O'"),
        ("text.npy", descr("'<U5'"), "'<U5'"),
        ("structured.npy", descr("[('a', '<f4'), ('b', '<i4', (2, 2))]"), "records of 'a', 'b'"),
        ("records.npy", descr("[('a', [('b', [('c', '<f4')])])]"), "records of 'a'"),
        ("half.npy", descr("'<f2'"), "takes 8 bytes, and 0 are there"),
        ("unknown.npy", descr("'<q9'"), "'<q9'"),
        ("single.npy", npy("<f4", false, &[], &[0; 4]), "a single number"),
        ("none.npy", npy("<f4", false, &[0, 5], &[]), "[0, 5]"),
        ("featureless.npy", npy("<f4", false, &[5, 0], &[]), "no features"),
        ("bomb.npz", npz(&large, 600_000_000), "needs about 600 MB of memory"),
        ("endless.npz", npz(&whole, 600_000_000), "goes on"),
        ("lying.npz", lying, "needs about 600 MB of memory"),
        ("short.npz", npz(&npy("<f4", false, &[2, 2], &[]), 15), "15 are there"),
        ("damaged.npz", damaged, "damaged"),
        ("garbage.npz", vec![7; 1000], "no .npz archive"),
    ];
    for (name, bytes, _) in &files {
        toy.write(name, bytes);
    }
    // 8 GB that take no place on the disk
    let sparse = std::fs::File::create(toy.path("sparse.npy")).unwrap();
    (&sparse).write_all(&npy("<f4", true, &[2, 1_000_000_000], &[])).unwrap();
    sparse.set_len(8_000_000_128).unwrap();
    std::fs::create_dir(toy.path("folder.npy")).unwrap();
    assert!(Command::new("mkfifo").arg(toy.path("pipe.npy")).status().unwrap().success());
    let _socket = std::os::unix::net::UnixListener::bind(toy.path("socket.npz")).unwrap();
    let others = [
        ("sparse.npy", "needs about 8.0 GB of memory"),
        ("folder.npy", "it is a folder"),
        ("pipe.npy", "it is a pipe; save it as a file"),
        ("socket.npz", "it is a socket"),
        ("/dev/zero", "it is a device"),
    ];
    let _ = with_little_memory(&toy, &["rdm", "two.npz:conv1", "-o", "out.npy"]).done();
    std::fs::remove_file(toy.path("out.npy")).unwrap();
    for (name, reason) in files.iter().map(|(name, _, reason)| (*name, *reason)).chain(others) {
        let started = std::time::Instant::now();
        let message = with_little_memory(&toy, &["rdm", name, "-o", "out.npy"]).refused();
        assert!(message.starts_with("exit 3") && message.contains(reason) && message.contains(name), "{name}: {message}");
        assert!(message.chars().count() < 530 && message.lines().count() < 4, "{name}: {message}");
        assert!(started.elapsed().as_secs() < 10, "{name} took {:?}", started.elapsed());
        let message = with_little_memory(&toy, &["rdm", "a.npy", "-o", "out.npy", "--labels", name]).refused();
        assert!(message.starts_with("exit 3"), "{name}: {message}");
    }
    assert!(!toy.path("out.npy").exists());
}

#[cfg(target_os = "linux")]
#[test]
fn a_matrix_that_does_not_fit_into_memory_is_refused_before_it_is_made() {
    let toy = toy();
    let images = 20_000;
    toy.write("many.npy", npy("<f4", false, &[images, 2], &vec![0; images * 8]));
    let message = with_little_memory(&toy, &["rdm", "many.npy", "-o", "out.npy"]).refused();
    let expected = "exit 1\nerror: many.npy: a matrix of 20000 images needs about 800 MB of memory, and ";
    assert!(message.starts_with(expected), "{message}");
    toy.write("square.npy", npy("<f4", false, &[6_000, 6_000], &vec![0; 6_000 * 6_000 * 4]));
    let message = with_little_memory(&toy, &["compare", "square.npy", "square.npy"]).refused();
    assert!(message.contains("square.npy") && message.contains("of memory"), "{message}");
}

/// Names of files are bytes, and messages show them as well as they can.
#[cfg(target_os = "linux")]
#[test]
fn names_of_files_need_not_be_utf8() {
    use std::os::unix::ffi::OsStrExt;
    let toy = toy();
    let name = OsStr::from_bytes;
    let run = |arguments: &[&[u8]]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_atrophy"));
        command.current_dir(toy.folder.path()).args(arguments.iter().map(|bytes| name(bytes)));
        Ran::of(&command.output().unwrap(), toy.folder.path())
    };
    let path = |bytes| toy.folder.path().join(name(bytes));
    std::fs::copy(toy.path("a.npy"), path(b"x\xff.npy")).unwrap();
    std::fs::copy(toy.path("two.npz"), path(b"two\xff.npz")).unwrap();
    std::fs::write(path(b"labels\xff.npy"), npy("<i8", false, &[IMAGES], &[0; 8 * IMAGES])).unwrap();
    let _ = toy.atrophy("rdm a.npy -o right.npy").done();
    let right = std::fs::read(toy.path("right.npy")).unwrap();
    let told =
        run(&[b"rdm", b"x\xff.npy", b"-o", b"r\xff.npy", b"--labels", b"labels\xff.npy", b"--picture", b"p\xff.png", b"--json"]);
    let told: Value = serde_json::from_str(&told.done().out).unwrap();
    assert_eq!(told["value"], "r\u{fffd}.npy");
    assert!(std::fs::read(path(b"r\xff.npy")).unwrap() == right);
    assert!(path(b"p\xff.png").exists());

    let _ = run(&[b"rdm", b"two\xff.npz:conv2", b"-o", b"out.npy"]).done();
    assert!(std::fs::read(toy.path("out.npy")).unwrap() == right);
    let same = run(&[b"compare", b"r\xff.npy", b"out.npy", b"--json"]).done();
    assert!(same.out.contains("\"value\":1.0"), "{}", same.out);

    let shown = |arguments: &[&[u8]]| run(arguments).refused();
    insta::assert_snapshot!(shown(&[b"rdm", b"x\xff.npy", b"-o", b"x\xff.npy"]), @"
    exit 2
    error: x�.npy would be overwritten; give the result another name
    ");
    insta::assert_snapshot!(shown(&[b"rdm", b"no\xff.npz:a", b"-o", b"out.npy"]), @"
    exit 3
    error: cannot read no�.npz: No such file or directory (os error 2)
    ");
    let wrong = shown(&[b"rdm", b"two.npz:conv\xff", b"-o", b"out.npy"]);
    assert!(wrong.starts_with("exit 2") && wrong.contains("not UTF-8"), "{wrong}");
}

#[test]
fn an_ending_does_not_promise_what_the_file_is_not() {
    let toy = toy();
    insta::assert_snapshot!(toy.atrophy("rdm a.npy -o out.npy --picture x.jpg").refused(), @"
    exit 2
    error: cannot write x.jpg: a picture is a PNG or an SVG; give a name that ends in .png or .svg
    ");
    insta::assert_snapshot!(toy.atrophy("rdm a.npy -o out.npz").refused(), @"
    exit 2
    error: cannot write out.npz: the matrix is no npz; give a name that ends in .npy
    ");
    assert!(!toy.path("out.npy").exists() && !toy.path("x.jpg").exists());
    let _ = toy.atrophy("rdm a.npy -o out --picture X.PNG").done();
}

#[test]
fn the_benchmark_of_matrices_says_what_it_measured() {
    let told = json(&Toy::new(), "bench rsa --images 50 --features 20 --threads 1 --json");
    assert_eq!((&told["images"], &told["features"]), (&50.into(), &20.into()));
    assert!(told["tau_b"].as_f64().is_some_and(|tau| (0.1..0.99).contains(&tau)), "{told}");
}
