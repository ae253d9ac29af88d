use super::super::tests::{Folder, bytes, npy, npz, unicode};
use super::*;

fn names(labels: &Labels) -> Vec<&str> {
    labels.names().iter().map(String::as_str).collect()
}

#[test]
fn labels_sort_images() {
    let folder = Folder::new();
    folder.write("a.npy", npy("'<i8'", "(6,)", bytes!(10i64, -1i64, 9i64, 10i64, -1i64, 10i64)));
    let labels = folder.labels("a.npy").unwrap();
    assert_eq!(names(&labels), ["-1", "9", "10"]);
    assert_eq!(labels.of(), [2, 0, 1, 2, 0, 2]);
    assert_eq!(labels.order(), [1, 4, 2, 0, 3, 5]);
    assert_eq!(labels.groups(), [0..2, 2..3, 3..6]);
    assert_eq!((labels.len(), labels.is_empty()), (6, false));
}

#[test]
fn labels_are_numbers_words_or_truths() {
    let folder = Folder::new();
    let check = |descr: &str, bytes: Vec<u8>, expected: &[&str], of: &[u32]| {
        for shape in ["(3,)", "(3, 1)", "(1, 3)", "(1, 3, 1)"] {
            folder.write("a.npy", npy(&format!("'{descr}'"), shape, &bytes));
            let labels = folder.labels("a.npy").unwrap();
            assert_eq!((names(&labels).as_slice(), labels.of()), (expected, of), "{descr} {shape}");
        }
    };
    check("|i1", bytes!(3i8, -3i8, 3i8), &["-3", "3"], &[1, 0, 1]);
    check(">i2", vec![1, 0, 0, 255, 255, 255], &["-1", "255", "256"], &[2, 1, 0]);
    check("<u8", bytes!(u64::MAX, 0u64, 1u64), &["0", "1", "18446744073709551615"], &[2, 0, 1]);
    check(
        "<i8",
        bytes!(i64::MIN, i64::MAX, i64::MAX - 1),
        &["-9223372036854775808", "9223372036854775806", "9223372036854775807"],
        &[0, 2, 1],
    );
    check("<f8", bytes!(10.0f64, 2.0f64, -0.0f64), &["0", "2", "10"], &[2, 1, 0]);
    check("<f4", bytes!(0.0f32, -0.0f32, 1.0f32), &["0", "1"], &[0, 0, 1]);
    check(">f4", [1.0f32.to_be_bytes(), 2.0f32.to_be_bytes(), 1.0f32.to_be_bytes()].concat(), &["1", "2"], &[0, 1, 0]);
    check("<f2", bytes!(0x3c00u16, 0x4000u16, 0x3c00u16), &["1", "2"], &[0, 1, 0]);
    check("<V2", bytes!(0x3f80u16, 0x4000u16, 0x3f80u16), &["1", "2"], &[0, 1, 0]);
    check("|b1", vec![1, 0, 1], &["False", "True"], &[1, 0, 1]);
    check("|b1", vec![1, 1, 1], &["True"], &[0, 0, 0]);
    check("<U4", unicode(&["Zoë", "10", "9"], 4, false), &["10", "9", "Zoë"], &[2, 0, 1]);
    check(">U3", unicode(&["été", "a", "Z"], 3, true), &["Z", "a", "été"], &[2, 1, 0]);
    check("|S3", b"dogcatdog".to_vec(), &["cat", "dog"], &[1, 0, 1]);
    check("|S4", b"a\0\0\0\xc3\xa9\0\0b\0\0\0".to_vec(), &["a", "b", "é"], &[0, 2, 1]);
}

#[test]
fn arrays_that_are_no_labels_are_refused() {
    let folder = Folder::new();
    let files = [
        ("nan", npy("'<f8'", "(2,)", bytes!(1.0f64, f64::NAN))),
        ("half", npy("'<f4'", "(2,)", bytes!(1.0f32, 1.5f32))),
        ("infinite", npy("'<f4'", "(2,)", bytes!(f32::INFINITY, 1.0f32))),
        ("large", npy("'<f8'", "(1,)", bytes!(1e300f64))),
        ("one-hot", npy("'|b1'", "(3, 2)", [1, 0, 0, 1, 0, 1])),
        ("table", npy("'<U1'", "(2, 2)", unicode(&["a", "b", "c", "d"], 1, false))),
        ("single", npy("'<i8'", "()", bytes!(1i64))),
        ("empty", npy("'<U2'", "(2,)", unicode(&["a", ""], 2, false))),
        ("bytes", npy("'|S2'", "(2,)", b"a\0\xe9\0")),
        ("no-text", npy("'<U1'", "(1,)", bytes!(0x0011_0000u32))),
        ("long", npy("'|S1001'", "(1,)", "a".repeat(1001))),
        ("no-bytes", npy("'|S0'", "(3,)", [])),
        ("many", npy("'|i1'", "(65537,)", vec![0; 65537])),
        ("most", npy("'|i1'", "(18446744073709551615,)", [])),
        ("cut", npy("'|i1'", "(3,)", [0; 2])),
    ];
    let message = |(name, bytes): (&str, Vec<u8>)| {
        folder.write(name, bytes);
        folder.labels(name).unwrap_err()
    };
    insta::assert_snapshot!(files.map(message).join("\n"), @"
    nan: label 1 (counted from 0) is NaN; give every image a label
    half: label 1 (counted from 0) is 1.5; labels are whole numbers or words
    infinite: label 0 (counted from 0) is inf; labels are whole numbers or words
    large: label 0 (counted from 0) is 1e300, which no float holds exactly; give smaller numbers
    one-hot has the shape [3, 2]; labels are a list with one for each image; if they are one-hot: numpy.save(FILE, array.argmax(axis=1))
    table has the shape [2, 2]; labels are a list with one for each image; save one of the lists in it, such as numpy.save(FILE, array[:, 0])
    single has the shape []; labels are a list with one for each image
    empty: label 1 (counted from 0) is empty; give every image a label
    bytes: label 1 (counted from 0) is not UTF-8; save words: numpy.save(FILE, numpy.char.decode(array, 'latin-1'))
    no-text: label 0 (counted from 0) is no text; save the words again
    long: label 0 (counted from 0) is longer than 1000 characters; give a shorter one
    no-bytes has labels without a character; give every image a label
    many has 65537 labels, and a matrix can have 65536 images; take fewer
    most has 18446744073709551615 labels, and a matrix can have 65536 images; take fewer
    cut is cut off: its shape is [3], which takes 3 bytes, and 2 are there; copy or save it again
    ");
}

#[test]
fn text_has_a_label_a_line() {
    let folder = Folder::new();
    let check = |text: &str, expected: &[&str], of: &[u32]| {
        folder.write("labels.txt", text);
        let labels = folder.labels("labels.txt").unwrap();
        assert_eq!((names(&labels).as_slice(), labels.of()), (expected, of), "{text:?}");
    };
    check("dog\ncat\ndog\n", &["cat", "dog"], &[1, 0, 1]);
    check("\u{feff}dog\r\n cat \r\ndog", &["cat", "dog"], &[1, 0, 1]);
    check("a label of words\n\n\n", &["a label of words"], &[0]);
    check("10\n9\n-1\n", &["-1", "9", "10"], &[2, 1, 0]);
    check("1.000000000000000000e+01\n9.0\n10\n", &["9", "10"], &[1, 0, 1]);
    check("10\n9\na\n", &["10", "9", "a"], &[0, 1, 2]);
    check("007\n7\n07\n", &["007", "07", "7"], &[0, 2, 1]);
    check("nano\ninfinity\n", &["infinity", "nano"], &[1, 0]);
}

#[test]
fn a_column_of_a_table_has_labels() {
    let folder = Folder::new();
    let check = |name: &str, text: &str, column: &str, expected: &[&str], of: &[u32]| {
        folder.write(name, text);
        let labels = folder.labels(&format!("{name}:{column}")).unwrap();
        assert_eq!((names(&labels).as_slice(), labels.of()), (expected, of), "{text:?}");
    };
    check("a.csv", "image,class\r\n1,dog\r\n2,\"cat, big\"\r\n3,dog\r\n", "class", &["cat, big", "dog"], &[1, 0, 1]);
    check("a.csv", "\u{feff}class,image\ndog,2\ncat,11\n", "image", &["2", "11"], &[0, 1]);
    check("a.csv", "class;image\ndog;2\ncat;1\n", "class", &["cat", "dog"], &[1, 0]);
    check("a.csv", "class\ndog\ncat\n", "class", &["cat", "dog"], &[1, 0]);
    check("a.tsv", "image\tclass, fine\n1\ta\n2\tb\n", "class, fine", &["a", "b"], &[0, 1]);
    check("a.txt", "image\tclass\n1\ta\n2\tb\n", "class", &["a", "b"], &[0, 1]);
}

#[test]
fn text_that_is_no_labels_is_refused() {
    let folder = Folder::new();
    let files: [(&str, &[u8]); 18] = [
        ("gap.txt", b"a\n\nb\n"),
        ("half.txt", b"1\n2\n1.5\n"),
        ("nan.txt", b"1\nnan\n"),
        ("nothing.txt", b"\n\n"),
        ("latin.txt", b"caf\xe9\n"),
        ("utf16.txt", b"a\0\n\0"),
        ("late.txt", &[b"a\n".repeat(1000).as_slice(), b"\xe9"].concat()),
        ("labels.pkl", b"\x80\x04\x95\0\0"),
        ("long.txt", &[b'a'; 1001]),
        ("many.txt", &b"a\n".repeat(65537)),
        ("a.csv", b"image,class\n1,a\n"),
        ("a.csv:klass", b"image,class\n1,a\n"),
        ("a.csv:", b"image,class\n1,a\n"),
        ("gap.csv:class", b"image,class\n1,a\n2,\n"),
        ("half.csv:class", b"image,class\n1,2\n\n2,2.5\n"),
        ("ragged.csv:class", b"image,class\n1,a\n2\n"),
        ("twice.csv:class", b"class,class\n1,a\n"),
        ("empty.csv:class", b""),
    ];
    let message = |(place, bytes): (&str, &[u8])| {
        folder.write(place.split(':').next().unwrap(), bytes);
        folder.labels(place).unwrap_err()
    };
    insta::assert_snapshot!(files.map(message).join("\n"), @"
    gap.txt: label 1 (counted from 0) is empty; give every image a label
    half.txt: label 2 (counted from 0) is 1.5; labels are whole numbers or words
    nan.txt: label 1 (counted from 0) is NaN; give every image a label
    nothing.txt has no labels; give every image one
    latin.txt is no NumPy file and no text in UTF-8; save the labels as either: numpy.save(FILE, labels)
    utf16.txt is no NumPy file and no text in UTF-8; save the labels as either: numpy.save(FILE, labels)
    late.txt is no NumPy file and no text in UTF-8; save the labels as either: numpy.save(FILE, labels)
    labels.pkl is a pickle, which only Python can read; save the array in it: numpy.save(FILE, array)
    long.txt: label 0 (counted from 0) is longer than 1000 characters; give a shorter one
    many.txt has 65537 labels, and a matrix can have 65536 images; take fewer
    a.csv is a table; name a column, as in a.csv:image (it has image, class)
    a.csv:klass is no column; there are image, class
    a.csv: is no column; there are image, class
    gap.csv:class: label 1 (counted from 0) is empty; give every image a label
    half.csv:class: label 1 (counted from 0) is 2.5; labels are whole numbers or words
    ragged.csv:class cannot be read (CSV error: record 2 (line: 3, byte: 16): found record with 1 fields, but the previous record has 2 fields); mend that line
    twice.csv:class is the name of several columns; give each its own
    empty.csv:class has no labels; give every image one
    ");
}

#[test]
fn labels_that_are_missing_in_an_archive_are_told_what_is_there() {
    let folder = Folder::new();
    let (a, b) = (npy("'<i8'", "(1,)", [0; 8]), npy("'<f4'", "(2, 3)", [0; 24]));
    folder.write("a.npz", npz(&[("a.npy", a.clone()), ("c.npy", a), ("b.npy", b)]));
    insta::assert_snapshot!(folder.labels("a.npz").unwrap_err(), @"a.npz holds 3 arrays: a int64 [1], c int64 [1], b float32 [2, 3]; name one, as in a.npz:a");
}
