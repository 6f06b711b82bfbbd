//! How steps become processes. The trait knows nothing of shells or containers; each kind of process is a module.
//!
//! # The contract of an executor
//!
//! - [`Executor::start`] either returns a running step, or an error and *nothing left behind*: no process, no pipe, no
//!   container. There is no state in between, so whoever calls it has nothing to clean up.
//! - Dropping a [`RunningStep`] whose handle was never waited for kills what runs, at once, and reaps it.
//! - [`StepHandle::wait`] resolves once the step's own process has ended, whatever its descendants do; its pipes may
//!   still be held open by them. It may be called more than once and gives the same answer.
//! - [`StepHandle::stop`] reaches every process of the step, not only the first, and is no error when they are gone.
//! - Every returned pipe end is close-on-exec and belongs to the caller alone: a step sees end-of-file on its stdin
//!   when the caller drops `stdin`, and no sooner.

pub mod host;

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use futures::future::BoxFuture;

use crate::pipeline::{Failure, Shell};

/// One kind of place where steps run.
pub trait Executor: Send + Sync {
    /// Starts one attempt of a step.
    fn start(&self, spec: StepSpec) -> BoxFuture<'_, Result<RunningStep, StartError>>;
}

/// One attempt of a step, rendered and complete: plain data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepSpec {
    /// The step's name, for labels and messages.
    pub name: String,
    /// The attempt, from 1.
    pub attempt: u32,
    /// What interprets the script; which program that is, the executor knows.
    pub shell: Shell,
    /// The script, rendered.
    pub script: String,
    /// Variables to set beside what the place inherits; later entries win.
    pub env: Vec<(OsString, OsString)>,
    /// The folder to run in, absolute.
    pub working_dir: PathBuf,
    /// What its stdin is.
    pub stdin: StdinSpec,
}

/// What a step's stdin is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StdinSpec {
    /// Nothing: reads end at once.
    Null,
    /// A pipe whose writing end is returned.
    Pipe,
    /// A file, read from its start.
    File(PathBuf),
}

/// A step that runs: the pipe ends that lead to it, and its handle.
pub struct RunningStep {
    /// The writing end of its stdin, where a pipe was asked for.
    pub stdin: Option<OwnedFd>,
    /// The reading end of its stdout.
    pub stdout: OwnedFd,
    /// The reading end of its stderr.
    pub stderr: OwnedFd,
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
