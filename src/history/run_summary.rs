//! A run in short, for lists: read from the ends of its journal, so that a long list is quick.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use serde::Serialize;

use super::lock::{LIFE, RunLock};
use super::own::{self, LONGEST};
use super::records::Skipped;
use super::run_dir::journal_in;
use super::{HistoryError, RunState};
use crate::event::wire::{Body, CONTAINER, EndRecord, OutcomeRecord, Record, SERVICE, StepRecord};

/// A run in short: what a list of runs shows of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunSummary {
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
    pub state: RunState,
    /// How it ended.
    #[serde(flatten)]
    pub end: Option<EndRecord>,
    /// How the step that is the cause of a failure ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause_ended: Option<OutcomeRecord>,
    /// How many steps the pipeline has.
    pub steps: usize,
    /// How many of them were not asked for.
    #[serde(skip_serializing_if = "is_none")]
    pub left_out: usize,
    /// How long it took; of one that has not ended, until its last record.
    pub duration_ms: u64,
}

impl RunSummary {
    /// Reads the journal in the directory `dir` of the run `id`.
    pub(super) fn of(id: &str, dir: &Path) -> Result<Self, HistoryError> {
        let lives = RunLock::is_held(dir, LIFE);
        let path = journal_in(dir);
        let mut journal = Vec::new();
        let read = own::open(&path).and_then(|mut file| own::read(&mut file, LONGEST, &mut journal));
        match read {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            read => read.map_err(HistoryError::read(path))?,
        }
        let whole = journal.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
        let lines = || journal.get(..whole).unwrap_or_default().split(|byte| *byte == b'\n');
        let record = |line| Skipped::default().record(line);
        let (first, last) = (lines().find_map(record), lines().rev().find_map(record));
        let beside = first.as_ref().map(beside).unwrap_or_default();
        let mut summary = Self::begin(id, first);
        if let Some(Record { body: Body::RunFinished { end, duration_ms, .. }, .. }) = last {
            summary.duration_ms = duration_ms;
            if let EndRecord::Failed { cause: Some(step), limit_ms: _ } = &end {
                summary.cause_ended = lines().rev().find_map(|line| end_of(step, line));
            }
            summary.end = Some(end);
        } else {
            summary.duration_ms = last.map_or(0, |record| record.elapsed_ms);
        }
        summary.left_out = lines().filter(|line| is_left_out(line, &beside)).count();
        summary.state = RunState::of(summary.end.is_some(), lives);
        Ok(summary)
    }

    fn begin(id: &str, first: Option<Record>) -> Self {
        let (started, body) = first.map(|record| (record.at, record.body)).unzip();
        let (pipeline, file, steps) = match body {
            Some(Body::RunStarted { pipeline, file, steps, .. }) => (Some(pipeline), Some(file), steps),
            _ => (None, None, Vec::new()),
        };
        let steps = steps.iter().filter(|step| step.feed.is_none() && !is_beside(step)).count();
        let (run, state) = (id.to_owned(), RunState::Running);
        Self {
            run,
            pipeline,
            file,
            started,
            state,
            end: None,
            cause_ended: None,
            steps,
            left_out: 0,
            duration_ms: 0,
        }
    }
}

/// Returns whether a step is a service, or a shared container.
fn is_beside(step: &StepRecord) -> bool {
    step.role.as_deref().is_some_and(|role| [SERVICE, CONTAINER].contains(&role))
}

/// Returns the names of the services and shared containers that the first record of a run has.
fn beside(first: &Record) -> BTreeSet<String> {
    let Body::RunStarted { steps, .. } = &first.body else { return BTreeSet::new() };
    steps.iter().filter(|step| is_beside(step)).map(|step| step.name.clone()).collect()
}

/// Returns whether this line says that a step in the order was left out. Only a line with the word is read.
fn is_left_out(line: &[u8], beside: &BTreeSet<String>) -> bool {
    let word = br#""left-out""#;
    line.windows(word.len()).any(|part| part == word)
        && matches!(
            Skipped::default().record(line).map(|record| record.body),
            Some(Body::StepFinished { step, outcome: OutcomeRecord::LeftOut, .. }) if !step.starts_with("in:") && !beside.contains(&step)
        )
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_none(count: &usize) -> bool {
    *count == 0
}

/// Returns how a step ended, if this line says so. Few lines have its name in them, and only those are looked
/// at.
fn end_of(name: &str, line: &[u8]) -> Option<OutcomeRecord> {
    if !line.windows(name.len().max(1)).any(|part| part == name.as_bytes()) {
        return None;
    }
    let Body::StepFinished { step, outcome, .. } = Skipped::default().record(line)?.body else { return None };
    (step == name).then_some(outcome)
}
