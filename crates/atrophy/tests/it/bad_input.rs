//! Bad input gets one clear message and its exit code, never a panic, never a half-written result.

use crate::Toy;

/// The toy study with one part of its text replaced.
#[track_caller]
pub(crate) fn changed(part: &str, by: &str) -> String {
    let toy = Toy::new();
    toy.change(part, by);
    let message = toy.atrophy("run toy.toml").refused();
    assert!(!toy.path("runs").exists(), "nothing was begun");
    message
}

#[test]
fn an_unknown_key() {
    insta::assert_snapshot!(changed("momentum = 0.9", "momentun = 0.9"), @"
    exit 2
    error: toy.toml: TOML parse error at line 12, column 1
       |
    12 | momentun = 0.9
       | ^^^^^^^^
    unknown field `momentun`, expected one of `weights`, `epochs`, `batch`, `rate`, `momentum`, `nesterov`, `decay`, `schedule`, `label_smoothing`, `augmentation`
    ");
}

#[test]
fn an_unknown_key_inside_an_injury() {
    insta::assert_snapshot!(changed(r#"scope = "per-layer" } }"#, r#"scope = "per-layer", percent = 20 } }"#), @r#"
    exit 2
    error: toy.toml: TOML parse error at line 18, column 84
       |
    18 | injury     = { ablation = { fraction = 0.2, of = "remaining", scope = "per-layer", percent = 20 } }
       |                                                                                    ^^^^^^^
    unexpected keys in table: percent, available keys: fraction, of, scope, layers
    "#);
}

#[test]
fn a_missing_key() {
    insta::assert_snapshot!(changed("rate     = 0.02\n", ""), @"
    exit 2
    error: toy.toml: TOML parse error at line 8, column 1
      |
    8 | [schooling]
      | ^^^^^^^^^^^
    missing field `rate`
    ");
}

#[test]
fn a_wrong_type() {
    insta::assert_snapshot!(changed("epochs   = 2", r#"epochs = "two""#), @r#"
    exit 2
    error: toy.toml: TOML parse error at line 9, column 10
      |
    9 | epochs = "two"
      |          ^^^^^
    invalid type: string "two", expected u32
    "#);
}

#[test]
fn no_toml_at_all() {
    insta::assert_snapshot!(changed("[schooling]", "[schooling"), @"
    exit 2
    error: toy.toml: TOML parse error at line 8, column 11
      |
    8 | [schooling
      |           ^
    unclosed table, expected `]`
    ");
}

#[test]
fn a_percentage_for_a_fraction() {
    insta::assert_snapshot!(changed("fraction = 0.2", "fraction = 20"), @r#"
    exit 2
    error: toy.toml: TOML parse error at line 18, column 40
       |
    18 | injury     = { ablation = { fraction = 20, of = "remaining", scope = "per-layer" } }
       |                                        ^^
    20 is not a fraction from 0 to 1 (write 20 % as 0.2)
    "#);
}

#[test]
fn an_unknown_injury() {
    insta::assert_snapshot!(changed("{ ablation =", "{ stroke ="), @r#"
    exit 2
    error: toy.toml: TOML parse error at line 18, column 16
       |
    18 | injury     = { stroke = { fraction = 0.2, of = "remaining", scope = "per-layer" } }
       |                ^^^^^^
    unknown variant `stroke`, expected `none` or `ablation`
    "#);
}

#[test]
fn no_arm() {
    let toy = Toy::new();
    toy.write("toy.toml", include_str!("toy.toml").split("[[arm]]").next().unwrap());
    insta::assert_snapshot!(toy.atrophy("run toy.toml").refused(), @"
    exit 2
    error: toy.toml: arm: the study has no arm; add at least one [[arm]] with name, steps, injury and plasticity
    ");
}

#[test]
fn two_arms_of_one_name() {
    insta::assert_snapshot!(changed(r#""untreated""#, r#""Retrained""#), @"
    exit 2
    error: toy.toml:22: arm[1].name: two arms are named 'Retrained'; every arm needs a name of its own
    ");
}

#[test]
fn a_name_that_cannot_be_a_folder() {
    insta::assert_snapshot!(changed(r#""untreated""#, r#""../untreated""#), @r#"
    exit 2
    error: toy.toml: TOML parse error at line 22, column 14
       |
    22 | name       = "../untreated"
       |              ^^^^^^^^^^^^^^
    '../untreated' cannot name an arm: use 1 to 64 letters, digits, spaces or any of - _ . + (no space or dot at either end)
    "#);
}

#[test]
fn a_layer_the_network_does_not_have() {
    insta::assert_snapshot!(changed(r#""block2""#, r#""block7""#), @"
    exit 2
    error: toy.toml:5: probe.layers: the network has no tap 'block7'; it has block1, block2, block3, penultimate
    ");
}

#[test]
fn a_network_that_cannot_take_the_images() {
    let toy = Toy::new();
    toy.change("{ shapes = { train = 40, test = 20 } }", r#"{ folder = { path = "pictures", size = 16 } }"#);
    toy.change(r#"tiny = { batch_norm = true, head = [16], width = 0.5 }"#, "vgg = { depth = 11, batch_norm = true, head = [] }");
    let white = include_bytes!("white.png");
    ["train/cat", "train/dog", "test/cat", "test/dog"]
        .iter()
        .for_each(|folder| toy.write(&format!("pictures/{folder}/1.png"), white));
    insta::assert_snapshot!(toy.atrophy("run toy.toml").refused(), @"
    exit 2
    error: toy.toml:3: network: the network halves its maps too often for images of 3 x 16 x 16: both sides must be at least 32
    ");
}

#[test]
fn no_study_of_that_name() {
    insta::assert_snapshot!(Toy::new().atrophy("run nothing.toml").refused(), @"
    exit 2
    error: cannot read the study nothing.toml: No such file or directory (os error 2); give a TOML file, or one of the built-in studies quick, paper, paper-small, authors-code
    ");
}

#[test]
fn a_change_of_a_key_that_is_not_there() {
    let toy = Toy::new();
    insta::assert_snapshot!(toy.atrophy("run toy.toml --set arm[7].steps=3").refused(), @"
    exit 2
    error: --set arm[7].steps=3: the study has no 'arm[7].steps'
    ");
    insta::assert_snapshot!(toy.atrophy("run toy.toml --set schooling.epoch=3").refused(), @"
    exit 2
    error: toy.toml: TOML parse error at line 14, column 1
       |
    14 | epoch = 3
       | ^^^^^
    unknown field `epoch`, expected one of `weights`, `epochs`, `batch`, `rate`, `momentum`, `nesterov`, `decay`, `schedule`, `label_smoothing`, `augmentation`
    (lines are counted after the changes by --set)
    ");
    insta::assert_snapshot!(toy.atrophy("run toy.toml --set =3").refused(), @"
    exit 2
    error: --set =3: there is no key before the '='
    ");
    insta::assert_snapshot!(toy.atrophy("run toy.toml --set measures[0]=loss").refused(), @"
    exit 2
    error: --set measures[0]=loss: a list like this one is set as a whole, key=[...]
    ");
    insta::assert_snapshot!(toy.atrophy("run toy.toml --set schooling.epochs").refused(), @"
    exit 2
    error: --set schooling.epochs: write it as key=value
    ");
}

#[test]
fn a_device_that_is_not_there() {
    insta::assert_snapshot!(Toy::new().atrophy("run toy.toml --device abacus").refused(), @"
    exit 2
    error: there is no device 'abacus'; choose cpu
    ");
    for gone in ["cpu-stock", "vulkan", "metal"] {
        let refused = Toy::new().atrophy(&format!("run toy.toml --device {gone}")).refused();
        let message =
            format!("error: the device '{gone}' is gone; choose cpu (graphics cards are to come back with networks of PyTorch)");
        assert_eq!(refused.trim_end(), format!("exit 2\n{message}"));
    }
}

#[test]
fn usage() {
    let ran = Toy::new().atrophy("run toy.toml --threads 0");
    assert_eq!(ran.exit, 2);
    assert!(ran.err.contains("--threads"), "{}", ran.err);
}

/// A toy of CIFAR-10, whose files are in `data` or not.
fn cifar() -> Toy {
    let toy = Toy::new();
    toy.change("{ shapes = { train = 40, test = 20 } }", "{ cifar10 = { train = 40, test = 20 } }");
    toy
}

#[test]
fn data_that_is_nowhere_to_be_had() {
    // nobody listens on port 9 of this machine
    let message = cifar().atrophy("run toy.toml --mirror http://127.0.0.1:9/").refused();
    insta::assert_snapshot!(message, @"
    exit 3
    error: cannot download: http://127.0.0.1:9/cifar-10-binary.tar.gz: io: Connection refused (os error 111); check the network and run the same command again, or download it by hand and put it into data, or name another source with --mirror
    ");
}

#[test]
fn a_truncated_data_file() {
    let toy = cifar();
    (1..=5).for_each(|i| toy.write(&format!("data/cifar-10-batches-bin/data_batch_{i}.bin"), [0; 3073 * 10]));
    toy.write("data/cifar-10-batches-bin/test_batch.bin", [0; 3073 * 2 - 1]);
    insta::assert_snapshot!(toy.atrophy("run toy.toml").refused(), @"
    exit 3
    error: it was cut short or is not a CIFAR-10 file in binary format: 30730 bytes, not 30730000 (10000 images of 3073): data/cifar-10-batches-bin/data_batch_1.bin; unpack cifar-10-binary.tar.gz again, or name another folder with --data
    ");
}

#[test]
fn a_foreign_data_file() {
    let toy = cifar();
    (1..=5).for_each(|i| toy.write(&format!("data/cifar-10-batches-bin/data_batch_{i}.bin"), [77; 3073 * 10]));
    toy.write("data/cifar-10-batches-bin/test_batch.bin", [77; 3073 * 20]);
    insta::assert_snapshot!(toy.atrophy("run toy.toml").refused(), @"
    exit 3
    error: it was cut short or is not a CIFAR-10 file in binary format: 30730 bytes, not 30730000 (10000 images of 3073): data/cifar-10-batches-bin/data_batch_1.bin; unpack cifar-10-binary.tar.gz again, or name another folder with --data
    ");
}

#[test]
fn weights_of_another_network() {
    let toy = Toy::new();
    let _ = toy.atrophy("run toy.toml --threads 1 --out donor").done();
    // the state of a case, whatever it is called
    let state = |case: &str| {
        let names = std::fs::read_dir(toy.path(case)).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        format!("{case}/{}", names.filter(|name| name.ends_with(".safetensors")).max().unwrap())
    };
    let given = |weights: &str| {
        let ran =
            toy.atrophy(&format!("run toy.toml --threads 1 --set schooling.weights={weights} --set network.tiny.width=1.0"));
        assert!(!toy.path("runs").exists(), "nothing was begun");
        ran.refused()
    };
    toy.write("donor.safetensors", std::fs::read(toy.path(&state("donor/subjects/network-1-data-1"))).unwrap());
    insta::assert_snapshot!(given("donor.safetensors"), @"
    exit 3
    error: toy.toml: schooling.weights: ./donor.safetensors: its tensor 'features.0.weight' has the shape [4, 3, 3, 3], but Tiny with batch normalisation, two dense layers needs [8, 3, 3, 3], so it belongs to another network
    ");

    // weights that fit, but of a network that has lost synapses
    let _ = toy.atrophy("run toy.toml --threads 1 --set network.tiny.width=1.0 --out wounded").done();
    let wounded = state("wounded/trials/untreated/network-1-injury-1-data-1");
    toy.write("wounded.safetensors", std::fs::read(toy.path(&wounded)).unwrap());
    insta::assert_snapshot!(given("wounded.safetensors"), @"
    exit 3
    error: toy.toml: schooling.weights: ./wounded.safetensors: these weights have a lesion ('features.0.weight_mask' marks 78 of 216 as lost, 36.1 %), and a subject starts healthy; give the weights from before they were pruned
    ");

    toy.write("garbage.safetensors", "no weights");
    insta::assert_snapshot!(given("garbage.safetensors"), @"
    exit 3
    error: toy.toml: schooling.weights: ./garbage.safetensors: it is not a whole safetensors file (it has no header)
    ");
    insta::assert_snapshot!(given("nowhere.safetensors"), @"
    exit 3
    error: toy.toml: schooling.weights: ./nowhere.safetensors: No such file or directory (os error 2)
    ");
}

/// A run in which a network fails: the report is made all the same, and the exit code says that something is amiss.
#[track_caller]
fn reported_with_failures(toy: &Toy) -> String {
    let ran = toy.atrophy("run toy.toml");
    assert_eq!((ran.exit, ran.out.as_str()), (1, "runs/toy/report.html\n"), "{}", ran.err);
    assert!(toy.path("runs/toy/report.html").exists());
    ran.err[ran.err.find("error:").unwrap()..].trim_end().to_owned()
}

/// The index of a case, which keeps why its network failed.
fn case(toy: &Toy, folder: &str) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(toy.path(&format!("runs/toy/{folder}/case.json"))).unwrap()).unwrap()
}

#[test]
fn a_loss_that_is_no_number() {
    let toy = Toy::new();
    toy.change("rate     = 0.02", "rate     = 1e30");
    toy.change("batch_norm = true", "batch_norm = false");
    insta::assert_snapshot!(reported_with_failures(&toy), @"
    error: seed 1, schooling: epoch 1 of 2: the training loss is no longer a number (batch 2); try a smaller learning rate or batch normalisation
    seed 1, retrained: what it starts from failed
    seed 1, untreated: what it starts from failed
    and 1 more; `atrophy status` lists them
    The report counts what failed; `--retry-failed` trains it again. The rest of what was asked is done
    ");
    let failure = &case(&toy, "subjects/network-1-data-1")["failure"];
    assert_eq!(failure["at"], "schooling: epoch 1 of 2");
    assert!(failure["reason"].as_str().unwrap().starts_with("the training loss is no longer a number"));
}

/// One therapy that goes wrong does not keep the other arms from being done.
#[test]
fn a_trial_that_fails_alone() {
    let toy = Toy::new();
    toy.change("batch_norm = true", "batch_norm = false");
    toy.change("retrain = { epochs = 2", "retrain = { rate = 1e30, epochs = 2");
    insta::assert_snapshot!(reported_with_failures(&toy), @"
    error: seed 1, retrained, step 1 of 2: epoch 1 of 2: the training loss is no longer a number (batch 2); try a smaller learning rate or batch normalisation
    seed 1, sham, step 1 of 2: epoch 1 of 2: the training loss is no longer a number (batch 2); try a smaller learning rate or batch normalisation
    The report counts what failed; `--retry-failed` trains it again. The rest of what was asked is done
    ");
    let trial = |arm: &str| case(&toy, &format!("trials/{arm}/network-1-injury-1-data-1"));
    assert_eq!((&trial("untreated")["done"], &trial("untreated")["failure"]), (&4.into(), &serde_json::Value::Null));
    for arm in ["retrained", "sham"] {
        assert_eq!(trial(arm)["failure"]["at"], "step 1 of 2: epoch 1 of 2");
    }
    let _ = toy.atrophy("report runs/toy").done();
}

#[test]
fn a_folder_of_other_files() {
    let toy = Toy::new();
    toy.write("thesis/chapter1.tex", "Once upon a time");
    insta::assert_snapshot!(toy.atrophy("run toy.toml --out thesis").refused(), @"
    exit 5
    error: thesis holds other files and no ledger of a study; choose an empty folder with --out
    ");
    // but what a process left that was killed while it began a ledger is no other file
    toy.write("runs/toy/ledger.json.4711.part", "{");
    let _ = toy.atrophy("run toy.toml").done();
}

#[test]
#[cfg(target_os = "linux")]
fn a_folder_that_cannot_be_written() {
    insta::assert_snapshot!(Toy::new().atrophy("run toy.toml --out /proc/atrophy").refused(), @"
    exit 1
    error: cannot create the folder /proc/atrophy: No such file or directory (os error 2)
    ");
}

#[test]
fn a_folder_without_a_study() {
    insta::assert_snapshot!(Toy::new().atrophy("report nowhere").refused(), @"
    exit 2
    error: nowhere holds no study (no ledger.json); give the folder that `atrophy run` wrote to
    ");
}
