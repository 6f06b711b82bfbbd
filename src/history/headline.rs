//! What a list of runs says of one: read from the ends of its journal, so that a long list is quick.

use std::fs;
use std::io;

use serde::Serialize;

use super::records::Skipped;
use super::run_dir::journal_in;
use super::{HistoryError, State, StoredRun};
use crate::event::wire::{Body, EndRecord, OutcomeRecord, Record};

/// A run in short.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Headline {
    /// The run's id.
    pub run: String,
    /// The pipeline's name; not known of a run that has only just begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<String>,
    /// The pipeline's file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// When it started, RFC 3339 in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<String>,
    /// Where it is.
    pub state: State,
    /// How it ended.
    #[serde(flatten)]
    pub end: Option<EndRecord>,
    /// How the step that is the cause of a failure ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause_ended: Option<OutcomeRecord>,
    /// How long it took; of one that has not ended, until its last record.
    pub duration_ms: u64,
}

impl Headline {
    pub(super) fn of(run: &StoredRun) -> Result<Self, HistoryError> {
        let lives = run.is_live();
        let path = journal_in(run.path());
        let journal = match fs::read(&path) {
            Ok(journal) => journal,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(HistoryError::read(path)(error)),
        };
        let whole = journal.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
        let lines = || journal.get(..whole).unwrap_or_default().split(|byte| *byte == b'\n');
        let record = |line| Skipped::default().record(line);
        let (first, last) = (lines().find_map(record), lines().rev().find_map(record));
        let mut headline = Self::begin(run.id(), first);
        if let Some(Record { body: Body::RunFinished { end, duration_ms, .. }, .. }) = last {
            headline.duration_ms = duration_ms;
            if let EndRecord::Failed { cause: Some(step) } = &end {
                headline.cause_ended = lines().rev().find_map(|line| end_of(step, line));
            }
            headline.end = Some(end);
        } else {
            headline.duration_ms = last.map_or(0, |record| record.elapsed_ms);
        }
        headline.state = State::of(headline.end.is_some(), lives);
        Ok(headline)
    }

    fn begin(id: &str, first: Option<Record>) -> Self {
        let (started, body) = first.map(|record| (record.at, record.body)).unzip();
        let (pipeline, file) = match body {
            Some(Body::RunStarted { pipeline, file, .. }) => (Some(pipeline), Some(file)),
            _ => (None, None),
        };
        let (run, state) = (id.to_owned(), State::Running);
        Self { run, pipeline, file, started, state, end: None, cause_ended: None, duration_ms: 0 }
    }
}

/// How a step ended, if this line says so. Few lines have its name in them, and only those are looked at.
fn end_of(name: &str, line: &[u8]) -> Option<OutcomeRecord> {
    if !line.windows(name.len().max(1)).any(|part| part == name.as_bytes()) {
        return None;
    }
    match Skipped::default().record(line)?.body {
        Body::StepFinished { step, outcome, .. } if step == name => Some(outcome),
        _ => None,
    }
}
