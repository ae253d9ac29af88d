//! Bad input gets one clear message and its exit code, never a panic, never a half-written result.

use crate::Toy;

/// The toy study with one part of its text replaced.
#[track_caller]
fn changed(part: &str, by: &str) -> String {
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
    error: there is no device 'abacus'; choose cpu, cpu-stock, vulkan or metal
    ");
    #[cfg(not(feature = "vulkan"))]
    insta::assert_snapshot!(Toy::new().atrophy("run toy.toml --device vulkan").refused(), @"
    exit 2
    error: this build has no device 'vulkan'; install it with `cargo install --features vulkan`
    ");
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
    let state = "donor/subjects/network-1-data-1/state-00002.safetensors";
    let given = |weights: &str| {
        let ran =
            toy.atrophy(&format!("run toy.toml --threads 1 --set schooling.weights={weights} --set network.tiny.width=1.0"));
        assert!(!toy.path("runs").exists(), "nothing was begun");
        ran.refused()
    };
    insta::assert_snapshot!(given(state), @"
    exit 3
    error: toy.toml: schooling.weights: ./donor/subjects/network-1-data-1/state-00002.safetensors: its tensor 'features.0.weight' has the shape [4, 3, 3, 3], but Tiny with batch normalisation, two dense layers needs [8, 3, 3, 3], so it belongs to another network
    ");

    // weights that fit, but of a network that has lost synapses
    let _ = toy.atrophy("run toy.toml --threads 1 --set network.tiny.width=1.0 --out wounded").done();
    let wounded = std::fs::read_dir(toy.path("wounded/trials/untreated/network-1-injury-1-data-1")).unwrap();
    let wounded =
        wounded.map(|entry| entry.unwrap().path()).find(|path| path.extension().is_some_and(|e| e == "safetensors")).unwrap();
    toy.write("wounded.safetensors", std::fs::read(wounded).unwrap());
    insta::assert_snapshot!(given("wounded.safetensors"), @"
    exit 3
    error: toy.toml: schooling.weights: ./wounded.safetensors: these weights have a lesion (masks with lost synapses), and a subject starts healthy
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

#[test]
fn a_loss_that_is_no_number() {
    let toy = Toy::new();
    toy.change("rate     = 0.02", "rate     = 1e30");
    toy.change("batch_norm = true", "batch_norm = false");
    insta::assert_snapshot!(toy.atrophy("run toy.toml").refused_after_progress(), @"
    exit 1
    error: seed 1, schooling: epoch 1 of 2: the training loss is no longer a number (batch 2); try a smaller learning rate or batch normalisation
    All that does not depend on this is done; `atrophy report runs/toy` shows it
    ");
}

/// One therapy that goes wrong does not keep the other arms from being done.
#[test]
fn a_trial_that_fails_alone() {
    let toy = Toy::new();
    toy.change("batch_norm = true", "batch_norm = false");
    toy.change("retrain = { epochs = 2", "retrain = { rate = 1e30, epochs = 2");
    insta::assert_snapshot!(toy.atrophy("run toy.toml").refused_after_progress(), @"
    exit 1
    error: seed 1, retrained, step 1 of 2: epoch 1 of 2: the training loss is no longer a number (batch 2); try a smaller learning rate or batch normalisation
    seed 1, sham, step 1 of 2: epoch 1 of 2: the training loss is no longer a number (batch 2); try a smaller learning rate or batch normalisation
    All that does not depend on this is done; `atrophy report runs/toy` shows it
    ");
    let done = |arm: &str| {
        let case = std::fs::read_to_string(toy.path(&format!("runs/toy/trials/{arm}/network-1-injury-1-data-1/case.json")));
        case.unwrap().matches("\"readings\"").count()
    };
    assert_eq!(done("untreated"), 2, "every step was read");
    let _ = toy.atrophy("report runs/toy").done();
}

#[test]
fn a_folder_that_belongs_to_another_study() {
    let toy = Toy::new();
    let _ = toy.atrophy("run toy.toml --threads 1").done();
    toy.change("fraction = 0.2", "fraction = 0.3");
    toy.change("epochs   = 2", "epochs   = 3");
    insta::assert_snapshot!(toy.atrophy("run toy.toml --threads 1").refused(), @"
    exit 5
    error: runs/toy holds work on 'toy' under other conditions, and mixing them would spoil both:
      arm[0].injury.ablation.fraction: was 0.2, is 0.3
      arm[1].injury.ablation.fraction: was 0.2, is 0.3
      schooling.epochs: was 2, is 3
    Undo the change, or choose another folder with --out
    ");
    toy.write("toy.toml", include_str!("toy.toml"));
    insta::assert_snapshot!(toy.atrophy("run toy.toml --threads 2").refused(), @"
    exit 5
    error: runs/toy holds work on 'toy' under other conditions, and mixing them would spoil both:
      threads: was 1, is 2
    Undo the change, or choose another folder with --out
    ");
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

#[test]
fn a_damaged_ledger() {
    let toy = Toy::new();
    let _ = toy.atrophy("run toy.toml --threads 1").done();
    let state = "runs/toy/trials/untreated/network-1-injury-1-data-1";
    let case = std::fs::read_to_string(toy.path(&format!("{state}/case.json"))).unwrap();

    toy.write(&format!("{state}/case.json"), &case[..case.find("\"state\"").unwrap()]);
    insta::assert_snapshot!(toy.atrophy("run toy.toml --threads 1").refused(), @"
    exit 5
    error: runs/toy/trials/untreated/network-1-injury-1-data-1/case.json is damaged or not of this program; put it back, or remove its folder to do the work again: EOF while parsing a value at line 15 column 2
    ");
    insta::assert_snapshot!(toy.atrophy("report runs/toy").refused(), @"
    exit 5
    error: runs/toy/trials/untreated/network-1-injury-1-data-1/case.json is damaged or not of this program; put it back, or remove its folder to do the work again: EOF while parsing a value at line 15 column 2
    ");

    toy.write(&format!("{state}/case.json"), case.replace("\"format\": 1", "\"format\": 99"));
    insta::assert_snapshot!(toy.atrophy("run toy.toml --threads 1").refused(), @"
    exit 5
    error: runs/toy/trials/untreated/network-1-injury-1-data-1/case.json is of format 99, and this build reads format 1; use the build that wrote it
    ");

    toy.write(&format!("{state}/case.json"), case.replace("\"steps_done\": 4", "\"steps_done\": 2"));
    toy.write(&format!("{state}/state-00003.safetensors"), "something else");
    insta::assert_snapshot!(toy.atrophy("run toy.toml --threads 1").refused_after_progress(), @"
    exit 5
    error: runs/toy/trials/untreated/network-1-injury-1-data-1/state-00003.safetensors is not the file that was committed (its SHA-256 differs); put it back, or remove runs/toy/trials/untreated/network-1-injury-1-data-1 to do this case again
    ");
}

#[test]
fn a_list_where_a_table_belongs() {
    let refused = |part: &str, by: &str, place: &str| {
        let message = changed(part, by);
        assert!(message.starts_with("exit 2") && message.contains(place) && message.contains("this is no list"), "{message}");
    };
    refused("{ first = 1, count = 1 }", "[10, 20]", "toy.toml:2: seeds:");
    refused("{ train = 40, test = 20 }", "[40, 0, 20]", "toy.toml:4: stimuli.shapes:");
    refused("{ batch_norm = true, head = [16], width = 0.5 }", "[true, [16], 0.5]", "toy.toml:3: network.tiny:");
    refused("{ method = \"tau-b\" }", "[\"tau-b\"]", "toy.toml:6: measures[4].rdm_similarity:");
    refused("retrain = { epochs = 2 }", "retrain = [2]", "toy.toml:19: arm[0].plasticity.retrain:");
    refused(
        "{ fraction = 0.2, of = \"remaining\", scope = \"per-layer\" }",
        "[0.2, \"remaining\", \"per-layer\"]",
        "toy.toml:18: arm[0].injury.ablation:",
    );
}

#[test]
fn a_change_that_would_take_an_arm_away() {
    let toy = Toy::new();
    let refused = |change: &str| toy.atrophy(&format!("plan toy.toml --set {change}")).refused();
    assert!(refused("arm[0]=x").contains("write the whole table"));
    assert!(refused("arm=[]").contains("the study has no arm"));
    assert!(refused("seeds.count=2 --set seeds.count=3").contains("set twice"));
    let whole =
        toy.atrophy("plan toy.toml --set arm[0]={name=\"new\",steps=1,injury=\"none\",plasticity={retrain={epochs=1}}}").done();
    assert!(whole.out.contains("new") && whole.out.contains("untreated") && !whole.out.contains("retrained "), "{}", whole.out);
}

#[test]
fn a_study_that_is_no_small_file_of_text() {
    let toy = Toy::new();
    toy.write("large.toml", vec![b'#'; 1_000_001]);
    toy.write("latin.toml", b"question = 1\n# \xff");
    toy.write("deep.toml", format!("question = {}", "[".repeat(500_000)));
    for (study, reason) in [
        ("large.toml", "at most 1 MB"),
        ("latin.toml", "line 2 is not UTF-8"),
        (".", "it is a folder"),
        ("deep.toml", "deep.toml"),
    ] {
        let message = toy.atrophy(&format!("plan {study}")).refused();
        assert!(message.starts_with("exit 2") && message.contains(reason) && message.chars().count() < 530, "{message}");
    }
    #[cfg(unix)]
    assert!(toy.atrophy("plan /dev/zero").refused().contains("not a file"));
    assert!(
        toy.atrophy("plan toy.toml --set seeds.count=1000000000")
            .refused()
            .contains("seeds.count: 1000000000 is too many; at most 10000")
    );
}
