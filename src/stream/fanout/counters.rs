//! The counters of a fan-out: its thread writes them, its handle reads them. They also hold the sinks, so
//! that a thread that ends early, even by a panic, closes no reader's pipe.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};

use super::super::end::SinkEnd;
use super::super::{PipeShare, bytes_in};
use super::{SinkSnapshot, Snapshot};

pub(super) type SharedCounters = Arc<Mutex<FanoutCounters>>;

/// Locks the counters, even if a thread has panicked while it held the lock.
pub(super) fn lock(counters: &Mutex<FanoutCounters>) -> MutexGuard<'_, FanoutCounters> {
    counters.lock()
}

pub(super) struct FanoutCounters {
    /// Bytes of the current source that have reached some sink.
    pub(super) taken: u64,
    starved: Duration,
    sinks: Vec<SinkCounters>,
    pause: Option<Pause>,
}

/// The counters of one sink, and its end of the reader's pipe.
struct SinkCounters {
    end: SinkEnd,
    delivered: u64,
    /// The highest number reported as taken so far. A snapshot between a tee and its record must not report
    /// less.
    taken: u64,
    blocked: Duration,
    left: bool,
    _share: PipeShare,
}

/// A time in which nothing moves.
struct Pause {
    since: Instant,
    starved: bool,
    full: Vec<usize>,
}

impl FanoutCounters {
    pub(super) fn open(sinks: impl Iterator<Item = (Arc<OwnedFd>, PipeShare)>) -> SharedCounters {
        let sinks = sinks.map(|(fd, share)| SinkCounters {
            end: SinkEnd::Writing(fd),
            delivered: 0,
            taken: 0,
            blocked: Duration::ZERO,
            left: false,
            _share: share,
        });
        let sinks = sinks.collect();
        Arc::new(Mutex::new(Self { taken: 0, starved: Duration::ZERO, sinks, pause: None }))
    }

    /// Records how many bytes a sink has been given in all.
    pub(super) fn deliver(&mut self, sink: usize, delivered: u64) {
        if let Some(sink) = self.sinks.get_mut(sink) {
            sink.delivered = delivered;
        }
    }

    /// Records that a reader has left, and closes its pipe.
    pub(super) fn leave(&mut self, sink: usize) {
        if let Some(sink) = self.sinks.get_mut(sink) {
            sink.left = true;
            sink.end.leave();
        }
    }

    /// Begins a pause: nothing moves because the source is empty or these sinks are full.
    pub(super) fn pause(&mut self, starved: bool, full: Vec<usize>) {
        self.pause = Some(Pause { since: Instant::now(), starved, full });
    }

    /// Ends the pause, and returns how long it was.
    pub(super) fn resume(&mut self) -> Duration {
        let Some(pause) = self.pause.take() else {
            return Duration::ZERO;
        };
        let length = pause.since.elapsed();
        if pause.starved {
            self.starved += length;
        }
        for sink in pause.full {
            if let Some(sink) = self.sinks.get_mut(sink) {
                sink.blocked += length;
            }
        }
        length
    }

    /// Closes the writing ends. Once the thread has dropped its own, the readers see end-of-file.
    pub(super) fn close(&mut self) {
        self.resume();
        for sink in &mut self.sinks {
            sink.end.close();
        }
    }

    pub(super) fn snapshot(&mut self) -> Snapshot {
        let pause = self.pause.as_ref().map(|pause| (pause, pause.since.elapsed()));
        let starved =
            pause.as_ref().filter(|(pause, _)| pause.starved).map_or(Duration::ZERO, |(_, length)| *length);
        let blocked = |sink: usize| {
            let pause = pause.as_ref().filter(|(pause, _)| pause.full.contains(&sink));
            pause.map_or(Duration::ZERO, |(_, length)| *length)
        };
        let sinks = self.sinks.iter_mut().enumerate().map(|(index, sink)| {
            sink.taken = sink.taken.max(sink.delivered.saturating_sub(sink.end.unread()));
            SinkSnapshot { taken: sink.taken, blocked: sink.blocked + blocked(index), left: sink.left }
        });
        Snapshot { taken: self.taken, starved: self.starved + starved, sinks: sinks.collect() }
    }

    /// Takes the last snapshot. If `to_be_read`, bytes still in the pipes count as read. Otherwise the
    /// readers have ended, and a reader that has not read everything has left.
    pub(super) fn settle(&mut self, to_be_read: bool) -> Snapshot {
        for sink in &mut self.sinks {
            if let SinkEnd::Reading(fd) = &sink.end {
                let unread = if to_be_read { 0 } else { bytes_in(fd).unwrap_or(0) };
                sink.left |= unread > 0;
                sink.end = SinkEnd::Gone { unread };
            }
        }
        self.snapshot()
    }
}
