//! Services and shared containers: when each may start, and when the last of its users has ended. Pure, as the
//! [`ReadySet`](super::ReadySet) is, and for both phases of a run.
//!
//! A *user* is a step that names the service, or another service that does. A service starts once all that it
//! depends on has ended well, the services that it uses are ready, and it has a user left; a shared container
//! only when the turn of a user has come as well. It is over when its last user has ended, so that services go in
//! the reverse order of their use.

use std::collections::{BTreeMap, BTreeSet};

use crate::pipeline::{Pipeline, Role, StepId};

/// The services of a run, and how far each has come.
#[derive(Debug, Default)]
pub struct Services {
    lives: BTreeMap<StepId, Life>,
}

#[derive(Debug)]
struct Life {
    state: State,
    /// Whether it waits for the turn of a user.
    is_lazy: bool,
    /// Steps that come before it and have not ended well yet.
    missing: BTreeSet<StepId>,
    /// The services that it uses.
    uses: Vec<StepId>,
    /// Those that use it and have not ended.
    users: BTreeMap<StepId, Role>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It has not been started.
    Waiting,
    Starting,
    Ready,
    /// It is being stopped.
    Stopping,
    Ended,
}

/// What becomes of a service without users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// It has to be stopped.
    Stop(StepId),
    /// It was never started, and has ended so.
    Unused(StepId),
}

impl Services {
    /// Returns the state before anything has started, for the steps that run.
    pub fn new(pipeline: &Pipeline, runs: impl Fn(StepId) -> bool) -> Self {
        let beside = pipeline.steps().filter(|(_, step)| step.role.is_beside());
        let life = |(id, step): (StepId, &crate::pipeline::Step)| {
            let life = Life {
                state: if runs(id) { State::Waiting } else { State::Ended },
                is_lazy: step.role == Role::Container,
                missing: step.depends_on.iter().map(|dependency| dependency.step).collect(),
                uses: step.usages().map(|usage| usage.step).collect(),
                users: BTreeMap::new(),
            };
            (id, life)
        };
        let mut lives: BTreeMap<StepId, Life> = beside.map(life).collect();
        if !lives.is_empty() {
            for (id, step) in pipeline.steps().filter(|(id, _)| runs(*id)) {
                for usage in step.usages() {
                    lives.get_mut(&usage.step).into_iter().for_each(|life| {
                        life.users.insert(id, step.role);
                    });
                }
            }
        }
        Self { lives }
    }

    /// Returns whether the pipeline has none.
    pub fn is_empty(&self) -> bool {
        self.lives.is_empty()
    }

    /// Takes the next one that may start. Steps of `role` have their turn: one that only steps of the other phase
    /// use waits for that.
    pub fn pop(&mut self, role: Role) -> Option<StepId> {
        let may_start = |(id, life): (&StepId, &Life)| {
            let is_due = life.state == State::Waiting && !life.is_lazy && life.missing.is_empty();
            (is_due && self.are_ready(&life.uses) && self.is_wanted(*id, role)).then_some(*id)
        };
        let next = self.lives.iter().find_map(may_start)?;
        self.enter(next, State::Starting);
        Some(next)
    }

    /// Lets what waits for the turn of a user start for this one.
    pub fn call(&mut self, user: StepId) {
        for life in self.lives.values_mut().filter(|life| life.users.contains_key(&user)) {
            life.is_lazy = false;
        }
    }

    /// Records that one that is starting is ready. Returns whether it is: it may have been told to stop.
    pub fn ready(&mut self, service: StepId) -> bool {
        let is_starting = self.is(service, State::Starting);
        if is_starting {
            self.enter(service, State::Ready);
        }
        is_starting
    }

    /// Returns whether all of these are ready.
    pub fn are_ready(&self, services: &[StepId]) -> bool {
        services.iter().all(|service| self.is(*service, State::Ready))
    }

    /// Returns whether one that is starting is waited for by steps of a role.
    pub fn are_awaited(&self, role: Role) -> bool {
        let mut starting = self.lives.iter().filter(|(_, life)| life.state == State::Starting);
        starting.any(|(id, _)| self.is_wanted(*id, role))
    }

    /// Returns whether one has been started and has not ended.
    pub fn is_up(&self, service: StepId) -> bool {
        self.lives.get(&service).is_some_and(|life| match life.state {
            State::Starting | State::Ready | State::Stopping => true,
            State::Waiting | State::Ended => false,
        })
    }

    /// Returns whether one has ended, or can never start.
    pub fn has_ended(&self, service: StepId) -> bool {
        self.is(service, State::Ended)
    }

    /// Returns those that are being stopped.
    pub fn stopping(&self) -> impl Iterator<Item = StepId> + '_ {
        self.lives.iter().filter(|(_, life)| life.state == State::Stopping).map(|(id, _)| *id)
    }

    /// Returns whether any has been started and has not ended.
    pub fn any_up(&self) -> bool {
        self.lives.keys().any(|id| self.is_up(*id))
    }

    /// Returns those that have not been started.
    pub fn waiting(&self) -> Vec<StepId> {
        let waiting = self.lives.iter().filter(|(_, life)| life.state == State::Waiting);
        waiting.map(|(id, _)| *id).collect()
    }

    /// Returns the users that one has left.
    pub fn users(&self, service: StepId) -> Vec<(StepId, Role)> {
        let life = self.lives.get(&service);
        life.map(|life| life.users.iter().map(|(id, role)| (*id, *role)).collect()).unwrap_or_default()
    }

    /// Records that a user will not use anything any more: it has ended, or it will never start.
    pub fn leave(&mut self, user: StepId) {
        for life in self.lives.values_mut() {
            life.users.remove(&user);
        }
    }

    /// Records the end of a step. Returns the services that can never start, since it has not ended well.
    pub fn step_ended(&mut self, step: StepId, well: bool) -> Vec<StepId> {
        self.leave(step);
        let mut never = Vec::new();
        for (id, life) in self.lives.iter_mut().filter(|(_, life)| life.missing.contains(&step)) {
            if well {
                life.missing.remove(&step);
            } else if life.state == State::Waiting {
                life.state = State::Ended;
                never.push(*id);
            }
        }
        never
    }

    /// Records the end of a service. Returns whether it had been told to stop.
    pub fn ended(&mut self, service: StepId) -> bool {
        let was_stopped = self.is(service, State::Stopping);
        self.enter(service, State::Ended);
        self.leave(service);
        was_stopped
    }

    /// Marks one as being stopped. Returns whether it was up and had not been stopped before.
    pub fn stop(&mut self, service: StepId) -> bool {
        let is_first = self.is_up(service) && !self.is(service, State::Stopping);
        if is_first {
            self.enter(service, State::Stopping);
        }
        is_first
    }

    /// Finds those that have no user left, and have not been told to stop yet.
    pub fn take_over(&mut self) -> Vec<Over> {
        let mut over = Vec::new();
        while let Some((id, state)) = self.lives.iter().find_map(|(id, life)| match life.state {
            State::Waiting | State::Starting | State::Ready if life.users.is_empty() => {
                Some((*id, life.state))
            }
            State::Waiting | State::Starting | State::Ready | State::Stopping | State::Ended => None,
        }) {
            if state == State::Waiting {
                self.ended(id);
                over.push(Over::Unused(id));
            } else {
                self.enter(id, State::Stopping);
                over.push(Over::Stop(id));
            }
        }
        over
    }

    /// Returns whether a step of a role uses one, or a service that uses it.
    fn is_wanted(&self, service: StepId, role: Role) -> bool {
        let users = self.lives.get(&service).into_iter().flat_map(|life| &life.users);
        let mut users = users.map(|(id, of)| (*id, *of));
        users.any(|(id, of)| of == role || (of.is_beside() && self.is_wanted(id, role)))
    }

    fn is(&self, service: StepId, state: State) -> bool {
        self.lives.get(&service).is_some_and(|life| life.state == state)
    }

    fn enter(&mut self, service: StepId, state: State) {
        if let Some(life) = self.lives.get_mut(&service) {
            life.state = state;
        }
    }
}
