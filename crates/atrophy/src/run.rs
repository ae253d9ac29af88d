//! `atrophy run`: a study is carried out, or gone on with. [`RunArguments::work_on`] is the whole story.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ledger::Ledger;
use net::Device;
use neuro::record::Cause;

use crate::door::{Asked, StudyArguments};
use crate::lab::Lab;
use crate::process::{self, Stop, with_threads};
use crate::screen::Screen;
use crate::sweep::{self, How, Standing};
use crate::trouble::{Exit, Result, Trouble};
use crate::{memory, output, report};

/// Carries out a study.
#[derive(Debug, clap::Args)]
pub struct Run {
    #[command(flatten)]
    study: StudyArguments,
    #[command(flatten)]
    how: RunArguments,
    /// Folder of the study's state and results [default: runs/NAME].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Download data sets from this address instead of the official one.
    #[arg(long, value_name = "URL", env = "ATROPHY_MIRROR")]
    mirror: Option<String>,
    /// Print one JSON object at the end.
    #[arg(long)]
    json: bool,
}

/// How a study is carried out: none of it changes what its numbers are.
#[derive(Debug, clap::Args)]
pub struct RunArguments {
    /// Where networks live: cpu, which is all there is.
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    device: String,
    /// Instruction set of the kernels: avx512, avx2 or portable [default: the best that the processor has]. Name one that all machines
    /// have that work on one study, and their results are the same to the last bit.
    #[arg(long, value_name = "NAME")]
    instructions: Option<String>,
    /// Threads that compute [default: as many as there are processors]. Results do not depend on it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Take the cases of this seed alone, as one of several tasks.
    #[arg(long, value_name = "SEED")]
    subject: Option<u64>,
    /// End when all that is left is held by other processes, instead of waiting for it.
    #[arg(long)]
    no_wait: bool,
    /// Stop after this time, at the next step, with exit code 4: 4h40m, 90m, 1d2h.
    #[arg(long, value_name = "TIME", value_parser = process::duration)]
    stop_after: Option<Duration>,
    /// Train networks again that failed.
    #[arg(long)]
    retry_failed: bool,
    /// Go on with trials that another build of atrophy began; the report says so.
    #[arg(long)]
    mix_builds: bool,
}

impl Run {
    /// Does what was asked.
    pub fn carry_out(self) -> Result<()> {
        let asked = self.study.read(self.mirror)?;
        let out = self.out.unwrap_or_else(|| Path::new("runs").join(asked.file.folder_name()));
        let json = self.json;
        self.how.prepared(|how| conclude(&out, how.work_on(&asked, &out, None)?, json))
    }
}

impl RunArguments {
    /// Makes the process ready to learn, and does `work` in it.
    pub fn prepared<T: Send>(&self, work: impl FnOnce(&Self) -> Result<T> + Send) -> Result<T> {
        if let Some(instructions) = &self.instructions {
            net::pin_instructions(instructions).map_err(|error| Trouble::new(Exit::Study, error.to_string()))?;
        }
        net::prepare_learning();
        with_threads(self.threads, |_| work(self))
    }

    /// The story of a run: images, a lab, a ledger, and every case that is not done. A repair gives what the folder was made of, and nothing
    /// else will do.
    pub fn work_on(&self, asked: &Asked, out: &Path, made_of: Option<&Cause>) -> Result<Standing> {
        let device: Device =
            self.device.parse().map_err(|error: net::DeviceError| Trouble::new(Exit::Study, error.to_string()))?;
        let seed = self.seed(asked)?;
        Ledger::check_place(out)?;
        memory::refuse_beyond(asked.plan().memory_bytes(), &format!("the study {}", asked.file.shown))?;
        let given = asked.given_weights()?;

        let stop = Stop::on_request(self.stop_after)?;
        let mut screen = Screen::on_stderr();
        screen.watch(&stop);
        given.iter().for_each(|given| screen.notes(&given.notes));
        let stimuli = asked.stimuli(&mut |event| screen.fetch(&event))?;
        let study = &asked.file.study;
        let showing = asked.showing(&stimuli);
        let cause = asked.cause(&stimuli, &showing, device.name().to_owned(), given.as_ref());
        if let Some(other) = made_of.filter(|other| !same_makings(other, &cause)) {
            return Err(other_makings(other));
        }
        let lab = Lab::new(study, &stimuli, showing, asked.architecture.clone(), device, given);

        let (ledger, cases) = Ledger::open(out, &asked.file.name, &cause, study, &lab.showing)?;
        tell_unasked(&ledger, &screen)?;
        let how = How {
            stop: &stop,
            maker: process::maker(),
            wait: !self.no_wait,
            retry_failed: self.retry_failed,
            mix_builds: self.mix_builds,
            seed,
        };
        let standing = sweep::run(&lab, &ledger, &cases, &how, &mut screen);
        screen.close();
        standing
    }

    /// Which of the study's seeds is asked for, counted from 0.
    fn seed(&self, asked: &Asked) -> Result<Option<usize>> {
        let Some(seed) = self.subject else { return Ok(None) };
        let seeds = &asked.file.study.seeds;
        match seed.checked_sub(seeds.first).filter(|index| *index < u64::from(seeds.count.get())) {
            Some(index) => Ok(Some(index as usize)),
            None => {
                let last = seeds.first + u64::from(seeds.count.get()) - 1;
                let message = format!("--subject {seed}: the study has the seeds {} to {last}", seeds.first);
                Err(Trouble::new(Exit::Study, message))
            }
        }
    }
}

fn same_makings(a: &Cause, b: &Cause) -> bool {
    (&a.device, &a.checksums, &a.classes, &a.weights_sha256) == (&b.device, &b.checksums, &b.classes, &b.weights_sha256)
}

fn other_makings(made_of: &Cause) -> Trouble {
    let message = format!(
        "the folder was made of other images, weights or on another device ({} on {}); give --data and --device as they were, and start in \
         the study's own folder if it names files",
        made_of.stimuli.name, made_of.device
    );
    Trouble::new(Exit::Refused, message)
}

/// A study that was changed leaves its earlier cases where they are.
fn tell_unasked(ledger: &Ledger, screen: &Screen) -> Result<()> {
    let old = ledger.unasked()?;
    if !old.is_empty() {
        let (cases, folder) = (old.len(), ledger.folder().display());
        let (cases, stay) = if cases == 1 { ("1 case".to_owned(), "stays") } else { (format!("{cases} cases"), "stay") };
        screen.line(&format!(
            "{cases} that the study no longer asks for {stay} in {folder}; `atrophy clean {folder}` lists and removes"
        ));
    }
    Ok(())
}

/// The end of a run, in words and with its exit code.
fn conclude(out: &Path, standing: Standing, json: bool) -> Result<()> {
    let shown = out.display();
    match standing {
        Standing::Done { failed } => {
            report::make(out)?.say(json)?;
            if failed.is_empty() {
                return Ok(());
            }
            let (told, more) = failed.split_at(failed.len().min(3));
            let more =
                if more.is_empty() { String::new() } else { format!("\nand {} more; `atrophy status` lists them", more.len()) };
            let cases = told.join("\n");
            let message = format!(
                "{cases}{more}\nThe report counts what failed; `--retry-failed` trains it again. The rest of what was asked is done"
            );
            Err(Trouble::new(Exit::Failed, message))
        }
        Standing::Halted => {
            let message = format!(
                "stopped; nothing is lost. The same command goes on from here; `atrophy report {shown}` shows what there is so far"
            );
            Err(Trouble::new(Exit::Interrupted, message))
        }
        Standing::Left { cases } => {
            let cases = if cases == 1 { "1 case is".to_owned() } else { format!("{cases} cases are") };
            let text =
                format!("nothing is left for this process: {cases} in the hands of others; `atrophy status {shown}` says whose");
            output::say(json, || text.clone(), || serde_json::json!({ "left": text }))
        }
    }
}
