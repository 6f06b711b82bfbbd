//! Containers that several steps share.
//!
//! A shared container is started by a step of its own ([`Program::Wait`](crate::executor::Program::Wait)): its first
//! process is the engine's init with the image's shell, which waits on a stdin that this process holds open. So the
//! container ends when `pipe` does, in whatever way. A step in it is an *exec*: a program that the engine starts among
//! the container's processes. Of these the engine says when they have ended, and can stop none; [`processes`] does.
//!
//! What a step in it needs to see lies in three folders, which are mounted once: a folder for each attempt with its
//! named pipes (or, where bytes go through the engine, with the files that take their place), the folder of the values
//! and scripts, and the folder of the secrets.

mod attach;
mod exec;
mod fifo;
mod handle;
mod keep;
mod processes;
mod read_pipes;
mod readers;
mod words;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

pub(super) use self::keep::start as keep;
pub(super) use self::processes::Processes;
pub(super) use self::readers::sever;
use super::fifo::Failure;
use super::{LaneChoice, Shared};
use crate::executor::{Exit, HoldGuard, RunningStep, SharedSpec, StartError, StepSpec, SystemError};
use crate::pipeline::Lane;

/// Where a shared container sees the folders of its attempts.
const THERE: &str = "/run/pipe";

/// A shared container that has been started.
pub(super) struct SharedContainer {
    /// Its name in the engine.
    name: String,
    image: String,
    /// The folder of this machine that it sees at [`THERE`].
    dir: PathBuf,
    /// Where it sees the folder of the values and scripts.
    outputs: String,
    /// Who its own program runs as, by the file.
    user: Option<String>,
    /// Whether `/proc` of this machine shows its processes.
    is_visible: bool,
    /// Whether a process in it was killed for want of memory: engines then say the same of any later end.
    was_short: AtomicBool,
    /// Known once it has ended, and with it every process in it.
    exit: watch::Receiver<Option<Result<Exit, SystemError>>>,
}

/// An attempt of a step in a shared container that is being started.
struct Attempt<'a> {
    shared: &'a Arc<Shared>,
    container: &'a Arc<SharedContainer>,
    spec: &'a StepSpec,
    /// Who its program runs as.
    user: String,
    /// Whether its program needs a home that the image does not give it.
    needs_home: bool,
    guard: &'a HoldGuard,
}

impl SharedContainer {
    /// Reads how a wrapper says that its program has ended.
    fn reported(&self, report: &str) -> Option<Exit> {
        match report.strip_suffix('\n')? {
            "memory" => {
                self.was_short.store(true, Ordering::Relaxed);
                Some(Exit::OutOfMemory)
            }
            code => code.parse().ok().map(Exit::Code),
        }
    }

    fn has_ended(&self) -> bool {
        self.exit.borrow().is_some()
    }

    /// Waits until it has ended.
    async fn ended(&self) {
        // Without its watcher the runtime is on its way out.
        let _ = self.exit.clone().wait_for(Option::is_some).await;
    }
}

/// Starts an attempt in a shared container that runs.
pub(super) async fn start(
    shared: &Arc<Shared>,
    spec: &StepSpec,
    own: &SharedSpec,
    guard: &HoldGuard,
) -> Result<RunningStep, StartError> {
    let container = shared.kept.lock().get(&own.name).cloned();
    let Some(container) = container else {
        let what = format!("the container `{}` of step `{}` does not run", own.name, spec.name);
        return Err(SystemError::new(what, "it has been removed").into());
    };
    let user = own.user.clone().or_else(|| container.user.clone());
    let attempt = Attempt {
        shared,
        container: &container,
        spec,
        needs_home: user.is_none() && !shared.engine.users().caller_is_root(),
        user: user.unwrap_or_else(|| shared.engine.caller()),
        guard,
    };
    let needs_fifo = spec.inputs.iter().any(|input| input.fd != 0);
    let has_failed = shared.lane == LaneChoice::Auto && shared.fifo_failed.load(Ordering::Relaxed);
    // It has a shell, whatever its steps run.
    let wants_fifo = shared.lane.expected(&shared.engine, true) == Lane::Fifo && !has_failed;
    if needs_fifo || wants_fifo {
        match fifo::start(&attempt).await {
            Ok(running) => return Ok(running),
            Err(Failure::Start(error)) => return Err(error),
            Err(Failure::Lane(why)) => shared.without_fifo(needs_fifo, &why)?,
        }
    }
    attach::start(&attempt).await
}
