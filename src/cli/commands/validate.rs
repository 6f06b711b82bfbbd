//! `pipe validate`: checks everything that can be known without running.

use std::ops::Range;
use std::process::ExitCode;

use serde::Serialize;

use crate::cli::args::{ValidateArgs, ValidateFormat};
use crate::cli::error::{self, CliError};
use crate::cli::load::{Loaded, Params, load};
use crate::cli::scripts::unreadable;
use crate::cli::stdio;
use crate::file::{DiagnosticRecord, Diagnostics, check_env_files, doubtful, lint, locate, record};
use crate::pipeline::{Position, Role, Step, Template};

pub(in crate::cli) fn run(args: &ValidateArgs) -> Result<ExitCode, CliError> {
    let gave_params = !args.params.params.is_empty() || args.params.params_file.is_some();
    let params = if gave_params { Params::All(&args.params) } else { Params::Defaults };
    let loaded = load(&args.target, params).and_then(|loaded| {
        let (mut problems, of_env_files) = check_env_files(&loaded.pipeline, args.strict);
        problems.extend(unreadable(&loaded.pipeline)?);
        match Diagnostics::of(problems) {
            Some(problems) => Err(problems.into()),
            None => Ok((loaded, of_env_files)),
        }
    });
    let (loaded, of_env_files) = match loaded {
        Ok((loaded, warnings)) => (Ok(loaded), warnings),
        Err(error) => (Err(error), Vec::new()),
    };
    let warnings = loaded.as_ref().ok().and_then(|loaded| {
        let pipeline = &loaded.pipeline;
        let mut found = if args.strict { lint(pipeline) } else { doubtful(pipeline) };
        found.extend(of_env_files);
        Diagnostics::of(found)
    });
    let strict_code = if args.strict && warnings.is_some() { error::USAGE } else { error::OK };
    let (text, code) = match (args.format, loaded) {
        (ValidateFormat::Text, loaded) => {
            let loaded = loaded?;
            match warnings {
                Some(warnings) if args.strict => return Err(warnings.into()),
                warnings => (text(&loaded, warnings.as_ref()), error::OK),
            }
        }
        (ValidateFormat::Json, Ok(loaded)) => {
            (json(&ValidationReport::good(&loaded, warnings.as_ref()))?, strict_code)
        }
        (ValidateFormat::Json, Err(CliError::Diagnostics(problems))) => {
            (json(&ValidationReport::bad(&problems))?, error::USAGE)
        }
        (ValidateFormat::Json, Err(error)) => return Err(error),
    };
    stdio::print(text)?;
    Ok(ExitCode::from(code))
}

fn text(loaded: &Loaded, warnings: Option<&Diagnostics>) -> String {
    let path = loaded.pipeline.source.path().display();
    let Counts { steps, services, streams, params } = Counts::of(loaded);
    let many = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let services = services.map(|services| many(services, "service"));
    let counts = [many(steps, "step")].into_iter().chain(services);
    let counts =
        counts.chain([many(streams, "stream"), many(params, "param")]).collect::<Vec<_>>().join(", ");
    let mut text = format!("{path} is valid: {counts}\n");
    for RawUse { file, line, column, text: raw } in raw_uses(loaded) {
        let path = file.unwrap_or_else(|| path.to_string());
        text.push_str(&format!("{path}:{line}:{column}: `{raw}` goes into the script unescaped\n"));
    }
    for warning in warnings.into_iter().flatten() {
        let path = |span| loaded.pipeline.source.file_of(span).path().display();
        let position = warning.span.map(path).zip(warning.position());
        let place = position.map(|(path, Position { line, column })| format!("{path}:{line}:{column}: "));
        let help = warning.help.as_ref().map_or_else(String::new, |help| format!("; {help}"));
        let place = place.unwrap_or_default();
        text.push_str(&format!("{place}{}{help} [{}]\n", warning.message, warning.code));
    }
    text
}

/// What `--format json` prints. `v` is the version of this format: a key may be added to it, but none changes
/// its meaning.
#[derive(Debug, Serialize)]
struct ValidationReport<'a> {
    v: u32,
    valid: bool,
    #[serde(flatten)]
    counts: Option<Counts>,
    raw: Vec<RawUse>,
    problems: Vec<DiagnosticRecord<'a>>,
}

#[derive(Debug, Serialize)]
struct Counts {
    steps: usize,
    /// Left out where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    services: Option<usize>,
    streams: usize,
    params: usize,
}

/// A `| raw`, with its place.
#[derive(Debug, Serialize)]
struct RawUse {
    /// The file, where it is not the top one.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    line: usize,
    column: usize,
    text: String,
}

impl<'a> ValidationReport<'a> {
    fn good(loaded: &Loaded, warnings: Option<&'a Diagnostics>) -> Self {
        let counts = Some(Counts::of(loaded));
        let problems = warnings.into_iter().flatten().map(record).collect();
        Self { v: 1, valid: true, counts, raw: raw_uses(loaded), problems }
    }

    fn bad(problems: &'a Diagnostics) -> Self {
        let problems = problems.iter().map(record).collect();
        Self { v: 1, valid: false, counts: None, raw: Vec::new(), problems }
    }
}

impl Counts {
    fn of(loaded: &Loaded) -> Self {
        let pipeline = &loaded.pipeline;
        let count = |is: fn(Role) -> bool| pipeline.steps.iter().filter(|step| is(step.role)).count();
        Self {
            steps: count(|role| !role.is_beside()),
            services: Some(count(|role| role == Role::Service)).filter(|count| *count > 0),
            streams: pipeline.streams.len(),
            params: pipeline.params.len(),
        }
    }
}

fn json(report: &ValidationReport<'_>) -> Result<String, CliError> {
    let text = serde_json::to_string_pretty(report).map_err(std::io::Error::from)?;
    Ok(text + "\n")
}

/// Returns every `| raw`, since a review of the file has to look at each.
fn raw_uses(loaded: &Loaded) -> Vec<RawUse> {
    let source = &loaded.pipeline.source;
    let uses = |template: &Template| -> Vec<RawUse> {
        let one = |range: &Range<usize>| {
            let at = locate(source, template, range.clone());
            let Position { line, column } = source.position(at.start);
            let file = (!source.is_top(at)).then(|| source.file_of(at).shown().into_owned());
            Some(RawUse { file, line, column, text: template.source.get(range.clone())?.to_owned() })
        };
        template.raw.iter().filter_map(one).collect()
    };
    let scripts = |step: &'_ Step| -> Vec<RawUse> {
        let script = step.action.script().map(|script| &script.text);
        let checks = step.service.iter().flat_map(|service| service.templates());
        script.into_iter().chain(checks).flat_map(uses).collect()
    };
    loaded.pipeline.steps.iter().flat_map(scripts).collect()
}
