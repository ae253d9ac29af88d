//! Nothing is ever lost: stopped after any commit and gone on with, a study ends in the same bytes.

use std::collections::BTreeMap;
use std::path::Path;

use atrophy::door::Asked;
use atrophy::lab::Lab;
use atrophy::process::Stop;
use atrophy::screen::Screen;
use atrophy::study_file;
use atrophy::sweep::{self, How, Standing};
use ledger::{Ledger, Lock};
use neuro::images::Stimuli;
use neuro::record::Maker;

use crate::Toy;

/// A study that is read, with its images.
pub(crate) struct Ready {
    asked: Asked,
    stimuli: Stimuli,
}

pub(crate) fn maker(build: &str) -> Maker {
    Maker { build: build.to_owned(), processor: "a processor".to_owned(), instructions: "its instructions".to_owned() }
}

impl Ready {
    /// The toy study with these changes.
    pub(crate) fn new(toy: &Toy, changes: &[&str]) -> Self {
        let changes: Vec<String> = changes.iter().map(|&change| change.to_owned()).collect();
        let file = study_file::read(&toy.path("toy.toml"), &changes).unwrap();
        let asked = Asked::of(file, toy.path("data"), None).unwrap();
        let stimuli = asked.stimuli(&mut |_| {}).unwrap();
        Self { asked, stimuli }
    }

    /// Works on it in `out` until it is done or has taken so many steps.
    pub(crate) fn run(&self, out: &Path, steps: u64) -> Standing {
        self.run_as(out, &Stop::after_steps(steps), &maker("this build"), false).unwrap()
    }

    /// The same as somebody in particular.
    pub(crate) fn run_as(&self, out: &Path, stop: &Stop, maker: &Maker, mix_builds: bool) -> atrophy::trouble::Result<Standing> {
        let lab = self.lab();
        let cause = self.asked.cause(&self.stimuli, &lab.showing, "cpu".to_owned(), None);
        let study = &self.asked.file.study;
        let (ledger, cases) = Ledger::open(out, &self.asked.file.name, &cause, study, &lab.showing)?;
        let how = How { stop, maker: maker.clone(), wait: true, retry_failed: false, mix_builds, seed: None };
        sweep::run(&lab, &ledger, &cases, &how, &mut Screen::silent())
    }
}

impl Ready {
    /// What all of its cases share.
    pub(crate) fn lab(&self) -> Lab<'_> {
        let (asked, showing) = (&self.asked, self.asked.showing(&self.stimuli));
        Lab::new(&asked.file.study, &self.stimuli, showing, asked.architecture.clone(), net::Device::Cpu, None)
    }
}

pub(crate) fn done() -> Standing {
    Standing::Done { failed: Vec::new() }
}

/// All files of a folder and what is in them.
pub(crate) fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
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
    for keep in ["keep=last", "keep=every-reading", "keep=[1]"] {
        let ready = Ready::new(&toy, &[keep]);
        let straight = toy.path(&format!("straight-{keep}"));
        assert_eq!(ready.run(&straight, u64::MAX), done());
        let straight = files(&straight);
        let steps = 3 + 10 + 4 + 6; // schooling, retrained, untreated, sham
        for stop in 0..steps {
            let out = toy.path(&format!("stopped-{keep}-{stop}"));
            assert_eq!(ready.run(&out, stop), Standing::Halted);
            assert_eq!(ready.run(&out, u64::MAX), done());
            let resumed = files(&out);
            assert_eq!(straight.keys().collect::<Vec<_>>(), resumed.keys().collect::<Vec<_>>(), "stopped after {stop}");
            for (name, bytes) in &straight {
                assert!(resumed[name] == *bytes, "{name} differs when stopped after {stop} steps");
            }
        }
        assert_eq!(ready.run(&toy.path(&format!("whole-{keep}")), steps), done(), "there are no more steps");
    }
}

/// Holds the lock of a case as another process would.
fn hold(toy: &Toy, case: &str) -> Lock {
    std::fs::create_dir_all(toy.path(case)).unwrap();
    Lock::try_take(&toy.path(&format!("{case}/lock"))).unwrap().unwrap()
}

const UNTREATED: &str = "runs/toy/trials/untreated/network-1-injury-1-data-1";

#[test]
fn what_others_hold_is_left_to_them_if_nobody_waits() {
    let toy = Toy::new();
    assert_eq!(Ready::new(&toy, &[]).run(&toy.path("runs/toy"), 0), Standing::Halted);
    let held = hold(&toy, UNTREATED);
    let ran = toy.atrophy("run toy.toml --no-wait").done();
    assert_eq!(
        ran.out.trim(),
        "nothing is left for this process: 1 case is in the hands of others; `atrophy status runs/toy` says whose"
    );
    let case = |arm: &str| toy.path(&format!("runs/toy/trials/{arm}/network-1-injury-1-data-1/case.json"));
    assert!(case("retrained").exists() && case("sham").exists() && !case("untreated").exists());
    let status = toy.atrophy("status runs/toy").done().out;
    assert!(
        status.contains("untreated  1 case: 1 held") && status.contains(&format!("process {}", std::process::id())),
        "{status}"
    );
    drop(held);
    assert_eq!(toy.atrophy("run toy.toml").done().out.trim(), "runs/toy/report.html");
}

#[test]
fn what_others_hold_is_waited_for_and_taken_when_they_are_gone() {
    let toy = Toy::new();
    assert_eq!(Ready::new(&toy, &[]).run(&toy.path("runs/toy"), 0), Standing::Halted);
    let held = hold(&toy, UNTREATED);
    let ran = std::thread::scope(|scope| {
        let ran = scope.spawn(|| toy.atrophy("run toy.toml"));
        while !toy.path("runs/toy/trials/sham/network-1-injury-1-data-1/case.json").exists() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        std::thread::sleep(std::time::Duration::from_millis(1500));
        drop(held);
        ran.join().unwrap()
    });
    let ran = ran.done();
    let waits =
        ran.err.lines().filter(|line| line.contains("waiting for what other processes hold: seed 1, untreated (process")).count();
    assert_eq!(waits, 1, "{}", ran.err);
    assert_eq!(ran.out.trim(), "runs/toy/report.html");
}

#[test]
fn what_a_killed_process_leaves_is_swept_away_and_never_believed() {
    let toy = Toy::new();
    let _ = toy.atrophy("run toy.toml --out straight").done();
    let folder = "torn/trials/retrained/network-1-injury-1-data-1";
    for (name, content) in [
        ("case.json.Xy12.part", "{\"format\":1,\"steps_do"),
        ("state-00009.safetensors", "half a file"),
        ("readings/step-01-injured/record.json", "{"),
        ("readings/step-01-injured/old.npy", "?"),
        ("lock", "{\"host\":\"gone\",\"process\":1,\"since\":0}"),
    ] {
        toy.write(&format!("{folder}/{name}"), content);
    }
    for name in ["ledger.json", "ledger.json.twin"] {
        toy.write(&format!("torn/{name}"), std::fs::read(toy.path(&format!("straight/{name}"))).unwrap());
    }
    toy.write("torn/report.html.abc.part", "<html");
    toy.write("torn/ledger.lock", "");
    let _ = toy.atrophy("run toy.toml --out torn").done();
    let (straight, torn) = (files(&toy.path("straight")), files(&toy.path("torn")));
    assert_eq!(straight.keys().collect::<Vec<_>>(), torn.keys().collect::<Vec<_>>());
    assert!(straight == torn, "leftovers are gone, and all else is as if nothing had happened");
}

#[test]
fn processes_that_begin_a_study_together_share_it() {
    let toy = Toy::new();
    let ready = Ready::new(&toy, &["schooling.epochs=1"]);
    let straight = toy.path("straight");
    assert_eq!(ready.run(&straight, u64::MAX), done());
    for round in 0..5 {
        let out = toy.path(&format!("together-{round}"));
        std::thread::scope(|scope| {
            let all: Vec<_> = (0..4).map(|_| scope.spawn(|| ready.run(&out, u64::MAX))).collect();
            all.into_iter().for_each(|one| assert_eq!(one.join().unwrap(), done()));
        });
        assert!(files(&straight) == files(&out), "round {round}");
    }
}

/// A finished case is used, whoever made it.
#[test]
fn what_another_build_has_finished_is_used() {
    let toy = Toy::new();
    let ready = Ready::new(&toy, &[]);
    let out = toy.path("out");
    assert_eq!(ready.run(&out, 3), Standing::Halted, "after the schooling");
    assert_eq!(ready.run_as(&out, &Stop::default(), &maker("another build"), false).unwrap(), done());
    let page = {
        let _ = atrophy::report::make(&out).unwrap();
        std::fs::read_to_string(out.join("report.html")).unwrap()
    };
    assert!(page.contains("this build") && page.contains("another build"));
}

#[test]
fn another_build_does_not_go_on_with_a_trial_unless_it_is_told_to() {
    let toy = Toy::new();
    let ready = Ready::new(&toy, &[]);
    let out = toy.path("out");
    let other = maker("another build");
    // a reading by somebody else does not hand a trial over
    assert_eq!(ready.run(&out, 4), Standing::Halted, "after the first loss of the first arm");
    let error = ready.run_as(&out, &Stop::default(), &other, false).unwrap_err();
    assert!(error.message.contains("was begun by this build, and this is another build"), "{}", error.message);
    assert_eq!(ready.run(&out, 1), Standing::Halted, "the first build may go on");
    let error = ready.run_as(&out, &Stop::default(), &other, false).unwrap_err();
    assert!(error.message.contains("was begun by this build, and this is another build"), "{}", error.message);
    assert_eq!(error.exit as u8, 5);
    // another instruction set goes on
    let elsewhere = Maker { instructions: "others".to_owned(), ..maker("this build") };
    assert_eq!(ready.run_as(&out, &Stop::after_steps(2), &elsewhere, false).unwrap(), Standing::Halted);
    assert_eq!(ready.run_as(&out, &Stop::default(), &other, true).unwrap(), done());
    let page = {
        let _ = atrophy::report::make(&out).unwrap();
        std::fs::read_to_string(out.join("report.html")).unwrap()
    };
    for maker in ["this build", "another build", "others"] {
        assert!(page.contains(maker), "the page names {maker}");
    }
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
    for signal in ["-INT", "-TERM", "-USR1"] {
        let (exit, told) = signalled(&toy, "exec \"$0\" run toy.toml", signal);
        assert_eq!(exit, Some(4), "{told}");
        assert!(told.contains("stopped; nothing is lost. The same command goes on from here"), "{told}");
    }
    let _ = toy.atrophy("run toy.toml").done();
}

#[cfg(unix)]
#[test]
fn a_closed_terminal_ends_a_run_unless_nohup_keeps_it() {
    let toy = Toy::new();
    toy.change("train = 40", "train = 2000");
    let (exit, told) = signalled(&toy, "exec \"$0\" run toy.toml", "-HUP");
    assert_eq!(exit, None, "{told}");
    let (exit, told) = signalled(&toy, "trap '' HUP; exec \"$0\" run toy.toml", "-HUP");
    assert_eq!(exit, Some(0), "{told}");
}

#[test]
fn it_stops_by_itself_when_its_time_is_over() {
    let toy = Toy::new();
    let ran = toy.atrophy("run toy.toml --stop-after 0s");
    assert_eq!(ran.exit, 4, "{}", ran.err);
    assert!(ran.err.contains("stopped; nothing is lost"), "{}", ran.err);
    let _ = toy.atrophy("run toy.toml --stop-after 1h").done();
}

/// Kills the program again and again in the midst of its work: often, if RUN_SLOW_TESTS=1 is set.
#[test]
fn killed_at_any_moment_it_ends_in_the_same_bytes() {
    let kills = if std::env::var_os("RUN_SLOW_TESTS").is_some() { 200 } else { 8 };
    let toy = Toy::new();
    let _ = toy.atrophy("run toy.toml --out straight").done();
    let straight = files(&toy.path("straight"));
    let mut chance = neuro::seed::Seed(std::process::id().into()).stream(neuro::seed::Purpose::Drawing, Default::default());
    let mut killed = 0;
    for study in 0.. {
        let out = format!("killed-{study}");
        loop {
            let mut run = std::process::Command::new(env!("CARGO_BIN_EXE_atrophy"));
            run.current_dir(toy.folder.path()).args(["run", "toy.toml", "--out", &out]);
            let mut child = run.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
            // from before the first byte is written to the last figure
            std::thread::sleep(std::time::Duration::from_millis(chance.below(400)));
            if child.try_wait().unwrap().is_some_and(|status| status.success()) {
                break;
            }
            child.kill().unwrap();
            // a process that had just ended by itself was not killed
            killed += u32::from(!child.wait().unwrap().success());
            if killed >= kills {
                break;
            }
        }
        let _ = toy.atrophy(&format!("run toy.toml --out {out}")).done();
        let ended = files(&toy.path(&out));
        assert_eq!(straight.keys().collect::<Vec<_>>(), ended.keys().collect::<Vec<_>>(), "after {killed} kills");
        assert!(straight == ended, "after {killed} kills");
        if killed >= kills {
            return;
        }
    }
}

/// Four processes on one folder, one of them killed again and again.
#[test]
fn processes_that_are_killed_leave_nothing_that_blocks_the_others() {
    let toy = Toy::new();
    toy.change("count = 1", "count = 2");
    let _ = toy.atrophy("run toy.toml --out straight").done();
    let spawn = || {
        let mut run = std::process::Command::new(env!("CARGO_BIN_EXE_atrophy"));
        run.current_dir(toy.folder.path()).args(["run", "toy.toml", "--out", "shared", "--threads", "1"]);
        run.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap()
    };
    let mut others: Vec<_> = (0..3).map(|_| spawn()).collect();
    for _ in 0..10 {
        let mut doomed = spawn();
        std::thread::sleep(std::time::Duration::from_millis(60));
        let _ = doomed.kill();
        let _ = doomed.wait();
    }
    others.iter_mut().for_each(|other| assert!(other.wait().unwrap().success()));
    let _ = toy.atrophy("run toy.toml --out shared --threads 2").done();
    let (straight, shared) = (files(&toy.path("straight")), files(&toy.path("shared")));
    assert_eq!(straight.keys().collect::<Vec<_>>(), shared.keys().collect::<Vec<_>>());
    assert!(straight == shared);
}
