//! Whether a run goes on: its process holds a lock on a file in the run's directory. The kernel releases the
//! lock when the process ends in any way, and a process in another PID namespace sees it too.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::own;

const NAME: &str = "lock";

/// The lock of a run that goes on, released when this is dropped. Children do not inherit it.
#[derive(Debug)]
pub(super) struct RunLock {
    _file: File,
}

impl RunLock {
    /// Takes the lock of a directory that no other process knows yet. Where the file system has no locks, the
    /// run goes on without one.
    pub(super) fn take(dir: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(dir.join(NAME))?;
        match file.try_lock() {
            Ok(()) | Err(TryLockError::Error(_)) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(io::ErrorKind::AlreadyExists.into()),
        }
    }

    /// Returns whether a process holds the lock of a directory; also where that cannot be known, but not
    /// where there is none.
    pub(super) fn is_held(dir: &Path) -> bool {
        // A shared lock, so that two processes that ask do not take each other for the run.
        match own::open(&dir.join(NAME)) {
            Ok(file) => file.try_lock_shared().is_err(),
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_held_as_long_as_it_lives() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!RunLock::is_held(dir.path()), "there is none");
        let lock = RunLock::take(dir.path()).unwrap();
        assert!(RunLock::is_held(dir.path()));
        assert!(RunLock::take(dir.path()).is_err());
        // One whose parent has died in the meantime.
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        drop(lock);
        // A child of another test has it for a moment, until it runs its program.
        let is_free = (0..100_000).any(|_| {
            std::thread::yield_now();
            !RunLock::is_held(dir.path())
        });
        assert!(is_free, "children do not hold it");
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
