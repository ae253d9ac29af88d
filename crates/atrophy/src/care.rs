//! Looking after a study's folder: how it stands, whether it is whole, what in it is old, and how to join several.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ledger::Ledger;
use ledger::care::{self, CaseStatus, Stand, Unasked};
use ledger::check::{self, Checked};
use ledger::merge;
use neuro::study::TrialSeeds;
use serde_json::{Value, json};

use crate::door::Asked;
use crate::run::RunArguments;
use crate::study_file::StudyFile;
use crate::sweep::Standing;
use crate::trouble::{Exit, Result, Trouble};
use crate::{output, report};

/// How every case of a study stands: done, held and by whom, free, waiting, failed.
#[derive(Debug, clap::Args)]
pub struct StatusRequest {
    /// Folder that `atrophy run` writes to.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Verify every file of a study's folder against its checksum.
#[derive(Debug, clap::Args)]
pub struct CheckRequest {
    /// Folder that `atrophy run` wrote to.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Compute again what was harmed, and put back what can be put back.
    #[arg(long)]
    repair: bool,
    /// Folder of data sets, for a repair.
    #[arg(long, value_name = "DIR", env = "ATROPHY_DATA", default_value = "data")]
    data: PathBuf,
    #[command(flatten)]
    how: RunArguments,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// List the cases that a study no longer asks for, or take them away.
#[derive(Debug, clap::Args)]
pub struct CleanRequest {
    /// Folder that `atrophy run` wrote to.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Take them away. Without this they are only listed.
    #[arg(long)]
    yes: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Join folders of one study that were filled on several machines.
#[derive(Debug, clap::Args)]
pub struct MergeRequest {
    /// Folders that `atrophy run` wrote to. Their studies may differ in seeds, arms and wording.
    #[arg(value_name = "DIR", required = true, num_args = 2..)]
    folders: Vec<PathBuf>,
    /// A new folder.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl StatusRequest {
    /// Does what was asked.
    pub fn carry_out(self) -> Result<()> {
        let cases = care::status(&self.folder)?;
        output::say(self.json, || status_text(&cases), || status_json(&cases))
    }
}

fn stand_word(stand: &Stand) -> &'static str {
    match stand {
        Stand::Done => "done",
        Stand::Failed(_) => "failed",
        Stand::Held(_) => "held",
        Stand::Free => "free",
        Stand::Waiting => "waiting",
        Stand::Blocked => "blocked",
    }
}

fn status_text(cases: &[CaseStatus]) -> String {
    let mut arms: Vec<(&str, BTreeMap<&str, usize>)> = Vec::new();
    for case in cases {
        let arm = case.arm.as_deref().unwrap_or("subjects");
        let known = arms.iter().position(|(known, _)| *known == arm);
        let index = known.unwrap_or_else(|| {
            arms.push((arm, BTreeMap::new()));
            arms.len() - 1
        });
        *arms[index].1.entry(stand_word(&case.stand)).or_default() += 1;
    }
    let width = arms.iter().map(|(arm, _)| arm.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for (arm, counts) in &arms {
        let all: usize = counts.values().sum();
        let order = ["done", "held", "free", "waiting", "failed", "blocked"];
        let counts: Vec<String> = order.iter().filter_map(|word| counts.get(word).map(|n| format!("{n} {word}"))).collect();
        let pad = " ".repeat(width - arm.chars().count());
        text += &format!("{arm}{pad}  {all} {}: {}\n", if all == 1 { "case" } else { "cases" }, counts.join(", "));
    }
    for case in cases {
        let at = format!("{} of {} steps", case.done, case.steps);
        match &case.stand {
            Stand::Held(holder) => text += &format!("held    {}: {holder}, {at}\n", name(case)),
            Stand::Failed(failure) => text += &format!("failed  {}, {}: {}\n", name(case), failure.at, failure.reason),
            Stand::Free if case.done > 0 => text += &format!("begun   {}: {at}, nobody at work\n", name(case)),
            Stand::Done | Stand::Free | Stand::Waiting | Stand::Blocked => {}
        }
    }
    text
}

fn name(case: &CaseStatus) -> String {
    let TrialSeeds { network, injury, data } = case.seeds;
    match &case.arm {
        Some(arm) => format!("{arm}, seeds {} / {} / {}", network.0, injury.0, data.0),
        None => format!("subject, seeds {} / {}", network.0, data.0),
    }
}

fn status_json(cases: &[CaseStatus]) -> Value {
    let case = |case: &CaseStatus| {
        let mut object = json!({
            "arm": case.arm, "seeds": case.seeds, "folder": case.folder.to_string_lossy(), "state": stand_word(&case.stand),
            "steps_done": case.done, "steps": case.steps,
        });
        match &case.stand {
            Stand::Held(holder) => object["holder"] = json!(holder),
            Stand::Failed(failure) => object["failure"] = json!(failure),
            Stand::Done | Stand::Free | Stand::Waiting | Stand::Blocked => {}
        }
        object
    };
    json!({ "cases": cases.iter().map(case).collect::<Vec<_>>() })
}

impl CheckRequest {
    /// Does what was asked.
    pub fn carry_out(self) -> Result<()> {
        let found = check::check(&self.folder)?;
        if found.faults.is_empty() {
            let absent = match found.absent {
                0 => String::new(),
                1 => "; 1 case is not there yet".to_owned(),
                cases => format!("; {cases} cases are not there yet"),
            };
            let text = format!("{} files are as they were committed{absent}", found.files);
            return output::say(
                self.json,
                || text,
                || json!({ "files": found.files, "cases_absent": found.absent, "faults": [] }),
            );
        }
        if !self.repair {
            output::say(self.json, || faults_text(&found), || faults_json(&found))?;
            let faults = found.faults.len();
            let files = if faults == 1 { "1 file is".to_owned() } else { format!("{faults} files are") };
            return Err(Trouble::new(
                Exit::Refused,
                format!("{files} not what was committed; `atrophy check --repair` mends what can be mended"),
            ));
        }
        self.mend(&found)?;
        let left = check::check(&self.folder)?;
        if let Some(fault) = left.faults.first() {
            let message = format!("{} {}: {}", fault.path.display(), fault.what, fault.remedy);
            return Err(Trouble::new(Exit::Refused, message));
        }
        let text = format!("{}mended; all {} files are whole", faults_text(&found), left.files);
        output::say(self.json, || text, || faults_json(&found))
    }

    /// Puts back what can be put back, and carries the study out where something is missing then.
    fn mend(&self, found: &Checked) -> Result<()> {
        if check::set_aside(&self.folder, &found.faults)? {
            let ledger = Ledger::at(&self.folder)?;
            let (study, _) = ledger.asked()?;
            let shown = format!("the study of {}", self.folder.display());
            let asked = Asked::of(StudyFile::of_ledger(&ledger.title().name, &shown, study), self.data.clone(), None)?;
            match self.how.prepared(|how| how.work_on(&asked, &self.folder, Some(&ledger.title().cause)))? {
                Standing::Done { .. } => {}
                Standing::Halted => return Err(Trouble::new(Exit::Interrupted, "stopped; `atrophy check --repair` goes on")),
                Standing::Left { cases } => {
                    let message = format!("{cases} cases are in the hands of other processes; repair when they have ended");
                    return Err(Trouble::new(Exit::Refused, message));
                }
            }
        }
        report::make(&self.folder)?;
        Ok(())
    }
}

fn faults_text(found: &Checked) -> String {
    found.faults.iter().map(|fault| format!("{} {}: {}\n", fault.path.display(), fault.what, fault.remedy)).collect()
}

fn faults_json(found: &Checked) -> Value {
    let fault = |fault: &check::Fault| json!({ "path": fault.path.to_string_lossy(), "what": fault.what, "remedy": fault.remedy.to_string() });
    json!({ "files": found.files, "faults": found.faults.iter().map(fault).collect::<Vec<_>>() })
}

impl CleanRequest {
    /// Does what was asked.
    pub fn carry_out(self) -> Result<()> {
        let cases = if self.yes { care::clean(&self.folder) } else { care::unasked(&self.folder) }?;
        let yes = self.yes;
        output::say(
            self.json,
            || clean_text(&cases, yes),
            || {
                let case = |case: &Unasked| json!({ "folder": case.folder.to_string_lossy(), "bytes": case.bytes });
                json!({ "removed": yes, "cases": cases.iter().map(case).collect::<Vec<_>>() })
            },
        )
    }
}

fn clean_text(cases: &[Unasked], removed: bool) -> String {
    if cases.is_empty() {
        return "nothing is there that the study does not ask for".to_owned();
    }
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    let lines: String =
        cases.iter().map(|case| format!("{} ({:.1} MB)\n", case.folder.display(), megabytes(case.bytes))).collect();
    let all = megabytes(cases.iter().map(|case| case.bytes).sum());
    let (count, noun) = (cases.len(), if cases.len() == 1 { "case" } else { "cases" });
    if removed {
        format!("{lines}{count} {noun} removed, {all:.1} MB")
    } else {
        format!("{lines}{count} {noun}, {all:.1} MB, that the study no longer asks for; --yes takes them away")
    }
}

impl MergeRequest {
    /// Does what was asked.
    pub fn carry_out(self) -> Result<()> {
        let merged = merge::merge(&self.folders, &self.out)?;
        let out = self.out.to_string_lossy().into_owned();
        let missing: Vec<String> = merged.missing_seeds.iter().map(ToString::to_string).collect();
        let text = || {
            let gap = if missing.is_empty() { String::new() } else { format!("; no trial of seed {}", missing.join(", ")) };
            format!("{} cases copied to {out}{gap}; `atrophy report {out}` shows them", merged.cases)
        };
        output::say(self.json, text, || json!({ "out": out, "cases": merged.cases, "missing_seeds": merged.missing_seeds }))
    }
}
