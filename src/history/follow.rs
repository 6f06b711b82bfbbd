//! The logs of a run while it goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{HistoryError, Records, Skipped, StoredRun, own};
use crate::event::EventKind;
use crate::event::wire::{Body, Decoder};
use crate::pipeline::{Pipeline, StepId};

/// How many bytes one read asks for. A longer line is passed on in parts.
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

    /// Passes on what has come since the last call, in pieces of whole lines; a last line without its end
    /// only with `to_the_end`. The first error that `take` gives ends it.
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
            match own::open(&self.path) {
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

/// What the steps of a run write, as they write it: [`look`](Self::look), then [`read_new`](Self::read_new),
/// again and again until it [`is_over`](Self::is_over).
#[derive(Debug)]
pub struct Follow {
    run: StoredRun,
    records: Records,
    decoder: Decoder,
    pipeline: Option<Arc<Pipeline>>,
    /// The logs of steps that may still write.
    open: BTreeMap<StepId, LogReader>,
    ended: BTreeSet<StepId>,
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
            ended: BTreeSet::new(),
            over: false,
        }
    }

    /// Reads the new records. Returns the pipeline, once the journal has it.
    pub fn look(&mut self) -> Result<Option<&Arc<Pipeline>>, HistoryError> {
        // Asked first: a run that is dead before its journal is read writes nothing after.
        let lives = self.run.is_live();
        for record in self.records.read_new()? {
            self.over |= matches!(record.body, Body::RunFinished { .. });
            match self.decoder.decode(&record).map(|event| event.kind) {
                Some(EventKind::RunStarted(started)) => self.pipeline = Some(started.pipeline),
                Some(EventKind::StepStarted { step, .. }) => self.open(step),
                Some(EventKind::StepFinished(finished)) => drop(self.ended.insert(finished.step)),
                Some(
                    EventKind::ServiceReady { .. }
                    | EventKind::StepOutput { .. }
                    | EventKind::StepLine { .. }
                    | EventKind::StepRetrying { .. }
                    | EventKind::StreamProgress(_)
                    | EventKind::StreamFinished(_)
                    | EventKind::Cancelling { .. }
                    | EventKind::PhaseStarted(_)
                    | EventKind::Warning(_)
                    | EventKind::Note(_)
                    | EventKind::RunFinished(_),
                )
                | None => {}
            }
        }
        self.over |= !lives;
        Ok(self.pipeline.as_ref())
    }

    /// Hands out what the steps, or `only` one, had written by the last look, and perhaps a little more. With
    /// `parts` also lines whose end has not come yet. The first error that `take` gives ends it.
    pub fn read_new<E: From<HistoryError>>(
        &mut self,
        only: Option<StepId>,
        parts: bool,
        mut take: impl FnMut(StepId, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        for (step, log) in &mut self.open {
            if only.is_none_or(|only| only == *step) {
                let to_the_end = parts || self.over || self.ended.contains(step);
                log.read_new(to_the_end, |bytes| take(*step, bytes))?;
            }
        }
        self.open.retain(|step, _| !self.ended.contains(step));
        Ok(())
    }

    /// Returns whether the run had ended or died when it was last looked at.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Returns whether a step had ended for good.
    pub fn has_ended(&self, step: StepId) -> bool {
        self.ended.contains(&step)
    }

    /// Returns what of the journal could not be read.
    pub fn skipped(&self) -> Skipped {
        self.records.skipped()
    }

    fn open(&mut self, step: StepId) {
        let known = self.pipeline.iter().find_map(|pipeline| pipeline.steps.get(step.index()));
        if let Some(known) = known {
            self.open.entry(step).or_insert_with(|| LogReader::of(&self.run.log_path(&known.name)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::fs;

    use super::*;

    fn home(base: &tempfile::TempDir) -> PathBuf {
        base.path().join(".pipe")
    }
    use crate::event::sample::*;
    use crate::event::{Event, RunEnd};
    use crate::history::{Journal, RunDir, Runs};
    use crate::pipeline::Outcome;

    impl From<HistoryError> for Infallible {
        fn from(error: HistoryError) -> Self {
            panic!("{error}");
        }
    }

    fn pieces(log: &mut LogReader, to_the_end: bool) -> Vec<Vec<u8>> {
        let mut pieces = Vec::new();
        let Ok(()) = log.read_new::<Infallible>(to_the_end, |piece| {
            pieces.push(piece.to_vec());
            Ok(())
        });
        pieces
    }

    #[test]
    fn lines_come_whole_and_the_last_at_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.log");
        let mut log = LogReader::of(&path);
        assert!(pieces(&mut log, true).is_empty(), "it is not there yet");
        fs::write(&path, "one\ntwo\nthr").unwrap();
        assert_eq!(pieces(&mut log, false), [b"one\ntwo\n"]);
        assert!(pieces(&mut log, false).is_empty());
        fs::write(&path, "one\ntwo\nthree\nfour").unwrap();
        assert_eq!(pieces(&mut log, true).concat(), b"three\nfour");
        assert!(pieces(&mut log, true).is_empty());
    }

    #[test]
    fn a_line_without_end_comes_in_parts_and_nothing_is_lost() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.log");
        let text = [vec![b'x'; 3 * PIECE + 5], b"\ny\n\xff".to_vec()].concat();
        fs::write(&path, &text).unwrap();
        let pieces = pieces(&mut LogReader::of(&path), true);
        assert_eq!(pieces.concat(), text);
        assert!(pieces.iter().all(|piece| piece.len() <= 2 * PIECE));
    }

    #[test]
    fn a_run_is_followed_to_its_end() {
        let base = tempfile::tempdir().unwrap();
        let dir = RunDir::create(&home(&base), &jiff::Zoned::now()).unwrap();
        let run = Runs::of(&home(&base)).unwrap().newest_first()[0].clone();
        let mut follow = Follow::new(&run);
        assert!(follow.look().unwrap().is_none() && !follow.is_over());
        let mut journal = Journal::new(&dir).unwrap();
        let mut next = |kind: Option<EventKind>, only: Option<usize>, parts: bool| {
            kind.into_iter().for_each(|kind| journal.record(&at(10, kind)).unwrap());
            follow.look().unwrap();
            let mut said = String::new();
            let Ok(()) = follow.read_new::<Infallible>(only.map(StepId::new), parts, |step, bytes| {
                said += &format!("{}:{}|", step.index(), String::from_utf8_lossy(bytes));
                Ok(())
            });
            (said, follow.is_over())
        };
        assert_eq!(next(Some(run_started(backup())), None, false), (String::new(), false));
        next(Some(started(TAR, 1)), None, false);
        next(Some(started(COUNT, 1)), None, false);
        assert_eq!(next(Some(output(TAR, "a\nb")), None, false).0, "0:a\n|");
        assert_eq!(next(Some(output(COUNT, "c\n")), Some(TAR), false).0, "");
        assert_eq!(next(None, None, true).0, "0:b|3:c\n|");
        next(Some(output(TAR, "end")), None, false);
        assert_eq!(next(Some(finished(TAR, Outcome::Succeeded, 1, 1)), None, false).0, "0:end|");
        next(Some(output(COUNT, "half")), None, false);
        assert_eq!(next(Some(run_finished(RunEnd::Succeeded, 9)), None, false), ("3:half|".into(), true));
        assert!(follow.has_ended(StepId::new(TAR)) && !follow.has_ended(StepId::new(COUNT)));
    }

    #[test]
    fn a_run_that_dies_is_over() {
        let base = tempfile::tempdir().unwrap();
        let dir = RunDir::create(&home(&base), &jiff::Zoned::now()).unwrap();
        let mut journal = Journal::new(&dir).unwrap();
        let record = |kind| -> Event { at(10, kind) };
        journal.record(&record(run_started(backup()))).unwrap();
        let mut follow = Follow::new(&Runs::of(&home(&base)).unwrap().newest_first()[0]);
        follow.look().unwrap();
        assert!(!follow.is_over());
        drop((journal, dir));
        // A child of another test may have the lock for a moment.
        let dies = (0..100_000).any(|_| {
            std::thread::yield_now();
            follow.look().unwrap();
            follow.is_over()
        });
        assert!(dies);
    }
}
