//! Whatever happens to a file of a study is seen, named, and mended as far as it can be.

use std::path::Path;

use ledger::check::check;

use crate::Toy;
use crate::resume::files;

fn flip(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    std::fs::write(path, bytes).unwrap();
}

/// Every file of a finished study, altered or taken away.
#[test]
fn no_harm_to_any_file_passes() {
    let toy = Toy::new();
    let _ = toy.atrophy("run toy.toml --set keep=every-reading").done();
    let folder = toy.path("runs/toy");
    let whole = files(&folder);
    assert!(check(&folder).unwrap().faults.is_empty());
    assert!(whole.len() > 60);
    for (name, bytes) in &whole {
        let path = folder.join(name);
        let harms: [&dyn Fn(); 4] = [
            &|| flip(&path),
            &|| std::fs::remove_file(&path).unwrap(),
            &|| std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap(),
            &|| std::fs::write(&path, "").unwrap(),
        ];
        for (i, harm) in harms.iter().enumerate() {
            harm();
            let faults = check(&folder).unwrap().faults;
            assert!(faults.iter().any(|fault| fault.path == path), "harm {i} to {name}: {faults:?}");
            std::fs::write(&path, bytes).unwrap();
        }
    }
    assert!(check(&folder).unwrap().faults.is_empty());
}

/// One file of each kind: the check names it and ends with 5, the repair gives the same bytes.
#[test]
fn what_is_harmed_is_computed_again() {
    let toy = Toy::new();
    let _ = toy.atrophy("run toy.toml --set keep=every-reading").done();
    let folder = toy.path("runs/toy");
    let whole = files(&folder);
    let case = "trials/retrained/network-1-injury-1-data-1";
    let of = |part: &str| whole.keys().find(|name| name.contains(part)).unwrap_or_else(|| panic!("{part}")).clone();
    let kinds = [
        vec![of(&format!("{case}/readings/step-01-treated/record.json"))],
        vec![of(&format!("{case}/readings/step-02-injured/predictions.npy"))],
        vec![of(&format!("{case}/readings/step-02-treated/confusions.npy"))],
        vec![of("subjects/network-1-data-1/readings/healthy/rdm-picture-block2.npy")],
        vec![of(&format!("{case}/readings/step-01-treated/rdm-block2.npy"))],
        vec![of(&format!("{case}/readings/step-01-treated/rdm-block2.json"))],
        vec![of(&format!("{case}/readings/step-02-injured/logits.npy"))],
        vec!["showing/labels.npy".to_owned()],
        vec!["showing/probe-images.npy".to_owned()],
        vec![of(&format!("{case}/state-00004"))],
        vec![of("subjects/network-1-data-1/state-")],
        vec![format!("{case}/case.json")],
        vec![format!("{case}/case.json.twin")],
        vec![format!("{case}/case.json"), format!("{case}/case.json.twin")],
        vec!["subjects/network-1-data-1/case.json".to_owned(), "subjects/network-1-data-1/case.json.twin".to_owned()],
        vec!["ledger.json".to_owned()],
        vec!["ledger.json.twin".to_owned()],
        vec!["report.html".to_owned(), "figures/rdm.png".to_owned()],
        vec!["report.sha256".to_owned()],
    ];
    for (i, kind) in kinds.iter().enumerate() {
        for name in kind {
            if i % 2 == 0 { flip(&folder.join(name)) } else { std::fs::remove_file(folder.join(name)).unwrap() }
        }
        let checked = toy.atrophy("check runs/toy");
        assert_eq!(checked.exit, 5, "{kind:?}");
        assert!(checked.out.contains(&format!("runs/toy/{}", kind[0])), "{kind:?}: {}", checked.out);
        let _ = toy.atrophy("check runs/toy --repair").done();
        let mended = files(&folder);
        assert_eq!(whole.keys().collect::<Vec<_>>(), mended.keys().collect::<Vec<_>>(), "{kind:?}");
        for (name, bytes) in &whole {
            assert!(mended[name] == *bytes, "{kind:?}: {name} is not as it was");
        }
    }
}

#[test]
fn what_is_used_is_verified() {
    let toy = Toy::new();
    let _ = toy.atrophy("run toy.toml").done();
    let case = "runs/toy/trials/untreated/network-1-injury-1-data-1";
    let whole = |name: &str| std::fs::read(toy.path(&format!("{case}/{name}"))).unwrap();

    let index = whole("case.json");
    let text = String::from_utf8(index.clone()).unwrap();
    toy.write(&format!("{case}/case.json"), text.replace("\"done\": 4", "\"done\": 3"));
    insta::assert_snapshot!(toy.atrophy("report runs/toy").refused(), @"
    exit 5
    error: runs/toy/trials/untreated/network-1-injury-1-data-1/case.json is not what was committed (its twin says so); `atrophy check --repair` on the study's folder mends it
    ");
    insta::assert_snapshot!(toy.atrophy("run toy.toml").refused(), @"
    exit 5
    error: runs/toy/trials/untreated/network-1-injury-1-data-1/case.json is not what was committed (its twin says so); `atrophy check --repair` on the study's folder mends it
    ");
    std::fs::remove_file(toy.path(&format!("{case}/case.json"))).unwrap();
    insta::assert_snapshot!(toy.atrophy("report runs/toy").refused(), @"
    exit 5
    error: runs/toy/trials/untreated/network-1-injury-1-data-1/case.json is not what was committed (its twin says so); `atrophy check --repair` on the study's folder mends it
    ");
    toy.write(&format!("{case}/case.json"), &index);

    let record = whole("readings/step-01-injured/record.json");
    let text = String::from_utf8(record.clone()).unwrap();
    toy.write(&format!("{case}/readings/step-01-injured/record.json"), text.replacen("0.", "1.", 1));
    insta::assert_snapshot!(toy.atrophy("report runs/toy").refused(), @"
    exit 5
    error: runs/toy/trials/untreated/network-1-injury-1-data-1/readings/step-01-injured/record.json is not the file that was committed (its SHA-256 differs); `atrophy check --repair` on the study's folder mends it
    ");
    toy.write(&format!("{case}/readings/step-01-injured/record.json"), &record);

    // a whole case of another study in its place
    let _ = toy.atrophy("run toy.toml --out other --set arm[1].injury.ablation.fraction=0.3").done();
    for (name, bytes) in files(&toy.path("other/trials/untreated/network-1-injury-1-data-1")) {
        toy.write(&format!("{case}/{name}"), bytes);
    }
    insta::assert_snapshot!(toy.atrophy("report runs/toy").refused(), @"
    exit 5
    error: runs/toy/trials/untreated/network-1-injury-1-data-1 holds another case than the study asks for: it was moved or copied there. Take it out; `atrophy run` then computes what belongs there
    ");
    insta::assert_snapshot!(toy.atrophy("run toy.toml").refused(), @"
    exit 5
    error: runs/toy/trials/untreated/network-1-injury-1-data-1 holds another case than the study asks for: it was moved or copied there. Take it out; `atrophy run` then computes what belongs there
    ");
    let checked = toy.atrophy("check runs/toy");
    assert!(
        checked.exit == 5 && checked.out.contains("holds another case than the study asks for: take it out"),
        "{}",
        checked.out
    );
}

#[test]
fn a_folder_of_the_first_format_is_told_from_a_damaged_one() {
    let toy = Toy::new();
    toy.write("old/ledger.json", r#"{"name": "toy", "cause": {"format": 1}, "study": {}}"#);
    insta::assert_snapshot!(toy.atrophy("report old").refused(), @"
    exit 5
    error: old/ledger.json is of format 1, and this build reads formats 2 to 3; use the build that wrote it, or another folder
    ");
    insta::assert_snapshot!(toy.atrophy("run toy.toml --out old").refused(), @"
    exit 5
    error: old/ledger.json is of format 1, and this build reads formats 2 to 3; use the build that wrote it, or another folder
    ");
}

/// An index that is lost with its twin is written anew: cases are found by what they say of themselves.
#[test]
fn a_lost_ledger_is_found_again_from_its_cases() {
    let toy = Toy::new();
    let _ = toy.atrophy("run toy.toml").done();
    let whole = files(&toy.path("runs/toy"));
    for name in ["ledger.json", "ledger.json.twin"] {
        std::fs::remove_file(toy.path(&format!("runs/toy/{name}"))).unwrap();
    }
    let ran = toy.atrophy("run toy.toml").done();
    assert_eq!(ran.err, "", "nothing is computed");
    assert!(files(&toy.path("runs/toy")) == whole);
}

/// What another build wrote is whole, and no repair touches it.
#[test]
fn what_this_build_does_not_understand_is_left_alone() {
    let toy = Toy::new();
    let _ = toy.atrophy("run toy.toml").done();
    let case = "runs/toy/trials/sham/network-1-injury-1-data-1";
    let index =
        std::fs::read_to_string(toy.path(&format!("{case}/case.json"))).unwrap().replace("\"format\": 3", "\"format\": 4");
    let body = format!("committed\n{index}");
    toy.write(&format!("{case}/case.json.twin"), format!("{} {body}", ledger::disk::sha256(body.as_bytes())));
    toy.write(&format!("{case}/case.json"), &index);
    let before = files(&toy.path(case));
    let checked = toy.atrophy("check runs/toy");
    assert!(checked.exit == 5 && checked.out.contains("use the build that wrote it"), "{}", checked.out);
    assert_eq!(toy.atrophy("check runs/toy --repair").exit, 5);
    assert!(files(&toy.path(case)) == before);
    assert!(toy.atrophy("report runs/toy").err.contains("is of format 4"));
}

/// Something else in the place of a file or a folder.
#[cfg(unix)]
#[test]
fn pipes_and_folders_in_the_place_of_files_are_mended() {
    let toy = Toy::new();
    let _ = toy.atrophy("run toy.toml").done();
    let folder = toy.path("runs/toy");
    let whole = files(&folder);
    let case = "trials/sham/network-1-injury-1-data-1";
    for name in
        [&format!("{case}/case.json"), &format!("{case}/case.json.twin"), &format!("{case}/readings/step-01-treated/record.json")]
    {
        for kind in ["mkfifo", "mkdir"] {
            std::fs::remove_file(folder.join(name)).unwrap();
            assert!(std::process::Command::new(kind).arg(folder.join(name)).status().unwrap().success());
            let checked = toy.atrophy("check runs/toy");
            assert!(checked.exit == 5 && checked.out.contains(name.as_str()), "{kind} {name}: {}{}", checked.out, checked.err);
            let _ = toy.atrophy("check runs/toy --repair").done();
            assert!(files(&folder) == whole, "{kind} {name}");
        }
    }
    std::fs::rename(folder.join("trials"), toy.path("trials")).unwrap();
    assert!(toy.atrophy("check runs/toy").done().out.contains("3 cases are not there yet"));
    std::fs::write(folder.join("trials"), "no folder").unwrap();
    let checked = toy.atrophy("check runs/toy");
    assert!(checked.exit == 5 && checked.out.contains("cannot be looked into"), "{}", checked.out);
}

/// An index that contradicts itself is not believed, whoever vouches for it.
#[test]
fn an_index_that_counts_wrongly_is_begun_again() {
    let toy = Toy::new();
    let _ = toy.atrophy("run toy.toml").done();
    let whole = files(&toy.path("runs/toy"));
    let case = "runs/toy/trials/untreated/network-1-injury-1-data-1";
    let index = String::from_utf8(std::fs::read(toy.path(&format!("{case}/case.json"))).unwrap()).unwrap();
    toy.write(&format!("{case}/case.json"), index.replace("\"done\": 4", "\"done\": 3"));
    std::fs::remove_file(toy.path(&format!("{case}/case.json.twin"))).unwrap();
    assert_eq!(toy.atrophy("check runs/toy").exit, 5);
    let _ = toy.atrophy("check runs/toy --repair").done();
    assert!(files(&toy.path("runs/toy")) == whole);
}

#[test]
fn a_repair_with_other_images_is_refused() {
    let toy = Toy::new();
    toy.change("{ shapes = { train = 40, test = 20 } }", r#"{ folder = { path = "pictures", size = 16 } }"#);
    let white = include_bytes!("white.png");
    ["train/cat", "train/dog", "test/cat", "test/dog"]
        .iter()
        .for_each(|folder| toy.write(&format!("pictures/{folder}/1.png"), white));
    let _ = toy.atrophy("run toy.toml").done();
    let ledger = std::fs::read(toy.path("runs/toy/ledger.json")).unwrap();
    flip(&toy.path("runs/toy/trials/sham/network-1-injury-1-data-1/readings/step-01-treated/record.json"));
    toy.write("pictures/train/cat/2.png", white);
    let refused = toy.atrophy("check runs/toy --repair");
    assert!(refused.exit == 5 && refused.err.contains("made of other images"), "{}", refused.err);
    assert!(std::fs::read(toy.path("runs/toy/ledger.json")).unwrap() == ledger);
    std::fs::remove_file(toy.path("pictures/train/cat/2.png")).unwrap();
    let _ = toy.atrophy("check runs/toy --repair").done();
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_vanishes_ends_a_run_with_one_message() {
    let toy = Toy::new();
    toy.change("train = 40", "train = 4000");
    let ran = std::thread::scope(|scope| {
        let ran = scope.spawn(|| toy.atrophy("run toy.toml"));
        while !toy.path("runs/toy/subjects/network-1-data-1/case.json").exists() {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        while std::fs::remove_dir_all(toy.path("runs")).is_err() {}
        ran.join().unwrap()
    });
    assert_eq!(ran.exit, 1, "{}", ran.err);
    let message = ran.err.split("error:").nth(1).unwrap();
    assert!(message.contains("is gone") && message.trim().lines().count() <= 6, "{message}");
    assert!(!toy.path("runs").exists(), "what was deleted stays deleted");
}
