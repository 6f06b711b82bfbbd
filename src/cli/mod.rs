//! The command line: one file a command, and what they share. Hints and exit codes live here and nowhere below.

mod args;
mod commands;
mod containers;
mod drawing;
mod error;
mod load;
mod lock_file;
#[cfg(all(target_env = "gnu", target_feature = "crt-static"))]
mod names;
mod past;
mod prompt;
mod reap;
mod resume;
mod screen;
mod secrets;
mod signals;
mod viewers;

use std::io::{self, IsTerminal};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

use self::args::{Cli, Command};
use self::error::CliError;
use crate::render::Palette;

/// Runs the command that this process was started with.
pub fn main() -> ExitCode {
    #[cfg(all(target_env = "gnu", target_feature = "crt-static"))]
    names::keep_to_what_is_built_in();
    if reap::is_asked_for() {
        return reap::run();
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return error::refuse(&error),
    };
    match enter(cli.directory.as_deref()).and_then(|()| command(cli.command)) {
        Ok(code) => code,
        Err(error) => ExitCode::from(error.report(colors())),
    }
}

/// Goes to the folder of `-C`, before anything else, so that all paths are seen from there.
fn enter(directory: Option<&Path>) -> Result<(), CliError> {
    let Some(directory) = directory else {
        return Ok(());
    };
    std::env::set_current_dir(directory).map_err(|error| {
        let shown = directory.display();
        let message = match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => format!("{shown} is no folder"),
            _ => format!("cannot work in {shown}: {error}"),
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
    }
}

/// Whether messages on stderr may be coloured.
fn colors() -> bool {
    let palette = Palette::choose(io::stderr().is_terminal(), |name| std::env::var_os(name));
    palette == Palette::COLOURED
}
