//! Study files and changes by `--set` that nobody in earnest would write: one short message each, at once, and nothing on the terminal
//! but text.

use std::process::Command;

use crate::bad_input::changed;
use crate::{Ran, Toy};

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
    assert!(
        whole.out.contains("new") && whole.out.contains("untreated") && !whole.out.contains("arm 'retrained'"),
        "{}",
        whole.out
    );
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
    {
        assert!(toy.atrophy("plan /dev/zero").refused().contains("it is a device; save it as a file"));
        assert!(Command::new("mkfifo").arg(toy.path("pipe.toml")).status().unwrap().success());
        assert!(toy.atrophy("plan pipe.toml").refused().contains("it is a pipe; save it as a file"));
    }
    assert!(
        toy.atrophy("plan toy.toml --set seeds.count=1000000000")
            .refused()
            .contains("seeds.count: 1000000000 is too many; at most 10000")
    );
}

/// However deep a text nests, it is refused by one short message, on a stack of the usual size.
#[test]
fn a_study_that_nests_without_end() {
    let toy = Toy::new();
    let dotted = |levels: usize| vec!["a"; levels].join(".");
    let studies = [
        format!("a = {}", "[".repeat(490_000)),
        format!("a = {}{}", "[".repeat(400_000), "]".repeat(400_000)),
        format!("a = {}", "{b=".repeat(330_000)),
        format!("[{}]\nx = 1", dotted(490_000)),
        format!("{} = 1", dotted(490_000)),
        // each within what the parser allows, together too much
        format!("[{}]\n{}", dotted(79), format!("{} = {{", dotted(79)).repeat(79)),
        format!("[[{}]]\n{}{}", dotted(79), format!("{} = {{", dotted(79)).repeat(70), "}".repeat(70)),
    ];
    for text in studies {
        toy.write("deep.toml", &text);
        let started = std::time::Instant::now();
        let message = toy.atrophy("run deep.toml").refused();
        assert!(message.starts_with("exit 2") && message.contains("deeper than any study"), "{message}");
        assert!(message.chars().count() < 530 && started.elapsed().as_secs() < 10, "{message}");
    }
    let message = toy.atrophy(&format!("plan toy.toml --set {}=1", dotted(20_000))).refused();
    assert!(message.starts_with("exit 2") && message.chars().count() < 530, "{message}");
    let message = toy.atrophy(&format!("plan toy.toml --set measures={}", "[".repeat(100_000))).refused();
    assert!(message.starts_with("exit 2") && message.contains("deeper than any study"), "{message}");
}

#[test]
fn changes_that_cannot_be_made() {
    let toy = Toy::new();
    let refused = |change: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_atrophy"));
        command.current_dir(toy.folder.path()).args(["plan", "toy.toml", "--set", change]);
        let message = Ran::of(&command.output().unwrap(), toy.folder.path()).refused();
        assert!(message.starts_with("exit 2") && message.chars().count() < 530, "{message}");
        assert!(!message.contains(|c: char| c.is_control() && c != '\n'), "{message:?}");
        message
    };
    for change in [
        "\"seeds\".count=1",
        "arm['a']=1",
        "arm[=1",
        "arm]0[=1",
        "..=1",
        "seeds..count=1",
        "arm[-1].steps=1",
        "a\u{1b}b=1",
        "\n=1",
    ] {
        let message = refused(change);
        assert!(message.contains("a key is made of") || message.contains("no key before"), "{message}");
    }
    for (change, reason) in [
        ("arm[99999999999999999999].steps=1", "a key is made of"),
        ("arm[4294967296].steps=1", "the study has no 'arm[4294967296].steps'"),
        ("arm[0][0]=1", "the study has no"),
        ("seeds[0]=1", "the study has no 'seeds[0]'"),
        ("seeds.count[0]=1", "the study has no"),
        ("question[0]=1", "the study has no"),
        ("arm.name=x", "the study has no 'arm.name'"),
        ("arm[0].name", "write it as key=value"),
        ("arm[0].name=", "there is no value"),
        ("arm[0].name=a\u{1b}[31mb\u{7}", "cannot name an arm"),
        ("arm[0].name=a\nb", "cannot name an arm"),
        ("seeds.count=1\n[evil]", "invalid type"),
        ("arm[0].name=\u{202e}", "cannot name an arm"),
        // a bare word may have any number of dots
        ("arm[0].name=../../../../../../../../../../x", "cannot name an arm"),
    ] {
        let message = refused(change);
        assert!(message.contains(reason), "{change:?}: {message}");
    }
}

/// What a study says of itself reaches a terminal as text alone.
#[cfg(unix)]
#[test]
fn a_study_cannot_write_escape_codes() {
    let toy = Toy::new();
    toy.change("Does the toy go round?", "red \\u001b[31m and\\ttab");
    std::fs::rename(toy.path("toy.toml"), toy.path("x\u{1b}[2J.toml")).unwrap();
    let told = toy.atrophy("plan x\u{1b}[2J.toml").done().out;
    assert!(told.starts_with("x\\u{1b}[2J: red \\u{1b}[31m and tab\n"), "{told}");
    assert!(!told.contains(|c: char| c.is_control() && c != '\n'));

    toy.write("tab.toml", "question = \"\"\r\n[schooling]\r\n\tepochs =\t\"two\"\r\n");
    insta::assert_snapshot!(toy.atrophy("plan tab.toml").refused(), @r#"
    exit 2
    error: tab.toml: TOML parse error at line 3, column 11
      |
    3 |  epochs = "two"
      |           ^^^^^
    invalid type: string "two", expected u32
    "#);
}
