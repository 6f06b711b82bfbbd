//! Conditions before anything runs: how they are shown, and what is known of them.

use super::load::Loaded;
use crate::pipeline::{Condition, Pipeline, Role, Step, StepId, Template, passed_over_with};
use crate::render::one_line;
use crate::template::{Decided, Scope, StepOutputsMode, TemplateError, TemplateRenderer};

/// The most columns of a condition that are shown.
const LONGEST: usize = 80;

/// What is known of the conditions of a pipeline.
pub(super) struct Foreseen {
    /// By step: the words for an early condition that is false.
    falses: Vec<Option<String>>,
    /// By step: the one that it is passed over with.
    with: Vec<Option<StepId>>,
}

impl Foreseen {
    /// Decides the early conditions of the steps that run. The error has the text that cannot be decided.
    pub(super) fn of(
        pipeline: &Pipeline,
        templates: &TemplateRenderer,
        runs: impl Fn(StepId) -> bool,
    ) -> Result<Self, (Template, TemplateError)> {
        let mut falses = vec![None; pipeline.steps.len()];
        for (id, step) in pipeline.steps().filter(|(id, _)| runs(*id)) {
            if let Some(condition) = step.condition.as_ref().filter(|condition| condition.is_early) {
                let decided = decide(templates, step, condition);
                falses[id.index()] = match decided.map_err(|error| (condition.text.clone(), error))? {
                    Decided::Holds => None,
                    Decided::Not(words) => Some(words),
                };
            }
        }
        let is_false = |id: StepId| falses[id.index()].is_some();
        let with = passed_over_with(&pipeline.steps, &pipeline.streams, is_false);
        Ok(Self { falses, with })
    }

    /// Returns why a step is going to be passed over, in words.
    pub(super) fn passed_over(&self, loaded: &Loaded, step: StepId) -> Option<String> {
        let with = (*self.with.get(step.index())?)?;
        match self.falses.get(step.index())? {
            Some(words) => Some(words.clone()),
            None => {
                let name = &loaded.pipeline.step(with).name;
                Some(format!("needs what `{name}` makes, which is passed over"))
            }
        }
    }
}

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
    match line.char_indices().nth(LONGEST) {
        None => format!("if {line}"),
        Some(_) => format!("if {}…", line.chars().take(LONGEST - 1).collect::<String>()),
    }
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
        ([], Role::Ordinary | Role::Finally) => "known when the others have ended".to_owned(),
        ([one], _) => format!("known when {one} has ended"),
        ([all @ .., last], _) => format!("known when {} and {last} have ended", all.join(", ")),
    }
}
