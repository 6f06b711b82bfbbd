//! Warnings: what is right and still worth a second look. A pure function of the pipeline and its text.
//!
//! Each family has its file. Scripts are read once, by `reader`, and only as far as they are plain to see: a
//! warning that comes without cause teaches people not to read them. `allow` takes out what the file's
//! comments silence.

mod allow;
mod commands;
mod conditions;
mod dashes;
mod file_programs;
mod files;
mod literals;
mod network;
mod outputs;
mod programs;
mod reader;
mod retries;
mod secrets;
mod unused;

use std::collections::HashSet;
use std::ops::Range;

use self::commands::Command;
use super::{Code, Diagnostic, locate};
use crate::pipeline::{ParamKind, Pipeline, Shell, Span, Step, StepId, Template};

/// Everything in a pipeline that is worth a second look, but for what its comments silence.
pub fn lint(pipeline: &Pipeline) -> Vec<Diagnostic> {
    let scene = Scene::new(pipeline);
    let mut found = Vec::new();
    unused::check(&scene, &mut found);
    files::check(&scene, &mut found);
    network::check(&scene, &mut found);
    retries::check(&scene, &mut found);
    outputs::check(&scene, &mut found);
    conditions::check(&scene, &mut found);
    secrets::check(&scene, &mut found);
    literals::check(&scene, &mut found);
    dashes::check(&scene, &mut found);
    once(&mut found);
    allow::apply(pipeline, found)
}

/// Takes out what is said again of the same places: of steps of a matrix, and of files that are used several times.
fn once(found: &mut Vec<Diagnostic>) {
    let mut seen = HashSet::new();
    found.retain(|problem| {
        let also: Vec<Span> = problem.also.iter().map(|(span, _)| *span).collect();
        seen.insert((problem.code, problem.span, also))
    });
}

/// What is hardly ever meant as it is written. Part of [`lint`], and cheap.
pub fn doubtful(pipeline: &Pipeline) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    literals::check(&Scene { pipeline, scripts: Vec::new() }, &mut found);
    allow::apply(pipeline, found)
}

/// Takes out of warnings that were found elsewhere what the comments of the file silence.
pub(super) fn allowed(pipeline: &Pipeline, found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    if found.is_empty() { found } else { allow::silence(pipeline, found) }
}

/// A pipeline with its scripts read.
struct Scene<'p> {
    pipeline: &'p Pipeline,
    scripts: Vec<ReadStep<'p>>,
}

/// A step of a POSIX shell, with its commands.
struct ReadStep<'p> {
    id: StepId,
    step: &'p Step,
    text: &'p Template,
    commands: Vec<Command>,
}

impl<'p> Scene<'p> {
    fn new(pipeline: &'p Pipeline) -> Self {
        let read = |(id, step): (StepId, &'p Step)| {
            let is_list = |name: &str| {
                let mut params = pipeline.params_in(step.call).iter();
                params.any(|param| param.name == name && param.kind == ParamKind::List)
            };
            let text = shell_text(step)?;
            let mut commands = reader::commands(&text.source);
            for word in commands.iter_mut().flat_map(|command| &mut command.words) {
                let several = |name: &String| is_list(name) || name.ends_with("raw");
                word.splits |= word.expressions.iter().any(several);
            }
            Some(ReadStep { id, step, text, commands })
        };
        Self { pipeline, scripts: pipeline.steps().filter_map(read).collect() }
    }

    /// A warning at a place of a script.
    fn warning(
        &self,
        code: Code,
        text: &Template,
        range: Range<usize>,
        message: impl Into<String>,
    ) -> Diagnostic {
        Diagnostic::at(code, &self.pipeline.source, self.span(text, range), message)
    }

    fn span(&self, text: &Template, range: Range<usize>) -> Span {
        locate(&self.pipeline.source, text, range)
    }
}

/// The script of a step whose shell's grammar is known.
fn shell_text(step: &Step) -> Option<&Template> {
    let script = step.action.script()?;
    match script.shell {
        Shell::Auto | Shell::Posix(_) => Some(&script.text),
        Shell::Other(_) => None,
    }
}

#[cfg(test)]
mod tests;
