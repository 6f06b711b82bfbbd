//! Orphans: processes whose parents have ended become children of this process, if it is the first process of
//! a container or a subreaper. Unless they are waited for, they stay as zombies and count against the limit
//! of processes.

use std::collections::HashSet;
use std::process::{Child, Command};
use std::sync::Arc;

use parking_lot::Mutex;
use rustix::process::{Pid, WaitId, WaitIdOptions, getpid, waitid};
use tokio::signal::unix::{SignalKind, signal};

use crate::processes;

/// Waits for orphans. The first processes of steps are not orphans: their handles wait for them. Nor are
/// children in the process group of this process, which libraries have started.
#[derive(Debug, Clone, Default)]
pub(super) struct Orphans {
    leaders: Option<Arc<Mutex<HashSet<i32>>>>,
}

impl Orphans {
    /// Starts waiting, if orphans become children of this process. To be called within a runtime.
    pub(super) fn adopt() -> Self {
        if !(getpid().is_init() || is_subreaper()) {
            return Self::default();
        }
        let Ok(mut child_ended) = signal(SignalKind::child()) else { return Self::default() };
        let leaders = Arc::new(Mutex::new(HashSet::new()));
        let known = Arc::downgrade(&leaders);
        tokio::spawn(async move {
            while child_ended.recv().await.is_some() {
                let Some(known) = known.upgrade() else { return };
                // Holds off `spawn`, so that each new first process is known before it can be reaped.
                let known = known.lock();
                reap(&known);
            }
        });
        Self { leaders: Some(leaders) }
    }

    /// Starts the first process of a step.
    pub(super) fn spawn(&self, command: &mut Command) -> std::io::Result<Child> {
        let Some(leaders) = &self.leaders else { return command.spawn() };
        let mut leaders = leaders.lock();
        let child = command.spawn()?;
        leaders.insert(Pid::from_child(&child).as_raw_nonzero().get());
        Ok(child)
    }

    /// Forgets a first process that has been waited for.
    pub(super) fn forget(&self, leader: Pid) {
        if let Some(leaders) = &self.leaders {
            leaders.lock().remove(&leader.as_raw_nonzero().get());
        }
    }
}

/// Waits for orphans that have ended.
fn reap(leaders: &HashSet<i32>) {
    // The group may be outside of this PID namespace; then no zombie is in it.
    let own = processes::group(getpid()).map_or(0, |group| group.as_raw_nonzero().get());
    for zombie in processes::zombies() {
        let is_orphan = zombie.group != own && !leaders.contains(&zombie.pid);
        if let (true, Some(pid)) = (is_orphan, Pid::from_raw(zombie.pid)) {
            let _ = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
        }
    }
}

#[cfg(target_os = "linux")]
fn is_subreaper() -> bool {
    rustix::process::child_subreaper().is_ok_and(|parent| parent.is_some())
}

#[cfg(not(target_os = "linux"))]
fn is_subreaper() -> bool {
    false
}
