//! The values of params of called files: what the caller gives, then as for any file.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Component, Path};
use std::sync::Arc;

use super::value::{self, Raw};
use super::{Declared, ParamSources, exists, resolve, values, with_defaults};
use crate::file::code::Code;
use crate::file::diagnostic::{Diagnostic, Diagnostics};
use crate::file::words::ValueError;
use crate::file::yaml::locate;
use crate::pipeline::{
    Argument, ArgumentValue, Call, CallId, CalledFile, ParamValue, Pipeline, StepId, Template, Values,
};
use crate::template::{CallContext, RunContext, Scope, TemplateRenderer};

/// Returns a renderer of a pipeline's texts, with the values of all params: of the top file, and of those that its steps
/// use. `context` is what the texts of the top file see beside that.
///
/// # Errors
/// Everything that is wrong with the values.
pub fn renderer(
    pipeline: &Pipeline,
    given: &ParamSources,
    context: RunContext,
) -> Result<TemplateRenderer, Diagnostics> {
    let given = &ParamSources { facts: context.clone(), ..given.clone() };
    let top = resolve(pipeline, given)?;
    let mut renderer = TemplateRenderer::new(RunContext { values: top, ..context });
    let mut callee =
        Callee { pipeline, given, of_files: HashMap::new(), failed: BTreeSet::new(), problems: Vec::new() };
    for (index, call) in pipeline.calls.iter().enumerate() {
        let context = callee.context(CallId::new(index), call, &renderer);
        renderer.add_call(context);
    }
    Diagnostics::of(callee.problems).map_or(Ok(renderer), Err)
}

/// Works out the values of calls, one after the other.
struct Callee<'a> {
    pipeline: &'a Pipeline,
    given: &'a ParamSources,
    /// What is the same for all calls of a file.
    of_files: HashMap<*const CalledFile, OfFile>,
    /// Calls whose values are wrong: what hangs on them is not reported as well.
    failed: BTreeSet<CallId>,
    problems: Vec<Diagnostic>,
}

struct OfFile {
    sources: ParamSources,
    env: Arc<BTreeMap<String, String>>,
}

impl Callee<'_> {
    fn context(&mut self, id: CallId, call: &Call, renderer: &TemplateRenderer) -> CallContext {
        let (pipeline, given) = (self.pipeline, self.given);
        let mut passed = Values::new();
        let hangs = call.caller.call.is_some_and(|outer| self.failed.contains(&outer));
        let before = self.problems.len();
        let needed = given.needed_of_calls.as_ref().and_then(|all| all.get(id.index()));
        let is_needed = |argument: &&Argument| needed.is_none_or(|needed| needed.contains(&argument.param));
        for argument in call.arguments.iter().filter(is_needed).filter(|_| !hangs) {
            match self.value(call, argument, renderer) {
                Ok(Some(value)) => drop(passed.insert(argument.param.clone(), value)),
                Ok(None) => {}
                Err(problem) => self.problems.push(*problem),
            }
        }
        let of_file =
            self.of_files.entry(Arc::as_ptr(&call.file)).or_insert_with(|| OfFile::new(call, given));
        of_file.sources.passed = passed;
        of_file.sources.caller = Some(call.caller.at);
        of_file.sources.needed = needed.cloned();
        let declared = Declared { source: &pipeline.source, params: &call.file.params };
        let mut known = Values::new();
        if !hangs && self.problems.len() == before {
            match values(declared, &of_file.sources) {
                Ok(values) => known = values,
                Err(wrong) => self.problems.extend(wrong),
            }
        }
        if hangs || self.problems.len() > before {
            self.failed.insert(id);
        }
        CallContext {
            name: call.caller.name.clone(),
            file: Arc::clone(&call.file),
            pipeline_dir: of_file.sources.facts.pipeline_dir.clone(),
            env: Arc::clone(&of_file.env),
            values: known,
        }
    }

    /// Returns a value in the type of its param; nothing where the caller has none.
    fn value(
        &self,
        call: &Call,
        argument: &Argument,
        renderer: &TemplateRenderer,
    ) -> Result<Option<ParamValue>, Box<Diagnostic>> {
        let Argument { param: name, at, value } = argument;
        let source = &self.pipeline.source;
        let Some(param) = call.file.params.iter().find(|param| param.name == *name) else { return Ok(None) };
        let raw = match value {
            ArgumentValue::Whole { param } => {
                return Ok(renderer.values_in(call.caller.call).get(param).cloned());
            }
            ArgumentValue::List(items) => Raw::List(items.clone()),
            ArgumentValue::Text(text) => {
                let scope = Scope { step: Some(&call.caller), ..Scope::default() };
                Raw::Text(renderer.render(text, scope).map_err(|error| {
                    let at = locate(source, text.at, &text.source, error.range.clone());
                    Diagnostic::at(error.kind.into(), source, at, error.message).maybe_help(error.help)
                })?)
            }
        };
        let checked = value::check(&param.kind, &raw).and_then(|value| {
            exists(&param.kind, &value, &self.given.working_dir)?;
            Ok(value)
        });
        checked.map(Some).map_err(|ValueError { message, help }| {
            let problem = Diagnostic::at(Code::BadValue, source, *at, format!("param `{name}`: {message}"));
            Box::new(problem.also(param.at, "declared here").maybe_help(help))
        })
    }
}

impl OfFile {
    fn new(call: &Call, given: &ParamSources) -> Self {
        let mut env = BTreeMap::clone(&given.process);
        for (name, value) in &call.environment.variables {
            env.entry(name.clone()).or_insert_with(|| value.clone());
        }
        let facts = RunContext {
            pipeline: call.file.name.clone(),
            pipeline_dir: folder(&call.file.path),
            run_id: given.facts.run_id.clone(),
            started_at: given.facts.started_at.clone(),
            env: env.clone(),
            not_text: given.facts.not_text.clone(),
            ..RunContext::default()
        };
        let sources = ParamSources {
            facts,
            working_dir: given.working_dir.clone(),
            missing_secrets: given.missing_secrets,
            ..ParamSources::default()
        };
        Self { sources, env: Arc::new(env) }
    }
}

/// Returns the folder of a pipeline's file, absolute and without `..`.
pub fn folder(file: &Path) -> String {
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let folder = file.parent().unwrap_or(&file);
    let has_way_up = folder.components().any(|part| part == Component::ParentDir);
    let real = has_way_up.then(|| folder.canonicalize().ok()).flatten();
    real.as_deref().unwrap_or(folder).to_string_lossy().into_owned()
}

/// Returns the params that a part of a pipeline reads, and those that their defaults read: of the top file, and of each
/// call's.
pub fn needed(
    pipeline: &Pipeline,
    runs: impl Fn(StepId) -> bool,
) -> (BTreeSet<String>, Vec<BTreeSet<String>>) {
    let mut needed = Needed { top: BTreeSet::new(), calls: vec![BTreeSet::new(); pipeline.calls.len()] };
    for (_, step) in pipeline.steps().filter(|(id, _)| runs(*id)) {
        step.templates().for_each(|text| needed.text(step.call, text));
        needed.of(step.call).extend(step.secrets.iter().cloned());
        for (_, call) in pipeline.calls_around(step.call) {
            call.caller.templates().for_each(|text| needed.text(call.caller.call, text));
        }
    }
    let of_run = pipeline
        .outputs
        .iter()
        .map(|output| &output.value)
        .chain(&pipeline.early_max_parallel)
        .chain(pipeline.concurrency.iter().map(|concurrency| &concurrency.group))
        .chain(&pipeline.early_timeout);
    of_run.for_each(|text| needed.text(None, text));
    for (index, call) in pipeline.calls.iter().enumerate() {
        let texts = call.file.outputs.iter().map(|output| &output.value).chain(&call.file.early_max_parallel);
        texts.for_each(|text| needed.text(Some(CallId::new(index)), text));
    }
    // A call stands before those that its file makes.
    for (index, call) in pipeline.calls.iter().enumerate().rev() {
        let own = std::mem::take(&mut needed.calls[index]);
        let own = with_defaults(&call.file.params, own);
        let read = call.arguments.iter().filter(|argument| own.contains(&argument.param));
        let read: Vec<String> = read.flat_map(|argument| argument.value.params()).cloned().collect();
        needed.of(call.caller.call).extend(read);
        needed.calls[index] = own;
    }
    (with_defaults(&pipeline.params, needed.top), needed.calls)
}

/// The params that are read, by file.
struct Needed {
    top: BTreeSet<String>,
    calls: Vec<BTreeSet<String>>,
}

impl Needed {
    fn of(&mut self, call: Option<CallId>) -> &mut BTreeSet<String> {
        match call.and_then(|call| self.calls.get_mut(call.index())) {
            Some(params) => params,
            None => &mut self.top,
        }
    }

    fn text(&mut self, call: Option<CallId>, text: &Template) {
        self.of(call).extend(text.params.iter().chain(&text.secrets).cloned());
    }
}
