//! A whole study: every subject's schooling, then every arm on every subject.

use neuro::record::Cause;
use neuro::study::{Arm, TrialSeeds};

use crate::course::Course;
use crate::ledger::{Case, Ledger, OpenCase};
use crate::screen::Screen;
use crate::trial::{self, End, Lab, Subject};
use crate::trouble::Result;

/// How a study stands when this process has done what it can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Everything is done.
    Done,
    /// Stopped on request.
    Halted,
    /// What is left is in the hands of other processes: so many cases.
    Elsewhere(usize),
}

/// Carries out all cases that are not done and that no other process holds: seed by seed, so that an early look at the
/// report compares whole subjects.
pub fn run(lab: &Lab<'_>, ledger: &Ledger, cause: &Cause, screen: &mut Screen) -> Result<Standing> {
    screen.expect(work_left(lab, ledger)?);
    let mut elsewhere = 0;
    for seeds in lab.study.seeds.trials() {
        match run_seed(lab, ledger, cause, seeds, screen)? {
            Standing::Done => {}
            Standing::Halted => return Ok(Standing::Halted),
            Standing::Elsewhere(cases) => elsewhere += cases,
        }
    }
    Ok(if elsewhere > 0 { Standing::Elsewhere(elsewhere) } else { Standing::Done })
}

fn run_seed(lab: &Lab<'_>, ledger: &Ledger, cause: &Cause, seeds: TrialSeeds, screen: &mut Screen) -> Result<Standing> {
    let left = unfinished_arms(lab, ledger, seeds)?;
    let schooling = Course::of_schooling(&lab.study.schooling);
    let begun = Case::begun(cause, None, seeds.subject(), schooling.steps.len());
    let folder = ledger.subject(seeds);
    if left.is_empty() && Case::read(&folder)?.is_some_and(|case| case.is_done()) {
        return Ok(Standing::Done);
    }
    let Some(mut schooled) = OpenCase::take(&folder, begun)? else { return Ok(Standing::Elsewhere(1 + left.len())) };
    if trial::run(lab, &mut schooled, &schooling, None, screen)? == End::Halted {
        return Ok(Standing::Halted);
    }
    let subject = if left.is_empty() { None } else { Some(lab.subject(&schooled, screen)?) };
    drop(schooled); // other processes may now take its trials

    let mut elsewhere = 0;
    for arm in left {
        match run_arm(lab, ledger, cause, seeds, arm, subject.as_ref(), screen)? {
            Standing::Done => {}
            Standing::Halted => return Ok(Standing::Halted),
            Standing::Elsewhere(cases) => elsewhere += cases,
        }
    }
    Ok(if elsewhere > 0 { Standing::Elsewhere(elsewhere) } else { Standing::Done })
}

fn run_arm(
    lab: &Lab<'_>,
    ledger: &Ledger,
    cause: &Cause,
    seeds: TrialSeeds,
    arm: &Arm,
    subject: Option<&Subject>,
    screen: &mut Screen,
) -> Result<Standing> {
    let course = Course::of_arm(arm, &lab.study.schooling);
    let name = arm.name.as_str();
    let begun = Case::begun(cause, Some(name), seeds, course.steps.len());
    let Some(mut open) = OpenCase::take(&ledger.trial(name, seeds), begun)? else { return Ok(Standing::Elsewhere(1)) };
    Ok(match trial::run(lab, &mut open, &course, subject, screen)? {
        End::Done => Standing::Done,
        End::Halted => Standing::Halted,
    })
}

fn unfinished_arms<'a>(lab: &Lab<'a>, ledger: &Ledger, seeds: TrialSeeds) -> Result<Vec<&'a Arm>> {
    let mut left = Vec::new();
    for arm in &lab.study.arms {
        if !Case::read(&ledger.trial(arm.name.as_str(), seeds))?.is_some_and(|case| case.is_done()) {
            left.push(arm);
        }
    }
    Ok(left)
}

/// Images still to be learned from and to be looked at, in all cases together.
fn work_left(lab: &Lab<'_>, ledger: &Ledger) -> Result<Work> {
    let mut work = Work::default();
    let mut subjects = Vec::new();
    for seeds in lab.study.seeds.trials() {
        if !subjects.contains(&seeds.subject()) {
            subjects.push(seeds.subject());
            work.add(lab, &Course::of_schooling(&lab.study.schooling), Case::read(&ledger.subject(seeds))?);
        }
        for arm in &lab.study.arms {
            work.add(lab, &Course::of_arm(arm, &lab.study.schooling), Case::read(&ledger.trial(arm.name.as_str(), seeds))?);
        }
        if !unfinished_arms(lab, ledger, seeds)?.is_empty() {
            work.perceived += lab.stimuli.test.len() as u64; // the yardstick
        }
    }
    Ok(work)
}

/// An amount of work, in images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// To learn from.
    pub learned: u64,
    /// To look at.
    pub perceived: u64,
}

impl Work {
    /// Adds what is left of a case.
    fn add(&mut self, lab: &Lab<'_>, course: &Course, case: Option<Case>) {
        let done = case.map_or(0, |case| case.steps_done).min(course.steps.len());
        let left = Course { steps: course.steps[done..].to_vec(), ..course.clone() };
        self.learned += (left.epochs() * lab.stimuli.train.len()) as u64;
        self.perceived += (left.readings() * lab.stimuli.test.len()) as u64;
    }
}
