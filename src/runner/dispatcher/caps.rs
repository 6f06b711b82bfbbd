//! How many steps of a group run at once.

use std::collections::{BTreeMap, BTreeSet};

use crate::pipeline::{GroupId, Pipeline, StepId};

/// The groups that have a limit of their own, and their steps that run.
#[derive(Debug, Default)]
pub(super) struct Caps {
    most: BTreeMap<GroupId, usize>,
    running: BTreeMap<GroupId, BTreeSet<StepId>>,
}

impl Caps {
    pub(super) fn of(pipeline: &Pipeline) -> Self {
        let groups = pipeline.groups.iter().enumerate();
        let most = groups.filter_map(|(index, group)| Some((GroupId::new(index), group.max_parallel?.get())));
        Self { most: most.collect(), running: BTreeMap::new() }
    }

    pub(super) fn are_none(&self) -> bool {
        self.most.is_empty()
    }

    /// Returns the groups of a step that have a limit.
    fn groups(&self, pipeline: &Pipeline, step: StepId) -> Vec<GroupId> {
        pipeline.groups_of(pipeline.step(step)).filter(|group| self.most.contains_key(group)).collect()
    }

    /// Notes steps that start.
    pub(super) fn start(&mut self, pipeline: &Pipeline, steps: &[StepId]) {
        for step in steps {
            for group in self.groups(pipeline, *step) {
                self.running.entry(group).or_default().insert(*step);
            }
        }
    }

    /// Notes a step that has ended for good.
    pub(super) fn end(&mut self, pipeline: &Pipeline, step: StepId) {
        for group in self.groups(pipeline, step) {
            self.running.entry(group).or_default().remove(&step);
        }
    }

    /// Returns whether steps that start together have to wait for others of their groups. What is too many by itself
    /// starts when none of its group runs.
    pub(super) fn hold(&self, pipeline: &Pipeline, gang: &[StepId]) -> bool {
        let mut counts: BTreeMap<GroupId, usize> = BTreeMap::new();
        for group in gang.iter().flat_map(|step| self.groups(pipeline, *step)) {
            *counts.entry(group).or_default() += 1;
        }
        counts.into_iter().any(|(group, count)| {
            let running = self.running.get(&group).map_or(0, BTreeSet::len);
            running > 0 && self.most.get(&group).is_some_and(|most| running + count > *most)
        })
    }
}
