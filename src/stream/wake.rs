//! A way to interrupt a thread that waits in `poll`.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// A descriptor that turns readable when [`Wake::wake`] is called, and stays so until [`Wake::clear`].
pub(super) struct Wake {
    reader: OwnedFd,
    /// Where the system has no eventfd, the writing end of a pipe.
    writer: Option<OwnedFd>,
}

impl Wake {
    #[cfg(target_os = "linux")]
    pub(super) fn new() -> io::Result<Self> {
        use rustix::event::{EventfdFlags, eventfd};
        let reader = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self { reader, writer: None })
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn new() -> io::Result<Self> {
        let (reader, writer) = super::pipe()?;
        super::set_nonblocking(&reader)?;
        super::set_nonblocking(&writer)?;
        Ok(Self { reader, writer: Some(writer) })
    }

    /// Ends the wait that is on, or the next one.
    pub(super) fn wake(&self) {
        // An eventfd takes a number of eight bytes; to a pipe they are as good as any. A full one is already
        // readable.
        let _ = rustix::io::write(self.writer.as_ref().unwrap_or(&self.reader), &1u64.to_ne_bytes());
    }

    /// Takes the wake-up back, so that the next wait lasts.
    pub(super) fn clear(&self) {
        let mut scratch = [0; 64];
        while matches!(rustix::io::read(&self.reader, &mut scratch), Ok(64)) {}
    }
}

impl AsFd for Wake {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}
