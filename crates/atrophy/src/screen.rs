//! What a person sees while work goes on: one progress line on a terminal, plain lines elsewhere, nothing if asked so.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use ledger::Outcome;
use neuro::record::{Phase, Record};
use stimuli::Fetch;

use crate::process::Stop;
use crate::trouble::shown;

/// Learning from an image costs about three times as much as looking at it: forward, and twice as much back.
const LEARNING_COST: u64 = 3;

/// Without a terminal, epochs are told at most this often; readings always are.
const BETWEEN_EPOCH_LINES: Duration = Duration::from_secs(10);

/// Where progress is told.
enum Manner {
    /// One line that is redrawn.
    Bar(ProgressBar),
    /// Lines, one after the other.
    Lines,
    /// Nowhere.
    Silent,
}

/// The progress of a run.
pub struct Screen {
    manner: Manner,
    started: Instant,
    last_epoch_line: Option<Instant>,
    /// Work in image looks: what there was to do, and what is done.
    expected: u64,
    done: u64,
    /// Images of the step under way, and when it began.
    step: (u64, Instant),
    title: String,
    /// Knows when somebody asks to stop; none once that is told, or if nobody can.
    stop: Option<Stop>,
}

/// An amount of work, in images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// To learn from.
    pub learned: u64,
    /// To look at.
    pub perceived: u64,
}

impl Screen {
    /// Progress on standard error: a bar on a terminal, lines elsewhere.
    pub fn on_stderr() -> Self {
        Self::new(if std::io::stderr().is_terminal() { Manner::Bar(ProgressBar::hidden()) } else { Manner::Lines })
    }

    /// No progress at all.
    pub fn silent() -> Self {
        Self::new(Manner::Silent)
    }

    fn new(manner: Manner) -> Self {
        let now = Instant::now();
        let title = String::new();
        Self { manner, started: now, last_epoch_line: None, expected: 0, done: 0, step: (0, now), title, stop: None }
    }

    /// Tells, as soon as work goes on, that somebody has asked to stop.
    pub fn watch(&mut self, stop: &Stop) {
        self.stop = Some(stop.clone());
    }

    /// How much there is to do from now on.
    pub fn expect(&mut self, work: Work) {
        self.expected = work.learned * LEARNING_COST + work.perceived;
        self.started = Instant::now();
        if let Manner::Bar(bar) = &mut self.manner {
            let style = ProgressStyle::with_template("{wide_msg} {bar:24} {percent:>3} %, {eta} left").expect("a valid template");
            *bar = ProgressBar::with_draw_target(Some(self.expected), ProgressDrawTarget::stderr_with_hz(8)).with_style(style);
        }
    }

    /// A step begins.
    pub fn begin(&mut self, title: &str) {
        title.clone_into(&mut self.title);
        self.step = (0, Instant::now());
        self.tell_rate();
    }

    /// So many more images were learned from.
    pub fn learned(&mut self, images: usize) {
        self.advance(images as u64, LEARNING_COST);
    }

    /// So many more images were looked at.
    pub fn perceived(&mut self, images: usize) {
        self.advance(images as u64, 1);
    }

    fn advance(&mut self, images: u64, cost: u64) {
        if self.stop.take_if(|stop| stop.is_asked()).is_some() {
            self.line("stopping after this step; press Ctrl-C again to stop at once (the step is then done anew)");
        }
        self.done += images * cost;
        self.step.0 += images;
        if let Manner::Bar(bar) = &self.manner {
            bar.set_position(self.done);
        }
        self.tell_rate();
    }

    fn tell_rate(&self) {
        if let Manner::Bar(bar) = &self.manner {
            bar.set_message(format!(
                "{}{}",
                self.title,
                self.rate().map_or_else(String::new, |rate| format!(" ({rate:.0} images/s)"))
            ));
        }
    }

    /// Images a second in the step under way.
    fn rate(&self) -> Option<f64> {
        let seconds = self.step.1.elapsed().as_secs_f64();
        (self.step.0 > 0 && seconds > 0.0).then(|| self.step.0 as f64 / seconds)
    }

    /// A step is carried out.
    pub fn finished(&mut self, outcome: &Outcome) {
        if let Some(reading) = &outcome.reading {
            let line = format!("{}: {}", self.title, in_short(&reading.record));
            self.line(&line);
        } else if let Some(epoch) = &outcome.epoch
            && matches!(self.manner, Manner::Lines)
            && self.last_epoch_line.is_none_or(|last| last.elapsed() >= BETWEEN_EPOCH_LINES)
        {
            self.last_epoch_line = Some(Instant::now());
            let rate = self.rate().unwrap_or(0.0);
            let line = format!(
                "{}: training loss {:.3}, accuracy {:.1} % ({rate:.0} images/s)",
                self.title,
                epoch.loss,
                epoch.accuracy * 100.0
            );
            self.line(&line);
        }
    }

    /// A line that stays.
    pub fn line(&self, line: &str) {
        let line = &shown(line);
        match &self.manner {
            Manner::Bar(bar) if !bar.is_hidden() => bar.println(line),
            Manner::Bar(_) => to_stderr(line),
            Manner::Lines => to_stderr(&format!("{}{line}", self.progress())),
            Manner::Silent => {}
        }
    }

    /// Things to know before work begins.
    pub fn notes(&self, notes: &[String]) {
        notes.iter().for_each(|note| self.line(&format!("note: {note}")));
    }

    /// "[ 42 %, 3 minutes left] ", once there is something to go by.
    fn progress(&self) -> String {
        if self.expected == 0 || self.done == 0 {
            return String::new();
        }
        let left = self.started.elapsed().mul_f64(self.expected.saturating_sub(self.done) as f64 / self.done as f64);
        let percent = self.done * 100 / self.expected.max(1);
        format!("[{percent:>3} %, {} left] ", HumanDuration(left))
    }

    /// Takes the progress line away.
    pub fn close(&mut self) {
        if let Manner::Bar(bar) = &self.manner {
            bar.finish_and_clear();
        }
    }

    /// A download goes on.
    pub fn fetch(&mut self, event: &Fetch) {
        match event {
            Fetch::Waiting { path } => self.line(&format!("waiting for another process that downloads {}", path.display())),
            Fetch::Started { url, bytes_total, resumed_from } => {
                let again =
                    if *resumed_from > 0 { format!(", going on after {} MB", resumed_from / 1_000_000) } else { String::new() };
                let size = bytes_total.map_or_else(String::new, |bytes| format!(" ({} MB)", bytes / 1_000_000));
                self.line(&format!("downloading {url}{size}{again}"));
                if let Manner::Bar(bar) = &mut self.manner {
                    let template = "{bar:40} {binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}, {eta} left";
                    let style = ProgressStyle::with_template(template).expect("a valid template");
                    let target = ProgressDrawTarget::stderr_with_hz(4);
                    *bar = ProgressBar::with_draw_target(*bytes_total, target).with_style(style).with_position(*resumed_from);
                }
            }
            Fetch::Received { bytes } => {
                if let Manner::Bar(bar) = &self.manner {
                    bar.inc(*bytes);
                }
            }
            Fetch::Verified => self.close(),
        }
    }
}

/// A record in one line: what was lost, and the readings over all classes.
fn in_short(record: &Record) -> String {
    let lost = match record.phase {
        Phase::Healthy => String::new(),
        Phase::Injured | Phase::Treated => format!("{:.1} % lost, ", record.fraction_lost * 100.0),
    };
    // of the two accuracies the figures show the mean over classes
    let by_class = record.readings.iter().any(|r| r.measure == "mean_class_accuracy");
    let shown = record
        .readings
        .iter()
        .filter(|r| r.class.is_empty() && !r.measure.starts_with("rdm_pairs_left_out") && !(by_class && r.measure == "accuracy"));
    let words: Vec<String> = shown
        .map(|reading| {
            let name = reading.measure.replace('_', " ");
            let place = if reading.layer.is_empty() { String::new() } else { format!(" {}", reading.layer) };
            match reading.value {
                Some(value) if name.ends_with("accuracy") => format!("{name} {:.1} %", value * 100.0),
                Some(value) => format!("{name}{place} {value:.3}"),
                None => format!("{name}{place} undefined"),
            }
        })
        .collect();
    format!("{lost}{}", words.join(", "))
}

/// Progress is not worth dying for: a standard error that is gone is ignored.
fn to_stderr(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
