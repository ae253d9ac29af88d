//! Nothing is ever lost: stopped after any commit and gone on with, a study ends in the same bytes.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::Path;

use atrophy::ledger::{FORMAT, Ledger, Title};
use atrophy::screen::Screen;
use atrophy::study_file::{self, StudyFile};
use atrophy::sweep::{self, Standing};
use atrophy::trial::Lab;
use neuro::architecture::Architecture;
use neuro::images::Stimuli;
use neuro::record::Cause;
use neuro::responses::Showing;

use crate::Toy;

/// The toy study with these changes, and its images.
fn read(toy: &Toy, changes: &[String]) -> (StudyFile, Stimuli) {
    let file = study_file::read(&toy.path("toy.toml"), changes).unwrap();
    let place = stimuli::Place { data: toy.path("data"), study_folder: file.folder.clone(), mirror: None };
    let stimuli = stimuli::load(&file.study.stimuli, &place, &mut |_| {}).unwrap();
    (file, stimuli)
}

/// Runs the toy study in `out` until it is done or has taken `steps` steps.
fn run(file: &StudyFile, stimuli: &Stimuli, out: &Path, steps: usize) -> Standing {
    let left = Cell::new(steps);
    run_until(file, stimuli, out, &|| left.replace(left.get().saturating_sub(1)) == 0)
}

/// The same until `halt`, which is asked before each step, says so.
fn run_until(file: &StudyFile, stimuli: &Stimuli, out: &Path, halt: &dyn Fn() -> bool) -> Standing {
    let showing = Showing::new(stimuli.test.labels(), None, &stimuli.classes);
    let title = title(file, stimuli);
    let architecture = architecture(file, stimuli);
    let ledger = Ledger::open(out, &title).unwrap();
    let device = net::Device::Cpu;
    let lab = Lab { study: &file.study, stimuli, showing, architecture, device, given_weights: None, halt };
    sweep::run(&lab, &ledger, &title.cause, &mut Screen::silent()).unwrap()
}

fn architecture(file: &StudyFile, stimuli: &Stimuli) -> Architecture {
    file.study.check(stimuli.train.shape(), stimuli.classes.len(), stimuli.test.len()).unwrap()
}

fn title(file: &StudyFile, stimuli: &Stimuli) -> Title {
    let architecture = architecture(file, stimuli);
    let cause = Cause {
        format: FORMAT,
        study_sha256: file.sha256(),
        build: "test".to_owned(),
        device: "cpu".to_owned(),
        threads: 1,
        stimuli: stimuli.provenance.clone(),
        images: [40, 0, 20],
        classes: stimuli.classes.clone(),
        probe_per_class: vec![2; 10],
        network: architecture.name.clone(),
        synapses: architecture.synapses(),
        weights_sha256: None,
    };
    Title { name: file.name.clone(), cause, study: file.resolved() }
}

/// All files of a folder and what is in them.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                found.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    found
}

#[test]
fn stopped_after_every_commit_it_ends_in_the_same_bytes() {
    let toy = Toy::new();
    for keep in ["last", "every-reading"] {
        let (file, stimuli) = read(&toy, &[format!("keep={keep}")]);
        let straight = toy.path(&format!("straight-{keep}"));
        assert_eq!(run(&file, &stimuli, &straight, usize::MAX), Standing::Done);
        let straight = files(&straight);
        let steps = 3 + 10 + 4 + 6; // schooling, retrained, untreated, sham
        for stop in 0..steps {
            let out = toy.path(&format!("stopped-{keep}-{stop}"));
            assert_eq!(run(&file, &stimuli, &out, stop), Standing::Halted);
            assert_eq!(run(&file, &stimuli, &out, usize::MAX), Standing::Done);
            let resumed = files(&out);
            assert_eq!(straight.keys().collect::<Vec<_>>(), resumed.keys().collect::<Vec<_>>(), "stopped after {stop}");
            for (name, bytes) in &straight {
                assert!(resumed[name] == *bytes, "{name} differs when stopped after {stop} steps");
            }
        }
        assert_eq!(run(&file, &stimuli, &toy.path(&format!("whole-{keep}")), steps), Standing::Done, "there are no more steps");
    }
}

#[test]
fn a_case_that_another_process_holds_is_passed_over() {
    let toy = Toy::new();
    let _ = toy.atrophy("run toy.toml --threads 1 --out donor").done();
    toy.write("runs/toy/ledger.json", std::fs::read(toy.path("donor/ledger.json")).unwrap());
    let lock = || {
        let path = toy.path("runs/toy/trials/untreated/network-1-injury-1-data-1/lock");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let file = std::fs::File::create(path).unwrap();
        file.try_lock().unwrap();
        file
    };
    let held = lock();
    let ran = toy.atrophy("run toy.toml --threads 1");
    insta::assert_snapshot!(ran.err.lines().last().unwrap(), @"error: 1 case is in use by another process that works on runs/toy; run the same command again when it has ended");
    assert_eq!(ran.exit, 5);
    let case = |arm: &str| toy.path(&format!("runs/toy/trials/{arm}/network-1-injury-1-data-1/case.json"));
    assert!(case("retrained").exists() && case("sham").exists() && !case("untreated").exists());
    drop(held);
    assert_eq!(toy.atrophy("run toy.toml --threads 1").done().out.trim(), "runs/toy/report.html");
}

#[test]
fn a_case_that_another_process_gives_back_is_done_after_all() {
    let toy = Toy::new();
    let (file, stimuli) = read(&toy, &[]);
    let out = toy.path("out");
    let folder = |arm: &str| out.join(format!("trials/{arm}/network-1-injury-1-data-1"));
    assert_eq!(run(&file, &stimuli, &out, 0), Standing::Halted);
    std::fs::create_dir_all(folder("untreated")).unwrap();
    let lock = std::fs::File::create(folder("untreated").join("lock")).unwrap();
    lock.try_lock().unwrap();
    let held = Cell::new(Some(lock));
    // the other process ends when this one is past its case, at work on the next arm
    let halt = || {
        if folder("sham").join("case.json").exists() {
            drop(held.take());
        }
        false
    };
    assert_eq!(run_until(&file, &stimuli, &out, &halt), Standing::Done);
}

#[test]
fn of_studies_that_begin_at_the_same_time_one_has_the_folder() {
    let toy = Toy::new();
    let (file, stimuli) = read(&toy, &[]);
    let title = title(&file, &stimuli);
    for round in 0..20 {
        let out = toy.path(&format!("together-{round}"));
        let all_ready = std::sync::Barrier::new(4);
        let begin = |threads: usize| {
            let mine = Title { cause: Cause { threads, ..title.cause.clone() }, ..title.clone() };
            all_ready.wait();
            Ledger::open(&out, &mine).is_ok()
        };
        let begun: Vec<bool> = std::thread::scope(|scope| {
            let all: Vec<_> = (1..=4).map(|threads| scope.spawn(move || begin(threads))).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let winner = Ledger::title(&out).unwrap().unwrap().cause.threads;
        let expected: Vec<bool> = (1..=4).map(|threads| threads == winner).collect();
        assert_eq!(begun, expected, "round {round}");
    }
}

/// A subject is done and another process looks at it: its trials are free all the same.
#[test]
fn a_subject_that_is_done_can_be_had_by_all() {
    let toy = Toy::new();
    let (file, stimuli) = read(&toy, &[]);
    let out = toy.path("out");
    assert_eq!(run(&file, &stimuli, &out, 3), Standing::Halted, "after the schooling");
    let lock = std::fs::File::create(out.join("subjects/network-1-data-1/lock")).unwrap();
    lock.try_lock().unwrap();
    assert_eq!(run(&file, &stimuli, &out, usize::MAX), Standing::Done);
}

#[test]
fn what_a_crash_leaves_behind_is_not_believed() {
    let toy = Toy::new();
    let _ = toy.atrophy("run toy.toml --threads 1 --out straight").done();
    let folder = "torn/trials/retrained/network-1-injury-1-data-1";
    toy.write(&format!("{folder}/case.json.123.part"), "{\"format\":1,\"steps_do");
    toy.write(&format!("{folder}/state-00009.safetensors"), "half a file");
    toy.write("torn/ledger.json", std::fs::read(toy.path("straight/ledger.json")).unwrap());
    let _ = toy.atrophy("run toy.toml --threads 1 --out torn").done();
    let (straight, torn) = (files(&toy.path("straight")), files(&toy.path("torn")));
    assert!(straight == torn, "leftovers are gone, and all else is as if nothing had happened");
}

/// Starts the program, sends it this signal when it has told of its first reading, and waits for its end: its exit code, if it
/// ended by itself, and the rest of what it told.
#[cfg(unix)]
fn signalled(toy: &Toy, program: &str, signal: &str) -> (Option<i32>, String) {
    use std::io::{BufRead, Read};
    let mut shell = std::process::Command::new("sh");
    shell.current_dir(toy.folder.path()).args(["-c", program, env!("CARGO_BIN_EXE_atrophy")]);
    let mut child = shell.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut told = std::io::BufReader::new(child.stderr.take().unwrap());
    told.read_line(&mut String::new()).unwrap();
    let sent = std::process::Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(sent.success(), "it was still at work");
    let mut rest = String::new();
    told.read_to_string(&mut rest).unwrap();
    (child.wait().unwrap().code(), rest)
}

#[cfg(unix)]
#[test]
fn asked_to_stop_it_ends_the_step_and_says_how_to_go_on() {
    let toy = Toy::new();
    toy.change("train = 40", "train = 2000");
    for signal in ["-INT", "-TERM"] {
        let (exit, told) = signalled(&toy, "exec \"$0\" run toy.toml --threads 1", signal);
        assert_eq!(exit, Some(4), "{told}");
        assert!(told.contains("stopped; nothing is lost. The same command goes on from here"), "{told}");
    }
    let _ = toy.atrophy("run toy.toml --threads 1").done();
}

#[cfg(unix)]
#[test]
fn a_closed_terminal_ends_a_run_unless_nohup_keeps_it() {
    let toy = Toy::new();
    toy.change("train = 40", "train = 2000");
    let (exit, told) = signalled(&toy, "exec \"$0\" run toy.toml --threads 1", "-HUP");
    assert_eq!(exit, None, "{told}");
    let (exit, told) = signalled(&toy, "trap '' HUP; exec \"$0\" run toy.toml --threads 1", "-HUP");
    assert_eq!(exit, Some(0), "{told}");
}

/// Kills the program again and again in the midst of its work. Slow: set RUN_SLOW_TESTS=1.
#[test]
fn killed_at_any_moment_it_ends_in_the_same_bytes() {
    if std::env::var_os("RUN_SLOW_TESTS").is_none() {
        return;
    }
    let toy = Toy::new();
    toy.change("train = 40", "train = 2000");
    let _ = toy.atrophy("run toy.toml --threads 1 --out straight").done();
    for milliseconds in (30..).step_by(37) {
        let mut run = std::process::Command::new(env!("CARGO_BIN_EXE_atrophy"));
        run.current_dir(toy.folder.path()).args(["run", "toy.toml", "--threads", "1", "--out", "killed"]);
        let mut child = run.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(milliseconds));
        if child.try_wait().unwrap().is_some_and(|status| status.success()) {
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(files(&toy.path("straight")) == files(&toy.path("killed")));
}
