//! A service: a step that goes on beside those that use it. One task owns it from its first start to its end.
//!
//! Its attempts are those of any step. What is added is [the wait](readiness) until it is ready, which is asked for
//! from its start on, and its end: it has to run until it is told to stop. It is tried again only as long as it
//! has not been ready, since a new one has another state.

mod check;
pub(super) mod readiness;

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use self::check::Checks;
use super::attempt::{self, NotStarted};
use super::end::{End, Ended};
use super::gang::final_outcome;
use super::spec::{Request, Seen};
use super::{GangMessage, ServiceOrder, Shutdown, retry};
use crate::event::{EventKind, StepFinished};
use crate::executor::{Executor, StartError, SystemError};
use crate::pipeline::{Endpoint, Failure, Outcome, Step};
use crate::template::StepOutputs;

/// The state of a service's task.
struct Life {
    order: ServiceOrder,
    executor: Arc<dyn Executor>,
    given: Arc<StepOutputs>,
    shutdown: watch::Receiver<Shutdown>,
    dispatcher: mpsc::UnboundedSender<GangMessage>,
    attempts: u32,
    retries: u32,
    was_ready: bool,
}

/// How an attempt of a service ended.
enum Course {
    /// It was told to stop.
    Stopped,
    Failed(Failure),
    Lost(SystemError),
}

/// Why a service does not get ready.
enum Unready {
    /// What is wrong with it, in a sentence.
    Failed(String),
    Lost(SystemError),
}

impl From<SystemError> for Unready {
    fn from(error: SystemError) -> Self {
        Self::Lost(error)
    }
}

/// Runs a service to its end, and sends the end to the dispatcher.
pub(super) async fn run(
    executor: Arc<dyn Executor>,
    mut order: ServiceOrder,
    shutdown: watch::Receiver<Shutdown>,
    dispatcher: mpsc::UnboundedSender<GangMessage>,
) {
    let started = Instant::now();
    let given = Arc::new(std::mem::take(&mut order.given));
    let (attempts, retries, was_ready) = (0, 0, false);
    let mut life = Life { order, executor, given, shutdown, dispatcher, attempts, retries, was_ready };
    let outcome = life.run().await;
    let duration = started.elapsed();
    let unrun = StepFinished::unrun(life.order.step, outcome);
    let finished = StepFinished { attempts: life.attempts, duration, ..unrun };
    let _ = life.dispatcher.send(GangMessage::Finished(finished));
}

impl Life {
    fn step(&self) -> &Step {
        self.order.job.pipeline.step(self.order.step)
    }

    /// Makes attempts until one has been ready, or none is left.
    async fn run(&mut self) -> Outcome {
        loop {
            let failure = match self.attempt().await {
                Course::Failed(failure) => failure,
                Course::Stopped => return self.stopped(),
                Course::Lost(error) => {
                    let _ = self.dispatcher.send(GangMessage::SiteFailed(error));
                    return Outcome::Cancelled;
                }
            };
            let policy = &self.step().policy;
            let delay = retry::next(policy.retry.as_ref(), self.retries, &failure);
            match delay.filter(|_| !self.was_ready) {
                None => return final_outcome(policy, failure),
                Some(delay) => self.rest(failure, delay).await,
            }
        }
    }

    /// Returns the outcome of one that was told to stop: with another service, or because its users have ended.
    fn stopped(&self) -> Outcome {
        match self.order.deaths.borrow().get(&self.order.step) {
            Some(&producer) => Outcome::Tainted { producer },
            None if self.was_ready => Outcome::Succeeded,
            None => Outcome::Cancelled,
        }
    }

    /// Waits before the next attempt; no longer than until it is told to stop.
    async fn rest(&mut self, failure: Failure, delay: Duration) {
        self.retries += 1;
        let (step, attempt) = (self.order.step, self.attempts);
        let restarting = vec![step];
        self.order.job.events.send(EventKind::StepRetrying { step, attempt, failure, delay, restarting });
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            _ = self.shutdown.wait_for(|how| *how != Shutdown::None) => {}
        }
    }

    async fn attempt(&mut self) -> Course {
        let number = self.attempts + 1;
        let (job, shutdown) = (Arc::clone(&self.order.job), self.shutdown.clone());
        if *shutdown.borrow() != Shutdown::None {
            return Course::Stopped;
        }
        self.attempts = number;
        let checks = match Checks::of(&self.order, &self.given) {
            Ok(checks) => checks,
            Err(why) => return Course::Failed(Failure::Start(why)),
        };
        let (report, ended) = oneshot::channel();
        let report = move |result| {
            let _ = report.send(result);
        };
        let started = attempt::start(&job, &self.executor, self.request(number), shutdown, report).await;
        let attempt = match started {
            Ok((attempt, _)) => attempt,
            Err(NotStarted::Early(_)) => return Course::Stopped,
            Err(NotStarted::Failed(StartError::Step(why))) => return Course::Failed(Failure::Start(why)),
            Err(NotStarted::Failed(StartError::System(error))) => return Course::Lost(error),
        };
        let handle = attempt.handle();
        let name = self.step().name.clone();
        let ready = Box::pin(async move {
            match handle {
                Some(handle) => checks.until_ready(&name, &*handle).await,
                // It has ended, which is told by itself.
                None => std::future::pending().await,
            }
        });
        self.follow(&attempt, ended, ready).await
    }

    fn request(&self, number: u32) -> Request {
        let seen = Seen {
            given: Arc::clone(&self.given),
            body: self.order.body.clone(),
            absent: Arc::default(),
            endpoints: Some(Arc::clone(&self.order.endpoints)),
        };
        Request { step: self.order.step, number, inputs: Vec::new(), deadline: None, seen }
    }

    /// Follows an attempt to its end: until it is told to stop, ends by itself, or does not get ready.
    async fn follow(
        &mut self,
        attempt: &attempt::Attempt,
        mut ended: oneshot::Receiver<Result<Ended, SystemError>>,
        ready: BoxFuture<'static, Result<Endpoint, Unready>>,
    ) -> Course {
        let begun = Instant::now();
        let mut ready = Some(ready);
        let mut fault = None;
        let mut is_stopped = false;
        let ended = loop {
            let verdict = async {
                match &mut ready {
                    Some(ready) => ready.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                ended = &mut ended => break ended,
                Ok(()) = self.shutdown.changed() => {
                    attempt.stop(*self.shutdown.borrow_and_update());
                    (is_stopped, ready) = (true, None);
                }
                verdict = verdict => {
                    ready = None;
                    match verdict {
                        Ok(endpoint) => self.got_ready(begun.elapsed(), endpoint),
                        Err(Unready::Failed(why)) => fault = Some(Course::Failed(Failure::NotReady(why))),
                        Err(Unready::Lost(error)) => fault = Some(Course::Lost(error)),
                    }
                    if fault.is_some() {
                        attempt.stop(Shutdown::Graceful);
                    }
                }
            }
        };
        match (ended, fault) {
            (Ok(Err(error)), _) => Course::Lost(error),
            (Err(_), _) => Course::Lost(SystemError::new("a service was lost", "its task has ended")),
            (Ok(Ok(_)), Some(fault)) => fault,
            (Ok(Ok(_)), None) if is_stopped => Course::Stopped,
            (Ok(Ok(Ended { how, .. })), None) => Course::Failed(died(how)),
        }
    }

    fn got_ready(&mut self, after: Duration, endpoint: Endpoint) {
        self.was_ready = true;
        let step = self.order.step;
        self.order.job.events.send(EventKind::ServiceReady { step, after });
        let _ = self.dispatcher.send(GangMessage::Ready { step, endpoint });
    }
}

/// Returns the failure that the end of a service is, whatever its exit code.
pub(super) fn died(how: End) -> Failure {
    match how {
        End::Exit(exit) => exit.failure().unwrap_or(Failure::EndedEarly),
        End::NotStarted(why) => Failure::Start(why),
        End::TimedOut => Failure::Timeout,
        // What it says of values matters to no step.
        End::Faulty(_) | End::Stopped => Failure::EndedEarly,
    }
}
