//! Masks events: every text that a step, a template or a file's name may have made. Every field is named
//! here, so that a new one has to be decided on.

use std::sync::Arc;

use super::Masker;
use crate::event::{
    Circumstances, EventKind, KeptFile, PhaseStarted, RunEnd, RunFinished, StepFinished, StreamFinished,
};
use crate::pipeline::{Artifact, Failure, Outcome, SkipReason};

impl Masker {
    /// Masks an event.
    pub(in crate::event) fn event(&self, kind: EventKind) -> EventKind {
        if self.patterns.is_none() {
            return kind;
        }
        match kind {
            EventKind::StepOutput { step, channel, bytes } => {
                EventKind::StepOutput { step, channel, bytes: self.bytes(&bytes).into() }
            }
            EventKind::StepLine { step, bytes } => {
                EventKind::StepLine { step, bytes: self.bytes(&bytes).into() }
            }
            EventKind::StepRetrying { step, attempt, failure, delay, restarting } => {
                let failure = self.failure(failure);
                EventKind::StepRetrying { step, attempt, failure, delay, restarting }
            }
            EventKind::StepFinished(finished) => EventKind::StepFinished(self.step_finished(finished)),
            EventKind::StreamFinished(finished) => EventKind::StreamFinished(self.stream_finished(finished)),
            EventKind::PhaseStarted(PhaseStarted { steps, outcome, cause }) => {
                EventKind::PhaseStarted(PhaseStarted { steps, outcome, cause: self.text(&cause) })
            }
            EventKind::Warning(message) => EventKind::Warning(self.text(&message)),
            EventKind::Note(message) => EventKind::Note(self.text(&message)),
            EventKind::RunFinished(RunFinished { end, duration, outputs }) => {
                let outputs = outputs.into_iter().map(|(name, value)| (name, self.text(&value))).collect();
                EventKind::RunFinished(RunFinished { end: self.end(end), duration, outputs })
            }
            // They have no text from a step: the pipeline as the file has it, numbers, and times.
            EventKind::RunStarted(_)
            | EventKind::StepStarted { step: _, attempt: _, lane: _, starting: _ }
            | EventKind::ServiceReady { step: _, after: _ }
            | EventKind::StreamProgress(_)
            | EventKind::Cancelling { reason: _, now: _, grace: _ } => kind,
        }
    }

    fn step_finished(&self, finished: StepFinished) -> StepFinished {
        let StepFinished {
            step,
            outcome,
            attempts,
            duration,
            leaky,
            outputs,
            products,
            fingerprint,
            circumstances,
        } = finished;
        let Circumstances { limit, not_retried, command } = circumstances;
        let command = command.map(|command| self.text(&command));
        let outputs = outputs.iter().map(|(key, value)| (self.text(key), self.text(value))).collect();
        let product = |Artifact { path, bytes, sha256, unchanged }| Artifact {
            path: self.text(&path),
            bytes,
            sha256,
            unchanged,
        };
        StepFinished {
            step,
            outcome: self.outcome(outcome),
            attempts,
            duration,
            leaky,
            outputs: Arc::new(outputs),
            products: products.into_iter().map(product).collect(),
            // Keyed hashes.
            fingerprint,
            circumstances: Circumstances { limit, not_retried, command },
        }
    }

    fn stream_finished(&self, finished: StreamFinished) -> StreamFinished {
        let StreamFinished { stats, complete, unread, kept, sha256, backend, discarded } = finished;
        let kept = kept.map(|KeptFile { path, bytes, sha256 }| {
            let masked = self.text(&path.to_string_lossy());
            let path = if path.to_string_lossy() == masked { path } else { masked.into() };
            KeptFile { path, bytes, sha256 }
        });
        StreamFinished { stats, complete, unread, kept, sha256, backend, discarded }
    }

    fn outcome(&self, outcome: Outcome) -> Outcome {
        match outcome {
            Outcome::Failed(failure) => Outcome::Failed(self.failure(failure)),
            Outcome::Ignored(failure) => Outcome::Ignored(self.failure(failure)),
            Outcome::Skipped(why) => Outcome::Skipped(self.skipped(why)),
            Outcome::Succeeded
            | Outcome::TimedOut
            | Outcome::Tainted { producer: _ }
            | Outcome::Cancelled
            | Outcome::Reused
            | Outcome::LeftOut => outcome,
        }
    }

    fn skipped(&self, why: SkipReason) -> SkipReason {
        match why {
            SkipReason::Condition(words) => SkipReason::Condition(self.text(&words)),
            SkipReason::Dependency(_) | SkipReason::Stopped | SkipReason::Without(_) => why,
        }
    }

    fn failure(&self, failure: Failure) -> Failure {
        match failure {
            Failure::Start(why) => Failure::Start(self.text(&why)),
            Failure::Outputs(why) => Failure::Outputs(self.text(&why)),
            Failure::Missing(why) => Failure::Missing(self.text(&why)),
            Failure::NotReady(why) => Failure::NotReady(self.text(&why)),
            Failure::Exit(_)
            | Failure::BrokenPipe(_)
            | Failure::Signal(_)
            | Failure::OutOfMemory
            | Failure::Timeout
            | Failure::LeftEarly
            | Failure::EndedEarly => failure,
        }
    }

    fn end(&self, end: RunEnd) -> RunEnd {
        match end {
            RunEnd::NoOutput(why) => RunEnd::NoOutput(self.text(&why)),
            RunEnd::Aborted(why) => RunEnd::Aborted(self.text(&why)),
            RunEnd::Succeeded | RunEnd::Failed { cause: _ } | RunEnd::TimedOut(_) | RunEnd::Signalled(_) => {
                end
            }
        }
    }
}
