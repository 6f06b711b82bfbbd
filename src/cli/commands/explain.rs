//! `pipe explain`: a longer text about an error code.

use std::process::ExitCode;

use crate::cli::error::CliError;
use crate::cli::stdio;
use crate::file::Code;

pub(in crate::cli) fn run(code: Option<&str>) -> Result<ExitCode, CliError> {
    let text = match code {
        None => list(),
        Some(name) => one(name)?,
    };
    stdio::print(text)?;
    Ok(ExitCode::SUCCESS)
}

fn one(name: &str) -> Result<String, CliError> {
    let code = Code::find(name).map_err(|near| {
        let hint = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`pipe explain` lists all of them".to_owned(),
        };
        CliError::usage(format!("there is no code `{name}`"), hint)
    })?;
    Ok(format!("{code}: {}\n\n{}\n", code.title(), code.explanation()))
}

fn list() -> String {
    let width = Code::ALL.iter().map(|code| code.name().len()).max().unwrap_or_default();
    Code::ALL.iter().map(|code| format!("{:width$}  {}\n", code.name(), code.title())).collect()
}
