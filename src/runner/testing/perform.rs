//! One scripted attempt.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::act::{Act, ActEnd};
use crate::executor::{Exit, SystemError};
use crate::runner::Shutdown;

/// How an attempt ended.
pub(super) enum End {
    Exit(Exit),
    TimedOut,
    Stopped,
    NotStarted(String),
    Lost(SystemError),
}

/// Goes through an attempt: its time, and the way from TERM to KILL.
pub(super) async fn perform(
    act: &Act,
    mut deadline: Option<Instant>,
    grace: Duration,
    stopped: &mut watch::Receiver<Shutdown>,
) -> End {
    let begun = Instant::now();
    let mut until = begun + act.takes;
    let (mut timed_out, mut was_stopped) = (false, false);
    loop {
        let how = *stopped.borrow_and_update();
        let is_ending = act.is_ending(begun.elapsed()) && !was_stopped && !timed_out;
        let how = if is_ending { Shutdown::None } else { how };
        if how == Shutdown::Graceful && !was_stopped && !timed_out {
            until = Instant::now() + act.obeys_after.min(grace);
        }
        was_stopped |= how != Shutdown::None;
        if how == Shutdown::Immediate {
            until = Instant::now();
        }
        tokio::select! {
            () = sleep_until(until) => return match (timed_out, was_stopped, &act.end) {
                (true, ..) => End::TimedOut,
                (false, true, _) => End::Stopped,
                (false, false, ActEnd::Exit(exit)) => End::Exit(*exit),
                (false, false, _) => End::Lost(SystemError::new("cannot wait", "the process is lost")),
            },
            () = sleep_until(deadline.unwrap_or(until)), if deadline.is_some() => {
                (timed_out, deadline) = (true, None);
                until = Instant::now() + act.obeys_after.min(grace);
            }
            Ok(()) = stopped.changed() => {}
        }
    }
}
