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
mod other_tool;
mod params;
mod paths;
mod raw;
mod read;
mod schema;
mod settle;
mod unroll;
mod uses;
mod words;
mod yaml;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use crate::pipeline::{Destination, Feed, Pipeline, Source, Span, Template};
use crate::template::{RunContext, TemplateRenderer};

pub use code::Code;
pub use data::{DiagnosticRecord, record};
pub use diagnostic::{Diagnostic, Diagnostics};
pub use draw::{render, render_within, visible};
pub use env_file::{check_env_files, fill_environments, has_env_files};
pub use gangs::check_gangs;
pub use lint::{doubtful, lint};
pub use lower::{EarlyRequest, EarlyValues};
pub use nearest::Nearest;
pub use params::{
    MissingSecrets, ParamSources, SecretFiles, folder, missing_secrets, needed, renderer, resolve,
};
pub use read::read;
pub use schema::schema;
pub use settle::{is_settled, settle};
use uses::Files;

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
    /// `--on kubernetes`: every step runs in a pod.
    pub cluster: bool,
    /// `--image`: what steps run in that name no image, under `--docker` or `--on`.
    pub image: Option<String>,
    /// The texts of the files that steps use, by path, where they do not come from this machine's disk.
    pub texts: Option<Arc<BTreeMap<PathBuf, String>>>,
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
    let Some(raw) = uses::parse(source, &mut parsed.problems) else {
        parsed.check_text(source);
        return parsed;
    };
    let files = Files::of(source, raw, options, &mut parsed.problems);
    parsed.pipeline = lower::lower(&files, options, early, &mut parsed.problems);
    let params = files.into_top().and_then(|raw| raw.value()?.params.at()).unwrap_or_default();
    let within = |problem: &Diagnostic| {
        problem.span.is_some_and(|span| params.start <= span.start && span.start < params.end)
    };
    parsed.params_are_sound = parsed.pipeline.is_some() && !parsed.problems.iter().any(within);
    parsed.check_text(source);
    parsed
}

impl Parsed {
    /// Reports a file without any text, which gives no pipeline and no diagnostic.
    fn check_text(&mut self, source: &Source) {
        if self.pipeline.is_none() && self.problems.is_empty() {
            self.problems.push(uses::empty(source));
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
pub fn of_defaults(request: &EarlyRequest<'_>) -> Option<TemplateRenderer> {
    let EarlyRequest { pipeline, needed, passed } = *request;
    let passed = passed.cloned().unwrap_or_default();
    let given = ParamSources { needed: Some(BTreeSet::new()), passed, ..ParamSources::default() };
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
