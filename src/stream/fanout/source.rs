//! The pipe that a producer writes to.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use super::super::{PipeBudget, PipeShare, bytes_in};
use super::sink::Sink;

/// The source that is being moved. Its *head* is the next byte that has not reached every sink.
pub(super) struct Source {
    pub(super) fd: OwnedFd,
    /// Bytes that every sink has: the head's position.
    pub(super) head: u64,
    /// Bytes that some sink has.
    pub(super) taken: u64,
    /// How many bytes are still to be taken out of the pipe, once that is known: no writer remains, or it was
    /// cut.
    pub(super) left: Option<u64>,
    _share: PipeShare,
}

impl Source {
    pub(super) fn new(fd: OwnedFd, budget: &Arc<PipeBudget>) -> Self {
        let share = budget.enlarge(&fd);
        Self { fd, head: 0, taken: 0, left: None, _share: share }
    }

    /// Ends the source after the bytes that are in the pipe now.
    pub(super) fn end_here(&mut self) -> io::Result<()> {
        let left = bytes_in(&self.fd)?;
        self.left = Some(self.left.map_or(left, |known| known.min(left)));
        Ok(())
    }

    /// Returns whether everything has been taken out of the pipe.
    pub(super) fn is_drained(&self) -> bool {
        self.left == Some(0)
    }

    /// Returns how many of `wish` bytes may be taken from the pipe at once.
    pub(super) fn most(&self, wish: usize) -> usize {
        self.left.map_or(wish, |left| usize::try_from(left).unwrap_or(wish).min(wish))
    }

    /// Records bytes that were taken out of the pipe.
    pub(super) fn drain(&mut self, bytes: u64) {
        self.left = self.left.map(|left| left.saturating_sub(bytes));
    }

    /// Records how far the foremost sink has come.
    pub(super) fn note_progress(&mut self, sinks: &[Sink]) {
        let foremost = sinks.iter().map(|sink| sink.ahead).max().unwrap_or(0);
        self.taken = self.taken.max(self.head + foremost);
    }
}
