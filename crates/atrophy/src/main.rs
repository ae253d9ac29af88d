//! `atrophy`: see `atrophy --help`.

use std::process::ExitCode;

use atrophy::command;
use atrophy::trouble::Result;

fn main() -> ExitCode {
    net::prepare_process();
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
    asked.carry_out()
}
