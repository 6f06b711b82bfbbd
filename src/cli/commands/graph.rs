//! `pipe graph`.

use std::fmt::Write as _;
use std::process::ExitCode;

use super::plan::decisions;
use crate::cli::args::{GraphArgs, GraphFormat};
use crate::cli::choice::needs_values;
use crate::cli::drawing::{self, Ranks};
use crate::cli::error::CliError;
use crate::cli::load::{Params, load_with};
use crate::cli::stdio;
use crate::file::MissingSecrets;
use crate::pipeline::Pipeline;
use crate::plan::{Decision, Decisions};
use crate::render::graph;

pub(in crate::cli) fn run(args: &GraphArgs) -> Result<ExitCode, CliError> {
    let mut loaded =
        load_with(&args.target, Params::Shown(&args.params), args.containers.places(), MissingSecrets::Hide)?;
    if needs_values(&args.choice, &loaded.pipeline) {
        loaded = loaded.with_params(&args.params)?;
    }
    let decisions = decisions(&args.choice, &mut loaded)?;
    let graph = |ranks| graph::folded(&drawing::graph(&loaded, &decisions, ranks), &loaded.pipeline);
    let text = match args.format {
        GraphFormat::Text => graph::text(&graph(Ranks::Stages)) + &reasons(&loaded.pipeline, &decisions),
        GraphFormat::Mermaid => graph::mermaid(&graph(Ranks::Levels)),
        GraphFormat::Dot => graph::dot(&graph(Ranks::Levels)),
        GraphFormat::Svg => graph::svg(&graph(Ranks::Levels)),
    };
    stdio::print(text)?;
    Ok(ExitCode::SUCCESS)
}

/// Returns a line for each step that runs and for which that was a question.
fn reasons(pipeline: &Pipeline, decisions: &Decisions) -> String {
    let mut text = String::new();
    for (id, step) in pipeline.steps() {
        if let Decision::Run(why) = decisions.of(id)
            && !why.is_empty()
        {
            let gap = if text.is_empty() { "\n" } else { "" };
            let _ = writeln!(text, "{gap}{} runs: {why}", step.name);
        }
    }
    text
}
