//! A whole study: any case is taken whose start is done, until nothing is left.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use ledger::{AskedCase, CaseKey, Holder, Ledger, Start};
use neuro::record::Maker;
use neuro::representation::Healthy;

use crate::lab::Lab;
use crate::process::Stop;
use crate::screen::{Screen, Work};
use crate::trial::{End, Trial, case_name, gone};
use crate::trouble::{Exit, Result, Trouble};

/// A process looks whether what others hold is free or done: soon at first, then as seldom as that, so that many that wait do not wear out
/// a shared disk.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// So often a process looks at cases that nobody holds and that cannot begin, before it says that something is wrong.
const LOOKS_WITHOUT_ANYBODY: u32 = 5;

/// How soon a process that waits hears that it is to stop.
const HEARS_WITHIN: Duration = Duration::from_millis(100);

/// How a process goes through a study.
pub struct How<'a> {
    /// When to stop.
    pub stop: &'a Stop,
    /// Who computes.
    pub maker: Maker,
    /// Whether to wait for cases that other processes hold.
    pub wait: bool,
    /// Whether networks that failed are trained again.
    pub retry_failed: bool,
    /// Whether two builds may learn in one case.
    pub mix_builds: bool,
    /// Only the cases of this seed of the study, counted from 0; all if none.
    pub seed: Option<usize>,
}

/// How a study stands when this process has done what it can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Everything is done, but for cases whose network failed: their names, where, and why.
    Done {
        /// Cases that failed, and what could not be begun for that.
        failed: Vec<String>,
    },
    /// Stopped on request.
    Halted,
    /// What is left is in the hands of other processes, and this one does not wait for them.
    Left {
        /// So many cases.
        cases: usize,
    },
}

/// Carries out all cases that are not done: seed by seed, so that an early look at the report compares whole subjects. A case whose
/// network fails does not keep the others from being done. Where all that is left is held by other processes, it waits for them: they
/// may die, or leave something for this one to begin.
pub fn run(lab: &Lab<'_>, ledger: &Ledger, cases: &[AskedCase], how: &How<'_>, screen: &mut Screen) -> Result<Standing> {
    let asked: Vec<&AskedCase> = cases.iter().filter(|case| how.seed.is_none_or(|seed| case.seed == seed)).collect();
    let mut sweep = Sweep {
        lab,
        ledger,
        asked,
        how,
        settled: BTreeSet::new(),
        failed: Vec::new(),
        failed_keys: BTreeSet::new(),
        yardstick: None,
        told: Vec::new(),
    };
    screen.expect(sweep.work_left()?);
    let (mut wait, mut idle) = (FIRST_WAIT, 0);
    loop {
        let pass = sweep.pass(screen)?;
        if pass.halted {
            return Ok(Standing::Halted);
        }
        if sweep.settled.len() == sweep.asked.len() {
            return Ok(Standing::Done { failed: sweep.failed });
        }
        if pass.worked {
            wait = FIRST_WAIT;
            continue;
        }
        if !how.wait {
            return Ok(Standing::Left { cases: sweep.asked.len() - sweep.settled.len() });
        }
        // what another process has just finished lets something begin at the next look
        idle = if pass.held.is_empty() { idle + 1 } else { 0 };
        if idle > LOOKS_WITHOUT_ANYBODY {
            let left = sweep.asked.len() - sweep.settled.len();
            let message =
                format!("{left} cases cannot begin, and nobody is at work on what they start from; `atrophy check` may say why");
            return Err(Trouble::new(Exit::Failed, message));
        }
        sweep.tell_waiting(&pass.held, screen);
        let until = Instant::now() + wait;
        while Instant::now() < until {
            if how.stop.is_now() {
                return Ok(Standing::Halted);
            }
            std::thread::sleep(HEARS_WITHIN);
        }
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

struct Sweep<'a> {
    lab: &'a Lab<'a>,
    ledger: &'a Ledger,
    asked: Vec<&'a AskedCase>,
    how: &'a How<'a>,
    /// Cases that need no further look, by their place among those that are asked for.
    settled: BTreeSet<usize>,
    failed: Vec<String>,
    failed_keys: BTreeSet<CaseKey>,
    /// The healthy network that trials were compared with last, for those that come next are often of the same subject.
    yardstick: Option<(CaseKey, Healthy)>,
    /// Whom this process was last said to wait for.
    told: Vec<String>,
}

/// One look at every case.
#[derive(Default)]
struct Pass {
    /// There was a case to do.
    worked: bool,
    halted: bool,
    /// Cases that others hold, and who.
    held: Vec<(String, Option<Holder>)>,
}

/// Whether a case can begin.
enum Ready {
    Yes,
    NotYet,
    /// What it starts from failed.
    Never,
}

impl Sweep<'_> {
    fn pass(&mut self, screen: &mut Screen) -> Result<Pass> {
        let mut pass = Pass::default();
        for (index, case) in self.asked.clone().into_iter().enumerate() {
            if self.settled.contains(&index) {
                continue;
            }
            let committed = self.ledger.case(&case.key)?;
            if committed.as_ref().is_some_and(|committed| committed.is_done(&case.wanted)) {
                self.settled.insert(index);
                continue;
            }
            // what lies before a failure may still be missing, in a study that has grown
            if let Some(committed) = committed
                && let Some(failure) = &committed.failure
                && committed.missing(&case.wanted).is_some_and(|missing| missing >= committed.done)
                && !self.how.retry_failed
            {
                self.settle_failed(index, format!("{}, {}: {}", case_name(case), failure.at, failure.reason));
                continue;
            }
            match self.is_ready(case)? {
                Ready::Yes => {}
                Ready::NotYet => continue,
                Ready::Never => {
                    self.settle_failed(index, format!("{}: what it starts from failed", case_name(case)));
                    continue;
                }
            }
            match self.take(case, screen)? {
                None => pass.held.push((case_name(case), self.ledger.held_by(&case.key))),
                Some(End::Halted) => {
                    pass.halted = true;
                    return Ok(pass);
                }
                Some(end) => {
                    pass.worked = true;
                    match end {
                        End::Failed(failure) => {
                            self.settle_failed(index, format!("{}, {}: {}", case_name(case), failure.at, failure.reason));
                        }
                        End::Done | End::Halted => drop(self.settled.insert(index)),
                    }
                }
            }
        }
        Ok(pass)
    }

    /// Takes one case to its end, unless another process holds it.
    fn take(&mut self, case: &AskedCase, screen: &mut Screen) -> Result<Option<End>> {
        let Some(open) = self.ledger.take(&case.key, &case.spec, &self.how.maker)? else { return Ok(None) };
        if open.case().is_done(&case.wanted) {
            return Ok(Some(End::Done)); // another process was faster
        }
        if case.arm.is_some() && !open.case().has_all_readings(&case.wanted) {
            self.measure_up(case, screen)?;
        }
        let healthy = self.yardstick.as_ref().filter(|_| case.arm.is_some()).map(|(_, healthy)| healthy);
        let How { stop, mix_builds, retry_failed, .. } = *self.how;
        let (lab, ledger) = (self.lab, self.ledger);
        Trial { lab, ledger, asked: case, open, healthy, stop, mix_builds, retry_failed, screen }.run().map(Some)
    }

    /// Reads the healthy network that a trial is compared with, unless it is the one at hand.
    fn measure_up(&mut self, case: &AskedCase, screen: &mut Screen) -> Result<()> {
        let Start::Case { key, .. } = &case.spec.start else { return Ok(()) };
        let subject = self.ledger.subject_of(key)?;
        if self.yardstick.as_ref().is_some_and(|(known, _)| *known == subject) {
            return Ok(());
        }
        screen.begin(&format!("{}: showing the healthy network the probe", case_name(&AskedCase { arm: None, ..case.clone() })));
        let checkpoint = self.ledger.checkpoint(&subject, 0)?.ok_or_else(gone)?;
        let network = self.lab.network_of(&checkpoint)?;
        let responses = self.lab.perceive(&network, screen).map_err(|error| Trouble::new(Exit::Failed, error.to_string()))?;
        self.yardstick = Some((subject, self.lab.healthy(responses)));
        Ok(())
    }

    /// Whether what a case starts from is there.
    fn is_ready(&self, case: &AskedCase) -> Result<Ready> {
        let Start::Case { key, step } = &case.spec.start else { return Ok(Ready::Yes) };
        if self.ledger.has_checkpoint(key, *step)? && self.ledger.has_checkpoint(&self.ledger.subject_of(key)?, 0)? {
            return Ok(Ready::Yes);
        }
        Ok(if self.failed_keys.contains(key) { Ready::Never } else { Ready::NotYet })
    }

    fn settle_failed(&mut self, index: usize, why: String) {
        self.settled.insert(index);
        self.failed_keys.insert(self.asked[index].key.clone());
        if !self.failed.contains(&why) {
            self.failed.push(why);
        }
    }

    /// Images still to be learned from and to be looked at, in all cases together.
    fn work_left(&self) -> Result<Work> {
        let mut work = Work::default();
        let mut counted = BTreeSet::new();
        let mut compared = BTreeSet::new();
        for case in &self.asked {
            if !counted.insert((&case.key, case.wanted.course.stages.end())) {
                continue;
            }
            let committed = self.ledger.case(&case.key)?;
            if committed.as_ref().is_some_and(|committed| committed.failure.is_some() && !self.how.retry_failed) {
                continue;
            }
            let (epochs, mut readings) = match committed {
                Some(committed) => committed.work_left(&case.wanted),
                None => case.wanted.course.left(0),
            };
            if case.arm.is_some() && readings > 0 && compared.insert(case.seed) {
                readings += 1; // the healthy network, once more
            }
            work.learned += epochs * self.lab.stimuli.train.len() as u64;
            work.perceived += readings * self.lab.stimuli.test.len() as u64;
        }
        Ok(work)
    }

    /// Says for whom this process waits, when that has changed.
    fn tell_waiting(&mut self, held: &[(String, Option<Holder>)], screen: &mut Screen) {
        let names: Vec<String> = held
            .iter()
            .map(|(case, holder)| holder.as_ref().map_or_else(|| case.clone(), |holder| format!("{case} ({holder})")))
            .collect();
        if names != self.told && !names.is_empty() {
            let (shown, more) = names.split_at(names.len().min(3));
            let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
            screen.line(&format!("waiting for what other processes hold: {}{more}", shown.join(", ")));
        }
        self.told = names;
    }
}
