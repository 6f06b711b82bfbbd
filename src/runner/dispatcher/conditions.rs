//! Which steps are passed over: the conditions that are asked when a gang is ready.

use std::collections::{BTreeMap, BTreeSet};

use super::Dispatcher;
use crate::event::EventKind;
use crate::pipeline::{Outcome, Role, SkipReason, StepId, Verdict};
use crate::plan::Decisions;
use crate::runner::conditions::{self, Circumstances};

/// What is known of the conditions of a run.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    /// The steps whose conditions have still to be asked.
    open: BTreeSet<StepId>,
    /// The steps that are passed over, each with why, whether they have ended or not.
    passed: BTreeMap<StepId, SkipReason>,
    /// How steps have ended.
    ends: BTreeMap<StepId, Verdict>,
}

impl Conditions {
    pub(super) fn of(decisions: &Decisions) -> Self {
        let passed = decisions.passed_over().map(|(step, why)| (step, why.clone())).collect();
        Self { open: decisions.open.clone(), passed, ends: BTreeMap::new() }
    }

    pub(super) fn note_end(&mut self, step: StepId, outcome: &Outcome) {
        self.ends.insert(step, outcome.verdict());
    }

    pub(super) fn have_passed_any(&self) -> bool {
        !self.passed.is_empty()
    }

    /// Returns whether a step has ended, and well.
    pub(super) fn has_succeeded(&self, step: StepId) -> bool {
        self.ends.get(&step) == Some(&Verdict::Success)
    }

    /// Returns why a step is passed over, if it is.
    pub(super) fn passed(&self, step: StepId) -> Option<&SkipReason> {
        self.passed.get(&step)
    }
}

impl Dispatcher {
    /// Asks the conditions of the gang that is ready next, those that have not been asked. Returns whether there
    /// were any: another gang may be next then.
    pub(super) fn ask_conditions(&mut self) -> bool {
        if self.conditions.open.is_empty() {
            return false;
        }
        let members = self.ready.peek().unwrap_or_default();
        let mut asked = false;
        // Producers come first: their readers may go with them.
        for step in members {
            if self.conditions.open.remove(&step) {
                asked = true;
                self.ask(step);
            }
        }
        asked
    }

    /// Asks the condition of a step that waits. One that is false passes over the step; one that cannot be
    /// evaluated fails it.
    fn ask(&mut self, step: StepId) {
        let ended = |step: StepId| self.conditions.ends.get(&step).copied();
        let verdicts = conditions::asks_of(&self.job.pipeline, step, ended);
        let told = self.told();
        let circumstances =
            Circumstances { given: &self.given(&[step]), verdicts: &verdicts, body: told.as_deref() };
        match conditions::ask(&self.job, step, circumstances) {
            Ok(None) => {}
            Ok(Some(words)) => self.pass_over(step, SkipReason::Condition(words)),
            Err(why) => self.fail_unstarted(step, format!("its condition: {why}")),
        }
    }

    /// Passes over a step that waits, and those that cannot run without what it would have made.
    pub(super) fn pass_over(&mut self, step: StepId, why: SkipReason) {
        self.conditions.open.remove(&step);
        self.beside.leave(step);
        self.conditions.passed.entry(step).or_insert(why);
        for (step, needed) in self.ready.pass_over(step) {
            self.conditions.open.remove(&step);
            self.beside.leave(step);
            self.conditions.passed.insert(step, SkipReason::Without(needed));
        }
    }

    /// Returns the steps at the other ends of the streams of these that are passed over.
    pub(super) fn passed_beside(&self, steps: &[StepId]) -> BTreeSet<StepId> {
        if !self.conditions.have_passed_any() {
            return BTreeSet::new();
        }
        let pipeline = &self.job.pipeline;
        let outputs = steps.iter().filter_map(|step| pipeline.step(*step).output);
        let readers = outputs.flat_map(|port| &pipeline.stream(port.stream).readers).copied();
        let inputs = steps.iter().flat_map(|step| &pipeline.step(*step).inputs);
        let producers = inputs.map(|input| pipeline.stream(input.port.stream).producer);
        readers.chain(producers).filter(|step| self.conditions.passed(*step).is_some()).collect()
    }

    /// Warns if every step of a run that went well was passed over.
    pub(super) fn warn_if_nothing_ran(&self) {
        let is_good = !self.failed && self.error.is_none() && self.signal.is_none();
        let mut body = self.job.pipeline.steps().filter(|(_, step)| step.role == Role::Ordinary);
        if is_good && body.all(|(id, _)| self.conditions.passed(id).is_some()) {
            self.job.events.send(EventKind::Warning("nothing ran: no condition is true".to_owned()));
        }
    }
}
