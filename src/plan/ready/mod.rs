//! Which gangs may start: the part of the plan that changes during a run.

#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::decide::parts;
use super::{EdgeKind, Gang, GangId, Plan};
use crate::pipeline::{Pipeline, Role, StepId};

/// The gangs that may start, in the order in which they should. The runner reports which steps have ended and
/// how, and gets the steps that can start or never will. Every call takes time in proportion to the links
/// that it settles.
#[derive(Debug)]
pub struct ReadySet {
    steps: Vec<StepState>,
    gangs: Vec<GangState>,
    /// What runs alone first, then the longest remaining path, then the order of the file.
    ready: BinaryHeap<(bool, u32, Reverse<StepId>, GangId)>,
    waiting: usize,
    /// Whether any end of a step, and not its success alone, is what those behind it in order wait for.
    any_end: bool,
}

#[derive(Debug, Default)]
struct StepState {
    gang: usize,
    phase: Phase,
    /// Steps that must succeed before this one starts, and have not yet.
    missing: usize,
    /// Steps that depend on this one by order.
    dependents: Vec<StepId>,
    /// Steps that read from this one by a stored edge.
    stored_readers: Vec<StepId>,
    /// Steps that read from this one by a live edge.
    live_readers: Vec<StepId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Phase {
    #[default]
    Waiting,
    Started,
    Ended,
    Skipped,
}

#[derive(Debug)]
struct GangState {
    /// Producers before their readers.
    steps: Vec<StepId>,
    first: StepId,
    remaining: u32,
    /// It is one step that has the terminal.
    is_alone: bool,
    /// Steps that wait: neither started nor skipped.
    waiting: usize,
    /// The sum of their `missing`.
    missing: usize,
}

impl ReadySet {
    /// Returns the state of the ordinary steps before anything has started. `plan` must be `pipeline`'s.
    pub fn new(plan: &Plan, pipeline: &Pipeline) -> Self {
        Self::parted(plan, pipeline, |_| true)
    }

    /// As [`new`](Self::new), where some steps do not run. Such a step is a gang of its own, and keeps its
    /// place in the order: it is ready once all that it needs has succeeded, the producers of its streams
    /// included.
    pub fn parted(plan: &Plan, pipeline: &Pipeline, runs: impl Fn(StepId) -> bool) -> Self {
        Self::of_role(plan, pipeline, Role::Ordinary, runs)
    }

    /// As [`parted`](Self::parted), of the `finally` steps. Those that come after another by order start once it
    /// has ended, however it has; a reader of its stream needs its success all the same.
    pub fn finally(plan: &Plan, pipeline: &Pipeline, runs: impl Fn(StepId) -> bool) -> Self {
        Self { any_end: true, ..Self::of_role(plan, pipeline, Role::Finally, runs) }
    }

    fn of_role(plan: &Plan, pipeline: &Pipeline, role: Role, runs: impl Fn(StepId) -> bool) -> Self {
        let is_one = |step: &StepId| pipeline.step(*step).role == role;
        let mut gangs = Vec::new();
        let mut gang_of = vec![0; pipeline.steps.len()];
        let of_role = |(_, gang): &(usize, &Gang)| gang.steps.iter().all(is_one);
        for (index, gang) in plan.gangs().iter().enumerate().filter(of_role) {
            let idle = gang.steps.iter().filter(|step| !runs(**step)).map(|step| vec![*step]);
            for steps in parts(plan, pipeline, &gang.steps, &runs).into_iter().chain(idle) {
                steps.iter().for_each(|step| gang_of[step.index()] = gangs.len());
                gangs.push((steps, plan.remaining(GangId::new(index))));
            }
        }
        let steps = link(plan, pipeline, &gang_of, role, &runs);
        let state = |(gang, remaining): (Vec<StepId>, u32)| GangState {
            first: gang.iter().min().copied().unwrap_or(StepId::new(0)),
            remaining,
            is_alone: gang.iter().any(|&step| pipeline.step(step).terminal && runs(step)),
            waiting: gang.len(),
            missing: gang.iter().map(|step| steps[step.index()].missing).sum(),
            steps: gang,
        };
        let gangs: Vec<GangState> = gangs.into_iter().map(state).collect();
        let mut set = Self {
            waiting: gangs.iter().map(|gang| gang.waiting).sum(),
            steps,
            gangs,
            ready: BinaryHeap::new(),
            any_end: false,
        };
        (0..set.gangs.len()).for_each(|gang| set.queue_if_ready(gang));
        set
    }

    /// Returns the ready gang with the longest remaining path (of several, the first in the file), if it
    /// fits: if it has no more steps than are `free`, or nothing is running (`idle`), since a gang larger
    /// than the limit runs alone. A step that has the terminal always does, and comes before the others: a
    /// person is there at the start of a run. A gang at the head is not overtaken, so it starts in the end.
    /// The steps are those not skipped, producers first.
    pub fn pop(&mut self, free: usize, idle: bool) -> Option<(GangId, Vec<StepId>)> {
        let &(is_alone, _, _, id) = self.ready.peek()?;
        if (is_alone || self.gangs[id.index()].waiting > free) && !idle {
            return None;
        }
        self.ready.pop();
        let gang = &mut self.gangs[id.index()];
        let steps = &mut self.steps;
        let waits = |step: &StepId| steps[step.index()].phase == Phase::Waiting;
        let members: Vec<StepId> = gang.steps.iter().copied().filter(waits).collect();
        members.iter().for_each(|step| steps[step.index()].phase = Phase::Started);
        self.waiting -= members.len();
        gang.waiting = 0;
        Some((id, members))
    }

    /// Records that a started step has ended for good. Returns the steps that can now never run, in the order
    /// of the file, each with the step that it needed and that did not succeed; a step that needs a skipped
    /// step is skipped as well. The live readers of the step itself have started with it and are the caller's
    /// to stop. A step that has not started, or has ended before, changes nothing.
    pub fn finish(&mut self, step: StepId, success: bool) -> Vec<(StepId, StepId)> {
        if self.any_end && !success {
            return self.finish_ignored(step);
        }
        let Some((mut dependents, mut stored_readers)) = self.end(step) else { return Vec::new() };
        dependents.append(&mut stored_readers);
        if success {
            dependents.into_iter().for_each(|dependent| self.satisfy(dependent));
            return Vec::new();
        }
        self.skip_behind(step, dependents)
    }

    /// As [`finish`](Self::finish), for a failure that is ignored: steps that depend on it by order go on,
    /// but a reader of its stored stream cannot run, since the stream is incomplete.
    pub fn finish_ignored(&mut self, step: StepId) -> Vec<(StepId, StepId)> {
        let Some((dependents, stored_readers)) = self.end(step) else { return Vec::new() };
        let skipped = self.skip_behind(step, stored_readers);
        dependents.into_iter().for_each(|dependent| self.satisfy(dependent));
        skipped
    }

    /// Marks the end of a started step. Returns the steps that depend on it by order and by stored edges;
    /// each list is needed only once.
    fn end(&mut self, step: StepId) -> Option<(Vec<StepId>, Vec<StepId>)> {
        let state = self.steps.get_mut(step.index()).filter(|state| state.phase == Phase::Started)?;
        state.phase = Phase::Ended;
        Some((std::mem::take(&mut state.dependents), std::mem::take(&mut state.stored_readers)))
    }

    /// Returns whether no step waits any more. Started ones may still run.
    pub fn is_done(&self) -> bool {
        self.waiting == 0
    }

    /// Returns the steps that have neither started nor been skipped, in the order of the file.
    pub fn waiting(&self) -> Vec<StepId> {
        let waits = |(_, state): &(usize, &StepState)| state.phase == Phase::Waiting;
        self.steps.iter().enumerate().filter(waits).map(|(index, _)| StepId::new(index)).collect()
    }

    /// Ends every step that still waits: none will be popped.
    pub fn give_up(&mut self) {
        self.steps.iter_mut().filter(|step| step.phase == Phase::Waiting).for_each(|step| step.phase = Phase::Skipped);
        self.ready.clear();
        self.waiting = 0;
    }

    /// Records that one of the steps that a step waits for has succeeded.
    fn satisfy(&mut self, step: StepId) {
        let state = &mut self.steps[step.index()];
        if state.phase == Phase::Waiting {
            let gang = state.gang;
            state.missing -= 1;
            self.gangs[gang].missing -= 1;
            self.queue_if_ready(gang);
        }
    }

    /// Skips the dependents of a step that failed, and everything that needs them.
    fn skip_behind(&mut self, failed: StepId, dependents: Vec<StepId>) -> Vec<(StepId, StepId)> {
        let mut skipped: Vec<(StepId, StepId)> = Vec::new();
        let mut freed = Vec::new();
        let mut causes = VecDeque::from([(failed, dependents)]);
        while let Some((cause, needing)) = causes.pop_front() {
            for step in needing {
                let state = &mut self.steps[step.index()];
                if state.phase == Phase::Waiting {
                    state.phase = Phase::Skipped;
                    let gang = &mut self.gangs[state.gang];
                    gang.waiting -= 1;
                    gang.missing -= state.missing;
                    let mut needing = std::mem::take(&mut state.stored_readers);
                    let behind = if self.any_end { &mut freed } else { &mut needing };
                    behind.append(&mut state.dependents);
                    needing.append(&mut state.live_readers);
                    skipped.push((step, cause));
                    causes.push_back((step, needing));
                }
            }
        }
        self.waiting -= skipped.len();
        skipped.sort_unstable();
        // Only now: a skipped member may have been all that its gang waited for, but it takes its readers
        // with it.
        let mut gangs: Vec<usize> = skipped.iter().map(|(step, _)| self.steps[step.index()].gang).collect();
        gangs.sort_unstable();
        gangs.dedup();
        gangs.into_iter().for_each(|gang| self.queue_if_ready(gang));
        freed.into_iter().for_each(|step| self.satisfy(step));
        skipped
    }

    /// Queues a gang that has steps left and nothing to wait for. Called when something it waited for has
    /// come or gone, which cannot happen again after that.
    fn queue_if_ready(&mut self, index: usize) {
        let gang = &self.gangs[index];
        if gang.missing == 0 && gang.waiting > 0 {
            self.ready.push((gang.is_alone, gang.remaining, Reverse(gang.first), GangId::new(index)));
        }
    }
}

/// Returns the steps with what each waits for, and which steps wait for it.
fn link(
    plan: &Plan,
    pipeline: &Pipeline,
    gang_of: &[usize],
    role: Role,
    runs: &impl Fn(StepId) -> bool,
) -> Vec<StepState> {
    let is_one = |step: StepId| pipeline.step(step).role == role;
    let state = |(index, &gang): (usize, &usize)| {
        // A step of another role has no part in this.
        let phase = if is_one(StepId::new(index)) { Phase::Waiting } else { Phase::Ended };
        StepState { gang, phase, ..StepState::default() }
    };
    let mut steps: Vec<StepState> = gang_of.iter().enumerate().map(state).collect();
    for (id, step) in pipeline.steps().filter(|(id, _)| is_one(*id)) {
        for dependency in &step.depends_on {
            steps[dependency.step.index()].dependents.push(id);
            steps[id.index()].missing += 1;
        }
    }
    for (id, stream) in pipeline.streams() {
        let is_joined = is_one(stream.producer);
        for &reader in stream.readers.iter().filter(|reader| is_joined && is_one(**reader)) {
            let producer = &mut steps[stream.producer.index()];
            match plan.edge(id, reader) {
                EdgeKind::Live if runs(reader) => {
                    producer.live_readers.push(reader);
                    continue;
                }
                EdgeKind::Stored(_) if runs(reader) => producer.stored_readers.push(reader),
                // It gets no bytes, so that no lack of them matters to it.
                EdgeKind::Live | EdgeKind::Stored(_) => producer.dependents.push(reader),
            }
            steps[reader.index()].missing += 1;
        }
    }
    steps
}
