//! `atrophy`: see `atrophy --help`.

use std::process::ExitCode;

use atrophy::command;
use atrophy::trouble::Result;

fn main() -> ExitCode {
    match carry_out() {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => {
            trouble.show();
            ExitCode::from(trouble.exit as u8)
        }
    }
}

fn carry_out() -> Result<()> {
    let Some(asked) = command::parse()? else { return Ok(()) };
    if asked.takes_memory_again_and_again() {
        net::prepare_process();
    }
    asked.carry_out()
}
