//! Replays: the events of a run's journal, with the last output of steps that failed.

use std::collections::BTreeSet;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use super::run_dir::log_in;
use super::{RunState, Skipped, own};
use crate::event::wire::{Body, Decoder, Record};
use crate::event::{Event, EventKind, OutputChannel, StepFinished};
use crate::pipeline::StepId;

/// How much of the end of a log is replayed, in bytes: more than any summary shows.
const LAST_WORDS: u64 = 64 << 10;

/// The events of a run as far as it has come.
#[derive(Debug)]
pub struct Replay {
    /// In order. Of what steps wrote, there is the end of the last attempt of those that failed, and of the services
    /// that these used.
    pub events: Vec<Event>,
    /// For those: how many lines of the last attempt came before that.
    pub earlier: Vec<(StepId, usize)>,
    /// Where the run is.
    pub state: RunState,
    /// What of the journal could not be read.
    pub skipped: Skipped,
}

impl Replay {
    /// Returns the events in `records`, with logs from the run's directory `dir`.
    pub(super) fn of(dir: &Path, records: &[Record], state: RunState, skipped: Skipped) -> Self {
        let mut decoder = Decoder::new();
        let mut starts = std::collections::HashMap::new();
        let (mut events, mut earlier) = (Vec::new(), Vec::new());
        let mut wanted = BTreeSet::new();
        let mut pipeline = None;
        for record in records {
            let Some(event) = decoder.decode(record) else { continue };
            if let Body::StepStarted { step, log_at, .. } = &record.body {
                starts.insert(step.as_str(), *log_at);
            }
            if let EventKind::RunStarted(started) = &event.kind {
                pipeline = Some(Arc::clone(&started.pipeline));
            }
            if let EventKind::StepFinished(StepFinished { step, outcome, .. }) = &event.kind
                && outcome.is_failure()
            {
                wanted.insert(*step);
                if let Some(pipeline) = &pipeline
                    && let Some(failed) = pipeline.steps.get(step.index())
                {
                    wanted.extend(pipeline.services_of(failed).map(|usage| usage.step));
                }
            }
            if let (Body::StepFinished { step, .. }, EventKind::StepFinished(finished)) =
                (&record.body, &event.kind)
                && wanted.contains(&finished.step)
                && let Some(start) = starts.get(step.as_str())
                && let Ok((before, bytes)) = last_words(&log_in(dir, step), *start)
            {
                events.push(output(&event, finished.step, &bytes));
                earlier.push((finished.step, before));
            }
            events.push(event);
        }
        Self { events, earlier, state, skipped }
    }
}

fn output(when: &Event, step: StepId, bytes: &[u8]) -> Event {
    let kind = EventKind::StepOutput { step, channel: OutputChannel::Stderr, bytes: bytes.into() };
    Event { kind, ..*when }
}

/// Returns the end of a log, from `start` on at most, and how many lines come before that end.
fn last_words(log: &Path, start: u64) -> io::Result<(usize, Vec<u8>)> {
    let mut file = own::open(log)?;
    let length = file.metadata()?.len();
    let from = start.max(length.saturating_sub(LAST_WORDS));
    file.seek(SeekFrom::Start(start))?;
    let lines = count_lines((&mut file).take(from.saturating_sub(start)))?;
    let mut bytes = Vec::new();
    file.take(LAST_WORDS).read_to_end(&mut bytes)?;
    Ok((lines, bytes))
}

fn count_lines(mut log: impl io::Read) -> io::Result<usize> {
    let mut piece = vec![0; 64 << 10];
    let mut lines = 0;
    loop {
        match log.read(&mut piece)? {
            0 => return Ok(lines),
            read => lines += memchr::memchr_iter(b'\n', piece.get(..read).unwrap_or_default()).count(),
        }
    }
}
