//! What conditions are told of the end of a step or of a group.

/// How a step or a group has ended, as conditions ask for it. Exactly one holds of all that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// `success('x')`.
    Success,
    /// `failure('x')`: it failed by itself, an ignored failure included.
    Failure,
    /// `cancelled('x')`: it was stopped.
    Cancelled,
    /// `skipped('x')`: it did not run.
    Skipped,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: [Self; 4] = [Self::Success, Self::Failure, Self::Cancelled, Self::Skipped];

    /// Returns the function that asks for it.
    pub fn function(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
        }
    }

    /// Returns the verdict about a group, from those about its members.
    pub fn of_group(members: impl IntoIterator<Item = Self>) -> Self {
        let rank = |verdict: &Self| match verdict {
            Self::Skipped => 0,
            Self::Success => 1,
            Self::Cancelled => 2,
            Self::Failure => 3,
        };
        members.into_iter().max_by_key(rank).unwrap_or(Self::Skipped)
    }
}
