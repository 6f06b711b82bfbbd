//! YAML text → [`Pipeline`], and the sources of params → [`Values`](crate::pipeline::Values).
//!
//! [`load`] goes three ways down: `yaml` makes a tree that knows where everything stands, `raw` names the
//! keys and their types, `lower` checks what they say and builds the pipeline. None stops at the first
//! mistake: every problem of a file is found in one pass, and [`render`] shows each with its line, a caret
//! and what to write instead. [`lint`] looks for what is right and still worth a second look.

mod code;
mod data;
mod diagnostic;
mod draw;
mod env_file;
mod foreign;
mod gangs;
mod lint;
mod lower;
mod nearest;
mod params;
mod paths;
mod raw;
mod read;
mod schema;
mod settle;
mod unroll;
mod words;
mod yaml;

use std::collections::BTreeSet;

use crate::pipeline::{Destination, Feed, Pipeline, Source, Span, Template};
use crate::template::{RunContext, TemplateRenderer};

pub use code::Code;
pub use data::{DiagnosticRecord, record};
pub use diagnostic::{Diagnostic, Diagnostics};
pub use draw::{render, render_within, visible};
pub use env_file::{check_env_files, read_env_files};
pub use gangs::check_gangs;
pub use lint::{doubtful, lint};
pub use lower::EarlyValues;
pub use nearest::Nearest;
pub use params::{MissingSecrets, ParamSources, SecretFiles, missing_secrets, resolve, with_defaults};
pub use read::read;
pub use schema::schema;
pub use settle::{is_settled, settle};

/// A length of time as files have it, such as `1h 30m`.
///
/// # Errors
/// What is wrong with it and what to write instead, in a sentence.
pub fn duration(text: &str) -> Result<std::time::Duration, String> {
    words::duration(text).map_err(|words::ValueError { message, help }| match help {
        Some(help) => format!("{message}; {help}"),
        None => message,
    })
}

/// Checks that a path has nothing in it that only a shell would replace, such as `~`.
///
/// # Errors
/// What is wrong with it, and what to write instead.
pub fn path(text: &str) -> Result<(), (String, Option<String>)> {
    match paths::unexpanded(text) {
        None => Ok(()),
        Some(words::ValueError { message, help }) => Err((message, help)),
    }
}

/// What the command line adds to a file.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// `--in NAME=FILE|-`: streams that come from outside.
    pub feeds: Vec<(String, Feed)>,
    /// `--out NAME=FILE|-`: where streams go beside their readers.
    pub outs: Vec<(String, Destination)>,
    /// `--docker`: every step runs in a container.
    pub containers: bool,
    /// `--image`: what steps run in that name no image, under `--docker`.
    pub image: Option<String>,
}

/// A file as far as it can be understood, with everything that is wrong with it.
#[derive(Debug)]
pub struct Parsed {
    /// The pipeline without what is wrong; well formed, but not what the file means, if there are problems.
    pub pipeline: Option<Pipeline>,
    /// What is wrong with the file, and with how the options fit it.
    pub problems: Vec<Diagnostic>,
    /// Whether the params are what the file means, so that values for them can be checked all the same.
    pub params_are_sound: bool,
}

/// Reads a pipeline as far as it can be understood. `early` gives the values of params that make steps: those that a
/// matrix reads.
pub fn parse(source: &Source, options: &LoadOptions, early: &EarlyValues<'_>) -> Parsed {
    let mut parsed = Parsed { pipeline: None, problems: Vec::new(), params_are_sound: false };
    let Some(root) = yaml::parse(source, &mut parsed.problems) else {
        if let Some(problem) = no_yaml(source) {
            parsed.problems = vec![problem];
        }
        parsed.check_text(source);
        return parsed;
    };
    if let Some(problem) = for_another_tool(&root, source) {
        parsed.problems.push(problem);
        return parsed;
    }
    let raw = yaml::read(&root, source, raw::EXAMPLES, &mut parsed.problems);
    // What is made next is as large.
    drop(root);
    parsed.pipeline = lower::lower(&raw, source, options, early, &mut parsed.problems);
    let params = raw.value().and_then(|raw: &raw::RawPipeline| raw.params.at()).unwrap_or_default();
    let within = |problem: &Diagnostic| {
        problem.span.is_some_and(|span| params.start <= span.start && span.start < params.end)
    };
    parsed.params_are_sound = parsed.pipeline.is_some() && !parsed.problems.iter().any(within);
    parsed.check_text(source);
    parsed
}

/// Reports a file that is for another tool, and is not even YAML.
fn no_yaml(source: &Source) -> Option<Diagnostic> {
    let name = source.path().file_name().unwrap_or_default().to_string_lossy();
    let tool = foreign::OtherTool::of_text(&name, source.text())?;
    let message = format!("this file is {}, not a pipeline of `pipe`", tool.file());
    Some(Diagnostic::at(Code::ForeignFile, source, Span::default(), message).help(tool.help()))
}

/// Reports a file that is for another tool. Nothing else needs to be said of it.
fn for_another_tool(root: &yaml::Node<'_>, source: &Source) -> Option<Diagnostic> {
    let entries = root.value.entries()?;
    let keys = |node: &yaml::Node<'_>| {
        Some(node.value.entries()?.iter().map(|entry| entry.name.clone().into_owned()).collect())
    };
    let top: Vec<foreign::TopKey<'_>> = entries
        .iter()
        .map(|entry| foreign::TopKey {
            name: entry.name.as_ref(),
            keys: keys(&entry.value),
            is_text: matches!(entry.value.value, yaml::Value::Scalar(_)),
        })
        .collect();
    let (tool, key) = foreign::OtherTool::of(&top)?;
    let at = entries.get(key)?.at;
    let message = format!("this file is {}, not a pipeline of `pipe`", tool.file());
    Some(Diagnostic::at(Code::ForeignFile, source, at, message).help(tool.help()))
}

impl Parsed {
    /// Reports a file without any text, which gives no pipeline and no diagnostic.
    fn check_text(&mut self, source: &Source) {
        if self.pipeline.is_none() && self.problems.is_empty() {
            let problem = Diagnostic::at(Code::EmptyFile, source, Span::default(), "the file is empty");
            self.problems.push(problem.help("a pipeline has steps: `steps: [{name: build, run: make}]`"));
        }
    }
}

/// Reads a pipeline.
///
/// # Errors
/// Everything that is wrong with the file, and with how the options fit it. Whether the steps can be
/// *ordered* is for `plan` to say.
pub fn load(source: Source, options: &LoadOptions) -> Result<Pipeline, Diagnostics> {
    let Parsed { pipeline, problems, .. } = parse(&source, options, &of_defaults);
    match (Diagnostics::of(problems), pipeline) {
        (None, Some(pipeline)) => Ok(pipeline),
        (Some(problems), _) => Err(problems),
        (None, None) => Err(Diagnostic::nowhere(Code::EmptyFile, "the file is empty").into()),
    }
}

/// The values that params have by their defaults.
pub fn of_defaults(pipeline: &Pipeline, needed: &BTreeSet<String>) -> Option<TemplateRenderer> {
    let given = ParamSources { needed: Some(BTreeSet::new()), ..ParamSources::default() };
    let values = resolve(pipeline, &given).ok()?;
    let is_known = needed.iter().all(|name| values.contains_key(name));
    is_known.then(|| TemplateRenderer::new(RunContext { values, ..RunContext::default() }))
}

/// Returns the place in the file of a byte range of a template's source, such as a rendering error's.
pub fn locate(source: &Source, template: &Template, range: std::ops::Range<usize>) -> Span {
    yaml::locate(source, template.at, &template.source, range)
}

#[cfg(test)]
mod tests;
