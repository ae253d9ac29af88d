//! One measurement for `bench/rsa_vs_python.py`: `rsa_bench HEALTHY.npy INJURED.npy` prints one JSON object of seconds.
//!
//! The files hold patterns, images x features, as little-endian f32 in C order.

use std::{env, fs, time::Instant};

use rsa::{Method, Prepared, Rdm};

fn main() {
    kernels::keep_pages(); // as the program does
    let mut paths = env::args().skip(1);
    let mut patterns = || read(&paths.next().expect("usage: rsa_bench HEALTHY.npy INJURED.npy"));
    let ((healthy, features), (injured, _)) = (patterns(), patterns());

    let x = Rdm::correlation(&healthy, features);
    let (rdm, y) = timed(|| Rdm::correlation(&injured, features));
    drop((healthy, injured));

    let reference = Prepared::new(x);
    let (prepare, ()) = timed(|| reference.prepare(Method::TauB));
    let (prepared, similarity) = timed(|| reference.similarity(&y, Method::TauB));
    let value = similarity.value.expect("defined");
    let (cold, prepared) = (prepare + prepared, prepared);
    println!(r#"{{"rdm": {rdm}, "tau_b": {cold}, "tau_b_prepared": {prepared}, "value": {value}}}"#);
}

fn timed<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let start = Instant::now();
    let result = work();
    (start.elapsed().as_secs_f64(), result)
}

/// Values and number of features of a file as NumPy writes it in format 1.0: eight bytes of magic and version, two of the
/// header's length, and the header, a Python dictionary.
fn read(path: &str) -> (Vec<f32>, usize) {
    let bytes = fs::read(path).expect("a file");
    let header = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let text = String::from_utf8_lossy(&bytes[10..10 + header]);
    assert!(text.contains("'<f4'") && text.contains("'fortran_order': False"), "{path}: {text}");
    let shape = text.split(['(', ')']).nth(1).expect("a shape");
    let features = shape.split(',').nth(1).expect("two dimensions").trim().parse().expect("a number");
    let values = bytes[10 + header..].as_chunks().0.iter().map(|&value| f32::from_le_bytes(value));
    (values.collect(), features)
}
