//! What can be asked of the program, and how each request is met.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{CommandFactory, Parser, Subcommand};
use neuro::architecture::Architecture;
use neuro::images::Stimuli;
use neuro::record::Cause;
use neuro::responses::Showing;
use neuro::study::{ProbeImages, Study};
use serde_json::{Value, json};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use stimuli::{Outline, Place, StimuliError};

use crate::evidence::{self, Reported};
use crate::ledger::{FORMAT, Ledger, Title};
use crate::screen::Screen;
use crate::similarity::{CompareRequest, RdmRequest};
use crate::study_file::{self, StudyFile};
use crate::sweep::{self, Left, Standing};
use crate::trial::Lab;
use crate::trouble::{Exit, OrTrouble, Result, Trouble};
use crate::{bench, list, plan};

const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 usage or study file, 3 data, 4 interrupted (the same command goes on), \
                          5 refused (going on would mix or overwrite other work).";

/// Neurodegeneration in silico: train a network, take its synapses away step by step and for good, let it relearn after
/// each step, and measure behaviour and representation all along.
#[derive(Debug, Parser)]
#[command(name = "atrophy", version, after_help = EXIT_CODES, arg_required_else_help = true)]
pub struct Atrophy {
    #[command(subcommand)]
    request: Request,
}

#[derive(Debug, Subcommand)]
enum Request {
    /// Carry out a study, or go on with it where it stopped.
    Run(Run),
    /// Show the steps, the cost, the memory and the disk of a study, before anything is spent.
    Plan(Plan),
    /// Make figures, tables and report.html anew from the records alone.
    Report(Report),
    /// List injuries, plasticities, measures, networks, stimuli and built-in studies, one sentence each.
    List {
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// The dissimilarity matrix of anybody's activations, from any framework.
    Rdm(RdmRequest),
    /// How alike two dissimilarity matrices (or, by linear-cka, two sets of activations) are.
    Compare(CompareRequest),
    /// Measure our own speed.
    #[command(subcommand)]
    Bench(Bench),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, clap::Args)]
struct Run {
    #[command(flatten)]
    study: StudyArguments,
    /// Folder of the study's state and results [default: runs/NAME].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Where networks live: cpu, cpu-stock (the engine's own operations, for comparison), vulkan or metal.
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    device: String,
    /// Threads that compute [default: as many as there are processors].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Download data sets from this address instead of the official one.
    #[arg(long, value_name = "URL", env = "ATROPHY_MIRROR")]
    mirror: Option<String>,
    /// Print one JSON object at the end.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct Plan {
    #[command(flatten)]
    study: StudyArguments,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct Report {
    /// Folder that `atrophy run` wrote to.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// Training and reading a network on made-up images.
    Train(bench::Train),
    /// Dissimilarity matrices and their comparison, on made-up activations.
    Rsa(bench::Rsa),
}

#[derive(Debug, clap::Args)]
struct StudyArguments {
    /// A study file, or the name of a built-in study (see `atrophy list`).
    #[arg(value_name = "STUDY", default_value = "quick")]
    study: PathBuf,
    /// Folder of data sets; what is downloaded goes there.
    #[arg(long, value_name = "DIR", env = "ATROPHY_DATA", default_value = "data")]
    data: PathBuf,
    /// Change a key of the study, as in `--set schooling.epochs=2` or `--set 'arm[0].steps=3'`.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    changes: Vec<String>,
}

impl Atrophy {
    /// Does what was asked.
    pub fn carry_out(self) -> Result<()> {
        match self.request {
            Request::Run(run) => run.carry_out(),
            Request::Plan(plan) => plan.carry_out(),
            Request::Report(Report { folder, json }) => {
                let reported = evidence::report(&folder)?;
                say(json, || reported.page.display().to_string(), || told(&reported))
            }
            Request::List { json } => say(json, list::text, list::json),
            Request::Rdm(rdm) => {
                let told = rdm.carry_out()?;
                say(rdm.json, || told.text, || told.object)
            }
            Request::Compare(compare) => {
                let told = compare.carry_out()?;
                say(compare.json, || told.text, || told.object)
            }
            Request::Bench(Bench::Train(train)) => {
                let json = train.json;
                let measured = train.measure()?;
                say(json, || measured.to_string(), || measured.json())
            }
            Request::Bench(Bench::Rsa(rsa)) => {
                let json = rsa.json;
                let measured = rsa.measure()?;
                say(json, || measured.to_string(), || measured.json())
            }
            Request::Completions { shell } => {
                let mut script = Vec::new();
                clap_complete::generate(shell, &mut Atrophy::command(), "atrophy", &mut script);
                print(&script)
            }
        }
    }
}

impl Run {
    fn carry_out(self) -> Result<()> {
        net::prepare_learning();
        with_threads(self.threads, |threads| self.with(threads))
    }

    fn with(self, threads: usize) -> Result<()> {
        let device: net::Device =
            self.device.parse().map_err(|error: net::DeviceError| Trouble::new(Exit::Study, error.to_string()))?;
        let asked = self.study.read(self.mirror)?;
        let given_weights = study_file::given_weights(&asked.file)?;

        let mut screen = Screen::on_stderr();
        let stimuli = stimuli::load(&asked.file.study.stimuli, &asked.place, &mut |event| screen.fetch(&event))
            .map_err(|error| asked.stimuli_trouble(error))?;
        let study = &asked.file.study;
        let showing = Showing::new(stimuli.test.labels(), per_class(study), &stimuli.classes);
        let weights_sha256 = given_weights.as_ref().map(|given| study_file::sha256(&given.bytes));
        let cause = Cause { device: device.described(), threads, weights_sha256, ..asked.cause(&stimuli, &showing) };
        let title = Title { name: asked.file.name.clone(), cause: cause.clone(), study: asked.file.resolved() };

        let asked_to_stop = on_interrupt()?;
        screen.watch(&asked_to_stop);
        let halt = || asked_to_stop.load(Ordering::Relaxed);
        let architecture = asked.architecture.clone();
        let lab = Lab { study, stimuli: &stimuli, showing, architecture, device, given_weights, halt: &halt };
        lab.check_given_weights()?;
        let folder = self.out.unwrap_or_else(|| Path::new("runs").join(&asked.file.name));
        let ledger = Ledger::open(&folder, &title)?;
        let standing = sweep::run(&lab, &ledger, &cause, &mut screen);
        screen.close();
        conclude(&folder, standing?, self.json)
    }
}

/// The end of a run, in words and with its exit code.
fn conclude(folder: &Path, standing: Standing, json: bool) -> Result<()> {
    match standing {
        Standing::Done => {
            let reported = evidence::report(folder)?;
            say(json, || reported.page.display().to_string(), || told(&reported))
        }
        Standing::Halted => {
            let message = format!(
                "stopped; nothing is lost. The same command goes on from here; `atrophy report {}` shows what there is so far",
                folder.display()
            );
            Err(Trouble::new(Exit::Interrupted, message))
        }
        Standing::Left(Left { elsewhere, mut failed }) => {
            let exit = if failed.is_empty() { Exit::Refused } else { Exit::Failed };
            failed.push(match elsewhere {
                0 => format!("All that does not depend on this is done; `atrophy report {}` shows it", folder.display()),
                cases => format!(
                    "{cases} {} in use by another process that works on {}; run the same command again when it has ended",
                    if cases == 1 { "case is" } else { "cases are" },
                    folder.display()
                ),
            });
            Err(Trouble::new(exit, failed.join("\n")))
        }
    }
}

impl Plan {
    fn carry_out(self) -> Result<()> {
        let asked = self.study.read(None)?;
        let plan = plan::Plan::of(&asked.file, &asked.architecture, &asked.outline);
        say(self.json, || plan.to_string(), || plan.json())
    }
}

/// A study that is read and checked against the images it asks for.
struct Asked {
    file: StudyFile,
    place: Place,
    outline: Outline,
    architecture: Architecture,
}

impl StudyArguments {
    fn read(self, mirror: Option<String>) -> Result<Asked> {
        let file = study_file::read(&self.study, &self.changes)?;
        let place = Place { data: self.data, study_folder: file.folder.clone(), mirror };
        let outline = stimuli::outline(&file.study.stimuli, &place).map_err(|error| stimuli_trouble(&file, error))?;
        let (shape, classes, test) = (outline.shape, outline.classes.len(), outline.counts.test);
        let architecture = file.study.check(shape, classes, test).map_err(|fault| file.trouble(&fault))?;
        Ok(Asked { file, place, outline, architecture })
    }
}

impl Asked {
    fn stimuli_trouble(&self, error: StimuliError) -> Trouble {
        stimuli_trouble(&self.file, error)
    }

    /// What the numbers depend on, as far as study and images decide it.
    fn cause(&self, stimuli: &Stimuli, showing: &Showing) -> Cause {
        let probe = showing.probe_labels();
        let of_class = |class: usize| probe.iter().filter(|&&label| usize::from(label) == class).count();
        Cause {
            format: FORMAT,
            study_sha256: self.file.sha256(),
            build: BUILD.to_owned(),
            device: String::new(),
            threads: 0,
            stimuli: stimuli.provenance.clone(),
            images: [stimuli.train.len(), stimuli.assessment.len(), stimuli.test.len()],
            classes: stimuli.classes.clone(),
            probe_per_class: (0..stimuli.classes.len()).map(of_class).collect(),
            network: self.architecture.name.clone(),
            synapses: self.architecture.synapses(),
            weights_sha256: None,
        }
    }
}

/// The version of the program, as records name it.
pub const BUILD: &str = concat!("atrophy ", env!("CARGO_PKG_VERSION"));

fn stimuli_trouble(file: &StudyFile, error: StimuliError) -> Trouble {
    match error {
        StimuliError::Request { key, reason } => file.trouble(&neuro::check::Fault { key, reason }),
        other => Trouble::new(Exit::Data, other.to_string()),
    }
}

fn per_class(study: &Study) -> Option<u32> {
    match study.probe.images {
        ProbeImages::All => None,
        ProbeImages::PerClass(images) => Some(images.get()),
    }
}

/// Does `work` with so many threads, all that there are if none is said, and tells it their number. The work begins on one of
/// the threads itself, so that none has to be woken and waited for where it branches out.
pub(crate) fn with_threads<T: Send>(threads: Option<u16>, work: impl FnOnce(usize) -> Result<T> + Send) -> Result<T> {
    let there = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = threads.map_or_else(there, usize::from);
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .stack_size(STACK_BYTES)
        .build_global()
        .or_trouble(Exit::Failed, || format!("cannot start {threads} threads"))?;
    rayon::scope(|_| work(threads))
}

/// The stack of a thread that computes: what the main thread usually has.
const STACK_BYTES: usize = 8 << 20;

/// Listens for Ctrl-C and a scheduler's SIGTERM: the first stops after the step under way, the second at once, which costs
/// that step and nothing else. A terminal that is closed (SIGHUP) ends the process, unless `nohup` keeps that from it.
fn on_interrupt() -> Result<Arc<AtomicBool>> {
    let asked = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // in this order, so that only the second signal finds the flag set
        flag::register_conditional_shutdown(signal, Exit::Interrupted as i32, Arc::clone(&asked))
            .and_then(|_| flag::register(signal, Arc::clone(&asked)))
            .or_trouble(Exit::Failed, || "cannot listen for Ctrl-C".to_owned())?;
    }
    Ok(asked)
}

fn told(reported: &Reported) -> Value {
    json!({ "report": reported.page, "trials_done": reported.trials_done, "trials": reported.trials })
}

/// Prints a result for people or for programs.
fn say(json: bool, text: impl FnOnce() -> String, object: impl FnOnce() -> Value) -> Result<()> {
    let text = if json { object().to_string() } else { text() };
    print(format!("{}\n", text.trim_end()).as_bytes())
}

/// Writes to standard output. A reader that has seen enough (`| head`) is no error.
fn print(bytes: &[u8]) -> Result<()> {
    match std::io::stdout().write_all(bytes) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Trouble::new(Exit::Failed, format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}
