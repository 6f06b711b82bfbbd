//! Conditions before anything runs: how they are shown, and what is known of them.

use crate::pipeline::{Condition, Role, Step};
use crate::render::{cut, one_line};
use crate::template::{Decided, Scope, StepOutputsMode, TemplateError, TemplateRenderer};

/// The most columns of a condition that are shown.
const LONGEST: usize = 80;

/// Decides an early condition.
pub(super) fn decide(
    templates: &TemplateRenderer,
    step: &Step,
    condition: &Condition,
) -> Result<Decided, TemplateError> {
    templates.decide(condition, Scope { step: Some(step), ..Scope::default() })
}

/// Returns a condition on one line, behind `if`.
pub(super) fn shown(condition: &Condition) -> String {
    let line = one_line(&condition.text.source);
    // Words, and no expression.
    if condition.text.compiled.is_none() {
        return format!("never runs: {line}");
    }
    format!("if {}", cut(&line, LONGEST))
}

/// Returns a condition with what is known of it: its value, where params were given, or what has to end first.
pub(super) fn explained(step: &Step, condition: &Condition, templates: Option<&TemplateRenderer>) -> String {
    let shown = shown(condition);
    if condition.text.compiled.is_none() {
        return shown;
    }
    if !condition.is_early {
        return format!("{shown} ({})", awaited(step, condition));
    }
    let Some(templates) = templates else { return shown };
    match decide(templates, step, condition) {
        Ok(Decided::Holds) => format!("{shown} → true"),
        Ok(Decided::Not(_)) => {
            let scope = Scope { step: Some(step), outputs: StepOutputsMode::Nothing, ..Scope::default() };
            let values = templates.values_read(condition, scope);
            let is_said = values.is_empty() || values == [format!("{} is false", condition.text.source)];
            if is_said {
                format!("{shown} → false")
            } else {
                format!("{shown} → false: {}", values.join(", "))
            }
        }
        Err(error) => format!("{shown} → cannot be decided: {error}"),
    }
}

/// Returns what has to end before a late condition is decided.
fn awaited(step: &Step, condition: &Condition) -> String {
    let asked = condition.text.asks.iter().filter_map(|ask| ask.step.as_deref());
    let read = condition.text.outputs.iter().map(|output| output.step.as_str());
    let mut names: Vec<&str> = Vec::new();
    for name in read.chain(asked) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    match (names.as_slice(), step.role) {
        ([], Role::Ordinary | Role::Finally | Role::Service | Role::Container) => {
            "known when the others have ended".to_owned()
        }
        ([one], _) => format!("known when {one} has ended"),
        ([all @ .., last], _) => format!("known when {} and {last} have ended", all.join(", ")),
    }
}
