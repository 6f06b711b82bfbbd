//! Events on disk: the journal, and beside it what each step wrote.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;

use super::run_dir::append_private;
use super::{HistoryError, RunDir};
use crate::event::wire::Encoder;
use crate::event::{Event, EventKind};
use crate::pipeline::{Pipeline, StepId};

/// Logs held open at once; past it they are closed, and opened again when their steps go on writing.
const OPEN_LOGS: usize = 64;

/// Writes the events of one run into its directory.
///
/// Nothing is buffered: every event is on its way to the disk in one write when [`Journal::record`] returns, so that a
/// crash loses at most the last line, or tears it.
#[derive(Debug)]
pub struct Journal {
    run: RunDir,
    encoder: Encoder,
    path: PathBuf,
    file: File,
    line: Vec<u8>,
    pipeline: Option<std::sync::Arc<Pipeline>>,
    logs: HashMap<StepId, File>,
}

impl Journal {
    /// Makes an empty journal in the run's directory.
    pub fn new(run: &RunDir) -> Result<Self, HistoryError> {
        let path = run.journal_path();
        let file = append_private(&path).map_err(HistoryError::create(&path))?;
        Ok(Self {
            run: run.clone(),
            encoder: Encoder::new(),
            path,
            file,
            line: Vec::new(),
            pipeline: None,
            logs: HashMap::new(),
        })
    }

    /// Appends one event: a line of the journal, or a piece of a step's log. After an error the next event may be
    /// tried as usual.
    pub fn record(&mut self, event: &Event) -> Result<(), HistoryError> {
        match &event.kind {
            EventKind::StepOutput { step, bytes, .. } => return self.log(*step, bytes),
            EventKind::StreamProgress(_) => return Ok(()),
            EventKind::RunStarted(started) => self.pipeline = Some(started.pipeline.clone()),
            EventKind::StepFinished(finished) => drop(self.logs.remove(&finished.step)),
            _ => {}
        }
        self.append(event)
    }

    fn append(&mut self, event: &Event) -> Result<(), HistoryError> {
        let Some(record) = self.encoder.encode(event) else {
            return Ok(());
        };
        self.line.clear();
        record
            .write_line(&mut self.line)
            .and_then(|()| self.file.write_all(&self.line))
            .map_err(HistoryError::write(&self.path))
    }

    fn log(&mut self, step: StepId, bytes: &[u8]) -> Result<(), HistoryError> {
        let Some(pipeline) = &self.pipeline else {
            return Ok(());
        };
        let Some(name) = pipeline.steps.get(step.index()).map(|step| &step.name) else {
            return Ok(());
        };
        if let Some(file) = self.logs.get_mut(&step) {
            return file
                .write_all(bytes)
                .map_err(|reason| HistoryError::write(self.run.log_path(name))(reason));
        }
        let path = self.run.log_path(name);
        let mut file = append_private(&path).map_err(HistoryError::create(&path))?;
        file.write_all(bytes).map_err(HistoryError::write(path))?;
        if self.logs.len() >= OPEN_LOGS {
            self.logs.clear();
        }
        self.logs.insert(step, file);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::event::RunEnd;
    use crate::event::sample::*;
    use crate::event::wire::Record;
    use crate::pipeline::Outcome;

    struct Run {
        _base: tempfile::TempDir,
        dir: RunDir,
        journal: Journal,
    }

    impl Run {
        fn of(pipeline: Pipeline) -> Self {
            let base = tempfile::tempdir().unwrap();
            let dir = RunDir::create(base.path(), &jiff::Zoned::now()).unwrap();
            let journal = Journal::new(&dir).unwrap();
            let mut run = Self { _base: base, dir, journal };
            run.record(run_started(pipeline));
            run
        }

        fn record(&mut self, kind: EventKind) {
            self.journal.record(&at(10, kind)).unwrap();
        }

        fn records(&self) -> Vec<Record> {
            let text = fs::read_to_string(self.dir.journal_path()).unwrap();
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
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
    fn a_log_that_cannot_be_made_is_named() {
        let mut run = Run::of(backup());
        fs::remove_dir(run.dir.path().join("logs")).unwrap();
        let error = run.journal.record(&at(10, output(TAR, "x"))).unwrap_err().to_string();
        assert!(error.starts_with("cannot create `") && error.contains("logs/create-archive.log"), "{error}");
        run.record(started(TAR, 1));
    }
}
