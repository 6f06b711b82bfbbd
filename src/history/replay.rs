//! A run told again: the events of its journal, with the last words of steps that failed.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use super::{Skipped, State, StoredRun};
use crate::event::wire::{Body, Decoder, Record};
use crate::event::{Event, EventKind, OutputChannel};
use crate::pipeline::StepId;

/// How much of the end of a log is told again, in bytes: more than any summary shows.
const LAST_WORDS: u64 = 64 << 10;

/// The events of a run as far as it has come.
#[derive(Debug)]
pub struct Replay {
    /// In order. Of what steps wrote, there is the end of the last attempt of those that failed.
    pub events: Vec<Event>,
    /// Where the run is.
    pub state: State,
    /// What of the journal could not be read.
    pub skipped: Skipped,
}

impl Replay {
    pub(super) fn of(run: &StoredRun, records: &[Record], state: State, skipped: Skipped) -> Self {
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
                && let Ok(bytes) = last_words(&run.log_path(step), *start)
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

/// The end of a log, from `start` on at most.
fn last_words(log: &Path, start: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(log)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(start.max(length.saturating_sub(LAST_WORDS))))?;
    let mut bytes = Vec::new();
    file.take(LAST_WORDS).read_to_end(&mut bytes)?;
    Ok(bytes)
}
