//! What is held of a reader's pipe, and how much the reader has not read.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use super::bytes_in;

/// What we hold of a reader's pipe.
pub(super) enum End {
    /// The writing end: the stream goes on.
    Writing(Arc<OwnedFd>),
    /// Only a reading end of our own: the reader sees end-of-file, and we can still ask how much it has not read.
    Reading(OwnedFd),
    /// Nothing; so much was never read.
    Gone { unread: u64 },
}

impl End {
    /// Bytes that sit in the pipe, or sat there when it was let go.
    pub(super) fn unread(&self) -> u64 {
        match self {
            Self::Writing(fd) => bytes_in(fd).unwrap_or(0),
            Self::Reading(fd) => bytes_in(fd).unwrap_or(0),
            Self::Gone { unread } => *unread,
        }
    }

    /// Lets go of the writing end: once nobody else holds it, the reader sees end-of-file.
    pub(super) fn close(&mut self) {
        if let Self::Writing(fd) = self {
            *self = reading_end(fd).map_or(Self::Gone { unread: 0 }, Self::Reading);
        }
    }

    /// Lets go of everything; what is unread stays so.
    pub(super) fn leave(&mut self) {
        *self = Self::Gone { unread: self.unread() };
    }
}

/// A reading end of the pipe behind a writing end. It is held only when nobody writes any more, so that it keeps no
/// producer from getting SIGPIPE.
#[cfg(target_os = "linux")]
fn reading_end(writer: &OwnedFd) -> Option<OwnedFd> {
    use std::os::fd::AsRawFd;

    use rustix::fs::{FileType, Mode, OFlags};
    let stat = rustix::fs::fstat(writer).ok()?;
    if !FileType::from_raw_mode(stat.st_mode).is_fifo() {
        return None;
    }
    let path = format!("/proc/self/fd/{}", writer.as_raw_fd());
    rustix::fs::open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty()).ok()
}

#[cfg(not(target_os = "linux"))]
fn reading_end(_writer: &OwnedFd) -> Option<OwnedFd> {
    None
}
