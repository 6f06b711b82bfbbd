//! From records back to events, so that every reader of events can also show a run of the past.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::plain::plain;
use super::skeleton::{self, Ids};
use super::{
    Body, Channel, CircumstancesRecord, Counters, EdgeRecord, EndRecord, FailureRecord, KeptRecord,
    OutcomeRecord, ProductRecord, ReasonRecord, Record, UnreadRecord,
};
use crate::event::{
    CancelReason, Circumstances, EdgeStats, Event, EventKind, KeptFile, OutputChannel, PhaseStarted, RunEnd,
    RunFinished, RunStarted, StepFinished, StreamFinished, StreamStats,
};
use crate::pipeline::{
    Artifact, Failure, Lane, NotRetried, Outcome, RunOutcome, SkipReason, StepId, TimeLimit,
};

/// Turns the records of one run into its events. The pipeline in them has what records have of it: names,
/// links and the lines where steps stand. Times are as exact as milliseconds are, and steps whose names
/// `run-started` does not have are in no event.
#[derive(Debug, Default)]
pub struct Decoder {
    ids: Option<Ids>,
}

impl Decoder {
    /// Returns a decoder for one run.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the event of a record; nothing for one that comes before `run-started`, or names what there is
    /// not.
    pub fn decode(&mut self, record: &Record) -> Option<Event> {
        // The reader of a journal has skipped records of a later version.
        let Record { v: _, at, elapsed_ms, body } = record;
        Some(Event { at: wall_clock(at), elapsed: millis(*elapsed_ms), kind: self.kind(body)? })
    }

    fn kind(&mut self, body: &Body) -> Option<EventKind> {
        let Body::RunStarted { run, pipeline, file, dir, steps, streams } = body else {
            return kind_of(self.ids.as_ref()?, body);
        };
        let (pipeline, ids) = skeleton::pipeline(pipeline, file, steps, streams);
        self.ids = Some(ids);
        let dir = dir.as_ref().map(|dir| PathBuf::from(plain(dir).as_ref()));
        let run = plain(run).into_owned();
        Some(EventKind::RunStarted(RunStarted { run, pipeline: Arc::new(pipeline), dir }))
    }
}

fn kind_of(ids: &Ids, body: &Body) -> Option<EventKind> {
    Some(match body {
        Body::RunStarted { run: _, pipeline: _, file: _, dir: _, steps: _, streams: _ } | Body::Unknown => {
            return None;
        }
        Body::StepStarted { step, attempt, lane, starting_ms, log_at: _ } => EventKind::StepStarted {
            step: ids.step(step)?,
            attempt: *attempt,
            lane: lane.as_deref().and_then(lane_of),
            starting: millis(*starting_ms),
        },
        Body::ServiceReady { step, after_ms } => {
            EventKind::ServiceReady { step: ids.step(step)?, after: millis(*after_ms) }
        }
        Body::StepOutput { step, channel, text, lossy: _ } => EventKind::StepOutput {
            step: ids.step(step)?,
            channel: (*channel).into(),
            bytes: text.as_bytes().into(),
        },
        Body::StepRetrying { step, attempt, failure, delay_ms, restarting } => EventKind::StepRetrying {
            step: ids.step(step)?,
            attempt: *attempt,
            failure: failure.into(),
            delay: millis(*delay_ms),
            restarting: ids.steps(restarting),
        },
        Body::StepFinished {
            step,
            outcome,
            attempts,
            duration_ms,
            leaky,
            outputs,
            products,
            fingerprint,
            log_lost: _,
            circumstances,
        } => EventKind::StepFinished(StepFinished {
            step: ids.step(step)?,
            outcome: outcome_of(ids, outcome)?,
            attempts: *attempts,
            duration: millis(*duration_ms),
            leaky: *leaky,
            fingerprint: fingerprint.clone(),
            outputs: Arc::new(outputs.clone()),
            products: products.iter().map(product).collect(),
            circumstances: circumstances.into(),
        }),
        Body::StreamProgress { streams } => {
            EventKind::StreamProgress(streams.iter().filter_map(|counters| stats_of(ids, counters)).collect())
        }
        Body::StreamFinished { counters, complete, engine, unread, kept, sha256, discarded } => {
            EventKind::StreamFinished(StreamFinished {
                stats: stats_of(ids, counters)?,
                complete: *complete,
                unread: unread.iter().filter_map(|unread| left(ids, unread)).collect(),
                kept: kept.as_ref().map(kept_as),
                sha256: sha256.as_deref().map(|sum| plain(sum).into_owned()),
                backend: backend_of(engine),
                discarded: *discarded,
            })
        }
        Body::Cancelling { reason, now, grace_ms } => {
            EventKind::Cancelling { reason: reason_of(ids, reason)?, now: *now, grace: millis(*grace_ms) }
        }
        Body::Phase { name: _, steps, outcome, cause } => {
            let (outcome, cause) = (RunOutcome::of(outcome)?, plain(cause).into_owned());
            EventKind::PhaseStarted(PhaseStarted { steps: ids.steps(steps), outcome, cause })
        }
        Body::Warning { message } => EventKind::Warning(message.clone()),
        Body::Note { message } => EventKind::Note(message.clone()),
        Body::RunFinished { end, duration_ms, outputs } => {
            let (end, duration) = (end_of(ids, end), millis(*duration_ms));
            EventKind::RunFinished(RunFinished { end, duration, outputs: outputs.clone() })
        }
    })
}

impl From<Channel> for OutputChannel {
    fn from(channel: Channel) -> Self {
        match channel {
            Channel::Stdout => Self::Stdout,
            Channel::Stderr => Self::Stderr,
            Channel::Both => Self::Both,
        }
    }
}

impl From<&CircumstancesRecord> for Circumstances {
    fn from(record: &CircumstancesRecord) -> Self {
        let CircumstancesRecord { limit, limit_ms, not_retried, command } = record;
        let limit = match limit.as_deref() {
            Some("step") => Some(TimeLimit::Step(millis(*limit_ms))),
            Some("attempt") => Some(TimeLimit::Attempt(millis(*limit_ms))),
            // Of a later version.
            Some(_) | None => None,
        };
        let not_retried = match not_retried.as_deref() {
            Some("on-exit") => Some(NotRetried::OnExit),
            Some("no-time") => Some(NotRetried::NoTime),
            Some(_) | None => None,
        };
        Self { limit, not_retried, command: command.clone() }
    }
}

fn lane_of(name: &str) -> Option<Lane> {
    [Lane::Fifo, Lane::Attach].into_iter().find(|lane| lane.name() == name)
}

/// Returns the constant by which events name the backend.
fn backend_of(name: &str) -> &'static str {
    ["splice", "copy"].into_iter().find(|known| *known == name).unwrap_or("other")
}

fn outcome_of(ids: &Ids, outcome: &OutcomeRecord) -> Option<Outcome> {
    Some(match outcome {
        OutcomeRecord::Succeeded => Outcome::Succeeded,
        OutcomeRecord::Failed { failure } => Outcome::Failed(failure.into()),
        OutcomeRecord::TimedOut => Outcome::TimedOut,
        OutcomeRecord::Tainted { producer } => Outcome::Tainted { producer: ids.step(producer)? },
        OutcomeRecord::Cancelled => Outcome::Cancelled,
        OutcomeRecord::Reused => Outcome::Reused,
        OutcomeRecord::LeftOut => Outcome::LeftOut,
        OutcomeRecord::Skipped { dependency, condition, without } => {
            Outcome::Skipped(match (dependency, condition, without) {
                (Some(step), _, _) => SkipReason::Dependency(ids.step(step)?),
                (None, Some(words), _) => SkipReason::Condition(words.clone()),
                (None, None, Some(step)) => SkipReason::Without(ids.step(step)?),
                (None, None, None) => SkipReason::Stopped,
            })
        }
        OutcomeRecord::Ignored { failure } => Outcome::Ignored(failure.into()),
    })
}

fn stats_of(ids: &Ids, counters: &Counters) -> Option<StreamStats> {
    let Counters { stream, bytes, rate, lasted_ms, starved_ms, edges } = counters;
    Some(StreamStats {
        stream: ids.stream(stream)?,
        bytes: *bytes,
        rate: *rate as f64,
        lasted: millis(*lasted_ms),
        starved: millis(*starved_ms),
        edges: edges.iter().filter_map(|record| edge(ids, record)).collect(),
    })
}

fn edge(ids: &Ids, record: &EdgeRecord) -> Option<EdgeStats> {
    let EdgeRecord { reader, bytes, blocked_ms, left, spilled } = record;
    let (reader, blocked) = (ids.step(reader)?, millis(*blocked_ms));
    Some(EdgeStats { reader, bytes: *bytes, blocked, left: *left, spilled: *spilled })
}

fn left(ids: &Ids, record: &UnreadRecord) -> Option<(StepId, Option<u64>)> {
    let UnreadRecord { reader, bytes } = record;
    Some((ids.step(reader)?, *bytes))
}

impl From<&ProductRecord> for Artifact {
    fn from(record: &ProductRecord) -> Self {
        let ProductRecord { path, bytes, sha256, unchanged } = record.clone();
        Self { path, bytes, sha256, unchanged }
    }
}

/// Returns a product to be shown, without control characters. `--resume` uses the record as it is.
fn product(record: &ProductRecord) -> Artifact {
    let Artifact { path, bytes, sha256, unchanged } = record.into();
    Artifact { path: plain(&path).into_owned(), bytes, sha256: plain(&sha256).into_owned(), unchanged }
}

fn kept_as(record: &KeptRecord) -> KeptFile {
    let KeptRecord { path, bytes, sha256 } = record;
    KeptFile { path: plain(path).as_ref().into(), bytes: *bytes, sha256: plain(sha256).into_owned() }
}

fn reason_of(ids: &Ids, reason: &ReasonRecord) -> Option<CancelReason> {
    Some(match reason {
        ReasonRecord::Signal { signal } => CancelReason::Signal(*signal),
        ReasonRecord::StepFailed { step } => CancelReason::StepFailed(ids.step(step)?),
        ReasonRecord::TimedOut { limit_ms } => CancelReason::TimedOut(millis(*limit_ms)),
        ReasonRecord::Engine => CancelReason::Aborted,
    })
}

fn end_of(ids: &Ids, end: &EndRecord) -> RunEnd {
    match end {
        EndRecord::Succeeded => RunEnd::Succeeded,
        EndRecord::Failed { cause: None, limit_ms } if *limit_ms > 0 => RunEnd::TimedOut(millis(*limit_ms)),
        EndRecord::Failed { cause, limit_ms: _ } => {
            RunEnd::Failed { cause: cause.as_deref().and_then(|step| ids.step(step)) }
        }
        EndRecord::NoOutput { message } => RunEnd::NoOutput(message.clone()),
        EndRecord::Signalled { signal } => RunEnd::Signalled(*signal),
        EndRecord::Engine { message } => RunEnd::Aborted(message.clone()),
    }
}

impl From<&FailureRecord> for Failure {
    fn from(record: &FailureRecord) -> Self {
        match record {
            FailureRecord::Exit { code, broken_pipe: false } => Self::Exit(*code),
            FailureRecord::Exit { code, broken_pipe: true } => Self::BrokenPipe(*code),
            FailureRecord::Signal { signal } => Self::Signal(*signal),
            FailureRecord::OutOfMemory => Self::OutOfMemory,
            FailureRecord::Timeout => Self::Timeout,
            FailureRecord::Start { message } => Self::Start(message.clone()),
            FailureRecord::LeftEarly => Self::LeftEarly,
            FailureRecord::NotReady { message } => Self::NotReady(message.clone()),
            FailureRecord::EndedEarly => Self::EndedEarly,
            FailureRecord::Missing { message } => Self::Missing(message.clone()),
            FailureRecord::Outputs { message } => Self::Outputs(message.clone()),
        }
    }
}

/// Parses a time; returns the epoch if it is not one.
fn wall_clock(at: &str) -> SystemTime {
    at.parse::<jiff::Timestamp>().map_or(SystemTime::UNIX_EPOCH, SystemTime::from)
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::sample::*;
    use crate::event::wire::Encoder;
    use crate::pipeline::Pipeline;

    /// Returns what decoding the records of these events gives, encoded again, beside the records themselves.
    fn twice(pipeline: Pipeline, kinds: Vec<EventKind>) -> (Vec<Record>, Vec<Record>) {
        let (mut first, mut second, mut decoder) = (Encoder::new(), Encoder::new(), Decoder::new());
        let events = std::iter::once(run_started(pipeline)).chain(kinds).map(|kind| at(1250, kind));
        let records: Vec<Record> = events.map(|event| first.encode(&event).unwrap()).collect();
        let again = records.iter().map(|record| second.encode(&decoder.decode(record).unwrap()).unwrap());
        let again = again.collect();
        (records, again)
    }

    #[test]
    fn what_is_decoded_is_what_was_encoded() {
        let mut end = ended(stats(1 << 30, 3.1e9, &[(COMPRESS, 1 << 30), (COUNT, 1 << 20)]));
        end.unread = vec![(StepId::new(COUNT), Some(5)), (StepId::new(CHECKSUM), None)];
        end.kept = Some(KeptFile { path: "streams/archive".into(), bytes: 7, sha256: "ab12".into() });
        let outcomes = [
            Outcome::Succeeded,
            Outcome::Failed(Failure::Exit(2)),
            Outcome::Failed(Failure::OutOfMemory),
            Outcome::Failed(Failure::Start("no such folder".into())),
            Outcome::Failed(Failure::Outputs("line 1".into())),
            Outcome::TimedOut,
            Outcome::Tainted { producer: StepId::new(TAR) },
            Outcome::Cancelled,
            Outcome::Skipped(SkipReason::Dependency(StepId::new(MANIFEST))),
            Outcome::Skipped(SkipReason::Stopped),
            Outcome::Skipped(SkipReason::Condition("release is false".into())),
            Outcome::Skipped(SkipReason::Without(StepId::new(MANIFEST))),
            Outcome::Ignored(Failure::Signal(9)),
            Outcome::Ignored(Failure::Timeout),
        ];
        let ends = [
            RunEnd::Succeeded,
            RunEnd::Failed { cause: Some(StepId::new(TAR)) },
            RunEnd::Failed { cause: None },
            RunEnd::TimedOut(Duration::from_secs(1800)),
            RunEnd::NoOutput("no".into()),
            RunEnd::Signalled(15),
            RunEnd::Aborted("disk full".into()),
        ];
        let cancelling = |reason| EventKind::Cancelling { reason, now: true, grace: GRACE };
        let mut kinds = vec![
            started(COMPRESS, 1),
            started_in_container(COUNT, 2, Lane::Fifo),
            started_in_container(COUNT, 3, Lane::Attach),
            output(COMPRESS, "a \"quoted\" line\n"),
            retrying(UPLOAD, 1, 28),
            EventKind::StreamProgress(vec![stats(5, 1.0, &[(COUNT, 5)])]),
            EventKind::StreamFinished(end),
            cancelling(CancelReason::Signal(2)),
            cancelling(CancelReason::StepFailed(StepId::new(TAR))),
            cancelling(CancelReason::TimedOut(Duration::from_secs(1800))),
            cancelling(CancelReason::Aborted),
            phase(RunOutcome::Failed, "create-archive"),
            phase(RunOutcome::Cancelled, ""),
            EventKind::Warning("the clock went back".into()),
            EventKind::Note("pulling".into()),
        ];
        kinds.extend(outcomes.map(|outcome| finished(UPLOAD, outcome, 1, 1200)));
        kinds.extend(ends.map(|end| run_finished(end, 1250)));
        let mut pipeline = backup();
        pipeline.steps[UPLOAD].terminal = true;
        let (records, again) = twice(pipeline, kinds);
        assert_eq!(records, again);
        let (records, again) = twice(fed(), Vec::new());
        assert_eq!(records, again);
    }

    #[test]
    fn outputs_of_the_run_keep_their_order() {
        let outputs = [("z", "1"), ("a", "2")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let (end, duration) = (RunEnd::Succeeded, Duration::ZERO);
        let finished = EventKind::RunFinished(RunFinished { end, duration, outputs: outputs.to_vec() });
        let (records, again) = twice(backup(), vec![finished]);
        let text = serde_json::to_string(&again[1]).unwrap();
        assert!(text.contains(r#""outputs":{"z":"1","a":"2"}"#), "{text}");
        assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), records[1]);
    }

    #[test]
    fn what_names_nothing_is_no_event() {
        let mut encoder = Encoder::new();
        let start = encoder.encode(&at(0, run_started(backup()))).unwrap();
        let step = encoder.encode(&at(1, started(TAR, 1))).unwrap();
        let mut decoder = Decoder::new();
        assert!(decoder.decode(&step).is_none(), "before the start");
        decoder.decode(&start);
        assert!(decoder.decode(&step).is_some());
        decoder.decode(&Encoder::new().encode(&at(0, run_started(fed()))).unwrap());
        assert!(decoder.decode(&step).is_none());
    }
}
