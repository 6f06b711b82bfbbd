//! `pipe graph`.

use std::io::Write;
use std::process::ExitCode;

use crate::cli::args::{Drawing, Graph as Args};
use crate::cli::drawing;
use crate::cli::error::CliError;
use crate::cli::load::load;
use crate::render::graph;

pub(in crate::cli) fn run(args: &Args) -> Result<ExitCode, CliError> {
    let graph = drawing::graph(&load(&args.target, None)?);
    let text = match args.format {
        Drawing::Text => graph::text(&graph),
        Drawing::Mermaid => graph::mermaid(&graph),
        Drawing::Dot => graph::dot(&graph),
        Drawing::Svg => graph::svg(&graph),
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
