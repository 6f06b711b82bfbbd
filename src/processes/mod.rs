//! The processes of steps: found, signalled, killed.
//!
//! A step is all of its processes, whatever group, session or parent they have by now. Those of one attempt
//! are known by four signs:
//!
//! 1. the process group that the attempt was started in;
//! 2. an entry in their environment, which no other attempt has;
//! 3. descent: children of a process that belongs to the attempt belong to it as well;
//! 4. the pipes of the attempt, its outputs and its inputs, which they have open.
//!
//! The first sign reaches processes that have changed their environment, the second those that have left
//! their group and whose parents are dead, the fourth those that have done all of that. In particular every
//! process that could read a stream to its end has the stream's pipe open, and so it is found.
//!
//! The signs are read from `/proc`. Where there is none that shows the processes of this PID namespace, only
//! the group is left ([`are_visible`]).

#[cfg(target_os = "linux")]
mod below;
#[cfg(target_os = "linux")]
mod fifo;
#[cfg(target_os = "linux")]
mod hunt;
#[cfg(target_os = "linux")]
mod procfs;
#[cfg(target_os = "linux")]
mod signs;
#[cfg(target_os = "linux")]
mod table;
#[cfg(all(test, target_os = "linux"))]
mod tests;

#[cfg(not(target_os = "linux"))]
mod groups;
mod outside;
mod sessions;

use std::ffi::OsString;

/// The first argument of a `pipe` that is a reaper. A reaper is not killed with the step that started its
/// `pipe`.
pub const REAPER_SUBCOMMAND: &str = "__reaper";

/// The signs of the processes of one attempt.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signs {
    /// The entry, `NAME=VALUE`, in the environment of its processes; empty if only the pipes are known.
    pub mark: OsString,
    /// The inodes of the pipes that its processes write to and read from.
    pub pipes: Vec<u64>,
    /// The named pipes among them.
    pub fifos: Vec<Fifo>,
    /// The leader of its group and the leader's start time, once it is started.
    pub leader: Option<(i32, String)>,
}

#[cfg(target_os = "linux")]
pub use below::{adopt_orphans, signal_all_below};
#[cfg(target_os = "linux")]
pub use fifo::Fifo;
#[cfg(not(target_os = "linux"))]
pub use groups::{Fifo, Found, Zombie, are_visible, find, is_ending, kill, started, zombies};
#[cfg(target_os = "linux")]
pub use hunt::{Found, find, kill};
pub use outside::{group, is_own_terminal, session};
#[cfg(target_os = "linux")]
pub use procfs::{Zombie, are_visible, is_ending, started, zombies};
pub use sessions::{has_terminal, leave_session};

/// Sends a signal to a process group. A group that does not exist any more is not an error.
///
/// # Errors
/// If the group is another user's.
pub fn signal_group(leader: rustix::process::Pid, signal: rustix::process::Signal) -> std::io::Result<()> {
    match rustix::process::kill_process_group(leader, signal) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        // The answer of macOS for a group of zombies.
        Err(rustix::io::Errno::PERM) if cfg!(target_os = "macos") => Ok(()),
        Err(error) => Err(error.into()),
    }
}
