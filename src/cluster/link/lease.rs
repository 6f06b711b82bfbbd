//! How long a peer may be silent.

use std::ops::RangeInclusive;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};

/// The longest time between two beats.
const BEAT: Duration = Duration::from_secs(1);

/// The time that a peer may be silent before it counts as gone, from when it was last heard.
#[derive(Debug)]
pub struct Lease {
    length: Duration,
    heard: Mutex<Instant>,
}

/// What a lease can be.
const LENGTHS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(24 * 60 * 60);

impl Lease {
    /// Returns the nearest length that a lease can have: from a second to a day.
    pub fn bounded(length: Duration) -> Duration {
        length.clamp(*LENGTHS.start(), *LENGTHS.end())
    }

    /// Makes a lease that begins now.
    pub fn new(length: Duration) -> Self {
        Self { length, heard: Mutex::new(Instant::now()) }
    }

    /// Returns how long the peer may be silent.
    pub fn length(&self) -> Duration {
        self.length
    }

    /// Begins anew: the peer has been heard.
    pub fn renew(&self) {
        *self.heard.lock() = Instant::now();
    }

    /// Returns when the lease ends if the peer is not heard again.
    pub fn end(&self) -> Instant {
        *self.heard.lock() + self.length
    }

    /// Waits until the peer has been silent for the whole lease.
    pub async fn ended(&self) {
        loop {
            let end = self.end();
            if Instant::now() >= end {
                return;
            }
            sleep_until(end).await;
        }
    }
}

/// What follows from a run's lease for one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rhythm {
    /// The time between two beats.
    pub(super) beat: Duration,
    /// A connection that is silent for so long is given up; there is time for a next one.
    pub(super) silence: Duration,
    /// The longest wait before the next attempt to connect.
    pub(super) pause: Duration,
}

impl Rhythm {
    pub(super) fn of(lease: Duration) -> Self {
        // A conductor has half of the lease, and needs several beats, a silence and an attempt within it.
        Self { beat: BEAT.min(lease / 16), silence: lease / 4, pause: lease / 16 }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const LENGTH: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn it_ends_its_length_after_the_peer_was_last_heard() {
        let start = Instant::now();
        let lease = Arc::new(Lease::new(LENGTH));
        let waiting = tokio::spawn({
            let lease = Arc::clone(&lease);
            async move {
                lease.ended().await;
                start.elapsed()
            }
        });
        for _ in 0..5 {
            tokio::time::sleep(LENGTH - Duration::from_millis(1)).await;
            assert!(!waiting.is_finished());
            lease.renew();
        }
        let last = 5 * (LENGTH - Duration::from_millis(1));
        assert_eq!(waiting.await.unwrap(), last + LENGTH);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_has_ended_is_over_at_once() {
        let lease = Lease::new(LENGTH);
        tokio::time::sleep(2 * LENGTH).await;
        let asked = Instant::now();
        lease.ended().await;
        assert_eq!(asked.elapsed(), Duration::ZERO);
    }

    #[test]
    fn half_of_a_lease_holds_several_beats_and_a_second_attempt() {
        for lease in [
            Lease::bounded(Duration::ZERO),
            Lease::bounded(Duration::MAX),
            Duration::from_secs(10),
            LENGTH,
            Duration::from_secs(3600),
        ] {
            let rhythm = Rhythm::of(lease);
            assert!(rhythm.beat <= BEAT && 4 * rhythm.beat <= rhythm.silence, "{rhythm:?}");
            assert!(rhythm.silence + 2 * rhythm.pause + 2 * rhythm.beat <= lease / 2, "{rhythm:?}");
        }
    }
}
