//! Whether a failed step is retried, and after which delay. Pure but for the jitter.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use crate::pipeline::{Failure, Retry};

/// Returns the delay before the retry after `used` others, or nothing if the step is not retried.
pub fn next(retry: Option<&Retry>, used: u32, failure: &Failure) -> Option<Duration> {
    let retry = retry?;
    let worth_it =
        retry.on_exit.is_empty() || failure.exit_code().is_some_and(|code| retry.on_exit.contains(&code));
    if used >= retry.count || !worth_it {
        return None;
    }
    let delay = retry.delay_before(used + 1);
    Some(if retry.jitter { jittered(delay) } else { delay })
}

/// Returns a random length in the upper half of `delay`. The standard library's hash keys are random enough
/// to keep runs on different machines out of step, which is all that jitter is for.
fn jittered(delay: Duration) -> Duration {
    let random = RandomState::new().hash_one(0u8);
    let share = (random >> 11) as f64 / (1u64 << 53) as f64;
    delay.mul_f64(0.5 + share / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::Backoff;

    fn retry(count: u32, on_exit: &[i32]) -> Retry {
        Retry {
            count,
            delay: Duration::from_secs(4),
            backoff: Backoff::Linear,
            max_delay: None,
            jitter: false,
            on_exit: on_exit.to_vec(),
            timeout: None,
        }
    }

    #[test]
    fn count_is_the_number_of_retries() {
        let failure = Failure::Exit(1);
        let wait = |used| next(Some(&retry(2, &[])), used, &failure).map(|delay| delay.as_secs());
        assert_eq!([0, 1, 2].map(wait), [Some(4), Some(8), None]);
        assert_eq!(next(None, 0, &failure), None);
    }

    #[test]
    fn on_exit_limits_which_failures_are_worth_it() {
        let picky = retry(1, &[7, 28]);
        assert!(next(Some(&picky), 0, &Failure::Exit(28)).is_some());
        assert!(next(Some(&picky), 0, &Failure::Exit(1)).is_none());
        assert!(next(Some(&picky), 0, &Failure::Signal(9)).is_none());
        assert!(next(Some(&retry(1, &[])), 0, &Failure::Signal(9)).is_some());
    }

    #[test]
    fn the_end_by_a_signal_has_the_exit_code_of_a_shell() {
        let killed = retry(1, &[137]);
        for failure in [Failure::Exit(137), Failure::Signal(9), Failure::OutOfMemory] {
            assert!(next(Some(&killed), 0, &failure).is_some(), "{failure:?}");
        }
        for failure in [Failure::Signal(15), Failure::Timeout, Failure::LeftEarly] {
            assert!(next(Some(&killed), 0, &failure).is_none(), "{failure:?}");
        }
    }

    #[test]
    fn jitter_stays_in_the_upper_half() {
        for _ in 0..100 {
            let delay = jittered(Duration::from_secs(10));
            assert!((Duration::from_secs(5)..=Duration::from_secs(10)).contains(&delay), "{delay:?}");
        }
    }
}
