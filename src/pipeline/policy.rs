//! What happens when a step takes long or fails.

use std::time::Duration;

use super::Template;

/// A step's policy, complete: every default has been applied.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Policy {
    /// How long the step may take from its first start to its end, its own retries and their delays included.
    pub timeout: Option<Duration>,
    /// What its failure means for the run, once nothing is left to retry.
    pub on_error: OnError,
    /// Whether and how it is tried again.
    pub retry: Option<Retry>,
}

/// What a step's failure means for the run. `on_error: retry` is lowered to a [`Retry`] and its
/// [`AfterRetry`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnError {
    /// Cancel what runs, skip the rest.
    #[default]
    Stop,
    /// Let every step that does not depend on this one go on; the run still fails.
    Continue,
    /// Count the failure as success, visibly.
    Ignore,
}

/// What a step's failure means once its retries are used up.
pub type AfterRetry = OnError;

/// How a failed step is tried again.
#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    /// Retries after the first attempt.
    pub count: u32,
    /// The wait before the first retry.
    pub delay: Duration,
    /// How the wait grows.
    pub backoff: Backoff,
    /// The longest wait.
    pub max_delay: Option<Duration>,
    /// Whether each wait is drawn from the upper half of its length, so that many runs do not retry in step.
    pub jitter: bool,
    /// Exit codes worth a retry; empty means every failure is.
    pub on_exit: Vec<i32>,
    /// How long one attempt may take.
    pub timeout: Option<Duration>,
}

/// How the wait between attempts grows: `delay`, `delay × n`, `delay × 2ⁿ⁻¹` before the n-th retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Backoff {
    /// Always the same.
    #[default]
    Constant,
    /// By `delay` each time.
    Linear,
    /// Doubling.
    Exponential,
}

/// A number or length of time of a policy that a template makes when the run begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlySetting {
    /// What it is.
    pub key: PolicyKey,
    /// The text that makes it.
    pub text: Template,
}

/// A number or length of time of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyKey {
    /// [`Policy::timeout`].
    Timeout,
    /// [`Retry::count`].
    RetryCount,
    /// [`Retry::delay`].
    RetryDelay,
    /// [`Retry::max_delay`].
    RetryMaxDelay,
    /// [`Retry::timeout`].
    RetryTimeout,
}

impl Retry {
    /// Returns the wait before the `nth` retry (from 1), before jitter.
    pub fn delay_before(&self, nth: u32) -> Duration {
        let factor = match self.backoff {
            Backoff::Constant => 1,
            Backoff::Linear => nth,
            Backoff::Exponential => 1u32.checked_shl(nth.saturating_sub(1)).unwrap_or(u32::MAX),
        };
        let delay = self.delay.saturating_mul(factor);
        self.max_delay.map_or(delay, |most| delay.min(most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retry(backoff: Backoff) -> Retry {
        Retry {
            count: 9,
            delay: Duration::from_secs(2),
            backoff,
            max_delay: Some(Duration::from_secs(60)),
            jitter: false,
            on_exit: Vec::new(),
            timeout: None,
        }
    }

    #[test]
    fn delays_grow_as_named_and_stop_at_the_longest() {
        let seconds = |backoff, nth| retry(backoff).delay_before(nth).as_secs();
        assert_eq!([1, 2, 3].map(|n| seconds(Backoff::Constant, n)), [2, 2, 2]);
        assert_eq!([1, 2, 3].map(|n| seconds(Backoff::Linear, n)), [2, 4, 6]);
        assert_eq!([1, 2, 3, 9].map(|n| seconds(Backoff::Exponential, n)), [2, 4, 8, 60]);
        assert_eq!(seconds(Backoff::Exponential, 4_000), 60);
    }
}
