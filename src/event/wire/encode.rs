//! From events to records.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::{
    Body, Channel, Counters, EdgeRecord, EndRecord, FailureRecord, KeptRecord, OutcomeRecord, ReasonRecord,
    Record, StepRecord, StreamRecord, UnreadRecord, VERSION,
};
use crate::event::{
    CancelReason, EdgeStats, Event, EventKind, OutputChannel, RunEnd, RunStarted, StepFinished,
    StreamFinished, StreamStats,
};
use crate::pipeline::{
    Action, Destination, Failure, Feed, Outcome, Pipeline, Port, Product, SkipReason, Step, StepId, Stream,
    StreamId,
};

/// Turns the events of one run into records; remembers the run's pipeline to put names for ids.
#[derive(Debug, Default)]
pub struct Encoder {
    pipeline: Option<Arc<Pipeline>>,
}

impl Encoder {
    /// An encoder for one run.
    pub fn new() -> Self {
        Self::default()
    }

    /// The record of an event; nothing for an event that comes before `RunStarted`, whose ids mean nothing yet.
    pub fn encode(&mut self, event: &Event) -> Option<Record> {
        if let EventKind::RunStarted(started) = &event.kind {
            self.pipeline = Some(Arc::clone(&started.pipeline));
        }
        let names = Names(self.pipeline.as_deref()?);
        let elapsed_ms = millis(event.elapsed);
        Some(Record { v: VERSION, at: timestamp(event.at), elapsed_ms, body: names.body(&event.kind) })
    }
}

/// A pipeline, to look names up in.
struct Names<'a>(&'a Pipeline);

impl Names<'_> {
    fn step(&self, id: StepId) -> String {
        self.0.steps.get(id.index()).map_or_else(String::new, |step| step.name.clone())
    }

    fn steps(&self, ids: impl IntoIterator<Item = StepId>) -> Vec<String> {
        ids.into_iter().map(|id| self.step(id)).collect()
    }

    fn stream(&self, id: StreamId) -> String {
        self.0.streams.get(id.index()).map_or_else(String::new, |stream| stream.name.clone())
    }

    fn body(&self, kind: &EventKind) -> Body {
        match kind {
            EventKind::RunStarted(started) => self.run_started(started),
            EventKind::StepStarted { step, attempt, lane } => Body::StepStarted {
                step: self.step(*step),
                attempt: *attempt,
                lane: lane.map(|lane| lane.name().to_owned()),
                log_at: 0,
            },
            EventKind::StepOutput { step, channel, bytes } => self.output(*step, *channel, bytes),
            EventKind::StepRetrying { step, attempt, failure, delay, restarting } => Body::StepRetrying {
                step: self.step(*step),
                attempt: *attempt,
                failure: failure.into(),
                delay_ms: millis(*delay),
                restarting: self.steps(restarting.iter().copied()),
            },
            EventKind::StepFinished(finished) => self.step_finished(finished),
            EventKind::StreamProgress(streams) => {
                Body::StreamProgress { streams: streams.iter().map(|stats| self.counters(stats)).collect() }
            }
            EventKind::StreamFinished(finished) => self.stream_finished(finished),
            EventKind::Cancelling { reason, now } => {
                Body::Cancelling { reason: self.reason(*reason), now: *now }
            }
            EventKind::Warning(message) => Body::Warning { message: message.clone() },
            EventKind::Note(message) => Body::Note { message: message.clone() },
            EventKind::RunFinished(finished) => Body::RunFinished {
                end: self.end(&finished.end),
                duration_ms: millis(finished.duration),
                outputs: finished.outputs.clone(),
            },
        }
    }

    fn run_started(&self, started: &RunStarted) -> Body {
        Body::RunStarted {
            run: started.run.clone(),
            pipeline: self.0.name.clone(),
            file: self.0.source.path.to_string_lossy().into_owned(),
            dir: started.dir.as_ref().map(|dir| dir.to_string_lossy().into_owned()),
            steps: self.0.steps.iter().map(|step| self.step_record(step)).collect(),
            streams: self.0.streams.iter().map(|stream| self.stream_record(stream)).collect(),
        }
    }

    fn step_record(&self, step: &Step) -> StepRecord {
        let stream = |port: Option<Port>| port.map(|port| self.stream(port.stream));
        StepRecord {
            name: step.name.clone(),
            line: self.0.source.line(step.at),
            depends_on: self.steps(step.depends_on.iter().map(|dependency| dependency.step)),
            input: step.stdin().map(|input| self.stream(input.port.stream)),
            inputs: step
                .inputs
                .iter()
                .filter_map(|input| Some((input.name.clone()?, self.stream(input.port.stream))))
                .collect(),
            output: stream(step.output),
            feed: match &step.action {
                Action::Run(_) | Action::Exec(_) => None,
                Action::Feed(Feed::Stdin) => Some("-".into()),
                Action::Feed(Feed::File(path)) => Some(path.to_string_lossy().into_owned()),
            },
        }
    }

    fn stream_record(&self, stream: &Stream) -> StreamRecord {
        StreamRecord {
            name: stream.name.clone(),
            producer: self.step(stream.producer),
            readers: self.steps(stream.readers.iter().copied()),
            out: stream.out.as_ref().map(|out| match out {
                Destination::Stdout => "-".into(),
                Destination::File(path) => path.to_string_lossy().into_owned(),
            }),
        }
    }

    fn output(&self, step: StepId, channel: OutputChannel, bytes: &[u8]) -> Body {
        let (text, lossy) = match std::str::from_utf8(bytes) {
            Ok(text) => (text.to_owned(), false),
            Err(_) => (String::from_utf8_lossy(bytes).into_owned(), true),
        };
        let channel = match channel {
            OutputChannel::Stdout => Channel::Stdout,
            OutputChannel::Stderr => Channel::Stderr,
        };
        Body::StepOutput { step: self.step(step), channel, text, lossy }
    }

    fn step_finished(&self, finished: &StepFinished) -> Body {
        Body::StepFinished {
            step: self.step(finished.step),
            outcome: match &finished.outcome {
                Outcome::Succeeded => OutcomeRecord::Succeeded,
                Outcome::Failed(failure) => OutcomeRecord::Failed { failure: failure.into() },
                Outcome::TimedOut => OutcomeRecord::TimedOut,
                Outcome::Tainted { producer } => OutcomeRecord::Tainted { producer: self.step(*producer) },
                Outcome::Cancelled => OutcomeRecord::Cancelled,
                Outcome::Reused => OutcomeRecord::Reused,
                Outcome::LeftOut => OutcomeRecord::LeftOut,
                Outcome::Skipped(SkipReason::Dependency(step)) => {
                    OutcomeRecord::Skipped { dependency: Some(self.step(*step)) }
                }
                Outcome::Skipped(SkipReason::Stopped) => OutcomeRecord::Skipped { dependency: None },
                Outcome::Ignored(failure) => OutcomeRecord::Ignored { failure: failure.into() },
            },
            attempts: finished.attempts,
            duration_ms: millis(finished.duration),
            leaky: finished.leaky,
            outputs: (*finished.outputs).clone(),
            products: finished.products.iter().map(KeptRecord::from).collect(),
            fingerprint: finished.fingerprint.clone(),
            log_lost: false,
        }
    }

    fn counters(&self, stats: &StreamStats) -> Counters {
        Counters {
            stream: self.stream(stats.stream),
            bytes: stats.bytes,
            rate: stats.rate as u64, // a cast from float saturates, and takes what is no number for 0
            starved_ms: millis(stats.starved),
            edges: stats.edges.iter().map(|edge| self.edge(edge)).collect(),
        }
    }

    fn edge(&self, edge: &EdgeStats) -> EdgeRecord {
        let reader = self.step(edge.reader);
        EdgeRecord {
            reader,
            bytes: edge.bytes,
            blocked_ms: millis(edge.blocked),
            left: edge.left,
            spilled: edge.spilled,
        }
    }

    fn stream_finished(&self, finished: &StreamFinished) -> Body {
        let unread = |(reader, bytes): &(StepId, Option<u64>)| UnreadRecord {
            reader: self.step(*reader),
            bytes: *bytes,
        };
        Body::StreamFinished {
            counters: self.counters(&finished.stats),
            complete: finished.complete,
            engine: finished.engine.into(),
            unread: finished.unread.iter().map(unread).collect(),
            kept: finished.kept.as_ref().map(|kept| KeptRecord {
                path: kept.path.to_string_lossy().into_owned(),
                bytes: kept.bytes,
                sha256: kept.sha256.clone(),
            }),
            sha256: finished.sha256.clone(),
        }
    }

    fn reason(&self, reason: CancelReason) -> ReasonRecord {
        match reason {
            CancelReason::Signal(signal) => ReasonRecord::Signal { signal },
            CancelReason::StepFailed(step) => ReasonRecord::StepFailed { step: self.step(step) },
            CancelReason::Engine => ReasonRecord::Engine,
        }
    }

    fn end(&self, end: &RunEnd) -> EndRecord {
        match end {
            RunEnd::Succeeded => EndRecord::Succeeded,
            RunEnd::Failed { cause } => EndRecord::Failed { cause: cause.map(|step| self.step(step)) },
            RunEnd::NoOutput(message) => EndRecord::NoOutput { message: message.clone() },
            RunEnd::Signalled(signal) => EndRecord::Signalled { signal: *signal },
            RunEnd::Engine(message) => EndRecord::Engine { message: message.clone() },
        }
    }
}

impl From<&Product> for KeptRecord {
    fn from(product: &Product) -> Self {
        let Product { path, bytes, sha256 } = product.clone();
        Self { path, bytes, sha256 }
    }
}

impl From<&Failure> for FailureRecord {
    fn from(failure: &Failure) -> Self {
        match failure {
            Failure::Exit(code) => Self::Exit { code: *code },
            Failure::Signal(signal) => Self::Signal { signal: *signal },
            Failure::OutOfMemory => Self::OutOfMemory,
            Failure::Timeout => Self::Timeout,
            Failure::Start(message) => Self::Start { message: message.clone() },
            Failure::Missing(message) => Self::Missing { message: message.clone() },
            Failure::LeftEarly => Self::LeftEarly,
            Failure::Outputs(message) => Self::Outputs { message: message.clone() },
        }
    }
}

/// RFC 3339 in UTC with milliseconds; the epoch for a clock that is set outside of what a date can say.
fn timestamp(at: SystemTime) -> String {
    let at = jiff::Timestamp::try_from(at).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    format!("{at:.3}")
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
