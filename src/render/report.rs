//! The state of a run, folded from its events.

mod tail;
mod tally;

use std::collections::{BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use super::drawings::Drawing;
pub use tail::LogTail;
pub use tally::Tally;

use crate::event::{
    CancelReason, Circumstances, Event, EventKind, PhaseStarted, RunEnd, RunFinished, RunStarted,
    StepFinished, StreamFinished, StreamStats,
};
use crate::pipeline::{Artifact, Failure, Lane, Outcome, Pipeline, Role, SkipReason, Step, StepId, StreamId};

/// The state of a run. The summary and the live view are drawn from it.
#[derive(Debug)]
pub struct Report {
    /// The run's id.
    pub run: String,
    /// What commands call it: `last`, unless it is an older one.
    pub called: String,
    /// The run directory.
    pub dir: Option<PathBuf>,
    /// What runs.
    pub pipeline: Arc<Pipeline>,
    /// By `StepId`.
    pub steps: Vec<StepReport>,
    /// By `StreamId`.
    pub streams: Vec<StreamReport>,
    /// Running steps, in the order of the file.
    pub running: BTreeSet<StepId>,
    /// How many steps are in which state.
    pub tally: Tally,
    /// Steps that failed by themselves, in the order in which they did.
    pub failures: Vec<StepId>,
    /// Why the run was stopped early; of several reasons the first.
    pub stopped: Option<CancelReason>,
    /// Since when and how steps are being stopped; the latest, which is the hardest.
    pub stopping: Option<Stopping>,
    /// The phase of the `finally` steps, once it has begun.
    pub phase: Option<PhaseStarted>,
    /// How the run ended.
    pub end: Option<RunFinished>,
}

/// What is known of a step.
#[derive(Debug, Default)]
pub struct StepReport {
    /// Its state.
    pub state: StepState,
    /// The attempt that runs or ran last; 0 before the first.
    pub attempt: u32,
    /// Whether any attempt got so far as to run.
    pub ran: bool,
    /// How the bytes of the last attempt travel, if it runs in a container.
    pub lane: Option<Lane>,
    /// Of what goes on beside the steps: how long its attempt took to get ready.
    pub ready: Option<Duration>,
    /// When it got ready, since the run started.
    pub ready_at: Option<Duration>,
    /// How long it was there for the steps, once it has ended.
    pub up: Duration,
    /// How long the starts of its attempts took together; its time includes it.
    pub starting: Duration,
    /// What else is known of its end.
    pub circumstances: Circumstances,
    /// Whether a process that it left behind held its output open.
    pub leaky: bool,
    /// The files that it declares with `produces`.
    pub products: Vec<Artifact>,
    /// The end of what the last attempt wrote; emptied when the step succeeds.
    pub log: LogTail,
    /// The progress bar that it is drawing.
    pub drawing: Drawing,
}

/// The state of a step. Times are since the run started.
#[derive(Debug, Default)]
pub enum StepState {
    /// Not started.
    #[default]
    Waiting,
    /// Under way.
    Running {
        /// When its first attempt started.
        since: Duration,
    },
    /// Between two attempts.
    Retrying {
        /// When its first attempt started.
        since: Duration,
        /// When the next attempt starts.
        until: Duration,
        /// Its own failure, or none where another step of its gang failed.
        failure: Option<Failure>,
    },
    /// Ended for good.
    Finished {
        /// How.
        outcome: Outcome,
        /// From its first start to its end.
        duration: Duration,
    },
}

/// What is known of a stream.
#[derive(Debug, Default)]
pub struct StreamReport {
    /// The latest counters, once there are some.
    pub stats: Option<StreamStats>,
    /// Earlier ones, of the last second.
    pub recent: VecDeque<StreamStats>,
    /// How it ended.
    pub finished: Option<StreamFinished>,
}

/// The stopping of all steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopping {
    /// When those that have not ended are killed, since the run started.
    pub kill_at: Duration,
    /// Ctrl-C has begun it, and a second one kills at once.
    pub by_key: bool,
}

/// How far back the live view looks to say what holds up a stream.
const SECOND: Duration = Duration::from_secs(1);

/// The signal of Ctrl-C.
const SIGINT: i32 = 2;

impl Report {
    /// Returns a run that has just started.
    pub fn new(started: &RunStarted) -> Self {
        let pipeline = Arc::clone(&started.pipeline);
        let counts = |step: &&Step| !step.action.is_feed() && !step.role.is_beside();
        let total = pipeline.steps.iter().filter(counts).count();
        Self {
            run: started.run.clone(),
            called: "last".to_owned(),
            dir: started.dir.clone(),
            steps: pipeline
                .steps
                .iter()
                .map(|step| StepReport { log: log(step), ..StepReport::default() })
                .collect(),
            streams: pipeline.streams.iter().map(|_| StreamReport::default()).collect(),
            running: BTreeSet::new(),
            tally: Tally { total, ..Tally::default() },
            failures: Vec::new(),
            stopped: None,
            stopping: None,
            phase: None,
            end: None,
            pipeline,
        }
    }

    /// Takes in the next event.
    pub fn event(&mut self, event: &Event) {
        match &event.kind {
            EventKind::StepStarted { step, attempt, lane, starting } => {
                self.started(*step, *attempt, *lane, (*starting, event.elapsed));
            }
            EventKind::ServiceReady { step, after } => {
                if let Some(step) = self.steps.get_mut(step.index()) {
                    (step.ready, step.ready_at) = (Some(*after), Some(event.elapsed));
                }
            }
            EventKind::StepOutput { step, bytes, .. } => {
                if let Some(step) = self.steps.get_mut(step.index()) {
                    step.log.push(bytes);
                    step.drawing.push(bytes);
                }
            }
            EventKind::StepLine { step, bytes } => {
                if let Some(step) = self.steps.get_mut(step.index()) {
                    step.drawing.preview(bytes);
                }
            }
            EventKind::StepRetrying { step, failure, delay, restarting, .. } => {
                let until = event.elapsed + *delay;
                for member in restarting {
                    self.retrying(*member, (member == step).then(|| failure.clone()), until);
                }
            }
            EventKind::StepFinished(finished) => self.finished(finished, event.elapsed),
            EventKind::StreamProgress(streams) => {
                streams.iter().for_each(|stats| self.stream(stats.stream, stats.clone(), None));
            }
            EventKind::StreamFinished(finished) => {
                self.stream(finished.stats.stream, finished.stats.clone(), Some(finished.clone()));
            }
            EventKind::Cancelling { reason, now, grace } => {
                self.stopped.get_or_insert(*reason);
                let kill_at = event.elapsed + if *now { Duration::ZERO } else { *grace };
                let by_key = *reason == CancelReason::Signal(SIGINT);
                self.stopping = Some(Stopping { kill_at, by_key });
            }
            EventKind::RunFinished(finished) => self.end = Some(finished.clone()),
            EventKind::PhaseStarted(phase) => {
                self.phase = Some(phase.clone());
                self.stopping = None;
            }
            EventKind::RunStarted(_) | EventKind::Warning(_) | EventKind::Note(_) => {}
        }
    }

    fn started(
        &mut self,
        id: StepId,
        attempt: u32,
        lane: Option<Lane>,
        (starting, now): (Duration, Duration),
    ) {
        let counts = self.counts(id);
        let fresh = self.pipeline.steps.get(id.index()).map(log).unwrap_or_default();
        let Some(step) = self.steps.get_mut(id.index()) else {
            return;
        };
        let since = step.started_at().unwrap_or(now.saturating_sub(starting));
        step.state = StepState::Running { since };
        step.attempt = attempt;
        step.ran = true;
        step.lane = lane;
        step.starting += starting;
        step.log = fresh;
        step.drawing = Drawing::default();
        if self.running.insert(id) && counts {
            self.tally.running += 1;
        }
    }

    fn retrying(&mut self, id: StepId, failure: Option<Failure>, until: Duration) {
        if let Some(step) = self.steps.get_mut(id.index())
            && let Some(since) = step.started_at()
        {
            step.state = StepState::Retrying { since, until, failure };
        }
    }

    fn finished(&mut self, finished: &StepFinished, now: Duration) {
        let id = finished.step;
        let (counts, is_beside) = (self.counts(id), self.is_beside(id));
        let Some(step) = self.steps.get_mut(id.index()) else {
            return;
        };
        step.attempt = finished.attempts;
        step.leaky = finished.leaky;
        step.products.clone_from(&finished.products);
        step.circumstances.clone_from(&finished.circumstances);
        // The log of a service tells why a step that used it has failed.
        if finished.outcome == Outcome::Succeeded && !is_beside {
            step.log = LogTail::default();
        }
        step.up = step.ready_at.map_or(Duration::ZERO, |since| whole(now).saturating_sub(whole(since)));
        step.state = StepState::Finished { outcome: finished.outcome.clone(), duration: finished.duration };
        let ran = self.running.remove(&id);
        if finished.outcome.is_failure() {
            self.failures.push(id);
        }
        if counts {
            self.tally.running -= usize::from(ran);
            self.tally.add(&finished.outcome);
        }
    }

    fn stream(&mut self, id: StreamId, stats: StreamStats, finished: Option<StreamFinished>) {
        if let Some(stream) = self.streams.get_mut(id.index()) {
            let old = |earlier: &StreamStats| stats.lasted.saturating_sub(earlier.lasted) > SECOND;
            if stream.stats.as_ref().is_some_and(|last| last.lasted > stats.lasted) {
                // Another attempt.
                stream.recent.clear();
            }
            while stream.recent.front().is_some_and(old) {
                stream.recent.pop_front();
            }
            stream.recent.push_back(stats.clone());
            stream.stats = Some(stats);
            stream.finished = finished;
        }
    }

    /// Returns whether a step is one of the user's in the order: neither the feeding of a stream from outside, nor a
    /// service.
    pub fn counts(&self, id: StepId) -> bool {
        let step = self.pipeline.steps.get(id.index());
        step.is_some_and(|step| !step.action.is_feed() && !step.role.is_beside())
    }

    /// Returns whether a step goes on beside others: a service, or a shared container.
    pub fn is_beside(&self, id: StepId) -> bool {
        self.pipeline.steps.get(id.index()).is_some_and(|step| step.role.is_beside())
    }

    /// Returns whether a step runs when all others have ended.
    pub fn is_later(&self, id: StepId) -> bool {
        self.pipeline.steps.get(id.index()).is_some_and(|step| step.role == Role::Finally)
    }

    /// Returns whether a failure or a signal ended the run.
    pub fn went_wrong(&self) -> bool {
        match self.end.as_ref().map(|end| &end.end) {
            Some(RunEnd::Failed { .. } | RunEnd::TimedOut(_) | RunEnd::Signalled(_) | RunEnd::Aborted(_)) => {
                true
            }
            Some(RunEnd::Succeeded | RunEnd::NoOutput(_)) | None => false,
        }
    }

    /// Returns the step that is to blame for how `of` ended: the step itself where it failed, else the one at
    /// the other end of the chain of streams and dependencies. None where the step ended well, or a signal
    /// ended it.
    pub fn blame(&self, of: StepId) -> Option<StepId> {
        let mut id = of;
        // Each turn goes to another step, so this many turns are enough.
        for _ in 0..=self.steps.len() {
            id = match self.steps.get(id.index())?.outcome()? {
                Outcome::Failed(_) | Outcome::TimedOut => return Some(id),
                // To blame for what it broke, though not for the run if it broke nothing.
                Outcome::Ignored(_) if id != of => return Some(id),
                Outcome::Tainted { producer } => *producer,
                Outcome::Skipped(SkipReason::Dependency(step)) => *step,
                Outcome::Cancelled | Outcome::Skipped(SkipReason::Stopped) => match self.stopped? {
                    CancelReason::StepFailed(step) => return Some(step),
                    CancelReason::Signal(_) | CancelReason::TimedOut(_) | CancelReason::Aborted => {
                        return None;
                    }
                },
                Outcome::Succeeded
                | Outcome::Ignored(_)
                | Outcome::Reused
                | Outcome::LeftOut
                | Outcome::Skipped(SkipReason::Condition(_) | SkipReason::Without(_)) => return None,
            };
        }
        None
    }
}

/// Returns an empty tail for the log of a step.
fn log(step: &Step) -> LogTail {
    if step.role.is_beside() { LogTail::of(LogTail::LINES_OF_SERVICES) } else { LogTail::default() }
}

/// Returns whole milliseconds, as journals have them: a run that is shown again says the same.
fn whole(time: Duration) -> Duration {
    Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

impl StepReport {
    /// Returns how it ended, if it has.
    pub fn outcome(&self) -> Option<&Outcome> {
        match &self.state {
            StepState::Finished { outcome, .. } => Some(outcome),
            StepState::Waiting | StepState::Running { .. } | StepState::Retrying { .. } => None,
        }
    }

    fn started_at(&self) -> Option<Duration> {
        match self.state {
            StepState::Running { since } | StepState::Retrying { since, .. } => Some(since),
            StepState::Waiting | StepState::Finished { .. } => None,
        }
    }
}

impl StreamReport {
    /// Returns whether bytes may be moving.
    pub fn is_live(&self) -> bool {
        self.stats.is_some() && self.finished.is_none()
    }
}

#[cfg(test)]
mod tests;
