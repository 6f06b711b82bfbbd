//! Which gangs may start: the part of the plan that changes during a run.
//!
//! A step that does not run keeps its place in the order. It belongs to no gang; its place is *taken* once all
//! that the step waits for has succeeded, and then satisfies the steps that come after it. So nothing starts
//! before what it stands behind, and a failure falls through. Such a step was left out from the start
//! ([`ReadySet::parted`]), or is [passed over](ReadySet::pass_over) while it waits.

mod gather;
mod link;
#[cfg(test)]
mod passing;
mod place;
mod suspend;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::decide::parts;
use super::{Gang, GangId, Plan};
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
    /// Those of them that may not start now.
    held: Vec<(bool, u32, Reverse<StepId>, GangId)>,
    /// Steps that wait for others, their places included.
    waiting: usize,
    /// Steps that do not run and whose places were taken since the caller asked last.
    taken: Vec<StepId>,
    /// Whether any end of a step, and not its success alone, is what those behind it in order wait for.
    any_end: bool,
}

#[derive(Debug, Default)]
struct StepState {
    gang: usize,
    phase: Phase,
    /// Steps that must succeed before this one starts, and have not yet. Of one that does not run, the
    /// producers of its live streams as well.
    missing: usize,
    /// Steps that depend on this one by order.
    dependents: Vec<StepId>,
    /// Those of them that cannot run without its values.
    in_need: Vec<StepId>,
    /// Steps that read from this one by a stored edge.
    stored_readers: Vec<StepId>,
    /// Steps that read from this one by a live edge.
    live_readers: Vec<StepId>,
    /// The producers of the streams that it reads live.
    live_producers: Vec<StepId>,
    /// The producers of the streams that it gathers, by name: of each list it needs one.
    gathers: Vec<Vec<StepId>>,
    /// Of pipelines in which steps gather: what it waits for by order or from disk.
    before: Vec<StepId>,
    /// Of such pipelines: the producers of what it reads live, those that are passed over too.
    sources: Vec<StepId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Phase {
    #[default]
    Waiting,
    /// It does not run, and waits for all that its place in the order stands behind.
    Keeping,
    /// It does not run, and its place is taken.
    Taken,
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
    is_queued: bool,
}

impl ReadySet {
    /// Returns the state of the ordinary steps before anything has started. `plan` must be `pipeline`'s.
    pub fn new(plan: &Plan, pipeline: &Pipeline) -> Self {
        Self::parted(plan, pipeline, |_| true)
    }

    /// As [`new`](Self::new), where some steps do not run. Such a step keeps its place in the order: it is
    /// taken once all that the step needs has succeeded, the producers of its streams included.
    pub fn parted(plan: &Plan, pipeline: &Pipeline, runs: impl Fn(StepId) -> bool) -> Self {
        Self::of_role(plan, pipeline, Role::Ordinary, runs)
    }

    /// As [`parted`](Self::parted), of the `finally` steps. Those that come after another by order start once it
    /// has ended, however it has; a reader of its stream needs its success all the same.
    pub fn finally(plan: &Plan, pipeline: &Pipeline, runs: impl Fn(StepId) -> bool) -> Self {
        Self { any_end: true, ..Self::of_role(plan, pipeline, Role::Finally, runs) }
    }

    fn of_role(plan: &Plan, pipeline: &Pipeline, role: Role, runs: impl Fn(StepId) -> bool) -> Self {
        let of_role =
            |(_, gang): &(usize, &Gang)| gang.steps.iter().all(|step| pipeline.step(*step).role == role);
        let mut gangs = Vec::new();
        let mut gang_of = vec![0; pipeline.steps.len()];
        for (index, gang) in plan.gangs().iter().enumerate().filter(of_role) {
            for steps in parts(plan, pipeline, &gang.steps, &runs) {
                steps.iter().for_each(|step| gang_of[step.index()] = gangs.len());
                gangs.push((steps, plan.remaining(GangId::new(index))));
            }
        }
        let steps = link::link(plan, pipeline, &gang_of, role, &runs);
        let state = |(gang, remaining): (Vec<StepId>, u32)| GangState {
            first: gang.iter().min().copied().unwrap_or(StepId::new(0)),
            remaining,
            is_alone: gang.iter().any(|&step| pipeline.step(step).terminal),
            waiting: gang.len(),
            missing: gang.iter().map(|step| steps[step.index()].missing).sum(),
            is_queued: false,
            steps: gang,
        };
        let gangs: Vec<GangState> = gangs.into_iter().map(state).collect();
        let (ready, taken) = (BinaryHeap::new(), Vec::new());
        let waiting = steps.iter().filter(|step| step.phase != Phase::Ended).count();
        let mut set = Self { waiting, steps, gangs, ready, held: Vec::new(), taken, any_end: false };
        (0..set.gangs.len()).for_each(|gang| set.queue_if_ready(gang));
        let keeping = (0..set.steps.len()).filter(|step| set.steps[*step].phase == Phase::Keeping);
        let keeping: Vec<StepId> = keeping.map(StepId::new).collect();
        keeping.into_iter().for_each(|step| set.take_if_due(step));
        set
    }

    /// Returns the ready gang that would be popped next if it fits: the steps that wait, producers first.
    pub fn peek(&mut self) -> Option<Vec<StepId>> {
        let (_, gang) = self.head()?;
        Some(self.waiting_in(gang))
    }

    /// Returns the ready gang with the longest remaining path (of several, the first in the file), if it
    /// fits: if it has no more steps than are `free`, or nothing is running (`idle`), since a gang larger
    /// than the limit runs alone. A step that has the terminal always does, and comes before the others: a
    /// person is there at the start of a run. A gang at the head is not overtaken, so it starts in the end.
    /// The steps are those that wait, producers first.
    pub fn pop(&mut self, free: usize, idle: bool) -> Option<(GangId, Vec<StepId>)> {
        let (is_alone, id) = self.head()?;
        if (is_alone || self.gangs[id.index()].waiting > free) && !idle {
            return None;
        }
        self.ready.pop();
        let members = self.waiting_in(id);
        members.iter().for_each(|step| self.steps[step.index()].phase = Phase::Started);
        self.waiting -= members.len();
        self.gangs[id.index()].waiting = 0;
        Some((id, members))
    }

    /// Returns the gang at the head of the queue, and whether it runs alone.
    fn head(&mut self) -> Option<(bool, GangId)> {
        loop {
            let &(is_alone, _, _, id) = self.ready.peek()?;
            let gang = &mut self.gangs[id.index()];
            if gang.waiting > 0 && gang.missing == 0 {
                return Some((is_alone, id));
            }
            // All of its members were passed over, or one of them has to wait for the place of such a step.
            gang.is_queued = false;
            self.ready.pop();
        }
    }

    /// Sets ready gangs aside, as long as the one at the head may not start: others may. `is_held` is told the steps that
    /// wait.
    pub fn hold(&mut self, is_held: impl Fn(&[StepId]) -> bool) {
        while let Some((_, id)) = self.head()
            && is_held(&self.waiting_in(id))
        {
            self.held.extend(self.ready.pop());
        }
    }

    /// Puts the gangs that were set aside back into their places.
    pub fn release_held(&mut self) {
        self.ready.extend(self.held.drain(..));
    }

    fn waiting_in(&self, gang: GangId) -> Vec<StepId> {
        let waits = |step: &StepId| self.steps[step.index()].phase == Phase::Waiting;
        self.gangs[gang.index()].steps.iter().copied().filter(waits).collect()
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
            self.release(dependents);
            return Vec::new();
        }
        self.skip_behind(step, dependents)
    }

    /// As [`finish`](Self::finish), for a failure that is ignored: steps that depend on it by order go on,
    /// but a reader of its stored stream cannot run, since the stream is incomplete.
    pub fn finish_ignored(&mut self, step: StepId) -> Vec<(StepId, StepId)> {
        let Some((dependents, stored_readers)) = self.end(step) else { return Vec::new() };
        let skipped = self.skip_behind(step, stored_readers);
        self.release(dependents);
        skipped
    }

    /// Skips steps that wait: what they use is not there. Returns them and all that can now never run, in the order
    /// of the file, each with the step that it needed. Steps that do not wait change nothing.
    pub fn skip(&mut self, steps: Vec<StepId>, because: StepId) -> Vec<(StepId, StepId)> {
        let waiting = steps.into_iter().filter(|step| self.is_waiting(*step)).collect();
        self.skip_behind(because, waiting)
    }

    /// Returns whether a step waits to be started.
    pub fn is_waiting(&self, step: StepId) -> bool {
        self.steps[step.index()].phase == Phase::Waiting
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

    /// Returns the steps that have neither started nor ended, in the order of the file.
    pub fn waiting(&self) -> Vec<StepId> {
        let waits = |(_, state): &(usize, &StepState)| matches!(state.phase, Phase::Waiting | Phase::Keeping);
        self.steps.iter().enumerate().filter(waits).map(|(index, _)| StepId::new(index)).collect()
    }

    fn release(&mut self, dependents: Vec<StepId>) {
        for step in dependents {
            if self.satisfy(step) {
                self.take_if_due(step);
            }
        }
    }

    /// Records that one of the steps that a step waits for has succeeded. Returns whether a place in the
    /// order may be taken for it.
    fn satisfy(&mut self, step: StepId) -> bool {
        let state = &mut self.steps[step.index()];
        match state.phase {
            Phase::Waiting => {
                let gang = state.gang;
                state.missing -= 1;
                self.gangs[gang].missing -= 1;
                self.queue_if_ready(gang);
                false
            }
            Phase::Keeping => {
                state.missing -= 1;
                state.missing == 0
            }
            Phase::Taken | Phase::Started | Phase::Ended | Phase::Skipped => false,
        }
    }

    /// Skips the dependents of a step that failed, and everything that needs them.
    fn skip_behind(&mut self, failed: StepId, dependents: Vec<StepId>) -> Vec<(StepId, StepId)> {
        let mut skipped: Vec<(StepId, StepId)> = Vec::new();
        let (mut gangs, mut released) = (Vec::new(), Vec::new());
        let mut causes = VecDeque::from([(failed, dependents)]);
        while let Some((cause, needing)) = causes.pop_front() {
            for step in needing {
                let state = &mut self.steps[step.index()];
                let was = state.phase;
                if matches!(was, Phase::Waiting | Phase::Keeping) {
                    state.phase = Phase::Skipped;
                    let (gang, missing) = (state.gang, state.missing);
                    let mut needing = std::mem::take(&mut state.stored_readers);
                    let behind = if self.any_end { &mut released } else { &mut needing };
                    behind.append(&mut state.dependents);
                    needing.append(&mut state.live_readers);
                    if was == Phase::Waiting {
                        gangs.push(gang);
                        self.leave_gang(gang, missing);
                    }
                    skipped.push((step, cause));
                    causes.push_back((step, needing));
                }
            }
        }
        self.waiting -= skipped.len();
        skipped.sort_unstable();
        // Only now: a skipped member may have been all that its gang waited for, but it takes its readers
        // with it.
        gangs.into_iter().for_each(|gang| self.queue_if_ready(gang));
        self.release(released);
        skipped
    }

    /// Queues a gang that has steps left and nothing to wait for. Called when something it waited for has
    /// come or gone, which cannot happen again after that.
    fn queue_if_ready(&mut self, index: usize) {
        let gang = &mut self.gangs[index];
        if gang.missing == 0 && gang.waiting > 0 && !gang.is_queued {
            gang.is_queued = true;
            self.ready.push((gang.is_alone, gang.remaining, Reverse(gang.first), GangId::new(index)));
        }
    }
}
