//! Files as NumPy 2.4 and ml_dtypes write them: headers are copied from theirs.

use std::io::Write;
use std::path::PathBuf;

use super::*;

/// A folder with files.
pub(super) struct Folder(tempfile::TempDir);

impl Folder {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(super) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    fn place(&self, place: &str) -> Place {
        Place::parse(self.path(place).into()).unwrap()
    }

    fn read(&self, place: &str) -> std::result::Result<Array, String> {
        read(&self.place(place)).map_err(|trouble| self.message(&trouble))
    }

    pub(super) fn labels(&self, place: &str) -> std::result::Result<Labels, String> {
        read_labels(&self.place(place)).map_err(|trouble| self.message(&trouble))
    }

    fn message(&self, trouble: &crate::trouble::Trouble) -> String {
        assert_eq!(trouble.exit, crate::trouble::Exit::Data);
        trouble.message.replace(&format!("{}/", self.0.path().display()), "")
    }
}

/// An `.npy` file; `descr` as the header has it, with its quotes.
pub(super) fn npy(descr: &str, shape: &str, bytes: impl AsRef<[u8]>) -> Vec<u8> {
    with_header(1, &format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n"), bytes)
}

fn with_header(version: u8, header: &str, bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let length = header.len().to_le_bytes();
    let length = if version == 1 { &length[..2] } else { &length[..4] };
    [b"\x93NUMPY".as_slice(), &[version, 0], length, header.as_bytes(), bytes.as_ref()].concat()
}

pub(super) fn npz(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        archive.start_file(*name, options).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// The bytes of numbers, the least first.
macro_rules! bytes {
    ($($number:expr),*) => { [$($number.to_le_bytes().to_vec()),*].concat() };
}
pub(super) use bytes;

/// Text as `<U` has it.
pub(super) fn unicode(words: &[&str], length: usize, big_endian: bool) -> Vec<u8> {
    let word = |word: &&str| word.chars().map(u32::from).chain(std::iter::repeat(0)).take(length).collect::<Vec<_>>();
    let codes = words.iter().flat_map(word);
    codes.flat_map(|code| if big_endian { code.to_be_bytes() } else { code.to_le_bytes() }).collect()
}

#[test]
fn numbers_of_every_type_keep_their_values() {
    let folder = Folder::new();
    let check = |descr: &str, bytes: Vec<u8>, expected: Values| {
        folder.write("a.npy", npy(&format!("'{descr}'"), &format!("({},)", expected.len()), &bytes));
        assert_eq!(folder.read("a.npy").map(|array| array.values), Ok(expected.clone()), "{descr}");
        let Some(size) = bytes.len().checked_div(expected.len()).filter(|size| *size > 1) else { return };
        let reversed: Vec<u8> = bytes.chunks(size).flat_map(|number| number.iter().rev().copied()).collect();
        folder.write("b.npy", npy(&format!("'{}'", descr.replace('<', ">")), &format!("({},)", expected.len()), reversed));
        assert_eq!(folder.read("b.npy").map(|array| array.values), Ok(expected), "{descr}, the other way round");
    };
    let single = |values: &[f32]| Values::F32(values.to_vec());
    let double = |values: &[f64]| Values::F64(values.to_vec());
    // 1, -2.5, the largest, the least above zero, infinity
    check(
        "<f2",
        bytes!(0x3c00u16, 0xc100u16, 0x7bffu16, 0x0001u16, 0x7c00u16),
        single(&[1.0, -2.5, 65504.0, 2f32.powi(-24), f32::INFINITY]),
    );
    check(
        "<V2",
        bytes!(0x3f80u16, 0xc020u16, 0x7f80u16, 0x0001u16),
        single(&[1.0, -2.5, f32::INFINITY, f32::from_bits(1 << 16)]),
    );
    check("<f4", bytes!(1.5f32, f32::MIN_POSITIVE), single(&[1.5, f32::MIN_POSITIVE]));
    check("<f8", bytes!(0.1f64, 1e300f64), double(&[0.1, 1e300]));
    check("|i1", bytes!(-128i8, 127i8), single(&[-128.0, 127.0]));
    check("|u1", bytes!(0u8, 255u8), single(&[0.0, 255.0]));
    check("<i2", bytes!(i16::MIN, i16::MAX), single(&[-32768.0, 32767.0]));
    check("<u2", bytes!(u16::MAX), single(&[65535.0]));
    check("<i4", bytes!(i32::MIN, i32::MAX), double(&[-2147483648.0, 2147483647.0]));
    check("<u4", bytes!(u32::MAX), double(&[4294967295.0]));
    check("<i8", bytes!(-(1i64 << 53), i64::MIN, 3i64), double(&[-2f64.powi(53), -2f64.powi(63), 3.0]));
    check("<u8", bytes!(1u64 << 63, 5u64), double(&[2f64.powi(63), 5.0]));
    check("|b1", vec![1, 0], single(&[1.0, 0.0]));
    folder.write("a.npy", npy("'<f2'", "(1,)", bytes!(0x7e00u16)));
    assert!(matches!(folder.read("a.npy").unwrap().values, Values::F32(values) if values[0].is_nan()));
}

/// Many numbers, of which one cannot be held, on whichever thread it is read.
#[test]
fn whole_numbers_that_no_double_holds_are_not_rounded() {
    let folder = Folder::new();
    let mut values = vec![7i64; 200_000];
    (values[150_000], values[199_999], values[3]) = (-(1 << 53) - 1, i64::MAX, 1 << 62);
    folder.write("a.npy", npy("'<i8'", "(2, 100000)", values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>()));
    insta::assert_snapshot!(folder.read("a.npy").unwrap_err(), @"a.npy holds -9007199254740993, which no double holds exactly; if differences matter alone: numpy.save(FILE, array - array.min()), and if rounding does no harm: numpy.save(FILE, array.astype('float64'))");
    folder.write("b.npy", npy("'<u8'", "(2,)", bytes!(u64::MAX, 1u64)));
    assert!(folder.read("b.npy").unwrap_err().starts_with("b.npy holds 18446744073709551615, which"), "not taken for 2^64");
    folder.write("c.npy", npy("'<i8'", "(1,)", bytes!(i64::MAX)));
    assert!(folder.read("c.npy").unwrap_err().starts_with("c.npy holds 9223372036854775807, which"), "not taken for 2^63");
}

/// Against the definition: in Fortran's order the first index runs fastest. Sizes below and above every piece that is read at a time.
#[test]
fn fortrans_order_is_put_into_that_of_c() {
    let folder = Folder::new();
    for shape in [
        vec![2, 3],
        vec![3, 1, 4],
        vec![2, 3, 4, 5],
        vec![1, 7],
        vec![17, 300, 2],
        vec![2_200_000, 2],
        vec![3, 900_000],
        vec![0, 4],
    ] {
        let count: usize = shape.iter().product();
        let strides: Vec<usize> = shape.iter().scan(1, |next, n| Some(std::mem::replace(next, *next * n))).collect();
        let expected: Vec<f32> = (0..count)
            .map(|mut at| {
                let place = shape.iter().zip(&strides).rev().fold(0, |place, (n, stride)| {
                    let index = at % n;
                    at /= n;
                    place + index * stride
                });
                place as f32
            })
            .collect();
        let numbers: Vec<u8> = (0..count).flat_map(|i| (i as f32).to_le_bytes()).collect();
        let tuple = shape.iter().map(|n| format!("{n}, ")).collect::<String>();
        let header = format!("{{'descr': '<f4', 'fortran_order': True, 'shape': ({tuple}), }}\n");
        let file = with_header(1, &header, numbers);
        folder.write("a.npz", npz(&[("a.npy", file.clone())]));
        folder.write("a.npy", file);
        for place in ["a.npy", "a.npz"] {
            let read = folder.read(place).unwrap();
            assert!(read.shape == shape && read.values == Values::F32(expected.clone()), "{shape:?} of {place}");
        }
    }
}

#[test]
fn doubles_that_are_singles_become_singles() {
    let values = [1.5, -0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e-45f32.into(), f32::MAX.into()];
    let many: Vec<f64> = (0..100_003).map(|i| f64::from(i) / 8.0).chain(values).collect();
    let Values::F32(singles) = Values::F64(many.clone()).narrowed() else { panic!("all of them are singles") };
    assert_eq!(singles.len(), many.len());
    let same = |(single, double): (&f32, &f64)| (*double as f32).to_bits() == single.to_bits();
    assert!(singles.iter().zip(&many).all(same), "with their signs");
    for other in [0.1, 1e-46, 1e39, 16_777_217.0] {
        let values = Values::F64(vec![1.0, other]);
        assert_eq!(values.clone().narrowed(), values, "{other}");
    }
    assert_eq!(Values::F32(vec![0.1]).narrowed(), Values::F32(vec![0.1]));
    assert_eq!(Values::F64(Vec::new()).narrowed(), Values::F32(Vec::new()));
    assert!(
        matches!(Values::F64(vec![1.0, f64::from_bits(f64::NAN.to_bits() | 1)]).narrowed(), Values::F32(_)),
        "a NaN is a NaN"
    );
}

#[test]
fn what_is_no_number_is_told_what_would_work() {
    let folder = Folder::new();
    let nested = "[('a', [('x', '<f4'), ('y', [('z', '<i2'), ('q', '>f8', (2,))])]), ('\u{e9}', '<i4')]";
    let quotes = r#"[("it's", '<f4'), ('b"\\', '<f4'), ('', '|V4'), (('a title, (long)', 'c'), '<f4', (2, 2))]"#;
    let kinds = [
        "'<U11'",
        "'|S3'",
        "'|O'",
        "'<c8'",
        "'<M8[D]'",
        "'<m8[25s]'",
        "'<f16'",
        "'|V2'",
        "'|V8'",
        "'<V1'",
        "'<f1'",
        nested,
        quotes,
    ];
    let messages = |labels: bool| {
        let message = |descr: &str| {
            folder.write(
                "a.npy",
                with_header(3, &format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (2,), }}\n"), [0; 99]),
            );
            if labels { folder.labels("a.npy").unwrap_err() } else { folder.read("a.npy").unwrap_err() }
        };
        kinds.map(message).join("\n")
    };
    insta::assert_snapshot!(messages(false), @r#"
    a.npy holds text ('<U11'), not numbers; words serve as labels (--labels) alone, and where they are numbers: numpy.save(FILE, array.astype('float32'))
    a.npy holds text ('|S3'), not numbers; words serve as labels (--labels) alone, and where they are numbers: numpy.save(FILE, array.astype('float32'))
    a.npy holds Python objects ('|O'), which only Python can read; save the numbers in them: numpy.save(FILE, numpy.asarray(array.tolist(), dtype='float32'))
    a.npy holds complex numbers ('<c8'); choose what of them you mean: numpy.save(FILE, numpy.abs(array)), or array.real, array.imag, numpy.angle(array)
    a.npy holds dates ('<M8[D]'); save the seconds since the first: numpy.save(FILE, (array - array.min()) / numpy.timedelta64(1, 's'))
    a.npy holds durations ('<m8[25s]'); save them in seconds: numpy.save(FILE, array / numpy.timedelta64(1, 's'))
    a.npy holds long doubles ('<f16'); save doubles: numpy.save(FILE, array.astype('float64'))
    a.npy holds two bytes of no stated type each ('|V2'); say what they are: numpy.save(FILE, array.view('float16')), or array.view(ml_dtypes.bfloat16)
    a.npy holds bytes of no stated type ('|V8'); say what they are, as in numpy.save(FILE, array.view('float32'))
    a.npy holds '<V1', which NumPy alone cannot read; where it was made: numpy.save(FILE, array.astype('float32'))
    a.npy holds '<f1', which NumPy alone cannot read; where it was made: numpy.save(FILE, array.astype('float32'))
    a.npy holds records of 'a', 'é'; save one field of them: numpy.save(FILE, array['a'])
    a.npy holds records of "it's", 'b"\\', 'c'; save one field of them: numpy.save(FILE, array["it's"])
    "#);
    insta::assert_snapshot!(messages(true), @r#"
    a.npy: label 0 (counted from 0) is empty; give every image a label
    a.npy: label 0 (counted from 0) is empty; give every image a label
    a.npy holds Python objects ('|O'), which only Python can read; save them as words: numpy.save(FILE, array.astype('str'))
    a.npy holds complex numbers ('<c8'); labels are whole numbers or words
    a.npy holds times ('<M8[D]'); save them as words: numpy.save(FILE, array.astype('str'))
    a.npy holds times ('<m8[25s]'); save them as words: numpy.save(FILE, array.astype('str'))
    a.npy holds long doubles ('<f16'); save doubles: numpy.save(FILE, array.astype('float64'))
    a.npy holds two bytes of no stated type each ('|V2'); say what they are: numpy.save(FILE, array.view('float16')), or array.view(ml_dtypes.bfloat16)
    a.npy holds bytes of no stated type ('|V8'); say what they are, as in numpy.save(FILE, array.view('float32'))
    a.npy holds '<V1', which NumPy alone cannot read; where it was made: numpy.save(FILE, array.astype('float32'))
    a.npy holds '<f1', which NumPy alone cannot read; where it was made: numpy.save(FILE, array.astype('float32'))
    a.npy holds records of 'a', 'é'; save one field of them: numpy.save(FILE, array['a'])
    a.npy holds records of "it's", 'b"\\', 'c'; save one field of them: numpy.save(FILE, array["it's"])
    "#);
}

#[test]
fn headers_of_any_age_are_understood() {
    let folder = Folder::new();
    let value = bytes!(1.0f32, 2.0f32);
    let expected = Ok(Array { shape: vec![2, 1], values: Values::F32(vec![1.0, 2.0]) });
    for (version, header) in [
        (1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 1L), }   \n"),
        (2, "{'shape':(2,1),'descr':\"<f4\",'fortran_order':False}"),
        (3, "{ 'fortran_order' : True , 'descr' : '=f4' , 'shape' : ( 2 , 1 , ) , }\n"),
    ] {
        folder.write("a.npy", with_header(version, header, &value));
        assert_eq!(folder.read("a.npy"), expected, "{header}");
    }
    for header in [
        "",
        "{",
        "}",
        "{}",
        "{'descr'}",
        "{'descr': '<f4', 'fortran_order': False, }",
        "'descr'",
        "[['",
        "{'descr': '<f4",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), 'more': 1}",
        "{'descr': 7, 'fortran_order': False, 'shape': (2, 1)}",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': (2, 1)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': 2}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, )), (1)}",
        "{\u{fffd}}",
        "{'descr': [('a', '<f4'], 'fortran_order': False, 'shape': (2, 1)}",
        "{'descr': [7], 'fortran_order': False, 'shape': (2, 1)}",
        "{'descr': ['', ''], 'fortran_order': False, 'shape': (2, 1)}",
        "{'descr': [('', '')], 'fortran_order': False, 'shape': (2, 1)}",
    ] {
        folder.write("a.npy", with_header(2, header, &value));
        let message = folder.read("a.npy").unwrap_err();
        assert!(message.starts_with("a.npy is no NumPy array: it"), "{header}: {message}");
    }
}

#[test]
fn files_that_are_not_numpys_are_told_how_to_become_so() {
    let folder = Folder::new();
    // cut within a character
    let accents = [b"a".as_slice(), "\u{e9}".repeat(300).as_bytes()].concat();
    let hdf5 = b"\x89HDF\r\n\x1a\n\0\0\0\0";
    let files: [(&str, &[u8]); 9] = [
        ("a.h5", hdf5),
        ("a.mat", b"MATLAB 5.0 MAT-file, Platform: GLNXA64\0\0"),
        ("v7.mat", b"MATLAB 7.3 MAT-file, Platform: GLNXA64\0\0"),
        ("a.pkl", b"\x80\x04\x95\x00\x00\x00\x00"),
        ("a.csv", b"0.1,0.2\n0.3,0.4\n"),
        ("a.txt", &accents),
        ("a.bin", b"\x01\x02\x00\x03garbage of any kind"),
        ("a.npz", b"\x01\x02\x00\x03garbage of any kind"),
        ("empty.npy", b""),
    ];
    let message = |(name, bytes): (&str, &[u8])| {
        folder.write(name, bytes);
        folder.read(name).unwrap_err()
    };
    insta::assert_snapshot!(files.map(message).join("\n"), @"
    a.h5 is an HDF5 file; save one of its arrays: numpy.save(FILE, h5py.File('a.h5')['NAME'][()])
    a.mat is a MATLAB file; save one of its arrays: numpy.save(FILE, scipy.io.loadmat('a.mat')['NAME'])
    v7.mat is an HDF5 file; save one of its arrays: numpy.save(FILE, h5py.File('v7.mat')['NAME'][()])
    a.pkl is a pickle, which only Python can read; save the array in it: numpy.save(FILE, array)
    a.csv is text, no NumPy file; if it is a table of numbers: numpy.save(FILE, numpy.loadtxt('a.csv', delimiter=','))
    a.txt is text, no NumPy file; if it is a table of numbers: numpy.save(FILE, numpy.loadtxt('a.txt'))
    a.bin is no NumPy file; save the array in it: numpy.save(FILE, array)
    a.npz is no .npz archive (invalid Zip archive: Could not find EOCD); copy or save it again: numpy.savez(FILE, NAME=array)
    empty.npy is empty; save the array again: numpy.save(FILE, array)
    ");
    folder.write("a.pt", npz(&[("archive/data.pkl", b"\x80\x02".to_vec()), ("archive/data/0", vec![0; 8])]));
    insta::assert_snapshot!(folder.read("a.pt").unwrap_err(), @"a.pt is a PyTorch file; save one of its tensors: numpy.save(FILE, tensor.cpu().numpy())");
    folder.write("none.npz", npz(&[]));
    insta::assert_snapshot!(folder.read("none.npz").unwrap_err(), @"none.npz holds no arrays; save some: numpy.savez(FILE, NAME=array)");
}

fn floats(count: usize) -> Vec<u8> {
    npy("'<f8'", &format!("({count},)"), vec![0; count * 8])
}

#[test]
fn the_array_that_can_be_meant_is_taken() {
    let folder = Folder::new();
    let text = || npy("'<U2'", "()", unicode(&["ab"], 2, false));
    let rdms =
        [("dissimilarity_measure.npy", text()), ("dissimilarities.npy", floats(3)), ("objects.npy", npy("'|O'", "(2,)", [0; 9]))];
    folder.write("rdms.npz", npz(&rdms));
    assert_eq!(folder.read("rdms.npz").unwrap().shape, [3]);
    insta::assert_snapshot!(folder.read("rdms.npz:dissimilarity_measure").unwrap_err(), @"rdms.npz:dissimilarity_measure holds text ('<U2'); name another of rdms.npz: dissimilarities float64 [3]");
    insta::assert_snapshot!(folder.read("rdms.npz:nothing").unwrap_err(), @"rdms.npz has no array 'nothing'; it has dissimilarity_measure text [], dissimilarities float64 [3], objects objects [2]");
    for name in ["rdms.npz:dissimilarities", "rdms.npz:dissimilarities.npy"] {
        assert_eq!(folder.read(name).unwrap().shape, [3]);
    }
    // labels are looked for among what can be labels
    let words = npy("'<U1'", "(3,)", unicode(&["b", "a", "b"], 1, false));
    folder.write("both.npz", npz(&[("acts.npy", npy("'<f4'", "(3, 2)", [0; 24])), ("classes.npy", words)]));
    assert_eq!(folder.labels("both.npz").unwrap().names(), ["a", "b"]);
    assert_eq!(folder.read("both.npz").unwrap().shape, [3, 2]);
    folder.write("one.npz", npz(&[("measure.npy", text())]));
    insta::assert_snapshot!(folder.read("one.npz").unwrap_err(), @"one.npz:measure holds text ('<U2'), not numbers; words serve as labels (--labels) alone, and where they are numbers: numpy.save(FILE, array.astype('float32'))");
}

#[test]
fn what_is_there_is_listed_where_none_or_many_can_be_meant() {
    let folder = Folder::new();
    let names: Vec<String> = (1..=12).map(|i| format!("conv{i}.npy")).collect();
    let many: Vec<(&str, Vec<u8>)> = names.iter().map(|name| (name.as_str(), floats(2))).collect();
    folder.write("many.npz", npz(&many));
    insta::assert_snapshot!(folder.read("many.npz").unwrap_err(), @"many.npz holds 12 arrays: conv1 float64 [2], conv2 float64 [2], conv3 float64 [2], conv4 float64 [2], conv5 float64 [2], conv6 float64 [2], conv7 float64 [2], conv8 float64 [2], …; name one, as in many.npz:conv1");
    let strange = [
        ("a.npy.npy", floats(1)),
        ("a.npy", floats(2)),
        ("in/b.npy", floats(3)),
        ("read.me", b"text".to_vec()),
        ("c", floats(4)),
    ];
    folder.write("strange.npz", npz(&strange));
    insta::assert_snapshot!(folder.read("strange.npz").unwrap_err(), @"strange.npz holds 4 arrays: a.npy float64 [1], a float64 [2], in/b float64 [3], c float64 [4]; name one, as in strange.npz:a.npy");
    for (name, length) in [("a", 2), ("a.npy", 1), ("in/b", 3), ("c", 4)] {
        assert_eq!(folder.read(&format!("strange.npz:{name}")).unwrap().shape, [length], "{name}");
    }
    insta::assert_snapshot!(folder.read("strange.npz:read.me").unwrap_err(), @"strange.npz:read.me is no NumPy array: it is too short; save it again: numpy.save(FILE, array)");
}

#[test]
fn what_a_file_is_tells_its_beginning() {
    let folder = Folder::new();
    folder.write("array.npz", floats(2));
    assert_eq!(folder.read("array.npz").unwrap().shape, [2]);
    insta::assert_snapshot!(folder.read("array.npz:a").unwrap_err(), @"array.npz is a single array, which has no name; leave out ':a'");
    folder.write("archive.dat", npz(&[("a.npy", floats(2)), ("b.npy", floats(3))]));
    assert_eq!(folder.read("archive.dat:b").unwrap().shape, [3]);
    insta::assert_snapshot!(folder.read("archive.dat").unwrap_err(), @"archive.dat holds 2 arrays: a float64 [2], b float64 [3]; name one, as in archive.dat:a");
}
