//! What a gang reports: the ends of its members, and the events about its streams.

use std::sync::Arc;

use super::Gang;
use super::member::{Member, State};
use super::restart::Restart;
use crate::event::{EventKind, StepFinished};
use crate::pipeline::Outcome;
use crate::runner::{GangMessage, Shutdown};

impl Gang {
    /// Reports the members whose outcome nothing can change any more. A failure is reported at once, any
    /// other outcome only when no restart of the gang can undo it.
    pub(super) fn report(&mut self) {
        let policy = |member: &Member| &self.job.pipeline.step(member.step).policy;
        let undoable = self.halt == Shutdown::None
            && (self.restart != Restart::No
                || self.members.iter().any(|member| member.may_retry(policy(member))));
        let mut ends = Vec::new();
        for index in 0..self.members.len() {
            let member = &self.members[index];
            let State::Settled(outcome, duration) = &member.state else { continue };
            // A producer cancelled because its readers failed restarts with them.
            if member.reported || (undoable && !member.has_failed()) {
                continue;
            }
            let (mut outcome, duration) = (outcome.clone(), *duration);
            if outcome == Outcome::Succeeded
                && let Err(error) = self.streams.commit(index)
            {
                self.site_failed(error);
                outcome = Outcome::Cancelled;
                std::mem::take(&mut self.members[index].artifacts).undo();
            }
            let member = &mut self.members[index];
            // Its artifacts are whole: the reaper must not remove them any more.
            member.artifacts.declared = None;
            member.reported = true;
            let (step, attempts, leaky) = (member.step, member.attempts, member.leaky);
            let outputs = Arc::clone(&member.outputs);
            let circumstances = std::mem::take(&mut member.circumstances);
            let products = std::mem::take(&mut member.artifacts.products);
            let fingerprint = std::mem::take(&mut member.artifacts.fingerprint);
            ends.push(StepFinished {
                step,
                outcome,
                attempts,
                duration,
                leaky,
                outputs,
                products,
                fingerprint,
                circumstances,
            });
        }
        if !ends.is_empty() {
            // Before the ends: the last of them may end the run, and this event is part of the run.
            self.send_finished_streams();
        }
        for end in ends {
            let _ = self.dispatcher.send(GangMessage::Finished(end));
        }
    }

    /// Sends the events about streams whose producer and readers have all been reported.
    fn send_finished_streams(&mut self) {
        for finished in self.streams.take_finished(&self.job, &self.members) {
            self.job.events.send(EventKind::StreamFinished(finished));
        }
    }

    pub(super) fn send_progress(&mut self) {
        let stats = self.streams.progress(&self.members);
        self.job.events.send(EventKind::StreamProgress(stats));
    }
}
