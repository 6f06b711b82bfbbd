//! What the end of a step means for the others.

use std::sync::Arc;

use super::{Dispatcher, Phase};
use crate::event::{CancelReason, EventKind, StepFinished};
use crate::pipeline::{Failure, OnError, Outcome, Role, SkipReason, StepId};
use crate::runner::Shutdown;
use crate::runner::gang::final_outcome;

impl Dispatcher {
    /// Takes the end of a step: frees its slot, keeps its values, and decides about the steps that wait for
    /// it and about the run.
    pub(super) fn finished(&mut self, mut finished: StepFinished) {
        let step = finished.step;
        finished.outcome = self.as_seen(step, finished.outcome);
        let outcome = finished.outcome.clone();
        self.slots.leave(step);
        self.gate.leave(step);
        self.caps.end(&self.job.pipeline, step);
        if outcome.is_success() && !finished.outputs.is_empty() {
            self.outputs.insert(step, Arc::clone(&finished.outputs));
        }
        self.job.events.send(EventKind::StepFinished(finished));
        self.note_end(step, &outcome);
        self.failed |= outcome.spoils();
        // The failure of a service is the cause of what becomes of its users.
        if self.job.pipeline.step(step).role.is_beside() {
            self.blame(step, &outcome, false);
            self.service_ended(step, &outcome);
        }
        let never = match outcome {
            Outcome::Ignored(_) => self.ready.finish_ignored(step),
            Outcome::Succeeded
            | Outcome::Failed(_)
            | Outcome::TimedOut
            | Outcome::Tainted { .. }
            | Outcome::Cancelled
            | Outcome::Skipped(_)
            | Outcome::Reused
            | Outcome::LeftOut => self.ready.finish(step, outcome.is_success()),
        };
        self.blame(step, &outcome, !never.is_empty());
        for (skipped, because) in never {
            // A step that waited for a cancelled one was stopped by the same cause.
            let is_cancelled = outcome == Outcome::Cancelled;
            self.skip(
                skipped,
                if is_cancelled { SkipReason::Stopped } else { SkipReason::Dependency(because) },
            );
        }
        self.tell_services(step, &outcome);
        let is_body = match self.job.pipeline.step(step).role {
            Role::Ordinary => true,
            Role::Finally => false,
            Role::Service | Role::Container => self.phases.current == Phase::Body,
        };
        if is_body && self.stops_the_run(step, &outcome) {
            let culprit = if let Outcome::Tainted { producer } = outcome { producer } else { step };
            self.stop(CancelReason::StepFailed(culprit), Shutdown::Graceful);
        }
    }

    /// Returns whether the run ends for this. What becomes of the others follows the policy of the step that
    /// failed by itself. A tainted one follows its producer, unless that failure is ignored: nothing says to
    /// ignore the reader's.
    fn stops_the_run(&self, step: StepId, outcome: &Outcome) -> bool {
        let policy = |step: StepId| self.job.pipeline.step(step).policy.on_error;
        match outcome {
            Outcome::Failed(_) | Outcome::TimedOut => policy(step) == OnError::Stop,
            Outcome::Tainted { producer } => match policy(*producer) {
                OnError::Ignore => policy(step) == OnError::Stop,
                OnError::Stop => true,
                OnError::Continue => false,
            },
            Outcome::Succeeded
            | Outcome::Cancelled
            | Outcome::Skipped(_)
            | Outcome::Ignored(_)
            | Outcome::Reused
            | Outcome::LeftOut => false,
        }
    }

    /// Lets a step that waits fail before its first attempt.
    pub(super) fn fail_unstarted(&mut self, step: StepId, why: String) {
        self.ready.withdraw(step);
        let outcome = final_outcome(&self.job.pipeline.step(step).policy, Failure::Start(why));
        self.finished(StepFinished::unrun(step, outcome));
    }

    /// Notes the first step to blame for the end of another.
    fn blame(&mut self, step: StepId, outcome: &Outcome, others_cannot_run: bool) {
        if let Some(culprit) = culprit(step, outcome, others_cannot_run) {
            self.cause.get_or_insert(culprit);
        }
    }

    /// Ends a step that will not run, since something went wrong.
    pub(super) fn skip(&mut self, step: StepId, why: SkipReason) {
        self.failed = true;
        let outcome = Outcome::Skipped(why);
        self.note_end(step, &outcome);
        self.job.events.send(EventKind::StepFinished(StepFinished::unrun(step, outcome.clone())));
        self.tell_services(step, &outcome);
    }

    /// Ends all steps that still wait: the run is over.
    pub(super) fn skip_the_rest(&mut self) {
        // Those that are passed over, and wait for nothing, end so.
        self.end_places();
        for step in self.ready.waiting() {
            self.skip(step, SkipReason::Stopped);
        }
    }
}

/// The step to blame for an end, if it is a failure. An ignored failure is one only for the steps that needed
/// the stream and now cannot run.
fn culprit(step: StepId, outcome: &Outcome, others_cannot_run: bool) -> Option<StepId> {
    match outcome {
        Outcome::Failed(_) | Outcome::TimedOut => Some(step),
        Outcome::Ignored(_) => others_cannot_run.then_some(step),
        Outcome::Tainted { producer } => Some(*producer),
        Outcome::Succeeded
        | Outcome::Cancelled
        | Outcome::Skipped(_)
        | Outcome::Reused
        | Outcome::LeftOut => None,
    }
}
