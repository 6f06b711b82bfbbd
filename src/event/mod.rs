//! Everything that happens in a run, as [`Event`]s: the one source of the journal and of every renderer.
//!
//! [`channel`] carries them from the runner to their readers, and [`mask`]s the run's secrets on the way; [`wire`] is their
//! form on disk and in `--format json`.

pub mod channel;
pub mod mask;
#[cfg(test)]
pub(crate) mod sample;
pub mod wire;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::pipeline::{Failure, Fingerprint, Lane, Outcome, Outputs, Pipeline, Product, StepId, StreamId};

/// One thing that happened.
#[derive(Debug, Clone)]
pub struct Event {
    /// When, by the wall clock.
    pub at: SystemTime,
    /// When, since the run started; never goes back.
    pub elapsed: Duration,
    /// What.
    pub kind: EventKind,
}

/// What happened. The first event of a run is `RunStarted`, the last `RunFinished`; every step of the pipeline has
/// exactly one `StepFinished` between them, skipped ones included.
#[derive(Debug, Clone)]
pub enum EventKind {
    /// The run begins.
    RunStarted(RunStarted),
    /// An attempt of a step has started.
    StepStarted {
        /// The step.
        step: StepId,
        /// From 1.
        attempt: u32,
        /// Which way its bytes go, where it runs in a container.
        lane: Option<Lane>,
    },
    /// A step wrote to its log (stdout where it is no stream, and stderr).
    StepOutput {
        /// The step.
        step: StepId,
        /// Which of its outputs.
        channel: OutputChannel,
        /// Whole lines, newlines included, as they came; a last line without one, or a very long one, comes as it is.
        bytes: Arc<[u8]>,
    },
    /// An attempt failed and the step (with its gang, or alone) will be tried again.
    StepRetrying {
        /// The step whose failure it is, and to which the retry is charged.
        step: StepId,
        /// The attempt that failed, from 1.
        attempt: u32,
        /// How it failed.
        failure: Failure,
        /// The wait before the next attempt.
        delay: Duration,
        /// The steps that start again: the step alone, or its gang.
        restarting: Vec<StepId>,
    },
    /// A step has ended for good.
    StepFinished(StepFinished),
    /// How far the live streams are; sent a few times a second while any is open.
    StreamProgress(Vec<StreamStats>),
    /// A stream has ended for good.
    StreamFinished(StreamFinished),
    /// Steps are being stopped.
    Cancelling {
        /// Why.
        reason: CancelReason,
        /// Whether they are killed without grace.
        now: bool,
    },
    /// Something a user should know that is nobody's failure.
    Warning(String),
    /// Something that goes on and belongs to no step, such as an image that is fetched.
    Note(String),
    /// The run has ended.
    RunFinished(RunFinished),
}

/// What a renderer needs to know from the start.
#[derive(Debug, Clone)]
pub struct RunStarted {
    /// The run's id.
    pub run: String,
    /// The pipeline; ids in later events point into it.
    pub pipeline: Arc<Pipeline>,
    /// The run directory, `.pipe/runs/ID`.
    pub dir: Option<PathBuf>,
}

/// Which of a step's outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputChannel {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// How a step ended.
#[derive(Debug, Clone)]
pub struct StepFinished {
    /// The step.
    pub step: StepId,
    /// How it ended.
    pub outcome: Outcome,
    /// Attempts made; 0 for a skipped step.
    pub attempts: u32,
    /// From its first start to its end; zero for a skipped step.
    pub duration: Duration,
    /// Whether a process that it left behind still held its output open, so that it had to be closed.
    pub leaky: bool,
    /// The values that it gave.
    pub outputs: Arc<Outputs>,
    /// The files that it had to leave behind.
    pub products: Vec<Product>,
    /// What its result hangs on; of a step that succeeded.
    pub fingerprint: Fingerprint,
}

/// Counters of a stream.
#[derive(Debug, Clone)]
pub struct StreamStats {
    /// The stream.
    pub stream: StreamId,
    /// Bytes taken from the producer, in the current attempt.
    pub bytes: u64,
    /// Bytes a second over the time since the last report (in the final report: over the stream's whole life).
    pub rate: f64,
    /// How long the producer had nothing to give while every reader could take more.
    pub starved: Duration,
    /// One for each live edge, in the order of `Stream::readers`.
    pub edges: Vec<EdgeStats>,
}

/// Counters of one live edge.
#[derive(Debug, Clone)]
pub struct EdgeStats {
    /// The reader.
    pub reader: StepId,
    /// Bytes that the reader has taken.
    pub bytes: u64,
    /// How long this reader held up the stream.
    pub blocked: Duration,
    /// The reader has closed its end before the stream's.
    pub left: bool,
    /// The most that ever lay on disk for it, in bytes.
    pub spilled: u64,
}

/// How a stream ended.
#[derive(Debug, Clone)]
pub struct StreamFinished {
    /// Final counters. Stored edges are not in them.
    pub stats: StreamStats,
    /// Whether the producer succeeded and every byte was delivered to those who stayed.
    pub complete: bool,
    /// For each live edge that left early: the reader, and the bytes that it left unread (`None` where the producer was
    /// cut short because nobody was left to read, so that nobody knows how much there would have been).
    pub unread: Vec<(StepId, Option<u64>)>,
    /// Where the stream was kept, for streams without a reader and for `--out FILE`.
    pub kept: Option<Kept>,
    /// Its SHA-256 in hexadecimal, where the file asks for it and all of it went by.
    pub sha256: Option<String>,
    /// How the bytes moved: `splice` or `copy`.
    pub engine: &'static str,
}

/// A stream kept in a file.
#[derive(Debug, Clone)]
pub struct Kept {
    /// The file.
    pub path: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its checksum, in hexadecimal.
    pub sha256: String,
}

/// How a run ended.
#[derive(Debug, Clone)]
pub struct RunFinished {
    /// Whether it did what it was asked to.
    pub end: RunEnd,
    /// From start to end.
    pub duration: Duration,
    /// What a run that succeeded gives back: names and values, in the order of the file.
    pub outputs: Vec<(String, String)>,
}

/// The run's own end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunEnd {
    /// Every step succeeded, or its failure is ignored.
    Succeeded,
    /// A step failed; `cause` is the first that failed by itself. If its failure is one to be ignored, it is the cause
    /// where it broke the stream of others.
    Failed {
        /// The first failure.
        cause: Option<StepId>,
    },
    /// Every step succeeded, but one of the run's outputs cannot be given: why.
    NoOutput(String),
    /// A signal ended it.
    Signalled(i32),
    /// The engine failed: what it says.
    Engine(String),
}

/// Why steps are being stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelReason {
    /// `pipe` was sent this signal.
    Signal(i32),
    /// This step failed, and its `on_error` is `stop`.
    StepFailed(StepId),
    /// The engine failed.
    Engine,
}
