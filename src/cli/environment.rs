//! Checks the environment variables that the steps of a run read: a missing one is reported before anything
//! runs.

use std::collections::BTreeSet;

use super::error::CliError;
use super::load::Loaded;
use crate::file::{Code, Diagnostic, Diagnostics, locate};
use crate::pipeline::{ArgumentValue, EnvRead, Step, Template};
use crate::plan::Decisions;
use crate::template::{RunContext, Scope, TemplateRenderer};

/// Finds what is missing for the steps that run. `context` is that of the run, but for the values.
pub(super) fn check(loaded: &Loaded, decisions: &Decisions, context: RunContext) -> Result<(), CliError> {
    let pipeline = &loaded.pipeline;
    let steps = pipeline.steps().filter(|(id, _)| decisions.runs(*id));
    let of_steps = steps.flat_map(|(_, step)| step.templates().map(move |text| (Some(step), text)));
    let of_calls = pipeline.calls.iter().flat_map(|call| {
        let arguments = call.arguments.iter().filter_map(|argument| match &argument.value {
            ArgumentValue::Text(text) => Some(text),
            ArgumentValue::List(_) | ArgumentValue::Whole { .. } => None,
        });
        call.caller.templates().chain(arguments).map(|text| (Some(&call.caller), text))
    });
    let of_run = pipeline.outputs.iter().map(|output| (None, &output.value));
    let lacks = |(step, text): &(Option<&Step>, &Template)| {
        text.env.iter().any(|read| is_missing(loaded, &context, *step, read))
    };
    let incomplete: Vec<(Option<&Step>, &Template)> =
        of_steps.chain(of_calls).chain(of_run).filter(lacks).collect();
    if incomplete.is_empty() {
        return Ok(());
    }
    let templates = loaded.renderer(context.clone())?;
    let mut problems = Vec::new();
    // The pipeline's own `env` belongs to every step, and is reported once.
    let mut told = BTreeSet::new();
    for (step, text) in incomplete {
        let needed = text.env.iter().filter(|read| is_missing(loaded, &context, step, read));
        let needed = needed.filter(|read| read.needed);
        let found = match needed.map(|read| missing(loaded, &context, text, read)).collect::<Vec<_>>() {
            found if found.is_empty() => {
                hidden(loaded, &templates, &context, step, text).into_iter().collect()
            }
            found => found,
        };
        problems
            .extend(found.into_iter().filter(|problem| told.insert(problem.span.unwrap_or_default().start)));
    }
    Diagnostics::of(problems).map_or(Ok(()), |problems| Err(problems.into()))
}

/// Returns whether a variable is one that the texts of a step's file do not see.
fn is_missing(loaded: &Loaded, context: &RunContext, step: Option<&Step>, read: &EnvRead) -> bool {
    match step.and_then(|step| step.call) {
        None => !context.env.contains_key(&read.name),
        Some(call) => !loaded.call_sees(call, &read.name),
    }
}

/// Returns a variable that the text reads in any case.
fn missing(loaded: &Loaded, context: &RunContext, text: &Template, read: &EnvRead) -> Diagnostic {
    let name = &read.name;
    let why = if context.not_text.contains(name) { "is not UTF-8 text" } else { "is not set" };
    let source = &loaded.pipeline.source;
    let at = locate(source, text, read.range.clone());
    let instead = format!("env.{name} | default('…')");
    // A condition has no braces.
    let instead = if text.source.contains("{{") { format!("{{{{ {instead} }}}}") } else { instead };
    Diagnostic::at(Code::TemplateValue, source, at, format!("the environment variable {name} {why}"))
        .help(format!("set it, or write `{instead}`"))
}

/// Returns a variable that the text reads under a condition. What is known only once other steps have run is
/// not asked.
fn hidden(
    loaded: &Loaded,
    templates: &TemplateRenderer,
    context: &RunContext,
    step: Option<&Step>,
    text: &Template,
) -> Option<Diagnostic> {
    if !text.outputs.is_empty() || !text.asks.is_empty() {
        return None;
    }
    let error = templates.render(text, Scope { step, ..Scope::default() }).err()?;
    let is_here =
        |read: &&EnvRead| error.range.start <= read.range.start && read.range.end <= error.range.end;
    if let Some(read) = text.env.iter().filter(|read| is_missing(loaded, context, step, read)).find(is_here) {
        return Some(missing(loaded, context, text, read));
    }
    let source = &loaded.pipeline.source;
    let at = locate(source, text, error.range.clone());
    Some(Diagnostic::at(error.kind.into(), source, at, error.message).maybe_help(error.help))
}
