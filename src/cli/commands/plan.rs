//! `pipe plan`: what runs when, and how the bytes get there.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

use crate::cli::args::Plan;
use crate::cli::error::CliError;
use crate::cli::load::{Loaded, load};
use crate::pipeline::{Destination, Pipeline, Step, StepId};
use crate::plan::EdgeKind;

pub(in crate::cli) fn run(args: &Plan) -> Result<ExitCode, CliError> {
    let loaded = load(&args.target, None)?;
    std::io::stdout().write_all(text(&loaded).as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn text(loaded: &Loaded) -> String {
    let (pipeline, plan) = (&*loaded.pipeline, &*loaded.plan);
    let mut text =
        format!("{}: {} steps in {} gangs\n", pipeline.name, pipeline.steps.len(), plan.gangs().len());
    for (index, gang) in plan.gangs().iter().enumerate() {
        let names: Vec<&str> = gang.steps.iter().map(|&step| pipeline.step(step).name.as_str()).collect();
        let _ = match names.as_slice() {
            [alone] => writeln!(text, "\n{}. {alone}", index + 1),
            many => writeln!(text, "\n{}. {} (start together)", index + 1, many.join(", ")),
        };
        let waits = waits_for(pipeline, &gang.steps);
        if !waits.is_empty() {
            let _ = writeln!(text, "   after {}", waits.join(", "));
        }
        for &step in &gang.steps {
            describe_stream(&mut text, loaded, step);
        }
    }
    text
}

/// Steps outside that members depend on, in the order of the file.
fn waits_for<'a>(pipeline: &'a Pipeline, steps: &[StepId]) -> Vec<&'a str> {
    let dependencies =
        |step: &StepId| pipeline.step(*step).depends_on.iter().map(|dependency| dependency.step);
    let mut ids: Vec<StepId> = steps.iter().flat_map(dependencies).collect();
    ids.sort_unstable();
    ids.dedup();
    ids.into_iter().map(|id| pipeline.step(id).name.as_str()).collect()
}

fn describe_stream(text: &mut String, loaded: &Loaded, step: StepId) {
    let pipeline = &*loaded.pipeline;
    let Step { name, output: Some(port), .. } = pipeline.step(step) else { return };
    let stream = pipeline.stream(port.stream);
    let _ = writeln!(text, "   {name} makes the stream {}", stream.name);
    for &reader in &stream.readers {
        let reader_name = &pipeline.step(reader).name;
        let _ = match loaded.plan.edge(port.stream, reader) {
            EdgeKind::Live => writeln!(text, "     live to {reader_name}"),
            EdgeKind::Stored(reason) => {
                writeln!(text, "     stored for {reader_name}: {reason}")
            }
        };
    }
    let _ = match &stream.out {
        Some(Destination::Stdout) => writeln!(text, "     to standard output"),
        Some(Destination::File(path)) => writeln!(text, "     to {}", path.display()),
        None if stream.readers.is_empty() => {
            writeln!(text, "     nobody reads it: kept in the run directory")
        }
        None => Ok(()),
    };
}
