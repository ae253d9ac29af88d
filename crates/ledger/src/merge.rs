//! Folders of one study that were filled on several machines, joined: keys by content make it a copy.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use neuro::study::Study;
use serde_json::Value;

use crate::case::Case;
use crate::copy::copy_case;
use crate::disk::{pretty, sha256};
use crate::error::{LedgerError, Result};
use crate::folder::{Ledger, Places, case_folders};
use crate::open::{held_by, read_case};
use crate::showing;
use crate::title::{Entry, INDEX, Title};
use crate::{FORMAT, cases, twin};

/// What was joined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// Cases that were copied.
    pub cases: usize,
    /// Seeds of the joint study for which no folder has any trial.
    pub missing_seeds: Vec<u64>,
}

/// Joins folders into a new one. Their studies may differ in their seeds, in their arms, in their wording and in what they keep; the joint
/// study has all of their arms, and all seeds from the first to the last.
///
/// # Errors
/// If the studies differ in anything else, if a case is at work, or if a file is not what was committed.
pub fn merge(folders: &[PathBuf], out: &Path) -> Result<Merged> {
    refuse_inside(folders, out)?;
    let ledgers: Vec<Ledger> = folders.iter().map(|folder| Ledger::at(folder)).collect::<Result<_>>()?;
    let (study, title) = joint(&ledgers)?;
    let begun = begin(out, title)?;
    let mut places = Places::of(out, Some(begun.title()))?;
    let copied = copy_all(&ledgers, out, &mut places)?;

    let mut borrowed: Vec<Entry> = Vec::new();
    for entry in ledgers.iter().flat_map(|ledger| &ledger.title().cases).filter(|entry| entry.borrowed.is_some()) {
        let entry = Entry { folder: places.of_key(&entry.key, &entry.folder), ..entry.clone() };
        if !borrowed.contains(&entry) {
            borrowed.push(entry);
        }
    }
    let asked = cases(&study, &begun.title().cause, &borrowed)?;
    let mut entries: Vec<Entry> = asked.iter().map(|case| case.entry(places.of_case(case))).collect();
    entries.extend(borrowed);
    let _lock = Ledger::lock(out)?;
    // all show the same: that of an earlier format is not written down yet
    let showing = match ledgers.iter().find(|ledger| !ledger.title().showing.is_empty()) {
        Some(ledger) => showing::copy(ledger.folder(), &ledger.title().showing, out)?,
        None => Vec::new(),
    };
    let title = Title { cases: entries, showing, ..begun.title().clone() };
    twin::commit(&out.join(INDEX), &pretty(&title), Some(&pretty(begun.title())))?;

    let there = asked.iter().filter(|case| case.arm.is_some() && places.knows(&case.key));
    let there: BTreeSet<usize> = there.map(|case| case.seed).collect();
    let missing = (0..study.seeds.count.get() as usize).filter(|seed| !there.contains(seed));
    Ok(Merged { cases: copied, missing_seeds: missing.map(|seed| study.seeds.first + seed as u64).collect() })
}

/// What is copied from must not change while it is copied to.
fn refuse_inside(folders: &[PathBuf], out: &Path) -> Result<()> {
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    let within = |inner: &Path, outer: &Path| real(inner).zip(real(outer)).is_some_and(|(inner, outer)| inner.starts_with(outer));
    let parts = || out.ancestors().filter(|part| !part.as_os_str().is_empty());
    match folders.iter().find(|input| parts().any(|part| within(part, input))) {
        None => Ok(()),
        Some(input) => Err(LedgerError::Unlike(format!(
            "{} is {}, or lies in it, which is to be merged; choose another folder with --out",
            out.display(),
            input.display()
        ))),
    }
}

/// The study that asks for all that the studies of these folders ask for, and its title without cases.
fn joint(ledgers: &[Ledger]) -> Result<(Study, Title)> {
    let Some(first) = ledgers.first() else { return Err(LedgerError::Unlike("there is nothing to merge".to_owned())) };
    let mut study = first.title().study.clone();
    for ledger in &ledgers[1..] {
        let (ours, theirs) = (first.folder().display(), ledger.folder().display());
        join(&mut study, &ledger.title().study).map_err(|key| {
            LedgerError::Unlike(format!(
                "{ours} and {theirs} hold different studies ({key}), and only seeds, arms and wording may differ"
            ))
        })?;
        let (a, b) = (&first.title().cause, &ledger.title().cause);
        if (&a.checksums, &a.device, &a.weights_sha256) != (&b.checksums, &b.device, &b.weights_sha256) {
            return Err(LedgerError::Unlike(format!("{ours} and {theirs} were made of different images, weights or devices")));
        }
    }
    let parsed: Study = serde_json::from_value(study.clone()).map_err(|error| LedgerError::Unlike(error.to_string()))?;
    parsed
        .check_ceilings()
        .map_err(|fault| LedgerError::Unlike(format!("together they ask for too much: {}: {}", fault.key, fault.reason)))?;
    let mut cause = first.title().cause.clone();
    cause.study_sha256 = sha256(study.to_string().as_bytes());
    Ok((parsed, Title { format: FORMAT, name: first.title().name.clone(), cause, study, showing: Vec::new(), cases: Vec::new() }))
}

/// A new folder; or one in which the same merge was cut short, which then goes on.
fn begin(out: &Path, title: Title) -> Result<Ledger> {
    if !out.join(INDEX).exists() {
        return Ledger::begin(out, title);
    }
    let there = Ledger::at(out)?;
    if (&there.title().study, &there.title().cause) == (&title.study, &title.cause) {
        return Ok(there);
    }
    let out = out.display();
    Err(LedgerError::Unlike(format!("{out} holds another study than these make together; choose a new folder with --out")))
}

/// Copies every case that is further than what is there. Tells how many.
fn copy_all(ledgers: &[Ledger], out: &Path, places: &mut Places) -> Result<usize> {
    let mut copied = 0;
    for ledger in ledgers {
        for name in case_folders(ledger.folder()) {
            let from = ledger.folder().join(&name);
            let Some(case) = read_case(&from)? else { continue };
            if let Some(holder) = held_by(&from) {
                return Err(LedgerError::Unlike(format!("{} is at work ({holder}); merge when it has ended", from.display())));
            }
            let to = out.join(places.of_key(&case.key, &name));
            if read_case(&to)?.is_none_or(|there| worth(&there) < worth(&case)) {
                copy_case(&from, &to)?;
                copied += 1;
            }
        }
    }
    Ok(copied)
}

/// Of two copies of a case the one that is further is worth more, or the one with more files.
fn worth(case: &Case) -> (u64, usize, usize, bool, usize) {
    (case.done, case.readings.len(), case.states.len(), case.failure.is_none(), case.files().count())
}

/// Makes `ours` the study that asks for all that both ask for, or names the key in which they cannot be joined.
fn join(ours: &mut Value, theirs: &Value) -> std::result::Result<(), String> {
    for (key, value) in theirs.as_object().into_iter().flatten() {
        match key.as_str() {
            "question" | "keep" | "keep_rdms" | "keep_logits" => {}
            "seeds" => join_seeds(&mut ours["seeds"], value)?,
            "arm" => {
                for arm in value.as_array().into_iter().flatten() {
                    join_arm(&mut ours["arm"], arm)?;
                }
            }
            _ if ours.get(key) == Some(value) => {}
            other => return Err(other.to_owned()),
        }
    }
    Ok(())
}

fn join_arm(ours: &mut Value, arm: &Value) -> std::result::Result<(), String> {
    let Some(ours) = ours.as_array_mut() else { return Err("arm".to_owned()) };
    match ours.iter_mut().find(|known| known["name"] == arm["name"]) {
        None => ours.push(arm.clone()),
        Some(known) => {
            let steps = known["steps"].as_u64().max(arm["steps"].as_u64());
            let mut alike = arm.clone();
            alike["steps"] = known["steps"].clone();
            if alike != *known {
                return Err(format!("arm {}", arm["name"]));
            }
            known["steps"] = steps.into();
        }
    }
    Ok(())
}

fn join_seeds(ours: &mut Value, theirs: &Value) -> std::result::Result<(), String> {
    let range = |seeds: &Value| Some((seeds["first"].as_u64()?, seeds["first"].as_u64()? + seeds["count"].as_u64()?));
    let unlike = || "seeds".to_owned();
    let ((a, b), (c, d)) = (range(ours).ok_or_else(unlike)?, range(theirs).ok_or_else(unlike)?);
    let held = |seeds: &Value| seeds.get("held").cloned().unwrap_or(Value::Array(Vec::new()));
    if held(ours) != held(theirs) || (held(ours) != Value::Array(Vec::new()) && a != c) {
        return Err("seeds.held".to_owned());
    }
    ours["first"] = a.min(c).into();
    ours["count"] = (b.max(d) - a.min(c)).into();
    Ok(())
}
