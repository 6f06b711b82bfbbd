//! The books of a fan-out: what the thread enters and the handle reads. They also hold the sinks, so that no end of the
//! thread, not even by a panic, closes a reader's pipe.

use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::super::end::End;
use super::super::{Lease, bytes_in};
use super::{SinkSnapshot, Snapshot};

pub(super) type SharedLedger = Arc<Mutex<Ledger>>;

/// Opens the books, whatever befell the last who had them.
pub(super) fn lock(ledger: &Mutex<Ledger>) -> MutexGuard<'_, Ledger> {
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) struct Ledger {
    /// Bytes of the current source that have reached some sink.
    pub(super) taken: u64,
    starved: Duration,
    accounts: Vec<Account>,
    pause: Option<Pause>,
}

/// One sink's account.
struct Account {
    end: End,
    delivered: u64,
    /// The last that was reported as taken: it never falls, even when asked between a tee and its entry.
    taken: u64,
    blocked: Duration,
    left: bool,
    _lease: Lease,
}

/// A time in which nothing moves.
struct Pause {
    since: Instant,
    starved: bool,
    full: Vec<usize>,
}

impl Ledger {
    pub(super) fn open(sinks: impl Iterator<Item = (Arc<OwnedFd>, Lease)>) -> SharedLedger {
        let accounts = sinks.map(|(fd, lease)| Account {
            end: End::Writing(fd),
            delivered: 0,
            taken: 0,
            blocked: Duration::ZERO,
            left: false,
            _lease: lease,
        });
        let accounts = accounts.collect();
        Arc::new(Mutex::new(Self { taken: 0, starved: Duration::ZERO, accounts, pause: None }))
    }

    /// Enters how many bytes a sink has been given in all.
    pub(super) fn deliver(&mut self, sink: usize, delivered: u64) {
        if let Some(account) = self.accounts.get_mut(sink) {
            account.delivered = delivered;
        }
    }

    /// Closes the account of a reader that has left, and its pipe.
    pub(super) fn leave(&mut self, sink: usize) {
        if let Some(account) = self.accounts.get_mut(sink) {
            account.left = true;
            account.end.leave();
        }
    }

    /// Nothing moves from now on: because the source is empty, or these sinks are full.
    pub(super) fn pause(&mut self, starved: bool, full: Vec<usize>) {
        self.pause = Some(Pause { since: Instant::now(), starved, full });
    }

    /// Something may move again.
    pub(super) fn resume(&mut self) -> Duration {
        let Some(pause) = self.pause.take() else {
            return Duration::ZERO;
        };
        let length = pause.since.elapsed();
        if pause.starved {
            self.starved += length;
        }
        for sink in pause.full {
            if let Some(account) = self.accounts.get_mut(sink) {
                account.blocked += length;
            }
        }
        length
    }

    /// Lets go of the writing ends: once the thread has dropped its own, the readers see end-of-file.
    pub(super) fn close(&mut self) {
        self.resume();
        for account in &mut self.accounts {
            account.end.close();
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
        let sinks = self.accounts.iter_mut().enumerate().map(|(index, account)| {
            account.taken = account.taken.max(account.delivered.saturating_sub(account.end.unread()));
            SinkSnapshot {
                taken: account.taken,
                blocked: account.blocked + blocked(index),
                left: account.left,
            }
        });
        Snapshot { taken: self.taken, starved: self.starved + starved, sinks: sinks.collect() }
    }

    /// The last snapshot. What sits unread in the pipes counts as read if `to_be_read`; otherwise the readers have
    /// ended, and those who have not read everything have left.
    pub(super) fn settle(&mut self, to_be_read: bool) -> Snapshot {
        for account in &mut self.accounts {
            if let End::Reading(fd) = &account.end {
                let unread = if to_be_read { 0 } else { bytes_in(fd).unwrap_or(0) };
                account.left |= unread > 0;
                account.end = End::Gone { unread };
            }
        }
        self.snapshot()
    }
}
