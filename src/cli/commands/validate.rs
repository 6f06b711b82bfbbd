//! `pipe validate`: everything that can be known without running.

use std::io::Write;
use std::process::ExitCode;

use crate::cli::args::Validate;
use crate::cli::error::CliError;
use crate::cli::load::{Loaded, load};
use crate::pipeline::{Action, Position, Template};
use crate::spec::locate;

pub(in crate::cli) fn run(args: &Validate) -> Result<ExitCode, CliError> {
    let loaded = load(&args.target)?;
    let gave_params = !args.params.params.is_empty() || args.params.params_file.is_some();
    if gave_params {
        loaded.values(&args.params, loaded.facts("RUN-ID", &jiff::Zoned::now()))?;
    }
    std::io::stdout().write_all(text(&loaded).as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn text(loaded: &Loaded) -> String {
    let pipeline = &loaded.pipeline;
    let path = pipeline.source.path.display();
    let (steps, streams, params) = (pipeline.steps.len(), pipeline.streams.len(), pipeline.params.len());
    let many = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let counts = [many(steps, "step"), many(streams, "stream"), many(params, "param")].join(", ");
    let mut text = format!("{path} is valid: {counts}\n");
    for (at, raw) in raw_uses(loaded) {
        let Position { line, column } = at;
        text.push_str(&format!("{path}:{line}:{column}: `{raw}` goes into the script unescaped\n"));
    }
    text
}

/// Every `| raw`, with its place: whoever reviews a file wants to see them.
fn raw_uses(loaded: &Loaded) -> Vec<(Position, String)> {
    let source = &loaded.pipeline.source;
    let uses = |template: &Template| -> Vec<(Position, String)> {
        let one = |range: &std::ops::Range<usize>| {
            let at = locate(source, template, range.clone());
            Some((source.position(at.start), template.source.get(range.clone())?.to_owned()))
        };
        template.raw.iter().filter_map(one).collect()
    };
    let scripts = loaded.pipeline.steps.iter().filter_map(|step| match &step.action {
        Action::Run(script) => Some(&script.text),
        Action::Feed(_) => None,
    });
    scripts.flat_map(uses).collect()
}
