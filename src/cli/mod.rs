//! The command line: one file a command, and what they share. Hints and exit codes live here and nowhere
//! below.

// A new outcome, failure or event has to be decided on wherever one is matched.
#![cfg_attr(not(test), deny(clippy::wildcard_enum_match_arm, clippy::match_wildcard_for_single_variants))]

mod admission;
mod args;
mod audience;
mod beside;
mod choice;
mod cluster;
mod commands;
mod complete;
mod conditions;
mod confirm;
mod containers;
mod default_file;
mod drawing;
mod earlier;
mod ends;
mod environment;
mod error;
mod groups;
mod load;
mod lock_file;
mod log;
#[cfg(all(target_env = "gnu", target_feature = "crt-static"))]
mod nss;
mod past;
mod pod_args;
mod prompt;
mod reap;
#[cfg(test)]
mod reference;
mod retention;
mod screen;
mod scripts;
mod secrets_dir;
mod signals;
mod stdio;
mod terminal;
mod turn;
mod verdict;
mod viewers;

use std::io::{self, IsTerminal};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

use self::args::{Cli, Command};
use self::error::CliError;

/// Runs the command that this process was started with.
pub fn main() -> ExitCode {
    #[cfg(all(target_env = "gnu", target_feature = "crt-static"))]
    nss::use_built_in_services();
    signals::start_afresh();
    if reap::is_asked_for() {
        return reap::run();
    }
    commands::completions::answer();
    signals::outlive_a_full_file();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return error::refuse(&error),
    };
    let begun = log::start().and_then(|()| enter(cli.directory.as_deref()));
    match begun.and_then(|()| command(cli.command)) {
        Ok(code) => code,
        Err(error) => ExitCode::from(error.report(error::colors(io::stderr().is_terminal()))),
    }
}

/// Goes to the folder of `-C`, before anything else, so that all paths are seen from there.
fn enter(directory: Option<&Path>) -> Result<(), CliError> {
    let Some(directory) = directory else {
        return Ok(());
    };
    std::env::set_current_dir(directory).map_err(|error| {
        let shown = directory.display();
        let is_none = matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
        let message = match is_none {
            true => format!("`{shown}` is not a directory"),
            false => format!("cannot work in `{shown}`: {error}"),
        };
        CliError::usage(message, "`-C` takes the folder that `pipe` is to work in".to_owned())
    })
}

fn command(command: Command) -> Result<ExitCode, CliError> {
    match command {
        Command::Run(args) => commands::run::run(&args),
        Command::Validate(args) => commands::validate::run(&args),
        Command::Plan(args) => commands::plan::run(&args),
        Command::Graph(args) => commands::graph::run(&args),
        Command::Runs(args) => commands::runs::run(&args),
        Command::Show(args) => commands::show::run(&args),
        Command::Logs(args) => commands::logs::run(&args),
        Command::Clean(args) => commands::clean::run(&args),
        Command::Lock(args) => commands::lock::run(&args),
        Command::Explain { code } => commands::explain::run(code.as_deref()),
        Command::Schema => commands::schema::run(),
        Command::Completions { shell } => commands::completions::run(shell),
        Command::Man { dir } => commands::man::run(&dir),
        Command::Pod(command) => commands::pod::run(command),
    }
}
