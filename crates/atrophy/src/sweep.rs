//! A whole study: every subject's schooling, then every arm on every subject.

use std::path::PathBuf;

use neuro::record::Cause;
use neuro::study::{Arm, TrialSeeds};

use crate::course::Course;
use crate::ledger::{Case, Ledger, OpenCase};
use crate::screen::Screen;
use crate::trial::{self, End, Lab};
use crate::trouble::Result;

/// How a study stands when this process has done what it can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Everything is done.
    Done,
    /// Stopped on request.
    Halted,
    /// The rest cannot be done by this process, or not now.
    Left(Left),
}

/// What a process cannot do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// So many cases are in the hands of other processes.
    pub elsewhere: usize,
    /// Cases whose network failed, and why. What depends on them is not done either.
    pub failed: Vec<String>,
}

/// Carries out all cases that are not done and that no other process holds: seed by seed, so that an early look at the
/// report compares whole subjects. A case whose network fails does not keep the others from being done. What another process
/// held is looked at again, for as long as there was something to do meanwhile.
pub fn run(lab: &Lab<'_>, ledger: &Ledger, cause: &Cause, screen: &mut Screen) -> Result<Standing> {
    screen.expect(work_left(lab, ledger)?);
    loop {
        let mut pass = Pass::default();
        for seeds in lab.study.seeds.trials() {
            if run_seed(lab, ledger, cause, seeds, &mut pass, screen)? == Going::Halted {
                return Ok(Standing::Halted);
            }
        }
        match pass {
            Pass { left, .. } if left == Left::default() => return Ok(Standing::Done),
            Pass { left, worked, .. } if !worked || !left.failed.is_empty() => return Ok(Standing::Left(left)),
            _ => {}
        }
    }
}

/// Whether to go on with the next case.
#[derive(PartialEq, Eq)]
enum Going {
    On,
    Halted,
}

/// One look at every case.
#[derive(Default)]
struct Pass {
    /// There was a case to do.
    worked: bool,
    /// Folders of subjects that failed; several seeds may share one.
    failed_subjects: Vec<PathBuf>,
    left: Left,
}

fn run_seed(
    lab: &Lab<'_>,
    ledger: &Ledger,
    cause: &Cause,
    seeds: TrialSeeds,
    pass: &mut Pass,
    screen: &mut Screen,
) -> Result<Going> {
    let arms = unfinished_arms(lab, ledger, seeds)?;
    let schooling = Course::of_schooling(&lab.study.schooling);
    let begun = Case::begun(cause, None, seeds.subject(), schooling.steps.len());
    let folder = ledger.subject(seeds);
    if arms.is_empty() && Case::read(&folder)?.is_some_and(|case| case.is_done()) {
        return Ok(Going::On);
    }
    if pass.failed_subjects.contains(&folder) {
        return Ok(Going::On);
    }
    let Some(mut schooled) = OpenCase::take(&folder, begun)? else {
        pass.left.elsewhere += 1 + arms.len();
        return Ok(Going::On);
    };
    pass.worked |= !schooled.case.is_done();
    match trial::run(lab, &mut schooled, &schooling, None, screen)? {
        End::Done => {}
        End::Halted => return Ok(Going::Halted),
        End::Failed(reason) => {
            pass.left.failed.push(reason);
            pass.failed_subjects.push(folder);
            return Ok(Going::On);
        }
    }
    let subject = if arms.is_empty() { None } else { Some(lab.subject(&schooled, screen)?) };
    drop(schooled); // other processes may now take its trials

    for arm in arms {
        let course = Course::of_arm(arm, &lab.study.schooling);
        let name = arm.name.as_str();
        let begun = Case::begun(cause, Some(name), seeds, course.steps.len());
        let Some(mut open) = OpenCase::take(&ledger.trial(name, seeds), begun)? else {
            pass.left.elsewhere += 1;
            continue;
        };
        pass.worked |= !open.case.is_done();
        match trial::run(lab, &mut open, &course, subject.as_ref(), screen)? {
            End::Done => {}
            End::Halted => return Ok(Going::Halted),
            End::Failed(reason) => pass.left.failed.push(reason),
        }
    }
    Ok(Going::On)
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
