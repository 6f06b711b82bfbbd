//! Whether a run goes on, and whether it is cleaned up: its process holds locks on two files in the run's
//! directory. The kernel releases a lock when every process that has its file open has ended in any way, and a
//! process in another PID namespace sees it too.
//!
//! `lock` is the process's own. `cleanup` is the reaper's as well, which holds it until nothing is left of a run
//! that was killed.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::own;

/// The lock that says that a run goes on.
pub(super) const LIFE: &str = "lock";

/// The lock that says that something may be left of a run.
pub(super) const CLEANUP: &str = "cleanup";

/// A lock of a run, released when this is dropped. Children do not inherit it.
#[derive(Debug)]
pub(super) struct RunLock {
    file: File,
}

impl RunLock {
    /// Takes a lock of a directory that no other process knows yet. Where the file system has no locks, the
    /// run goes on without one.
    pub(super) fn take(dir: &Path, name: &str) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(dir.join(name))?;
        match file.try_lock() {
            Ok(()) | Err(TryLockError::Error(_)) => Ok(Self { file }),
            Err(TryLockError::WouldBlock) => Err(io::ErrorKind::AlreadyExists.into()),
        }
    }

    /// Releases it for every process that has its file open.
    pub(super) fn release(&self) {
        // Where there are no locks, there is nothing to release.
        let _ = self.file.unlock();
    }

    /// Returns whether a process holds a lock of a directory; also where that cannot be known, but not where
    /// there is none.
    pub(super) fn is_held(dir: &Path, name: &str) -> bool {
        // A shared lock, so that two processes that ask do not take each other for the run.
        match own::open(&dir.join(name)) {
            Ok(file) => file.try_lock_shared().is_err(),
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        }
    }

    /// Waits until no process holds a lock of a directory. Where that cannot be known, it does not wait.
    pub(super) fn wait(dir: &Path, name: &str) {
        let _ = own::open(&dir.join(name)).and_then(|file| file.lock_shared());
    }
}

impl AsFd for RunLock {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_held_as_long_as_it_lives() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!RunLock::is_held(dir.path(), LIFE), "there is none");
        let lock = RunLock::take(dir.path(), LIFE).unwrap();
        assert!(RunLock::is_held(dir.path(), LIFE));
        assert!(RunLock::take(dir.path(), LIFE).is_err());
        // One whose parent has died in the meantime.
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        drop(lock);
        // A child of another test has it for a moment, until it runs its program.
        let is_free = (0..100_000).any(|_| {
            std::thread::yield_now();
            !RunLock::is_held(dir.path(), LIFE)
        });
        assert!(is_free, "children do not hold it");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn what_has_a_copy_of_its_file_holds_it_as_well() {
        let dir = tempfile::tempdir().unwrap();
        let lock = RunLock::take(dir.path(), CLEANUP).unwrap();
        let reapers = lock.as_fd().try_clone_to_owned().unwrap();
        drop(lock);
        assert!(RunLock::is_held(dir.path(), CLEANUP));
        let waits = std::thread::spawn({
            let dir = dir.path().to_owned();
            move || RunLock::wait(&dir, CLEANUP)
        });
        drop(reapers);
        waits.join().unwrap();
        RunLock::wait(&dir.path().join("none"), CLEANUP);
    }

    #[test]
    fn one_that_is_released_is_held_by_no_copy() {
        let dir = tempfile::tempdir().unwrap();
        let lock = RunLock::take(dir.path(), CLEANUP).unwrap();
        let _reapers = lock.as_fd().try_clone_to_owned().unwrap();
        lock.release();
        assert!(!RunLock::is_held(dir.path(), CLEANUP));
    }
}
