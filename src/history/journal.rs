//! Writes events to disk: the journal, and beside it the log of each step.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::SystemTime;

use super::lines::Lines;
use super::reserve::Reserve;
use super::run_dir::append_private;
use super::times::TimesWriter;
use super::{HistoryError, RunDir};
use crate::event::wire::{Body, Encoder};
use crate::event::{Event, EventKind};
use crate::pipeline::{Pipeline, StepId};

/// Logs held open at once; past it they are closed, and opened again when their steps go on writing.
const OPEN_LOGS: usize = 64;

/// Writes the events of one run into its directory.
///
/// Nothing is buffered: when [`Journal::record`] returns, the event has been passed to the kernel in one
/// write, so that a crash loses or cuts at most the last line. A failed write never ends the run: a log stops
/// there, so that it is always the beginning of what the step wrote, and records are tried again with each
/// event.
#[derive(Debug)]
pub struct Journal {
    run: RunDir,
    encoder: Encoder,
    path: PathBuf,
    /// Once the disk is full, the remaining room is for the journal: logs stop.
    lines: Lines<File>,
    line: Vec<u8>,
    /// The last record could not be written.
    has_gap: bool,
    pipeline: Option<std::sync::Arc<Pipeline>>,
    logs: HashMap<StepId, File>,
    /// How long each log is, of those that have been written to.
    lengths: HashMap<StepId, u64>,
    /// The steps whose logs lack something.
    lost: HashSet<StepId>,
    times: TimesWriter,
}

/// A part of the history that is missing. The run itself does not need it.
#[derive(Debug, thiserror::Error)]
pub enum Gap {
    /// Logs of steps. Reported once.
    #[error("the logs of steps are incomplete: {0}")]
    Logs(#[source] HistoryError),
    /// Records of the journal. Reported once for each gap.
    #[error("the journal has a gap here: {0}")]
    Records(#[source] HistoryError),
}

impl Journal {
    /// Creates an empty journal in the run's directory.
    pub fn new(run: &RunDir) -> Result<Self, HistoryError> {
        let path = run.journal_path();
        let file = append_private(&path).map_err(HistoryError::create(&path))?;
        Ok(Self {
            run: run.clone(),
            encoder: Encoder::new(),
            path,
            lines: Lines::new(file, Reserve::take(run.path())?),
            line: Vec::new(),
            has_gap: false,
            pipeline: None,
            logs: HashMap::new(),
            lengths: HashMap::new(),
            lost: HashSet::new(),
            times: TimesWriter::default(),
        })
    }

    /// Appends one event: a line of the journal, or a piece of a step's log. After an error further events
    /// are taken as usual.
    pub fn record(&mut self, event: &Event) -> Result<(), Gap> {
        match &event.kind {
            EventKind::StepOutput { step, bytes, .. } => return self.log(*step, bytes, event.at),
            EventKind::StreamProgress(_) | EventKind::StepLine { .. } => return Ok(()),
            EventKind::RunStarted(started) => self.pipeline = Some(started.pipeline.clone()),
            EventKind::StepFinished(finished) => drop(self.logs.remove(&finished.step)),
            EventKind::StepStarted { .. }
            | EventKind::ServiceReady { .. }
            | EventKind::StepRetrying { .. }
            | EventKind::StreamFinished(_)
            | EventKind::Cancelling { .. }
            | EventKind::PhaseStarted(_)
            | EventKind::Warning(_)
            | EventKind::Note(_)
            | EventKind::RunFinished(_) => {}
        }
        self.append(event)
    }

    fn append(&mut self, event: &Event) -> Result<(), Gap> {
        let Some(mut record) = self.encoder.encode(event) else {
            return Ok(());
        };
        self.add_what_logs_say(&event.kind, &mut record.body);
        self.line.clear();
        record.write_line(&mut self.line).map_err(|reason| self.gap(reason))?;
        let had_gap = self.has_gap;
        let written = self.lines.append(&self.line);
        self.has_gap = written.is_err();
        match written {
            Err(reason) if !had_gap => Err(self.gap(reason)),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn gap(&self, reason: io::Error) -> Gap {
        Gap::Records(HistoryError::write(&self.path)(reason))
    }

    /// Completes a record with what only the logs can tell: where an attempt begins, and whether something is
    /// missing.
    fn add_what_logs_say(&self, kind: &EventKind, body: &mut Body) {
        match (kind, body) {
            (EventKind::StepStarted { step, .. }, Body::StepStarted { log_at, .. }) => {
                *log_at = self.lengths.get(step).copied().unwrap_or(0);
            }
            (EventKind::StepFinished(finished), Body::StepFinished { log_lost, .. }) => {
                *log_lost = self.lost.contains(&finished.step);
            }
            _ => {}
        }
    }

    fn log(&mut self, step: StepId, bytes: &[u8], at: SystemTime) -> Result<(), Gap> {
        if self.lost.contains(&step) {
            return Ok(());
        }
        self.append_to_log(step, bytes, at).or_else(|error| {
            let is_first = self.lost.is_empty();
            self.lost.insert(step);
            self.logs.remove(&step);
            if is_first { Err(Gap::Logs(error)) } else { Ok(()) }
        })
    }

    fn append_to_log(&mut self, step: StepId, bytes: &[u8], at: SystemTime) -> Result<(), HistoryError> {
        let Some(known) = self.pipeline.iter().find_map(|pipeline| pipeline.steps.get(step.index())) else {
            return Ok(());
        };
        let path = self.run.log_path(&known.name);
        if self.lines.is_short_of_room() {
            return Err(HistoryError::write(path)(io::ErrorKind::StorageFull.into()));
        }
        if !self.logs.contains_key(&step) {
            let file = append_private(&path).map_err(HistoryError::create(&path))?;
            if self.logs.len() >= OPEN_LOGS {
                self.logs.clear();
            }
            self.logs.insert(step, file);
        }
        let offset = self.lengths.get(&step).copied().unwrap_or(0);
        self.times.note(&self.run.times_path(), step, offset, at);
        if let Some(file) = self.logs.get_mut(&step) {
            file.write_all(bytes).map_err(HistoryError::write(path))?;
        }
        *self.lengths.entry(step).or_default() += bytes.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn home(base: &tempfile::TempDir) -> PathBuf {
        base.path().join(".pipe")
    }
    use crate::event::RunEnd;
    use crate::event::sample::*;
    use crate::event::wire::Record;
    use crate::history::Records;
    use crate::pipeline::Outcome;

    struct Run {
        _base: tempfile::TempDir,
        dir: RunDir,
        journal: Journal,
    }

    impl Run {
        fn of(pipeline: Pipeline) -> Self {
            let base = tempfile::tempdir().unwrap();
            let dir = RunDir::create(&home(&base), &jiff::Zoned::now()).unwrap();
            let journal = Journal::new(&dir).unwrap();
            let mut run = Self { _base: base, dir, journal };
            run.record(run_started(pipeline));
            run
        }

        fn record(&mut self, kind: EventKind) {
            self.journal.record(&at(10, kind)).unwrap();
        }

        fn records(&self) -> Vec<Record> {
            Records::of(&self.dir.journal_path()).read_new().unwrap()
        }
    }

    #[test]
    fn events_are_lines_and_output_is_logs() {
        let mut run = Run::of(backup());
        run.record(started(COMPRESS, 1));
        run.record(output(COMPRESS, b"one\n\xff\x1b[1m"));
        run.record(EventKind::StreamProgress(Vec::new()));
        run.record(output(COMPRESS, b"two\n"));
        run.record(finished(COMPRESS, Outcome::Succeeded, 1, 10));
        run.record(run_finished(RunEnd::Succeeded, 10));
        assert_eq!(run.records().len(), 4);
        assert_eq!(fs::read(run.dir.log_path("compress")).unwrap(), b"one\n\xff\x1b[1mtwo\n");
        assert!(!run.dir.log_path("checksum").exists());
    }

    #[test]
    fn every_line_is_there_as_soon_as_it_is_recorded() {
        let mut run = Run::of(backup());
        for attempt in 1..5 {
            run.record(started(COMPRESS, attempt));
            assert_eq!(run.records().len(), attempt as usize + 1);
        }
    }

    #[test]
    fn files_are_for_their_owner() {
        let mut run = Run::of(fed());
        run.record(output(1, "from the feed\n"));
        for path in [run.dir.journal_path(), run.dir.path().join("logs/in@data.log")] {
            assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn ten_thousand_steps_do_not_hold_ten_thousand_files() {
        let mut run = Run::of(many(10_000));
        for step in 0..10_000 {
            run.record(output(step, "hello\n"));
            assert!(run.journal.logs.len() <= OPEN_LOGS);
        }
        run.record(output(0, "again\n"));
        assert_eq!(fs::read_to_string(run.dir.log_path("step-0")).unwrap(), "hello\nagain\n");
        run.record(finished(0, Outcome::Succeeded, 1, 10));
        assert!(!run.journal.logs.contains_key(&StepId::new(0)));
    }

    #[test]
    fn an_attempt_knows_where_its_log_begins() {
        let mut run = Run::of(backup());
        run.record(started(TAR, 1));
        run.record(output(TAR, "first\n"));
        run.record(started(COMPRESS, 1));
        run.record(started(TAR, 2));
        let starts = run.records().into_iter().filter_map(|record| match record.body {
            Body::StepStarted { log_at, .. } => Some(log_at),
            _ => None,
        });
        assert_eq!(starts.collect::<Vec<_>>(), [0, 0, 6]);
    }

    #[test]
    fn a_log_that_cannot_be_written_is_told_once_and_by_its_record() {
        let mut run = Run::of(backup());
        run.record(output(TAR, "whole\n"));
        fs::rename(run.dir.path().join("logs"), run.dir.path().join("elsewhere")).unwrap();
        let error = run.journal.record(&at(10, output(COMPRESS, "x"))).unwrap_err().to_string();
        assert!(error.starts_with("the logs of steps are incomplete: cannot create `"), "{error}");
        assert!(error.contains("logs/compress.log"), "{error}");
        run.record(output(COUNT, "x"));
        fs::create_dir(run.dir.path().join("logs")).unwrap();
        run.record(output(COMPRESS, "no log has a hole"));
        assert!(!run.dir.log_path("compress").exists());
        let lost = [COMPRESS, COUNT, TAR].map(|step| {
            run.record(finished(step, Outcome::Succeeded, 1, 10));
            matches!(run.records().pop().unwrap().body, Body::StepFinished { log_lost: true, .. })
        });
        assert_eq!(lost, [true, true, false]);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_record_that_cannot_be_written_is_told_once_and_leaves_the_room_to_others() {
        let mut run = Run::of(backup());
        let reserve = || Reserve::take(run.dir.path()).unwrap();
        let full = File::options().write(true).open("/dev/full").unwrap();
        let good = std::mem::replace(&mut run.journal.lines, Lines::new(full, reserve()));
        let error = run.journal.record(&at(10, started(TAR, 1))).unwrap_err().to_string();
        assert!(error.starts_with("the journal has a gap here: cannot write to `"), "{error}");
        run.record(started(COMPRESS, 1));
        let error = run.journal.record(&at(10, output(TAR, "x"))).unwrap_err().to_string();
        assert!(error.starts_with("the logs of steps are incomplete"), "{error}");
        let full = std::mem::replace(&mut run.journal.lines, good);
        run.record(started(COUNT, 1));
        assert_eq!(run.records().len(), 2);
        run.journal.lines = full;
        let error = run.journal.record(&at(10, started(UPLOAD, 1))).unwrap_err().to_string();
        assert!(error.starts_with("the journal has a gap here"), "it is another one: {error}");
    }

    #[test]
    fn no_room_is_kept_after_the_run() {
        let run = Run::of(backup());
        drop(run.journal);
        assert!(!run.dir.path().join("reserve").exists());
    }
}
