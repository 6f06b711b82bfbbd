//! `pipe schema`: what editors check and complete a file with.

use std::process::ExitCode;

use crate::cli::error::CliError;
use crate::cli::stdio;

pub(in crate::cli) fn run() -> Result<ExitCode, CliError> {
    let text = serde_json::to_string_pretty(&crate::file::schema()).map_err(std::io::Error::from)?;
    stdio::print(text + "\n")?;
    Ok(ExitCode::SUCCESS)
}
