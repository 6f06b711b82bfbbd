//! A member of a gang: a step, and how far it has come.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::event::Circumstances;
use crate::pipeline::{Failure, NotRetried, OnError, Outcome, Outputs, Policy, StepId, TimeLimit};
use crate::runner::attempt::Attempt;
use crate::runner::end::{End, Ended};
use crate::runner::files::Artifacts;
use crate::runner::{Shutdown, retry};

/// A step of a running gang.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) step: StepId,
    pub(super) state: State,
    /// Attempts started.
    pub(super) attempts: u32,
    /// Retries charged to it.
    pub(super) retries: u32,
    /// When its first attempt started.
    pub(super) started: Option<Instant>,
    /// When its `timeout` is over.
    pub(super) deadline: Option<Instant>,
    /// The limit that ends its attempt first.
    pub(super) limit: Option<TimeLimit>,
    /// What else is known of its end.
    pub(super) circumstances: Circumstances,
    /// The member that broke the stream which it reads, or the service that it used and that has ended; it is being
    /// stopped for that.
    pub(super) tainted_by: Option<StepId>,
    /// Its process has failed, and whether a service that it uses has ended is about to be known.
    pub(super) awaits_news: bool,
    /// Something that it left behind held its output open.
    pub(super) leaky: bool,
    /// The values that its last attempt gave.
    pub(super) outputs: Arc<Outputs>,
    /// What its last attempt has left behind.
    pub(super) artifacts: Artifacts,
    /// Its end has been sent to the dispatcher, so nothing can start it again.
    pub(super) reported: bool,
}

/// How far a member has come.
#[derive(Debug)]
pub(super) enum State {
    /// It has no process; it will get one.
    Waiting,
    /// Its process runs.
    Running(Attempt),
    /// Its process has ended; what that means depends on its stream.
    Exited(Ended),
    /// Its end is known.
    Settled(Outcome, Duration),
}

/// What the end of a member's process means by itself.
pub(super) enum ExitClass {
    /// It did its work.
    Success,
    /// It wrote to a stream without a reader.
    BrokenPipe,
    /// It failed.
    Failure(Failure),
    /// It was asked to end.
    Stopped,
}

impl Member {
    /// A member that has been started so many times before.
    pub(super) fn new(step: StepId, attempts: u32) -> Self {
        Self {
            step,
            state: State::Waiting,
            attempts,
            retries: 0,
            started: None,
            deadline: None,
            limit: None,
            circumstances: Circumstances::default(),
            tainted_by: None,
            awaits_news: false,
            leaky: false,
            outputs: Arc::default(),
            artifacts: Artifacts::default(),
            reported: false,
        }
    }

    pub(super) fn is_settled(&self) -> bool {
        matches!(self.state, State::Settled(..))
    }

    pub(super) fn is_running(&self) -> bool {
        matches!(self.state, State::Running(_))
    }

    pub(super) fn outcome(&self) -> Option<&Outcome> {
        match &self.state {
            State::Settled(outcome, _) => Some(outcome),
            State::Waiting | State::Running(_) | State::Exited(_) => None,
        }
    }

    pub(super) fn succeeded(&self) -> bool {
        self.outcome().is_some_and(Outcome::is_success)
    }

    /// Whether it has failed in a way that counts, by itself or for another.
    pub(super) fn has_failed(&self) -> bool {
        self.culprit().is_some()
    }

    /// The step whose failure this member's is: its own, or that of a producer. Nothing if it has not failed.
    pub(super) fn culprit(&self) -> Option<StepId> {
        match self.outcome()? {
            Outcome::Failed(_) | Outcome::TimedOut => Some(self.step),
            Outcome::Tainted { producer } => Some(*producer),
            Outcome::Succeeded
            | Outcome::Cancelled
            | Outcome::Skipped(_)
            | Outcome::Reused
            | Outcome::LeftOut
            | Outcome::Ignored(_) => None,
        }
    }

    /// Returns what its exited process says; nothing while it runs or once it is settled.
    pub(super) fn exit_class(&self) -> Option<ExitClass> {
        let State::Exited(ended) = &self.state else { return None };
        Some(match &ended.how {
            End::Stopped => ExitClass::Stopped,
            End::TimedOut => ExitClass::Failure(Failure::Timeout),
            End::NotStarted(why) => ExitClass::Failure(Failure::Start(why.clone())),
            End::Faulty(failure) => ExitClass::Failure(failure.clone()),
            End::Exit(exit) if exit.is_broken_pipe() => ExitClass::BrokenPipe,
            End::Exit(exit) => exit.failure().map_or(ExitClass::Success, ExitClass::Failure),
        })
    }

    /// The failure that a broken pipe is, once it turns out that it was not the stream's.
    pub(super) fn exit_failure(&self) -> Failure {
        match &self.state {
            State::Exited(Ended { how: End::Exit(exit), .. }) => exit.failure().unwrap_or(Failure::Exit(0)),
            State::Waiting | State::Running(_) | State::Exited(_) | State::Settled(..) => Failure::Signal(13),
        }
    }

    /// The wait before it is tried again after this failure, unless it has no retry left or no time for it.
    pub(super) fn next_retry(&self, policy: &Policy, failure: &Failure) -> Option<Duration> {
        let delay = retry::next(policy.retry.as_ref(), self.retries, failure)?;
        let in_time = self.deadline.is_none_or(|deadline| Instant::now() + delay < deadline);
        in_time.then_some(delay)
    }

    /// Returns why it is not tried again after this failure, though it has retries left.
    fn not_retried(&self, policy: &Policy, failure: &Failure) -> Option<NotRetried> {
        let retry = policy.retry.as_ref().filter(|retry| self.retries < retry.count)?;
        match retry::next(Some(retry), self.retries, failure) {
            None => Some(NotRetried::OnExit),
            Some(_) => self.next_retry(policy, failure).is_none().then_some(NotRetried::NoTime),
        }
    }

    /// Notes what else is known of a failure that is final.
    pub(super) fn explain(&mut self, policy: &Policy, failure: &Failure) {
        let command = match &mut self.state {
            State::Exited(ended) => ended.command.take(),
            State::Waiting | State::Running(_) | State::Settled(..) => None,
        };
        let limit = self.limit.filter(|_| *failure == Failure::Timeout);
        // A step whose whole time is over has none for a retry either.
        let is_over = matches!(limit, Some(TimeLimit::Step(_)));
        self.circumstances = Circumstances {
            limit,
            not_retried: self.not_retried(policy, failure).filter(|_| !is_over),
            command: command.filter(|_| matches!(failure, Failure::Exit(_) | Failure::Signal(_))),
        };
    }

    /// Notes that an attempt begins now, with its limits.
    pub(super) fn begin(&mut self, policy: &Policy) {
        let now = Instant::now();
        self.started.get_or_insert(now);
        let left = self.deadline.map(|deadline| deadline.saturating_duration_since(now)).or(policy.timeout);
        let one = policy.retry.as_ref().and_then(|retry| retry.timeout);
        self.limit = match (policy.timeout, one) {
            (_, Some(one)) if left.is_none_or(|left| one < left) => Some(TimeLimit::Attempt(one)),
            (whole, _) => whole.map(TimeLimit::Step),
        };
    }

    /// Whether a failure of it could still start its gang again.
    pub(super) fn may_retry(&self, policy: &Policy) -> bool {
        !self.is_settled() && policy.retry.as_ref().is_some_and(|retry| self.retries < retry.count)
    }

    pub(super) fn settle(&mut self, outcome: Outcome) {
        if let State::Exited(ended) = &mut self.state {
            self.leaky |= ended.leaky;
            self.outputs = Arc::new(std::mem::take(&mut ended.outputs));
            self.artifacts = std::mem::take(&mut ended.artifacts);
        }
        if outcome != Outcome::Succeeded {
            std::mem::take(&mut self.artifacts).undo();
        }
        let duration = self.started.map_or(Duration::ZERO, |started| started.elapsed());
        self.state = State::Settled(outcome, duration);
    }

    pub(super) fn stop(&self, how: Shutdown) {
        if let State::Running(attempt) = &self.state {
            attempt.stop(how);
        }
    }

    /// Makes it ready for another attempt. Unless the retry is charged to it, its time starts again.
    pub(super) fn reset(&mut self, charged: bool) {
        if let State::Exited(ended) = &mut self.state {
            self.artifacts = std::mem::take(&mut ended.artifacts);
        }
        std::mem::take(&mut self.artifacts).undo();
        self.state = State::Waiting;
        self.tainted_by = None;
        if !charged {
            self.deadline = None;
        }
    }
}

/// Returns the outcome of a failure that is not retried.
pub fn final_outcome(policy: &Policy, failure: Failure) -> Outcome {
    match (policy.on_error, failure) {
        (OnError::Ignore, failure) => Outcome::Ignored(failure),
        (_, Failure::Timeout) => Outcome::TimedOut,
        (_, failure) => Outcome::Failed(failure),
    }
}
