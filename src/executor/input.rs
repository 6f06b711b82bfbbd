//! The writing ends of what a step reads.

use std::fmt;
use std::os::fd::OwnedFd;
use std::sync::LazyLock;

/// A bit that no inode of a pipe without a name has.
const NAMED: u64 = 1 << 63;

/// The writing end of something that a step reads, and what else keeps the pipe open.
///
/// Dropped in the order of the fields: the keepalive lets go first, so that the reader sees end-of-file in
/// the moment in which this process closes its own end.
#[derive(Debug)]
pub struct InputPipe {
    /// Keeps the pipe open if this process is killed.
    pub keepalive: Keepalive,
    /// The end.
    pub fd: OwnedFd,
}

impl InputPipe {
    /// Returns what the pipe is known by, among all that are open on this machine: its inode. A named pipe's is one of
    /// another file system, and no number of a pipe without a name.
    pub fn inode(&self) -> Option<u64> {
        let found = rustix::fs::fstat(&self.fd).ok()?;
        let is_nameless = without_names() == Some(found.st_dev);
        Some(if is_nameless { found.st_ino } else { found.st_ino | NAMED })
    }
}

/// Returns the number of the file system that pipes without names are on.
fn without_names() -> Option<rustix::fs::Dev> {
    static DEVICE: LazyLock<Option<rustix::fs::Dev>> = LazyLock::new(|| {
        let (reader, _) = std::io::pipe().ok()?;
        Some(rustix::fs::fstat(&reader).ok()?.st_dev)
    });
    *DEVICE
}

/// Another writing end of a reader's pipe, held by another process until this is dropped: by the reaper for a
/// step of this machine, or by whatever runs beside the step elsewhere. Only when it has let go as well does
/// the reader see end-of-file, so that the death of this process looks like no end.
pub struct Keepalive(Option<Box<dyn Send + Sync>>);

impl Keepalive {
    /// Stands for an end that `holder` lets go of when it is dropped.
    pub fn new(holder: impl Send + Sync + 'static) -> Self {
        Self(Some(Box::new(holder)))
    }

    /// Adds something that is dropped with it.
    pub fn with(self, other: impl Send + Sync + 'static) -> Self {
        Self::new((self, other))
    }

    /// No other process can hold the pipe open.
    pub fn none() -> Self {
        Self(None)
    }
}

impl fmt::Debug for Keepalive {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Keepalive").field(&self.0.is_some()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Looks at the pipe's reading end when the other process lets go.
    struct Holder(OwnedFd, Arc<Mutex<Option<bool>>>);

    impl Drop for Holder {
        fn drop(&mut self) {
            rustix::io::ioctl_fionbio(&self.0, true).unwrap();
            let mut reader = std::fs::File::from(self.0.try_clone().unwrap());
            *self.1.lock().unwrap() = Some(reader.read(&mut [0]).is_ok());
        }
    }

    #[test]
    fn the_other_end_lets_go_before_this_one_closes() {
        let (reader, writer) = std::io::pipe().unwrap();
        let at_end = Arc::new(Mutex::new(None));
        let holder = Holder(reader.into(), Arc::clone(&at_end));
        drop(InputPipe { keepalive: Keepalive::new(holder), fd: writer.into() });
        assert_eq!(
            *at_end.lock().unwrap(),
            Some(false),
            "the pipe has ended before the keepalive was dropped"
        );
    }
}
