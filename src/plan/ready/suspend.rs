//! Gangs that are ready and fit, and wait for something outside of the run: an answer, a name.

use super::{Phase, ReadySet};
use crate::pipeline::StepId;
use crate::plan::GangId;

impl ReadySet {
    /// Takes back the start of a gang that was popped: its steps wait again, and others are popped in its
    /// place, until it is [queued again](Self::queue_again). Its members may be passed over in between.
    pub fn suspend(&mut self, gang: GangId, steps: &[StepId]) {
        steps.iter().for_each(|step| self.steps[step.index()].phase = Phase::Waiting);
        self.waiting += steps.len();
        // It still counts as queued, so that nothing else queues it.
        self.gangs[gang.index()].waiting = steps.len();
    }

    /// Puts a gang that was held back at its place in the queue; nothing if none of its members is left.
    pub fn queue_again(&mut self, gang: GangId) {
        let state = &mut self.gangs[gang.index()];
        state.is_queued = false;
        self.queue_if_ready(gang.index());
    }
}
