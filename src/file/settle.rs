//! Numbers and lengths of time that templates make: filled in once the params have values.

use std::num::NonZeroUsize;
use std::time::Duration;

use super::words::{self, ValueError};
use super::{Code, Diagnostic, locate};
use crate::pipeline::{
    CallId, Concurrency, EarlySetting, Pipeline, Policy, PolicyKey, Source, Step, Template,
};
use crate::template::{Scope, TemplateRenderer};

/// Fills in what templates of the pipeline make before a run begins, and returns what is wrong with it.
pub fn settle(pipeline: &mut Pipeline, renderer: &TemplateRenderer) -> Vec<Diagnostic> {
    let mut settler =
        Settler { source: &pipeline.source, renderer, step: None, call: None, problems: Vec::new() };
    if let Some(text) = &pipeline.early_max_parallel {
        let number = settler.number(text, "max_parallel", 1);
        pipeline.max_parallel = number.and_then(|number| NonZeroUsize::new(number as usize));
    }
    if let Some(text) = &pipeline.early_timeout {
        pipeline.timeout = settler.limit(text);
    }
    for index in 0..pipeline.calls.len() {
        let call = &pipeline.calls[index];
        let Some(text) = &call.file.early_max_parallel else { continue };
        settler.call = Some(CallId::new(index));
        let number = settler.number(text, "max_parallel", 1);
        settler.call = None;
        let most = number.and_then(|number| NonZeroUsize::new(number as usize));
        pipeline.groups[call.group.index()].max_parallel = most;
    }
    if let Some(concurrency) = &mut pipeline.concurrency {
        settler.group(concurrency, Scope::default());
    }
    for index in 0..pipeline.steps.len() {
        let step = &pipeline.steps[index];
        let Some(mut admission) = step.admission.clone() else { continue };
        if let Some(concurrency) = &mut admission.concurrency {
            settler.group(concurrency, Scope { step: Some(step), ..Scope::default() });
        }
        pipeline.steps[index].admission = Some(admission);
    }
    for step in pipeline.steps.iter_mut().filter(|step| !step.early.is_empty()) {
        settler.step = Some(step.clone());
        for EarlySetting { key, text } in &step.early {
            settler.policy(&mut step.policy, *key, text);
        }
    }
    // A text of `defaults` stands in every step.
    let mut problems = settler.problems;
    problems.dedup_by(|one, other| one.span == other.span && one.message == other.message);
    problems
}

/// Whether a pipeline has anything to be filled in.
pub fn is_settled(pipeline: &Pipeline) -> bool {
    pipeline.early_max_parallel.is_none()
        && pipeline.calls.iter().all(|call| call.file.early_max_parallel.is_none())
        && pipeline.early_timeout.is_none()
        && pipeline.concurrency.as_ref().is_none_or(|concurrency| !concurrency.name.is_empty())
        && pipeline.steps.iter().all(|step| step.early.is_empty() && is_named(step))
}

/// Whether the name that a step holds alone is known.
fn is_named(step: &Step) -> bool {
    let concurrency = step.admission.as_ref().and_then(|admission| admission.concurrency.as_ref());
    concurrency.is_none_or(|concurrency| !concurrency.name.is_empty())
}

struct Settler<'p> {
    source: &'p Source,
    renderer: &'p TemplateRenderer,
    /// The step whose settings are made: they may read the values of its matrix.
    step: Option<Step>,
    /// The call whose settings are made.
    call: Option<CallId>,
    problems: Vec<Diagnostic>,
}

impl Settler<'_> {
    fn policy(&mut self, policy: &mut Policy, key: PolicyKey, text: &Template) {
        let Policy { timeout, retry, on_error: _ } = policy;
        match (key, retry) {
            (PolicyKey::Timeout, _) => *timeout = self.limit(text),
            (PolicyKey::RetryCount, Some(retry)) => {
                retry.count = self.number(text, "retry", 0).unwrap_or(retry.count);
            }
            (PolicyKey::RetryDelay, Some(retry)) => {
                retry.delay = self.duration(text).unwrap_or(retry.delay);
            }
            (PolicyKey::RetryMaxDelay, Some(retry)) => retry.max_delay = self.duration(text),
            (PolicyKey::RetryTimeout, Some(retry)) => retry.timeout = self.limit(text),
            (
                PolicyKey::RetryCount
                | PolicyKey::RetryDelay
                | PolicyKey::RetryMaxDelay
                | PolicyKey::RetryTimeout,
                None,
            ) => {}
        }
        if policy.retry.as_ref().is_some_and(|retry| retry.count == 0) {
            policy.retry = None;
        }
    }

    fn group(&mut self, concurrency: &mut Concurrency, scope: Scope<'_>) {
        if !concurrency.name.is_empty() {
            return;
        }
        let Some(name) = self.render_in(&concurrency.group, scope) else { return };
        name.trim().clone_into(&mut concurrency.name);
        if concurrency.name.is_empty() {
            let error = ValueError::new("the name of `concurrency` is empty once its values are known");
            let help = "give the params that it reads a value, or begin it with a word: `deploy-{{ … }}`";
            self.report(Code::BadConcurrency, &concurrency.group, error.help(help));
        }
    }

    fn render(&mut self, text: &Template) -> Option<String> {
        let step = self.step.take();
        let rendered =
            self.render_in(text, Scope { step: step.as_ref(), call: self.call, ..Scope::default() });
        self.step = step;
        rendered
    }

    fn render_in(&mut self, text: &Template, scope: Scope<'_>) -> Option<String> {
        let rendered = self.renderer.render(text, scope);
        rendered
            .map_err(|error| {
                let at = locate(self.source, text, error.range);
                let problem = Diagnostic::at(error.kind.into(), self.source, at, error.message);
                self.problems.push(problem.maybe_help(error.help));
            })
            .ok()
    }

    fn report(&mut self, code: Code, text: &Template, ValueError { message, help }: ValueError) {
        self.problems.push(Diagnostic::at(code, self.source, text.at, message).maybe_help(help));
    }

    fn duration(&mut self, text: &Template) -> Option<Duration> {
        let value = self.render(text)?;
        words::duration(&value).map_err(|error| self.report(Code::BadDuration, text, error)).ok()
    }

    /// A time limit, which is longer than nothing.
    fn limit(&mut self, text: &Template) -> Option<Duration> {
        let limit = self.duration(text)?;
        if limit.is_zero() {
            let error = ValueError::new("a timeout of nothing would stop every step at once");
            self.report(Code::BadDuration, text, error.help("give it a longer one"));
            return None;
        }
        Some(limit)
    }

    fn number(&mut self, text: &Template, key: &str, least: u32) -> Option<u32> {
        let value = self.render(text)?;
        let number = value.trim().parse().ok().filter(|number| *number >= least);
        if number.is_none() {
            let message =
                format!("`{key}` must be a whole number from {least}, not {}", words::shown(&value));
            self.report(
                Code::BadNumber,
                text,
                ValueError::new(message).help("a param of `type: int` is one"),
            );
        }
        number
    }
}
