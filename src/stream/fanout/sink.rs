//! A reader's pipe, and the result of one pass over all of them.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::io::Errno;

/// A reader's pipe, as the thread sees it.
pub(super) struct Sink {
    /// Its position among the sinks at the start.
    pub(super) index: usize,
    pub(super) fd: Arc<OwnedFd>,
    /// How many bytes past the source's head it already has.
    pub(super) ahead: u64,
    /// How many bytes it has been given in all.
    pub(super) delivered: u64,
    /// The stream waits for room in this pipe.
    pub(super) full: bool,
    /// Its reader is gone.
    pub(super) left: bool,
}

impl Sink {
    pub(super) fn new(index: usize, fd: Arc<OwnedFd>) -> Self {
        Self { index, fd, ahead: 0, delivered: 0, full: false, left: false }
    }

    /// Records the result of a write, and returns how many bytes the pipe took. A full pipe (none) and a
    /// reader that has left are not errors.
    pub(super) fn accept(&mut self, result: rustix::io::Result<usize>) -> Result<u64, Errno> {
        match result {
            Ok(bytes) => {
                self.delivered += bytes as u64;
                Ok(bytes as u64)
            }
            Err(Errno::AGAIN | Errno::INTR) => Ok(0),
            Err(Errno::PIPE | Errno::CONNRESET) => {
                self.left = true;
                Ok(0)
            }
            Err(error) => Err(error),
        }
    }
}

/// The result of one pass over the sinks.
pub(super) enum Pass {
    /// Something has changed; there may be more to do.
    Moved,
    /// Nothing can be done before the source has bytes, or ends.
    NeedsSource,
    /// Nothing can be done before a sink marked `full` has room.
    NeedsRoom,
    /// The source has ended and every sink has all of it.
    Ended,
}
