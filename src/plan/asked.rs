//! What was asked for, where that is not the whole pipeline: steps by name, what they need, what comes after.

use std::collections::{BTreeMap, BTreeSet};

use crate::pipeline::{Pipeline, StepId};

/// The steps that were asked for, each with why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    why: BTreeMap<StepId, String>,
    /// Those of them that were named, so that they are what this is about.
    named: BTreeSet<StepId>,
    /// Whether they run even where an earlier run has done them.
    is_forced: bool,
}

impl Asked {
    /// These and no others.
    pub fn only(steps: &BTreeSet<StepId>) -> Self {
        let why = steps.iter().map(|step| (*step, named())).collect();
        Self { why, named: steps.clone(), is_forced: true }
    }

    /// These and all that come after them.
    pub fn from(pipeline: &Pipeline, steps: &BTreeSet<StepId>) -> Self {
        let after = after(pipeline);
        let why = closure(
            steps,
            |step| &after[step.index()],
            |before| format!("it comes after `{}`", pipeline.step(before).name),
        );
        Self { why, named: BTreeSet::new(), is_forced: true }
    }

    /// These and all that they need.
    pub fn to(pipeline: &Pipeline, steps: &BTreeSet<StepId>) -> Self {
        let before: Vec<Vec<StepId>> = pipeline.steps().map(|(step, _)| needs(pipeline, step)).collect();
        let why = closure(
            steps,
            |step| &before[step.index()],
            |later| format!("`{}` needs it", pipeline.step(later).name),
        );
        Self { why, named: steps.clone(), is_forced: false }
    }

    /// What both ask for: with [`from`](Self::from) and [`to`](Self::to), what lies between.
    #[must_use]
    pub fn and(self, other: &Self) -> Self {
        let is_forced = self.is_forced || other.is_forced;
        let named = self.named.union(&other.named).copied().collect();
        let why = self.why.into_iter().filter(|(step, _)| other.why.contains_key(step)).collect();
        Self { why, named, is_forced }
    }

    /// Returns why a step was asked for, if it was.
    pub fn why(&self, step: StepId) -> Option<&str> {
        self.why.get(&step).map(String::as_str)
    }

    /// Returns whether a step was asked for by its name, and not as what comes after another.
    pub fn is_named(&self, step: StepId) -> bool {
        self.named.contains(&step) && self.why.contains_key(&step)
    }

    /// Returns whether no step was asked for.
    pub fn is_empty(&self) -> bool {
        self.why.is_empty()
    }

    /// Returns whether they run even where an earlier run has done them.
    pub fn is_forced(&self) -> bool {
        self.is_forced
    }
}

/// Returns the steps that a step needs: by order, for their values, for their streams, and those that the services which
/// it uses need.
pub fn needs(pipeline: &Pipeline, step: StepId) -> Vec<StepId> {
    let step = pipeline.step(step);
    let producers = step.inputs.iter().map(|input| pipeline.stream(input.port.stream).producer);
    let mut needs: Vec<StepId> =
        step.depends_on.iter().map(|dependency| dependency.step).chain(producers).collect();
    let mut seen = BTreeSet::new();
    let mut open: Vec<StepId> = step.usages().map(|usage| usage.step).collect();
    while let Some(service) = open.pop() {
        if !seen.insert(service) {
            continue;
        }
        let service = pipeline.step(service);
        needs.extend(service.depends_on.iter().map(|dependency| dependency.step));
        open.extend(service.usages().map(|usage| usage.step));
    }
    needs
}

/// Returns by step those that need it.
fn after(pipeline: &Pipeline) -> Vec<Vec<StepId>> {
    let mut after = vec![Vec::new(); pipeline.steps.len()];
    for (step, _) in pipeline.steps() {
        needs(pipeline, step).into_iter().for_each(|need| after[need.index()].push(step));
    }
    after
}

fn named() -> String {
    "it was asked for".to_owned()
}

/// Returns the steps that links lead to, the first ones included, each with why: `because` says it of a step
/// that was reached from another.
fn closure<'a>(
    first: &BTreeSet<StepId>,
    links: impl Fn(StepId) -> &'a Vec<StepId>,
    because: impl Fn(StepId) -> String,
) -> BTreeMap<StepId, String> {
    let mut why: BTreeMap<StepId, String> = first.iter().map(|step| (*step, named())).collect();
    let mut open: Vec<StepId> = first.iter().copied().collect();
    while let Some(step) = open.pop() {
        for &next in links(step) {
            why.entry(next).or_insert_with(|| {
                open.push(next);
                because(step)
            });
        }
    }
    why
}
