//! Folders of one study that were filled on several machines, joined: keys by content make it a copy.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use neuro::study::Study;
use serde_json::Value;

use crate::case::Case;
use crate::copy::copy_case;
use crate::error::{LedgerError, Result};
use crate::folder::{Ledger, Places, case_folders};
use crate::open::{held_by, pretty, read_case};
use crate::title::{Entry, INDEX, Title};
use crate::{AskedCase, cases, twin};

/// What was joined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// Cases that were copied.
    pub cases: usize,
    /// Seeds of the joint study for which no folder has any trial.
    pub missing_seeds: Vec<u64>,
}

/// Joins folders into a new one. Their studies may differ in their seeds, in their arms and in their wording; the joint study has all of
/// their arms, and all seeds from the first to the last.
///
/// # Errors
/// If the studies differ in anything else, if a case is at work, or if a file is not what was committed.
pub fn merge(folders: &[PathBuf], out: &Path) -> Result<Merged> {
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    let within = |inner: &Path, outer: &Path| real(inner).zip(real(outer)).is_some_and(|(inner, outer)| inner.starts_with(outer));
    if let Some(input) =
        folders.iter().find(|input| out.ancestors().any(|part| !part.as_os_str().is_empty() && within(part, input)))
    {
        let (out, input) = (out.display(), input.display());
        return Err(LedgerError::Unlike(format!(
            "{out} is {input}, or lies in it, which is to be merged; choose another folder with --out"
        )));
    }
    let ledgers: Vec<Ledger> = folders.iter().map(|folder| Ledger::at(folder)).collect::<Result<_>>()?;
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
    cause.study_sha256 = crate::disk::sha256(study.to_string().as_bytes());
    let title = Title { format: crate::FORMAT, name: first.title().name.clone(), cause, study, cases: Vec::new() };
    // where a copy was cut short the same command goes on
    let begun = if out.join(INDEX).exists() {
        let there = Ledger::at(out)?;
        if (&there.title().study, &there.title().cause) != (&title.study, &title.cause) {
            let out = out.display();
            return Err(LedgerError::Unlike(format!(
                "{out} holds another study than these make together; choose a new folder with --out"
            )));
        }
        there
    } else {
        Ledger::begin(out, title)?
    };
    let mut merged = Merged::default();
    let mut places = Places::of(out, Some(begun.title()))?;
    for ledger in &ledgers {
        for name in case_folders(ledger.folder()) {
            let from = ledger.folder().join(&name);
            let Some(case) = read_case(&from)? else { continue };
            if let Some(holder) = held_by(&from) {
                return Err(LedgerError::Unlike(format!("{} is at work ({holder}); merge when it has ended", from.display())));
            }
            let to = out.join(places.of_key(&case.key, &name));
            if read_case(&to)?.is_none_or(|there| worth(&there) < worth(&case)) {
                copy_case(&from, &to)?;
                merged.cases += 1;
            }
        }
    }
    let borrowed: BTreeSet<Vec<u8>> = ledgers
        .iter()
        .flat_map(|ledger| &ledger.title().cases)
        .filter(|entry| entry.borrowed.is_some())
        .map(|entry| serde_json::to_vec(entry).expect("plain data"))
        .collect();
    let borrowed: Vec<Entry> =
        borrowed.iter().map(|entry| serde_json::from_slice(entry).expect("written a moment ago")).collect();
    let asked = cases(&parsed, &begun.title().cause, &borrowed)?;
    let entry = |case: &AskedCase, folder| Entry {
        key: case.key.clone(),
        folder,
        arm: case.arm.clone(),
        seeds: case.seeds,
        borrowed: None,
    };
    let mut entries: Vec<Entry> = asked.iter().map(|case| entry(case, places.of_case(case))).collect();
    entries.extend(borrowed.into_iter().map(|entry| Entry { folder: places.of_key(&entry.key, &entry.folder), ..entry }));
    let have = |case: &&AskedCase| case.arm.is_some() && places.knows(&case.key);
    let seeds: BTreeSet<usize> = asked.iter().filter(have).map(|case| case.seed).collect();
    merged.missing_seeds = (0..parsed.seeds.count.get() as usize)
        .filter(|seed| !seeds.contains(seed))
        .map(|seed| parsed.seeds.first + seed as u64)
        .collect();
    let _lock = Ledger::lock(out)?;
    let title = Title { cases: entries, ..begun.title().clone() };
    let before = pretty(begun.title());
    twin::commit(&out.join(INDEX), &pretty(&title), Some(&before))?;
    Ok(merged)
}

/// Of two copies of a case the one that is further is worth more.
fn worth(case: &Case) -> (u64, usize, usize, bool) {
    (case.done, case.readings.len(), case.states.len(), case.failure.is_none())
}

/// Makes `ours` the study that asks for all that both ask for, or names the key in which they cannot be joined.
fn join(ours: &mut Value, theirs: &Value) -> std::result::Result<(), String> {
    for (key, value) in theirs.as_object().into_iter().flatten() {
        match key.as_str() {
            "question" | "keep" => {}
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
