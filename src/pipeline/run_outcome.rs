//! How the ordinary steps of a run have ended, as its `finally` steps learn it.

use std::collections::BTreeMap;
use std::time::Duration;

/// How the ordinary steps have ended, taken together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunOutcome {
    /// No step spoils the run.
    Succeeded,
    /// A step does, or the run took too long.
    Failed,
    /// A signal ended the run.
    Cancelled,
    /// An error outside the pipeline aborted the run.
    Error,
}

impl RunOutcome {
    /// Every outcome.
    pub const ALL: [Self; 4] = [Self::Succeeded, Self::Failed, Self::Cancelled, Self::Error];

    /// Returns the word for it, which is that of the Action's output `outcome`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Error => "error",
        }
    }

    /// Returns the outcome behind a word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.word() == word)
    }
}

/// What `finally` steps are told of the steps before them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyEnd {
    /// `run.outcome`.
    pub outcome: RunOutcome,
    /// `run.cause`: the first step that failed, or the limit that was over; empty if there is none.
    pub cause: String,
    /// `steps.NAME.outcome`: the words of the journal, of all steps that have ended.
    pub steps: BTreeMap<String, &'static str>,
}

/// Returns that a run was stopped for its limit, as messages have it: `the run took longer than 30 m`.
pub fn took_too_long(limit: Duration) -> String {
    let (seconds, millis) = (limit.as_secs(), limit.subsec_millis());
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3600 % 24, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
        (u64::from(millis), "ms"),
    ];
    let parts = parts.iter().filter(|(count, _)| *count > 0);
    let parts: Vec<String> = parts.map(|(count, unit)| format!("{count} {unit}")).collect();
    format!("the run took longer than {}", parts.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_shown_in_the_units_that_it_has() {
        let shown = |millis| took_too_long(Duration::from_millis(millis));
        assert_eq!(shown(1_800_000), "the run took longer than 30 m");
        assert_eq!(shown(5_400_500), "the run took longer than 1 h 30 m 500 ms");
    }

    #[test]
    fn every_outcome_has_a_word_of_its_own() {
        for outcome in RunOutcome::ALL {
            assert_eq!(RunOutcome::of(outcome.word()), Some(outcome));
        }
    }
}
