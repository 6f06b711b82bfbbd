//! The logs of a run while it goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{HistoryError, Records, StoredRun};
use crate::event::EventKind;
use crate::event::wire::{Body, Decoder};
use crate::pipeline::{Pipeline, StepId};

/// What one read asks for. A line that is longer is handed out in parts.
const PIECE: usize = 64 << 10;

/// A log, read from its beginning as it grows.
#[derive(Debug)]
pub struct LogReader {
    path: PathBuf,
    file: Option<File>,
    /// The beginning of a line.
    rest: Vec<u8>,
}

impl LogReader {
    /// Reads the log at `path`, which need not be there yet.
    pub fn of(path: &Path) -> Self {
        Self { path: path.to_owned(), file: None, rest: Vec::new() }
    }

    /// Hands out what has come since the last call, in pieces of whole lines; a last line without its end only with
    /// `to_the_end`. The first error that `take` gives ends it.
    pub fn read_new<E: From<HistoryError>>(
        &mut self,
        to_the_end: bool,
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        loop {
            let read = self.fill().map_err(HistoryError::read(&self.path))?;
            let newline = self.rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            let all = self.rest.len();
            let whole =
                if (newline == 0 && all >= PIECE) || (read == 0 && to_the_end) { all } else { newline };
            if whole > 0 {
                let rest = self.rest.split_off(whole);
                let piece = std::mem::replace(&mut self.rest, rest);
                take(&piece)?;
            }
            if read == 0 {
                return Ok(());
            }
        }
    }

    fn fill(&mut self) -> io::Result<usize> {
        if self.file.is_none() {
            match File::open(&self.path) {
                Ok(file) => self.file = Some(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
                Err(error) => return Err(error),
            }
        }
        match &mut self.file {
            Some(file) => file.take(PIECE as u64).read_to_end(&mut self.rest),
            None => Ok(0),
        }
    }
}

/// What the steps of a run write, as they write it.
#[derive(Debug)]
pub struct Follow {
    run: StoredRun,
    records: Records,
    decoder: Decoder,
    pipeline: Option<Arc<Pipeline>>,
    open: BTreeMap<StepId, LogReader>,
    over: bool,
}

impl Follow {
    /// Follows a run from its beginning.
    pub fn new(run: &StoredRun) -> Self {
        Self {
            run: run.clone(),
            records: run.records(),
            decoder: Decoder::new(),
            pipeline: None,
            open: BTreeMap::new(),
            over: false,
        }
    }

    /// What runs, once the journal says so.
    pub fn pipeline(&self) -> Option<&Arc<Pipeline>> {
        self.pipeline.as_ref()
    }

    /// Whether the run has ended or died, and everything of it has been handed out.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Hands out what has been written since the last call: whole lines, but for the last of a step. The first error that
    /// `take` gives ends it.
    pub fn read_new<E: From<HistoryError>>(
        &mut self,
        mut take: impl FnMut(&Pipeline, StepId, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        // What is not there after this is never written.
        let lives = self.run.is_live();
        let ended = self.read_journal()?;
        self.over |= !lives;
        let Some(pipeline) = &self.pipeline else { return Ok(()) };
        for (step, log) in &mut self.open {
            let is_last = self.over || ended.contains(step);
            log.read_new(is_last, |bytes| take(pipeline, *step, bytes))?;
        }
        self.open.retain(|step, _| !ended.contains(step));
        Ok(())
    }

    /// Takes in what has happened; tells the steps that have ended.
    fn read_journal(&mut self) -> Result<BTreeSet<StepId>, HistoryError> {
        let mut ended = BTreeSet::new();
        for record in self.records.read_new()? {
            self.over |= matches!(record.body, Body::RunFinished { .. });
            match self.decoder.decode(&record).map(|event| event.kind) {
                Some(EventKind::RunStarted(started)) => self.pipeline = Some(started.pipeline),
                Some(EventKind::StepStarted { step, .. }) => self.open(step),
                Some(EventKind::StepFinished(finished)) => drop(ended.insert(finished.step)),
                _ => {}
            }
        }
        Ok(ended)
    }

    fn open(&mut self, step: StepId) {
        let name = self.pipeline.iter().find_map(|pipeline| pipeline.steps.get(step.index()));
        if let Some(name) = name.map(|step| &step.name) {
            self.open.entry(step).or_insert_with(|| LogReader::of(&self.run.log_path(name)));
        }
    }
}
