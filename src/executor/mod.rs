//! Executors: how steps become processes, each kind of process a module.
//!
//! # The life of an executor
//!
//! 1. [`prepare`](Executor::prepare) is called once, before the first step, with the images of the run.
//! 2. [`start`](Executor::start) is called once for each attempt of a step. Several calls may be under way at
//!    a time.
//! 3. The caller waits for the step's own process by [`wait`](StepHandle::wait), at any time stops the step
//!    by [`stop`](StepHandle::stop), and waits for its other processes by [`gone`](StepHandle::gone). Then it
//!    drops the handle.
//! 4. [`sever`](Executor::sever) is called before pipes are closed whose stream is not whole.
//! 5. [`close`](Executor::close) is called once, when every handle and every future of `start` is dropped.
//!
//! # The contract of an executor
//!
//! - [`Executor::start`] returns a running step, or an error and *nothing left behind*: no process, no pipe,
//!   no container. There is no state in between, so the caller has nothing to clean up. Its future may be
//!   dropped at any time, with the same effect as an error. Whatever had begun may then take a while to go;
//!   until it is gone, it holds the attempt's [`HoldGuard`].
//! - Dropping a [`RunningStep`] whose handle was never waited for kills its processes at once, and reaps
//!   them.
//! - [`StepHandle::wait`] resolves once the step's own process has ended, whatever its descendants do; they
//!   may still hold its pipes open. It may be called more than once and gives the same answer.
//! - [`StepHandle::stop`] reaches every process of the step, not only the first, whatever group or session
//!   they have moved to, and is no error when they are gone. A stopped process (SIGSTOP) gets SIGCONT as
//!   well, so that it sees the signal.
//! - [`StepHandle::gone`] resolves once no process of the step is left. After a [`Stop::Kill`] it kills what
//!   it still finds.
//! - [`StepHandle::probe`] has no effect but the check. If it is dropped before it resolves, its processes are killed.
//! - [`Executor::sever`] resolves once no process is left that could read one of these pipes to its end.
//! - The steps in a shared container ([`StepSpec::shared`]) are apart from each other in all of this: `stop`, `gone`
//!   and `sever` reach the processes of one step and no other's. What a successful step leaves in the background
//!   there lives on until the container goes. If the container ends, `wait` of the steps in it resolves once they are
//!   stopped: the container's own handle tells of its end first.
//! - A step that has the terminal ([`StepSpec::terminal`]) has it alone, in the foreground: what is typed
//!   there reaches the step and not this process. Once its handle is dropped, the terminal is this process's
//!   again, as it was.
//! - What goes away in the background is gone when [`Executor::close`] returns.
//! - Every returned pipe end is close-on-exec and belongs to the caller alone: a step sees end-of-file on an
//!   input when the caller drops its [`InputPipe`], and no sooner.

pub mod docker;
mod finder;
mod hold;
pub mod host;
mod input;
mod limits;
#[cfg(target_os = "linux")]
pub mod pod;
mod probe;
mod set;
mod shell;
mod spec;

use std::collections::BTreeMap;
use std::error::Error;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use futures::future::BoxFuture;

use crate::pipeline::{Check, Failure, Lane};

pub use hold::{HoldGuard, Released};
pub use input::{InputPipe, Keepalive};
pub use probe::{Answer, Probe};
pub use set::ExecutorSet;
pub use shell::needs_file;
pub use spec::{
    ContainerSpec, ImageSource, ImageSpec, InputSource, InputSpec, MountFrom, MountSpec, OUTPUT_VARIABLE,
    Program, SECRETS_VARIABLE, ServiceSpec, SharedSpec, StdoutSpec, StepSpec,
};

/// Starts steps as one kind of process. The module says what an implementation promises.
pub trait Executor: Send + Sync {
    /// Starts one attempt of a step. Every resource that the attempt has before it runs holds `guard`.
    fn start(&self, spec: StepSpec, guard: HoldGuard) -> BoxFuture<'_, Result<RunningStep, StartError>>;

    /// Announces the images of the run, so that they can be pulled while other steps run. Failures surface
    /// when a step needs the image. Containers are not created ahead: until a step's turn comes, an earlier
    /// step may still build its image anew.
    fn prepare(&self, _images: Vec<ImageSpec>) {}

    /// Returns the identity of an image, beside its name, which may mean another image tomorrow; nothing if
    /// the image is not there.
    fn image_id<'a>(&'a self, _image: &'a ImageSpec) -> BoxFuture<'a, Option<String>> {
        Box::pin(std::future::ready(None))
    }

    /// Kills every process that can read from one of these pipes, given by their inodes, and returns when
    /// there is none: a process that a step has left behind must not mistake a truncated stream for a
    /// complete one. An executor whose steps leave no process behind has nothing to do.
    fn sever(&self, _pipes: Vec<u64>) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    /// Waits for background clean-up: containers of dropped steps may still be being removed.
    fn close(&self) -> BoxFuture<'_, Result<(), SystemError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// A step that runs: the other ends of its pipes, and its handle.
pub struct RunningStep {
    /// The writing ends of its inputs, in the order of [`StepSpec::inputs`]; nothing where no pipe was asked
    /// for.
    pub inputs: Vec<Option<InputPipe>>,
    /// The reading end of its stdout, where that is a stream.
    pub stdout: Option<OwnedFd>,
    /// The reading end of its log: its stderr, and its stdout where that is no stream.
    pub log: OwnedFd,
    /// Which way its bytes go, where it runs in a container.
    pub lane: Option<Lane>,
    /// Waits for it and stops it.
    pub handle: Box<dyn StepHandle>,
}

/// Controls a running step. The module says what an implementation promises.
pub trait StepHandle: Send + Sync {
    /// Waits for the step's own process.
    fn wait(&self) -> BoxFuture<'_, Result<Exit, SystemError>>;

    /// Returns whether the step's own process has begun to end by itself: it has closed its files, and can be waited
    /// for in a moment. Where that cannot be seen, it has not.
    fn is_ending(&self) -> bool {
        false
    }

    /// Asks every process of the step to end.
    fn stop(&self, how: Stop) -> BoxFuture<'_, Result<(), SystemError>>;

    /// Waits until no process of the step is left. Where a step's own process ends last, as that of a
    /// container does, there is nothing to wait for.
    fn gone(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    /// Asks whether it does its work: a service that is starting. What is started as no service need not answer.
    fn probe<'a>(&'a self, _probe: &'a Probe) -> BoxFuture<'a, Result<Answer, SystemError>> {
        Box::pin(std::future::ready(Ok(Answer::Never("it is no service".into()))))
    }

    /// Returns the check that its image brings along, and its times.
    fn own_check(&self) -> BoxFuture<'_, Result<Option<(Probe, Check)>, SystemError>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Returns the ports of this machine that lead to its own, as far as it has any beside its own.
    fn published(&self) -> BoxFuture<'_, Result<BTreeMap<u16, u16>, SystemError>> {
        Box::pin(std::future::ready(Ok(BTreeMap::new())))
    }
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
    /// Returns the failure that this is, or nothing for success.
    pub fn failure(self) -> Option<Failure> {
        match self {
            Self::Code(0) => None,
            Self::Code(code) => Some(Failure::Exit(code)),
            Self::Signal(signal) => Some(Failure::Signal(signal)),
            Self::OutOfMemory => Some(Failure::OutOfMemory),
        }
    }

    /// Returns whether the step died of writing to a pipe without a reader: by the signal itself, or by a
    /// shell's report of it.
    pub fn is_broken_pipe(self) -> bool {
        matches!(self, Self::Signal(13) | Self::Code(141))
    }
}

/// How processes are told to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// SIGTERM: they may tidy up.
    Terminate,
    /// SIGKILL: now.
    Kill,
}

/// Why a step did not start.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StartError {
    /// The step is at fault: it fails, and its `on_error` applies.
    #[error("{0}")]
    Step(String),
    /// The system is at fault: no step is to blame, and the run ends.
    #[error(transparent)]
    System(#[from] SystemError),
}

/// A failure of what a run stands on (the kernel, the disk, the container engine), for which no step is to blame.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{what}: {source}")]
pub struct SystemError {
    /// What was attempted, as a phrase: "cannot watch the process of step `x`".
    pub what: String,
    /// Why it failed.
    pub source: Arc<dyn Error + Send + Sync>,
}

impl SystemError {
    /// Says what was attempted and why it failed.
    pub fn new(what: impl Into<String>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { what: what.into(), source: source.into().into() }
    }
}

/// Returns the number of the user that `pipe`, and with it every host step, runs as.
pub fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}
