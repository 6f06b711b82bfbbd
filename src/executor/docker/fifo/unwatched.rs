//! In place of `closings` on systems other than Linux, which have no inotify.

use std::convert::Infallible;
use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::Notify;

/// The end of a pipe whose closing is awaited.
#[derive(Debug, Clone, Copy)]
pub(super) enum Side {
    /// The container writes, and this side reads.
    Reading,
    /// The container reads, and this side writes.
    Writing,
}

/// Does not exist here.
#[derive(Debug)]
pub(in super::super) struct Closings(Infallible);

impl Closings {
    /// Fails.
    ///
    /// # Errors
    /// Always.
    pub(in super::super) fn start() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn watch(&self, _: &Path, _: Side, _: &Arc<Notify>) -> io::Result<()> {
        match self.0 {}
    }
}
