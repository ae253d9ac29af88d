//! What a run leaves for other programs: whole dissimilarity matrices, logits, and the images that they are of.

use std::collections::BTreeMap;
use std::path::Path;

use atrophy::screen::Screen;
use ledger::disk::sha256;
use npyz::NpyFile;
use serde_json::Value;

use crate::Toy;
use crate::growth::{grown, results, steps_to_finish};
use crate::resume::{Ready, done, files};

const SUBJECT: &str = "subjects/network-1-data-1";
const RETRAINED: &str = "trials/retrained/network-1-injury-1-data-1";

fn array<T: npyz::Deserialize>(path: &Path) -> (Vec<u64>, Vec<T>) {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let file = NpyFile::new(bytes.as_slice()).unwrap();
    (file.shape().to_vec(), file.into_vec().unwrap())
}

/// Readings of a folder: their folders.
fn readings(files: &BTreeMap<String, Vec<u8>>) -> Vec<&str> {
    files.keys().filter_map(|name| name.strip_suffix("/record.json")).collect()
}

#[test]
fn a_kept_matrix_is_that_of_the_network() {
    let toy = Toy::new();
    let ready = Ready::new(&toy, &["keep=[1]"]);
    assert_eq!(ready.run(&toy.path("out"), u64::MAX), done());
    let lab = ready.lab();
    for (case, moment, after) in [(SUBJECT, "healthy", 2), (RETRAINED, "step-01-treated", 4)] {
        let state = std::fs::read(toy.path(&format!("out/{case}/state-{after:05}.safetensors"))).unwrap();
        let network = lab.restored(&state, || unreachable!("it fits")).unwrap();
        let now = lab.perceive(&network, &mut Screen::silent()).unwrap();
        for patterns in &now.patterns {
            let name = |ending: &str| toy.path(&format!("out/{case}/readings/{moment}/rdm-{}.{ending}", patterns.layer));
            let (shape, values) = array::<f32>(&name("npy"));
            assert_eq!(shape, [20 * 19 / 2], "the upper triangle, as of SciPy's squareform");
            let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&values), bits(rsa::Rdm::correlation(&patterns.values, patterns.features).upper()));

            let about: Value = serde_json::from_slice(&std::fs::read(name("json")).unwrap()).unwrap();
            let keys: Vec<&String> = about.as_object().unwrap().keys().collect();
            assert_eq!(keys.len(), 6, "{keys:?}");
            assert_eq!((&about["distance"], &about["images"]), (&"correlation".into(), &20.into()));
            assert_eq!(about["features"], patterns.features);
            assert_eq!(about["sorted_by"], "class, then number in the test set");
            let (_, labels) = array::<u16>(&toy.path("out/showing/labels.npy"));
            let (_, probe) = array::<u32>(&toy.path("out/showing/probe-images.npy"));
            assert_eq!(about["order"], serde_json::json!(probe));
            let of = |image: &u32| &lab.showing.classes[usize::from(labels[*image as usize])];
            assert_eq!(about["labels"], serde_json::json!(probe.iter().map(of).collect::<Vec<_>>()));
        }
    }
}

/// Of every reading, from what lies on disk alone.
#[test]
fn logits_and_labels_give_the_predictions_and_the_accuracy() {
    let toy = Toy::new();
    let _ = toy.atrophy("run toy.toml").done();
    let out = toy.path("runs/toy");
    let (_, labels) = array::<u16>(&out.join("showing/labels.npy"));
    let files = files(&out);
    let readings = readings(&files);
    assert_eq!(readings.len(), 1 + 4 + 2 + 2);
    for reading in readings {
        let (_, predictions) = array::<u16>(&out.join(reading).join("predictions.npy"));
        let (shape, logits) = array::<f32>(&out.join(reading).join("logits.npy"));
        assert_eq!(shape, [20, 10]);
        let best = |row: &[f32]| (0..10_u16).rev().max_by(|&a, &b| row[usize::from(a)].total_cmp(&row[usize::from(b)])).unwrap();
        assert_eq!(logits.chunks(10).map(best).collect::<Vec<_>>(), predictions, "{reading}");
        let record: Value = serde_json::from_slice(&files[&format!("{reading}/record.json")]).unwrap();
        let value = |measure: &str| {
            let found = record["readings"].as_array().unwrap().iter().find(|reading| reading["measure"] == measure);
            found.unwrap()["value"].as_f64().unwrap()
        };
        let right = predictions.iter().zip(&labels).filter(|(a, b)| a == b).count();
        assert!((value("accuracy") - right as f64 / 20.0).abs() < 1e-12, "{reading}");
        let entropy = |(row, &label): (&[f32], &u16)| {
            row.iter().map(|&logit| f64::from(logit).exp()).sum::<f64>().ln() - f64::from(row[usize::from(label)])
        };
        let loss = logits.chunks(10).zip(&labels).map(entropy).sum::<f64>() / 20.0;
        assert!((value("loss") - loss).abs() < 1e-5, "{reading}: {loss}");
    }
}

/// The step that is added: injured and treated, injured alone, treated alone.
#[test]
fn matrices_that_are_wanted_later_are_read_from_kept_networks() {
    assert_eq!(grown(&["keep=every-reading"], &["keep_rdms=[0,1,2]"]), 2 + 1 + 1);
    assert_eq!(grown(&["keep=every-reading"], &["keep_rdms=every-reading"]), 2 + 1 + 1);
    assert_eq!(grown(&["keep=every-reading"], &["keep_rdms=[]"]), 1, "removing it removes nothing");
    assert_eq!(grown(&["keep=every-reading"], &["keep_logits=false"]), 1);
}

#[test]
fn matrices_that_are_wanted_later_are_those_of_a_study_that_wanted_them_at_once() {
    let toy = Toy::new();
    let wanted = ["keep=every-reading", "keep_rdms=[0,2]"];
    assert_eq!(
        Ready::new(&toy, &["keep=every-reading", "keep_rdms=[]", "keep_logits=false"]).run(&toy.path("grown"), u64::MAX),
        done()
    );
    let kept = |out: &str| -> BTreeMap<String, Vec<u8>> {
        let is_kept = |name: &str| name.contains("/logits") || (name.contains("/rdm-") && !name.contains("/rdm-picture-"));
        // a reading that was made again lies beside where it lay
        files(&toy.path(out))
            .into_iter()
            .filter(|(name, _)| is_kept(name))
            .map(|(name, bytes)| (name.replace("~2", ""), bytes))
            .collect()
    };
    assert!(kept("grown").is_empty());
    assert_eq!(steps_to_finish(&toy, &wanted, "grown"), 1 + 4 + 2 + 2, "logits of every reading");
    assert_eq!(Ready::new(&toy, &wanted).run(&toy.path("straight"), u64::MAX), done());
    assert_eq!(kept("straight").len(), 9 + 2 * 2 * (1 + 2 + 1 + 1));
    assert!(kept("grown") == kept("straight"));
    let _ = toy.atrophy("check grown").done();
}

/// Without the checkpoint, its steps are gone through again, and that is said: it may take hours.
#[test]
fn matrices_of_networks_that_were_not_kept_are_computed_again() {
    assert_eq!(grown(&[], &["keep_rdms=[0,1,2]"]), (5 + 1) + 1 + 1);
    let toy = Toy::new();
    let _ = toy.atrophy("run toy.toml").done();
    let told = toy.atrophy("run toy.toml --set keep_rdms=[0,1,2]").done().err;
    let line = "seed 1, retrained: something is missing at step 2 of 2: reading (injured), and no checkpoint was kept there; going again from \
                step 1 of 2: losing synapses";
    assert_eq!(told.lines().filter(|told| told.contains(line)).count(), 1, "{told}");
    assert_eq!(told.matches("no checkpoint was kept").count(), 1, "the others end with a network that is kept: {told}");
}

/// What was kept stays through other questions, and is not read again.
#[test]
fn kept_matrices_outlive_the_wish_for_them() {
    let toy = Toy::new();
    let (kept, none) = ("keep=every-reading", "keep_rdms=[]");
    let asks_more = r#"measures=["accuracy", "class_accuracy", "confusion", "loss", {rdm_similarity={method="tau-b"}}, {rdm_similarity={method="pearson"}}]"#;
    assert_eq!(Ready::new(&toy, &[kept]).run(&toy.path("out"), u64::MAX), done());
    assert_eq!(steps_to_finish(&toy, &[kept, none, asks_more], "out"), 9);
    assert_eq!(steps_to_finish(&toy, &[kept, asks_more], "out"), 1);
    let matrices = files(&toy.path("out")).keys().filter(|name| name.contains("/rdm-block2.npy")).count();
    assert_eq!(matrices, 1 + 2 + 1 + 1);
    let _ = toy.atrophy("check out").done();
}

#[test]
fn what_is_shown_is_written_once_and_follows_the_study() {
    let toy = Toy::new();
    let _ = toy.atrophy("run toy.toml").done();
    let labels = || array::<u16>(&toy.path("runs/toy/showing/labels.npy")).1;
    let before = labels();
    assert_eq!(before.len(), 20);
    std::fs::remove_dir_all(toy.path("runs/toy/showing")).unwrap();
    assert_eq!(toy.atrophy("run toy.toml").done().err, "", "nothing is computed for it");
    assert!(labels() == before);
    let _ = toy.atrophy("run toy.toml --set stimuli.shapes.test=30 --set probe.images={per_class=1}").done();
    assert_eq!((labels().len(), array::<u32>(&toy.path("runs/toy/showing/probe-images.npy")).0), (30, vec![10]));
    let _ = toy.atrophy("check runs/toy").done();
    // somebody else's folder is not written into
    toy.write("mine/showing/labels.npy", "mine");
    assert_eq!(toy.atrophy("run toy.toml --out mine").exit, 5);
    assert_eq!(std::fs::read(toy.path("mine/showing/labels.npy")).unwrap(), b"mine");
}

#[test]
fn what_is_shown_is_merged() {
    let toy = Toy::new();
    for seed in [1, 2] {
        let _ = toy.atrophy(&format!("run toy.toml --out seed{seed} --set seeds.first={seed}")).done();
    }
    let _ = toy.atrophy("merge seed1 seed2 --out both").done();
    let shown = |out: &str| files(&toy.path(&format!("{out}/showing")));
    assert!(shown("both") == shown("seed1") && shown("both").len() == 2);
    let _ = toy.atrophy("check both").done();
}

/// A copy of the same case that keeps more is worth more.
#[test]
fn merging_prefers_the_case_that_keeps_matrices() {
    let toy = Toy::new();
    let _ = toy.atrophy("run toy.toml --out few --set keep_rdms=[]").done();
    let _ = toy.atrophy("run toy.toml --out many").done();
    let _ = toy.atrophy("merge few many --out both").done();
    assert!(toy.path(&format!("both/{SUBJECT}/readings/healthy/rdm-block2.npy")).exists());
}

/// Commits an index as the ledger does.
fn commit(path: &Path, text: &str) {
    let body = format!("committed\n{text}");
    std::fs::write(path.with_extension("json.twin"), format!("{} {body}", sha256(body.as_bytes()))).unwrap();
    std::fs::write(path, text).unwrap();
}

/// A folder as the build before wrote it: no logits, nothing of what is shown, and pictures under their old name.
#[test]
fn a_folder_of_the_second_format_is_read_and_gone_on_with() {
    let toy = Toy::new();
    let _ = toy.atrophy("run toy.toml --set keep_logits=false --set keep_rdms=[]").done();
    let out = toy.path("runs/toy");
    let before = results(&toy, "runs/toy");
    let figure = std::fs::read(out.join("figures/rdm.svg")).unwrap();
    for name in files(&out).keys() {
        let path = out.join(name);
        if name.contains("/rdm-picture-") {
            std::fs::rename(&path, out.join(name.replace("/rdm-picture-", "/picture-"))).unwrap();
        } else if name.ends_with("case.json") {
            let text = std::fs::read_to_string(&path).unwrap();
            commit(&path, &text.replace("\"format\": 3", "\"format\": 2").replace("/rdm-picture-", "/picture-"));
        }
    }
    std::fs::remove_dir_all(out.join("showing")).unwrap();
    let mut title: Value = serde_json::from_slice(&std::fs::read(out.join("ledger.json")).unwrap()).unwrap();
    title["format"] = 2.into();
    title.as_object_mut().unwrap().remove("showing");
    title["study"].as_object_mut().unwrap().remove("keep_logits");
    commit(&out.join("ledger.json"), &format!("{}\n", serde_json::to_string_pretty(&title).unwrap()));

    let _ = toy.atrophy("check runs/toy").done();
    assert!(results(&toy, "runs/toy") == before);
    assert!(std::fs::read(out.join("figures/rdm.svg")).unwrap() == figure);
    let plain = "--set keep_rdms=[]";
    assert_eq!(toy.atrophy(&format!("run toy.toml {plain}")).done().err, "", "it owes no logits");
    assert!(out.join("showing/labels.npy").exists());
    assert!(std::fs::read(out.join("figures/rdm.svg")).unwrap() == figure);
    // what is added is written as it is today
    let _ = toy.atrophy(&format!("run toy.toml {plain} --set arm[0].steps=3")).done();
    let new = out.join(RETRAINED).join("readings/step-03-treated");
    assert!(new.join("logits.npy").exists() && new.join("rdm-picture-block2.npy").exists());
    let _ = toy.atrophy("check runs/toy").done();
    assert_eq!(toy.atrophy("status runs/toy").done().out.matches("done").count(), 4);
    // a reading that is made again takes the old one's place, whatever its picture was called
    let _ = toy.atrophy("run toy.toml --set keep_rdms=\"every-reading\"").done();
    assert!(files(&out).keys().all(|name| !name.contains("/picture-")));
}

#[test]
fn what_cannot_be_kept_is_refused_by_its_line() {
    let refused = |value: &str| {
        let toy = Toy::new();
        toy.change("keep_rdms = [0, 1]", &format!("keep_rdms = {value}"));
        toy.atrophy("run toy.toml").refused()
    };
    insta::assert_snapshot!(refused("[0, 9]"), @"
    exit 2
    error: toy.toml:7: keep_rdms: no arm has a step 9; the last step of all is 2
    ");
    insta::assert_snapshot!(refused("\"last\""), @r#"
    exit 2
    error: toy.toml: TOML parse error at line 7, column 13
      |
    7 | keep_rdms = "last"
      |             ^^^^^^
    invalid value: string "last", expected "every-reading" or a list of steps such as [0, 15], in which 0 is the healthy network
    "#);
    let toy = Toy::new();
    toy.change(r#"layers = ["block2", "penultimate"]"#, "layers = []");
    toy.change(r#", { rdm_similarity = { method = "tau-b" } }"#, "");
    insta::assert_snapshot!(toy.atrophy("run toy.toml").refused(), @r#"
    exit 2
    error: toy.toml:7: keep_rdms: matrices are to be kept, but no layer is probed; probe one, as in layers = ["penultimate"]
    "#);
}
