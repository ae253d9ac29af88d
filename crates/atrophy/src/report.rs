//! From the ledger to the report: everything that is committed, gathered, drawn, and written beside it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ledger::check::{REPORT_SUMS, report_sums};
use ledger::disk::{create_folder, write_aside};
use ledger::{Ledger, care, evidence};
use serde_json::{Value, json};

use crate::output;
use crate::screen::Screen;
use crate::trouble::{Exit, OrTrouble, Result};

/// What a report was made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    /// The page.
    pub page: PathBuf,
    /// Trials that are done.
    pub trials_done: usize,
    /// Trials whose network failed.
    pub trials_failed: usize,
    /// Trials of the study.
    pub trials: usize,
    /// What a person should know who looks at the files.
    pub warnings: Vec<String>,
}

impl Reported {
    /// For programs.
    fn told(&self) -> Value {
        let page = self.page.to_string_lossy();
        json!({
            "report": page, "trials_done": self.trials_done, "trials_failed": self.trials_failed, "trials": self.trials,
            "warnings": self.warnings,
        })
    }

    /// Says where the page is.
    pub fn say(&self, json: bool) -> Result<()> {
        let screen = Screen::on_stderr();
        self.warnings.iter().for_each(|warning| screen.line(&format!("warning: {warning}")));
        output::say(json, || self.page.display().to_string(), || self.told())
    }
}

/// Makes the report of a study's folder anew from its records, and writes it there with its checksums.
pub fn make(folder: &Path) -> Result<Reported> {
    let evidence = evidence::gather(folder)?;
    let rendered = ::report::render(&evidence).or_trouble(Exit::Failed, || "cannot draw the report".to_owned())?;
    // drawing takes a while, and others may want to begin meanwhile
    let _lock = Ledger::lock(folder)?;
    for artifact in &rendered.artifacts {
        let path = folder.join(&artifact.name);
        create_folder(path.parent().unwrap_or(folder))?;
        write_aside(&path, &artifact.bytes)?;
    }
    let sums = report_sums(rendered.artifacts.iter().map(|artifact| (artifact.name.as_str(), artifact.bytes.as_slice())));
    let before = std::fs::read_to_string(folder.join(REPORT_SUMS)).unwrap_or_default();
    write_aside(&folder.join(REPORT_SUMS), sums.as_bytes())?;
    remove_outdated(folder, &before, &sums);
    care::sweep(folder)?;
    let trials = evidence.study.arms.len() * evidence.study.seeds.trials().len();
    let trials_done = evidence.trials.iter().filter(|trial| trial.done).count();
    let trials_failed = evidence.trials.iter().filter(|trial| trial.failure.is_some()).count();
    let (page, warnings) = (folder.join("report.html"), rendered.warnings);
    Ok(Reported { page, trials_done, trials_failed, trials, warnings })
}

/// Removes figures of an earlier report that this one does not have.
fn remove_outdated(folder: &Path, before: &str, now: &str) {
    let names = |sums: &str| sums.lines().filter_map(|line| line.split_once("  ")).map(|(_, name)| name.to_owned()).collect();
    let (before, now): (BTreeSet<String>, BTreeSet<String>) = (names(before), names(now));
    for name in before.difference(&now).filter(|name| name.starts_with("figures/") && !name.contains("..")) {
        let _ = std::fs::remove_file(folder.join(name));
    }
}
