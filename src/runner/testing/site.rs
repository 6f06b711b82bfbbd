//! A scripted site: whole gangs, with nothing local in them: no process, no pipe, no file.
//!
//! It keeps the contract of a [`Site`], and nothing more, so that it shows a newcomer what one has to do. Its
//! gangs are simpler than those of this machine: a failed member is never tried again alone, but always with
//! its whole gang.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep};

use super::act::{ActEnd, Scripts};
use super::perform::{End, perform};
use super::service;
use crate::event::{EventKind, StepFinished};
use crate::executor::{Exit, SystemError};
use crate::pipeline::{Failure, OnError, Outcome, StepId};
use crate::runner::slots::SlotRequest;
use crate::runner::{DEATH_NEWS, Deaths, GangMessage, GangOrder, Job, ServiceOrder, Shutdown, Site, retry};

/// The site.
pub(super) struct ScriptedSite(pub(super) Scripts);

impl Site for ScriptedSite {
    fn run_gang(
        &self,
        order: GangOrder,
        shutdown: watch::Receiver<Shutdown>,
        dispatcher: mpsc::UnboundedSender<GangMessage>,
    ) -> BoxFuture<'_, ()> {
        let GangOrder {
            job,
            steps,
            round: _,
            given: _,
            body: _,
            decisions: _,
            passed_over: _,
            endpoints: _,
            deaths,
        } = order;
        let members = steps.into_iter().map(Member::new).collect();
        let gang = ScriptedGang { scripts: self.0.clone(), job, members, shutdown, deaths, dispatcher };
        Box::pin(gang.run())
    }

    fn run_service(
        &self,
        order: ServiceOrder,
        shutdown: watch::Receiver<Shutdown>,
        dispatcher: mpsc::UnboundedSender<GangMessage>,
    ) -> BoxFuture<'_, ()> {
        Box::pin(service::run(self.0.clone(), order, shutdown, dispatcher))
    }
}

struct Member {
    step: StepId,
    attempts: u32,
    retries: u32,
    /// When its `timeout` is over.
    deadline: Option<Instant>,
    /// It has been sent to the dispatcher.
    is_over: bool,
}

impl Member {
    fn new(step: StepId) -> Self {
        Self { step, attempts: 0, retries: 0, deadline: None, is_over: false }
    }
}

struct ScriptedGang {
    scripts: Scripts,
    job: Arc<Job>,
    /// Producers before their readers.
    members: Vec<Member>,
    shutdown: watch::Receiver<Shutdown>,
    deaths: watch::Receiver<Deaths>,
    dispatcher: mpsc::UnboundedSender<GangMessage>,
}

impl ScriptedGang {
    async fn run(mut self) {
        while let Some(delay) = self.round().await {
            self.rest(delay).await;
            if *self.shutdown.borrow() != Shutdown::None {
                self.cancel_the_rest();
            }
        }
    }

    /// Runs all members that are not over at once. Returns the wait before the next round, if there is one.
    async fn round(&mut self) -> Option<Duration> {
        let running = FuturesUnordered::new();
        let mut stops = Vec::new();
        for index in 0..self.members.len() {
            let (stop, stopped) = watch::channel(*self.shutdown.borrow());
            stops.push(stop);
            if !self.members[index].is_over {
                running.push(self.attempt(index, stopped));
            }
        }
        tokio::pin!(running);
        let (mut shutdown, mut deaths) = (self.shutdown.clone(), self.deaths.clone());
        let mut tainted: BTreeMap<usize, StepId> = BTreeMap::new();
        let (mut again, mut succeeded) = (None, Vec::new());
        loop {
            let (index, end) = tokio::select! {
                Ok(()) = deaths.changed() => {
                    self.taint_bereft(&mut tainted, &stops);
                    continue;
                }
                Ok(()) = shutdown.changed() => {
                    let how = *shutdown.borrow_and_update();
                    self.taint_bereft(&mut tainted, &stops);
                    for stop in &stops {
                        how.escalate(stop);
                    }
                    continue;
                }
                ended = running.next() => match ended {
                    Some(ended) => ended,
                    None => break,
                },
            };
            let end = match self.bereft(index).filter(|_| tainted.contains_key(&index)) {
                Some(_) => End::Stopped,
                None => end,
            };
            let outcome = match self.judge(index, end) {
                // The whole gang begins again: how the others end says nothing.
                _ if again.is_some() => continue,
                Ok(Outcome::Succeeded) => {
                    succeeded.push(index);
                    continue;
                }
                Ok(outcome) => match tainted.get(&index) {
                    Some(&producer) => Outcome::Tainted { producer },
                    None => outcome,
                },
                Err(failure) => match self.retry(index, &failure) {
                    Some(delay) => {
                        again = Some(delay);
                        for stop in &stops {
                            Shutdown::Graceful.escalate(stop);
                        }
                        continue;
                    }
                    None => self.final_outcome(index, failure),
                },
            };
            if matches!(outcome, Outcome::Failed(_) | Outcome::TimedOut | Outcome::Ignored(_)) {
                for reader in self.readers_of(index) {
                    tainted.entry(reader).or_insert(self.members[index].step);
                    Shutdown::Graceful.escalate(&stops[reader]);
                }
            }
            self.finish(index, outcome);
        }
        if again.is_none() {
            succeeded.into_iter().for_each(|index| self.finish(index, Outcome::Succeeded));
        }
        again
    }

    /// Makes one attempt. Its own future borrows nothing: the gang goes on deciding while it runs.
    fn attempt(
        &mut self,
        index: usize,
        mut stopped: watch::Receiver<Shutdown>,
    ) -> impl Future<Output = (usize, End)> + 'static {
        let member = &mut self.members[index];
        member.attempts += 1;
        let policy = &self.job.pipeline.step(member.step).policy;
        let after = |limit: Option<Duration>| limit.map(|limit| Instant::now() + limit);
        member.deadline = member.deadline.or_else(|| after(policy.timeout));
        let of_attempt = after(policy.retry.as_ref().and_then(|retry| retry.timeout));
        let deadline = member.deadline.into_iter().chain(of_attempt).min();
        let (job, scripts, step, attempt) =
            (Arc::clone(&self.job), self.scripts.clone(), member.step, member.attempts);
        async move {
            let declared = job.pipeline.step(step);
            let act = scripts.next(&declared.name);
            let started = EventKind::StepStarted { step, attempt, lane: None, starting: Duration::ZERO };
            if declared.terminal {
                job.events.show(started.clone()).await;
            }
            match act.end {
                ActEnd::NotStarted => return (index, End::NotStarted("it is not there".into())),
                ActEnd::SystemFails => {
                    return (index, End::Lost(SystemError::new("cannot start anything", "no luck")));
                }
                ActEnd::Panics => panic!("a bug in a site"),
                ActEnd::Exit(_) | ActEnd::Lost(_) | ActEnd::Lingers(_) => {}
            }
            scripts.log.lock().unwrap().start(&declared.name, declared.terminal);
            if !declared.terminal {
                job.events.send(started);
            }
            let end = perform(&act, deadline, job.settings.grace, &mut stopped).await;
            scripts.log.lock().unwrap().end(&declared.name, declared.terminal);
            let has_failed = matches!(&end, End::Exit(exit) if exit.failure().is_some());
            if has_failed && declared.usages().next().is_some() && *stopped.borrow() == Shutdown::None {
                // The end of a service may be the cause, and become known later.
                sleep(DEATH_NEWS).await;
            }
            (index, end)
        }
    }

    /// The step whose failure has taken away what a member uses.
    fn bereft(&self, index: usize) -> Option<StepId> {
        let deaths = self.deaths.borrow();
        let mut used = self.job.pipeline.step(self.members[index].step).usages();
        used.find_map(|usage| deaths.get(&usage.step).copied())
    }

    /// Stops the members whose service has ended, and the readers of what they make.
    fn taint_bereft(&self, tainted: &mut BTreeMap<usize, StepId>, stops: &[watch::Sender<Shutdown>]) {
        for index in 0..self.members.len() {
            let Some(culprit) = self.bereft(index).filter(|_| !self.members[index].is_over) else { continue };
            for index in self.readers_of(index).into_iter().chain([index]) {
                tainted.entry(index).or_insert(culprit);
                Shutdown::Graceful.escalate(&stops[index]);
            }
        }
    }

    /// What the end of an attempt means for its step, as far as it can be said without the others.
    fn judge(&self, index: usize, end: End) -> Result<Outcome, Failure> {
        let has_terminal = self.job.pipeline.step(self.members[index].step).terminal;
        match end {
            End::Exit(Exit::Signal(signal @ 1..=3)) if has_terminal => {
                let _ = self.dispatcher.send(GangMessage::Interrupted(signal));
                Ok(Outcome::Cancelled)
            }
            End::Exit(exit) => exit.failure().map_or(Ok(Outcome::Succeeded), Err),
            End::TimedOut => Err(Failure::Timeout),
            End::NotStarted(why) => Err(Failure::Start(why)),
            End::Stopped => Ok(Outcome::Cancelled),
            End::Lost(error) => {
                let _ = self.dispatcher.send(GangMessage::SiteFailed(error));
                Ok(Outcome::Cancelled)
            }
        }
    }

    /// The wait before the gang begins again after this failure, if it does.
    fn retry(&mut self, index: usize, failure: &Failure) -> Option<Duration> {
        if *self.shutdown.borrow() != Shutdown::None {
            return None;
        }
        let member = &mut self.members[index];
        let policy = &self.job.pipeline.step(member.step).policy;
        let delay = retry::next(policy.retry.as_ref(), member.retries, failure)?;
        if member.deadline.is_some_and(|deadline| Instant::now() + delay >= deadline) {
            return None;
        }
        member.retries += 1;
        let (step, attempt, failure) = (member.step, member.attempts, failure.clone());
        let restarting = self.members.iter().filter(|it| !it.is_over).map(|it| it.step).collect();
        self.job.events.send(EventKind::StepRetrying { step, attempt, failure, delay, restarting });
        Some(delay)
    }

    /// Waits before the next round, without slots if that takes time.
    async fn rest(&mut self, delay: Duration) {
        if delay.is_zero() {
            return;
        }
        let waiting = self.members.iter().filter(|member| !member.is_over);
        let steps: Vec<StepId> = waiting.map(|member| member.step).collect();
        let _ = self.dispatcher.send(GangMessage::Resting(steps.clone()));
        let dispatcher = self.dispatcher.clone();
        let wait = async move {
            sleep(delay).await;
            let (go, gone) = oneshot::channel();
            let _ = dispatcher.send(GangMessage::Returning(SlotRequest { steps, go }));
            let _ = gone.await;
        };
        tokio::select! {
            () = wait => {}
            _ = self.shutdown.wait_for(|how| *how != Shutdown::None) => {}
        }
    }

    fn final_outcome(&self, index: usize, failure: Failure) -> Outcome {
        match (self.job.pipeline.step(self.members[index].step).policy.on_error, failure) {
            (OnError::Ignore, failure) => Outcome::Ignored(failure),
            (_, Failure::Timeout) => Outcome::TimedOut,
            (_, failure) => Outcome::Failed(failure),
        }
    }

    /// The members that read what a member makes, directly or through others.
    fn readers_of(&self, index: usize) -> BTreeSet<usize> {
        let mut readers = BTreeSet::from([index]);
        for (reader, member) in self.members.iter().enumerate() {
            let inputs = &self.job.pipeline.step(member.step).inputs;
            let producer = |producer: &usize| {
                let port = self.job.pipeline.step(self.members[*producer].step).output;
                port.is_some_and(|port| inputs.iter().any(|input| input.port.stream == port.stream))
            };
            if readers.iter().any(producer) {
                readers.insert(reader);
            }
        }
        readers.remove(&index);
        readers
    }

    fn cancel_the_rest(&mut self) {
        (0..self.members.len()).for_each(|index| self.finish(index, Outcome::Cancelled));
    }

    /// Sends the end of a member, once.
    fn finish(&mut self, index: usize, outcome: Outcome) {
        let member = &mut self.members[index];
        if !std::mem::replace(&mut member.is_over, true) {
            let finished =
                StepFinished { attempts: member.attempts, ..StepFinished::unrun(member.step, outcome) };
            let _ = self.dispatcher.send(GangMessage::Finished(finished));
        }
    }
}
