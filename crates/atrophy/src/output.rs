//! Results go to standard output, whole; that they got there is part of the result.

use std::io::Write;

use serde_json::Value;

use crate::trouble::{Exit, Result, Trouble, shown};

/// Prints a result for people or for programs.
pub fn say(json: bool, text: impl FnOnce() -> String, object: impl FnOnce() -> Value) -> Result<()> {
    let text = if json { object().to_string() } else { shown(&text()) };
    print(format!("{}\n", text.trim_end()).as_bytes())
}

/// Writes to standard output.
pub fn print(bytes: &[u8]) -> Result<()> {
    printed(std::io::stdout().write_all(bytes))
}

/// Whether what was written to standard output got there. A reader that has seen enough (`| head`) is no error; a full disk is.
pub fn printed(written: std::io::Result<()>) -> Result<()> {
    match written.and_then(|()| std::io::stdout().flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Trouble::new(Exit::Failed, format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}
