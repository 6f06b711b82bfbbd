//! The writing ends of the pipes of a stream's readers, and the order in which they are closed.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use tokio::sync::mpsc::UnboundedReceiver;

use crate::executor::{InputPipe, Keepalive, SystemError};
use crate::runner::Job;
use crate::stream::{Fanout, FanoutEvent, PipeBudget, Snapshot, Spool, StreamError};

/// What is called, at most once for each spool, when a disk is full or fails.
pub(super) type SpillFailed = Arc<dyn Fn(StreamError) + Send + Sync>;

/// The pipe of one reader.
pub(super) struct ReaderPipe {
    pub(super) pipe: InputPipe,
    /// How far the reader may lag behind the others, in bytes on disk; `None` is as far as its pipe goes.
    pub(super) spill: Option<u64>,
}

/// The pipes of a stream, each behind the fan-out, and some behind a spool as well.
///
/// # The order of closing
///
/// A reader sees end-of-file when the last writing end of its pipe is closed. There are two: this process has
/// one, in the fan-out or in the reader's spool, and a [`Keepalive`] stands for the other, which the reaper
/// or another process holds. The keepalive is always dropped first: then this process decides by its own end
/// alone when the reader sees the end.
///
/// - [`close`](Self::close), for a stream that is whole: the keepalives, then the ends in the fan-out. A
///   spool passes on what it still has, and drops its own keepalive and its own end in the same order when
///   that has been delivered.
/// - Dropping this, for a stream that is not: the spools first, which close their ends wherever they are,
///   then the rest in the order of the fields. The readers must be dead by then.
pub(super) struct ReaderPipes {
    /// By sink.
    spools: Vec<Option<Spool>>,
    /// Of the readers without a spool.
    keepalives: Vec<Keepalive>,
    pub(super) fanout: Fanout,
    /// By sink: the inode of its reader's pipe.
    pub(super) inodes: Vec<u64>,
}

impl ReaderPipes {
    /// Puts a fan-out before these pipes and before `files`, the pipes that lead into files; and spools
    /// before the pipes of readers that may lag. Returns it with the events of the fan-out.
    ///
    /// # Errors
    /// If the system has no thread or descriptor left.
    pub(super) fn connect(
        job: &Job,
        budget: &Arc<PipeBudget>,
        stream: &str,
        (readers, files): (Vec<ReaderPipe>, Vec<OwnedFd>),
        failed: &SpillFailed,
    ) -> Result<(Self, UnboundedReceiver<FanoutEvent>), SystemError> {
        let cannot = |error| SystemError::new(format!("cannot connect the stream `{stream}`"), error);
        let inodes = readers.iter().filter_map(|reader| reader.pipe.inode()).collect();
        let (mut spools, mut keepalives, mut sinks) = (Vec::new(), Vec::new(), Vec::new());
        for ReaderPipe { pipe, spill } in readers {
            match spill {
                Some(limit) if cfg!(target_os = "linux") => {
                    let (spool, sink) = spool(job, budget, stream, pipe, limit, failed).map_err(cannot)?;
                    spools.push(Some(spool));
                    sinks.push(sink);
                }
                _ => {
                    spools.push(None);
                    keepalives.push(pipe.keepalive);
                    sinks.push(pipe.fd);
                }
            }
        }
        sinks.extend(files);
        let (fanout, events) = Fanout::start(stream, sinks, job.settings.backend, budget).map_err(cannot)?;
        Ok((Self { spools, keepalives, fanout, inodes }, events))
    }

    /// Lets the readers see the end of a stream that is whole.
    pub(super) fn close(&mut self) {
        self.keepalives.clear();
        self.fanout.close();
    }

    /// Returns the counters. After [`close`](Self::close) they still count what the readers take from their
    /// pipes.
    pub(super) fn snapshot(&self) -> Snapshot {
        let mut snapshot = self.fanout.snapshot();
        for (sink, spool) in snapshot.sinks.iter_mut().zip(&self.spools) {
            if let Some(state) = spool.as_ref().map(Spool::state) {
                sink.taken = state.taken;
                sink.left |= state.left;
            }
        }
        snapshot
    }

    /// Returns by reader the most that ever lay on disk for it, in bytes.
    pub(super) fn spilled(&self) -> impl Iterator<Item = u64> {
        self.spools.iter().map(|spool| spool.as_ref().map_or(0, |spool| spool.state().peak))
    }

    /// Lets the stream go past a full reader, over disk, if another reader has taken everything and waits.
    pub(super) fn break_deadlock(&self) {
        let states: Vec<_> = self.spools.iter().flatten().map(|spool| (spool, spool.state())).collect();
        if states.iter().any(|(_, state)| state.starved && !state.left) {
            states.iter().filter(|(_, state)| state.stuck).for_each(|(spool, _)| spool.lift());
        }
    }
}

/// Puts a spool before a reader's pipe. At most `limit` bytes lie on disk. Returns it with the sink for the
/// fan-out.
fn spool(
    job: &Job,
    budget: &Arc<PipeBudget>,
    stream: &str,
    pipe: InputPipe,
    limit: u64,
    failed: &SpillFailed,
) -> Result<(Spool, OwnedFd), StreamError> {
    let failed = Arc::clone(failed);
    let name = format!("stream `{stream}`");
    let sink = (pipe.fd, pipe.keepalive);
    Spool::start(&name, sink, &job.place.streams_dir, limit, budget, move |error| failed(error))
}
