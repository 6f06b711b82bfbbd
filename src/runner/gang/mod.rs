//! A gang: steps joined by live streams, which start together, are judged together and are retried together.
//!
//! One task owns a gang from its first start to its last outcome. Everything that happens to it arrives as a
//! [`Signal`]; after each one the gang is *settled* ([`settle`]): every outcome that is known by now is
//! taken. `docs/explanation/gang.md` draws the states of a member and of a restart, and says who holds which
//! descriptor.
//!
//! The guarantees that are kept here, by the numbers of the stream contract:
//!
//! - *Never truncated but green*: a stream is finished, so that its readers see end-of-file, only when its
//!   producer has exited with success and all its bytes are delivered. If it fails, the stream is halted
//!   first and its readers are stopped; its pipes are closed only when they are gone.
//! - *A reader may leave early*: the stream goes on without it. A producer that dies of SIGPIPE after the
//!   last reader has left is judged by what becomes of its readers.
//! - *Retry never mixes attempts*: a failed producer is started again alone only if none of its bytes has
//!   gone out. Otherwise all members are stopped, the pipes are discarded, and the gang starts afresh. A
//!   member's success is not reported as long as that can happen.

mod deadlock;
mod deaths;
mod live;
mod member;
mod pipes;
mod report;
mod restart;
mod settle;
mod signal;
mod sink;
mod start;
mod state;
mod stats;
mod streams;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};

pub use self::member::final_outcome;
use self::member::{Member, State};
use self::restart::Restart;
use self::signal::Signal;
pub(super) use self::sink::stored_path;
use self::streams::GangStreams;
use super::end::{End, Ended};
use super::{Deaths, GangMessage, GangOrder, Job, Shutdown};
use crate::executor::{Executor, Exit, SystemError};
use crate::pipeline::{BodyEnd, Endpoints};
use crate::stream::{FanoutEvent, PipeBudget};
use crate::template::StepOutputs;

/// The signals that a terminal sends: it hangs up, Ctrl-C, Ctrl-\.
const TYPED: [i32; 3] = [1, 2, 3];

/// How often the progress of live streams is sent as an event.
const PROGRESS: Duration = Duration::from_millis(250);

/// The state of a gang's task.
struct Gang {
    job: Arc<Job>,
    executor: Arc<dyn Executor>,
    budget: Arc<PipeBudget>,
    /// The outputs of the steps that its members depend on.
    given: Arc<StepOutputs>,
    /// Where what the members use is found.
    endpoints: Arc<Endpoints>,
    /// The services that have ended too early.
    deaths: watch::Receiver<Deaths>,
    /// How the ordinary steps have ended, for `finally` steps.
    body: Option<Arc<BodyEnd>>,
    members: Vec<Member>,
    streams: GangStreams,
    /// Counts the starts of the whole gang; a signal of another round is stale.
    round: u32,
    restart: Restart,
    halt: Shutdown,
    /// The end of the run, as the dispatcher calls for it.
    halts: watch::Receiver<Shutdown>,
    signals: mpsc::UnboundedSender<(u32, Signal)>,
    dispatcher: mpsc::UnboundedSender<GangMessage>,
}

/// Runs the members of a gang to their ends. Sends every end to the dispatcher, and leaves nothing running.
pub(super) async fn run(
    (executor, budget): (Arc<dyn Executor>, Arc<PipeBudget>),
    order: GangOrder,
    mut halt: watch::Receiver<Shutdown>,
    dispatcher: mpsc::UnboundedSender<GangMessage>,
) {
    let GangOrder { job, steps, round, given, body, decisions, passed_over, endpoints, deaths } = order;
    let mut news = deaths.clone();
    let (signals, mut inbox) = mpsc::unbounded_channel();
    let before = round.saturating_sub(1);
    let members: Vec<Member> = steps.into_iter().map(|step| Member::new(step, before)).collect();
    let streams = GangStreams::new(&job, decisions, passed_over, &members);
    let mut gang = Gang {
        job,
        executor,
        budget,
        given: Arc::new(given),
        endpoints,
        deaths,
        body,
        members,
        streams,
        round: before,
        restart: Restart::No,
        halt: Shutdown::None,
        halts: halt.clone(),
        signals,
        dispatcher,
    };
    let mut ticks = interval(PROGRESS);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    gang.start_round().await;
    loop {
        gang.settle().await;
        if gang.members.iter().all(|member| member.reported) {
            break;
        }
        tokio::select! {
            Some((round, signal)) = inbox.recv() => if round == gang.round {
                signal.log(round);
                gang.take(signal).await;
            },
            Ok(()) = news.changed() => gang.bereave(),
            Ok(()) = halt.changed() => {
                let how = *halt.borrow_and_update();
                // Of a service's end that stops the run its users are told first.
                gang.bereave();
                gang.stop(how);
            }
            _ = ticks.tick(), if gang.streams.any_moving() => {
                gang.streams.break_deadlock();
                gang.send_progress();
            }
        }
    }
    gang.close_broken_streams().await;
}

impl Gang {
    async fn take(&mut self, signal: Signal) {
        match signal {
            Signal::Ended { member, result: Ok(ended) } => {
                if let Some(ended) = self.after_news(member, ended) {
                    self.ended(member, ended);
                }
            }
            Signal::Ended { member, result: Err(error) } => {
                self.members[member].state = State::Exited(End::Stopped.into());
                self.site_failed(error);
            }
            Signal::Stream { event: FanoutEvent::Failed(error), .. } => {
                self.site_failed(SystemError::new("a stream could not be moved", error));
            }
            Signal::Stream { stream, event: FanoutEvent::SourceEnded { .. } } => {
                if let Some(live) = self.streams[stream].live_mut() {
                    live.source_ended = true;
                }
            }
            Signal::Stream { stream, event: FanoutEvent::SinkLeft { sink } } => {
                self.find_out_why(stream, sink)
            }
            Signal::Stream { event: FanoutEvent::AllLeft, .. } => {}
            // Rightly: the reader of a named pipe or of standard output may leave.
            Signal::FileClosed { stream, result: Ok(()) } => {
                if let Some(live) = self.streams[stream].live_mut() {
                    live.excused += 1;
                }
            }
            Signal::FileClosed { result: Err(error), .. } => self.site_failed(error),
            Signal::Finished { stream, result: Ok(kept) } => {
                if let Some(live) = self.streams[stream].live_mut() {
                    live.note_finished(kept);
                }
            }
            Signal::Finished { result: Err(error), .. } => self.site_failed(error),
            Signal::StreamSilent { stream } => {
                if self.streams[stream].is_moving() {
                    self.site_failed(SystemError::new("a stream stopped moving", "its thread has ended"));
                }
            }
            Signal::LeakGraceOver { stream } => self.streams[stream].cut(),
            Signal::RetryMember { member } => self.start_again(member).await,
            Signal::RetryGang => self.start_round().await,
        }
    }

    /// Takes the end of an attempt. A signal typed on the terminal reaches the step that has the terminal,
    /// and not `pipe`: if the step dies of it, so does the run, as a script does in a shell.
    fn ended(&mut self, index: usize, ended: Ended) {
        let member = &mut self.members[index];
        let typed = match ended.how {
            End::Exit(Exit::Signal(signal)) if TYPED.contains(&signal) => Some(signal),
            End::Exit(_) | End::NotStarted(_) | End::Faulty(_) | End::TimedOut | End::Stopped => None,
        };
        let typed = typed.filter(|_| self.job.pipeline.step(member.step).terminal);
        member.state = State::Exited(match typed {
            Some(_) => Ended { how: End::Stopped, ..ended },
            None => ended,
        });
        if let Some(signal) = typed {
            let _ = self.dispatcher.send(GangMessage::Interrupted(signal));
        }
    }

    /// Closes the streams that are not whole. No reader runs any more. A process that a reader has left
    /// behind, even with success, is killed first: it would mistake the closing for the end of a complete
    /// stream.
    async fn close_broken_streams(&mut self) {
        self.executor.sever(self.streams.open_pipes()).await;
        self.streams.discard();
    }

    /// Finds out why a file was closed early: a full disk, or a pipe whose reader has enough.
    fn find_out_why(&mut self, stream: usize, sink: usize) {
        if let Some(keeper) = self.streams.take_left_file(stream, sink) {
            let (signals, round) = (self.signals.clone(), self.round);
            tokio::spawn(async move {
                let result = sink::complete(vec![keeper]).await.map(|_| ());
                let _ = signals.send((round, Signal::FileClosed { stream, result }));
            });
        }
    }

    /// Stops all members, because the run ends.
    fn stop(&mut self, how: Shutdown) {
        self.halt = self.halt.max(how);
        if self.halt == Shutdown::None {
            return;
        }
        self.streams.halt();
        self.members.iter().for_each(|member| member.stop(self.halt));
    }

    /// Reports a failure that is no step's. The dispatcher ends the run; the streams must not end before
    /// that.
    fn site_failed(&mut self, error: SystemError) {
        let _ = self.dispatcher.send(GangMessage::SiteFailed(error));
        self.stop(Shutdown::Graceful);
    }

    /// Sends a signal of this round after a while.
    fn later(&self, delay: Duration, signal: Signal) {
        let (signals, round) = (self.signals.clone(), self.round);
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            let _ = signals.send((round, signal));
        });
    }
}
