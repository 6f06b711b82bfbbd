//! What happens to a gang, and what it tells.

use crate::event::StepFinished;
use crate::executor::EngineError;
use crate::runner::attempt::Ended;
use crate::stream::{FanoutEvent, Kept};

/// What can happen to a gang. Members and streams are named by their positions in it. A signal of an earlier round is
/// stale and dropped.
#[derive(Debug)]
pub(super) enum Signal {
    /// A member's attempt has ended.
    Ended { member: usize, result: Result<Ended, EngineError> },
    /// A live stream has news.
    Stream { stream: usize, event: FanoutEvent },
    /// A live stream will have no more news.
    StreamSilent { stream: usize },
    /// A stream's file was closed before its end: with a good reason, or not.
    FileClosed { stream: usize, result: Result<(), EngineError> },
    /// A finished stream has been delivered, to files as well.
    Finished { stream: usize, result: Result<Vec<Kept>, EngineError> },
    /// A producer has been gone for a while, and its stream has not ended.
    LeakGraceOver { stream: usize },
    /// The wait before a member's own retry is over.
    RetryMember { member: usize },
    /// The wait before the gang's retry is over.
    RetryGang,
}

/// What gangs tell the dispatcher.
#[derive(Debug)]
pub(in crate::runner) enum Message {
    /// A step that was started has ended for good.
    Finished(StepFinished),
    /// The engine cannot go on.
    EngineFailed(EngineError),
}
