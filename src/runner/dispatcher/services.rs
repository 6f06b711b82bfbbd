//! What goes on beside the steps: services, and shared containers. Each is a task at the site, with a shutdown of
//! its own, and has no slot.
//!
//! A gang whose members use something that is not ready is held, as one that waits for a name is. Nothing else
//! waits with it. One that ends before it was told to is a failure, and the cause of what becomes of its users:
//! those that wait are skipped, or passed over in the `finally` phase; those that run are stopped, and tainted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{Dispatcher, Phase};
use crate::event::{EventKind, StepFinished};
use crate::pipeline::{Outcome, Pipeline, Role, SkipReason, StepId};
use crate::plan::{GangId, Over, Services, unused};
use crate::runner::{Deaths, Endpoint, Endpoints, ServiceOrder, Shutdown};

/// The services of a run, and the gangs that wait for them.
pub(super) struct Beside {
    lives: Services,
    /// The tasks of all that were started.
    pub(super) tasks: JoinSet<()>,
    /// Those that are up: how each is told to stop.
    stops: BTreeMap<StepId, watch::Sender<Shutdown>>,
    endpoints: Arc<Endpoints>,
    deaths: watch::Sender<Deaths>,
    /// Those that are stopped since no user is left, while the run goes on.
    dismissed: BTreeSet<StepId>,
    /// Gangs that are held, each with its steps.
    held: Vec<(GangId, Vec<StepId>)>,
}

impl Default for Beside {
    fn default() -> Self {
        Self {
            lives: Services::default(),
            tasks: JoinSet::new(),
            stops: BTreeMap::new(),
            endpoints: Arc::default(),
            deaths: watch::channel(Deaths::new()).0,
            dismissed: BTreeSet::new(),
            held: Vec::new(),
        }
    }
}

impl Beside {
    pub(super) fn of(pipeline: &Pipeline, runs: impl Fn(StepId) -> bool) -> Self {
        Self { lives: Services::new(pipeline, runs), ..Self::default() }
    }

    pub(super) fn endpoints(&self) -> Arc<Endpoints> {
        Arc::clone(&self.endpoints)
    }

    pub(super) fn deaths(&self) -> watch::Receiver<Deaths> {
        self.deaths.subscribe()
    }

    /// Notes that a step will not use anything any more.
    pub(super) fn leave(&mut self, step: StepId) {
        self.lives.leave(step);
    }

    /// Forgets the gangs of a phase that is over.
    pub(super) fn let_go(&mut self) {
        self.held.clear();
    }

    fn stop(&mut self, service: StepId, how: Shutdown) {
        if let Some(stop) = self.stops.get(&service) {
            how.escalate(stop);
        }
    }
}

impl Dispatcher {
    /// Stops the services whose users have ended, starts those whose turn has come, and lets the gangs go on that
    /// waited for them.
    pub(super) fn tend_services(&mut self) {
        if self.beside.lives.is_empty() {
            return;
        }
        let is_stopped = *self.phases.shutdown().borrow() != Shutdown::None;
        if is_stopped {
            // What waits now never starts.
            self.ready.waiting().into_iter().for_each(|step| self.beside.leave(step));
        }
        for over in self.beside.lives.take_over() {
            match over {
                Over::Stop(_) if is_stopped => {}
                Over::Stop(service) => {
                    self.beside.dismissed.insert(service);
                }
                Over::Unused(service) if is_stopped => self.skip(service, SkipReason::Stopped),
                Over::Unused(service) => {
                    self.finished(StepFinished::unrun(service, Outcome::Skipped(unused())));
                }
            }
        }
        let how = self.urgency();
        let stopping: Vec<StepId> = self.beside.lives.stopping().collect();
        stopping.into_iter().for_each(|service| self.beside.stop(service, how));
        if is_stopped {
            return;
        }
        let role = self.phases.current.role();
        while let Some(service) = self.beside.lives.pop(role) {
            self.start_service(service);
        }
        self.release_gangs();
    }

    /// Returns how services are stopped: at once, if the last phase of the run is.
    fn urgency(&self) -> Shutdown {
        let last = if self.has_finally { Phase::Finally } else { Phase::Body };
        self.phases.asked_of(last).max(Shutdown::Graceful)
    }

    fn start_service(&mut self, step: StepId) {
        self.note_start();
        let (job, site, outbox) = (Arc::clone(&self.job), Arc::clone(&self.site), self.outbox.clone());
        if let Some(words) = self.decisions.lacks(&self.job.pipeline, step) {
            let name = &self.job.pipeline.step(step).name;
            self.job.events.send(EventKind::Note(format!("the container `{name}` {words}")));
        }
        let (given, body) = (self.given(&[step]), self.told());
        let (endpoints, deaths) = (self.beside.endpoints(), self.beside.deaths());
        let order = ServiceOrder { job, step, given, body, endpoints, deaths };
        let (stop, stopped) = watch::channel(Shutdown::None);
        self.beside.stops.insert(step, stop);
        self.beside.tasks.spawn(async move { site.run_service(order, stopped, outbox).await });
    }

    /// Takes that a service is ready, and where it is found.
    pub(super) fn service_ready(&mut self, service: StepId, endpoint: Endpoint) {
        if self.beside.lives.ready(service) {
            Arc::make_mut(&mut self.beside.endpoints).insert(service, endpoint);
        }
    }

    /// Returns whether a gang that was popped waits for what its steps use. It is held then.
    pub(super) fn wait_for_services(&mut self, gang: GangId, steps: &[StepId]) -> bool {
        if self.beside.lives.is_empty() || steps.iter().all(|step| self.has_services(*step)) {
            return false;
        }
        steps.iter().for_each(|step| self.beside.lives.call(*step));
        self.ready.suspend(gang, steps);
        self.beside.held.push((gang, steps.to_vec()));
        true
    }

    /// Returns whether all that a step uses is ready.
    fn has_services(&self, step: StepId) -> bool {
        let used: Vec<StepId> = self.job.pipeline.step(step).usages().map(|usage| usage.step).collect();
        self.beside.lives.are_ready(&used)
    }

    /// Queues the gangs again whose steps need not wait any more.
    fn release_gangs(&mut self) {
        for (gang, steps) in std::mem::take(&mut self.beside.held) {
            let waits = |step: &&StepId| self.ready.is_waiting(**step);
            if steps.iter().filter(waits).all(|step| self.has_services(*step)) {
                self.ready.queue_again(gang);
            } else {
                self.beside.held.push((gang, steps));
            }
        }
    }

    /// Returns whether steps of the phase wait for a service that is starting.
    pub(super) fn awaits_services(&self) -> bool {
        let is_stopped = *self.phases.shutdown().borrow() != Shutdown::None;
        !is_stopped && self.beside.lives.are_awaited(self.phases.current.role())
    }

    /// Stops every service, since no step is left. Returns whether one still has to end.
    pub(super) fn dismiss_services(&mut self) -> bool {
        self.tend_services();
        let how = self.urgency();
        let up: Vec<StepId> = self.beside.stops.keys().copied().collect();
        for service in up {
            self.beside.lives.stop(service);
            self.beside.stop(service, how);
        }
        self.beside.lives.any_up()
    }

    /// Ends the services that were never started: the run is over.
    pub(super) fn skip_services(&mut self) {
        for service in self.beside.lives.waiting() {
            self.beside.lives.ended(service);
            self.skip(service, SkipReason::Stopped);
        }
    }

    /// Notes that a step has ended, for the services that wait for it, and ends those that can never start.
    pub(super) fn tell_services(&mut self, step: StepId, outcome: &Outcome) {
        if self.beside.lives.is_empty() {
            return;
        }
        let why = match outcome {
            Outcome::Cancelled | Outcome::Skipped(SkipReason::Stopped) => SkipReason::Stopped,
            Outcome::Skipped(SkipReason::Dependency(first)) => SkipReason::Dependency(*first),
            Outcome::Succeeded
            | Outcome::Failed(_)
            | Outcome::TimedOut
            | Outcome::Tainted { .. }
            | Outcome::Skipped(SkipReason::Condition(_) | SkipReason::Without(_))
            | Outcome::Reused
            | Outcome::LeftOut
            | Outcome::Ignored(_) => SkipReason::Dependency(step),
        };
        let well = outcome.is_success() || outcome.is_passed_over();
        for service in self.beside.lives.step_ended(step, well) {
            self.bereave(service, &why);
            self.skip(service, why.clone());
        }
    }

    /// Returns how a step has ended. A service that was not ready yet when its last user was passed over has done
    /// nothing wrong.
    pub(super) fn as_seen(&self, step: StepId, outcome: Outcome) -> Outcome {
        let was_dismissed = outcome == Outcome::Cancelled && self.beside.dismissed.contains(&step);
        if was_dismissed { Outcome::Succeeded } else { outcome }
    }

    /// Takes the end of a service. One that was not told to stop takes its users with it.
    pub(super) fn service_ended(&mut self, service: StepId, outcome: &Outcome) {
        self.beside.stops.remove(&service);
        let users = self.beside.lives.users(service);
        if self.beside.lives.ended(service) || users.is_empty() {
            return;
        }
        let culprit = if let Outcome::Tainted { producer } = outcome { *producer } else { service };
        self.bereave(service, &SkipReason::Dependency(culprit));
    }

    /// Ends the users of a service that is gone, or will never be there: `why` is what those are told that wait.
    fn bereave(&mut self, service: StepId, why: &SkipReason) {
        let culprit = match why {
            SkipReason::Dependency(step) | SkipReason::Without(step) => *step,
            SkipReason::Stopped | SkipReason::Condition(_) => service,
        };
        self.beside.deaths.send_modify(|deaths| {
            deaths.insert(service, culprit);
        });
        let users = self.beside.lives.users(service);
        let (others, steps): (Vec<_>, Vec<_>) = users.into_iter().partition(|(_, role)| role.is_beside());
        for (user, _) in others {
            if self.beside.lives.stop(user) {
                self.bereave(user, why);
                self.beside.stop(user, Shutdown::Graceful);
            } else if !self.beside.lives.is_up(user) && !self.beside.lives.has_ended(user) {
                self.bereave(user, why);
                self.beside.lives.ended(user);
                self.skip(user, why.clone());
            }
        }
        let is_on = self.phases.current.role();
        let steps: Vec<StepId> =
            steps.into_iter().filter(|(_, role)| *role == is_on).map(|(step, _)| step).collect();
        match self.phases.current {
            Phase::Body => {
                for (step, because) in self.ready.skip(steps.clone(), culprit) {
                    let is_user = steps.contains(&step);
                    self.skip(step, if is_user { why.clone() } else { SkipReason::Dependency(because) });
                }
            }
            Phase::Finally => {
                let waiting = steps.into_iter().filter(|step| self.ready.is_waiting(*step));
                for step in waiting.collect::<Vec<_>>() {
                    self.pass_over(step, SkipReason::Without(service));
                }
            }
        }
    }

    /// Passes over the `finally` steps that use a service which is not up any more, or never was.
    pub(super) fn pass_over_bereft(&mut self) {
        let pipeline = Arc::clone(&self.job.pipeline);
        for (id, step) in pipeline.steps().filter(|(_, step)| step.role == Role::Finally) {
            let gone = step.usages().find(|usage| self.beside.lives.has_ended(usage.step));
            if let Some(gone) = gone.filter(|_| self.decisions.runs(id)) {
                self.pass_over(id, SkipReason::Without(gone.step));
            }
        }
    }
}
