//! What the ends of members mean for their gang. Nothing is asked or told here.

use std::time::Duration;

use tokio::time::Instant;

use crate::pipeline::{Failure, NotRetried, Outcome, Policy};
use crate::runner::next_retry;

/// Returns the failure that an end is, whatever becomes of it.
pub(super) fn failure(outcome: &Outcome) -> Option<Failure> {
    match outcome {
        Outcome::Failed(failure) | Outcome::Ignored(failure) => Some(failure.clone()),
        Outcome::TimedOut => Some(Failure::Timeout),
        Outcome::Succeeded
        | Outcome::Cancelled
        | Outcome::Tainted { .. }
        | Outcome::Skipped(_)
        | Outcome::Reused
        | Outcome::LeftOut => None,
    }
}

/// Whether an end is told at once, though others of the gang may still be tried again.
pub(super) fn has_failed(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Failed(_) | Outcome::TimedOut | Outcome::Tainted { .. } => true,
        Outcome::Succeeded
        | Outcome::Cancelled
        | Outcome::Ignored(_)
        | Outcome::Skipped(_)
        | Outcome::Reused
        | Outcome::LeftOut => false,
    }
}

/// How far a member has come with its attempts.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Attempts {
    /// Retries that were charged to it.
    pub(super) retries: u32,
    /// When its first attempt started.
    pub(super) started: Option<Instant>,
}

impl Attempts {
    /// Whether it has a retry left, if its failure is one that is tried again.
    pub(super) fn may_retry(self, policy: &Policy) -> bool {
        policy.retry.as_ref().is_some_and(|retry| self.retries < retry.count)
    }

    /// Returns how much of its `timeout` is left.
    pub(super) fn time_left(self, policy: &Policy) -> Option<Duration> {
        Some(policy.timeout?.saturating_sub(self.started?.elapsed()))
    }

    /// Returns the wait before it is tried again, or why it is not, though it has retries left. What the cluster has
    /// ended is tried again whatever `on_exit` says.
    pub(super) fn next(
        self,
        policy: &Policy,
        failure: &Failure,
        is_of_cluster: bool,
    ) -> Result<Duration, Option<NotRetried>> {
        let mut retry = policy.retry.clone().filter(|_| self.may_retry(policy)).ok_or(None)?;
        if is_of_cluster {
            retry.on_exit.clear();
        }
        let delay = next_retry(Some(&retry), self.retries, failure).ok_or(Some(NotRetried::OnExit))?;
        let is_in_time = self.time_left(policy).is_none_or(|left| delay < left);
        // A step whose whole time is over has none for a retry either.
        let why = (*failure != Failure::Timeout).then_some(NotRetried::NoTime);
        if is_in_time { Ok(delay) } else { Err(why) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::{LoadOptions, load};
    use crate::pipeline::Source;

    fn policy(keys: &str) -> Policy {
        let text = format!("steps: [{{name: a, image: x, run: y, {keys}}}]\n");
        load(Source::new("pipeline.yml", text), &LoadOptions::default()).unwrap().steps[0].policy.clone()
    }

    #[tokio::test(start_paused = true)]
    async fn retries_are_counted_and_timed() {
        let policy = policy("timeout: 10s, retry: {count: 2, delay: 4s, on_exit: [7]}");
        let mut attempts = Attempts { retries: 0, started: Some(Instant::now()) };
        let next = |attempts: Attempts, failure| attempts.next(&policy, &failure, false);
        assert_eq!(next(attempts, Failure::Exit(7)), Ok(Duration::from_secs(4)));
        assert_eq!(next(attempts, Failure::Exit(8)), Err(Some(NotRetried::OnExit)));
        assert_eq!(attempts.next(&policy, &Failure::Signal(9), true), Ok(Duration::from_secs(4)));
        tokio::time::advance(Duration::from_secs(7)).await;
        assert_eq!(attempts.time_left(&policy), Some(Duration::from_secs(3)));
        assert_eq!(next(attempts, Failure::Exit(7)), Err(Some(NotRetried::NoTime)));
        attempts.retries = 2;
        assert_eq!(next(attempts, Failure::Exit(7)), Err(None));
    }
}
