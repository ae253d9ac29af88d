//! Gives the build an identity that changes with the code: a hash over the source of all rooms, the versions of all dependencies and
//! the compiler. Two machines that build the same source have the same build.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let root = here.join("../..");
    let mut files: Vec<PathBuf> = vec![root.join("Cargo.lock")];
    let rooms = fs::read_dir(root.join("crates")).into_iter().flatten().flatten();
    for room in rooms {
        collect(&room.path().join("src"), &mut files);
        collect(&room.path().join("templates"), &mut files);
    }
    if files.len() == 1 {
        collect(&here.join("src"), &mut files); // a package by itself
    }
    let mut named: Vec<(String, PathBuf)> = files
        .into_iter()
        .map(|path| (path.strip_prefix(&root).unwrap_or(&path).to_string_lossy().replace('\\', "/"), path))
        .collect();
    named.sort();
    let mut hash = Fnv::new();
    for (name, path) in &named {
        println!("cargo:rerun-if-changed={}", path.display());
        hash.add(name.as_bytes());
        hash.add(&fs::read(path).unwrap_or_default());
    }
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output().map(|output| output.stdout).unwrap_or_default();
    hash.add(&version);
    println!("cargo:rustc-env=ATROPHY_SOURCE={:016x}", hash.0);
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    // a new file in it is a change as well
    println!("cargo:rerun-if-changed={}", folder.display());
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}

/// FNV-1a (Fowler, Noll, Vo), 64 bits: it tells builds apart, and guards against nobody.
struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes.iter().chain(&(bytes.len() as u64).to_le_bytes()) {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}
