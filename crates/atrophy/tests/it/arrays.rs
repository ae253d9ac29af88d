//! The same activations and the same labels, as NumPy users may have them.

use serde_json::Value;

use crate::Toy;
use crate::similarity::{npy, npz};

/// Activations of three images, small whole numbers.
const ACTIVATIONS: [[i8; 4]; 3] = [[1, 2, 3, 5], [2, -1, 0, 4], [0, 1, 0, -3]];

/// The activations as numbers of some type, row after row.
fn rows<const N: usize>(number: impl Fn(i8) -> [u8; N]) -> Vec<u8> {
    ACTIVATIONS.as_flattened().iter().flat_map(|&value| number(value)).collect()
}

#[test]
fn activations_of_any_type_have_the_same_matrix() {
    let toy = Toy::new();
    let float = |value: i8| f32::from(value);
    toy.write("f4.npy", npy("<f4", false, &[3, 4], &rows(|value| float(value).to_le_bytes())));
    toy.write("f8.npy", npy(">f8", false, &[3, 4], &rows(|value| f64::from(value).to_be_bytes())));
    // of so small numbers the upper half of a single is a bfloat16
    toy.write("bf16.npy", npy("<V2", false, &[3, 4], &rows(|value| ((float(value).to_bits() >> 16) as u16).to_le_bytes())));
    toy.write("i1.npy", npy("|i1", false, &[3, 4], &rows(i8::to_le_bytes)));
    toy.write("i8.npy", npy("<i8", false, &[3, 4], &rows(|value| i64::from(value).to_le_bytes())));
    let columns: Vec<u8> = (0..12).flat_map(|at| i16::from(ACTIVATIONS[at % 3][at / 3]).to_le_bytes()).collect();
    toy.write("i2.npy", npy("<i2", true, &[3, 4], &columns));
    toy.write("archive.npz", npz(&npy("<i2", true, &[3, 4], &columns), 0));
    let _ = toy.atrophy("rdm f4.npy -o expected.npy").done();
    for other in ["f8.npy", "bf16.npy", "i1.npy", "i8.npy", "i2.npy", "archive.npz", "archive.npz:a", "archive.npz:a.npy"] {
        let _ = toy.atrophy(&format!("rdm {other} -o out.npy")).done();
        assert!(std::fs::read(toy.path("out.npy")).unwrap() == std::fs::read(toy.path("expected.npy")).unwrap(), "{other}");
    }
}

#[test]
fn labels_of_any_kind_sort_alike() {
    let toy = Toy::new();
    toy.write("a.npy", npy("|i1", false, &[3, 4], &rows(i8::to_le_bytes)));
    toy.write("whole.npy", npy("<i8", false, &[3], &[9i64, 2, 9].map(i64::to_le_bytes).concat()));
    toy.write("floats.npy", npy("<f8", false, &[3, 1], &[10f64, -2.0, 10.0].map(f64::to_le_bytes).concat()));
    toy.write("words.npy", npy("|S3", false, &[1, 3], b"dogcatdog"));
    toy.write("unicode.npy", npy("<U1", false, &[3], &['é', 'a', 'é'].map(|c| u32::from(c).to_le_bytes()).concat()));
    toy.write("bool.npy", npy("|b1", false, &[3], &[1, 0, 1]));
    toy.write("labels.txt", "dog\ncat\ndog\n");
    toy.write("table.csv", "image,class\n1,10\n2,9\n3,10\n");
    let _ = toy.atrophy("rdm a.npy -o expected.npy --sort-by whole.npy").done();
    let _ = toy.atrophy("rdm a.npy -o unsorted.npy").done();
    let bytes = |name: &str| std::fs::read(toy.path(name)).unwrap();
    assert!(bytes("expected.npy") != bytes("unsorted.npy"));
    for labels in ["floats.npy", "words.npy", "unicode.npy", "bool.npy", "labels.txt", "table.csv:class"] {
        let told = toy.atrophy(&format!("rdm a.npy -o out.npy --sort-by {labels} --json")).done().out;
        assert_eq!(serde_json::from_str::<Value>(&told).unwrap()["images"], 3);
        assert!(bytes("out.npy") == bytes("expected.npy"), "{labels}");
    }
    insta::assert_snapshot!(toy.atrophy("rdm a.npy -o out.npy --labels table.csv").refused(), @"
    exit 3
    error: table.csv is a table; name a column, as in table.csv:image (it has image, class)
    ");
}
