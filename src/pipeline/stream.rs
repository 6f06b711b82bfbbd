//! Streams: named byte sequences, made by one step and read by any number.

use std::path::PathBuf;

use super::{Span, StepId, StreamId};

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
    /// Its SHA-256 is reported.
    pub checksum: bool,
    /// The exit codes by which its producer reports a broken pipe. SIGPIPE, and 141 for it, always do.
    pub broken_pipe: Vec<i32>,
}

impl Stream {
    /// Returns a stream without readers.
    pub fn new(name: impl Into<String>, at: Span, producer: StepId) -> Self {
        Self {
            name: name.into(),
            at,
            producer,
            readers: Vec::new(),
            out: None,
            store: false,
            checksum: false,
            broken_pipe: Vec::new(),
        }
    }
}

/// A step's end of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Port {
    /// The stream.
    pub stream: StreamId,
    /// Where the step names it.
    pub at: Span,
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
    /// It is one of several that the step reads under the same name: all streams of a group. The step can do
    /// without some of them, but not without all.
    pub is_gathered: bool,
}

/// Where a step finds what it reads under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputPlaces {
    /// The path of one stream.
    One(String),
    /// The paths of all that it gathers.
    Gathered(Vec<String>),
}

impl InputPlaces {
    /// Returns the paths, one a line.
    pub fn lines(self) -> String {
        match self {
            Self::One(path) => path,
            Self::Gathered(paths) => paths.join("\n"),
        }
    }
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
        Self { name: None, port, buffer: None, early_exit: EarlyExit::Allow, is_gathered: false }
    }

    /// Returns the variable that has the path of an input of this name.
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
