//! What happens to a gang.

use tracing::debug;

use crate::executor::SystemError;
use crate::runner::end::Ended;
use crate::stream::{FanoutEvent, KeptBytes};

/// What can happen to a gang. Members and streams are named by their positions in it. A signal of an earlier
/// round is stale and dropped.
#[derive(Debug)]
pub(super) enum Signal {
    /// A member's attempt has ended.
    Ended { member: usize, result: Result<Ended, SystemError> },
    /// A live stream has news.
    Stream { stream: usize, event: FanoutEvent },
    /// A live stream will have no more news.
    StreamSilent { stream: usize },
    /// A stream's file was closed before its end: with a good reason, or not.
    FileClosed { stream: usize, result: Result<(), SystemError> },
    /// A finished stream has been delivered, to files as well.
    Finished { stream: usize, result: Result<Vec<KeptBytes>, SystemError> },
    /// A producer has been gone for a while, and its stream has not ended.
    LeakGraceOver { stream: usize },
    /// The wait before a member's own retry is over.
    RetryMember { member: usize },
    /// The wait before the gang's retry is over.
    RetryGang,
}

impl Signal {
    /// Logs the signal, without anything that a step has written.
    pub(super) fn log(&self, round: u32) {
        match self {
            Self::Ended { member, result } => {
                debug!(round, member, ok = result.is_ok(), "gang: attempt ended")
            }
            Self::Stream { stream, event } => {
                let event = match event {
                    FanoutEvent::SourceEnded { .. } => "source ended",
                    FanoutEvent::SinkLeft { .. } => "sink left",
                    FanoutEvent::AllLeft => "all sinks left",
                    FanoutEvent::Failed(_) => "failed",
                };
                debug!(round, stream, event, "gang: stream event");
            }
            Self::StreamSilent { stream } => debug!(round, stream, "gang: stream silent"),
            Self::FileClosed { stream, result } => {
                debug!(round, stream, ok = result.is_ok(), "gang: file closed");
            }
            Self::Finished { stream, result } => {
                debug!(round, stream, ok = result.is_ok(), "gang: stream finished");
            }
            Self::LeakGraceOver { stream } => debug!(round, stream, "gang: leak grace over"),
            Self::RetryMember { member } => debug!(round, member, "gang: retry member"),
            Self::RetryGang => debug!(round, "gang: retry"),
        }
    }
}
