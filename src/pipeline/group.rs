//! Groups: names for several steps.

use std::num::NonZeroUsize;

use super::{Span, StepId};

/// A group's position in its pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupId(u32);

impl GroupId {
    /// Returns the id of the group at `index`.
    pub fn new(index: usize) -> Self {
        Self(u32::try_from(index).unwrap_or(u32::MAX))
    }

    /// Returns the position that it stands for.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Several steps under one name, such as those of a `matrix` or of a file that a step uses. Wherever a step's name is taken, a group's is
/// taken too, and means all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name; no step has the same.
    pub name: String,
    /// Where the name stands in the file.
    pub at: Span,
    /// What it is a group of.
    pub kind: GroupKind,
    /// The group that it is a part of.
    pub within: Option<GroupId>,
    /// Its steps, in order; at least one.
    pub members: Vec<StepId>,
    /// How many of them may run at once.
    pub max_parallel: Option<NonZeroUsize>,
    /// The params that its values come from.
    pub params: Vec<String>,
}

/// What a group is a group of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupKind {
    /// The same step, with each combination of a matrix.
    Matrix,
    /// The steps of a file that a step uses; with a matrix, all of their groups.
    Files,
}

impl Group {
    /// Returns a group of a matrix that is part of no other.
    pub fn of_matrix(name: impl Into<String>, at: Span, members: Vec<StepId>) -> Self {
        Self {
            name: name.into(),
            at,
            kind: GroupKind::Matrix,
            within: None,
            members,
            max_parallel: None,
            params: Vec::new(),
        }
    }

    /// Returns a group of a file that a step uses, without its steps.
    pub fn of_files(name: impl Into<String>, at: Span) -> Self {
        Self { kind: GroupKind::Files, ..Self::of_matrix(name, at, Vec::new()) }
    }

    /// Returns what stands for all of its steps: `test ×4`.
    pub fn label(&self) -> String {
        format!("{} ×{}", self.name, self.members.len())
    }
}

impl MatrixValue {
    /// Returns the value as it was written. Two values that are written alike are the same one.
    pub fn spelled(&self) -> &str {
        match self {
            Self::Bool(true) => "true",
            Self::Bool(false) => "false",
            Self::Int { text, value: _ } | Self::Text(text) => text,
            Self::Unknown => "?",
        }
    }
}

/// What makes a step a member of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The group.
    pub group: GroupId,
    /// Its values of the matrix, by axis, in the order of the axes.
    pub matrix: Vec<(String, MatrixValue)>,
}

/// A value of a matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MatrixValue {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number, as it was written.
    Int {
        /// Its digits.
        text: String,
        /// What it is worth.
        value: i64,
    },
    /// Anything else.
    Text(String),
    /// Not known yet: the list that it comes from has no value.
    Unknown,
}
