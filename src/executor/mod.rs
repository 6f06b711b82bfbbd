//! How steps become processes. The trait knows nothing of shells or containers; each kind of process is a module.
//!
//! # The contract of an executor
//!
//! - [`Executor::start`] either returns a running step, or an error and *nothing left behind*: no process, no pipe, no
//!   container. There is no state in between, so whoever calls it has nothing to clean up. Its future may be dropped at
//!   any time, with the same effect as an error. What was begun may then take a while to go: until it has, somebody holds
//!   the attempt's [`Presence`].
//! - Dropping a [`RunningStep`] whose handle was never waited for kills what runs, at once, and reaps it.
//! - [`StepHandle::wait`] resolves once the step's own process has ended, whatever its descendants do; its pipes may
//!   still be held open by them. It may be called more than once and gives the same answer.
//! - [`StepHandle::stop`] reaches every process of the step, not only the first, and is no error when they are gone.
//! - What goes away in the background is gone when [`Executor::close`] returns.
//! - Every returned pipe end is close-on-exec and belongs to the caller alone: a step sees end-of-file on its stdin
//!   when the caller drops `stdin`, and no sooner.

pub mod docker;
pub mod host;
mod places;
mod presence;
mod shell;
mod spec;

use std::os::fd::OwnedFd;

use futures::future::BoxFuture;

use crate::pipeline::{Failure, Lane};
use crate::reaper::Charge;

pub use places::Places;
pub use presence::{Absence, Presence};
pub use spec::{
    ContainerSpec, ImageSource, ImageSpec, InputSpec, MountFrom, MountSpec, OUTPUT_VARIABLE, Program,
    SECRETS_VARIABLE, StdinSpec, StepSpec,
};

/// One kind of place where steps run.
pub trait Executor: Send + Sync {
    /// Starts one attempt of a step. Whatever there may be of it before it runs holds its `presence`.
    fn start(&self, spec: StepSpec, presence: Presence) -> BoxFuture<'_, Result<RunningStep, StartError>>;

    /// Is told the image of each step that a run will start in a container, so that they can be fetched while other steps
    /// run. What goes wrong shows when a step needs one. Containers are not created ahead: until its turn comes, an earlier step may still make its image
    /// anew, and to find that out takes as long as to create it.
    fn prepare(&self, _images: Vec<ImageSpec>) {}

    /// What an image is known by, beside its name, which may mean another one tomorrow; nothing if it is not there.
    fn image_id<'a>(&'a self, _image: &'a ImageSpec) -> BoxFuture<'a, Option<String>> {
        Box::pin(std::future::ready(None))
    }

    /// Waits until nothing of the run is left behind: what was dropped may still be on its way out.
    fn close(&self) -> BoxFuture<'_, Result<(), EngineError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// The writing end of something that a step reads.
pub struct Inlet {
    /// The end.
    pub end: OwnedFd,
    /// Keeps the pipe open if this process is killed: to be dropped before `end` when that is to end.
    pub held: Charge,
}

/// A step that runs: the pipe ends that lead to it, and its handle.
pub struct RunningStep {
    /// The writing end of its stdin, where a pipe was asked for.
    pub stdin: Option<Inlet>,
    /// The writing ends of its other inputs, by their numbers, where a pipe was asked for.
    pub inputs: Vec<(u32, Inlet)>,
    /// The reading end of its stdout.
    pub stdout: OwnedFd,
    /// The reading end of its stderr.
    pub stderr: OwnedFd,
    /// Which way its bytes go, where it runs in a container.
    pub lane: Option<Lane>,
    /// To wait for it and to stop it.
    pub handle: Box<dyn StepHandle>,
}

/// A hold on a running step. See the module for what an implementation promises.
pub trait StepHandle: Send + Sync {
    /// Waits for the step's own process.
    fn wait(&self) -> BoxFuture<'_, Result<Exit, EngineError>>;

    /// Asks every process of the step to end.
    fn stop(&self, how: Stop) -> BoxFuture<'_, Result<(), EngineError>>;
}

/// How a step's process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// By the kernel, for want of memory.
    OutOfMemory,
}

impl Exit {
    /// The failure that this end is, or nothing for success.
    pub fn failure(self) -> Option<Failure> {
        match self {
            Self::Code(0) => None,
            Self::Code(code) => Some(Failure::Exit(code)),
            Self::Signal(signal) => Some(Failure::Signal(signal)),
            Self::OutOfMemory => Some(Failure::OutOfMemory),
        }
    }

    /// Whether the step died of writing to a pipe that nobody reads: by the signal itself, or a shell's report of it.
    pub fn is_broken_pipe(self) -> bool {
        matches!(self, Self::Signal(13) | Self::Code(141))
    }
}

/// How to ask processes to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// SIGTERM: they may tidy up.
    Terminate,
    /// SIGKILL: now.
    Kill,
}

/// Why a step did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The step is at fault: it fails, and its `on_error` applies.
    #[error("{0}")]
    Step(String),
    /// The engine is at fault: no step is to blame, and the run ends.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// The engine cannot do its work; no step is to blame.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{what}: {why}")]
pub struct EngineError {
    /// What was attempted, as a phrase: "cannot watch the process of step `x`".
    pub what: String,
    /// Why it failed.
    pub why: String,
}

impl EngineError {
    /// Says what was attempted and why it failed.
    pub fn new(what: impl Into<String>, why: impl std::fmt::Display) -> Self {
        Self { what: what.into(), why: why.to_string() }
    }
}
