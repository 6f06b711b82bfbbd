//! Why a cluster did not do what it was asked for.

use std::time::Duration;

use crate::cluster::status::ApiAnswer;
use crate::executor::SystemError;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The cluster has answered, and refused.
    #[error("{message}", message = shown(.0))]
    Refused(ApiAnswer),
    /// The cluster is busy, and says when to ask again.
    #[error("the cluster is busy: {message}", message = shown(.answer))]
    Busy {
        /// What it answered.
        answer: ApiAnswer,
        /// When to ask again, if it says so.
        after: Option<Duration>,
    },
    /// There was no answer: no connection, no credentials, nothing that can be read.
    #[error(transparent)]
    System(#[from] SystemError),
}

impl ApiError {
    /// Returns whether the cluster has no such object.
    pub fn is_gone(&self) -> bool {
        self.code() == Some(404)
    }

    /// Returns whether there is an object of the name already.
    pub fn exists(&self) -> bool {
        self.code() == Some(409)
    }

    /// Returns whether the version that a watch should go on from is too old.
    pub fn is_expired(&self) -> bool {
        self.code() == Some(410)
    }

    fn code(&self) -> Option<u16> {
        match self {
            Self::Refused(answer) | Self::Busy { answer, .. } => Some(answer.code),
            Self::System(_) => None,
        }
    }
}

fn shown(answer: &ApiAnswer) -> String {
    match answer.message.as_str() {
        "" => {
            format!("the cluster answers with code {} {}", answer.code, answer.reason).trim_end().to_owned()
        }
        message => message.to_owned(),
    }
}
