//! Raw keys → a [`Pipeline`]: names are looked up, defaults filled in, templates compiled, and everything is
//! checked. Every check runs, whatever the others found.

mod admission;
mod calls;
mod conditions;
mod container;
mod containers;
mod early;
mod edges;
mod env_files;
mod kinds;
mod kubernetes;
mod links;
mod list;
mod matrix;
mod outputs;
mod outside;
mod params;
mod policy;
mod roles;
mod secrets;
mod services;
mod shell;
mod steps;
mod streams;
mod terminal;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::num::NonZeroUsize;

use super::nearest::Nearest;
use super::raw::RawPipeline;
use super::uses::{FileIndex, Files};
use super::yaml::{Early, locate};
use super::{Code, Diagnostic, LoadOptions};
use crate::pipeline::{FileEnvironment, Pipeline, Source, Span, StreamId, Template, Text};
use crate::template::{self, Names, TemplateError, TemplateErrorKind, TemplateRenderer, TextContext};

use calls::Called;
pub use matrix::{EarlyRequest, EarlyValues};

/// A file as far as it can be understood by itself.
struct Lowered {
    /// Its steps with those of the files that it uses.
    pipeline: Pipeline,
    /// The streams that it reads and no step of it makes, in order: inputs have the ids that follow those of the
    /// pipeline's own streams. Each with its first reader's place.
    free: Vec<(String, Span)>,
    /// Names behind which there are several streams.
    stream_groups: BTreeMap<String, Vec<StreamId>>,
    /// Which steps it has hangs on values of its params.
    hangs_on_values: bool,
}

/// Builds the pipeline as far as it can be built, and adds what is wrong to `problems`; the pipeline is well
/// formed if nothing was added.
pub fn lower(
    files: &Files,
    options: &LoadOptions,
    early: &EarlyValues<'_>,
    problems: &mut Vec<Diagnostic>,
) -> Option<Pipeline> {
    let called = Called::default();
    let top = Place { files, file: 0, called: &called, early, root: early };
    Some(lower_file(top, options, problems)?.pipeline)
}

/// A file among those that are lowered, and what all of them share.
#[derive(Clone, Copy)]
struct Place<'a> {
    files: &'a Files,
    file: FileIndex,
    /// The files that were lowered already.
    called: &'a Called,
    /// Where the file's matrices get the values of its params from.
    early: &'a EarlyValues<'a>,
    /// Where values come from that no caller gives.
    root: &'a EarlyValues<'a>,
}

impl Place<'_> {
    /// Whether the file is used by another.
    fn is_called(&self) -> bool {
        self.file != 0
    }
}

fn lower_file(place: Place<'_>, options: &LoadOptions, problems: &mut Vec<Diagnostic>) -> Option<Lowered> {
    let (raw, _) = place.files.raw(place.file)?.get()?;
    let source = &place.files.source;
    let names = params::names(raw);
    let declared = raw.params.value().and_then(|params| params.0.first()?.0.at());
    let mut lowering = Lowering {
        source,
        place,
        names,
        declared,
        nearest: Nearest::default(),
        problems,
        params: None,
        hangs_on_values: Cell::new(false),
        bare: None,
        stream_groups: BTreeSet::new(),
        said: None,
    };
    let params = lowering.params(raw);
    let name = lowering.pipeline_name(raw);
    let (max_parallel, early_max_parallel) = lowering.max_parallel(raw);
    let (timeout, early_timeout) = lowering.run_timeout(raw);
    let mut pipeline = Pipeline {
        source: source.clone(),
        name,
        description: raw.description.value().cloned(),
        params,
        max_parallel,
        early_max_parallel,
        keep_runs: lowering.keep_runs(raw),
        timeout,
        early_timeout,
        env_files: lowering.env_files(raw),
        environment: FileEnvironment::default(),
        concurrency: lowering.concurrency(raw),
        kubernetes: lowering.kubernetes(raw),
        steps: Vec::new(),
        groups: Vec::new(),
        calls: Vec::new(),
        streams: Vec::new(),
        outputs: Vec::new(),
    };
    lowering.params = lowering.are_sound(raw).then(|| pipeline.clone());
    let mut steps = lowering.steps(raw, options);
    pipeline.outputs = lowering.run_outputs(raw, &steps);
    lowering.depend(&mut steps);
    lowering.use_services(&mut steps);
    let (streams, stream_groups, free) = lowering.streams(&mut steps, options);
    pipeline.streams = streams;
    lowering.part(&mut steps, &mut pipeline.streams, &pipeline.outputs);
    lowering.maybe_missing(&steps, &pipeline);
    let hangs_on_values = lowering.hangs_on_values.get();
    (pipeline.steps, pipeline.groups, pipeline.calls) = steps.into_parts();
    Some(Lowered { pipeline, free, stream_groups, hangs_on_values })
}

/// Whether what is said to be undefined could be a param: it is one name, and no part of something else.
fn names_a_param(message: &str) -> bool {
    let name = message.split('`').nth(1).unwrap_or_default().trim_start_matches('.');
    super::words::is_identifier(name.strip_prefix("params.").unwrap_or(name))
}

/// What all the parts share.
struct Lowering<'a> {
    source: &'a Source,
    /// The file that is lowered.
    place: Place<'a>,
    names: Names,
    /// Where the first param is declared.
    declared: Option<Span>,
    nearest: Nearest,
    problems: &'a mut Vec<Diagnostic>,
    /// The pipeline with nothing but its params, for matrices, which read them; nothing where they are wrong.
    params: Option<Pipeline>,
    /// Whether the value of a param has been asked for.
    hangs_on_values: Cell<bool>,
    /// A renderer that knows no param.
    bare: Option<TemplateRenderer>,
    /// The names behind which there are several streams, one for each step of a matrix.
    stream_groups: BTreeSet<String>,
    /// What was said of the steps of matrices, by class and place: what is wrong with many is said once. Nothing while
    /// other steps are looked at.
    said: Option<HashSet<(Code, Span)>>,
}

impl Lowering<'_> {
    fn at(&self, code: Code, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic::at(code, self.source, span, message)
    }

    fn report(&mut self, problem: Diagnostic) {
        let is_new = match (&mut self.said, problem.span) {
            (Some(said), Some(span)) => said.insert((problem.code, span)),
            (Some(_), None) | (None, _) => true,
        };
        if is_new {
            self.problems.push(problem);
        }
    }

    /// Whether nothing is wrong with the params.
    fn are_sound(&self, raw: &RawPipeline) -> bool {
        let params = raw.params.at().unwrap_or_default();
        let within = |problem: &Diagnostic| {
            problem.span.is_some_and(|span| params.start <= span.start && span.start < params.end)
        };
        !self.problems.iter().any(within)
    }

    /// A renderer that has the values of the params that a text reads; nothing where one of them is not known.
    fn early_values(&self, text: &Template) -> Option<TemplateRenderer> {
        let pipeline = self.params.as_ref()?;
        self.hangs_on_values.set(true);
        let read: BTreeSet<String> = text.params.iter().chain(&text.secrets).cloned().collect();
        let needed = super::params::with_defaults(&pipeline.params, read);
        (self.place.early)(&EarlyRequest { pipeline, needed: &needed, passed: None })
    }

    /// Compiles a text. What is wrong with it is reported, and the text stands for itself.
    fn template(&mut self, text: &str, at: Span, place: TextContext) -> Template {
        template::compile(text, at, place, &self.names).unwrap_or_else(|errors| {
            self.report_in(text, at, errors);
            // Steps that there are not are a mistake of their own.
            Text { outputs: template::outputs_in(text, &self.names), ..Text::literal(text, at) }.into()
        })
    }

    /// Reports what is wrong with a text.
    fn report_in(&mut self, text: &str, at: Span, errors: Vec<TemplateError>) {
        for error in errors {
            let at = locate(self.source, at, text, error.range);
            let problem = self.at(error.kind.into(), at, error.message).maybe_help(error.help);
            let is_param = error.kind == TemplateErrorKind::Undefined && names_a_param(&problem.message);
            let problem = match self.declared.filter(|_| is_param) {
                Some(declared) => problem.also(declared, "params are declared here"),
                None => problem,
            };
            self.report(problem);
        }
    }

    fn pipeline_name(&mut self, raw: &RawPipeline) -> String {
        match raw.name.get() {
            Some((name, at)) if name.trim().is_empty() => {
                let problem = self.at(Code::BadName, at, "the pipeline's name is empty");
                self.report(problem.help("leave `name` out to call the pipeline after its file"));
                String::new()
            }
            Some((name, _)) => name.clone(),
            None => {
                let stem = self
                    .place
                    .files
                    .path(self.place.file)
                    .file_stem()
                    .map(|stem| stem.to_string_lossy().into_owned());
                stem.unwrap_or_else(|| "pipeline".to_owned())
            }
        }
    }

    /// The number, or the template that makes it.
    fn max_parallel(&mut self, raw: &RawPipeline) -> (Option<NonZeroUsize>, Option<Template>) {
        let (number, at) = match raw.max_parallel.get() {
            None => return (None, None),
            Some((Early::Text(text), at)) => return (None, self.early(text, at)),
            Some((Early::Value(number), at)) => (*number, at),
        };
        (self.at_least_one(number, at, "`max_parallel: 0` would let no step run"), None)
    }

    fn keep_runs(&mut self, raw: &RawPipeline) -> Option<NonZeroUsize> {
        let (&number, at) = raw.history.value()?.keep.get()?;
        self.at_least_one(number, at, "`keep: 0` would remove the run that has just ended")
    }

    fn at_least_one(&mut self, number: u32, at: Span, problem: &str) -> Option<NonZeroUsize> {
        let number = NonZeroUsize::new(number as usize);
        if number.is_none() {
            let problem = self.at(Code::BadNumber, at, problem);
            self.report(problem.help("write 1 or more, or leave it out"));
        }
        number
    }
}

#[cfg(test)]
mod tests;
