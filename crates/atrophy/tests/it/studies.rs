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

/// What is planned of the folder is what lies in it in the end: each file, and the bytes within a fifth.
#[test]
fn a_plan_counts_the_files_of_the_finished_folder() {
    let branch = "
        [[arm]]
        name = \"relief\"
        start = { arm = \"untreated\", step = 1 }
        steps = 2
        injury = \"none\"
        plasticity = { retrain = { epochs = 1 } }
    ";
    for (more, changes) in [
        ("", ""),
        (branch, "--set keep=every-reading --set seeds.count=2"),
        (branch, "--set keep=[1] --set measures=[\"loss\"]"),
        (branch, "--set keep_rdms=\"every-reading\""),
        ("", "--set keep_logits=false --set keep_rdms=[]"),
    ] {
        let toy = Toy::new();
        toy.write("toy.toml", format!("{}{more}", include_str!("toy.toml")));
        let plan: serde_json::Value =
            serde_json::from_str(&toy.atrophy(&format!("plan toy.toml --json {changes}")).done().out).unwrap();
        let _ = toy.atrophy(&format!("run toy.toml {changes}")).done();
        let files = crate::resume::files(&toy.path("runs/toy"));
        let states = files.keys().filter(|name| name.ends_with(".safetensors")).count();
        let bytes: usize = files.values().map(Vec::len).sum();
        assert_eq!(plan["folder"]["checkpoints"], states, "{changes}");
        assert_eq!(plan["folder"]["files"], files.len(), "{changes}");
        // what can be large is counted to the byte
        let size_of = |part: &str| -> usize {
            let is_one = |name: &str| name.ends_with(".npy") && name.contains(part) && !name.contains("rdm-picture-");
            files.iter().filter(|(name, _)| is_one(name)).map(|(_, bytes)| bytes.len()).sum()
        };
        assert_eq!(plan["folder"]["logit_bytes"], size_of("/logits"), "{changes}");
        assert_eq!(plan["folder"]["rdm_bytes"], size_of("/rdm-"), "{changes}");
        let planned = plan["folder"]["bytes"].as_f64().unwrap();
        assert!((planned / bytes as f64 - 1.0).abs() < 0.2, "{changes}: {planned} of {bytes}");
    }
}

#[test]
fn a_plan_tells_where_arms_begin_and_which_layers_are_spared() {
    let toy = Toy::new();
    toy.change("fraction = 0.2", "fraction = 0.004");
    toy.change("name       = \"untreated\"", "name       = \"untreated\"\nstart = { arm = \"retrained\", step = 2 }");
    let plan = toy.atrophy("plan toy.toml --set keep=[1]").done().out;
    insta::assert_snapshot!(plan[plan.find("  arm").unwrap()..plan.find("  arm 'sham'").unwrap()], @"
      arm 'retrained': 2 steps, 4 epochs, 4 readings
          in each step 0.4 % of the remaining synapses of all convolutional and dense layers (in each layer, chosen at random, rounded to the nearest synapse) are set to zero for good;
          then the network is retrained on the training images for 2 epochs with the settings of the schooling, momentum starting at rest
          synapses lost after each step, %: 0.4 0.8
          conv1_1 loses none of its 108 synapses: 0.4 % of them is less than half a synapse
      arm 'untreated': 2 steps, 0 epochs, 2 readings
          begins with the networks of arm 'retrained' after step 2
          in each step 0.4 % of the remaining synapses of all convolutional and dense layers (in each layer, chosen at random, rounded to the nearest synapse) are set to zero for good;
          then the network is not retrained
          synapses lost after each step, %: 1.2 1.6
          conv1_1 loses none of its 108 synapses: 0.4 % of them is less than half a synapse
    ");
    insta::assert_snapshot!(plan[plan.find("keeps").unwrap()..plan.find("\ndisk").unwrap()], @"keeps      6 checkpoints: the healthy networks; the last of each trial; those after step 1; where arms begin: arm 'retrained' after step 2");
}

#[test]
fn an_arm_that_never_loses_a_synapse_is_refused() {
    let refused = |changes: &str| Toy::new().atrophy(&format!("run toy.toml {changes}")).refused();
    insta::assert_snapshot!(refused("--set arm[0].injury.ablation.fraction=0.00001"), @r#"
    exit 2
    error: toy.toml:18: arm[0].injury: no step loses a single synapse: the fraction is 0, or less than half a synapse of what it is a fraction of; for an arm that only learns, write injury = "none"
    "#);
    insta::assert_snapshot!(refused("--set arm[1].injury.ablation.fraction=0.0"), @"
    exit 2
    error: toy.toml:25: arm[1].plasticity: the arm loses nothing and learns nothing, so there is nothing to do; the healthy network is read in any case
    ");
}

#[test]
fn a_probe_too_large_for_a_picture_is_refused_before_anything_is_learned() {
    let refused = Toy::new().atrophy("run toy.toml --set stimuli.shapes.test=70000 --set measures=[\"accuracy\"]").refused();
    insta::assert_snapshot!(refused, @"
    exit 2
    error: toy.toml:5: probe.images: 70000 images are too many to compare with each other, 65536 are the most; probe fewer of each class: images = { per_class = 1000 }
    ");
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
