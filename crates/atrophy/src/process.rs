//! The process itself: what it is, on how many threads it computes, and when it is asked to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use neuro::record::Maker;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::trouble::{Exit, OrTrouble, Result};

/// What records say of the program: its version, and a hash of its source that changes with every change of it.
pub const BUILD: &str = concat!("atrophy ", env!("CARGO_PKG_VERSION"), " (source ", env!("ATROPHY_SOURCE"), ")");

/// The stack of a thread that computes: what the main thread usually has.
const STACK_BYTES: usize = 8 << 20;

/// Who computes here.
pub fn maker() -> Maker {
    Maker { build: BUILD.to_owned(), processor: net::processor(), instructions: net::instructions() }
}

/// Does `work` with so many threads (all that there are if none is said) and tells it their number. Commands run inside the thread pool,
/// so the first parallel call need not wake a worker.
pub(crate) fn with_threads<T: Send>(threads: Option<u16>, work: impl FnOnce(usize) -> Result<T> + Send) -> Result<T> {
    let there = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = threads.map_or_else(there, usize::from);
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .stack_size(STACK_BYTES)
        .build_global()
        .or_trouble(Exit::Failed, || format!("cannot start {threads} threads"))?;
    rayon::scope(|_| work(threads))
}

/// When to stop: work asks before each step.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    asked: Arc<AtomicBool>,
    deadline: Option<Instant>,
    /// Steps that may still be taken, if they are counted.
    steps: Option<Arc<AtomicU64>>,
}

impl Stop {
    /// Listens for Ctrl-C and a scheduler's SIGTERM or SIGUSR1: the first stops after the step under way; a second Ctrl-C or SIGTERM at
    /// once, which costs that step and nothing else. A terminal that is closed (SIGHUP) ends the process, unless `nohup` keeps that from
    /// it. With `after`, it stops by itself when so much time has passed.
    pub fn on_request(after: Option<Duration>) -> Result<Self> {
        let deadline = after.and_then(|after| Instant::now().checked_add(after));
        let stop = Self { deadline, ..Self::default() };
        let cannot = || "cannot listen for Ctrl-C".to_owned();
        for signal in [SIGINT, SIGTERM] {
            // in this order, so that only the second signal finds the flag set
            flag::register_conditional_shutdown(signal, Exit::Interrupted as i32, Arc::clone(&stop.asked))
                .and_then(|_| flag::register(signal, Arc::clone(&stop.asked)))
                .or_trouble(Exit::Failed, cannot)?;
        }
        #[cfg(unix)]
        flag::register(signal_hook::consts::SIGUSR1, Arc::clone(&stop.asked)).or_trouble(Exit::Failed, cannot)?;
        Ok(stop)
    }

    /// Stops after so many steps.
    pub fn after_steps(steps: u64) -> Self {
        Self { steps: Some(Arc::new(AtomicU64::new(steps))), ..Self::default() }
    }

    /// Whether a signal asked for it.
    pub fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// Whether to stop instead of taking the next step. Asked once before each.
    pub fn is_now(&self) -> bool {
        let is_last =
            |steps: &Arc<AtomicU64>| steps.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_err();
        self.is_asked()
            || self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
            || self.steps.as_ref().is_some_and(is_last)
    }
}

/// A stretch of time as people write it: `4h40m`, `90s`, `1d2h`.
pub fn duration(text: &str) -> std::result::Result<Duration, String> {
    let wrong = || format!("'{text}' is no stretch of time; write it as 4h40m, 90m or 1d2h (d, h, m, s)");
    let mut seconds: u64 = 0;
    let mut number = String::new();
    for letter in text.chars() {
        let unit = match letter {
            '0'..='9' => {
                number.push(letter);
                continue;
            }
            'd' => 86_400,
            'h' => 3_600,
            'm' => 60,
            's' => 1,
            _ => return Err(wrong()),
        };
        let count: u64 = number.parse().map_err(|_| wrong())?;
        seconds = count.checked_mul(unit).and_then(|more| seconds.checked_add(more)).ok_or_else(wrong)?;
        number.clear();
    }
    if text.is_empty() || !number.is_empty() { Err(wrong()) } else { Ok(Duration::from_secs(seconds)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_of_time_are_read_as_people_write_them() {
        let seconds = |text| duration(text).map(|time| time.as_secs());
        assert_eq!(seconds("4h40m"), Ok(16_800));
        assert_eq!((seconds("90s"), seconds("1d2h"), seconds("0s")), (Ok(90), Ok(93_600), Ok(0)));
        for wrong in ["", "5", "h", "4h40", "4 h", "-1s", "99999999999999999999s", "9999999999999999d"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn it_stops_when_the_time_is_over_or_somebody_asks() {
        assert!(!Stop::default().is_now());
        let over = Stop { deadline: Some(Instant::now()), ..Stop::default() };
        assert!(over.is_now() && !over.is_asked());
        let asked = Stop::default();
        asked.asked.store(true, Ordering::Relaxed);
        assert!(asked.is_now());
    }
}
