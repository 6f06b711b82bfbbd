//! How the attempts of a gang's members start.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Gang;
use super::member::{Member, State};
use super::restart::Restart;
use super::signal::Signal;
use crate::executor::StartError;
use crate::runner::Shutdown;
use crate::runner::attempt::{self, Attempt, NotStarted, PipeEnds};
use crate::runner::end::End;
use crate::runner::spec::{Request, Seen};

impl Gang {
    /// Starts all waiting members together, and connects them.
    pub(super) async fn start_round(&mut self) {
        self.round += 1;
        self.restart = Restart::No;
        let waiting: Vec<usize> = self.waiting().collect();
        self.begin(&waiting);
        let starts = waiting.iter().map(|&member| self.start_attempt(member));
        let started = futures::future::join_all(starts).await;
        let started = waiting.into_iter().zip(started);
        let ends: BTreeMap<usize, PipeEnds> =
            started.filter_map(|(member, started)| Some((member, self.admit(member, started)?))).collect();
        if let Err(error) = self.streams.connect(&self.job, &self.budget, ends, self.round, &self.signals) {
            self.site_failed(error);
        }
    }

    fn waiting(&self) -> impl Iterator<Item = usize> {
        let waits = |member: &Member| matches!(member.state, State::Waiting);
        self.members.iter().enumerate().filter(move |(_, member)| waits(member)).map(|(index, _)| index)
    }

    fn begin(&mut self, members: &[usize]) {
        for &index in members {
            let policy = &self.job.pipeline.step(self.members[index].step).policy;
            self.members[index].begin(policy);
        }
    }

    /// Starts one attempt; its end arrives as a signal of this round.
    async fn start_attempt(&self, index: usize) -> Result<(Attempt, PipeEnds), NotStarted> {
        let member = &self.members[index];
        let policy = &self.job.pipeline.step(member.step).policy;
        let one = policy.retry.as_ref().and_then(|retry| retry.timeout);
        let whole = member.deadline.or_else(|| attempt::deadline_in(policy.timeout));
        let request = Request {
            step: member.step,
            number: member.attempts + 1,
            inputs: self.streams.inputs_of(&self.job, index, member.step),
            deadline: attempt::earlier(whole, attempt::deadline_in(one)),
            seen: Seen {
                given: Arc::clone(&self.given),
                body: self.body.clone(),
                absent: self.streams.absent_of(&self.job, member.step),
                endpoints: Some(Arc::clone(&self.endpoints)),
            },
        };
        let (signals, round) = (self.signals.clone(), self.round);
        let report = move |result| {
            let _ = signals.send((round, Signal::Ended { member: index, result }));
        };
        attempt::start(&self.job, &self.executor, request, self.halts.clone(), report).await
    }

    /// Notes how the start of an attempt went. Returns the pipe ends of one that runs.
    fn admit(&mut self, index: usize, started: Result<(Attempt, PipeEnds), NotStarted>) -> Option<PipeEnds> {
        let timeout = self.job.pipeline.step(self.members[index].step).policy.timeout;
        let member = &mut self.members[index];
        member.attempts += 1;
        member.deadline = member.deadline.or_else(|| attempt::deadline_in(timeout));
        match started {
            Ok((attempt, ends)) => {
                attempt.stop(self.halt);
                member.state = State::Running(attempt);
                Some(ends)
            }
            Err(NotStarted::Early(how)) => {
                member.state = State::Exited(how.into());
                None
            }
            Err(NotStarted::Failed(StartError::Step(why))) => {
                member.state = State::Exited(End::NotStarted(why).into());
                None
            }
            Err(NotStarted::Failed(StartError::System(error))) => {
                member.state = State::Exited(End::Stopped.into());
                self.site_failed(error);
                None
            }
        }
    }

    /// Starts one member again, its readers still waiting.
    pub(super) async fn start_again(&mut self, index: usize) {
        if *self.halts.borrow() != Shutdown::None {
            return;
        }
        // If the whole gang is about to start afresh, so is this member.
        if self.restart != Restart::No || !matches!(self.members[index].state, State::Waiting) {
            return;
        }
        self.begin(&[index]);
        let started = self.start_attempt(index).await;
        if let Some(PipeEnds { stdout: Some(stdout), inputs: _ }) = self.admit(index, started) {
            self.streams.feed_again(index, stdout);
        }
    }
}
