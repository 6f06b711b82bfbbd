//! `pipe validate`: everything that can be known without running.

use std::io::Write;
use std::process::ExitCode;

use crate::cli::args::Validate;
use crate::cli::error::CliError;
use crate::cli::load::{Loaded, load};
use crate::pipeline::{Action, Template};

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
        text.push_str(&format!("{path}:{at}: `{raw}` goes into the script unescaped\n"));
    }
    text
}

/// Every `| raw`, with its line: whoever reviews a file wants to see them.
fn raw_uses(loaded: &Loaded) -> Vec<(usize, String)> {
    let uses = |template: &Template| -> Vec<(usize, String)> {
        let line = loaded.pipeline.source.line(template.at);
        let source = &template.source;
        template.raw.iter().filter_map(|range| Some((line, source.get(range.clone())?.to_owned()))).collect()
    };
    let scripts = loaded.pipeline.steps.iter().filter_map(|step| match &step.action {
        Action::Run(script) => Some(&script.text),
        Action::Feed(_) => None,
    });
    scripts.flat_map(uses).collect()
}
