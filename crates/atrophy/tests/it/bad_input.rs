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
    insta::assert_snapshot!(changed("momentum = 0.9", "momentun = 0.9"), @"");
}

#[test]
fn an_unknown_key_inside_an_injury() {
    insta::assert_snapshot!(changed(r#"scope = "per-layer" } }"#, r#"scope = "per-layer", percent = 20 } }"#), @"");
}

#[test]
fn a_missing_key() {
    insta::assert_snapshot!(changed("rate     = 0.05\n", ""), @"");
}

#[test]
fn a_wrong_type() {
    insta::assert_snapshot!(changed("epochs   = 2", r#"epochs = "two""#), @"");
}

#[test]
fn no_toml_at_all() {
    insta::assert_snapshot!(changed("[schooling]", "[schooling"), @"");
}

#[test]
fn a_percentage_for_a_fraction() {
    insta::assert_snapshot!(changed("fraction = 0.2", "fraction = 20"), @"");
}

#[test]
fn an_unknown_injury() {
    insta::assert_snapshot!(changed("{ ablation =", "{ stroke ="), @"");
}

#[test]
fn no_arm() {
    let toy = Toy::new();
    toy.write("toy.toml", include_str!("toy.toml").split("[[arm]]").next().unwrap());
    insta::assert_snapshot!(toy.atrophy("run toy.toml").refused(), @"");
}

#[test]
fn two_arms_of_one_name() {
    insta::assert_snapshot!(changed(r#""untreated""#, r#""Retrained""#), @"");
}

#[test]
fn a_name_that_cannot_be_a_folder() {
    insta::assert_snapshot!(changed(r#""untreated""#, r#""../untreated""#), @"");
}

#[test]
fn a_layer_the_network_does_not_have() {
    insta::assert_snapshot!(changed(r#""block2""#, r#""block7""#), @"");
}

#[test]
fn a_network_that_cannot_take_the_images() {
    let toy = Toy::new();
    toy.change("{ shapes = { train = 40, test = 20 } }", r#"{ folder = { path = "pictures", size = 16 } }"#);
    toy.change(r#"tiny = { batch_norm = true, head = [8], width = 0.5 }"#, "vgg = { depth = 11, batch_norm = true, head = [] }");
    let white = include_bytes!("white.png");
    ["train/cat", "train/dog", "test/cat", "test/dog"]
        .iter()
        .for_each(|folder| toy.write(&format!("pictures/{folder}/1.png"), white));
    insta::assert_snapshot!(toy.atrophy("run toy.toml").refused(), @"");
}

#[test]
fn no_study_of_that_name() {
    insta::assert_snapshot!(Toy::new().atrophy("run nothing.toml").refused(), @"");
}

#[test]
fn a_change_of_a_key_that_is_not_there() {
    let toy = Toy::new();
    insta::assert_snapshot!(toy.atrophy("run toy.toml --set arm[7].steps=3").refused(), @"");
    insta::assert_snapshot!(toy.atrophy("run toy.toml --set schooling.epoch=3").refused(), @"");
    insta::assert_snapshot!(toy.atrophy("run toy.toml --set schooling.epochs").refused(), @"");
}

#[test]
fn a_device_that_is_not_there() {
    insta::assert_snapshot!(Toy::new().atrophy("run toy.toml --device abacus").refused(), @"");
    #[cfg(not(feature = "vulkan"))]
    insta::assert_snapshot!(Toy::new().atrophy("run toy.toml --device vulkan").refused(), @"");
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
    insta::assert_snapshot!(message, @"");
}

#[test]
fn a_truncated_data_file() {
    let toy = cifar();
    (1..=5).for_each(|i| toy.write(&format!("data/cifar-10-batches-bin/data_batch_{i}.bin"), [0; 3073 * 10]));
    toy.write("data/cifar-10-batches-bin/test_batch.bin", [0; 3073 * 2 - 1]);
    insta::assert_snapshot!(toy.atrophy("run toy.toml").refused(), @"");
}

#[test]
fn a_foreign_data_file() {
    let toy = cifar();
    (1..=5).for_each(|i| toy.write(&format!("data/cifar-10-batches-bin/data_batch_{i}.bin"), [77; 3073 * 10]));
    toy.write("data/cifar-10-batches-bin/test_batch.bin", [77; 3073 * 20]);
    insta::assert_snapshot!(toy.atrophy("run toy.toml").refused(), @"");
}

#[test]
fn weights_of_another_network() {
    let toy = Toy::new();
    let _ = toy.atrophy("run toy.toml --threads 1 --out donor").done();
    let state = "donor/subjects/network-1-data-1/state-00002.safetensors";
    let given = |weights: &str| {
        toy.atrophy(&format!("run toy.toml --threads 1 --set schooling.weights={weights} --set network.tiny.width=1.0"))
    };
    insta::assert_snapshot!(given(state).refused_after_progress(), @"");

    toy.write("garbage.safetensors", "no weights");
    insta::assert_snapshot!(given("garbage.safetensors").refused_after_progress(), @"");
    insta::assert_snapshot!(given("nowhere.safetensors").refused_after_progress(), @"");
}

#[test]
fn a_loss_that_is_no_number() {
    let toy = Toy::new();
    toy.change("rate     = 0.05", "rate     = 1e30");
    toy.change("batch_norm = true", "batch_norm = false");
    insta::assert_snapshot!(toy.atrophy("run toy.toml").refused_after_progress(), @"");
}

#[test]
fn a_folder_that_belongs_to_another_study() {
    let toy = Toy::new();
    let _ = toy.atrophy("run toy.toml --threads 1").done();
    toy.change("fraction = 0.2", "fraction = 0.3");
    toy.change("epochs   = 2", "epochs   = 3");
    insta::assert_snapshot!(toy.atrophy("run toy.toml --threads 1").refused(), @"");
    toy.write("toy.toml", include_str!("toy.toml"));
    insta::assert_snapshot!(toy.atrophy("run toy.toml --threads 2").refused(), @"");
}

#[test]
fn a_folder_of_other_files() {
    let toy = Toy::new();
    toy.write("thesis/chapter1.tex", "Once upon a time");
    insta::assert_snapshot!(toy.atrophy("run toy.toml --out thesis").refused(), @"");
}

#[test]
#[cfg(target_os = "linux")]
fn a_folder_that_cannot_be_written() {
    insta::assert_snapshot!(Toy::new().atrophy("run toy.toml --out /proc/atrophy").refused(), @"");
}

#[test]
fn a_folder_without_a_study() {
    insta::assert_snapshot!(Toy::new().atrophy("report nowhere").refused(), @"");
}

#[test]
fn a_damaged_ledger() {
    let toy = Toy::new();
    let _ = toy.atrophy("run toy.toml --threads 1").done();
    let state = "runs/toy/trials/untreated/network-1-injury-1-data-1";
    let case = std::fs::read_to_string(toy.path(&format!("{state}/case.json"))).unwrap();

    toy.write(&format!("{state}/case.json"), &case[..case.len() / 2]);
    insta::assert_snapshot!(toy.atrophy("run toy.toml --threads 1").refused(), @"");
    insta::assert_snapshot!(toy.atrophy("report runs/toy").refused(), @"");

    toy.write(&format!("{state}/case.json"), case.replace("\"format\": 1", "\"format\": 99"));
    insta::assert_snapshot!(toy.atrophy("run toy.toml --threads 1").refused(), @"");

    toy.write(&format!("{state}/case.json"), case.replace("\"steps_done\": 4", "\"steps_done\": 2"));
    toy.write(&format!("{state}/state-00003.safetensors"), "something else");
    insta::assert_snapshot!(toy.atrophy("run toy.toml --threads 1").refused_after_progress(), @"");
}
