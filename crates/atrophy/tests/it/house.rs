//! The house's own rules, over all of its files.

use std::collections::{BTreeMap, BTreeSet};
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
const ARROWS: [(&str, &[&str]); 8] = [
    ("kernels", &[]),
    ("rsa", &["kernels"]),
    ("neuro", &["rsa"]),
    ("stimuli", &["neuro"]),
    ("net", &["neuro", "kernels"]),
    ("ledger", &["neuro"]),
    ("report", &["neuro"]),
    ("atrophy", &["neuro", "rsa", "stimuli", "net", "ledger", "report"]),
];

#[test]
fn arrows_run_one_way() {
    let mut rooms: Vec<String> = std::fs::read_dir(root().join("crates"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    rooms.sort();
    let mut named = ARROWS.map(|(room, _)| room.to_owned()).to_vec();
    named.sort();
    assert_eq!(rooms, named, "every room has its rule, and every rule its room");
    for (room, may_know) in ARROWS {
        let manifest = std::fs::read_to_string(root().join(format!("crates/{room}/Cargo.toml"))).unwrap();
        let manifest: toml::Table = manifest.parse().unwrap();
        let mut knows: Vec<&String> = manifest["dependencies"].as_table().unwrap().keys().collect();
        for target in manifest.get("target").and_then(toml::Value::as_table).into_iter().flat_map(toml::Table::values) {
            knows.extend(target.get("dependencies").and_then(toml::Value::as_table).into_iter().flat_map(toml::Table::keys));
        }
        for other in knows.into_iter().filter(|name| ARROWS.iter().any(|(room, _)| room == name)) {
            assert!(may_know.contains(&other.as_str()), "{room} must not know {other}");
        }
    }
}

/// The files of a room know each other one way, too: whoever follows a line of code from its door goes down, and never comes back. A file
/// and those in the folder of its name are one chapter, whose parts may know each other; so is the root, which lists all others.
#[test]
fn files_of_a_room_know_each_other_one_way() {
    let mut seen = 0;
    for (room, _) in ARROWS {
        let modules = modules(room);
        seen += modules.len();
        let edges: BTreeMap<&str, BTreeSet<&str>> =
            modules.iter().map(|(name, text)| (name.as_str(), known_to(name, text, &modules))).collect();
        let mut done = BTreeSet::new();
        for start in edges.keys() {
            let mut way = Vec::new();
            if let Some(circle) = circle(start, &edges, &mut way, &mut done) {
                panic!("files of {room} know each other in a circle: {}", circle.join(" -> "));
            }
        }
    }
    assert!(seen > 90, "{seen} files were looked at");
}

#[test]
fn a_circle_is_found() {
    let modules = [
        ("lib", "mod a; mod b; pub use b::Thing;"),
        ("a", "use crate::{b::{One, Two}, c};"),
        ("b", "fn f() { crate::c::g() }"),
        ("c", "use crate::d::x;\n#[cfg(test)]\nmod tests { use crate::a; }"),
        ("d", "use crate::d::inner::y; use super::Thing;"),
        ("d::inner", "use super::z;"),
    ];
    let modules = |more: &str| -> BTreeMap<String, String> {
        let text = |name: &str, text: &str| if name == "d::inner" { format!("{text}{more}") } else { text.to_owned() };
        modules.iter().map(|(name, t)| ((*name).to_owned(), text(name, t))).collect()
    };
    let found = |modules: &BTreeMap<String, String>| {
        let edges: BTreeMap<&str, BTreeSet<&str>> =
            modules.iter().map(|(name, text)| (name.as_str(), known_to(name, text, modules))).collect();
        let first = |name: &str| circle(name, &edges, &mut Vec::new(), &mut BTreeSet::new());
        edges.keys().find_map(|name| first(name))
    };
    assert_eq!(found(&modules("")), Some(["b", "c", "d", "b"].map(str::to_owned).to_vec()), "through what the root lets out");
    let mut fewer = modules("");
    fewer.insert("d".to_owned(), "use crate::d::inner::y;".to_owned());
    assert_eq!(found(&fewer), None);
    fewer.insert("d::inner".to_owned(), "use super::super::a::x;".to_owned());
    assert_eq!(found(&fewer), None, "a reaches c, which reaches d, but not what is in the chapter of d");
    fewer.insert("d".to_owned(), "use super::a::x;".to_owned());
    assert!(found(&fewer).is_some(), "a, c, d, a");
}

/// The files of a room as modules: `lib`, `figure`, `figure::rdm`.
fn modules(room: &str) -> BTreeMap<String, String> {
    let source = format!("crates/{room}/src/");
    let named = |(name, text): (String, String)| {
        let module = name.strip_prefix(&source)?.strip_suffix(".rs")?.replace('/', "::");
        (module != "main" && !module.split("::").any(|part| part == "tests")).then_some((module, text))
    };
    let found: BTreeMap<String, String> = files(".rs").into_iter().filter_map(named).collect();
    assert!(found.contains_key("lib"), "{room} has a root");
    found
}

/// Which other files a file names. What the root lets out belongs to the file it comes from.
fn known_to<'a>(module: &str, text: &str, modules: &'a BTreeMap<String, String>) -> BTreeSet<&'a str> {
    if module == "lib" {
        return BTreeSet::new();
    }
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let code: String = text.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join(" ");
    let let_out = let_out(&modules["lib"]);
    let chapter = |a: &str, b: &str| a == b || a.starts_with(&format!("{b}::")) || b.starts_with(&format!("{a}::"));
    let mut known = BTreeSet::new();
    for path in paths(module, &code) {
        let path = match let_out.get(path.split("::").next().unwrap()) {
            Some(home) if !modules.contains_key(path.split("::").next().unwrap()) => home.clone(),
            _ => path,
        };
        let parts: Vec<&str> = path.split("::").collect();
        let file = (1..=parts.len()).rev().find_map(|n| modules.get_key_value(&parts[..n].join("::")));
        known.extend(file.map(|(name, _)| name.as_str()).filter(|name| !chapter(module, name)));
    }
    known
}

/// Every path from the root of the room that stands in this code, with groups taken apart: `b::One` and `b::Two` for
/// `use crate::b::{One, Two}`.
fn paths(module: &str, code: &str) -> Vec<String> {
    let mut found = Vec::new();
    let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    for word in ["crate::", "super::"] {
        for (start, _) in code.match_indices(word) {
            // in a path of its own, or in the middle of one that was looked at from its beginning
            if start > 0 && code[..start].ends_with(is_path) {
                continue;
            }
            let mut rest = &code[start..];
            let mut base: Vec<&str> = if word == "crate::" { Vec::new() } else { module.split("::").collect() };
            rest = rest.strip_prefix("crate::").unwrap_or(rest);
            while let Some(up) = rest.strip_prefix("super::") {
                base.pop();
                rest = up;
            }
            let end = rest.find(|c: char| !is_path(c)).unwrap_or(rest.len());
            let (path, after) = rest.split_at(end);
            let base = base.join("::");
            let join = |path: &str| if base.is_empty() { path.to_owned() } else { format!("{base}::{path}") };
            if after.starts_with('{') {
                found.extend(group(after).into_iter().map(|inner| join(&format!("{path}{inner}"))));
            } else {
                found.push(join(path));
            }
        }
    }
    found
}

/// The paths in a group that begins this text: `{a::{b, c}, d}`.
fn group(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let (mut prefixes, mut word) = (Vec::new(), String::new());
    for letter in text.chars() {
        match letter {
            '{' => prefixes.push(std::mem::take(&mut word)),
            '}' | ',' => {
                let path = word.trim().split(" as ").next().unwrap().to_owned();
                if !path.is_empty() {
                    found.push(format!("{}{path}", prefixes.concat().replace(' ', "")));
                }
                word.clear();
                if letter == '}' {
                    prefixes.pop();
                    if prefixes.is_empty() {
                        return found;
                    }
                }
            }
            _ => word.push(letter),
        }
    }
    found
}

/// Which file each name comes from that the root lets out: `pub use b::{One, Two};`.
fn let_out(root: &str) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for (start, _) in root.match_indices("pub use ") {
        let statement = root[start + 8..].split(';').next().unwrap();
        let (path, last) = statement.rsplit_once("::").unwrap_or(("", statement));
        let all = match statement.find('{') {
            Some(brace) => group(&statement[brace..])
                .into_iter()
                .map(|name| (statement[..brace].trim_end_matches("::").to_owned(), name))
                .collect(),
            None => vec![(path.to_owned(), last.to_owned())],
        };
        names.extend(all.into_iter().map(|(home, name)| (name, home)));
    }
    names
}

fn circle<'a>(
    at: &'a str,
    edges: &BTreeMap<&'a str, BTreeSet<&'a str>>,
    way: &mut Vec<&'a str>,
    done: &mut BTreeSet<&'a str>,
) -> Option<Vec<String>> {
    if let Some(first) = way.iter().position(|known| *known == at) {
        return Some(way[first..].iter().chain([&at]).map(|name| (*name).to_owned()).collect());
    }
    if done.contains(at) {
        return None;
    }
    way.push(at);
    let found = edges.get(at).into_iter().flatten().find_map(|next| circle(next, edges, way, done));
    way.pop();
    done.insert(at);
    found
}

/// A network is a program of our own kernels.
#[test]
fn nothing_names_a_tensor_library() {
    for (name, text) in files("Cargo.toml").into_iter().chain(files("Cargo.lock")) {
        for library in ["burn", "candle-core", "tch"] {
            let names = [format!("\n{library} ="), format!("\n{library}."), format!("name = \"{library}\"")];
            assert!(!names.iter().any(|words| text.contains(words)), "{name} names {library}");
        }
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

/// Nothing leaves the project but through `output`, `screen` and, at the very end, `trouble`. A build script speaks to cargo.
#[test]
fn only_the_door_speaks() {
    for (name, text) in files(".rs") {
        let may = ["examples/", "tests/", "benches/", "build.rs"].iter().any(|folder| name.contains(folder));
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
