//! A running step in a shared container.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::watch;
use tokio::time::timeout;

use super::processes::Processes;
use crate::executor::docker::container::{HeldOpen, KILLED};
use crate::executor::{Exit, HoldGuard, StepHandle, Stop, SystemError};

/// How long a step whose container has ended waits to be stopped for that.
const PATIENCE: Duration = Duration::from_secs(10);

/// How a step in a shared container has ended; `None` is with its container.
pub(super) type HowEnded = Result<Option<Exit>, SystemError>;

/// Processes that may have begun; unless the end of the first is known, dropping this kills them.
pub(super) struct Begun {
    pub(super) processes: Arc<Processes>,
    /// Known once the first process has ended.
    pub(super) exit: watch::Receiver<Option<HowEnded>>,
    /// Dropped once they are gone.
    held: HoldGuard,
    attempt: HoldGuard,
}

impl Begun {
    pub(super) fn new(
        processes: Arc<Processes>,
        exit: watch::Receiver<Option<HowEnded>>,
        attempt: &HoldGuard,
    ) -> Self {
        let (held, _) = HoldGuard::new();
        Self { processes, exit, held, attempt: attempt.clone() }
    }

    /// Keeps an end of what they read open until it is released or they are gone.
    pub(super) fn hold_open<T: Send + 'static>(&self, end: T) -> HeldOpen<T> {
        HeldOpen::until(self.held.released(), end)
    }

    /// Waits until this is dropped and they are gone, as far as that is waited for.
    pub(super) fn gone(&self) -> impl Future<Output = ()> + Send + 'static {
        self.held.released().wait()
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if self.exit.borrow().is_some() {
            return;
        }
        let processes = Arc::clone(&self.processes);
        let guards = (self.held.clone(), self.attempt.clone());
        self.processes.shared().later(async move {
            let _until_they_are_gone = guards;
            let _ = processes.stop(Stop::Kill).await;
            processes.none_left(|| true).await;
        });
    }
}

/// A running step.
pub(super) struct Handle {
    pub(super) begun: Begun,
    /// Whether it was told to stop.
    pub(super) stopping: watch::Sender<bool>,
}

impl StepHandle for Handle {
    fn wait(&self) -> BoxFuture<'_, Result<Exit, SystemError>> {
        let (mut exit, mut stopping) = (self.begun.exit.clone(), self.stopping.subscribe());
        Box::pin(async move {
            let lost = || SystemError::new("lost a step in a container", "its watcher has ended");
            let known = exit.wait_for(Option::is_some).await.map_err(|_| lost())?.clone();
            match known.unwrap_or_else(|| Err(lost()))? {
                Some(exit) => Ok(exit),
                None => {
                    // The container's own end is the cause, and comes first.
                    let _ = timeout(PATIENCE, stopping.wait_for(|stopping| *stopping)).await;
                    Ok(Exit::Code(KILLED))
                }
            }
        })
    }

    fn stop(&self, how: Stop) -> BoxFuture<'_, Result<(), SystemError>> {
        Box::pin(async move {
            let stopped = self.begun.processes.stop(how).await;
            self.stopping.send_replace(true);
            stopped
        })
    }

    fn gone(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.begun.processes.none_left(|| self.begun.processes.were_killed()))
    }
}
