//! A gang over all of its rounds. Each round is a pod; whether there is another one is decided here, by the rules that hold
//! on a machine, but that always the whole gang starts again.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep};

use super::Shared;
use super::ends::{self, Attempts};
use crate::cluster::link::ClientLink;
use crate::cluster::store::Manifest;
use crate::event::{EventKind, StepFinished};
use crate::executor::SystemError;
use crate::pipeline::{Failure, Outcome, Policy, StepId};
use crate::runner::{GangMessage, GangOrder, Shutdown, SlotRequest};

/// A gang that runs in the cluster.
pub(super) struct Gang<'a> {
    pub(super) cluster: &'a Arc<Shared>,
    pub(super) client: &'a ClientLink,
    pub(super) order: GangOrder,
    pub(super) shutdown: watch::Receiver<Shutdown>,
    pub(super) members: Vec<Member>,
    /// The wait before the next round, once it is known that there is one.
    pub(super) retry: Option<Duration>,
    dispatcher: mpsc::UnboundedSender<GangMessage>,
}

/// A member of a gang.
pub(super) struct Member {
    pub(super) step: StepId,
    pub(super) attempts: Attempts,
    /// How it has ended in this round.
    pub(super) end: Option<StepFinished>,
    /// What it has made in this round: files of a folder, as the store has them.
    pub(super) made: Vec<(PathBuf, Manifest)>,
    /// The dispatcher knows its end.
    pub(super) is_reported: bool,
}

impl<'a> Gang<'a> {
    pub(super) fn new(
        cluster: &'a Arc<Shared>,
        client: &'a ClientLink,
        order: GangOrder,
        shutdown: watch::Receiver<Shutdown>,
        dispatcher: mpsc::UnboundedSender<GangMessage>,
    ) -> Self {
        let member = |step: &StepId| Member {
            step: *step,
            attempts: Attempts::default(),
            end: None,
            made: Vec::new(),
            is_reported: false,
        };
        let members = order.steps.iter().map(member).collect();
        Self { cluster, client, order, shutdown, members, retry: None, dispatcher }
    }

    /// Runs it to its end. Every member is reported once.
    pub(super) async fn run(mut self) {
        while !self.is_halted() {
            if let Err(error) = self.round().await {
                self.site_failed(error);
                break;
            }
            let Some(delay) = self.retry else { break };
            self.begin_again();
            if !self.rest(delay).await {
                break;
            }
            self.retry = None;
            self.order.round += 1;
        }
        if self.retry.take().is_some() {
            self.begin_again();
        }
        self.report().await;
        let attempts = self.order.round;
        for index in 0..self.members.len() {
            let member = &mut self.members[index];
            if !member.is_reported && member.end.is_none() {
                let attempts = if member.attempts.started.is_some() { attempts } else { 0 };
                member.end =
                    Some(StepFinished { attempts, ..StepFinished::unrun(member.step, Outcome::Cancelled) });
            }
        }
        self.report().await;
    }

    pub(super) fn is_halted(&self) -> bool {
        *self.shutdown.borrow() != Shutdown::None
    }

    pub(super) fn policy(&self, step: StepId) -> &Policy {
        &self.order.job.pipeline.step(step).policy
    }

    pub(super) fn name(&self, step: StepId) -> &str {
        &self.order.job.pipeline.step(step).name
    }

    pub(super) fn warn(&self, text: String) {
        self.order.job.events.send(EventKind::Warning(text));
    }

    pub(super) fn member(&mut self, step: StepId) -> Option<&mut Member> {
        self.members.iter_mut().find(|member| member.step == step)
    }

    /// Returns the members whose ends are not known to the dispatcher.
    pub(super) fn unreported(&self) -> Vec<StepId> {
        self.members.iter().filter(|member| !member.is_reported).map(|member| member.step).collect()
    }

    /// Whether a member has failed for good, by itself or for another.
    fn has_failed(&self) -> bool {
        let end = |member: &Member| member.end.as_ref().is_some_and(|end| ends::has_failed(&end.outcome));
        self.retry.is_none() && self.members.iter().any(end)
    }

    /// Reports a failure that is no step's. The run ends.
    pub(super) fn site_failed(&self, error: SystemError) {
        // A dispatcher that is gone needs no error.
        let _ = self.dispatcher.send(GangMessage::SiteFailed(error));
    }

    /// Takes the end of a member in this round. Returns whether the round is to end, because the gang starts again.
    pub(super) async fn ended(&mut self, mut end: StepFinished, is_of_cluster: bool) -> bool {
        let (failed_before, halted) = (self.has_failed(), self.is_halted());
        let round = self.order.round;
        let policy = self.policy(end.step).clone();
        let is_first = self.retry.is_none();
        let Some(member) = self.member(end.step).filter(|member| !member.is_reported) else { return false };
        if let Some(started) = member.attempts.started {
            end.duration = started.elapsed();
        }
        let failure = ends::failure(&end.outcome).filter(|_| is_first && !failed_before && !halted);
        if let Some(failure) = failure {
            match member.attempts.next(&policy, &failure, is_of_cluster) {
                Ok(delay) => {
                    member.attempts.retries += 1;
                    self.retry = Some(delay);
                    let restarting = self.unreported();
                    let step = end.step;
                    let event = EventKind::StepRetrying { step, attempt: round, failure, delay, restarting };
                    self.order.job.events.send(event);
                    return true;
                }
                Err(why) => end.circumstances.not_retried = why,
            }
        }
        if let Some(member) = self.member(end.step) {
            member.end = Some(end);
        }
        self.report().await;
        false
    }

    /// Fails a member that could not start, or all of it, for a reason of the cluster. The others are cancelled.
    pub(super) async fn not_started(&mut self, step: Option<StepId>, why: String) {
        let Some(step) = step.or_else(|| self.unreported().first().copied()) else { return };
        self.fail(step, Failure::Start(why), false).await;
    }

    /// Fails a member.
    pub(super) async fn fail(&mut self, step: StepId, failure: Failure, is_of_cluster: bool) {
        let outcome = crate::runner::final_outcome(self.policy(step), failure);
        let attempts = self.order.round;
        let end = StepFinished { attempts, ..StepFinished::unrun(step, outcome) };
        self.ended(end, is_of_cluster).await;
    }

    /// Reports the members whose ends nothing can change any more.
    async fn report(&mut self) {
        if self.retry.is_some() {
            return;
        }
        let may_retry = |member: &Member| {
            !member.is_reported
                && member.end.is_none()
                && member.attempts.may_retry(&self.order.job.pipeline.step(member.step).policy)
        };
        let is_undoable = !self.is_halted() && !self.has_failed() && self.members.iter().any(may_retry);
        for index in 0..self.members.len() {
            let member = &mut self.members[index];
            if member.is_reported {
                continue;
            }
            let Some(end) = member.end.take() else { continue };
            if is_undoable && !ends::has_failed(&end.outcome) {
                member.end = Some(end);
                continue;
            }
            member.is_reported = true;
            let made = std::mem::take(&mut member.made);
            let end = self.with_files(end, made).await;
            self.members[index].end = Some(end.clone());
            // A dispatcher that is gone needs no end.
            let _ = self.dispatcher.send(GangMessage::Finished(end));
        }
    }

    /// Takes the files of a member that has succeeded.
    async fn with_files(&self, end: StepFinished, made: Vec<(PathBuf, Manifest)>) -> StepFinished {
        if end.outcome != Outcome::Succeeded {
            return end;
        }
        for (folder, manifest) in made {
            let taken = self.cluster.files.take(self.client, &self.order.job, (&folder, &manifest)).await;
            if let Err(error) = taken {
                let what = format!("cannot bring back what `{}` has made", self.name(end.step));
                self.site_failed(SystemError::new(what, error));
                return StepFinished { outcome: Outcome::Cancelled, ..end };
            }
        }
        end
    }

    /// Forgets how the round has ended for those that start again.
    fn begin_again(&mut self) {
        for member in self.members.iter_mut().filter(|member| !member.is_reported) {
            member.end = None;
            member.made.clear();
        }
    }

    /// Waits before the next round, without slots. Returns whether there is one.
    async fn rest(&mut self, delay: Duration) -> bool {
        if delay.is_zero() {
            return !self.is_halted();
        }
        let steps = self.unreported();
        let _ = self.dispatcher.send(GangMessage::Resting(steps.clone()));
        let mut shutdown = self.shutdown.clone();
        let (go, gone) = oneshot::channel();
        let waiting = async {
            sleep(delay).await;
            let _ = self.dispatcher.send(GangMessage::Returning(SlotRequest { steps, go }));
            gone.await.is_ok()
        };
        tokio::select! {
            may = waiting => may,
            _ = shutdown.wait_for(|shutdown| *shutdown != Shutdown::None) => false,
        }
    }

    /// Notes that an attempt of a step has started.
    pub(super) fn started(&mut self, step: StepId) {
        if let Some(member) = self.member(step) {
            member.attempts.started.get_or_insert_with(Instant::now);
        }
    }
}
