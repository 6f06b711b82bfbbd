//! A gang: steps joined by live streams, which start together, are judged together and are retried together.
//!
//! One task owns a gang from its first start to its last outcome. Everything that happens to it arrives as a
//! [`Signal`]; after each one the gang is *settled* ([`settle`]): whatever can be said about its members by now is said.
//!
//! The guarantees that are kept here, by the numbers of the stream contract:
//!
//! - *Never truncated but green*: a stream is finished, so that its readers see end-of-file, only when its producer has
//!   exited with success and all its bytes are delivered. If it fails, the stream is halted first and its readers are
//!   stopped; its pipes are closed only when they are gone.
//! - *A reader may leave early*: the stream goes on without it. A producer that dies of SIGPIPE after the last reader
//!   has left is judged by what becomes of its readers.
//! - *Retry never mixes attempts*: a failed producer is started again alone only if none of its bytes has gone out.
//!   Otherwise everybody is stopped, the pipes are thrown away, and all start afresh. A member's success is not told to
//!   anybody as long as that can happen.

mod flow;
mod keep;
mod lag;
mod member;
mod restart;
mod settle;
mod signal;
mod stats;
mod wires;

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval};

pub(super) use self::keep::stored_path;
use self::member::{Member, State};
use self::restart::Restart;
pub(super) use self::signal::Message;
use self::signal::Signal;
use self::wires::{Ends, Wires};
use super::attempt::{self, NotStarted, Request};
use super::{Halt, Shared};
use crate::event::{EventKind, StepFinished};
use crate::executor::{EngineError, Inlet, StartError};
use crate::pipeline::{Outcome, StepId};
use crate::stream::FanoutEvent;
use crate::template::StepOutputs;

/// How often the progress of live streams is told.
const PROGRESS: Duration = Duration::from_millis(250);

/// The state of a gang's task.
struct Gang {
    shared: Arc<Shared>,
    /// What the steps have given that its members depend on.
    given: Arc<StepOutputs>,
    members: Vec<Member>,
    wires: Wires,
    /// Counts the times that the whole gang was started; tells stale signals.
    round: u32,
    restart: Restart,
    halt: Halt,
    /// Where the run's end is called for.
    halts: watch::Receiver<Halt>,
    signals: mpsc::UnboundedSender<(u32, Signal)>,
    dispatcher: mpsc::UnboundedSender<Message>,
}

/// Where an attempt that runs is joined to streams.
struct LiveEnds {
    /// To what it reads live, by the positions of its inputs.
    inputs: Vec<(usize, Inlet)>,
    /// Where its stdout is a stream.
    stdout: Option<OwnedFd>,
}

/// Runs the members of a gang to their ends. Everything is told to the dispatcher; nothing is left running.
pub(super) async fn run(
    shared: Arc<Shared>,
    steps: Vec<StepId>,
    given: StepOutputs,
    mut halt: watch::Receiver<Halt>,
    dispatcher: mpsc::UnboundedSender<Message>,
) {
    let (signals, mut inbox) = mpsc::unbounded_channel();
    let members: Vec<Member> = steps.into_iter().map(Member::new).collect();
    let wires = Wires::new(&shared, &members);
    let mut gang = Gang {
        shared,
        given: Arc::new(given),
        members,
        wires,
        round: 0,
        restart: Restart::No,
        halt: Halt::Never,
        halts: halt.clone(),
        signals,
        dispatcher,
    };
    let mut ticks = interval(PROGRESS);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    gang.start_round().await;
    loop {
        gang.settle();
        if gang.members.iter().all(|member| member.reported) {
            break;
        }
        tokio::select! {
            Some((round, signal)) = inbox.recv() => if round == gang.round {
                gang.take(signal).await;
            },
            Ok(()) = halt.changed() => {
                let how = *halt.borrow_and_update();
                gang.stop(how);
            }
            _ = ticks.tick(), if gang.wires.any_flowing() => {
                gang.wires.relieve();
                gang.tell_progress();
            }
        }
    }
}

impl Gang {
    /// Starts everybody who waits, together, and connects them.
    async fn start_round(&mut self) {
        self.round += 1;
        self.restart = Restart::No;
        let waiting: Vec<usize> = self.waiting().collect();
        let starts = waiting.iter().map(|&member| self.start_attempt(member));
        let started = futures::future::join_all(starts).await;
        let mut ends = Ends::default();
        for (member, started) in waiting.into_iter().zip(started) {
            if let Some(live) = self.admit(member, started) {
                let step = self.shared.pipeline.step(self.members[member].step);
                let stream = |position: usize| step.inputs[position].port.stream;
                let inputs = live.inputs.into_iter();
                ends.inputs.extend(inputs.map(|(position, fd)| ((member, stream(position)), fd)));
                ends.stdout.extend(live.stdout.map(|fd| (member, fd)));
            }
        }
        if let Err(error) = self.wires.connect(&self.shared, ends, self.round, &self.signals) {
            self.engine_failed(error);
        }
    }

    fn waiting(&self) -> impl Iterator<Item = usize> {
        let waits = |member: &Member| matches!(member.state, State::Waiting);
        self.members.iter().enumerate().filter(move |(_, member)| waits(member)).map(|(index, _)| index)
    }

    /// Starts one attempt; its end will arrive as a signal of this round.
    async fn start_attempt(&self, index: usize) -> Result<attempt::Started, attempt::NotStarted> {
        let member = &self.members[index];
        let policy = &self.shared.pipeline.step(member.step).policy;
        let one = policy.retry.as_ref().and_then(|retry| retry.timeout);
        let whole = member.deadline.or_else(|| attempt::deadline_in(policy.timeout));
        let request = Request {
            step: member.step,
            number: member.attempts + 1,
            inputs: self.wires.inputs_of(&self.shared, index, member.step),
            deadline: attempt::earlier(whole, attempt::deadline_in(one)),
            given: Arc::clone(&self.given),
        };
        let (signals, round) = (self.signals.clone(), self.round);
        let report = move |result| {
            let _ = signals.send((round, Signal::Ended { member: index, result }));
        };
        attempt::start(&self.shared, request, self.halts.clone(), report).await
    }

    /// Notes how the start of an attempt went; hands on the pipe ends of one that runs.
    fn admit(
        &mut self,
        index: usize,
        started: Result<attempt::Started, attempt::NotStarted>,
    ) -> Option<LiveEnds> {
        let timeout = self.shared.pipeline.step(self.members[index].step).policy.timeout;
        let member = &mut self.members[index];
        member.attempts += 1;
        member.started.get_or_insert_with(Instant::now);
        member.deadline = member.deadline.or_else(|| attempt::deadline_in(timeout));
        match started {
            Ok(started) => {
                started.attempt.stop(self.halt);
                member.state = State::Running(started.attempt);
                Some(LiveEnds { inputs: started.inputs, stdout: started.stdout })
            }
            Err(NotStarted::Early(how)) => {
                member.state = State::Exited(how.into());
                None
            }
            Err(NotStarted::Failed(StartError::Step(why))) => {
                member.state = State::Exited(attempt::End::NotStarted(why).into());
                None
            }
            Err(NotStarted::Failed(StartError::Engine(error))) => {
                member.state = State::Exited(attempt::End::Stopped.into());
                self.engine_failed(error);
                None
            }
        }
    }

    /// Starts one member again, its readers still waiting.
    async fn start_again(&mut self, index: usize) {
        // If the whole gang is about to start afresh, so is this one.
        if self.restart != Restart::No || !matches!(self.members[index].state, State::Waiting) {
            return;
        }
        let started = self.start_attempt(index).await;
        if let Some(LiveEnds { stdout: Some(stdout), .. }) = self.admit(index, started) {
            self.wires.feed_again(index, stdout);
        }
    }

    async fn take(&mut self, signal: Signal) {
        match signal {
            Signal::Ended { member, result: Ok(ended) } => self.members[member].state = State::Exited(ended),
            Signal::Ended { member, result: Err(error) } => {
                self.members[member].state = State::Exited(attempt::End::Stopped.into());
                self.engine_failed(error);
            }
            Signal::Stream { event: FanoutEvent::Failed(error), .. } => {
                self.engine_failed(EngineError::new("a stream could not be moved", error));
            }
            Signal::Stream { stream, event: FanoutEvent::SourceEnded { .. } } => {
                self.wires.note_source_ended(stream);
            }
            Signal::Stream { stream, event: FanoutEvent::SinkLeft { sink } } => self.ask_why(stream, sink),
            Signal::Stream { event: FanoutEvent::AllLeft, .. } => {}
            Signal::FileClosed { stream, result: Ok(()) } => self.wires.excuse(stream),
            Signal::FileClosed { result: Err(error), .. } => self.engine_failed(error),
            Signal::Finished { stream, result: Ok(kept) } => self.wires.note_finished(stream, kept),
            Signal::Finished { result: Err(error), .. } => self.engine_failed(error),
            Signal::StreamSilent { stream } => {
                if self.wires.is_moving(stream) {
                    self.engine_failed(EngineError::new("a stream stopped moving", "its thread has ended"));
                }
            }
            Signal::LeakGraceOver { stream } => self.wires.cut(stream),
            Signal::RetryMember { member } => self.start_again(member).await,
            Signal::RetryGang => self.start_round().await,
        }
    }

    /// A file that is closed early is a full disk, unless it is a pipe whose reader has enough.
    fn ask_why(&mut self, stream: usize, sink: usize) {
        if let Some(keeper) = self.wires.take_left_file(stream, sink) {
            let (signals, round) = (self.signals.clone(), self.round);
            tokio::spawn(async move {
                let result = keep::complete(vec![keeper]).await.map(|_| ());
                let _ = signals.send((round, Signal::FileClosed { stream, result }));
            });
        }
    }

    /// Stops everybody, because the run ends.
    fn stop(&mut self, how: Halt) {
        self.halt = self.halt.max(how);
        if self.halt == Halt::Never {
            return;
        }
        self.wires.halt();
        self.members.iter().for_each(|member| member.stop(self.halt));
    }

    /// The engine cannot go on: the dispatcher will end the run, and the streams must not end before that.
    fn engine_failed(&mut self, error: EngineError) {
        let _ = self.dispatcher.send(Message::EngineFailed(error));
        self.stop(Halt::Gently);
    }

    /// Sends a signal of this round after a while.
    fn later(&self, delay: Duration, signal: Signal) {
        let (signals, round) = (self.signals.clone(), self.round);
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            let _ = signals.send((round, signal));
        });
    }

    /// Tells the dispatcher about members whose end nothing can change any more. A failure is told at once; any other end
    /// only when no restart of the gang can undo it.
    fn report(&mut self) {
        let policy = |member: &Member| &self.shared.pipeline.step(member.step).policy;
        let undoable = self.halt == Halt::Never
            && (self.restart != Restart::No
                || self.members.iter().any(|member| member.may_retry(policy(member))));
        let mut ends = Vec::new();
        for index in 0..self.members.len() {
            let member = &self.members[index];
            let State::Settled(outcome, duration) = &member.state else { continue };
            // One that was cancelled for want of readers comes back with those of them that do.
            if member.reported || (undoable && !member.has_failed()) {
                continue;
            }
            let (mut outcome, duration) = (outcome.clone(), *duration);
            if outcome == Outcome::Succeeded
                && let Err(error) = self.wires.commit(index)
            {
                self.engine_failed(error);
                outcome = Outcome::Cancelled;
            }
            let member = &mut self.members[index];
            member.reported = true;
            let (step, attempts, leaky) = (member.step, member.attempts, member.leaky);
            let outputs = Arc::clone(&member.outputs);
            let products = std::mem::take(&mut member.produced.products);
            let fingerprint = std::mem::take(&mut member.produced.fingerprint);
            ends.push(StepFinished {
                step,
                outcome,
                attempts,
                duration,
                leaky,
                outputs,
                products,
                fingerprint,
            });
        }
        if !ends.is_empty() {
            // Before the ends: the last of them may end the run, and this belongs to it.
            self.tell_finished_streams();
        }
        for end in ends {
            let _ = self.dispatcher.send(Message::Finished(end));
        }
    }

    /// Tells about streams whose producer and readers have all ended for good.
    fn tell_finished_streams(&mut self) {
        for finished in self.wires.take_finished(&self.shared, &self.members) {
            self.shared.events.send(EventKind::StreamFinished(finished));
        }
    }

    fn tell_progress(&mut self) {
        let stats = self.wires.progress(&self.members);
        self.shared.events.send(EventKind::StreamProgress(stats));
    }
}
