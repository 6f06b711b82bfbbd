//! Values of steps that are left out: which texts of a run need one that no earlier run has.

use std::collections::BTreeMap;

use super::Past;
use crate::pipeline::{OutputRead, Pipeline, StepId, Template};
use crate::plan::{Decision, Decisions};
use crate::template::{Scope, StepOutputs, StepOutputsMode, TemplateRenderer};

/// A value that a step needs and will not get.
#[derive(Debug)]
pub struct MissingValue<'a> {
    /// The step that needs it.
    pub step: StepId,
    /// The text that reads it.
    pub text: &'a Template,
    /// Of which step, and where in the text.
    pub read: OutputRead<'a>,
}

/// Returns what the steps that run need of steps that are left out, and no earlier run has.
pub fn missing_values<'a>(
    pipeline: &'a Pipeline,
    templates: &TemplateRenderer,
    past: &Past,
    decisions: &Decisions,
) -> Vec<MissingValue<'a>> {
    let given = of_left_out(pipeline, past, decisions);
    let running = pipeline.steps().filter(|(id, _)| decisions.runs(*id));
    let missing = running.flat_map(|(id, step)| {
        let given = &given;
        step.templates().filter_map(move |text| {
            let scope =
                Scope { step: Some(step), outputs: StepOutputsMode::Partly(given), ..Scope::default() };
            let read = lacks(pipeline, templates, text, scope, given)?;
            Some(MissingValue { step: id, text, read })
        })
    });
    missing.collect()
}

/// Returns the outputs of the run that cannot be made, each with the step that it lacks.
pub fn outputs_left_out(
    pipeline: &Pipeline,
    templates: &TemplateRenderer,
    past: &Past,
    decisions: &Decisions,
) -> BTreeMap<String, String> {
    let given = of_left_out(pipeline, past, decisions);
    let scope = Scope { outputs: StepOutputsMode::Partly(&given), ..Scope::default() };
    let lack = |text| lacks(pipeline, templates, text, scope, &given).map(|read| read.step.into_owned());
    pipeline.outputs.iter().filter_map(|output| Some((output.name.clone(), lack(&output.value)?))).collect()
}

/// Returns the values of the steps that are left out.
fn of_left_out(pipeline: &Pipeline, past: &Past, decisions: &Decisions) -> StepOutputs {
    let left_out = pipeline.steps().filter(|(id, _)| *decisions.of(*id) == Decision::LeftOut);
    let values =
        |name: &String| past.values.get(name).map(|values| values.outputs.clone()).unwrap_or_default();
    left_out.map(|(_, step)| (step.name.clone(), values(&step.name))).collect()
}

/// Returns the value of `given` steps for want of which a text cannot be rendered.
fn lacks<'a>(
    pipeline: &'a Pipeline,
    templates: &TemplateRenderer,
    text: &'a Template,
    scope: Scope<'_>,
    given: &StepOutputs,
) -> Option<OutputRead<'a>> {
    let is_missing = |read: &OutputRead<'_>| match (given.get(&*read.step), &read.key) {
        (Some(outputs), Some(key)) => !outputs.contains_key(*key),
        (Some(_), None) | (None, _) => false,
    };
    if text.outputs.is_empty() {
        return None;
    }
    let mut missing = pipeline.outputs_read(scope.step.and_then(|step| step.call), text);
    missing.retain(is_missing);
    if missing.is_empty() {
        return None;
    }
    let error = templates.render(text, scope).err()?;
    let is_here = |read: &OutputRead<'_>| {
        read.place.range.start < error.range.end && error.range.start < read.place.range.end
    };
    missing.into_iter().find(is_here)
}
