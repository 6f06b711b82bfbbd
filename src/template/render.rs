//! Rendering: one environment for a run, its values in scope.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Weak;

use minijinja::value::Value;

use super::calls::{CallContext, Calls};
use super::file_renderer::FileRenderer;
use super::outputs::{StepsView, later, map as view};
use super::values::Bindings;
use super::{
    Groups, RunContext, StepOutputs, TemplateError, TemplateErrorKind, condition, ends, jinja, known,
    members, scan, services, status, values,
};
use crate::pipeline::{
    Addresses, BodyEnd, CallId, MembersRef, OutputRef, ParamValue, Secret, Step, StreamId, Template, Text,
    Values, Verdict,
};

/// Renders the compiled templates of one run.
pub struct TemplateRenderer {
    top: FileRenderer,
    /// What belongs to the run, for the files that steps use.
    run: RunContext,
    pub(super) calls: Calls,
    groups: Groups,
}

/// What a template sees beside the context of the run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Scope<'a> {
    /// The step: its name, and where it finds what it reads. None outside steps.
    pub step: Option<&'a Step>,
    /// The call whose file the text stands in; else it is the file of the step, and without a step the top file.
    pub call: Option<CallId>,
    /// The outputs of steps.
    pub outputs: StepOutputsMode<'a>,
    /// How the ordinary steps have ended, for `finally` steps; a placeholder stands for it where there is none.
    pub body: Option<&'a BodyEnd>,
    /// How steps and groups have ended, by name; for conditions.
    pub verdicts: Option<&'a BTreeMap<String, Verdict>>,
    /// Where the step finds the services that it uses; a placeholder stands for each address where there is none.
    pub addresses: Option<&'a Addresses>,
    /// The streams of the step that nothing makes.
    pub absent: Option<&'a BTreeSet<StreamId>>,
    /// The caller that waits for the text. If it is gone, nothing is rendered.
    pub waiter: Option<&'a Weak<()>>,
}

/// Which outputs of steps a template sees.
#[derive(Debug, Clone, Copy, Default)]
pub enum StepOutputsMode<'a> {
    /// None: a text that reads an output cannot be rendered.
    #[default]
    Nothing,
    /// These.
    These(&'a StepOutputs),
    /// These; a placeholder stands for each output of another step.
    Partly(&'a StepOutputs),
    /// None yet: a placeholder stands for each.
    Later,
}

impl Scope<'_> {
    /// Returns the call whose file the text stands in.
    pub(super) fn call(&self) -> Option<CallId> {
        self.call.or_else(|| self.step?.call)
    }
}

impl fmt::Debug for TemplateRenderer {
    // minijinja holds the secrets' text.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("TemplateRenderer").finish_non_exhaustive()
    }
}

impl TemplateRenderer {
    /// Returns a renderer for the context of a run.
    pub fn new(mut context: RunContext) -> Self {
        let started_at = Some(context.started_at.clone().unwrap_or_else(jiff::Zoned::now));
        let run = RunContext {
            run_id: context.run_id.clone(),
            started_at: started_at.clone(),
            ..RunContext::default()
        };
        let groups = std::mem::take(&mut context.groups);
        let top = FileRenderer::new(RunContext { started_at, ..context });
        Self { top, run, calls: Calls::default(), groups }
    }

    /// Adds what the texts of the next call's file can see.
    pub fn add_call(&mut self, context: CallContext) {
        self.calls.add(context);
    }

    /// Returns what renders the texts of a call's file, or of the top file.
    fn file(&self, call: Option<CallId>) -> &FileRenderer {
        call.and_then(|call| self.calls.renderer(call, &self.run)).unwrap_or(&self.top)
    }

    /// Returns the values of all params of the top file.
    pub fn values(&self) -> &Values {
        &self.top.values
    }

    /// Returns the values of all params of a call's file, or of the top file.
    pub fn values_in(&self, call: Option<CallId>) -> &Values {
        call.and_then(|call| self.calls.context(call)).map_or(&self.top.values, |context| &context.values)
    }

    /// Returns the folder of a call's file, or of the top file.
    pub fn pipeline_dir_in(&self, call: Option<CallId>) -> &str {
        let context = call.and_then(|call| self.calls.context(call));
        context.map_or(self.top.pipeline_dir.as_str(), |context| &context.pipeline_dir)
    }

    /// Returns a variable as `env.NAME` has it in a call's file, or in the top file.
    pub fn variable(&self, call: Option<CallId>, name: &str) -> Option<String> {
        match call.and_then(|call| self.calls.context(call)) {
            Some(context) => context.env.get(name).cloned(),
            None => self.top.run.get("env")?.get_attr(name).ok()?.as_str().map(str::to_owned),
        }
    }

    /// Returns when the run has started.
    pub fn started_at(&self) -> Option<&jiff::Zoned> {
        self.run.started_at.as_ref()
    }

    /// Returns all values of the run, those of calls with the caller's name before their own.
    pub fn all_values(&self) -> Values {
        let mut all = self.top.values.clone();
        for CallContext { name: caller, values, .. } in self.calls.contexts() {
            all.extend(values.iter().map(|(name, value)| (format!("{caller}.{name}"), value.clone())));
        }
        all
    }

    /// Returns the value of a secret param of a call's file, or of the top file; nothing if there is no secret of that
    /// name.
    pub fn secret(&self, call: Option<CallId>, param: &str) -> Option<&Secret> {
        match self.values_in(call).get(param) {
            Some(ParamValue::Secret(secret)) => Some(secret),
            Some(_) | None => None,
        }
    }

    /// Renders a template.
    ///
    /// # Errors
    /// If a value is missing or cannot be used where the template puts it. The range is in the template's
    /// source.
    pub fn render(&self, template: &Template, scope: Scope<'_>) -> Result<String, TemplateError> {
        let Some(compiled) = &template.compiled else {
            return Ok(template.source.clone());
        };
        if scope.waiter.is_some_and(|waiter| waiter.strong_count() == 0) {
            return Err(TemplateError {
                kind: TemplateErrorKind::Value,
                range: 0..template.source.len(),
                message: "nothing waits for this text any more".to_owned(),
                help: None,
            });
        }
        let call = scope.call();
        let (file, outputs) = (self.file(call), self.seen(template, scope)?);
        let mode = outputs.mode(scope.outputs);
        let bindings = Value::from_object(self.bindings(template, scope, mode)?);
        let render = || file.jinja.template_from_str(compiled)?.render(bindings);
        // minijinja panics on some numbers that are out of its range, which must not end the run.
        let rendered = catch_unwind(AssertUnwindSafe(render)).map_err(|_| TemplateError {
            kind: TemplateErrorKind::Value,
            range: 0..template.source.len(),
            message: "cannot evaluate this: a number in it is out of range".to_owned(),
            help: None,
        })?;
        rendered.map_err(|error| {
            let error = match condition::whole(template) {
                None => translated(&error, &template.source, compiled),
                Some(whole) => {
                    let error = condition::plain(translated(&error, &whole, compiled), &template.source);
                    file.missing_variable(&error, template).unwrap_or(error)
                }
            };
            missing_output(&error, &template.outputs, mode).unwrap_or(error)
        })
    }

    /// Returns the names that a text sees.
    pub(super) fn bindings(
        &self,
        text: &Text,
        scope: Scope<'_>,
        outputs: StepOutputsMode<'_>,
    ) -> Result<Bindings, TemplateError> {
        let run = &self.file(scope.call()).run;
        Ok(Bindings {
            run: run.clone(),
            ended: ends::run(&text.ends, run.get("run"), scope.body),
            step: scope.step.map(|step| values::map([("name".to_owned(), step.name.clone())])),
            steps: self.steps(text, scope, outputs)?,
            services: services::view(text, scope.addresses),
            inputs: scope
                .step
                .filter(|step| !step.inputs.is_empty())
                .map(|step| values::inputs(step, scope.absent)),
            matrix: scope.step.and_then(|step| step.member.as_deref()).map(values::matrix),
            asked: status::asked(&text.asks, scope.verdicts, scope.body)?,
        })
    }

    /// Returns what a text reads of steps, as a value; nothing if it reads nothing. `outputs` are those that the text
    /// reads, `scope` has those of all steps.
    fn steps(
        &self,
        text: &Text,
        scope: Scope<'_>,
        outputs: StepOutputsMode<'_>,
    ) -> Result<Option<Value>, TemplateError> {
        let output = text.outputs.first().map(|output| (&output.step, &output.range));
        let members = text.members.first().map(|members| (&members.group, &members.range));
        let first = output.or(members);
        if first.is_none() && text.ends.is_empty() {
            return Ok(None);
        }
        let view = match (outputs, first) {
            (StepOutputsMode::These(outputs), _) => StepsView::new(&text.outputs, outputs),
            (StepOutputsMode::Partly(outputs), _) => StepsView::partly(&text.outputs, outputs),
            (StepOutputsMode::Later, _) | (StepOutputsMode::Nothing, None) => StepsView::later(&text.outputs),
            (StepOutputsMode::Nothing, Some((step, range))) => {
                return Err(TemplateError {
                    kind: TemplateErrorKind::Value,
                    range: range.clone(),
                    message: format!("the outputs of `{step}` are known only once it has run"),
                    help: None,
                });
            }
        };
        let view = text.members.iter().fold(view, |view, MembersRef { group, range: _ }| {
            let of_group = self.groups.get(&*self.calls.name_in(scope.call(), group));
            let of_group = of_group.map(Vec::as_slice).unwrap_or_default();
            view.with_members(group, members::members(of_group, |step| outputs_of(step, scope.outputs)))
        });
        Ok(Some(Value::from_object(
            view.with_ends(&text.ends, scope.body, |step| self.calls.name_in(scope.call(), step)),
        )))
    }

    /// Returns what stands for a part of a service's address, `host` or `port`, that is not known yet.
    pub fn later_address(service: &str, part: &str) -> String {
        services::placeholder(service, part)
    }

    /// Returns the name of the environment variable by which a script refers to a secret param.
    pub fn secret_variable(param: &str) -> String {
        known::secret_variable(param)
    }
}

/// Returns the outputs of a step, or what stands for them; nothing of a step that has not succeeded.
fn outputs_of(step: &str, mode: StepOutputsMode<'_>) -> Option<Value> {
    let of = |given: &StepOutputs| given.get(step).map(|outputs| view(outputs));
    match mode {
        StepOutputsMode::Nothing => None,
        StepOutputsMode::These(given) => of(given),
        StepOutputsMode::Partly(given) => of(given).or_else(|| Some(later(step))),
        StepOutputsMode::Later => Some(later(step)),
    }
}

fn translated(error: &minijinja::Error, source: &str, compiled: &str) -> TemplateError {
    let segments = scan::scan(source).unwrap_or_default();
    jinja::translate(error, source, &segments, compiled)
}

/// Returns a better error if a missing output is the reason for `error`.
fn missing_output(
    error: &TemplateError,
    refs: &[OutputRef],
    mode: StepOutputsMode<'_>,
) -> Option<TemplateError> {
    let (StepOutputsMode::These(outputs) | StepOutputsMode::Partly(outputs)) = mode else { return None };
    let is_here =
        |wanted: &&OutputRef| wanted.range.start < error.range.end && error.range.start < wanted.range.end;
    let gave = |wanted: &OutputRef| outputs.get(&wanted.step).cloned().unwrap_or_default();
    let is_missing =
        |wanted: &&OutputRef| wanted.key.as_ref().is_some_and(|key| !gave(wanted).contains_key(key));
    let wanted = refs.iter().filter(is_here).find(is_missing)?;
    let (step, key) = (&wanted.step, wanted.key.as_deref()?);
    let keys: Vec<String> = gave(wanted).keys().map(|key| format!("`{key}`")).collect();
    let gave =
        if keys.is_empty() { "it gave none".to_owned() } else { format!("it gave {}", keys.join(", ")) };
    Some(TemplateError {
        kind: TemplateErrorKind::Value,
        range: wanted.range.clone(),
        message: format!("`{step}` did not set the output `{key}`; {gave}"),
        help: Some(format!("in `{step}`, write `echo \"{key}=…\" >> \"$PIPE_OUTPUT\"`")),
    })
}
