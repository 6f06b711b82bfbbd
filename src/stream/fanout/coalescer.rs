//! Coalescing: a source that writes many small pieces in quick succession is moved less often.

use std::time::Duration;

/// A move of fewer bytes than this is small.
const LITTLE: u64 = 64 * 1024;

/// Decides when to wait for more pieces instead of moving each at once: for a few bytes the system call costs
/// more than the move, and it locks the pipe that the producer writes to.
#[derive(Default)]
pub(super) struct Coalescer {
    /// How much had been taken after the last move.
    taken: u64,
    /// Whether the source was last waited for, but not for long.
    brief: bool,
}

impl Coalescer {
    /// How long to wait: too short to be noticed, long enough for dozens of small writes.
    pub(super) const WINDOW: Duration = Duration::from_micros(100);

    /// Notes how long the source was waited for.
    pub(super) fn waited(&mut self, length: Duration) {
        self.brief = length < Self::WINDOW;
    }

    /// Returns whether to wait before the next move. `taken` is how many bytes of the source have been moved
    /// in all.
    pub(super) fn should_wait(&mut self, taken: u64) -> bool {
        let little = taken.abs_diff(self.taken) < LITTLE;
        self.taken = taken;
        little && self.brief
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_small_pieces_in_quick_succession_call_for_a_nap() {
        let (quick, slow) = (Duration::from_micros(5), Duration::from_millis(5));
        let mut coalescer = Coalescer::default();
        assert!(!coalescer.should_wait(0), "the first piece is not delayed");
        coalescer.waited(quick);
        assert!(coalescer.should_wait(100));
        assert!(coalescer.should_wait(300), "while more arrives, the wait goes on");
        assert!(!coalescer.should_wait(100_000), "much came at once");
        coalescer.waited(slow);
        assert!(!coalescer.should_wait(100_100), "a line now and then is passed on at once");
    }
}
