//! Conditions of steps, asked: what they read, and what they say.

use std::collections::{BTreeMap, BTreeSet};

use super::Job;
use crate::pipeline::{BodyEnd, Pipeline, StepId, Verdict};
use crate::template::{Decided, Scope, StepOutputs, StepOutputsMode};

/// What conditions are asked in.
pub(super) struct Circumstances<'a> {
    /// The values of steps.
    pub(super) given: &'a StepOutputs,
    /// How steps and groups have ended, by name.
    pub(super) verdicts: &'a BTreeMap<String, Verdict>,
    /// How the ordinary steps have ended; for `finally` steps.
    pub(super) body: Option<&'a BodyEnd>,
}

/// Asks the condition of a step. Returns the words for it where it is false.
///
/// # Errors
/// A sentence, if it cannot be evaluated.
pub(super) fn ask(
    job: &Job,
    id: StepId,
    Circumstances { given, verdicts, body }: Circumstances<'_>,
) -> Result<Option<String>, String> {
    let step = job.pipeline.step(id);
    let Some(condition) = &step.condition else { return Ok(None) };
    let (outputs, verdicts) = (StepOutputsMode::These(given), Some(verdicts));
    let scope = Scope { step: Some(step), outputs, verdicts, body, ..Scope::default() };
    match job.templates.decide(condition, scope) {
        Ok(Decided::Holds) => Ok(None),
        Ok(Decided::Not(words)) => Ok(Some(words)),
        Err(error) => Err(error.sentence(&job.pipeline.source, &condition.text)),
    }
}

/// Returns the steps that the condition of a step reads or asks about, those of groups included.
pub(super) fn read_by(pipeline: &Pipeline, id: StepId) -> BTreeSet<StepId> {
    let Some(condition) = &pipeline.step(id).condition else { return BTreeSet::new() };
    let read = condition.text.outputs.iter().map(|read| &read.step);
    let asked = condition.text.asks.iter().filter_map(|ask| ask.step.as_ref());
    read.chain(asked).flat_map(|name| called(pipeline, id, name)).collect()
}

/// Returns the verdicts that the condition of a step asks for, by name; of what has ended.
pub(super) fn asks_of(
    pipeline: &Pipeline,
    id: StepId,
    verdict: impl Fn(StepId) -> Option<Verdict>,
) -> BTreeMap<String, Verdict> {
    let Some(condition) = &pipeline.step(id).condition else { return BTreeMap::new() };
    let asked = condition.text.asks.iter().filter_map(|ask| ask.step.as_ref());
    let answer = |name: &String| {
        let members = called(pipeline, id, name);
        let verdicts: Option<Vec<Verdict>> = members.into_iter().map(&verdict).collect();
        Some((name.clone(), Verdict::of_group(verdicts?)))
    };
    asked.filter_map(answer).collect()
}

/// Returns the step of a name, or the members of a group: first of all among the dependencies of the step that
/// asks, where they nearly always are.
fn called(pipeline: &Pipeline, asking: StepId, name: &str) -> Vec<StepId> {
    let group = |id: StepId| Some(pipeline.group(pipeline.step(id).member.as_ref()?.group));
    let is_called =
        |id: StepId| pipeline.step(id).name == name || group(id).is_some_and(|group| group.name == name);
    let mut near = pipeline.step(asking).depends_on.iter().map(|dependency| dependency.step);
    let mut all = pipeline.steps().map(|(id, _)| id);
    match near.find(|id| is_called(*id)).or_else(|| all.find(|id| is_called(*id))) {
        None => Vec::new(),
        Some(id) if pipeline.step(id).name == name => vec![id],
        Some(id) => group(id).map(|group| group.members.clone()).unwrap_or_default(),
    }
}
