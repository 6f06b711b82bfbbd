//! The end of a reader's pipe that this process holds, and how much the reader has not read.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use super::bytes_in;

/// The end of a reader's pipe that this process holds.
pub(super) enum SinkEnd {
    /// The writing end: the stream goes on.
    Writing(Arc<OwnedFd>),
    /// Only a reading end: the reader sees end-of-file, and the unread bytes can still be counted.
    Reading(OwnedFd),
    /// Nothing. The reader never read `unread` bytes.
    Gone { unread: u64 },
}

impl SinkEnd {
    /// Returns how many bytes are in the pipe, or were there when it was dropped.
    pub(super) fn unread(&self) -> u64 {
        match self {
            Self::Writing(fd) => bytes_in(fd).unwrap_or(0),
            Self::Reading(fd) => bytes_in(fd).unwrap_or(0),
            Self::Gone { unread } => *unread,
        }
    }

    /// Closes the writing end. Once no other process has it open, the reader sees end-of-file.
    pub(super) fn close(&mut self) {
        if let Self::Writing(fd) = self {
            *self = reading_end(fd).map_or(Self::Gone { unread: 0 }, Self::Reading);
        }
    }

    /// Closes the end. The unread bytes stay unread.
    pub(super) fn leave(&mut self) {
        *self = Self::Gone { unread: self.unread() };
    }
}

/// Opens a reading end of the pipe behind a writing end. It is held only after the last writer has closed the
/// pipe, since a reading end keeps a writer from getting SIGPIPE.
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
