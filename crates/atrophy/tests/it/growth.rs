//! Studies that grow: what is there is not done again, and the result is that of a study that asked for all of it at once.

use std::collections::BTreeMap;

use atrophy::sweep::Standing;

use crate::Toy;
use crate::resume::{Ready, done, files};

/// How many steps it takes to finish a study in a folder: nothing that is there is done again.
pub(crate) fn steps_to_finish(toy: &Toy, changes: &[&str], out: &str) -> u64 {
    let ready = Ready::new(toy, changes);
    let mut steps = 0;
    while ready.run(&toy.path(out), 1) == Standing::Halted {
        steps += 1;
    }
    steps + 1
}

/// What a report says, without the folder's own history.
pub(crate) fn results(toy: &Toy, out: &str) -> BTreeMap<String, Vec<u8>> {
    let _ = toy.atrophy(&format!("report {out}")).done();
    let names = ["results.csv", "table.csv", "comparisons.csv"];
    names.iter().map(|name| ((*name).to_owned(), std::fs::read(toy.path(&format!("{out}/{name}"))).unwrap())).collect()
}

/// Runs the study as it is, then with these changes in the same folder, and compares with a study that had them from the beginning.
/// Tells how many steps the growth took.
#[track_caller]
pub(crate) fn grown(before: &[&str], changes: &[&str]) -> u64 {
    let toy = Toy::new();
    assert_eq!(Ready::new(&toy, before).run(&toy.path("grown"), u64::MAX), done());
    let changed: Vec<&str> = before.iter().chain(changes).copied().collect();
    let steps = steps_to_finish(&toy, &changed, "grown");
    assert_eq!(Ready::new(&toy, &changed).run(&toy.path("straight"), u64::MAX), done());
    assert!(results(&toy, "grown") == results(&toy, "straight"), "grown by {changes:?}");
    assert_eq!(toy.atrophy("check grown").done().exit, 0);
    steps
}

const RETRAINED: u64 = 10;
const UNTREATED: u64 = 4;
const SHAM: u64 = 6;
const SCHOOLING: u64 = 3;

/// What an earlier wish kept serves a later question, though the study no longer asks to keep it: nothing is learned again.
#[test]
fn kept_networks_are_read_though_nobody_asks_to_keep_them_any_more() {
    let pearson = "measures=[\"accuracy\",{rdm_similarity={method=\"pearson\"}}]";
    let toy = Toy::new();
    let _ = toy.atrophy("run toy.toml --out out --set keep=every-reading").done();
    let ran = toy.atrophy(&format!("run toy.toml --out out --set {pearson}")).done();
    assert!(ran.err.contains("reading") && !ran.err.contains("epoch"), "{}", ran.err);
}

#[test]
fn a_seed_more_is_one_subject_and_its_trials() {
    assert_eq!(grown(&[], &["seeds.count=2"]), SCHOOLING + RETRAINED + UNTREATED + SHAM);
}

#[test]
fn a_mended_typo_and_another_name_cost_nothing() {
    assert_eq!(grown(&[], &["question=Does the toy go around?"]), 1, "one question, whether there is anything to do");
    assert_eq!(grown(&[], &["arm[0].name=taught again"]), 1);
    assert_eq!(grown(&[], &["schooling.nesterov=false"]), 1, "a default written out");
}

#[test]
fn more_steps_go_on_where_the_arm_ended() {
    assert_eq!(grown(&[], &["arm[0].steps=3"]), RETRAINED / 2);
    assert_eq!(grown(&[], &["arm[0].steps=1"]), 1);
}

#[test]
fn a_new_measure_or_layer_reads_kept_networks_and_trains_nothing() {
    let readings = 1 + 4 + 2 + 2;
    let measures =
        r#"measures=["accuracy", "class_accuracy", "loss", {rdm_similarity={method="spearman", distance="euclidean"}}]"#;
    assert_eq!(grown(&["keep=every-reading"], &[measures]), readings);
    assert_eq!(grown(&["keep=every-reading"], &[r#"probe.layers=["block1","block2","penultimate"]"#]), readings);
    assert_eq!(grown(&["keep=every-reading"], &[r#"probe.layers=["penultimate"]"#]), 1, "fewer layers were asked before");
    assert_eq!(grown(&["keep=every-reading"], &["probe.images={per_class=1}"]), readings);
}

/// Questions change back and forth: nothing that was answered is asked again, and nothing is missing.
#[test]
fn answers_to_earlier_questions_stay() {
    let toy = Toy::new();
    let kept = "keep=every-reading";
    let other = r#"measures=[{rdm_similarity={method="spearman"}}]"#;
    assert_eq!(Ready::new(&toy, &[kept]).run(&toy.path("grown"), u64::MAX), done());
    let before = results(&toy, "grown");
    assert_eq!(steps_to_finish(&toy, &[kept, other], "grown"), 1 + 4 + 2 + 2);
    assert_eq!(steps_to_finish(&toy, &[kept], "grown"), 1);
    assert!(results(&toy, "grown") == before);
    let _ = toy.atrophy("check grown").done();
}

#[test]
fn a_new_measure_computes_again_what_was_not_kept() {
    let steps = grown(&[], &[r#"measures=["accuracy", "loss", {rdm_similarity={method="tau-a"}}]"#]);
    // each arm's last reading is of its last network, which is kept; what lies before is gone through again
    assert_eq!(steps, 1 + (5 + 2 + 1) + (2 + 1) + (3 + 1));
}

#[test]
fn a_checkpoint_that_is_wanted_later_is_made_again() {
    assert_eq!(grown(&[], &["keep=[1]"]), (1 + 2) + 1 + 2);
}

const BRANCH: &str = r#"

[[arm]]
name       = "given up"
start      = { arm = "retrained", step = 1 }
steps      = 2
injury     = { ablation = { fraction = 0.2, of = "remaining", scope = "per-layer" } }
plasticity = "none"
"#;

fn with_branch(toy: &Toy) {
    toy.write("toy.toml", format!("{}{BRANCH}", include_str!("toy.toml")));
}

#[test]
fn an_arm_begins_with_the_network_of_another_arm() {
    let toy = Toy::new();
    assert_eq!(Ready::new(&toy, &[]).run(&toy.path("grown"), u64::MAX), done());
    with_branch(&toy);
    let steps = steps_to_finish(&toy, &[], "grown");
    assert_eq!(steps, (1 + 2) + UNTREATED, "the checkpoint after step 1 was not kept");
    assert_eq!(Ready::new(&toy, &[]).run(&toy.path("straight"), u64::MAX), done());
    assert!(results(&toy, "grown") == results(&toy, "straight"));
    let table = String::from_utf8(results(&toy, "straight")["results.csv"].clone()).unwrap();
    let row = |arm: &str, step: &str, phase: &str, measure: &str| {
        let found = |line: &&str| {
            let row: Vec<&str> = line.split(',').collect();
            row[1] == arm && row[5] == step && row[6] == phase && row[9] == measure
        };
        table.lines().find(found).map(|line| line.split(',').skip(7).map(str::to_owned).collect::<Vec<_>>())
    };
    // what happens next happens to both: the same synapses, from the same network
    assert_eq!(row("given up", "2", "injured", "loss"), row("retrained", "2", "injured", "loss"));
    assert_ne!(row("given up", "3", "injured", "loss"), None);
    assert_eq!(row("given up", "1", "injured", "loss"), None, "its first step is the second");
}

/// The same course after a branch is the same course without one.
#[test]
fn a_branch_that_goes_on_as_before_ends_in_the_same_network() {
    let toy = Toy::new();
    let same = BRANCH.replace("steps      = 2", "steps      = 1").replace("\"none\"", "{ retrain = { epochs = 2 } }");
    toy.write("toy.toml", format!("{}{same}", include_str!("toy.toml")));
    assert_eq!(Ready::new(&toy, &[]).run(&toy.path("out"), u64::MAX), done());
    let files = files(&toy.path("out"));
    let state = |arm: &str| {
        let found = |name: &&String| name.starts_with(&format!("trials/{arm}/")) && name.ends_with(".safetensors");
        &files[files.keys().filter(found).max_by_key(|name| (*name).clone()).unwrap()]
    };
    assert!(state("given up") == state("retrained"));
}

#[test]
fn a_branch_from_another_study_brings_what_it_goes_back_to() {
    let toy = Toy::new();
    let _ = toy.atrophy("run toy.toml --out first --set keep=[1]").done();
    let branch = BRANCH.replace("{ arm =", "{ study = \"first\", arm =");
    let alone = include_str!("toy.toml").split("[[arm]]").next().unwrap().replace("[0, 1]", "[0, 2]"); // it has the steps 2 and 3
    toy.write("branch.toml", format!("{alone}{branch}"));
    let _ = toy.atrophy("run branch.toml --out second").done();
    let with_arm = format!("{}{BRANCH}", include_str!("toy.toml"));
    toy.write("toy.toml", with_arm);
    let _ = toy.atrophy("run toy.toml --out first").done();
    let rows = |out: &str| -> Vec<String> {
        let text = String::from_utf8(results(&toy, out)["results.csv"].clone()).unwrap();
        let own = text.lines().filter(|line| line.contains(",given up,"));
        own.map(|line| line.split_once(',').unwrap().1.to_owned()).collect()
    };
    assert!(!rows("second").is_empty());
    assert_eq!(rows("second"), rows("first"));
    // what was copied is the study's own
    std::fs::rename(toy.path("first"), toy.path("elsewhere")).unwrap();
    let _ = toy.atrophy("run branch.toml --out second").done();
    assert_eq!(toy.atrophy("status second").done().exit, 0);
}

#[test]
fn branches_that_cannot_begin_are_refused_before_anything_is_done() {
    let refused = |branch: &str| {
        let toy = Toy::new();
        toy.write("toy.toml", format!("{}{branch}", include_str!("toy.toml")));
        let message = toy.atrophy("run toy.toml").refused();
        assert!(!toy.path("runs/toy/subjects").exists(), "nothing was begun");
        message
    };
    insta::assert_snapshot!(refused(&BRANCH.replace("step = 1", "step = 7")), @"
    exit 2
    error: toy.toml:36: arm[3].start.step: arm 'retrained' has no step 7; its steps are 1 to 2
    ");
    insta::assert_snapshot!(refused(&BRANCH.replace("\"retrained\"", "\"nobody\"")), @"
    exit 2
    error: toy.toml:36: arm[3].start.arm: the study has no arm 'nobody' to start from
    ");
    insta::assert_snapshot!(refused(&BRANCH.replace("\"retrained\"", "\"given up\"")), @"
    exit 2
    error: toy.toml:36: arm[3].start.arm: the arm starts from 'given up', which goes back to itself
    ");
    insta::assert_snapshot!(refused(&BRANCH.replace("{ arm =", "{ study = \"nowhere\", arm =")), @"
    exit 2
    error: arm 'given up': nowhere holds no study (no ledger.json); give the folder that `atrophy run` wrote to
    ");
}

#[test]
fn a_changed_arm_is_another_case_and_the_old_one_stays_until_it_is_cleaned_away() {
    let toy = Toy::new();
    let _ = toy.atrophy("run toy.toml").done();
    let before = files(&toy.path("runs/toy/trials/untreated"));
    toy.change("plasticity = \"none\"", "plasticity = { retrain = { epochs = 1 } }");
    let ran = toy.atrophy("run toy.toml").done();
    assert!(ran.err.contains("1 case that the study no longer asks for stays in runs/toy"), "{}", ran.err);
    assert!(
        before.iter().all(|(name, bytes)| std::fs::read(toy.path("runs/toy/trials/untreated").join(name)).unwrap() == *bytes)
    );
    let listed = toy.atrophy("clean runs/toy").done().out;
    assert!(listed.contains("untreated/network-1-injury-1-data-1 (") && listed.contains("--yes takes them away"), "{listed}");
    assert!(toy.path("runs/toy/trials/untreated/network-1-injury-1-data-1").exists(), "only listed");
    // undone, it is all there again
    toy.change("plasticity = { retrain = { epochs = 1 } }", "plasticity = \"none\"");
    let ran = toy.atrophy("run toy.toml").done();
    assert!(!ran.err.contains("epoch"), "nothing is learned: {}", ran.err);
    assert!(toy.atrophy("clean runs/toy --yes").done().out.contains("1 case removed"));
    let left = files(&toy.path("runs/toy/trials/untreated"));
    assert!(before.iter().all(|(name, bytes)| left.get(name) == Some(bytes)));
    let _ = toy.atrophy("check runs/toy").done();
}

#[test]
fn another_study_needs_a_folder_of_its_own() {
    let toy = Toy::new();
    let _ = toy.atrophy("run toy.toml --out shared").done();
    toy.write("other.toml", include_str!("toy.toml").replace("rate     = 0.02", "rate     = 0.03"));
    let refused = toy.atrophy("run other.toml --out shared").refused();
    assert!(refused.contains("exit 5") && refused.contains("shared holds the study 'toy'"), "{refused}");
    toy.write("renamed.toml", include_str!("toy.toml"));
    let _ = toy.atrophy("run renamed.toml --out shared").done();
}

/// What a failure leaves out can still be read and branched from, up to where it failed.
#[test]
fn a_failed_trial_grows_up_to_its_failure() {
    let toy = Toy::new();
    toy.change("batch_norm = true", "batch_norm = false");
    let doomed = "arm[0].plasticity.retrain.rate=1e30";
    assert_eq!(toy.atrophy(&format!("run toy.toml --out out --set {doomed}")).exit, 1);
    let more = format!("{doomed} --set measures=[\"accuracy\",{{rdm_similarity={{method=\"pearson\"}}}}]");
    let ran = toy.atrophy(&format!("run toy.toml --out out --set {more}"));
    assert_eq!(ran.exit, 1, "{}", ran.err);
    let text = std::fs::read_to_string(toy.path("out/results.csv")).unwrap();
    let read = text
        .lines()
        .filter(|line| line.contains(",retrained,") && line.contains("1,injured") && line.contains("pearson"))
        .count();
    assert_eq!(read, 2, "at both layers, before the failure");
}

#[test]
fn folders_that_were_filled_apart_are_joined() {
    let toy = Toy::new();
    toy.change("count = 1", "count = 3");
    let _ = toy.atrophy("run toy.toml --out all").done();
    for seed in 1..=3 {
        let _ = toy.atrophy(&format!("run toy.toml --out seed{seed} --set seeds.first={seed} --set seeds.count=1")).done();
    }
    let _ = toy.atrophy("merge seed1 seed2 --out two").done();
    let told = toy.atrophy("merge two seed3 --out joined").done().out;
    assert!(told.contains("12 cases copied to joined"), "{told}");
    assert!(results(&toy, "all") == results(&toy, "joined"));
    let ran = toy.atrophy("run toy.toml --out joined").done();
    assert!(!ran.err.contains("epoch"), "there is nothing to do: {}", ran.err);
    assert!(files(&toy.path("all")) == files(&toy.path("joined")), "byte for byte");

    let again = toy.atrophy("merge seed1 seed2 seed3 --out joined").done().out;
    assert!(again.contains("0 cases copied"), "{again}");
    let other = toy.atrophy("merge seed1 seed2 --out joined").refused();
    assert!(other.contains("holds another study than these make together"), "{other}");

    let inside = toy.atrophy("merge seed1 seed2 --out seed1/sub").refused();
    assert!(inside.contains("lies in it"), "{inside}");

    let gap = toy.atrophy("merge seed1 seed3 --out gap").done().out;
    assert!(gap.contains("no trial of seed 2"), "{gap}");
    let _ = toy.atrophy("run toy.toml --out other --set schooling.rate=0.5").done();
    let refused = toy.atrophy("merge seed1 other --out wrong").refused();
    insta::assert_snapshot!(refused, @"
    exit 5
    error: seed1 and other hold different studies (schooling), and only seeds, arms and wording may differ
    ");
}

#[test]
fn one_subject_is_one_task() {
    let toy = Toy::new();
    toy.change("count = 1", "count = 3");
    let _ = toy.atrophy("run toy.toml --subject 2").done();
    let subjects: Vec<_> = std::fs::read_dir(toy.path("runs/toy/subjects")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(subjects, ["network-2-data-2"]);
    insta::assert_snapshot!(toy.atrophy("run toy.toml --subject 4").refused(), @"
    exit 2
    error: --subject 4: the study has the seeds 1 to 3
    ");
    insta::assert_snapshot!(toy.atrophy("status runs/toy").done().out, @"
    subjects   3 cases: 1 done, 2 free
    retrained  3 cases: 1 done, 2 waiting
    untreated  3 cases: 1 done, 2 waiting
    sham       3 cases: 1 done, 2 waiting
    ");
    let _ = toy.atrophy("run toy.toml").done();
}
