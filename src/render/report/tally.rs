//! How many steps of a run are in which state.

use crate::pipeline::{Outcome, SkipReason};

/// How many steps are in which state. Feeds are not counted.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Tally {
    pub total: usize,
    pub running: usize,
    pub done: usize,
    pub succeeded: usize,
    pub failed: usize,
    pub ignored: usize,
    pub tainted: usize,
    pub cancelled: usize,
    pub skipped: usize,
    /// Skipped for a condition, which spoils nothing.
    pub passed_over: usize,
    pub reused: usize,
    pub left_out: usize,
}

impl Tally {
    pub(super) fn add(&mut self, outcome: &Outcome) {
        self.done += 1;
        *match outcome {
            Outcome::Succeeded => &mut self.succeeded,
            Outcome::Failed(_) | Outcome::TimedOut => &mut self.failed,
            Outcome::Ignored(_) => &mut self.ignored,
            Outcome::Tainted { .. } => &mut self.tainted,
            Outcome::Cancelled => &mut self.cancelled,
            Outcome::Skipped(SkipReason::Dependency(_) | SkipReason::Stopped) => &mut self.skipped,
            Outcome::Skipped(SkipReason::Condition(_) | SkipReason::Without(_)) => &mut self.passed_over,
            Outcome::Reused => &mut self.reused,
            Outcome::LeftOut => &mut self.left_out,
        } += 1;
    }

    /// Returns steps that have done what they were to do.
    pub fn good(&self) -> usize {
        self.succeeded + self.ignored + self.reused
    }

    /// Returns steps that have not started.
    pub fn waiting(&self) -> usize {
        self.total.saturating_sub(self.running + self.done)
    }
}
