//! Which attempt of a step wrote a piece of its log, and when.

use std::collections::BTreeMap;
use std::time::SystemTime;

use super::times::TimesReader;
use super::{HistoryError, Records, StoredRun};
use crate::event::EventKind;
use crate::event::wire::{Body, Decoder};
use crate::pipeline::StepId;

/// Where an attempt begins in the log of its step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogAttempt {
    /// Its number, from 1.
    pub attempt: u32,
    /// How many bytes the log had then.
    pub offset: u64,
    /// When it began.
    pub at: SystemTime,
}

/// What is known of the times of a run's logs. It grows with the run.
#[derive(Debug)]
pub struct LogClock {
    records: Records,
    decoder: Decoder,
    times: TimesReader,
    attempts: BTreeMap<StepId, Vec<LogAttempt>>,
}

impl LogClock {
    /// Returns the clock of a run, which is still to be read.
    pub fn of(run: &StoredRun) -> Self {
        Self {
            records: run.records(),
            decoder: Decoder::new(),
            times: TimesReader::of(&run.times_path()),
            attempts: BTreeMap::new(),
        }
    }

    /// Reads what has come since the last call.
    pub fn read_new(&mut self) -> Result<(), HistoryError> {
        for record in self.records.read_new()? {
            let Some(event) = self.decoder.decode(&record) else { continue };
            if let (EventKind::StepStarted { step, attempt, .. }, Body::StepStarted { log_at, .. }) =
                (event.kind, &record.body)
            {
                let begun = LogAttempt { attempt, offset: *log_at, at: event.at };
                self.attempts.entry(step).or_default().push(begun);
            }
        }
        self.times.read_new()
    }

    /// Returns the attempts of a step, in order.
    pub fn attempts(&self, step: StepId) -> &[LogAttempt] {
        self.attempts.get(&step).map_or(&[], Vec::as_slice)
    }

    /// Returns the attempt that wrote the byte at `offset`.
    pub fn attempt(&self, step: StepId, offset: u64) -> Option<LogAttempt> {
        self.attempts(step).iter().rev().find(|it| it.offset <= offset).copied()
    }

    /// Returns when the byte at `offset` was written; of an earlier version's run, when its attempt began.
    pub fn at(&self, step: StepId, offset: u64) -> Option<SystemTime> {
        self.times.at(step, offset).or_else(|| Some(self.attempt(step, offset)?.at))
    }

    /// Returns whether times of this log were noted, which earlier versions did not do.
    pub fn is_exact(&self, step: StepId, offset: u64) -> bool {
        self.times.at(step, offset).is_some()
    }
}
