//! The state of a run.

use serde::Serialize;

/// The state of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    /// Its process lives.
    Running,
    /// Its journal has its end.
    Ended,
    /// Its journal has no end, and its process is gone.
    Died,
}

impl RunState {
    pub(super) fn of(ended: bool, lives: bool) -> Self {
        match (ended, lives) {
            (true, _) => Self::Ended,
            (false, true) => Self::Running,
            (false, false) => Self::Died,
        }
    }
}
