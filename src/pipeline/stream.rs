//! Streams: named byte sequences, made by one step and read by any number.

use std::path::PathBuf;

use super::{Span, StepId};

/// A stream's position in its pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(u32);

impl StreamId {
    /// The id of the stream at `index`.
    pub fn new(index: usize) -> Self {
        Self(u32::try_from(index).unwrap_or(u32::MAX))
    }

    /// The position that it stands for.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A named byte sequence. Each entry of `readers` is one *edge*.
#[derive(Debug, Clone)]
pub struct Stream {
    /// Its name; same alphabet as steps.
    pub name: String,
    /// Where its producer names it.
    pub at: Span,
    /// The step that makes it.
    pub producer: StepId,
    /// The steps that read it, in the order of the file; a step stands here once.
    pub readers: Vec<StepId>,
    /// Where `--out` sends it, beside its readers.
    pub out: Option<Destination>,
}

/// Where `--out` sends a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// `pipe`'s own standard output.
    Stdout,
    /// A file, device or named pipe.
    File(PathBuf),
}
