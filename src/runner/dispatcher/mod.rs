//! The one loop that owns the state of a run.
//!
//! ```text
//!            admission ── GangOrder ──▶ site
//!  ready gangs ▲                         │ GangMessage
//!              └──────── endings ◀───────┘
//! ```
//!
//! This file has the state and the loop. [`admission`] decides which gang begins and which steps need not
//! run, [`conditions`] asks whether its members do; [`gate`] holds gangs that wait for an answer or a name;
//! [`endings`] decides what the end of a step means for the others; [`phases`] leads from the ordinary steps to
//! the `finally` steps, and has the ladder of signals; [`services`] has what goes on beside the steps;
//! [`result`] decides what the end of the run is.

mod admission;
mod caps;
mod conditions;
mod endings;
mod gate;
mod phases;
mod result;
mod services;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

use self::caps::Caps;
use self::conditions::Conditions;
use self::gate::Gate;
use self::phases::{Phase, Phases};
use self::services::Beside;
use super::resume;
use super::slots::Slots;
use super::{GangMessage, Job, Shutdown, Site, spec};
use crate::event::{CancelReason, EventKind, RunEnd, RunFinished, RunStarted};
use crate::executor::SystemError;
use crate::pipeline::{Outputs, Role, StepId};
use crate::plan::{Decisions, ReadySet};

/// The state of a run.
struct Dispatcher {
    job: Arc<Job>,
    site: Arc<dyn Site>,
    /// The steps that wait for others, and the gangs that are ready.
    ready: ReadySet,
    /// Which steps run, and which need not.
    decisions: Arc<Decisions>,
    /// Outputs of the run that read a step which is left out.
    outputs_left_out: BTreeSet<String>,
    /// The values that steps have given; of those that gave any.
    outputs: BTreeMap<StepId, Arc<Outputs>>,
    conditions: Conditions,
    gate: Gate,
    beside: Beside,
    slots: Slots,
    caps: Caps,
    phases: Phases,
    /// The pipeline has `finally` steps.
    has_finally: bool,
    outbox: mpsc::UnboundedSender<GangMessage>,
    /// The tasks of all gangs that were admitted.
    gangs: JoinSet<()>,
    /// The first step that failed by itself.
    cause: Option<StepId>,
    /// A step did not succeed.
    failed: bool,
    /// The first signal to `pipe`.
    signal: Option<i32>,
    /// The first failure for which no step is to blame.
    error: Option<SystemError>,
}

/// Runs a job to its end.
pub(super) async fn run(
    job: Arc<Job>,
    site: Arc<dyn Site>,
    mut signals: mpsc::UnboundedReceiver<i32>,
) -> RunEnd {
    let started = Instant::now();
    let (outbox, mut inbox) = mpsc::unbounded_channel();
    let mut dispatcher = Dispatcher::new(Arc::clone(&job), Arc::clone(&site), outbox);
    tokio::select! {
        decisions = resume::decide(&job, Some(&*site)) => dispatcher.decided(decisions),
        Some(signal) = signals.recv() => dispatcher.signalled(signal),
    }
    tokio::select! {
        images = spec::images(&job, &dispatcher.decisions) => site.prepare(images),
        Some(signal) = signals.recv() => dispatcher.signalled(signal),
    }
    loop {
        dispatcher.admit();
        if dispatcher.slots.is_deserted() && !dispatcher.is_holding() {
            if dispatcher.begin_finally().await {
                continue;
            }
            if !dispatcher.dismiss_services() {
                break;
            }
        }
        let deadline = dispatcher.phases.deadline();
        tokio::select! {
            Some(message) = inbox.recv() => dispatcher.take(message),
            Some(signal) = signals.recv() => dispatcher.signalled(signal),
            wait = dispatcher.gate.next() => dispatcher.waited(wait),
            () = Phases::time_is_up(deadline) => dispatcher.time_is_up(),
            Some(Err(error)) = dispatcher.gangs.join_next() => {
                dispatcher.broke_down(error);
                break;
            }
            Some(Err(error)) = dispatcher.beside.tasks.join_next() => {
                dispatcher.broke_down(error);
                break;
            }
        }
    }
    // A gang that has sent all ends still holds files that did not become whole, and pipes that must not end
    // yet.
    while dispatcher.gangs.join_next().await.is_some() {}
    while dispatcher.beside.tasks.join_next().await.is_some() {}
    dispatcher.gate.close().await;
    if let Err(error) = site.close().await {
        dispatcher.error.get_or_insert(error);
    }
    dispatcher.leave_body();
    dispatcher.skip_the_rest();
    dispatcher.skip_services();
    dispatcher.warn_if_nothing_ran();
    dispatcher.remove_stored_streams();
    // It is empty by now.
    let _ = std::fs::remove_dir(&job.place.outputs_dir);
    let (end, outputs) = tokio::select! {
        biased;
        end = dispatcher.end() => end,
        Some(signal) = signals.recv() => (RunEnd::Signalled(signal), Vec::new()),
    };
    let finished = RunFinished { end: end.clone(), duration: started.elapsed(), outputs };
    job.events.send(EventKind::RunFinished(finished));
    end
}

impl Dispatcher {
    fn new(job: Arc<Job>, site: Arc<dyn Site>, outbox: mpsc::UnboundedSender<GangMessage>) -> Self {
        let Job { pipeline, plan, events, place, settings, reaper, .. } = &*job;
        for folder in [Some(&place.outputs_dir), place.secrets_dir.as_ref()].into_iter().flatten() {
            reaper.path(folder).leak();
        }
        events.send(EventKind::RunStarted(RunStarted {
            run: place.id.clone(),
            pipeline: Arc::clone(pipeline),
            dir: Some(place.run_dir.clone()),
        }));
        for name in events.unmasked() {
            events.send(EventKind::Warning(format!(
                "the secret `{name}` is shorter than 4 characters, too short to be masked where a step prints it"
            )));
        }
        let ready = ReadySet::new(plan, pipeline);
        let alone = pipeline.steps().filter(|(_, step)| step.terminal).map(|(id, _)| id).collect();
        let has_finally = pipeline.steps.iter().any(|step| step.role == Role::Finally);
        let slots = Slots::new(settings.max_parallel.get(), alone);
        let caps = Caps::of(pipeline);
        // A signal may come before it is decided what runs.
        let beside = Beside::of(pipeline, |_| true);
        Self {
            job,
            site,
            ready,
            decisions: Arc::default(),
            outputs_left_out: BTreeSet::new(),
            outputs: BTreeMap::new(),
            conditions: Conditions::default(),
            gate: Gate::default(),
            beside,
            slots,
            caps,
            phases: Phases::default(),
            has_finally,
            outbox,
            gangs: JoinSet::new(),
            cause: None,
            failed: false,
            signal: None,
            error: None,
        }
    }

    fn take(&mut self, message: GangMessage) {
        match message {
            GangMessage::Finished(finished) => self.finished(finished),
            GangMessage::Ready { step, endpoint } => self.service_ready(step, endpoint),
            GangMessage::Resting(steps) => self.slots.rest(&steps),
            GangMessage::Returning(back) => self.slots.ask_back(back),
            GangMessage::Interrupted(signal) => self.signalled(signal),
            GangMessage::SiteFailed(error) => self.broken(error),
        }
    }

    /// Gives up all tasks after one has panicked: it will never send its end. What still runs dies with the runtime
    /// that holds it.
    fn broke_down(&mut self, error: JoinError) {
        self.error.get_or_insert(SystemError::new("a part of `pipe` broke down", error));
        self.gangs.abort_all();
        self.beside.tasks.abort_all();
    }

    /// Ends the body for a failure that is no step's. Of the `finally` steps the others go on.
    fn broken(&mut self, error: SystemError) {
        self.error.get_or_insert(error);
        if self.phases.current == Phase::Body {
            self.stop(CancelReason::Aborted, Shutdown::Graceful);
        }
    }
}
