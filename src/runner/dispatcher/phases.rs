//! The two phases of a run: the *body*, which is all ordinary steps, and the `finally` steps after it.
//!
//! The second begins once every ordinary step has ended, has been passed over or has been skipped, if at least
//! one had been started. Each phase has a shutdown of its own, so that what ends the body does not end the
//! clean-up. Signals climb a ladder of four rungs: stop the body, kill it, stop the `finally` steps, kill them.
//! Entering the second phase climbs none.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::Dispatcher;
use crate::event::{CancelReason, EventKind, PhaseStarted};
use crate::executor::SystemError;
use crate::pipeline::{BodyEnd, Outcome, Role, RunOutcome, SkipReason, Step, StepId, took_too_long};
use crate::plan::{Decision, ReadySet};
use crate::runner::{Shutdown, site};

/// The signal of Ctrl-C.
const SIGINT: i32 = 2;

/// What a run may exceed its limit by: a run that ends at the same moment is not too long.
const TICK: Duration = Duration::from_millis(1);

/// A part of the run, with a shutdown of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The ordinary steps.
    Body,
    /// The `finally` steps.
    Finally,
}

impl Phase {
    /// Returns the role of its steps.
    pub(super) fn role(self) -> Role {
        match self {
            Self::Body => Role::Ordinary,
            Self::Finally => Role::Finally,
        }
    }
}

/// Where a run stands between its two phases.
pub(super) struct Phases {
    /// Whose turn it is.
    pub(super) current: Phase,
    body: watch::Sender<Shutdown>,
    finally: watch::Sender<Shutdown>,
    /// How many signals have come.
    signals: u32,
    /// An ordinary step has been started, or had been in the run that this one goes on from.
    has_begun: bool,
    /// When the run has taken too long.
    deadline: Option<Instant>,
    /// The limit of the run, where it was over before any step had failed.
    pub(super) timed_out: Option<Duration>,
    /// How each step has ended, in the word of the journal; empty where no step asks.
    ended: BTreeMap<StepId, &'static str>,
    /// How the body has ended, signals apart.
    body_end: Option<(RunOutcome, String)>,
}

impl Default for Phases {
    fn default() -> Self {
        let channel = || watch::channel(Shutdown::None).0;
        Self {
            current: Phase::Body,
            body: channel(),
            finally: channel(),
            signals: 0,
            has_begun: false,
            deadline: None,
            timed_out: None,
            ended: BTreeMap::new(),
            body_end: None,
        }
    }
}

impl Phases {
    /// Returns the shutdown of the phase that is on.
    pub(super) fn shutdown(&self) -> &watch::Sender<Shutdown> {
        self.of(self.current)
    }

    fn of(&self, phase: Phase) -> &watch::Sender<Shutdown> {
        match phase {
            Phase::Body => &self.body,
            Phase::Finally => &self.finally,
        }
    }

    /// Returns how far the end of a phase has been called for.
    pub(super) fn asked_of(&self, phase: Phase) -> Shutdown {
        *self.of(phase).borrow()
    }

    /// Waits until the run has taken too long.
    pub(super) async fn time_is_up(deadline: Option<Instant>) {
        match deadline {
            Some(deadline) => sleep_until(deadline).await,
            None => std::future::pending().await,
        }
    }

    /// Returns when the run has taken too long, as long as there is a body to stop for that.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let goes_on = self.current == Phase::Body && *self.body.borrow() == Shutdown::None;
        self.deadline.filter(|_| goes_on)
    }
}

impl Dispatcher {
    /// Notes that a gang starts; the first of them starts the clock.
    pub(super) fn note_start(&mut self) {
        self.phases.has_begun = true;
        if let (Some(limit), None) = (self.job.pipeline.timeout, self.phases.deadline) {
            self.phases.deadline = Instant::now().checked_add(limit + TICK);
        }
    }

    /// Notes how a step has ended, for conditions and for the `finally` steps.
    pub(super) fn note_end(&mut self, step: StepId, outcome: &Outcome) {
        self.conditions.note_end(step, outcome);
        if self.has_finally {
            self.phases.ended.insert(step, outcome.word());
            self.phases.has_begun |= *outcome == Outcome::Reused;
        }
    }

    /// Stops the body, which has taken too long.
    pub(super) fn time_is_up(&mut self) {
        let Some(limit) = self.job.pipeline.timeout else { return };
        self.failed = true;
        self.phases.timed_out = self.cause.is_none().then_some(limit);
        self.stop(CancelReason::TimedOut(limit), Shutdown::Graceful);
    }

    /// Climbs a rung of the ladder.
    pub(super) fn signalled(&mut self, signal: i32) {
        let first = *self.signal.get_or_insert(signal);
        self.phases.signals += 1;
        let (phase, how) = match self.phases.signals {
            1 => (Phase::Body, Shutdown::Graceful),
            2 => (Phase::Body, Shutdown::Immediate),
            3 => (Phase::Finally, Shutdown::Graceful),
            _ => (Phase::Finally, Shutdown::Immediate),
        };
        self.stop_phase(phase, CancelReason::Signal(first), how);
        self.tell_ladder();
    }

    /// Says what the next signal does, where there is something to clean up.
    fn tell_ladder(&self) {
        let names = self.to_clean_up();
        let (false, Some(signal)) = (names.is_empty(), self.signal) else { return };
        let key = |times: &str, signals: &str| {
            if signal == SIGINT { format!("Ctrl-C {times}") } else { signals.to_owned() }
        };
        let (once, twice) = (key("again", "another signal"), key("twice more", "two more signals"));
        let s = if signal == SIGINT { "s" } else { "" };
        let is_on = self.phases.current == Phase::Finally;
        let line = match self.phases.signals {
            1 if is_on => format!("cleaning up: {names}; {twice} abandon{s} it"),
            2 if is_on => format!("cleaning up: {names}; {once} abandons it"),
            1 => format!("{once} kills what still runs; then comes the clean-up: {names}"),
            2 => format!("then comes the clean-up: {names}; {once} abandons it"),
            3 if is_on => format!("the clean-up is abandoned: {names}; {once} kills it"),
            3 => format!("there is no clean-up: {names}"),
            _ => return,
        };
        self.job.events.send(EventKind::Note(line));
    }

    /// Returns the names of the `finally` steps that run and have not ended.
    fn to_clean_up(&self) -> String {
        let is_open = |id: &StepId| !self.phases.ended.contains_key(id) && self.decisions.runs(*id);
        let is_clean_up = |step: &Step| step.role == Role::Finally && !step.action.is_feed();
        let steps = self.job.pipeline.steps().filter(|(_, step)| is_clean_up(step));
        let names: Vec<&str> =
            steps.filter(|(id, _)| is_open(id)).map(|(_, step)| step.name.as_str()).collect();
        names.join(", ")
    }

    /// Ends the phase that is on. It only escalates.
    pub(super) fn stop(&mut self, reason: CancelReason, how: Shutdown) {
        self.stop_phase(self.phases.current, reason, how);
    }

    fn stop_phase(&mut self, phase: Phase, reason: CancelReason, how: Shutdown) {
        if site::Shutdown::escalate(how, self.phases.of(phase)) && phase == self.phases.current {
            let now = how == Shutdown::Immediate;
            let grace = if now { Duration::ZERO } else { self.job.settings.grace };
            self.job.events.send(EventKind::Cancelling { reason, now, grace });
        }
    }

    /// Begins the `finally` steps, once all others have ended. Returns whether there is anything to run.
    pub(super) async fn begin_finally(&mut self) -> bool {
        if !self.has_finally || self.phases.current == Phase::Finally {
            return false;
        }
        // A gang that has sent all ends may still hold what did not become whole.
        while let Some(ended) = self.gangs.join_next().await {
            if let Err(error) = ended {
                self.error.get_or_insert(SystemError::new("a part of `pipe` broke down", error));
            }
        }
        self.gate.close().await;
        self.leave_body();
        self.pass_over_broken_readers();
        self.pass_over_bereft();
        let is_stopped = self.error.is_some() || self.signal.is_some() || self.phases.timed_out.is_some();
        match (self.phases.has_begun || self.is_by_hand(), is_stopped) {
            (true, _) => {}
            // They are skipped as the run is stopped.
            (false, true) => return false,
            (false, false) => {
                let mut waiting = self.ready.waiting();
                waiting.retain(|step| self.decisions.runs(*step));
                for step in waiting {
                    self.pass_over(step, SkipReason::Condition("no other step has run".into()));
                }
                // All places are taken now, as nothing runs that they could stand behind.
                self.end_places();
                return false;
            }
        }
        if *self.phases.finally.borrow() != Shutdown::None {
            return false;
        }
        let is_feed = |step: &StepId| self.job.pipeline.step(*step).action.is_feed();
        let runs = |step: &StepId| {
            self.decisions.runs(*step) && self.conditions.passed(*step).is_none() && !is_feed(step)
        };
        let steps: Vec<StepId> = self.ready.waiting().into_iter().filter(runs).collect();
        if !steps.is_empty() {
            let BodyEnd { outcome, cause, .. } = self.body_end();
            self.job.events.send(EventKind::PhaseStarted(PhaseStarted { steps, outcome, cause }));
            self.tell_ladder();
        }
        true
    }

    /// Ends the first phase, whatever becomes of the second. It has an effect once.
    pub(super) fn leave_body(&mut self) {
        if self.has_finally && self.phases.current == Phase::Body {
            self.skip_the_rest();
            self.phases.body_end = Some(self.end_of_body());
            self.phases.current = Phase::Finally;
            self.beside.let_go();
            self.ready =
                ReadySet::finally(&self.job.plan, &self.job.pipeline, |step| self.decisions.runs(step));
        }
    }

    /// Returns whether no ordinary step was to run at all: the `finally` steps were asked for by name.
    fn is_by_hand(&self) -> bool {
        let mut body = self.job.pipeline.steps().filter(|(_, step)| step.role == Role::Ordinary);
        body.all(|(id, _)| match self.decisions.of(id) {
            Decision::Run(_) | Decision::PassOver(_) => false,
            Decision::Reuse | Decision::LeftOut => true,
        })
    }

    /// Passes over the `finally` steps that read a stream of the body which is not whole, and those that read
    /// theirs: no reader sees the end of a broken stream.
    fn pass_over_broken_readers(&mut self) {
        let pipeline = Arc::clone(&self.job.pipeline);
        let taken: BTreeSet<_> = self.decisions.taken.iter().copied().collect();
        for (_, stream) in pipeline.streams().filter(|(id, _)| !taken.contains(id)) {
            let is_whole = self.phases.ended.get(&stream.producer) == Some(&Outcome::Succeeded.word());
            if pipeline.step(stream.producer).role == Role::Finally || is_whole {
                continue;
            }
            for &reader in stream.readers.iter().filter(|id| pipeline.step(**id).role == Role::Finally) {
                if self.decisions.runs(reader) {
                    self.pass_over(reader, SkipReason::Without(stream.producer));
                }
            }
        }
    }

    fn end_of_body(&self) -> (RunOutcome, String) {
        let outcome = match (&self.error, self.failed) {
            (Some(_), _) => RunOutcome::Error,
            (None, true) => RunOutcome::Failed,
            (None, false) => RunOutcome::Succeeded,
        };
        let cause = match (self.phases.timed_out, self.cause) {
            (Some(limit), _) => took_too_long(limit),
            (None, Some(step)) => self.job.pipeline.step(step).name.clone(),
            (None, None) => String::new(),
        };
        (outcome, cause)
    }

    /// Returns what `finally` steps are told of the body.
    fn body_end(&self) -> BodyEnd {
        let (outcome, cause) = self.phases.body_end.clone().unwrap_or_else(|| self.end_of_body());
        let outcome = match (outcome, self.signal) {
            (RunOutcome::Succeeded | RunOutcome::Failed | RunOutcome::Cancelled, Some(_)) => {
                RunOutcome::Cancelled
            }
            (outcome, _) => outcome,
        };
        let name =
            |(step, word): (&StepId, &&'static str)| (self.job.pipeline.step(*step).name.clone(), *word);
        BodyEnd { outcome, cause, steps: self.phases.ended.iter().map(name).collect() }
    }

    /// Returns the same, in the phase in which a step can ask for it.
    pub(super) fn told(&self) -> Option<Arc<BodyEnd>> {
        match self.phases.current {
            Phase::Body => None,
            Phase::Finally => Some(Arc::new(self.body_end())),
        }
    }
}
