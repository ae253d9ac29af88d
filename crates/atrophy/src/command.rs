//! What can be asked of the program.

use std::path::PathBuf;

use clap::{CommandFactory, Parser, Subcommand};

use crate::care::{CheckRequest, CleanRequest, MergeRequest, StatusRequest};
use crate::door::StudyArguments;
use crate::run::Run;
use crate::screen::Screen;
use crate::similarity::{CeilingRequest, CompareRequest, RdmRequest};
use crate::trouble::{Exit, Result, Trouble};
use crate::{bench, list, output, process, report};

const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 usage or study file, 3 data, 4 interrupted (the same command goes on), \
                          5 refused (going on would mix or overwrite other work, or a file is not what was committed).";

/// Neurodegeneration in silico: train a network, take its synapses away step by step and for good, let it relearn after
/// each step, and measure behaviour and representation all along.
#[derive(Debug, Parser)]
#[command(name = "atrophy", version, long_version = version(), after_help = EXIT_CODES, arg_required_else_help = true)]
pub struct Atrophy {
    #[command(subcommand)]
    request: Request,
}

fn version() -> &'static str {
    process::BUILD.trim_start_matches("atrophy ")
}

#[derive(Debug, Subcommand)]
enum Request {
    /// Carry out a study, or go on with it where it stopped. A study that has grown (a seed, an arm, a measure) computes only
    /// what is new. Any number of processes may work on one folder.
    Run(Run),
    /// Show the steps, the cost, the memory and the disk of a study, before anything is spent.
    Plan(Plan),
    /// Make figures, tables and report.html anew from the records alone.
    Report(Report),
    /// Say how every case of a study stands: done, held and by whom, free, waiting, failed.
    Status(StatusRequest),
    /// Verify every file of a study's folder against its checksum, and repair what was harmed.
    Check(CheckRequest),
    /// List the cases that a study no longer asks for, or take them away.
    Clean(CleanRequest),
    /// Join folders of one study that were filled on several machines.
    Merge(MergeRequest),
    /// List injuries, plasticities, measures, networks, stimuli and built-in studies, one sentence each.
    List {
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// The dissimilarity matrix of anybody's activations, from any framework.
    Rdm(RdmRequest),
    /// How alike two dissimilarity matrices (or, by CKA, two sets of activations) are.
    Compare(CompareRequest),
    /// How alike to a set of dissimilarity matrices, such as those of healthy networks, anything can be.
    NoiseCeiling(CeilingRequest),
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

/// What the command line asks for; none if that was help or the version, which is printed here: that it got out is a result like any
/// other.
pub fn parse() -> Result<Option<Atrophy>> {
    match Atrophy::try_parse() {
        Ok(asked) => Ok(Some(asked)),
        Err(told) if !told.use_stderr() => output::printed(told.print()).map(|()| None),
        Err(wrong) => {
            let message = wrong.render().to_string();
            Err(Trouble::new(Exit::Study, message.trim_start_matches("error: ").trim_end()))
        }
    }
}

impl Atrophy {
    /// Whether this works in steps that take the same memory each time, as learning does. Other work has less at its peak if what it
    /// gives back goes to the system.
    pub fn takes_memory_again_and_again(&self) -> bool {
        matches!(self.request, Request::Run(_) | Request::Bench(_))
    }

    /// Does what was asked.
    pub fn carry_out(self) -> Result<()> {
        match self.request {
            Request::Run(run) => run.carry_out(),
            Request::Plan(Plan { study, json }) => {
                let asked = study.read(None)?;
                asked.given_weights()?.iter().for_each(|given| Screen::on_stderr().notes(&given.notes));
                let plan = asked.plan();
                output::say(json, || plan.to_string(), || plan.json())
            }
            Request::Report(Report { folder, json }) => report::make(&folder)?.say(json),
            Request::Status(status) => status.carry_out(),
            Request::Check(check) => check.carry_out(),
            Request::Clean(clean) => clean.carry_out(),
            Request::Merge(merge) => merge.carry_out(),
            Request::List { json } => output::say(json, list::text, list::json),
            Request::Rdm(rdm) => rdm.carry_out()?.say(rdm.json),
            Request::Compare(compare) => compare.carry_out()?.say(compare.json),
            Request::NoiseCeiling(ceiling) => ceiling.carry_out()?.say(ceiling.json),
            Request::Bench(Bench::Train(train)) => {
                let json = train.json;
                let measured = train.measure()?;
                output::say(json, || measured.to_string(), || measured.json())
            }
            Request::Bench(Bench::Rsa(rsa)) => {
                let json = rsa.json;
                let measured = rsa.measure()?;
                output::say(json, || measured.to_string(), || measured.json())
            }
            Request::Completions { shell } => {
                let mut script = Vec::new();
                clap_complete::generate(shell, &mut Atrophy::command(), "atrophy", &mut script);
                output::print(&script)
            }
        }
    }
}
