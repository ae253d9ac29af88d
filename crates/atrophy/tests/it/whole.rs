//! The whole way, from the study file to the report.

use std::collections::BTreeSet;

use crate::Toy;

#[test]
fn from_the_study_to_the_report() {
    let toy = Toy::new();
    let ran = toy.atrophy("run toy.toml --threads 2 --json").done();
    let told: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(told["report"], "runs/toy/report.html");
    assert_eq!((&told["trials"], &told["trials_done"]), (&3.into(), &3.into()));

    let text = std::fs::read_to_string(toy.path("runs/toy/results.csv")).unwrap();
    let (header, rows) = text.split_once('\n').unwrap();
    assert_eq!(header, "study,arm,network_seed,injury_seed,data_seed,step,phase,fraction_lost,layer,measure,class,value,n");
    let rows: Vec<Vec<&str>> = rows.lines().map(|row| row.split(',').collect()).collect();
    // accuracy, loss, mean and 10 class accuracies, 100 confusions, 2 readings at each of 2 layers
    let readings = 1 + 1 + 11 + 100 + 4;
    assert_eq!(rows.len(), readings * ((1 + 4) + (1 + 2) + (1 + 2)), "healthy and each phase of each step, for each arm");
    let moments: BTreeSet<_> = rows.iter().map(|row| (row[1], row[5], row[6])).collect();
    assert!(moments.contains(&("retrained", "2", "treated")) && moments.contains(&("retrained", "2", "injured")));
    assert!(!moments.contains(&("untreated", "1", "treated")) && !moments.contains(&("sham", "1", "injured")));

    let one = |arm: &str, step: &str, phase: &str, measure: &str, layer: &str| -> f64 {
        let found = |row: &&Vec<&str>| row[1] == arm && row[5] == step && row[6] == phase && row[9] == measure && row[8] == layer;
        rows.iter().find(found).unwrap()[11].parse().unwrap()
    };
    for arm in ["retrained", "untreated", "sham"] {
        assert_eq!(one(arm, "0", "healthy", "rdm_similarity_tau_b", "penultimate"), 1.0, "a network is like itself");
        assert_eq!(
            one(arm, "0", "healthy", "accuracy", ""),
            one("sham", "0", "healthy", "accuracy", ""),
            "arms share their subject"
        );
    }
    for measure in ["accuracy", "loss"] {
        let injured = |arm| one(arm, "1", "injured", measure, "");
        assert_eq!(injured("retrained"), injured("untreated"), "arms of one seed lose the same synapses");
    }
    let lost =
        |arm: &str, step: &str| rows.iter().find(|row| row[1] == arm && row[5] == step).unwrap()[7].parse::<f64>().unwrap();
    assert!((lost("untreated", "1") - 0.2).abs() < 0.001 && (lost("untreated", "2") - 0.36).abs() < 0.001);
    assert_eq!((lost("retrained", "2"), lost("sham", "2")), (lost("untreated", "2"), 0.0));

    for figure in ["accuracy", "similarity", "similarity-block2", "rdm", "rdm-block2", "class-accuracy", "learning"] {
        for format in ["svg", "png"] {
            assert!(toy.path(&format!("runs/toy/figures/{figure}.{format}")).exists(), "{figure}.{format}");
        }
    }
    let page = std::fs::read_to_string(toy.path("runs/toy/report.html")).unwrap();
    assert!(page.contains("Does the toy go round?"));
    for outside in ["src=\"http", "href=\"http", "url(http", "@import"] {
        assert!(!page.contains(outside), "the page needs nothing from outside, but has {outside}");
    }
}

#[test]
fn the_report_is_made_anew_from_the_records_alone() {
    let toy = Toy::new();
    let _ = toy.atrophy("run toy.toml").done();
    let files = ["report.html", "results.csv", "figures/accuracy.svg", "figures/rdm.png"]
        .map(|name| toy.path(&format!("runs/toy/{name}")));
    let before = files.each_ref().map(|file| std::fs::read(file).unwrap());
    files.iter().for_each(|file| std::fs::remove_file(file).unwrap());
    assert_eq!(toy.atrophy("report runs/toy").done().out.trim(), "runs/toy/report.html");
    assert!(before == files.each_ref().map(|file| std::fs::read(file).unwrap()));
}

#[test]
fn a_finished_study_is_not_done_again() {
    let toy = Toy::new();
    let _ = toy.atrophy("run toy.toml").done();
    let case = toy.path("runs/toy/trials/sham/network-1-injury-1-data-1/case.json");
    let written = || std::fs::metadata(&case).unwrap().modified().unwrap();
    let before = written();
    let again = toy.atrophy("run toy.toml").done();
    assert_eq!(again.err, "", "there is nothing to tell");
    assert_eq!(before, written());
}

#[test]
fn masks_and_weights_have_torchvisions_names() {
    let toy = Toy::new();
    let _ = toy.atrophy("run toy.toml").done();
    let folder = toy.path("runs/toy/trials/untreated/network-1-injury-1-data-1");
    let states: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let state = states.iter().find(|path| path.extension().is_some_and(|e| e == "safetensors")).unwrap();
    let bytes = std::fs::read(state).unwrap();
    let header_length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + header_length]).unwrap();
    let names: BTreeSet<&str> = header.as_object().unwrap().keys().map(String::as_str).collect();
    for name in
        ["features.0.weight", "features.0.weight_mask", "features.1.running_var", "classifier.0.weight", "classifier.3.bias"]
    {
        assert!(names.contains(name), "{name} in {names:?}");
    }
    assert!(names.iter().all(|name| !name.ends_with("_momentum")), "no lesson is under way");
}

#[test]
fn the_authors_way_of_comparing_is_a_measure_of_its_own() {
    let toy = Toy::new();
    toy.change(r#"{ method = "tau-b" }"#, r#"{ method = "tau-b", over = "full-matrix", layer = "block2" }"#);
    let _ = toy.atrophy("run toy.toml").done();
    let text = std::fs::read_to_string(toy.path("runs/toy/results.csv")).unwrap();
    assert!(text.contains(",block2,rdm_similarity_tau_b_full_matrix,") && !text.contains("penultimate"));
}

#[test]
fn the_benchmark_says_what_it_measured() {
    let ran = Toy::new().atrophy("bench train --network vgg11-bn --width 0.05 --batch 4 --steps 2 --threads 1 --json").done();
    let told: serde_json::Value = serde_json::from_str(ran.out.lines().last().unwrap()).unwrap();
    assert_eq!(told["network"], "VGG11 with batch normalisation, width 0.05, one dense layer");
    assert!(told["train_images_per_second"].as_f64().unwrap() > 0.0 && told["read_images_per_second"].as_f64().unwrap() > 0.0);
    assert_eq!((&told["batch"], &told["steps"], &told["threads"]), (&4.into(), &2.into(), &1.into()));
}

/// A network that fails is evidence: it is recorded with its reason, shown and counted, and not trained again unless asked.
#[test]
fn a_failure_is_recorded_shown_and_not_repeated() {
    let toy = Toy::new();
    toy.change("count = 1", "count = 2");
    toy.change("batch_norm = true", "batch_norm = false");
    let doomed = "--set arm[0].plasticity.retrain.rate=1e30";
    let first = toy.atrophy(&format!("run toy.toml {doomed}"));
    assert_eq!((first.exit, first.out.trim()), (1, "runs/toy/report.html"), "the report is made all the same: {}", first.err);
    assert!(
        first.err.contains("seed 1, retrained, step 1 of 2: epoch 1 of 2: the training loss is no longer a number"),
        "{}",
        first.err
    );
    let page = std::fs::read_to_string(toy.path("runs/toy/report.html")).unwrap();
    assert!(page.contains("Failed") && page.contains("no longer a number"));

    let again = toy.atrophy(&format!("run toy.toml {doomed}"));
    assert_eq!(again.exit, 1);
    assert!(again.err.starts_with("error:"), "nothing is done: {}", again.err);
    let status = toy.atrophy("status runs/toy").done().out;
    assert!(status.contains("retrained  2 cases: 2 failed") && status.contains("untreated  2 cases: 2 done"), "{status}");
    let told: serde_json::Value = serde_json::from_str(&toy.atrophy("report runs/toy --json").done().out).unwrap();
    assert_eq!((&told["trials"], &told["trials_done"], &told["trials_failed"]), (&6.into(), &4.into(), &2.into()));

    let case = toy.path("runs/toy/trials/retrained/network-1-injury-1-data-1/case.json");
    let recorded = std::fs::read(&case).unwrap();
    assert_eq!(toy.atrophy(&format!("run toy.toml {doomed} --retry-failed")).exit, 1);
    assert_eq!(std::fs::read(&case).unwrap(), recorded, "it fails in the same way");
    // another rate is another case
    let _ = toy.atrophy("run toy.toml").done();
}

/// A subject that fails takes its trials with it, and the others are done.
#[test]
fn a_subject_that_fails_is_counted_with_its_trials() {
    let toy = Toy::new();
    toy.change("batch_norm = true", "batch_norm = false");
    let ran = toy.atrophy("run toy.toml --set schooling.rate=1e30");
    assert_eq!(ran.exit, 1);
    assert!(ran.err.contains("seed 1, schooling: epoch 1 of 2") && ran.err.contains("what it starts from failed"), "{}", ran.err);
    assert!(std::fs::read_to_string(toy.path("runs/toy/report.html")).unwrap().contains("Failed"));
    assert!(toy.atrophy("status runs/toy").done().out.contains("retrained  1 case: 1 blocked"));
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_is_lost_is_an_error() {
    let toy = Toy::new();
    let _ = toy.atrophy("run toy.toml").done();
    for asked in [
        "--help",
        "run --help",
        "--version",
        "list",
        "plan toy.toml",
        "report runs/toy",
        "status runs/toy",
        "check runs/toy",
        "completions bash",
    ] {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_atrophy"));
        command.current_dir(toy.folder.path()).args(asked.split_whitespace());
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = command.stdout(full).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{asked}: {told}");
        assert!(told.contains("cannot write to standard output"), "{asked}: {told}");
    }
}

#[test]
fn names_in_other_scripts_work_everywhere() {
    let toy = Toy::new();
    toy.change("name       = \"retrained\"", "name       = \"再学習\"");
    toy.change("name       = \"untreated\"", "name       = \"नमस्ते\"");
    let _ = toy.atrophy("run toy.toml --out 猫").done();
    assert!(toy.path("猫/trials/再学習/network-1-injury-1-data-1/case.json").exists());
    let page = std::fs::read_to_string(toy.path("猫/report.html")).unwrap();
    assert!(page.contains("再学習") && page.contains("नमस्ते"));
    let _ = toy.atrophy("check 猫").done();
    assert!(toy.atrophy("status 猫").done().out.contains("再学習"));
}

#[cfg(target_os = "linux")]
#[test]
fn folders_that_are_no_text_work_too() {
    use std::os::unix::ffi::OsStrExt;
    let toy = Toy::new();
    let ran = |verb: &str, more: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_atrophy"));
        command.current_dir(toy.folder.path()).arg(verb);
        if verb == "run" {
            command.arg("toy.toml").arg("--out");
        }
        command.arg(std::ffi::OsStr::from_bytes(b"o\xff")).args(more).output().unwrap()
    };
    for (verb, more) in [
        ("run", &["--json"][..]),
        ("report", &["--json"]),
        ("status", &["--json"]),
        ("check", &["--json"]),
        ("clean", &["--json"]),
        ("run", &[]),
    ] {
        let output = ran(verb, more);
        assert_eq!(output.status.code(), Some(0), "{verb}: {}", String::from_utf8_lossy(&output.stderr));
        if more == ["--json"] {
            let _: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        }
    }
}

#[test]
fn instructions_are_pinned_and_makers_named() {
    let toy = Toy::new();
    toy.change("count = 1", "count = 2");
    let _ = toy.atrophy("run toy.toml --subject 1 --instructions portable").done();
    let page = || std::fs::read_to_string(toy.path("runs/toy/report.html")).unwrap();
    assert!(page().contains("(portable)") && !page().contains("More than one maker"));
    let best = net::instructions();
    let _ = toy.atrophy("run toy.toml").done();
    assert_eq!(page().contains(&format!("({best})")) && page().contains("More than one maker"), best != "portable");
    // pinned, many machines give one result
    let _ = toy.atrophy("run toy.toml --out a --instructions portable").done();
    let _ = toy.atrophy("run toy.toml --out b --instructions portable --threads 3").done();
    let results = |out: &str| std::fs::read(toy.path(&format!("{out}/results.csv"))).unwrap();
    assert!(results("a") == results("b"));
    let refused = toy.atrophy("run toy.toml --instructions mmx");
    assert!(refused.exit == 2 && refused.err.contains("mmx"), "{}", refused.err);
}
