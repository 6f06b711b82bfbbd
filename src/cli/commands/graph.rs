//! `pipe graph`.

use std::process::ExitCode;

use crate::cli::args::{GraphArgs, GraphFormat};
use crate::cli::drawing;
use crate::cli::error::CliError;
use crate::cli::load::load;
use crate::cli::stdio;
use crate::render::graph;

pub(in crate::cli) fn run(args: &GraphArgs) -> Result<ExitCode, CliError> {
    let graph = drawing::graph(&load(&args.target, None)?);
    let text = match args.format {
        GraphFormat::Text => graph::text(&graph),
        GraphFormat::Mermaid => graph::mermaid(&graph),
        GraphFormat::Dot => graph::dot(&graph),
        GraphFormat::Svg => graph::svg(&graph),
    };
    stdio::print(text)?;
    Ok(ExitCode::SUCCESS)
}
