//! From the ledger to the report: everything that is committed, gathered and shown.

use std::path::{Path, PathBuf};

use neuro::record::{EpochRecord, Evidence, TrialRecords};
use neuro::study::{Study, TrialSeeds};

use crate::disk;
use crate::ledger::{self, Case, Ledger};
use crate::trouble::{Exit, OrTrouble, Result, Trouble};

/// What a report was made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    /// The page.
    pub page: PathBuf,
    /// Trials that are done.
    pub trials_done: usize,
    /// Trials of the study.
    pub trials: usize,
}

/// Makes the report of a ledger anew from its records, and writes it into the ledger's folder.
pub fn report(folder: &Path) -> Result<Reported> {
    let evidence = gather(folder)?;
    let artifacts = report::render(&evidence).or_trouble(Exit::Failed, || "cannot draw the report".to_owned())?;
    for artifact in &artifacts {
        let path = folder.join(&artifact.name);
        let parent = path.parent().unwrap_or(folder);
        disk::create_folder(parent)?;
        disk::write_aside(&path, &artifact.bytes)?;
    }
    let trials = evidence.study.arms.len() * evidence.study.seeds.trials().len();
    let trials_done = evidence.trials.iter().filter(|trial| trial.done).count();
    Ok(Reported { page: folder.join("report.html"), trials_done, trials })
}

/// All that is committed in a ledger.
pub fn gather(folder: &Path) -> Result<Evidence> {
    let Some(title) = Ledger::title(folder)? else {
        let message =
            format!("{} holds no study (no ledger.json); give the folder that `atrophy run` wrote to", folder.display());
        return Err(Trouble::new(Exit::Study, message));
    };
    let study: Study = serde_json::from_value(title.study).or_trouble(Exit::Refused, || {
        format!("{} holds a study that this build does not understand", folder.join("ledger.json").display())
    })?;
    let ledger = Ledger::at(folder);

    let mut schooling: Vec<(TrialSeeds, Vec<EpochRecord>)> = Vec::new();
    let mut trials = Vec::new();
    let all = study.seeds.trials();
    for seeds in &all {
        if schooling.iter().all(|(known, _)| *known != seeds.subject())
            && let Some(case) = Case::read(&ledger.subject(*seeds))?
        {
            schooling.push((seeds.subject(), case.epochs));
        }
    }
    for arm in &study.arms {
        for seeds in &all {
            trials.extend(trial(&ledger, &study, arm.name.as_str(), *seeds)?);
        }
    }
    Ok(Evidence { study, name: title.name, cause: title.cause, trials, schooling })
}

/// One trial: the healthy reading of its subject, then its own. None as long as its subject is not read.
fn trial(ledger: &Ledger, study: &Study, arm: &str, seeds: TrialSeeds) -> Result<Option<TrialRecords>> {
    let (subject_folder, folder) = (ledger.subject(seeds), ledger.trial(arm, seeds));
    let Some(subject) = Case::read(&subject_folder)?.filter(Case::is_done) else { return Ok(None) };
    let layers = &study.probe.layers;
    let mut pictures = ledger::pictures(&subject_folder, &subject.records, layers)?;
    let mut records = subject.records;
    let case = Case::read(&folder)?;
    let done = case.as_ref().is_some_and(Case::is_done);
    let mut epochs = Vec::new();
    if let Some(case) = case {
        pictures.extend(ledger::pictures(&folder, &case.records, layers)?);
        records.extend(case.records);
        epochs = case.epochs;
    }
    Ok(Some(TrialRecords { arm: arm.to_owned(), seeds, done, records, epochs, pictures }))
}
