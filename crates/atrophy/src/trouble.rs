//! Trouble that a user can cause or mend: one message, one documented exit code.

use std::fmt::Display;
use std::io::Write;

use ledger::LedgerError;

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

/// Most characters of a message, and of one line of it, and most lines, whatever the input holds.
const LONGEST_MESSAGE: usize = 500;
const LONGEST_LINE: usize = 240;
const MOST_LINES: usize = 12;

/// A text from outside as it may reach a terminal: control characters and marks that turn the direction of writing are escaped, new lines
/// stay, and a tab is a space, so that what stands below a character still does.
pub fn shown(text: &str) -> String {
    let unsafe_on_a_terminal = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{61c}')
    };
    let escaped = |c: char| match c {
        '\t' => " ".to_owned(),
        c if unsafe_on_a_terminal(c) => c.escape_unicode().to_string(),
        c => c.to_string(),
    };
    text.replace("\r\n", "\n").chars().map(escaped).collect()
}

/// What this is that is no file, and so has no end that could be waited for; none if it is a file.
pub fn what_it_is(about: &std::fs::Metadata) -> Option<&'static str> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        let kind = about.file_type();
        if kind.is_fifo() || kind.is_socket() {
            return Some(if kind.is_fifo() { "a pipe" } else { "a socket" });
        }
    }
    match about.is_file() {
        true => None,
        false => Some(if about.is_dir() { "a folder" } else { "a device" }),
    }
}

/// The middle is left out of many lines, then of long lines, and then of a message that is still too long.
fn clipped(message: &str) -> String {
    let mut lines: Vec<String> = message.lines().map(str::to_owned).collect();
    if lines.len() > MOST_LINES {
        let (first, last) = (MOST_LINES / 2, MOST_LINES - MOST_LINES / 2 - 1);
        let left_out = lines.len() - first - last;
        lines.splice(first..first + left_out, [format!("… {left_out} lines …")]);
    }
    let text = lines.join("\n");
    if text.chars().count() <= LONGEST_MESSAGE {
        return text;
    }
    let lines: Vec<String> = lines.iter().map(|line| without_middle(line, LONGEST_LINE)).collect();
    without_middle(&lines.join("\n"), LONGEST_MESSAGE)
}

/// The first and the last part, `longest` characters together.
fn without_middle(text: &str, longest: usize) -> String {
    let length = text.chars().count();
    if length <= longest {
        return text.to_owned();
    }
    let half = (longest - 1) / 2;
    text.chars().take(half).chain(['…']).chain(text.chars().skip(length - half)).collect()
}

/// A result whose error is ready to be shown.
pub type Result<T> = std::result::Result<T, Trouble>;

impl Trouble {
    /// Trouble of this kind.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: clipped(&shown(&message.into())) }
    }

    /// Prints the message to standard error, `error:` in colour where colours are wanted.
    pub fn show(&self) {
        // a standard error that is gone cannot be told so
        let _ = clap::Error::raw(clap::error::ErrorKind::Io, format!("{}\n", self.message)).print();
    }
}

/// Tells a person what they should know besides the result.
pub fn warn(warning: &str) {
    // a standard error that is gone cannot be told so
    let _ = writeln!(std::io::stderr(), "warning: {}", clipped(&shown(warning)));
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

impl From<LedgerError> for Trouble {
    fn from(error: LedgerError) -> Self {
        let exit = match &error {
            LedgerError::Disk { .. } | LedgerError::Gone { .. } | LedgerError::NotRepeated { .. } => Exit::Failed,
            LedgerError::NoStudy { .. } | LedgerError::Start { .. } => Exit::Study,
            _ => Exit::Refused,
        };
        Self::new(exit, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_escape_code_reaches_a_terminal() {
        let message = Trouble::new(Exit::Study, "a\u{1b}[31m\u{9b}b\u{202e}\nc").message;
        assert_eq!(message, "a\\u{1b}[31m\\u{9b}b\\u{202e}\nc");
    }

    #[test]
    fn what_stands_below_a_character_still_does() {
        assert_eq!(Trouble::new(Exit::Study, "1 |\ta = x\r\n  |\t    ^\rz").message, "1 | a = x\n  |     ^\\u{d}z");
    }

    #[test]
    fn a_message_has_few_lines() {
        let lines = |count: usize| (1..=count).map(|line| format!("line {line}\n")).collect::<String>();
        assert_eq!(Trouble::new(Exit::Study, lines(12)).message, lines(12).trim_end());
        let message = Trouble::new(Exit::Study, lines(1000)).message;
        assert_eq!(message.lines().count(), 12);
        assert!(message.contains("line 6\n… 989 lines …\nline 996\n") && message.ends_with("line 1000"), "{message}");
    }

    #[test]
    fn a_message_is_short_whatever_it_is_about() {
        let message = Trouble::new(Exit::Study, format!("first {}\nlast", "ü".repeat(100_000))).message;
        assert!(message.chars().count() <= LONGEST_MESSAGE && message.starts_with("first") && message.ends_with("last"));
    }
}
