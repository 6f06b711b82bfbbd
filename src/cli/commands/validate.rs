//! `pipe validate`: everything that can be known without running.

use std::io::Write;
use std::ops::Range;
use std::process::ExitCode;

use serde::Serialize;

use crate::cli::args::{Findings, Validate};
use crate::cli::error::{self, CliError};
use crate::cli::load::{Loaded, load};
use crate::pipeline::{Position, Template};
use crate::spec::{Problems, Record, leading_dashes, lint, locate, record};

pub(in crate::cli) fn run(args: &Validate) -> Result<ExitCode, CliError> {
    let gave_params = !args.params.params.is_empty() || args.params.params_file.is_some();
    let loaded = load(&args.target, gave_params.then_some(&args.params));
    let warnings = loaded.as_ref().ok().and_then(|loaded| {
        let pipeline = &loaded.pipeline;
        Problems::of(if args.strict { lint(pipeline) } else { leading_dashes(pipeline) })
    });
    let strict_code = if args.strict && warnings.is_some() { error::USAGE } else { error::OK };
    let (text, code) = match (args.format, loaded) {
        (Findings::Text, loaded) => {
            let loaded = loaded?;
            match warnings {
                Some(warnings) if args.strict => return Err(warnings.into()),
                warnings => (text(&loaded, warnings.as_ref()), error::OK),
            }
        }
        (Findings::Json, Ok(loaded)) => (json(&Report::good(&loaded, warnings.as_ref()))?, strict_code),
        (Findings::Json, Err(CliError::Problems(problems))) => (json(&Report::bad(&problems))?, error::USAGE),
        (Findings::Json, Err(error)) => return Err(error),
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::from(code))
}

fn text(loaded: &Loaded, warnings: Option<&Problems>) -> String {
    let path = loaded.pipeline.source.path.display();
    let Counts { steps, streams, params } = Counts::of(loaded);
    let many = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let counts = [many(steps, "step"), many(streams, "stream"), many(params, "param")].join(", ");
    let mut text = format!("{path} is valid: {counts}\n");
    for Raw { line, column, text: raw } in raw_uses(loaded) {
        text.push_str(&format!("{path}:{line}:{column}: `{raw}` goes into the script unescaped\n"));
    }
    for warning in warnings.into_iter().flatten() {
        let place = warning.position().map(|Position { line, column }| format!("{path}:{line}:{column}: "));
        let place = place.unwrap_or_default();
        text.push_str(&format!("{place}{} [{}]\n", warning.message, warning.code));
    }
    text
}

/// What `--format json` prints. `v` is the version of this format: a key may be added to it, but none changes its
/// meaning.
#[derive(Debug, Serialize)]
struct Report<'a> {
    v: u32,
    valid: bool,
    #[serde(flatten)]
    counts: Option<Counts>,
    raw: Vec<Raw>,
    problems: Vec<Record<'a>>,
}

#[derive(Debug, Serialize)]
struct Counts {
    steps: usize,
    streams: usize,
    params: usize,
}

/// A `| raw`, with its place.
#[derive(Debug, Serialize)]
struct Raw {
    line: usize,
    column: usize,
    text: String,
}

impl<'a> Report<'a> {
    fn good(loaded: &Loaded, warnings: Option<&'a Problems>) -> Self {
        let counts = Some(Counts::of(loaded));
        let problems = warnings.into_iter().flatten().map(record).collect();
        Self { v: 1, valid: true, counts, raw: raw_uses(loaded), problems }
    }

    fn bad(problems: &'a Problems) -> Self {
        let problems = problems.iter().map(record).collect();
        Self { v: 1, valid: false, counts: None, raw: Vec::new(), problems }
    }
}

impl Counts {
    fn of(loaded: &Loaded) -> Self {
        let pipeline = &loaded.pipeline;
        Self { steps: pipeline.steps.len(), streams: pipeline.streams.len(), params: pipeline.params.len() }
    }
}

fn json(report: &Report<'_>) -> Result<String, CliError> {
    let text = serde_json::to_string_pretty(report).map_err(std::io::Error::from)?;
    Ok(text + "\n")
}

/// Every `| raw`: whoever reviews a file wants to see them.
fn raw_uses(loaded: &Loaded) -> Vec<Raw> {
    let source = &loaded.pipeline.source;
    let uses = |template: &Template| -> Vec<Raw> {
        let one = |range: &Range<usize>| {
            let Position { line, column } = source.position(locate(source, template, range.clone()).start);
            Some(Raw { line, column, text: template.source.get(range.clone())?.to_owned() })
        };
        template.raw.iter().filter_map(one).collect()
    };
    let scripts = loaded.pipeline.steps.iter().filter_map(|step| step.action.script());
    scripts.flat_map(|script| uses(&script.text)).collect()
}
