//! From the ledger to the report: everything that is committed and asked for, read and checked.

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use neuro::measure::Measure;
use neuro::reading::{Confusions, Reading};
use neuro::record::{EpochRecord, Evidence, Failure, Maker, Phase, RdmPicture, Record, TrialRecords};
use neuro::study::{Study, TrialSeeds};

use crate::asked::AskedCase;
use crate::case::{Case, Questions, ReadingFiles};
use crate::error::{LedgerError, Result};
use crate::folder::Ledger;
use crate::npy;
use crate::open::read_file;
use crate::spec::{CaseKey, Start};

/// Steps whose pictures are shown besides the healthy one and the last.
const FIRST_STEPS_PICTURED: u32 = 2;

/// All that is committed of what the study in a folder asks for. Files that the report does not use (checkpoints, predictions, logits,
/// whole matrices, the pictures of all trials but those of one seed) are not read.
///
/// # Errors
/// If there is no study in the folder, or a file is not what was committed.
pub fn gather(folder: &Path) -> Result<Evidence> {
    for look in 0..LOOKS {
        match gather_once(folder) {
            // a process at work may replace a reading between a look at its index and at its files
            Err(LedgerError::Damaged { .. }) if look == 0 || is_at_work(folder)? => std::thread::sleep(BETWEEN_LOOKS),
            other => return other,
        }
    }
    gather_once(folder)
}

const LOOKS: usize = 10;
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

fn is_at_work(folder: &Path) -> Result<bool> {
    let ledger = Ledger::at(folder)?;
    Ok(ledger.title().cases.iter().any(|case| ledger.held_by(&case.key).is_some()))
}

fn gather_once(folder: &Path) -> Result<Evidence> {
    let ledger = Ledger::at(folder)?;
    let (study, asked) = ledger.asked()?;
    let mut reader = Reader { ledger: &ledger, study: &study, makers: Vec::new(), counted: HashSet::new() };

    let mut schooling: Vec<(TrialSeeds, Vec<EpochRecord>)> = Vec::new();
    for subject in asked.iter().filter(|case| case.arm.is_none()) {
        if schooling.iter().all(|(known, _)| *known != subject.seeds)
            && let Some(case) = ledger.case(&subject.key)?
        {
            reader.count(&case);
            schooling.push((subject.seeds, case.epochs));
        }
    }
    let mut trials = Vec::new();
    let mut pictured = None;
    for arm in &study.arms {
        for case in asked.iter().filter(|case| case.arm.as_deref() == Some(arm.name.as_str())) {
            let shown = *pictured.get_or_insert(case.seed) == case.seed;
            match reader.trial(case, shown)? {
                Some(trial) => trials.push(trial),
                // the seed whose pictures are shown is the first that has any
                None if trials.is_empty() => pictured = None,
                None => {}
            }
        }
    }
    let makers = reader.makers;
    Ok(Evidence { name: ledger.title().name.clone(), cause: ledger.title().cause.clone(), study, makers, trials, schooling })
}

struct Reader<'a> {
    ledger: &'a Ledger,
    study: &'a Study,
    makers: Vec<(Maker, usize)>,
    counted: HashSet<CaseKey>,
}

impl Reader<'_> {
    /// Counts who made a case, each case once.
    fn count(&mut self, case: &Case) {
        if !self.counted.insert(case.key.clone()) {
            return;
        }
        let mut makers: Vec<&Maker> = case.makers.iter().map(|made| &made.maker).collect();
        makers.sort();
        makers.dedup();
        for maker in makers {
            match self.makers.iter_mut().find(|(known, _)| known == maker) {
                Some((_, cases)) => *cases += 1,
                None => self.makers.push((maker.clone(), 1)),
            }
        }
    }

    /// One trial: the healthy reading of its subject, what it went through before it branched, then its own. None as long as nothing is
    /// read.
    fn trial(&mut self, asked: &AskedCase, pictured: bool) -> Result<Option<TrialRecords>> {
        let Start::Case { key: parent, step } = &asked.spec.start else { return Ok(None) };
        let mut trial = TrialRecords {
            arm: asked.arm.clone().unwrap_or_default(),
            seeds: asked.seeds,
            done: false,
            failure: None,
            inherited: *step,
            records: Vec::new(),
            epochs: Vec::new(),
            pictures: Vec::new(),
        };
        let questions = &asked.wanted.questions;
        if !self.history(parent, *step, questions, pictured, &mut trial)? {
            return Ok(trial.failure.is_some().then_some(trial));
        }
        if let Some(case) = self.ledger.case(&asked.key)? {
            self.count(&case);
            let last = *asked.wanted.course.stages.end();
            self.add(&case, questions, last, pictured, &mut trial)?;
            trial.done = case.is_done(&asked.wanted);
            trial.failure = case.failure.filter(|_| !trial.done);
            trial.epochs = case.epochs.into_iter().filter(|epoch| epoch.step <= last).collect();
        }
        Ok(Some(trial))
    }

    /// Adds the readings of what a trial started from, up to a step. Tells whether that got so far.
    fn history(
        &mut self,
        key: &CaseKey,
        step: u32,
        questions: &Questions,
        pictured: bool,
        trial: &mut TrialRecords,
    ) -> Result<bool> {
        let Some(case) = self.ledger.case(key)? else { return Ok(false) };
        self.count(&case);
        if let Start::Case { key, step } = &case.spec.start
            && !self.history(key, *step, questions, pictured, trial)?
        {
            return Ok(false);
        }
        let course = case.spec.course(step);
        if course.end_of(step).is_none_or(|end| case.done < end) {
            trial.failure = case.failure.map(|failure| Failure { at: format!("what it starts from: {}", failure.at), ..failure });
            return Ok(false);
        }
        // what it went through as another arm is that arm's to show, but for the healthy network
        self.add(&case, questions, step, pictured && step == 0, trial)?;
        Ok(true)
    }

    fn add(&self, case: &Case, questions: &Questions, last: u32, pictured: bool, trial: &mut TrialRecords) -> Result<()> {
        let folder = self.ledger.place(&case.key);
        // what was added to the study since may not have been asked yet, and is missing then
        let answers = |reading: &&ReadingFiles| reading.step <= last && case.asked[reading.asked].same_images(questions);
        let answers = case.readings.iter().filter(answers);
        let mut readings: Vec<&ReadingFiles> = Vec::new();
        for reading in answers {
            let all = case.asked[reading.asked].cover(questions);
            match readings.last_mut().filter(|last| (last.step, last.phase) == (reading.step, reading.phase)) {
                Some(last) if all => *last = reading,
                Some(_) => {}
                None => readings.push(reading),
            }
        }
        let last_of = |phase: Phase| readings.iter().filter(|reading| reading.phase == phase).map(|reading| reading.step).max();
        for reading in &readings {
            trial.records.push(read_record(&folder, reading, self.study, self.ledger.title().cause.classes.len())?);
            if pictured && (reading.step <= FIRST_STEPS_PICTURED || last_of(reading.phase) == Some(reading.step)) {
                trial.pictures.extend(read_pictures(&folder, reading, &self.study.probe.layers)?);
            }
        }
        Ok(())
    }
}

/// A reading with the answers to the study's own measures, in their order: a record may hold more.
fn read_record(folder: &Path, files: &ReadingFiles, study: &Study, named_classes: usize) -> Result<Record> {
    let missing = || LedgerError::damaged(&folder.join(crate::open::INDEX), "names no record.json of a reading");
    let file = files.file("record.json").ok_or_else(missing)?;
    let bytes = read_file(folder, file)?;
    let path = folder.join(&file.name);
    let mut record: Record =
        serde_json::from_slice(&bytes).map_err(|error| LedgerError::damaged(&path, format!("cannot be read ({error})")))?;
    let asked = |reading: &&Reading| reading.layer.is_empty() || study.probe.layers.contains(&reading.layer);
    let mut seen = HashSet::new();
    let mut readings = Vec::new();
    for measure in &study.measures {
        for reading in record.readings.iter().filter(asked).filter(|reading| measure.asks_for(reading)) {
            if seen.insert((&reading.measure, &reading.layer, &reading.class)) {
                readings.push(reading.clone());
            }
        }
    }
    record.readings = readings;
    if study.measures.contains(&Measure::Confusion)
        && let Some(file) = files.file("confusions.npy")
    {
        let (classes, counts) = npy::read_counts(&read_file(folder, file)?)
            .map_err(|error| LedgerError::damaged(&folder.join(&file.name), format!("cannot be read ({error})")))?;
        if classes != named_classes {
            return Err(LedgerError::damaged(&folder.join(&file.name), format!("counts {classes} classes, not {named_classes}")));
        }
        record.confusions = Some(Confusions { classes, counts });
    }
    Ok(record)
}

fn read_pictures(folder: &Path, files: &ReadingFiles, layers: &[String]) -> Result<Vec<RdmPicture>> {
    let mut pictures = Vec::new();
    for layer in layers {
        // the second format called it a picture of its own
        let names = [format!("rdm-picture-{layer}.npy"), format!("picture-{layer}.npy")];
        let Some(file) = names.iter().find_map(|name| files.file(name)) else { continue };
        let (side, values) = npy::read_square(&read_file(folder, file)?)
            .map_err(|error| LedgerError::damaged(&folder.join(&file.name), format!("cannot be read ({error})")))?;
        pictures.push(RdmPicture { step: files.step, phase: files.phase, layer: layer.clone(), side, values });
    }
    Ok(pictures)
}
