//! Positions of steps, streams and calls, by which everything refers to them.

/// A step's position in its pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StepId(u32);

impl StepId {
    /// Returns the id of the step at `index`.
    pub fn new(index: usize) -> Self {
        Self(u32::try_from(index).unwrap_or(u32::MAX))
    }

    /// Returns the position that it stands for.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A stream's position in its pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(u32);

impl StreamId {
    /// Returns the id of the stream at `index`.
    pub fn new(index: usize) -> Self {
        Self(u32::try_from(index).unwrap_or(u32::MAX))
    }

    /// Returns the position that it stands for.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A call's position in its pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(u32);

impl CallId {
    /// Returns the id of the call at `index`.
    pub fn new(index: usize) -> Self {
        Self(u32::try_from(index).unwrap_or(u32::MAX))
    }

    /// Returns the position that it stands for.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}
