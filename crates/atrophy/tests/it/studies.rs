//! Every study that comes with the program is read and planned.

use crate::Toy;

#[track_caller]
fn plan(study: &str) -> String {
    Toy::new().atrophy(&format!("plan {study}")).done().out
}

#[test]
fn quick() {
    insta::assert_snapshot!(plan("quick"));
}

#[test]
fn paper() {
    insta::assert_snapshot!(plan("paper"));
}

#[test]
fn paper_small() {
    insta::assert_snapshot!(plan("paper-small"));
}

#[test]
fn authors_code() {
    insta::assert_snapshot!(plan("authors-code"));
}

#[test]
fn every_file_in_studies_is_built_in() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../studies");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    let mut built_in = atrophy::study_file::BUILT_IN.map(|(name, _)| format!("{name}.toml"));
    built_in.sort();
    assert_eq!(files, built_in);
}

#[test]
fn a_plan_and_a_list_for_programs_are_json() {
    let toy = Toy::new();
    let plan: serde_json::Value = serde_json::from_str(&toy.atrophy("plan toy.toml --json").done().out).unwrap();
    assert_eq!(plan["images"]["train"], 40);
    assert_eq!(plan["arms"][0]["fraction_lost"][0].as_f64().map(|lost| (lost * 10.0).round()), Some(2.0));
    assert_eq!(plan["work"]["epochs"], 2 + 4 + 4);
    assert_eq!(plan["work"]["readings"], 1 + 1 + 4 + 2 + 2);

    let list: serde_json::Value = serde_json::from_str(&toy.atrophy("list --json").done().out).unwrap();
    assert_eq!(list["studies"].as_array().unwrap().len(), 4);
}

#[test]
fn the_list_names_every_choice() {
    insta::assert_snapshot!(Toy::new().atrophy("list").done().out);
}

#[test]
fn the_help() {
    let help = |request: &str| Toy::new().atrophy(&format!("{request} --help")).done().out;
    insta::assert_snapshot!(["", "run", "plan", "report", "list", "bench train"].map(help).join("\n================\n"));
}

#[test]
fn completions_know_every_verb() {
    let toy = Toy::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = toy.atrophy(&format!("completions {shell}")).done().out;
        for verb in ["run", "plan", "report", "status", "check", "clean", "merge", "list", "rdm", "compare", "bench"] {
            assert!(script.contains(verb), "{shell} does not complete {verb}");
        }
        assert!(script.contains("no-wait"), "{shell} does not complete flags");
    }
}
