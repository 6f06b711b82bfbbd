//! How long a write waits for a reader: without limit, but only a moment once a signal has ended the run.

use std::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// How long all writes together may wait after the first signal. It leaves most of the grace period to the
/// steps, whose last output needs room too.
const AFTER_A_SIGNAL: Duration = Duration::from_secs(3);

/// The patience of this process. There is one, since a signal is sent to the process as a whole.
pub(in crate::cli) static PATIENCE: Patience = Patience::new();

/// The signals that end the run, and the time waited since.
#[derive(Debug)]
pub(in crate::cli) struct Patience {
    first: AtomicI32,
    signals: AtomicU32,
    waited_us: AtomicU64,
}

impl Patience {
    pub(super) const fn new() -> Self {
        Self { first: AtomicI32::new(0), signals: AtomicU32::new(0), waited_us: AtomicU64::new(0) }
    }

    /// Notes a signal that ends the run.
    pub(in crate::cli) fn shorten(&self, signal: i32) {
        let _ = self.first.compare_exchange(0, signal, Ordering::Relaxed, Ordering::Relaxed);
        self.signals.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the first signal that was noted.
    pub(in crate::cli) fn signal(&self) -> Option<i32> {
        Some(self.first.load(Ordering::Relaxed)).filter(|signal| *signal != 0)
    }

    /// Notes that a write has waited that long. Only what comes after a signal counts.
    pub(super) fn waited(&self, time: Duration) {
        if self.signals.load(Ordering::Relaxed) > 0 {
            let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
            self.waited_us.fetch_add(micros, Ordering::Relaxed);
        }
    }

    /// Returns whether a write must not wait any longer. After the second signal there is no waiting.
    pub(super) fn is_over(&self) -> bool {
        match self.signals.load(Ordering::Relaxed) {
            0 => false,
            1 => Duration::from_micros(self.waited_us.load(Ordering::Relaxed)) >= AFTER_A_SIGNAL,
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_leaves_a_moment_and_a_second_one_nothing() {
        let patience = Patience::new();
        patience.waited(Duration::from_secs(3600));
        assert!(!patience.is_over() && patience.signal().is_none());
        patience.shorten(15);
        patience.waited(Duration::from_secs(2));
        assert!(!patience.is_over(), "the hour before does not count");
        patience.waited(Duration::from_secs(1));
        assert!(patience.is_over());
        let patience = Patience::new();
        patience.shorten(2);
        patience.shorten(15);
        assert!(patience.is_over());
        assert_eq!(patience.signal(), Some(2));
    }
}
