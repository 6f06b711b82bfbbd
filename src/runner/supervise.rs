//! A running process of an attempt: its log, its time limit, and the way from TERM to KILL.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use futures::FutureExt as _;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::end::{End, Ended};
use super::files::Files;
use super::log::{self, until};
use super::{Job, Settings, Shutdown};
use crate::event::{EventKind, OutputChannel};
use crate::executor::{Executor, Exit, StepHandle, Stop, SystemError};
use crate::pipeline::StepId;

/// A process that runs, and what belongs to its attempt.
pub(super) struct Supervised {
    pub(super) job: Arc<Job>,
    pub(super) executor: Arc<dyn Executor>,
    pub(super) step: StepId,
    pub(super) handle: Arc<dyn StepHandle>,
    pub(super) halted: watch::Receiver<Shutdown>,
    pub(super) files: Option<Files>,
}

impl Supervised {
    /// Waits for the end of the attempt. On return the process is dead even if its status was lost: its input
    /// pipes are closed next, which must not look like end-of-file to it.
    pub(super) async fn run(mut self, log: Log, deadline: Option<Instant>) -> Result<Ended, SystemError> {
        let ended = self.follow(log, deadline).await;
        if ended.is_err() {
            let Settings { grace, leak_grace, .. } = self.job.settings;
            // A process whose status is lost may still be ending.
            let patience = if self.handle.stop(Stop::Kill).await.is_ok() { grace } else { leak_grace };
            let _ = timeout(patience, async {
                let _ = self.handle.wait().await;
                self.handle.gone().await;
            })
            .await;
            self.files.iter().for_each(Files::undo);
        }
        ended
    }

    async fn follow(&mut self, log: Log, deadline: Option<Instant>) -> Result<Ended, SystemError> {
        let (cut, cuts) = watch::channel(false);
        let mut tap = Tapping::default();
        let (channel, fd) = log;
        let name = self.job.pipeline.step(self.step).name.clone();
        tap.spawn(log::pass_on(fd, name, self.job.events.output(self.step, channel), cuts));
        let (how, kill_at) = self.exit(deadline).await?;
        // A stopped step gets the full grace period, a leaked descriptor only `leak_grace`.
        let leak = Instant::now() + self.job.settings.leak_grace;
        let patience = kill_at.map_or(leak, |kill_at| kill_at.max(leak));
        let leaky = self.drain(&mut tap, &cut, patience).await?;
        let succeeded = how == End::Exit(Exit::Code(0));
        if !succeeded {
            self.clear(kill_at).await?;
        }
        Ok(self.ended(how, leaky && succeeded).await)
    }

    /// Waits until no process of the step is left. Until `kill_at`, processes that got TERM may tidy up; then
    /// they get KILL.
    async fn clear(&mut self, kill_at: Option<Instant>) -> Result<(), SystemError> {
        if let Some(kill_at) = kill_at {
            tokio::select! {
                () = self.handle.gone() => return Ok(()),
                () = sleep_until(kill_at) => {}
                Ok(_) = self.halted.wait_for(|halt| *halt == Shutdown::Immediate) => {}
            }
        }
        self.handle.stop(Stop::Kill).await?;
        if timeout(self.job.settings.grace, self.handle.gone()).await.is_err() {
            let name = &self.job.pipeline.step(self.step).name;
            self.job.events.send(EventKind::Warning(format!(
                "`{name}` has left a process that cannot be killed: it runs as another user, or waits for a device"
            )));
        }
        Ok(())
    }

    /// Adds the values that the step gave and the files that it left behind. How it ended matters more than
    /// what is wrong with them.
    async fn ended(&self, how: End, leaky: bool) -> Ended {
        let succeeded = how == End::Exit(Exit::Code(0));
        let mut ended = Ended { leaky, ..how.into() };
        let Some(files) = &self.files else { return ended };
        ended.artifacts.declared.clone_from(&files.declared);
        ended.command.clone_from(&files.command);
        if let End::Exit(_) = ended.how {
            match files.harvest().await {
                Ok((outputs, products)) => {
                    (ended.outputs, ended.artifacts.products) = (outputs, products);
                    ended.artifacts.fingerprint = files.fingerprint(&self.job, &*self.executor).await;
                }
                Err(failure) if succeeded => ended.how = End::Faulty(failure),
                Err(_) => ended.outputs = files.outputs.read().unwrap_or_default(),
            }
        }
        ended
    }

    /// Waits for the process, and stops it at the deadline or when it is asked to end. Returns how it ended,
    /// and until when the processes that it left behind may tidy up.
    async fn exit(&mut self, deadline: Option<Instant>) -> Result<(End, Option<Instant>), SystemError> {
        let mut deadline = deadline;
        let mut kill_at = None;
        let mut timed_out = false;
        let mut was_stopped = false;
        let exit = loop {
            let halt = *self.halted.borrow_and_update();
            let halt = if timed_out { halt.max(Shutdown::Graceful) } else { halt };
            let is_first_stop = halt != Shutdown::None && !was_stopped;
            if is_first_stop && let Some(exit) = self.ended_by_itself().await {
                return Ok((End::Exit(exit?), None));
            }
            was_stopped |= is_first_stop;
            match (halt, kill_at) {
                (Shutdown::Immediate, _) => self.handle.stop(Stop::Kill).await?,
                (Shutdown::Graceful, None) => {
                    self.handle.stop(Stop::Terminate).await?;
                    kill_at = Some(Instant::now() + self.job.settings.grace);
                }
                _ => {}
            }
            tokio::select! {
                biased;
                exit = self.handle.wait() => break exit?,
                Ok(()) = self.halted.changed() => {}
                () = until(kill_at) => {
                    self.handle.stop(Stop::Kill).await?;
                    kill_at = Some(Instant::now() + self.job.settings.grace);
                }
                () = until(deadline) => {
                    deadline = None;
                    timed_out = true;
                }
            }
        };
        let end = match (timed_out, was_stopped) {
            (true, _) => End::TimedOut,
            (false, true) => End::Stopped,
            (false, false) => End::Exit(exit),
        };
        Ok((end, kill_at))
    }

    /// Returns how the process has ended, if it has, or is about to. It was not stopped, even if its end is told after
    /// that of another: its producer may have noticed that it closed its files.
    async fn ended_by_itself(&self) -> Option<Result<Exit, SystemError>> {
        match self.handle.wait().now_or_never() {
            None if self.handle.is_ending() => Some(self.handle.wait().await),
            exit => exit,
        }
    }

    /// Reads the log to its end, for as long as `patience` lasts. A process that holds it open after that is
    /// a leak: what has been written so far is taken, and the rest is not waited for. Returns whether there
    /// was one.
    async fn drain(
        &mut self,
        tap: &mut Tapping,
        cut: &watch::Sender<bool>,
        patience: Instant,
    ) -> Result<bool, SystemError> {
        let failed = |why: String| SystemError::new("the log of a step was lost", why);
        let mut leaky = false;
        while !tap.is_empty() {
            if *self.halted.borrow_and_update() == Shutdown::Immediate {
                self.handle.stop(Stop::Kill).await?;
            }
            tokio::select! {
                Some(ended) = tap.join_next() => leaky |= ended.map_err(|error| failed(error.to_string()))??,
                Ok(()) = self.halted.changed() => {}
                () = sleep_until(patience), if !*cut.borrow() => drop(cut.send_replace(true)),
            }
        }
        Ok(leaky)
    }
}

/// The reading end of a step's log, and what is in it.
type Log = (OutputChannel, OwnedFd);

/// The task that passes on a step's log, and is aborted when this is dropped; it returns whether the log had
/// to be cut off.
type Tapping = JoinSet<Result<bool, SystemError>>;
