//! `pipe completions SHELL`.

use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use crate::cli::args::Cli;
use crate::cli::error::CliError;
use crate::cli::stdio;

pub(in crate::cli) fn run(shell: Shell) -> Result<ExitCode, CliError> {
    let mut script = Vec::new();
    generate(shell, &mut Cli::command(), "pipe", &mut script);
    stdio::print(&script)?;
    Ok(ExitCode::SUCCESS)
}
