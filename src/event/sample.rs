//! A pipeline and its events by hand, for the tests of everything that reads events.

mod served;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::{
    EdgeStats, Event, EventKind, OutputChannel, PhaseStarted, RunEnd, RunFinished, RunStarted, StepFinished,
    StreamFinished, StreamStats,
};
use crate::pipeline::{
    Action, Dependency, Failure, Feed, Input, Lane, Need, Outcome, Pipeline, Port, Role, RunOutcome, Script,
    Shell, Source, Span, Step, StepId, Stream, StreamId, Template,
};

pub use served::*;

/// How long steps have to end by themselves.
pub const GRACE: Duration = Duration::from_secs(10);
/// The step that makes the archive.
pub const TAR: usize = 0;
/// The first reader of the archive.
pub const COMPRESS: usize = 1;
/// The second reader.
pub const CHECKSUM: usize = 2;
/// The third reader.
pub const COUNT: usize = 3;
/// Runs after the readers.
pub const MANIFEST: usize = 4;
/// Runs after the manifest.
pub const UPLOAD: usize = 5;

const TEXT: &str = "\
name: backup
steps:
  - name: create-archive
    output: archive
  - name: compress
    input: archive
  - name: checksum
    input: archive
  - name: count
    input: archive
  - name: manifest
    depends_on: [compress, checksum, count]
  - name: upload
    depends_on: [manifest]
";

/// Six steps: one stream with three readers, then two in a row.
pub fn backup() -> Pipeline {
    let mut pipeline = Pipeline::new("backup", Source::new("pipeline.yml", TEXT));
    pipeline.steps = ["create-archive", "compress", "checksum", "count", "manifest", "upload"]
        .into_iter()
        .map(|name| step(name, span_of(&format!("name: {name}"))))
        .collect();
    let archive = Port { stream: StreamId::new(0), at: span_of("archive") };
    pipeline.steps[TAR].output = Some(archive);
    for reader in [COMPRESS, CHECKSUM, COUNT] {
        pipeline.steps[reader].inputs = vec![Input::stdin(archive)];
        pipeline.steps[MANIFEST].depends_on.push(dependency(reader));
    }
    pipeline.steps[UPLOAD].depends_on.push(dependency(MANIFEST));
    pipeline.streams = vec![Stream {
        name: "archive".into(),
        at: archive.at,
        producer: StepId::new(TAR),
        readers: [COMPRESS, CHECKSUM, COUNT].map(StepId::new).to_vec(),
        ..Stream::new("", Span::default(), StepId::new(0))
    }];
    pipeline
}

/// The same, where the upload runs when all others have ended.
pub fn with_clean_up() -> Pipeline {
    let mut pipeline = backup();
    pipeline.steps[UPLOAD].role = Role::Finally;
    pipeline.steps[UPLOAD].depends_on.clear();
    pipeline
}

/// The upload begins, after the others have ended like this.
pub fn phase(outcome: RunOutcome, cause: &str) -> EventKind {
    EventKind::PhaseStarted(PhaseStarted { steps: vec![StepId::new(UPLOAD)], outcome, cause: cause.into() })
}

/// One step that reads a stream from standard input.
pub fn fed() -> Pipeline {
    let mut pipeline =
        Pipeline::new("fed", Source::new("fed.yml", "steps:\n  - name: sum\n    input: data\n"));
    let port = Port { stream: StreamId::new(0), at: Span::new(30, 34) };
    let mut feed = step("in:data", port.at);
    feed.action = Action::Feed(Feed::Stdin);
    feed.output = Some(port);
    let mut sum = step("sum", Span::new(11, 20));
    sum.inputs = vec![Input::stdin(port)];
    pipeline.steps = vec![sum, feed];
    pipeline.streams = vec![Stream {
        name: "data".into(),
        at: port.at,
        producer: StepId::new(1),
        readers: vec![StepId::new(0)],
        ..Stream::new("", Span::default(), StepId::new(0))
    }];
    pipeline
}

/// Returns steps that have nothing to do with each other: `step-0`, `step-1`, …
pub fn many(count: usize) -> Pipeline {
    let mut pipeline = Pipeline::new("many", Source::new("many.yml", "steps: []\n"));
    pipeline.steps = (0..count).map(|n| step(&format!("step-{n}"), Span::default())).collect();
    pipeline
}

fn step(name: &str, at: Span) -> Step {
    let text = Template::literal("true", at);
    Step::new(name, at, Action::Run(Script { shell: Shell::Auto, text }))
}

fn dependency(step: usize) -> Dependency {
    Dependency { step: StepId::new(step), at: Span::default(), need: Need::Order }
}

fn span_of(text: &str) -> Span {
    let start = TEXT.find(text).unwrap_or_default();
    Span::new(start, start + text.len())
}

/// Returns an event `ms` milliseconds into a run that began on 2026-11-22 at 23:15 UTC.
pub fn at(ms: u64, kind: EventKind) -> Event {
    let elapsed = Duration::from_millis(ms);
    let began = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_389_300);
    Event { at: began + elapsed, elapsed, kind }
}

/// Returns the first event of a run.
pub fn run_started(pipeline: Pipeline) -> EventKind {
    EventKind::RunStarted(RunStarted {
        run: "20261122-231500-1a2b".into(),
        pipeline: Arc::new(pipeline),
        dir: Some(".pipe/runs/20261122-231500-1a2b".into()),
    })
}

/// A step's attempt begins.
pub fn started(step: usize, attempt: u32) -> EventKind {
    EventKind::StepStarted { step: StepId::new(step), attempt, lane: None, starting: Duration::ZERO }
}

/// The attempt of a step that runs in a container begins.
pub fn started_in_container(step: usize, attempt: u32, lane: Lane) -> EventKind {
    EventKind::StepStarted { step: StepId::new(step), attempt, lane: Some(lane), starting: Duration::ZERO }
}

/// Returns a step writes to stderr.
pub fn output(step: usize, text: impl AsRef<[u8]>) -> EventKind {
    let bytes = text.as_ref().into();
    EventKind::StepOutput { step: StepId::new(step), channel: OutputChannel::Stderr, bytes }
}

/// A step fails and will be tried again, alone.
pub fn retrying(step: usize, attempt: u32, code: i32) -> EventKind {
    EventKind::StepRetrying {
        step: StepId::new(step),
        attempt,
        failure: Failure::Exit(code),
        delay: Duration::from_secs(5),
        restarting: vec![StepId::new(step)],
    }
}

/// A step ends after `attempts` and `ms`.
pub fn finished(step: usize, outcome: Outcome, attempts: u32, ms: u64) -> EventKind {
    let duration = Duration::from_millis(ms);
    EventKind::StepFinished(StepFinished {
        step: StepId::new(step),
        outcome,
        attempts,
        duration,
        leaky: false,
        outputs: Arc::default(),
        products: Vec::new(),
        fingerprint: Default::default(),
        circumstances: Default::default(),
    })
}

/// Counters of the first stream, each reader with what it has taken.
pub fn stats(bytes: u64, rate: f64, readers: &[(usize, u64)]) -> StreamStats {
    let edge = |&(reader, bytes): &(usize, u64)| EdgeStats {
        reader: StepId::new(reader),
        bytes,
        blocked: Duration::ZERO,
        left: false,
        spilled: 0,
    };
    let edges = readers.iter().map(edge).collect();
    StreamStats {
        stream: StreamId::new(0),
        bytes,
        rate,
        lasted: Duration::ZERO,
        starved: Duration::ZERO,
        edges,
    }
}

/// Returns a stream's end as it is when all went well.
pub fn ended(stats: StreamStats) -> StreamFinished {
    StreamFinished {
        stats,
        complete: true,
        unread: Vec::new(),
        kept: None,
        sha256: None,
        backend: "splice",
        discarded: false,
    }
}

/// Returns the last event of a run.
pub fn run_finished(end: RunEnd, ms: u64) -> EventKind {
    EventKind::RunFinished(RunFinished { end, duration: Duration::from_millis(ms), outputs: Vec::new() })
}
