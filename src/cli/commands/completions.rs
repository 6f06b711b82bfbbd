//! `pipe completions SHELL`: a script by which a shell asks `pipe` itself.

use std::process::ExitCode;

use clap::CommandFactory as _;
use clap_complete::Shell;
use clap_complete::env::{CompleteEnv, Shells};

use crate::cli::args::Cli;
use crate::cli::error::CliError;
use crate::cli::stdio;

/// By it `pipe` knows that the script has started it, with the words typed so far.
const VARIABLE: &str = "_PIPE_COMPLETE";

/// Answers a shell and ends, if one has asked.
pub(in crate::cli) fn answer() {
    CompleteEnv::with_factory(Cli::command).var(VARIABLE).completer("pipe").complete();
}

pub(in crate::cli) fn run(shell: Shell) -> Result<ExitCode, CliError> {
    let shell = shell.to_string();
    let shells = Shells::builtins();
    let unknown = || CliError::usage(format!("there are no completions for {shell}"), None);
    let shell = shells.completer(&shell).ok_or_else(unknown)?;
    let mut script = Vec::new();
    shell.write_registration(VARIABLE, "pipe", "pipe", "pipe", &mut script)?;
    stdio::print(&script)?;
    Ok(ExitCode::SUCCESS)
}
