//! How an attempt ends.

use super::files::Artifacts;
use crate::executor::Exit;
use crate::pipeline::{Failure, Outputs};

/// How an attempt ended.
#[derive(Debug, Clone)]
pub(super) struct Ended {
    pub(super) how: End,
    /// A process that the step left behind held its log open.
    pub(super) leaky: bool,
    /// The values that it gave.
    pub(super) outputs: Outputs,
    /// The files that it left behind.
    pub(super) artifacts: Artifacts,
    /// The last line of its script.
    pub(super) command: Option<String>,
}

impl From<End> for Ended {
    /// The end of an attempt that did nothing.
    fn from(how: End) -> Self {
        Self { how, leaky: false, outputs: Outputs::new(), artifacts: Artifacts::default(), command: None }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// By itself.
    Exit(Exit),
    /// It exceeded the time limit of the step or of one attempt.
    TimedOut,
    /// It was stopped.
    Stopped,
    /// It never started; the step is at fault.
    NotStarted(String),
    /// With success, but its outputs or artifacts are faulty.
    Faulty(Failure),
}
