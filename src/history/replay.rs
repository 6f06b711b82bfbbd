//! Replays: the events of a run's journal, with the last output of steps that failed.

use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use super::run_dir::log_in;
use super::{RunState, Skipped, own};
use crate::event::wire::{Body, Decoder, Record};
use crate::event::{Event, EventKind, OutputChannel};
use crate::pipeline::StepId;

/// How much of the end of a log is replayed, in bytes: more than any summary shows.
const LAST_WORDS: u64 = 64 << 10;

/// The events of a run as far as it has come.
#[derive(Debug)]
pub struct Replay {
    /// In order. Of what steps wrote, there is the end of the last attempt of those that failed.
    pub events: Vec<Event>,
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
        let mut events = Vec::new();
        for record in records {
            let Some(event) = decoder.decode(record) else { continue };
            if let Body::StepStarted { step, log_at, .. } = &record.body {
                starts.insert(step.as_str(), *log_at);
            }
            if let (Body::StepFinished { step, .. }, EventKind::StepFinished(finished)) =
                (&record.body, &event.kind)
                && finished.outcome.is_failure()
                && let Some(start) = starts.get(step.as_str())
                && let Ok(bytes) = last_words(&log_in(dir, step), *start)
            {
                events.push(output(&event, finished.step, &bytes));
            }
            events.push(event);
        }
        Self { events, state, skipped }
    }
}

fn output(when: &Event, step: StepId, bytes: &[u8]) -> Event {
    let kind = EventKind::StepOutput { step, channel: OutputChannel::Stderr, bytes: bytes.into() };
    Event { kind, ..*when }
}

/// Returns the end of a log, from `start` on at most.
fn last_words(log: &Path, start: u64) -> io::Result<Vec<u8>> {
    let mut file = own::open(log)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(start.max(length.saturating_sub(LAST_WORDS))))?;
    let mut bytes = Vec::new();
    file.take(LAST_WORDS).read_to_end(&mut bytes)?;
    Ok(bytes)
}
