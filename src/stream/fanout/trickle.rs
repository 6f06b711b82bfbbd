//! Sources that trickle: small pieces, one right after the other.

use std::time::Duration;

/// Less than this at once is a trickle, in bytes.
const LITTLE: u64 = 64 * 1024;

/// Tells when it is better to let pieces gather than to move each: a call to the kernel costs more than the little that it
/// moves, and holds up the producer, whose pipe it locks.
#[derive(Default)]
pub(super) struct Trickle {
    /// How much had been taken after the last move.
    taken: u64,
    /// Whether the source was last waited for, but not for long.
    brief: bool,
}

impl Trickle {
    /// How long to let pieces gather. Too short to be noticed, long enough for dozens of small writes.
    pub(super) const NAP: Duration = Duration::from_micros(100);

    /// Notes how long the source was waited for.
    pub(super) fn waited(&mut self, length: Duration) {
        self.brief = length < Self::NAP;
    }

    /// Something was moved, and now `taken` bytes are, from the source's start: whether to nap before moving more.
    pub(super) fn advises_nap(&mut self, taken: u64) -> bool {
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
        let mut trickle = Trickle::default();
        assert!(!trickle.advises_nap(0), "the first piece is not delayed");
        trickle.waited(quick);
        assert!(trickle.advises_nap(100));
        assert!(trickle.advises_nap(300), "as long as there is something, nobody waits");
        assert!(!trickle.advises_nap(100_000), "much came at once");
        trickle.waited(slow);
        assert!(!trickle.advises_nap(100_100), "a line now and then is passed on at once");
    }
}
