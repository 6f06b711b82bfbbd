//! Why there is no figure.

use std::error::Error;
use std::fmt;

pub type Result<T> = std::result::Result<T, Problem>;

/// One for all rows that come of the same runs.
#[derive(Debug, Clone)]
pub enum Problem {
    /// This machine lacks something, which is not a failure.
    Missing(String),
    /// What should have run did not.
    Failed(String),
}

impl Problem {
    pub fn missing(what: &str) -> Self {
        Self::Missing(format!("no {what} here"))
    }

    pub fn failed(why: impl Into<String>) -> Self {
        Self::Failed(why.into())
    }
}

impl<Cause: Error> From<Cause> for Problem {
    fn from(cause: Cause) -> Self {
        Self::Failed(cause.to_string())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Missing(why) | Self::Failed(why)) = self;
        f.write_str(why)
    }
}
