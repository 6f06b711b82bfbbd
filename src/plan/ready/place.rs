//! Places in the order: what becomes of a step that waits, and will not run.

use std::collections::VecDeque;

use super::{Phase, ReadySet, StepState};
use crate::pipeline::StepId;

impl ReadySet {
    /// Passes over a step that waits. It leaves its gang, and keeps its place in the order, which is taken
    /// once its dependencies and the producers of what it reads have ended well; if one of them fails, the
    /// step is skipped because of that like any other. The steps that need its stream or its values are
    /// passed over with it, at once: returns them, each with the step that it needed. A step that does not
    /// wait changes nothing.
    pub fn pass_over(&mut self, step: StepId) -> Vec<(StepId, StepId)> {
        let mut without = Vec::new();
        if !self.keep_place(step) {
            return without;
        }
        let mut passed = VecDeque::from([step]);
        while let Some(step) = passed.pop_front() {
            for needing in self.in_need_of(step) {
                if !self.can_do_without(needing, step) && self.keep_place(needing) {
                    without.push((needing, step));
                    passed.push_back(needing);
                }
            }
        }
        self.take_if_due(step);
        without.iter().for_each(|(step, _)| self.take_if_due(*step));
        without
    }

    /// Returns the steps that cannot run without what a step would have made.
    fn in_need_of(&self, step: StepId) -> Vec<StepId> {
        let StepState { in_need, stored_readers, live_readers, .. } = &self.steps[step.index()];
        in_need.iter().chain(stored_readers).chain(live_readers).copied().collect()
    }

    /// Takes a waiting step out of its gang; its place in the order stays. Returns whether it waited.
    fn keep_place(&mut self, step: StepId) -> bool {
        let state = &mut self.steps[step.index()];
        if state.phase != Phase::Waiting {
            return false;
        }
        state.phase = Phase::Keeping;
        let (gang, missing) = (state.gang, state.missing);
        // What it would have read live it now stands behind.
        let producers = std::mem::take(&mut state.live_producers);
        state.missing += producers.len();
        for producer in producers {
            self.steps[producer.index()].dependents.push(step);
        }
        self.leave_gang(gang, missing);
        self.queue_if_ready(gang);
        true
    }

    pub(super) fn leave_gang(&mut self, gang: usize, missing: usize) {
        self.gangs[gang].waiting -= 1;
        self.gangs[gang].missing -= missing;
    }

    /// Takes a place in the order, if nothing is missing before it, and all that come after it and can be
    /// taken then.
    pub(super) fn take_if_due(&mut self, step: StepId) {
        let mut due = vec![step];
        while let Some(step) = due.pop() {
            let state = &mut self.steps[step.index()];
            if state.phase != Phase::Keeping || state.missing > 0 {
                continue;
            }
            state.phase = Phase::Taken;
            self.waiting -= 1;
            self.taken.push(step);
            let mut after = std::mem::take(&mut state.dependents);
            after.append(&mut state.stored_readers);
            due.extend(after.into_iter().filter(|step| self.satisfy(*step)));
        }
    }

    /// Returns the steps that do not run and whose places were taken since the last call: they have ended
    /// now. Each comes after all that it stands behind.
    pub fn take_passed(&mut self) -> Vec<StepId> {
        std::mem::take(&mut self.taken)
    }

    /// Lets a waiting step fail before it starts: it leaves its gang, and counts as started until
    /// [`finish`](Self::finish) tells its end. Its live readers do not start with it.
    pub fn withdraw(&mut self, step: StepId) {
        let state = &mut self.steps[step.index()];
        if state.phase != Phase::Waiting {
            return;
        }
        state.phase = Phase::Started;
        let mut live_readers = std::mem::take(&mut state.live_readers);
        let (gang, missing) = (state.gang, state.missing);
        // One that is passed over gets no bytes, so that no lack of them matters to it.
        live_readers.retain(|reader| self.steps[reader.index()].phase == Phase::Waiting);
        self.steps[step.index()].stored_readers.append(&mut live_readers);
        self.waiting -= 1;
        self.leave_gang(gang, missing);
        self.queue_if_ready(gang);
    }
}
