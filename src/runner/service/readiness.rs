//! How long and how often a service is asked whether it is ready. The first look comes at once, so that a service
//! that is quick costs no wait.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::executor::{Answer, SystemError};
use crate::pipeline::Check;

/// The wait after the first look. Each further one is twice as long, up to the interval of the check.
const FIRST: Duration = Duration::from_millis(100);

/// What became of the checks.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::runner) enum Verdict {
    Ready,
    /// The time is over: what the last check said.
    Late(String),
    /// It can never be known: why.
    Never(String),
}

/// Asks until a service is ready, or has had all its time.
pub(in crate::runner) async fn ask<F>(
    check: &Check,
    mut look: impl FnMut() -> F,
) -> Result<Verdict, SystemError>
where
    F: Future<Output = Result<Answer, SystemError>>,
{
    let begun = Instant::now();
    let patience = patience(check);
    let mut pause = FIRST.min(check.interval);
    loop {
        let said = match timeout(check.timeout, look()).await {
            Ok(answer) => match answer? {
                Answer::Ready => return Ok(Verdict::Ready),
                Answer::NotYet(said) => said,
                Answer::Never(why) => return Ok(Verdict::Never(why)),
            },
            Err(_) => format!("no answer within {}", humantime::format_duration(check.timeout)),
        };
        if begun.elapsed() + pause > patience {
            return Ok(Verdict::Late(said));
        }
        sleep(pause).await;
        pause = (2 * pause).min(check.interval);
    }
}

/// Returns how long a service may take.
pub(in crate::runner) fn patience(check: &Check) -> Duration {
    check.start_period.saturating_add(check.interval.saturating_mul(check.retries))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// Returns when each look came, in milliseconds, if the service is ready after some of them.
    async fn looks(check: &Check, after: usize) -> (Vec<u128>, Verdict) {
        let (begun, looks) = (Instant::now(), RefCell::new(Vec::new()));
        let look = || {
            looks.borrow_mut().push(begun.elapsed().as_millis());
            let answer =
                if looks.borrow().len() > after { Answer::Ready } else { Answer::NotYet("no".into()) };
            async move { Ok(answer) }
        };
        let verdict = ask(check, look).await.unwrap();
        (looks.into_inner(), verdict)
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_look_comes_at_once_and_the_others_further_and_further_apart() {
        let check = Check::new(None);
        assert_eq!(looks(&check, 0).await, (vec![0], Verdict::Ready));
        assert_eq!(looks(&check, 6).await, (vec![0, 100, 300, 700, 1500, 2500, 3500], Verdict::Ready));
        let often = Check { interval: Duration::from_millis(50), ..check };
        assert_eq!(looks(&often, 2).await, (vec![0, 50, 100], Verdict::Ready));
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_has_its_start_period_and_its_retries() {
        let check = Check { retries: 3, start_period: Duration::from_secs(2), ..Check::new(None) };
        let (at, verdict) = looks(&check, 99).await;
        assert_eq!((at.last().copied(), verdict), (Some(4_500), Verdict::Late("no".into())));
        let none = Check { retries: 0, ..Check::new(None) };
        assert_eq!(looks(&none, 99).await, (vec![0], Verdict::Late("no".into())));
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_that_hangs_is_cut_and_counts_as_failing() {
        let check = Check { retries: 7, ..Check::new(None) };
        let verdict = ask(&check, std::future::pending).await.unwrap();
        assert_eq!(verdict, Verdict::Late("no answer within 5s".into()));
    }
}
