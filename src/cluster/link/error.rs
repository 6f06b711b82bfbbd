//! Why a link fails.

use std::io;
use std::time::Duration;

use humantime::format_duration;

use super::channels::Violation;
use super::frame::FrameError;
use super::session::SessionEnd;

/// Why a connection, or a whole link, has failed.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The peer is another build of the program.
    #[error("{0}")]
    Version(String),
    /// The hub does not take this end.
    #[error("the hub refuses the link: {0}")]
    Refused(String),
    /// One end does not have the key that the other one knows.
    #[error("the hub and this end of the link do not know each other's keys: {0}")]
    Key(#[source] rustls::Error),
    /// The connection has failed.
    #[error("the connection failed: {0}")]
    Connection(#[from] io::Error),
    /// The peer was not heard.
    #[error("nothing was heard for {}", format_duration(*.0))]
    Silence(Duration),
    /// What came is no frame.
    #[error("the peer sends what is no frame: {0}")]
    Frame(#[from] FrameError),
    /// What came is no message of the link.
    #[error("the peer sends what is no message of the link: {0}")]
    Control(#[from] serde_json::Error),
    /// What came is no greeting, or a greeting where none belongs.
    #[error("the peer greets where it should not, or does not greet")]
    Greeting,
    /// The peer does what is forbidden.
    #[error("the peer breaks the rules of the link: {0}")]
    Violation(#[from] Violation),
    /// There is a newer connection of the same session.
    #[error("the connection has been replaced")]
    Replaced,
    /// The session has ended.
    #[error(transparent)]
    Ended(#[from] SessionEnd),
}

impl LinkError {
    /// Whether another connection would help.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Connection(_) | Self::Silence(_) | Self::Replaced => true,
            Self::Version(_) | Self::Refused(_) | Self::Key(_) | Self::Ended(_) => false,
            Self::Frame(_) | Self::Control(_) | Self::Greeting | Self::Violation(_) => false,
        }
    }
}
