//! Events: everything that happens in a run. The journal and every renderer are made from them alone.
//!
//! [`channel`] carries them from the runner to their receivers, and [`mask`]s the run's secrets on the way;
//! [`wire`] is their form on disk and in `--format json`.

// A new outcome, failure or event has to be decided on wherever one is matched.
#![cfg_attr(not(test), deny(clippy::wildcard_enum_match_arm, clippy::match_wildcard_for_single_variants))]

pub mod channel;
pub mod mask;
#[cfg(test)]
pub(crate) mod sample;
pub mod wire;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::pipeline::{
    Artifact, Failure, Fingerprint, Lane, NotRetried, Outcome, Outputs, Pipeline, RunOutcome, StepId,
    StreamId, TimeLimit,
};

/// One thing that happened.
#[derive(Debug, Clone)]
pub struct Event {
    /// The time by the wall clock.
    pub at: SystemTime,
    /// The time since the run started; never goes back.
    pub elapsed: Duration,
    /// What happened.
    pub kind: EventKind,
}

/// What happened. The first event of a run is `RunStarted`, the last `RunFinished`; every step of the
/// pipeline has exactly one `StepFinished` between them, skipped ones included.
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
        /// How its bytes travel, if it runs in a container.
        lane: Option<Lane>,
        /// How long the start took: a container is made, and its image may have to be fetched.
        starting: Duration,
    },
    /// A service, or a shared container, is ready for the steps that use it.
    ServiceReady {
        /// It.
        step: StepId,
        /// How long after the start of its attempt.
        after: Duration,
    },
    /// A step wrote to its log (stderr, and stdout if it is not a stream).
    StepOutput {
        /// The step.
        step: StepId,
        /// Which of its outputs.
        channel: OutputChannel,
        /// Whole lines, newlines included, as they came; a last line without one, or a very long one, comes
        /// as it is.
        bytes: Arc<[u8]>,
    },
    /// A step has begun a line: its text so far, for the live view alone. The whole line follows as
    /// `StepOutput`.
    StepLine {
        /// The step.
        step: StepId,
        /// The line without its end.
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
    /// The counters of the live streams, sent a few times a second while any is open.
    StreamProgress(Vec<StreamStats>),
    /// A stream has ended for good.
    StreamFinished(StreamFinished),
    /// Steps are being stopped.
    Cancelling {
        /// Why.
        reason: CancelReason,
        /// Whether they are killed without grace.
        now: bool,
        /// How long they have to end by themselves before they are killed.
        grace: Duration,
    },
    /// All ordinary steps have ended, and the `finally` steps begin.
    PhaseStarted(PhaseStarted),
    /// Something that the user should know and that is not a failure.
    Warning(String),
    /// Progress that belongs to no step, such as an image that is fetched.
    Note(String),
    /// The run has ended.
    RunFinished(RunFinished),
}

/// The run and its pipeline.
#[derive(Debug, Clone)]
pub struct RunStarted {
    /// The run's id.
    pub run: String,
    /// The pipeline; ids in later events point into it.
    pub pipeline: Arc<Pipeline>,
    /// The run directory, `.pipe/runs/ID`.
    pub dir: Option<PathBuf>,
}

/// The phase of the `finally` steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhaseStarted {
    /// The steps that run in it.
    pub steps: Vec<StepId>,
    /// How the steps before them have ended.
    pub outcome: RunOutcome,
    /// The first of them that failed, or the limit that was over; empty if there is none.
    pub cause: String,
}

/// Which of a step's outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputChannel {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// Both, which share a pipe.
    Both,
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
    /// Whether a process that it left behind still had its output open, so that the output had to be closed.
    pub leaky: bool,
    /// Its outputs.
    pub outputs: Arc<Outputs>,
    /// The files that it declares with `produces`.
    pub products: Vec<Artifact>,
    /// What its result depends on, if it succeeded.
    pub fingerprint: Fingerprint,
    /// What else is known of an end that is no success.
    pub circumstances: Circumstances,
}

/// What else is known of the end of a step that did not succeed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Circumstances {
    /// The limit that it exceeded.
    pub limit: Option<TimeLimit>,
    /// Why it was not tried again, though it had retries left.
    pub not_retried: Option<NotRetried>,
    /// The last line of its script, where it failed by itself.
    pub command: Option<String>,
}

impl StepFinished {
    /// The end of a step of which no attempt was made.
    pub fn unrun(step: StepId, outcome: Outcome) -> Self {
        Self {
            step,
            outcome,
            attempts: 0,
            duration: Duration::ZERO,
            leaky: false,
            outputs: Arc::default(),
            products: Vec::new(),
            fingerprint: Fingerprint::new(),
            circumstances: Circumstances::default(),
        }
    }
}

/// Counters of a stream.
#[derive(Debug, Clone)]
pub struct StreamStats {
    /// The stream.
    pub stream: StreamId,
    /// Bytes taken from the producer, in the current attempt.
    pub bytes: u64,
    /// Bytes a second over the time since the last report (in the final report: over the stream's whole
    /// life).
    pub rate: f64,
    /// How long it has been open, in the current attempt; zero in journals of earlier versions.
    pub lasted: Duration,
    /// How long every reader could take more while the producer wrote nothing.
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
    /// The most bytes that were on disk for it at once.
    pub spilled: u64,
}

/// How a stream ended.
#[derive(Debug, Clone)]
pub struct StreamFinished {
    /// Final counters. Stored edges are not in them.
    pub stats: StreamStats,
    /// Whether the producer succeeded and every byte was delivered to the readers that stayed.
    pub complete: bool,
    /// For each reader that left early: the reader, and how many bytes it left unread. `None` if it was the
    /// last reader, so that the producer was cut short and the length of the whole stream is unknown.
    pub unread: Vec<(StepId, Option<u64>)>,
    /// The file that has the stream, if it has no reader or `--out FILE` names one.
    pub kept: Option<KeptFile>,
    /// Its SHA-256 in hexadecimal, if the pipeline file asks for it and the stream is complete.
    pub sha256: Option<String>,
    /// How the bytes moved: `splice` or `copy`.
    pub backend: &'static str,
    /// All of its readers were passed over, and its bytes thrown away.
    pub discarded: bool,
}

/// A stream kept in a file.
#[derive(Debug, Clone)]
pub struct KeptFile {
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
    /// The outputs of a run that succeeded: names and values, in the order of the file.
    pub outputs: Vec<(String, String)>,
}

/// The run's own end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunEnd {
    /// Every step succeeded, or its failure is ignored.
    Succeeded,
    /// A step failed; `cause` is the first that failed by itself. If its failure is one to be ignored, it is
    /// the cause where it broke the stream of others.
    Failed {
        /// The first failure.
        cause: Option<StepId>,
    },
    /// The run took longer than this, its limit, and was stopped before any step had failed by itself.
    TimedOut(Duration),
    /// Every step succeeded, but one of the run's outputs has no value: why.
    NoOutput(String),
    /// A signal ended it.
    Signalled(i32),
    /// It was aborted by an error outside the pipeline, such as a full disk: the error.
    Aborted(String),
}

/// Why steps are being stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelReason {
    /// `pipe` was sent this signal.
    Signal(i32),
    /// This step failed, and its `on_error` is `stop`.
    StepFailed(StepId),
    /// The run took longer than this, its limit.
    TimedOut(Duration),
    /// An error outside the pipeline aborts the run.
    Aborted,
}
