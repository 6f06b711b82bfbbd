//! One run, as its directory has it.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::lock::{CLEANUP, LIFE, RunLock};
use super::own;
use super::records::{Records, Skipped};
use super::run_dir::{journal_in, log_in, outputs_in, pipes_in, secrets_in, streams_in, times_in};
use super::{HistoryError, Replay, RunDetails, RunState, RunSummary};
use crate::event::wire::{Body, Record};

/// The first time of a journal is within so many bytes.
const HEAD: u64 = 128;

/// A run that has a directory: one that goes on, has ended, or has died.
#[derive(Debug, Clone)]
pub struct StoredRun {
    id: String,
    path: PathBuf,
}

impl StoredRun {
    /// Returns the run that has this directory.
    pub(super) fn new(id: String, path: PathBuf) -> Self {
        Self { id, path }
    }

    /// Returns the run's id, which is the directory's name.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns when it began: what its journal begins with, else what its id says, which is local time.
    pub fn began(&self) -> Timestamp {
        let in_journal = || {
            let mut head = Vec::new();
            own::open(&journal_in(&self.path)).ok()?.take(HEAD).read_to_end(&mut head).ok()?;
            let head = String::from_utf8_lossy(&head);
            head.split_once(r#""at":""#)?.1.split_once('"')?.0.parse::<Timestamp>().ok()
        };
        let in_id = || {
            let time = jiff::civil::DateTime::strptime("%Y%m%d-%H%M%S", self.id.get(..15)?).ok()?;
            Some(time.to_zoned(jiff::tz::TimeZone::system()).ok()?.timestamp())
        };
        in_journal().or_else(in_id).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// Returns the pipeline's file, as the first record has it.
    pub fn file(&self) -> Option<String> {
        let mut first = Vec::new();
        let journal = BufReader::new(own::open(&journal_in(&self.path)).ok()?);
        journal.take(own::LONGEST).read_until(b'\n', &mut first).ok()?;
        let Body::RunStarted { file, .. } = Skipped::default().record(&first)?.body else { return None };
        Some(file)
    }

    /// Returns whether it has kept a stream.
    pub fn has_streams(&self) -> bool {
        fs::read_dir(streams_in(&self.path)).is_ok_and(|mut streams| streams.next().is_some())
    }

    /// Returns where a step of this name logs.
    pub fn log_path(&self, step: &str) -> PathBuf {
        log_in(&self.path, step)
    }

    /// Returns the path of the file that says when pieces of the logs were written.
    pub(super) fn times_path(&self) -> PathBuf {
        times_in(&self.path)
    }

    /// Returns whether the run's process lives; true also where that cannot be known.
    pub fn is_live(&self) -> bool {
        RunLock::is_held(&self.path, LIFE)
    }

    /// Returns whether the run was killed, and its reaper still cleans up.
    pub fn is_being_cleaned_up(&self) -> bool {
        !self.is_live() && RunLock::is_held(&self.path, CLEANUP)
    }

    /// Waits until it is cleaned up.
    pub fn wait_for_cleanup(&self) {
        RunLock::wait(&self.path, CLEANUP);
    }

    /// Returns whether neither the run's process nor its reaper needs the directory.
    pub fn is_over(&self) -> bool {
        !self.is_live() && !RunLock::is_held(&self.path, CLEANUP)
    }

    /// Returns its journal, to be read as it grows.
    pub fn records(&self) -> Records {
        Records::of(&journal_in(&self.path))
    }

    /// Returns the records of its journal so far, the run's state, and what could not be read.
    pub fn read(&self) -> Result<(Vec<Record>, RunState, Skipped), HistoryError> {
        // Asked first: if the process dies after this, all that it wrote is read below.
        let lives = self.is_live();
        let mut journal = self.records();
        let records = journal.read_new()?;
        let ended = records.iter().any(|record| matches!(record.body, Body::RunFinished { .. }));
        Ok((records, RunState::of(ended, lives), journal.skipped()))
    }

    /// Returns what a list of runs shows of it.
    pub fn summary(&self) -> Result<RunSummary, HistoryError> {
        RunSummary::of(&self.id, &self.path)
    }

    /// Returns everything that its journal has of it.
    pub fn details(&self) -> Result<RunDetails, HistoryError> {
        let (records, state, skipped) = self.read()?;
        Ok(RunDetails::of(&self.id, &records, state, skipped))
    }

    /// Returns its events.
    pub fn replay(&self) -> Result<Replay, HistoryError> {
        let (records, state, skipped) = self.read()?;
        Ok(Replay::of(&self.path, &records, state, skipped))
    }

    /// Returns how much room its directory takes, in bytes.
    pub fn size(&self) -> u64 {
        size(&self.path)
    }

    /// Removes what a run needs only while it lives, and leaves behind if it was killed together with its
    /// reaper: named pipes, files for outputs, files with secrets. The caller has to check that the run is
    /// dead.
    pub fn clear(&self) -> Result<(), HistoryError> {
        let folders = [pipes_in(&self.path), outputs_in(&self.path), secrets_in(&self.path)];
        let empty = |folder: &PathBuf| {
            own::empty(folder).map_err(|(path, reason)| HistoryError::Remove { path, reason })
        };
        folders.iter().try_for_each(empty)
    }

    /// Removes its directory. The caller has to check that the run is dead.
    pub fn remove(&self) -> Result<(), HistoryError> {
        // Renamed first, so that no other process finds a part of a run.
        let hidden = self.path.with_file_name(format!(".{}.gone", self.id));
        let removed = fs::rename(&self.path, &hidden).and_then(|()| fs::remove_dir_all(&hidden));
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(HistoryError::Remove { path: self.path.clone(), reason: error })
            }
            _ => Ok(()),
        }
    }
}

/// Returns the size of everything below a path that can be read. Links are not followed.
fn size(path: &Path) -> u64 {
    let (mut size, mut ahead) = (0_u64, vec![path.to_owned()]);
    while let Some(path) = ahead.pop() {
        let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
        size = size.saturating_add(metadata.blocks().saturating_mul(512));
        if metadata.is_dir() {
            ahead.extend(fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path()));
        }
    }
    size
}
