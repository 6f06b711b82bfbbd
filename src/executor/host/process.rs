//! The processes of a step, and the first of them, which leads a group of its own.
//!
//! The leader is not reaped until the handle is dropped: as long as it is a zombie, neither its id nor its
//! group's can be given to a stranger, so a signal to the group can never hit one.

use std::io;
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::BoxFuture;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, WaitIdStatus, waitid};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Mutex;
use tracing::debug;

use super::orphans::Orphans;
use super::terminal::Lent;
use crate::executor::finder::{Finder, none_left};
use crate::executor::{Exit, StepHandle, Stop, SystemError};
use crate::processes::{self, Found, Signs, signal_group};
use crate::reaper::Registration;

/// A started step: its leader, and the signs of all of its processes.
#[derive(Debug)]
pub(super) struct Process {
    pid: Pid,
    name: String,
    signs: Arc<Signs>,
    finder: Finder,
    orphans: Orphans,
    /// Whether every process that is found from now on is killed.
    killed: AtomicBool,
    /// Some child has ended; this one may have.
    child_ended: Mutex<tokio::signal::unix::Signal>,
    /// Dropped before the leader is waited for, so that the reaper never has a process id that another
    /// process may get.
    registration: Option<Registration>,
    /// The terminal, if it has it: until it has been reaped.
    lent: Option<Lent>,
}

impl Process {
    /// Takes over a child that leads a group of its own; `signs` are what is known of it beside that. Without
    /// a way to watch it, it is killed.
    pub(super) fn adopt(
        child: &Child,
        name: &str,
        signs: Signs,
        registration: Registration,
        (finder, orphans): (Finder, Orphans),
        lent: Option<Lent>,
    ) -> Result<Self, SystemError> {
        let pid = Pid::from_child(child);
        let number = pid.as_raw_nonzero().get();
        let started = processes::started(number).unwrap_or_default();
        registration.set_leader(number, &started);
        let signs = Arc::new(Signs { leader: Some((number, started)), ..signs });
        match signal(SignalKind::child()) {
            Ok(child_ended) => {
                let (name, child_ended) = (name.to_owned(), Mutex::new(child_ended));
                let (registration, killed) = (Some(registration), AtomicBool::new(false));
                Ok(Self { pid, name, signs, finder, orphans, killed, child_ended, registration, lent })
            }
            Err(error) => {
                let _ = signal_group(pid, Signal::KILL);
                drop(registration);
                let _ = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED);
                orphans.forget(pid);
                Err(SystemError::new(format!("cannot watch the process of step `{name}`"), error))
            }
        }
    }

    /// Returns how it ended, if it has, without reaping it.
    fn peek(&self) -> io::Result<Option<Exit>> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        Ok(waitid(WaitId::Pid(self.pid), options)?.map(|status| exit(&status)))
    }

    /// Lets it go on if it has the terminal and was stopped there; any other stays stopped until it is told
    /// to go on.
    fn see_to_stop(&self) -> io::Result<()> {
        let Some(lent) = &self.lent else { return Ok(()) };
        if let Some(signal) = stopped_by(self.pid)? {
            lent.go_on(self.pid, signal);
        }
        Ok(())
    }

    /// Those that have left the group: a signal to the group does not reach them.
    fn is_elsewhere(&self, found: &Found) -> bool {
        found.group != self.pid.as_raw_nonzero().get()
    }
}

/// Returns the signal by which a child is stopped, if it is and has not been asked since.
fn stopped_by(child: Pid) -> io::Result<Option<i32>> {
    match waitid(WaitId::Pid(child), WaitIdOptions::STOPPED | WaitIdOptions::NOHANG) {
        Ok(status) => Ok(status.and_then(|status| status.stopping_signal())),
        // One that has ended in the meantime is no child any more to a question that leaves out ends.
        Err(Errno::CHILD) => Ok(None),
        Err(error) => Err(error.into()),
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
    fn wait(&self) -> BoxFuture<'_, Result<Exit, SystemError>> {
        Box::pin(async move {
            let failed = |error| SystemError::new(format!("cannot wait for step `{}`", self.name), error);
            let mut child_ended = self.child_ended.lock().await;
            loop {
                if let Some(exit) = self.peek().map_err(failed)? {
                    debug!(step = self.name, ?exit, "host: process ended");
                    return Ok(exit);
                }
                self.see_to_stop().map_err(failed)?;
                child_ended.recv().await;
            }
        })
    }

    fn is_ending(&self) -> bool {
        processes::is_ending(self.pid.as_raw_nonzero().get())
    }

    fn stop(&self, how: Stop) -> BoxFuture<'_, Result<(), SystemError>> {
        Box::pin(async move {
            debug!(step = self.name, ?how, "host: stop");
            // Before the first signal: the descendants of a process that dies of it cannot be found any more.
            let found = self.finder.find(&self.signs).await;
            let elsewhere = || found.iter().filter(|it| self.is_elsewhere(it));
            let failed = |error| SystemError::new(format!("cannot stop step `{}`", self.name), error);
            match how {
                // Interactive shells first, which would go on when what they wait for is gone. A process that
                // is stopped sees TERM only when it goes on.
                Stop::Terminate => {
                    let shells = found.iter().filter(|it| !it.is_inner && it.is_interactive_shell());
                    shells.for_each(|it| it.signal(Signal::HUP));
                    for signal in [Signal::TERM, Signal::CONT] {
                        signal_group(self.pid, signal).map_err(failed)?;
                        // The steps of a run within this one are stopped by the `pipe` that started them.
                        elsewhere().filter(|it| !it.is_inner).for_each(|it| it.signal(signal));
                    }
                }
                Stop::Kill => {
                    self.killed.store(true, Ordering::Relaxed);
                    signal_group(self.pid, Signal::KILL).map_err(failed)?;
                    elsewhere().for_each(|it| it.signal(Signal::KILL));
                }
            }
            Ok(())
        })
    }

    fn gone(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let is_killed = || self.killed.load(Ordering::Relaxed);
            none_left(&self.finder, &self.signs, is_killed).await;
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !matches!(self.peek(), Ok(Some(_))) {
            let _ = signal_group(self.pid, Signal::KILL);
            processes::kill(std::slice::from_ref(&*self.signs));
        }
        self.registration = None;
        // A process that was just killed is gone in a moment; one that has ended is reaped at once.
        let _ = waitid(WaitId::Pid(self.pid), WaitIdOptions::EXITED);
        self.orphans.forget(self.pid);
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_child_that_has_ended_is_not_stopped() {
        let mut child = Command::new("sh").args(["-c", "kill -STOP $$"]).spawn().unwrap();
        let pid = Pid::from_child(&child);
        let seen = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(pid), seen).unwrap();
        assert_eq!(stopped_by(pid).unwrap(), Some(Signal::STOP.as_raw()));
        assert_eq!(stopped_by(pid).unwrap(), None);
        rustix::process::kill_process(pid, Signal::KILL).unwrap();
        waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).unwrap();
        assert_eq!(stopped_by(pid).unwrap(), None);
        child.wait().unwrap();
    }
}
