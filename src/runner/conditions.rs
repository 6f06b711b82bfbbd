//! Conditions of steps, asked: what they read, and what they say.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::Job;
use crate::pipeline::{BodyEnd, Condition, Pipeline, Step, StepId, Verdict};
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

/// Asks the conditions of a step. Returns the words for the first one that is false.
///
/// # Errors
/// A sentence, if it cannot be evaluated.
pub(super) fn ask(
    job: &Job,
    id: StepId,
    Circumstances { given, verdicts, body }: Circumstances<'_>,
) -> Result<Option<String>, String> {
    let outputs = StepOutputsMode::These(given);
    for (step, condition) in job.pipeline.conditions(job.pipeline.step(id)) {
        let verdicts = names_in(&job.pipeline, step, condition, verdicts);
        let scope = Scope { step: Some(step), outputs, verdicts: Some(&verdicts), body, ..Scope::default() };
        match job.templates.decide(condition, scope) {
            Ok(Decided::Holds) => {}
            Ok(Decided::Not(words)) => return Ok(Some(words)),
            Err(error) => return Err(error.sentence(&job.pipeline.source, &condition.text)),
        }
    }
    Ok(None)
}

/// Returns the verdicts that a condition asks for, by the names that its file has for the steps.
fn names_in(
    pipeline: &Pipeline,
    step: &Step,
    condition: &Condition,
    verdicts: &BTreeMap<String, Verdict>,
) -> BTreeMap<String, Verdict> {
    let names = asked_for(condition);
    names
        .filter_map(|name| Some((name.clone(), *verdicts.get(&*pipeline.name_in(step.call, name))?)))
        .collect()
}

fn asked_for(condition: &Condition) -> impl Iterator<Item = &String> {
    condition.text.asks.iter().filter_map(|ask| ask.step.as_ref())
}

/// Returns the steps that the conditions of a step read or ask about, those of groups included.
pub(super) fn read_by(pipeline: &Pipeline, id: StepId) -> BTreeSet<StepId> {
    let mut found = BTreeSet::new();
    for (step, condition) in pipeline.conditions(pipeline.step(id)) {
        let read = pipeline.outputs_read(step.call, &condition.text).into_iter().map(|read| read.step);
        let asked = asked_for(condition).map(|name| pipeline.name_in(step.call, name));
        found.extend(read.chain(asked).flat_map(|name| called(pipeline, id, &name)));
    }
    found
}

/// Returns the verdicts that the conditions of a step ask for, by the names of the run; of what has ended.
pub(super) fn asks_of(
    pipeline: &Pipeline,
    id: StepId,
    verdict: impl Fn(StepId) -> Option<Verdict>,
) -> BTreeMap<String, Verdict> {
    let answer = |name: Cow<'_, str>| {
        let members = called(pipeline, id, &name);
        let verdicts: Option<Vec<Verdict>> = members.into_iter().map(&verdict).collect();
        Some((name.into_owned(), Verdict::of_group(verdicts?)))
    };
    let conditions = pipeline.conditions(pipeline.step(id)).into_iter();
    let asked = conditions.flat_map(|(step, condition)| {
        asked_for(condition).map(move |name| pipeline.name_in(step.call, name))
    });
    asked.filter_map(answer).collect()
}

/// Returns the step of a name, or the members of a group: first of all among the dependencies of the step that
/// asks, where they nearly always are.
fn called(pipeline: &Pipeline, asking: StepId, name: &str) -> Vec<StepId> {
    let group = |id: StepId| {
        let mut groups = pipeline.groups_of(pipeline.step(id)).map(|group| pipeline.group(group));
        groups.find(|group| group.name == name)
    };
    let is_called = |id: StepId| pipeline.step(id).name == name || group(id).is_some();
    let mut near = pipeline.step(asking).depends_on.iter().map(|dependency| dependency.step);
    let mut all = pipeline.steps().map(|(id, _)| id);
    match near.find(|id| is_called(*id)).or_else(|| all.find(|id| is_called(*id))) {
        None => Vec::new(),
        Some(id) if pipeline.step(id).name == name => vec![id],
        Some(id) => group(id).map(|group| group.members.clone()).unwrap_or_default(),
    }
}
