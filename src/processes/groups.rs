//! In place of `/proc` on systems other than Linux: only the process group of an attempt is known.

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::process::{Pid, Signal};

use super::{Signs, signal_group};

/// A process that belongs to an attempt. None is ever found here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its process id.
    pub pid: i32,
    /// Its process group.
    pub group: i32,
    /// Whether it belongs to a run that the step itself has started.
    pub is_inner: bool,
}

impl Found {
    /// Sends a signal to this process.
    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = Pid::from_raw(self.pid) {
            let _ = rustix::process::kill_process(pid, signal);
        }
    }

    /// Returns `false`: the command line is not known.
    pub fn is_interactive_shell(&self) -> bool {
        false
    }

    /// Returns `None`: there are no such descriptors.
    pub fn handle(&self) -> Option<OwnedFd> {
        None
    }
}

/// Returns `false`: processes cannot be looked for.
pub fn are_visible() -> bool {
    false
}

/// A named pipe that processes have open. None is ever looked for here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fifo {}

impl Fifo {
    /// Returns nothing.
    pub fn at(_: &Path) -> Option<Self> {
        None
    }
}

/// Finds nothing.
pub fn find<'s>(attempts: impl IntoIterator<Item = &'s Signs>) -> Vec<Vec<Found>> {
    attempts.into_iter().map(|_| Vec::new()).collect()
}

/// Kills the groups of these attempts.
pub fn kill(attempts: &[Signs]) {
    let leaders = attempts.iter().filter_map(|signs| Pid::from_raw(signs.leader.as_ref()?.0));
    leaders.for_each(|leader| drop(signal_group(leader, Signal::KILL)));
}

/// Returns whether a process is about to be a zombie; that cannot be seen here.
pub fn is_ending(_: i32) -> bool {
    false
}

/// Returns `None`: the start time is not known.
pub fn started(_pid: i32) -> Option<String> {
    None
}

/// A child of this process that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Zombie {
    /// Its number.
    pub pid: i32,
    /// Its group.
    pub group: i32,
}

/// Returns none.
pub fn zombies() -> Vec<Zombie> {
    Vec::new()
}
