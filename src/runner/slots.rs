//! The slots of steps that run at once (`-j`). A gang that waits for its next attempt gives its slots back,
//! and asks for them again when the wait is over.

use std::collections::{BTreeSet, VecDeque};

use tokio::sync::oneshot;

use crate::pipeline::StepId;

/// The slots of a run, and the steps that have one.
#[derive(Debug)]
pub(super) struct Slots {
    limit: usize,
    /// Steps that run alone: they have the terminal.
    alone: BTreeSet<StepId>,
    /// Steps admitted and not yet finished.
    admitted: BTreeSet<StepId>,
    /// Those of them that wait for their next attempt.
    resting: BTreeSet<StepId>,
    /// Gangs whose wait is over, first come first served.
    returning: VecDeque<SlotRequest>,
}

/// A gang whose wait is over.
#[derive(Debug)]
pub struct SlotRequest {
    /// Its steps that wait.
    pub steps: Vec<StepId>,
    /// Where the dispatcher answers that the gang may go on; dropped if the run ends before that.
    pub go: oneshot::Sender<()>,
}

impl Slots {
    pub(super) fn new(limit: usize, alone: BTreeSet<StepId>) -> Self {
        let (admitted, resting) = (BTreeSet::new(), BTreeSet::new());
        Self { limit, alone, admitted, resting, returning: VecDeque::new() }
    }

    /// Returns how many slots are free: none beside a step that runs alone.
    pub(super) fn free(&self) -> usize {
        if self.alone.iter().any(|step| self.admitted.contains(step) && !self.resting.contains(step)) {
            return 0;
        }
        self.limit.saturating_sub(self.admitted.len() - self.resting.len())
    }

    /// Returns whether no step has a slot.
    pub(super) fn is_idle(&self) -> bool {
        self.admitted.len() == self.resting.len()
    }

    /// Returns whether no step is admitted, not even one that waits for its next attempt.
    pub(super) fn is_deserted(&self) -> bool {
        self.admitted.is_empty()
    }

    pub(super) fn take(&mut self, steps: &[StepId]) {
        self.admitted.extend(steps);
    }

    /// Frees the slot of a step that has ended for good.
    pub(super) fn leave(&mut self, step: StepId) {
        self.admitted.remove(&step);
        self.resting.remove(&step);
    }

    /// Frees the slots of steps that wait for their next attempt.
    pub(super) fn rest(&mut self, steps: &[StepId]) {
        self.resting.extend(steps.iter().filter(|step| self.admitted.contains(step)));
    }

    pub(super) fn ask_back(&mut self, back: SlotRequest) {
        self.returning.push_back(back);
    }

    /// Lets gangs continue as far as there are slots; one that is larger than the limit, or has the terminal,
    /// continues alone, as it began. Returns whether one still waits: then no other gang may begin.
    pub(super) fn let_back(&mut self) -> bool {
        while let Some(SlotRequest { steps, .. }) = self.returning.front() {
            let still = steps.iter().filter(|step| self.resting.contains(step)).count();
            let is_alone = steps.iter().any(|step| self.alone.contains(step));
            if (is_alone || still > self.free()) && !self.is_idle() {
                return true;
            }
            let Some(SlotRequest { steps, go }) = self.returning.pop_front() else { break };
            // It may have been stopped while it waited.
            if go.send(()).is_ok() {
                self.resting.retain(|step| !steps.contains(step));
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps<const N: usize>(ids: [usize; N]) -> Vec<StepId> {
        ids.map(StepId::new).to_vec()
    }

    #[test]
    fn nothing_comes_back_beside_a_step_that_runs_alone_nor_does_that_beside_others() {
        let mut slots = Slots::new(9, steps([0]).into_iter().collect());
        let back = |slots: &mut Slots, ids: [usize; 1]| {
            let (go, gone) = oneshot::channel();
            slots.ask_back(SlotRequest { steps: steps(ids), go });
            gone
        };
        slots.take(&steps([1]));
        assert_eq!(slots.free(), 8);
        slots.rest(&steps([1]));
        slots.take(&steps([0]));
        assert_eq!((slots.free(), slots.is_idle()), (0, false));
        let mut other = back(&mut slots, [1]);
        assert!(slots.let_back() && other.try_recv().is_err(), "the terminal is taken");

        slots.rest(&steps([0]));
        assert!(!slots.let_back() && other.try_recv().is_ok());
        let mut alone = back(&mut slots, [0]);
        assert!(slots.let_back() && alone.try_recv().is_err(), "another step runs");
        slots.leave(StepId::new(1));
        assert!(!slots.let_back() && alone.try_recv().is_ok());
        assert_eq!(slots.free(), 0);
    }
}
