//! Streams: named byte sequences, made by one step and read by any number.

use std::path::PathBuf;

use super::{Port, Span, StepId};

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
    /// It is kept in the run's folder whole, and its readers read it from there.
    pub store: bool,
    /// Its SHA-256 is told.
    pub checksum: bool,
}

impl Stream {
    /// A stream that nobody reads yet.
    pub fn new(name: impl Into<String>, at: Span, producer: StepId) -> Self {
        let (readers, out) = (Vec::new(), None);
        Self { name: name.into(), at, producer, readers, out, store: false, checksum: false }
    }
}

/// What a step reads: one edge of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// `None` is its stdin; any other it finds by this name.
    pub name: Option<String>,
    /// The stream, and where the step names it.
    pub port: Port,
    /// How far it may lag behind the other readers, in bytes on disk.
    pub buffer: Option<u64>,
    /// What it means if it leaves before the end.
    pub early_exit: EarlyExit,
}

/// What it means if a reader has success without having read its stream to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EarlyExit {
    /// It had what it wanted.
    #[default]
    Allow,
    /// It failed.
    Fail,
}

impl Input {
    /// Nothing but a stream on stdin.
    pub fn stdin(port: Port) -> Self {
        Self { name: None, port, buffer: None, early_exit: EarlyExit::Allow }
    }

    /// The variable that tells a step where it can read an input of this name.
    pub fn variable(name: &str) -> String {
        format!("PIPE_INPUT_{}", name.to_ascii_uppercase())
    }
}

/// Where `--out` sends a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// `pipe`'s own standard output.
    Stdout,
    /// A file, device or named pipe.
    File(PathBuf),
}
