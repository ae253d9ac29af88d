//! `atrophy`: see `atrophy --help`.

use std::process::ExitCode;

use clap::Parser;

use atrophy::command::Atrophy;

fn main() -> ExitCode {
    net::prepare_process();
    match Atrophy::parse().carry_out() {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => {
            trouble.show();
            ExitCode::from(trouble.exit as u8)
        }
    }
}
