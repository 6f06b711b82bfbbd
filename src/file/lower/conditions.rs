//! `if`: whether a step runs, and what can never be asked.

use crate::file::Code;
use crate::file::raw::RawStep;
use crate::file::yaml::{ScalarKind, locate};
use crate::pipeline::{
    Call, CallId, Condition, OnError, Pipeline, Role, Span, Step, StepId, Verdict, passed_over_with,
};
use crate::template;

use super::Lowering;
use super::steps::Steps;

/// How a condition is written.
const HELP: &str = "write an expression, such as `if: release and branch == 'main'`";

impl Lowering<'_> {
    /// The condition of a step.
    pub(super) fn condition(&mut self, raw: &RawStep) -> Option<Box<Condition>> {
        let (literal, at) = raw.condition.get()?;
        match literal.kind() {
            ScalarKind::Bool => self.compiled(&literal.text.to_lowercase(), at),
            ScalarKind::Int | ScalarKind::Float => {
                let message = format!("`if` is a number, and `{}` is neither true nor false", literal.text);
                let problem = self.at(Code::BadCondition, at, message);
                self.report(problem.help(HELP));
                None
            }
            ScalarKind::Text | ScalarKind::Null => {
                let (text, at) = self.bare(&literal.text, at);
                if text.is_empty() {
                    let problem =
                        self.at(Code::BadCondition, at, "`if` is empty: a condition is true or false");
                    self.report(problem.help(format!("{HELP}; a step without `if` runs")));
                    return None;
                }
                self.compiled(text, at)
            }
        }
    }

    fn compiled(&mut self, text: &str, at: Span) -> Option<Box<Condition>> {
        match template::condition(text, at, &self.names) {
            Ok(condition) => Some(Box::new(condition)),
            Err(errors) => {
                self.report_in(text, at, errors);
                None
            }
        }
    }

    /// The text without blanks and braces around all of it, and its place.
    fn bare<'t>(&self, text: &'t str, at: Span) -> (&'t str, Span) {
        let trimmed = text.trim();
        let inner = trimmed.strip_prefix("${{").or_else(|| trimmed.strip_prefix("{{"));
        let inner = inner.and_then(|inner| inner.strip_suffix("}}"));
        let inner = inner.filter(|inner| !inner.contains("{{") && !inner.contains("}}")).map(str::trim);
        let bare = inner.unwrap_or(trimmed);
        // What follows the text does not move it.
        if text.starts_with(bare) || bare.is_empty() {
            return (bare, at);
        }
        let start = text.find(bare).unwrap_or_default();
        (bare, locate(self.source, at, text, start..start + bare.len()))
    }

    /// Reports what is never true of a step before: that it has failed or was cancelled, where that stops this one.
    pub(super) fn never(&mut self, step: &Step, steps: &Steps<'_>) {
        let Some(condition) = step.condition.as_ref().filter(|_| step.role == Role::Ordinary) else { return };
        for ask in &condition.text.asks {
            let Some((name, asked)) = ask.step.as_ref().and_then(|name| Some((name, steps.ids(name)?)))
            else {
                continue;
            };
            let is_ignored = |id: &StepId| {
                steps.list.get(id.index()).is_some_and(|step| step.policy.on_error == OnError::Ignore)
            };
            let this = &step.name;
            let (message, help) = match ask.verdict {
                Verdict::Failure if !asked.iter().any(is_ignored) => (
                    format!("`{name}` failing means that `{this}` does not run: this is never true"),
                    match asked.first().and_then(|id| steps.outermost_call(steps.list.get(id.index())?)) {
                        None => {
                            format!("write `finally: true` at `{this}`, or `on_error: ignore` at `{name}`")
                        }
                        Some(call) => format!(
                            "write `finally: true` at `{this}`, or `on_error: ignore` in `{}`",
                            call.file.path.display()
                        ),
                    },
                ),
                Verdict::Cancelled => (
                    format!("where `{name}` is cancelled, `{this}` does not run: this is never true"),
                    format!("write `finally: true` at `{this}`, or leave it out"),
                ),
                Verdict::Failure | Verdict::Success | Verdict::Skipped => continue,
            };
            let at = locate(self.source, condition.text.at, &condition.text.source, ask.range.clone());
            let problem = self.at(Code::ConditionNever, at, message);
            self.report(problem.help(help));
        }
    }

    /// Reports what the outputs of the run read of steps that may be passed over, without another value.
    pub(super) fn maybe_missing(&mut self, steps: &Steps<'_>, pipeline: &Pipeline) {
        let may = |step: &Step| may_be_passed_over(step, &steps.calls);
        if !steps.list.iter().any(may) {
            return;
        }
        let may_be_false = |id: StepId| steps.list.get(id.index()).is_some_and(may);
        let reasons = passed_over_with(&steps.list, &pipeline.streams, may_be_false);
        for text in pipeline.outputs.iter().map(|output| &output.value) {
            for output in text.outputs.iter().filter(|output| !output.is_optional) {
                let reason = |id: &StepId| Some((*id, (*reasons.get(id.index())?)?));
                let Some((id, reason)) = steps.sources(output).iter().find_map(reason) else { continue };
                let (name, read) = (&output.step, text.source.get(output.range.clone()).unwrap_or_default());
                let message = if id == reason {
                    format!("`{name}` has a condition: where that is false, `{read}` has no value")
                } else {
                    let other = steps.list.get(reason.index()).map_or("", |step| step.name.as_str());
                    format!(
                        "`{name}` runs only if `{other}` does, which has a condition: else `{read}` has no value"
                    )
                };
                let at = locate(self.source, text.at, &text.source, output.range.clone());
                let problem = self.at(Code::MaybeMissing, at, message);
                self.report(problem.help(format!("write `{{{{ {read} | default('…') }}}}`")));
            }
        }
    }
}

/// Whether a step has a condition, or a call that it stands in.
pub(super) fn may_be_passed_over(step: &Step, calls: &[Call]) -> bool {
    let condition = |step: &Step| step.condition.as_ref().is_some_and(|it| it.text.source != "true");
    let of_call = |call: CallId| calls.get(call.index()).map(|call| &call.caller);
    let mut around = std::iter::successors(step.call.and_then(of_call), |it| it.call.and_then(of_call));
    condition(step) || around.any(condition)
}
