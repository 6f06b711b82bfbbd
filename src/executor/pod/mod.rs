//! Steps in the containers of a pod. Each container's first process is a [wrapper](wrap), which connects to a socket in
//! a folder that all containers share. The conductor has a container of its own; there this executor makes the pipes
//! of a step and hands their ends over to its wrapper, and the wrapper starts the step and tells how it ends.
//!
//! A reader's wrapper keeps a writing end of each pipe that the reader reads, beside the conductor's own, and lets go
//! only at the conductor's word. So an end-of-file takes both, and the death of either is none: without the conductor a
//! wrapper kills its container, and without its wrapper a container is killed by the kernel.
//!
//! A step is all of its container. Once its own process has ended the wrapper kills the others, as the kernel does in
//! a container without a wrapper; so [`StepHandle::gone`] and [`Executor::sever`] have nothing to wait for.
//!
//! A container runs once: a further attempt gets a new pod.

mod gather;
mod held;
mod launch;
mod link;
mod message;
mod step;
#[cfg(test)]
mod tests;
mod wire;
mod wrapper;

use std::collections::HashMap;
use std::time::Duration;

use futures::future::{BoxFuture, join_all};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::debug;

pub use self::gather::{GatherError, Gathering};
use self::launch::Handover;
use self::link::Link;
use self::message::ConductorMessage;
pub use self::message::WRAPPER_PROTOCOL;
pub use self::wrapper::{TOKEN_VARIABLE, WrapperEnd, wrap};
use super::{
    Executor, Exit, HoldGuard, InputPipe, Keepalive, RunningStep, StartError, StepHandle, StepSpec, Stop,
    SystemError,
};

/// How long wrappers that have nothing to do any more may take to end.
const PATIENCE: Duration = Duration::from_secs(5);

/// Something about a container that its step's end does not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PodNotice {
    /// The container is gone with its wrapper; the cluster knows why. Its step has ended by SIGKILL.
    Lost {
        /// The step.
        step: String,
    },
    /// The container has been told to end, and not by the conductor.
    Terminated {
        /// The step.
        step: String,
        /// The signal that its wrapper got.
        signal: i32,
    },
}

/// Where notices go.
pub type PodNotices = mpsc::UnboundedSender<PodNotice>;

/// Runs steps in the containers of a pod whose wrappers have all said hello.
#[derive(Debug)]
pub struct PodExecutor {
    links: HashMap<String, Link>,
}

impl PodExecutor {
    async fn begin(&self, spec: &StepSpec, guard: HoldGuard) -> Result<RunningStep, StartError> {
        let refused = |why: &str| {
            let what = format!("cannot start step `{}` in its container", spec.name);
            StartError::System(SystemError::new(what, why))
        };
        let link = self.links.get(&spec.name).ok_or_else(|| refused("the pod has no container for it"))?;
        let Handover { launch, ends, inputs, watched, pipes, stdout, log } = Handover::of(spec)?;
        if !link.take() {
            return Err(refused("it has run there before, and a container runs once"));
        }
        link.held.fill(watched, pipes);
        let inputs = inputs
            .into_iter()
            .zip(0..)
            .map(|(end, input)| end.map(|fd| InputPipe { keepalive: Keepalive::new(link.hold(input)), fd }));
        let inputs: Vec<_> = inputs.collect();
        let mut pending = Pending { link, guard: Some(guard) };
        link.tell(ConductorMessage::Go(launch), ends);
        let progress = link.until(|progress| progress.started.is_some() || progress.is_over()).await;
        match progress.started {
            Some(Ok(())) => {
                pending.guard = None;
                debug!(step = spec.name, "pod: step started");
                let handle = Box::new(step::PodStep::new(link.clone()));
                Ok(RunningStep { inputs, stdout, log, lane: None, handle })
            }
            Some(Err(why)) => Err(StartError::Step(why)),
            None => Err(StartError::Step("its container has ended before the step could start".into())),
        }
    }
}

/// A start under way: if it is dropped, the step is killed, and the guard is held until it is gone.
struct Pending<'a> {
    link: &'a Link,
    guard: Option<HoldGuard>,
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        let Some(guard) = self.guard.take() else { return };
        let link = self.link.clone();
        link.tell(ConductorMessage::Kill, Vec::new());
        tokio::spawn(async move {
            link.until(link::Progress::is_over).await;
            drop(guard);
        });
    }
}

impl Executor for PodExecutor {
    fn start(&self, spec: StepSpec, guard: HoldGuard) -> BoxFuture<'_, Result<RunningStep, StartError>> {
        Box::pin(async move { self.begin(&spec, guard).await })
    }

    fn close(&self) -> BoxFuture<'_, Result<(), SystemError>> {
        Box::pin(async move {
            for link in self.links.values() {
                link.tell(ConductorMessage::Bye, Vec::new());
            }
            let ends = self.links.values().map(|link| link.until(|progress| progress.is_gone));
            // One that does not end kills its container when this process does.
            let _ = timeout(PATIENCE, join_all(ends)).await;
            Ok(())
        })
    }
}
