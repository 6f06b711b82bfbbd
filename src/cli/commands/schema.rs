//! `pipe schema`: what editors check and complete a file with.

use std::io::Write;
use std::process::ExitCode;

use crate::cli::error::CliError;

pub(in crate::cli) fn run() -> Result<ExitCode, CliError> {
    let text = serde_json::to_string_pretty(&crate::spec::schema()).map_err(std::io::Error::from)?;
    writeln!(std::io::stdout(), "{text}")?;
    Ok(ExitCode::SUCCESS)
}
