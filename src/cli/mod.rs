//! The command line: one file a command, and what they share. Hints and exit codes live here and nowhere below.

mod args;
mod commands;
mod containers;
mod error;
mod load;
mod lock_file;
#[cfg(all(target_env = "gnu", target_feature = "crt-static"))]
mod names;
mod screen;
mod signals;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;

use self::args::{Cli, Command};
use crate::render::Palette;

/// Runs the command that this process was started with.
pub fn main() -> ExitCode {
    #[cfg(all(target_env = "gnu", target_feature = "crt-static"))]
    names::keep_to_what_is_built_in();
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Run(args) => commands::run::run(&args),
        Command::Validate(args) => commands::validate::run(&args),
        Command::Plan(args) => commands::plan::run(&args),
        Command::Graph(args) => commands::graph::run(&args),
        Command::Clean(args) => commands::clean::run(&args),
        Command::Lock(args) => commands::lock::run(&args),
        Command::Explain { code } => commands::explain::run(code.as_deref()),
        Command::Schema => commands::schema::run(),
        Command::Completions { shell } => commands::completions::run(shell),
        Command::Man { dir } => commands::man::run(&dir),
    };
    match result {
        Ok(code) => code,
        Err(error) => ExitCode::from(error.report(colors())),
    }
}

/// Whether messages on stderr may be coloured.
fn colors() -> bool {
    let palette = Palette::choose(std::io::stderr().is_terminal(), |name| std::env::var_os(name));
    palette == Palette::COLOURED
}
