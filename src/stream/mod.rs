//! Byte streams: fan-out, pumps, keepers and taps.
//!
//! The module knows only pipes and files. A [`Fanout`] moves one stream from its producer's pipe into the
//! pipes of its readers; a [`Spool`] lets one of them lag, on disk; a [`Pump`] copies bytes from outside into
//! a pipe; a [`Keeper`] writes the bytes of a pipe to a file; a [`Tap`] cuts a step's output into pieces of
//! whole lines.
//!
//! All but the last run on a blocking thread each: to wake a thread in `poll` costs less than to wake a task,
//! and `tee` and `splice` have no asynchronous form. The threads report to the runner through channels.
//!
//! *End-of-file is a statement*: "the producer has succeeded and this was all". A fan-out therefore never
//! closes the readers' pipes by itself, neither at the end of its source nor after a failure; a pump does so
//! only at the true end of what it reads.

mod budget;
mod checksum;
mod end;
mod fanout;
mod keep;
mod out;
mod pump;
#[cfg(target_os = "linux")]
mod spool;
mod tap;
mod task;
mod wake;

use std::error::Error;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

pub use budget::{PipeBudget, PipeShare};
pub use checksum::sha256;
pub use fanout::{BackendChoice, Fanout, FanoutEvent, SinkSnapshot, Snapshot};
pub use keep::{Keeper, KeptBytes, SinkTarget, keep};
pub use out::{PendingFile, ResolvedPath};
pub use pump::{Pump, Stopper, pump};
#[cfg(target_os = "linux")]
pub use spool::{Spool, Spooled};
pub use tap::{Piece, Tap};

/// A failure to move bytes for which no step is to blame: the system's failure, never a reader's or a
/// producer's.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{what}: {source}")]
pub struct StreamError {
    /// What was attempted, as a phrase: "cannot write `.pipe/runs/7/archive`".
    pub what: String,
    /// Why it failed.
    pub source: Arc<dyn Error + Send + Sync>,
}

impl StreamError {
    fn new(what: impl Into<String>, source: impl Into<io::Error>) -> Self {
        let source: io::Error = source.into();
        Self { what: what.into(), source: Arc::new(source) }
    }
}

/// Errors of the system compare by their words: they have no other equality.
impl PartialEq for StreamError {
    fn eq(&self, other: &Self) -> bool {
        self.what == other.what && self.source.to_string() == other.source.to_string()
    }
}

/// Creates a pipe, both ends close-on-exec: the reading end, then the writing end.
pub fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    #[cfg(not(target_vendor = "apple"))]
    let ends = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    #[cfg(target_vendor = "apple")]
    let ends = {
        use rustix::io::{FdFlags, fcntl_setfd};
        let (reader, writer) = rustix::pipe::pipe()?;
        fcntl_setfd(&reader, FdFlags::CLOEXEC)?;
        fcntl_setfd(&writer, FdFlags::CLOEXEC)?;
        (reader, writer)
    };
    Ok(ends)
}

/// Returns how many bytes are in a pipe, by either of its ends. On Linux this also works when the other end
/// is closed; other systems answer 0 at the writing end.
fn bytes_in(end: impl AsFd) -> io::Result<u64> {
    Ok(rustix::io::ioctl_fionread(end)?)
}

/// Returns whether a process still has the pipe open for writing, by its reading end.
fn is_held(end: impl AsFd) -> bool {
    let mut ends = [PollFd::new(&end, PollFlags::IN)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut ends, Some(&now)).is_err() || !ends[0].revents().contains(PollFlags::HUP)
}

/// Makes reads and writes of this end return instead of waiting. The flag belongs to the open file
/// description: only for ends that no child shares.
fn set_nonblocking(end: impl AsFd) -> io::Result<()> {
    Ok(rustix::io::ioctl_fionbio(end, true)?)
}
