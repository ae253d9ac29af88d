//! The house's own rules, over all of its files.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Files of the project with this ending: their names from its root on, and what is in them.
fn files(ending: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root().join(&folder)).unwrap() {
            let (name, kind) = entry.map(|entry| (entry.file_name(), entry.file_type().unwrap())).unwrap();
            let path = folder.join(&name);
            let name = path.to_str().unwrap().replace('\\', "/");
            if kind.is_dir() && !["target", ".git", "runs", "data"].contains(&name.as_str()) {
                folders.push(path);
            } else if kind.is_file() && name.ends_with(ending) {
                found.push((name.clone(), std::fs::read_to_string(root().join(name)).unwrap()));
            }
        }
    }
    assert!(!found.is_empty(), "no file ends with {ending}");
    found
}

/// Which rooms each room may know. Whoever is not named here may know none.
const ARROWS: [(&str, &[&str]); 7] = [
    ("rsa", &["kernels"]),
    ("neuro", &["rsa"]),
    ("kernels", &[]),
    ("stimuli", &["neuro"]),
    ("net", &["neuro", "kernels"]),
    ("report", &["neuro"]),
    ("atrophy", &["neuro", "rsa", "stimuli", "net", "report"]),
];

#[test]
fn arrows_run_one_way() {
    for (room, may_know) in ARROWS {
        let manifest = root().join(format!("crates/{room}/Cargo.toml"));
        let Ok(manifest) = std::fs::read_to_string(manifest) else { continue };
        let manifest: toml::Table = manifest.parse().unwrap();
        let knows = manifest["dependencies"].as_table().unwrap().keys();
        for other in knows.filter(|name| ARROWS.iter().any(|(room, _)| room == name)) {
            assert!(may_know.contains(&other.as_str()), "{room} must not know {other}");
        }
    }
    let rooms = std::fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    rooms.for_each(|room| assert!(ARROWS.iter().any(|(known, _)| *known == room), "where may {room} look?"));
}

#[test]
fn only_net_names_the_engine() {
    for (name, text) in files(".rs").into_iter().chain(files("Cargo.toml")) {
        let outside = !name.starts_with("crates/net/") && name != "Cargo.toml" && !name.ends_with("house.rs");
        assert!(!(outside && (text.contains("burn::") || text.contains("burn."))), "{name} names the engine");
    }
}

#[test]
fn unsafe_code_lives_in_kernels_alone() {
    for (name, text) in files(".rs") {
        let word = format!("{} {{", "unsafe");
        assert!(name.starts_with("crates/kernels/") || !text.contains(&word), "{name}");
    }
}

#[test]
fn randomness_has_an_address() {
    for (name, text) in files(".rs") {
        for source in ["thread_rng", "rand::rng", "StdRng", "SmallRng", "from_os_rng"] {
            assert!(name.ends_with("house.rs") || !text.contains(source), "{name} draws from {source}");
        }
    }
}

/// Nothing leaves the project but through `command` and `screen`.
#[test]
fn only_the_door_speaks() {
    for (name, text) in files(".rs") {
        let may = ["examples/", "tests/", "benches/"].iter().any(|folder| name.contains(folder));
        for word in ["println!", "print!(", "eprint!"] {
            assert!(may || !text.contains(word), "{name} has {word}");
        }
    }
}

#[test]
fn no_file_is_too_long() {
    for (name, text) in files(".rs") {
        assert!(text.lines().count() <= 500, "{name} has {} lines", text.lines().count());
    }
}

#[test]
fn the_readmes_commands_exist() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let ci = std::fs::read_to_string(root().join(".ci/run")).unwrap();
    let test_command = readme.lines().find(|line| line.starts_with("cargo test")).expect("the README gives the test command");
    assert!(ci.contains(test_command), "CI runs the README's test command: {test_command}");

    let help = crate::Toy::new().atrophy("--help").done().out;
    let asked = readme.lines().filter_map(|line| line.trim_start().strip_prefix("atrophy "));
    for verb in asked.filter_map(|line| line.split_whitespace().next()) {
        assert!(help.contains(&format!("  {verb} ")), "the README shows `atrophy {verb}`, which does not exist");
    }
}
