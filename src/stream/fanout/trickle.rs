//! Sources that trickle: small pieces, one right after the other.

use std::time::Duration;

/// Less than this at once is a trickle, in bytes.
const LITTLE: u64 = 16 * 1024;

/// Tells when it is better to let pieces gather than to wake up for each: a wake-up costs more than a little moves.
#[derive(Default)]
pub(super) struct Trickle {
    /// How much had been taken when the source was last found empty.
    taken: u64,
    /// Whether the last piece was waited for, but not for long.
    brief: bool,
}

impl Trickle {
    /// How long to let pieces gather. Too short to be noticed, long enough for dozens of small writes.
    pub(super) const NAP: Duration = Duration::from_micros(100);

    /// Notes how long the source was waited for.
    pub(super) fn waited(&mut self, length: Duration) {
        self.brief = length < Self::NAP;
    }

    /// The source is empty again, `taken` bytes from its start: whether to nap before waiting for more.
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
        trickle.waited(quick);
        assert!(!trickle.advises_nap(100_000), "much came at once");
        trickle.waited(slow);
        assert!(!trickle.advises_nap(100_100), "a line now and then is passed on at once");
    }
}
