//! Trouble that a user can cause or mend: one message, one documented exit code.

use std::fmt::Display;

/// How the program ends when it does not end well. The numbers are documented in `atrophy --help`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Something failed that is neither the study's nor the data's fault.
    Failed = 1,
    /// The command line or the study file is at fault.
    Study = 2,
    /// The images or given weights are at fault.
    Data = 3,
    /// Stopped on request; the same command goes on.
    Interrupted = 4,
    /// Going on would mix or overwrite other work.
    Refused = 5,
}

/// One message with its exit code.
#[derive(Debug)]
pub struct Trouble {
    /// The exit code.
    pub exit: Exit,
    /// What, where, and what to do next.
    pub message: String,
}

/// A result whose error is ready to be shown.
pub type Result<T> = std::result::Result<T, Trouble>;

impl Trouble {
    /// Trouble of this kind.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }

    /// Prints the message to standard error, `error:` in colour where colours are wanted.
    pub fn show(&self) {
        // a standard error that is gone cannot be told so
        let _ = clap::Error::raw(clap::error::ErrorKind::Io, format!("{}\n", self.message)).print();
    }
}

/// Turns any error into trouble, saying what was being done.
pub trait OrTrouble<T> {
    /// `what` is the beginning of the message: "cannot read FILE".
    fn or_trouble(self, exit: Exit, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Display> OrTrouble<T> for std::result::Result<T, E> {
    fn or_trouble(self, exit: Exit, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| Trouble::new(exit, format!("{}: {error}", what())))
    }
}

impl From<ledger::LedgerError> for Trouble {
    fn from(error: ledger::LedgerError) -> Self {
        use ledger::LedgerError as L;
        let exit = match &error {
            L::Disk { .. } | L::Gone { .. } | L::NotRepeated { .. } => Exit::Failed,
            L::NoStudy { .. } | L::Start { .. } => Exit::Study,
            _ => Exit::Refused,
        };
        Self::new(exit, error.to_string())
    }
}

pub fn shown(s: &str) -> String { s.to_owned() }
