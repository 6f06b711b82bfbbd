//! What a gang that is ready may still have to wait for: the answer to a question of a step (`confirm`), and
//! names that only one holds at a time (`concurrency`). The gang is held meanwhile, without slots; others
//! start.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::task::JoinSet;

use super::Dispatcher;
use crate::event::EventKind;
use crate::executor::SystemError;
use crate::pipeline::{SkipReason, Step, StepId, Template};
use crate::plan::GangId;
use crate::runner::names::{Before, Holder, Ticket};
use crate::runner::{Job, Shutdown};
use crate::template::{Scope, StepOutputsMode};

/// What gangs wait for, and what they have.
#[derive(Default)]
pub(super) struct Gate {
    /// The steps that were answered with yes.
    confirmed: BTreeSet<StepId>,
    /// The names of steps that run, or that start next.
    names: BTreeMap<StepId, Ticket>,
    waits: JoinSet<Wait>,
}

/// A wait that is over.
pub(super) struct Wait {
    gang: GangId,
    end: WaitEnd,
}

enum WaitEnd {
    /// Why a step is passed over; nothing if the answer is yes.
    Answered(StepId, Option<String>),
    Named(Result<Vec<(StepId, Ticket)>, SystemError>),
}

impl Gate {
    /// Returns the next wait that is over; never where none is under way.
    pub(super) async fn next(&mut self) -> Wait {
        loop {
            match self.waits.join_next().await {
                Some(Ok(wait)) => return wait,
                // It was called off, or broke down, in which case its step never starts.
                Some(Err(_)) => {}
                None => std::future::pending().await,
            }
        }
    }

    /// Gives up everything: no gang starts any more.
    pub(super) async fn close(&mut self) {
        self.waits.shutdown().await;
        self.names.clear();
    }

    /// Gives up the name of a step that has ended for good.
    pub(super) fn leave(&mut self, step: StepId) {
        self.names.remove(&step);
    }
}

impl Dispatcher {
    /// Returns whether a gang that was popped has to wait. It is held then.
    pub(super) fn hold_back(&mut self, gang: GangId, steps: &[StepId]) -> bool {
        let admission = |step: &StepId| self.job.pipeline.step(*step).admission.as_ref();
        let question = steps.iter().find_map(|step| {
            let confirm = admission(step)?.confirm.as_ref()?;
            (!self.gate.confirmed.contains(step)).then(|| (*step, confirm.clone()))
        });
        if let Some((step, confirm)) = question {
            self.ready.suspend(gang, steps);
            self.ask_for(gang, step, &confirm);
            return true;
        }
        // A name is held as shortly as possible, so that nothing is waited for with it.
        self.wait_for_services(gang, steps) || self.wait_for_names(gang, steps)
    }

    /// Returns whether a gang that was popped waits for names. It is held then.
    fn wait_for_names(&mut self, gang: GangId, steps: &[StepId]) -> bool {
        let admission = |step: &StepId| self.job.pipeline.step(*step).admission.as_ref();
        let mut wanted: Vec<(String, StepId)> = steps
            .iter()
            .filter(|step| !self.gate.names.contains_key(step))
            .filter_map(|step| Some((admission(step)?.concurrency.as_ref()?.name.clone(), *step)))
            .collect();
        if wanted.is_empty() {
            return false;
        }
        wanted.sort();
        self.ready.suspend(gang, steps);
        // At once: gangs queue in the order in which they are ready.
        let first = wanted.first().map(|(name, step)| queue(&self.job, name, *step));
        let job = Arc::clone(&self.job);
        self.gate.waits.spawn(async move {
            let names = match first {
                Some(Ok(ticket)) => take(&job, wanted, ticket).await,
                Some(Err(error)) => Err(error),
                None => Ok(Vec::new()),
            };
            Wait { gang, end: WaitEnd::Named(names) }
        });
        true
    }

    fn ask_for(&mut self, gang: GangId, step: StepId, confirm: &Template) {
        let job = Arc::clone(&self.job);
        let (given, body) = (self.given(&[step]), self.told());
        let scope = Scope {
            step: Some(job.pipeline.step(step)),
            outputs: StepOutputsMode::These(&given),
            body: body.as_deref(),
            ..Scope::default()
        };
        match job.templates.render(confirm, scope) {
            Ok(question) => {
                let job = Arc::clone(&job);
                self.gate.waits.spawn(async move {
                    let name = &job.pipeline.step(step).name;
                    let refusal = job.settings.consent.refusal(name, question.trim()).await;
                    Wait { gang, end: WaitEnd::Answered(step, refusal) }
                });
            }
            Err(error) => {
                let why = error.sentence(&job.pipeline.source, confirm);
                self.fail_unstarted(step, format!("its question: {why}"));
                self.ready.queue_again(gang);
            }
        }
    }

    /// Takes the end of a wait: the gang may go on, without those that are passed over.
    pub(super) fn waited(&mut self, Wait { gang, end }: Wait) {
        if *self.phases.shutdown().borrow() != Shutdown::None {
            return;
        }
        match end {
            WaitEnd::Answered(step, None) => {
                self.gate.confirmed.insert(step);
            }
            WaitEnd::Answered(step, Some(why)) => self.pass_over(step, SkipReason::Condition(why)),
            WaitEnd::Named(Ok(names)) => self.gate.names.extend(names),
            WaitEnd::Named(Err(error)) => self.broken(error),
        }
        self.ready.queue_again(gang);
    }

    /// Returns whether a gang is held and will go on. Once the phase is being stopped, none will.
    pub(super) fn is_holding(&mut self) -> bool {
        if *self.phases.shutdown().borrow() != Shutdown::None {
            self.gate.waits.abort_all();
            return false;
        }
        !self.gate.waits.is_empty() || self.awaits_services()
    }
}

/// Takes names, each for its step: all of them, or none while one of them is another's, so that what needs only
/// the others goes on. It waits in the queue of one name at a time, first in that of `ticket`, for the first name.
async fn take(
    job: &Arc<Job>,
    wanted: Vec<(String, StepId)>,
    mut ticket: Ticket,
) -> Result<Vec<(StepId, Ticket)>, SystemError> {
    let mut first = 0;
    let mut told = None;
    loop {
        let Some((name, step)) = wanted.get(first) else { return Ok(Vec::new()) };
        let tell = |before: &Before| {
            let is_new = told.as_ref() != Some(&(first, before.holder.clone()));
            if is_new {
                job.events.send(EventKind::Note(waits_for(job, name, *step, before)));
                told = Some((first, before.holder.clone()));
            }
        };
        ticket.wait(tell).await.map_err(failed(name))?;
        let mut tickets = vec![(*step, ticket)];
        let others = wanted.iter().enumerate().filter(|(index, _)| *index != first);
        let mut busy = None;
        for (index, (name, step)) in others {
            let ticket = queue(job, name, *step)?;
            if ticket.before().map_err(failed(name))?.is_some() {
                busy = Some((index, ticket));
                break;
            }
            tickets.push((*step, ticket));
        }
        match busy {
            None => return Ok(tickets),
            Some((index, of_it)) => {
                // Its place in that queue is kept, and nothing else.
                (first, ticket) = (index, of_it);
            }
        }
    }
}

fn queue(job: &Job, name: &str, step: StepId) -> Result<Ticket, SystemError> {
    let Step { name: step, .. } = job.pipeline.step(step);
    let mut ticket = job.settings.names.queue(name, &Holder::this(&*job.place.id, step))?;
    ticket.leave_to(&job.reaper);
    Ok(ticket)
}

fn failed(name: &str) -> impl FnOnce(std::io::Error) -> SystemError {
    move |error| SystemError::new(format!("cannot wait for the name `{name}`"), error)
}

fn waits_for(job: &Job, name: &str, step: StepId, before: &Before) -> String {
    let holder = match before.holder.run == job.place.id && !before.holder.step.is_empty() {
        true => format!("`{}`", before.holder.step),
        false => before.holder.words(),
    };
    let step = &job.pipeline.step(step).name;
    format!("`{step}` waits for {holder}, which has `{name}`; {} before it", before.count)
}
