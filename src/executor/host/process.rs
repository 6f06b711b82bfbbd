//! A process group and its leader.
//!
//! The leader is not reaped until the handle is dropped: as long as it is a zombie, neither its id nor its group's can
//! be given to a stranger, so a signal to the group can never hit one.

use std::io;
use std::process::Child;

use futures::future::BoxFuture;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, WaitIdStatus, kill_process_group, waitid};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Mutex;

use crate::executor::{EngineError, Exit, StepHandle, Stop};
use crate::reaper::Charge;

/// A started process that leads a group of its own.
#[derive(Debug)]
pub(super) struct Process {
    pid: Pid,
    name: String,
    /// Some child ended: time to look whether it was this one.
    child_ended: Mutex<tokio::signal::unix::Signal>,
    /// Dropped before it is reaped, so that the reaper never knows a number that may be a stranger's.
    charge: Option<Charge>,
}

impl Process {
    /// Takes over a child that was spawned with `process_group(0)`. Without a way to watch it, it is killed.
    pub(super) fn adopt(child: &Child, name: &str, charge: Charge) -> Result<Self, EngineError> {
        let pid = Pid::from_child(child);
        charge.lead_by(pid.as_raw_nonzero().get());
        match signal(SignalKind::child()) {
            Ok(child_ended) => {
                let (name, child_ended) = (name.to_owned(), Mutex::new(child_ended));
                Ok(Self { pid, name, child_ended, charge: Some(charge) })
            }
            Err(error) => {
                let _ = kill_process_group(pid, Signal::KILL);
                drop(charge);
                let _ = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED);
                Err(EngineError::new(format!("cannot watch the process of step `{name}`"), error))
            }
        }
    }

    /// How it ended, if it has; leaves it unreaped.
    fn peek(&self) -> io::Result<Option<Exit>> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        Ok(waitid(WaitId::Pid(self.pid), options)?.map(|status| exit(&status)))
    }
}

fn exit(status: &WaitIdStatus) -> Exit {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, Some(signal)) => Exit::Signal(signal),
        (None, None) => Exit::Code(-1),
    }
}

impl StepHandle for Process {
    fn wait(&self) -> BoxFuture<'_, Result<Exit, EngineError>> {
        Box::pin(async move {
            let failed = |error| EngineError::new(format!("cannot wait for step `{}`", self.name), error);
            let mut child_ended = self.child_ended.lock().await;
            loop {
                if let Some(exit) = self.peek().map_err(failed)? {
                    return Ok(exit);
                }
                child_ended.recv().await;
            }
        })
    }

    fn stop(&self, how: Stop) -> BoxFuture<'_, Result<(), EngineError>> {
        Box::pin(async move {
            let signal = match how {
                Stop::Terminate => Signal::TERM,
                Stop::Kill => Signal::KILL,
            };
            match kill_process_group(self.pid, signal) {
                Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
                // macOS says so of a group of zombies.
                Err(rustix::io::Errno::PERM) if cfg!(target_os = "macos") => Ok(()),
                Err(error) => Err(EngineError::new(format!("cannot stop step `{}`", self.name), error)),
            }
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !matches!(self.peek(), Ok(Some(_))) {
            let _ = kill_process_group(self.pid, Signal::KILL);
        }
        self.charge = None;
        // A process that was just killed is gone in a moment; one that has ended is reaped at once.
        let _ = waitid(WaitId::Pid(self.pid), WaitIdOptions::EXITED);
    }
}
