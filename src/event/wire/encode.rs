//! From events to records.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::{
    Body, CONTAINER, Channel, CircumstancesRecord, Counters, EdgeRecord, EndRecord, FINALLY, FailureRecord,
    KeptRecord, MatrixRecord, OutcomeRecord, ProductRecord, ReasonRecord, Record, SERVICE, StepRecord,
    StreamRecord, UnreadRecord, VERSION,
};
use crate::event::{
    CancelReason, Circumstances, EdgeStats, Event, EventKind, KeptFile, OutputChannel, PhaseStarted, RunEnd,
    RunFinished, RunStarted, StepFinished, StreamFinished, StreamStats,
};
use crate::pipeline::{
    Action, Artifact, Destination, Failure, Feed, MatrixValue, NotRetried, Outcome, Pipeline, Port, Role,
    SkipReason, Step, StepId, Stream, StreamId, TimeLimit,
};

/// Turns the events of one run into records; remembers the run's pipeline to put names for ids.
#[derive(Debug, Default)]
pub struct Encoder {
    pipeline: Option<Arc<Pipeline>>,
}

impl Encoder {
    /// Returns an encoder for one run.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the record of an event; nothing for one that nothing keeps, or that comes before `RunStarted`,
    /// whose ids mean nothing yet.
    pub fn encode(&mut self, event: &Event) -> Option<Record> {
        if let EventKind::RunStarted(started) = &event.kind {
            self.pipeline = Some(Arc::clone(&started.pipeline));
        }
        let names = Names(self.pipeline.as_deref()?);
        let Event { at, elapsed, kind } = event;
        let body = names.body(kind)?;
        Some(Record { v: VERSION, at: timestamp(*at), elapsed_ms: millis(*elapsed), body })
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

    fn body(&self, kind: &EventKind) -> Option<Body> {
        Some(match kind {
            EventKind::RunStarted(started) => self.run_started(started),
            EventKind::StepStarted { step, attempt, lane, starting } => Body::StepStarted {
                step: self.step(*step),
                attempt: *attempt,
                lane: lane.map(|lane| lane.name().to_owned()),
                starting_ms: millis(*starting),
                log_at: 0,
            },
            EventKind::ServiceReady { step, after } => {
                Body::ServiceReady { step: self.step(*step), after_ms: millis(*after) }
            }
            EventKind::StepOutput { step, channel, bytes } => self.output(*step, *channel, bytes),
            // All of the line comes once it is whole.
            EventKind::StepLine { step: _, bytes: _ } => return None,
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
            EventKind::Cancelling { reason, now, grace } => {
                let grace_ms = millis(*grace);
                Body::Cancelling { reason: self.reason(*reason), now: *now, grace_ms }
            }
            EventKind::PhaseStarted(PhaseStarted { steps, outcome, cause }) => Body::Phase {
                name: FINALLY.into(),
                steps: self.steps(steps.iter().copied()),
                outcome: outcome.word().into(),
                cause: cause.clone(),
            },
            EventKind::Warning(message) => Body::Warning { message: message.clone() },
            EventKind::Note(message) => Body::Note { message: message.clone() },
            EventKind::RunFinished(RunFinished { end, duration, outputs }) => Body::RunFinished {
                end: self.end(end),
                duration_ms: millis(*duration),
                outputs: outputs.clone(),
            },
        })
    }

    fn run_started(&self, started: &RunStarted) -> Body {
        // `self` has the pipeline.
        let RunStarted { run, pipeline: _, dir } = started;
        Body::RunStarted {
            run: run.clone(),
            pipeline: self.0.name.clone(),
            file: self.0.source.path().to_string_lossy().into_owned(),
            dir: dir.as_ref().map(|dir| dir.to_string_lossy().into_owned()),
            steps: self.0.steps.iter().map(|step| self.step_record(step)).collect(),
            streams: self.0.streams.iter().map(|stream| self.stream_record(stream)).collect(),
        }
    }

    fn step_record(&self, step: &Step) -> StepRecord {
        let stream = |port: Option<Port>| port.map(|port| self.stream(port.stream));
        StepRecord {
            name: step.name.clone(),
            description: step.description.clone(),
            line: self.0.source.line(step.at),
            file: match self.0.source.is_top(step.at) {
                true => None,
                false => Some(self.0.source.file_of(step.at).shown().into_owned()),
            },
            role: match step.role {
                Role::Ordinary => None,
                Role::Finally => Some(FINALLY.into()),
                Role::Service => Some(SERVICE.into()),
                Role::Container => Some(CONTAINER.into()),
            },
            group: self.0.groups_of(step).next().map(|group| self.0.group(group).name.clone()),
            matrix: step.member.iter().flat_map(|member| &member.matrix).map(matrix_value).collect(),
            condition: self.0.condition_text(step),
            depends_on: self.steps(step.depends_on.iter().map(|dependency| dependency.step)),
            services: self.steps(step.services.iter().map(|usage| usage.step)),
            container: step.shared.map(|usage| self.step(usage.step)),
            input: step.stdin().map(|input| self.stream(input.port.stream)),
            inputs: step
                .inputs
                .iter()
                .filter(|input| !input.is_gathered)
                .filter_map(|input| Some((input.name.clone()?, self.stream(input.port.stream))))
                .collect(),
            gathers: self.gathers(step),
            output: stream(step.output),
            feed: match &step.action {
                Action::Run(_) | Action::Exec(_) | Action::Wait => None,
                Action::Feed(Feed::Stdin) => Some("-".into()),
                Action::Feed(Feed::File(path)) => Some(path.to_string_lossy().into_owned()),
            },
            terminal: step.terminal,
        }
    }

    fn gathers(&self, step: &Step) -> BTreeMap<String, Vec<String>> {
        let mut gathers: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for input in step.inputs.iter().filter(|input| input.is_gathered) {
            let name = input.name.clone().unwrap_or_default();
            gathers.entry(name).or_default().push(self.stream(input.port.stream));
        }
        gathers
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
        let channel = channel.into();
        Body::StepOutput { step: self.step(step), channel, text, lossy }
    }

    fn step_finished(&self, finished: &StepFinished) -> Body {
        let StepFinished {
            step,
            outcome,
            attempts,
            duration,
            leaky,
            outputs,
            products,
            fingerprint,
            circumstances,
        } = finished;
        Body::StepFinished {
            step: self.step(*step),
            outcome: match outcome {
                Outcome::Succeeded => OutcomeRecord::Succeeded,
                Outcome::Failed(failure) => OutcomeRecord::Failed { failure: failure.into() },
                Outcome::TimedOut => OutcomeRecord::TimedOut,
                Outcome::Tainted { producer } => OutcomeRecord::Tainted { producer: self.step(*producer) },
                Outcome::Cancelled => OutcomeRecord::Cancelled,
                Outcome::Reused => OutcomeRecord::Reused,
                Outcome::LeftOut => OutcomeRecord::LeftOut,
                Outcome::Skipped(why) => self.skipped(why),
                Outcome::Ignored(failure) => OutcomeRecord::Ignored { failure: failure.into() },
            },
            attempts: *attempts,
            duration_ms: millis(*duration),
            leaky: *leaky,
            outputs: (**outputs).clone(),
            products: products.iter().map(ProductRecord::from).collect(),
            fingerprint: fingerprint.clone(),
            log_lost: false,
            circumstances: circumstances.into(),
        }
    }

    fn skipped(&self, why: &SkipReason) -> OutcomeRecord {
        let (dependency, condition, without) = match why {
            SkipReason::Dependency(step) => (Some(self.step(*step)), None, None),
            SkipReason::Condition(words) => (None, Some(words.clone()), None),
            SkipReason::Without(step) => (None, None, Some(self.step(*step))),
            SkipReason::Stopped => (None, None, None),
        };
        OutcomeRecord::Skipped { dependency, condition, without }
    }

    fn counters(&self, stats: &StreamStats) -> Counters {
        let StreamStats { stream, bytes, rate, lasted, starved, edges } = stats;
        Counters {
            stream: self.stream(*stream),
            bytes: *bytes,
            rate: *rate as u64, // a cast from a float saturates, and turns NaN into 0
            lasted_ms: millis(*lasted),
            starved_ms: millis(*starved),
            edges: edges.iter().map(|edge| self.edge(edge)).collect(),
        }
    }

    fn edge(&self, edge: &EdgeStats) -> EdgeRecord {
        let EdgeStats { reader, bytes, blocked, left, spilled } = edge;
        EdgeRecord {
            reader: self.step(*reader),
            bytes: *bytes,
            blocked_ms: millis(*blocked),
            left: *left,
            spilled: *spilled,
        }
    }

    fn stream_finished(&self, finished: &StreamFinished) -> Body {
        let StreamFinished { stats, complete, unread, kept, sha256, backend, discarded } = finished;
        let record = |(reader, bytes): &(StepId, Option<u64>)| UnreadRecord {
            reader: self.step(*reader),
            bytes: *bytes,
        };
        Body::StreamFinished {
            counters: self.counters(stats),
            complete: *complete,
            engine: (*backend).into(),
            unread: unread.iter().map(record).collect(),
            kept: kept.as_ref().map(|KeptFile { path, bytes, sha256 }| KeptRecord {
                path: path.to_string_lossy().into_owned(),
                bytes: *bytes,
                sha256: sha256.clone(),
            }),
            sha256: sha256.clone(),
            discarded: *discarded,
        }
    }

    fn reason(&self, reason: CancelReason) -> ReasonRecord {
        match reason {
            CancelReason::Signal(signal) => ReasonRecord::Signal { signal },
            CancelReason::StepFailed(step) => ReasonRecord::StepFailed { step: self.step(step) },
            CancelReason::TimedOut(limit) => ReasonRecord::TimedOut { limit_ms: millis(limit) },
            CancelReason::Aborted => ReasonRecord::Engine,
        }
    }

    fn end(&self, end: &RunEnd) -> EndRecord {
        match end {
            RunEnd::Succeeded => EndRecord::Succeeded,
            RunEnd::Failed { cause } => {
                EndRecord::Failed { cause: cause.map(|step| self.step(step)), limit_ms: 0 }
            }
            RunEnd::TimedOut(limit) => EndRecord::Failed { cause: None, limit_ms: millis(*limit) },
            RunEnd::NoOutput(message) => EndRecord::NoOutput { message: message.clone() },
            RunEnd::Signalled(signal) => EndRecord::Signalled { signal: *signal },
            RunEnd::Aborted(message) => EndRecord::Engine { message: message.clone() },
        }
    }
}

fn matrix_value((axis, value): &(String, MatrixValue)) -> (String, MatrixRecord) {
    let value = match value {
        MatrixValue::Bool(bool) => MatrixRecord::Bool(*bool),
        MatrixValue::Int { text: _, value } => MatrixRecord::Int(*value),
        MatrixValue::Text(text) => MatrixRecord::Text(text.clone()),
        MatrixValue::Unknown => MatrixRecord::Text("?".into()),
    };
    (axis.clone(), value)
}

impl From<OutputChannel> for Channel {
    fn from(channel: OutputChannel) -> Self {
        match channel {
            OutputChannel::Stdout => Self::Stdout,
            OutputChannel::Stderr => Self::Stderr,
            OutputChannel::Both => Self::Both,
        }
    }
}

impl From<&Artifact> for ProductRecord {
    fn from(product: &Artifact) -> Self {
        let Artifact { path, bytes, sha256, unchanged } = product.clone();
        Self { path, bytes, sha256, unchanged }
    }
}

impl From<&Circumstances> for CircumstancesRecord {
    fn from(circumstances: &Circumstances) -> Self {
        let Circumstances { limit, not_retried, command } = circumstances;
        let (limit, limit_ms) = match limit {
            Some(TimeLimit::Step(length)) => (Some("step".into()), millis(*length)),
            Some(TimeLimit::Attempt(length)) => (Some("attempt".into()), millis(*length)),
            None => (None, 0),
        };
        let not_retried = not_retried.map(|why| match why {
            NotRetried::OnExit => "on-exit".into(),
            NotRetried::NoTime => "no-time".into(),
        });
        Self { limit, limit_ms, not_retried, command: command.clone() }
    }
}

impl From<&Failure> for FailureRecord {
    fn from(failure: &Failure) -> Self {
        match failure {
            Failure::Exit(code) => Self::Exit { code: *code, broken_pipe: false },
            Failure::BrokenPipe(code) => Self::Exit { code: *code, broken_pipe: true },
            Failure::Signal(signal) => Self::Signal { signal: *signal },
            Failure::OutOfMemory => Self::OutOfMemory,
            Failure::Timeout => Self::Timeout,
            Failure::Start(message) => Self::Start { message: message.clone() },
            Failure::Missing(message) => Self::Missing { message: message.clone() },
            Failure::LeftEarly => Self::LeftEarly,
            Failure::NotReady(message) => Self::NotReady { message: message.clone() },
            Failure::EndedEarly => Self::EndedEarly,
            Failure::Outputs(message) => Self::Outputs { message: message.clone() },
        }
    }
}

/// Returns a time as RFC 3339 in UTC with milliseconds; the epoch for a clock that is set outside of what a date can say.
pub fn timestamp(at: SystemTime) -> String {
    let at = jiff::Timestamp::try_from(at).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    format!("{at:.3}")
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
