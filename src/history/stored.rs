//! One run, as its directory tells of it.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;

use super::lock::RunLock;
use super::records::{Records, Skipped};
use super::run_dir::{journal_in, log_in, outputs_in, pipes_in};
use super::{Account, Headline, HistoryError, Replay};
use crate::event::wire::{Body, Record};

/// How far into a journal its first time stands at most.
const HEAD: u64 = 128;

/// A run that has a directory: one that goes on, has ended, or has died.
#[derive(Debug, Clone)]
pub struct StoredRun {
    id: String,
    path: PathBuf,
}

/// Where a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Its process lives.
    Running,
    /// Its journal has its end.
    Ended,
    /// Its journal has no end, and nobody lives who could write it.
    Died,
}

impl StoredRun {
    /// The run that has this directory.
    pub(super) fn new(id: String, path: PathBuf) -> Self {
        Self { id, path }
    }

    /// The run's id, which is the directory's name.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// When it began: what its journal begins with, else what its id says, which is local time.
    pub fn began(&self) -> Timestamp {
        let in_journal = || {
            let mut head = Vec::new();
            File::open(journal_in(&self.path)).ok()?.take(HEAD).read_to_end(&mut head).ok()?;
            let head = String::from_utf8_lossy(&head);
            head.split_once(r#""at":""#)?.1.split_once('"')?.0.parse::<Timestamp>().ok()
        };
        let in_id = || {
            let time = jiff::civil::DateTime::strptime("%Y%m%d-%H%M%S", self.id.get(..15)?).ok()?;
            Some(time.to_zoned(jiff::tz::TimeZone::system()).ok()?.timestamp())
        };
        in_journal().or_else(in_id).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// Where a step of this name logs.
    pub fn log_path(&self, step: &str) -> PathBuf {
        log_in(&self.path, step)
    }

    /// Whether the run's process lives; also where nobody can know.
    pub fn is_live(&self) -> bool {
        RunLock::is_held(&self.path)
    }

    /// Its journal, to be read bit by bit.
    pub fn records(&self) -> Records {
        Records::of(&journal_in(&self.path))
    }

    /// What there is of its journal now, with where the run is and what could not be read.
    pub fn read(&self) -> Result<(Vec<Record>, State, Skipped), HistoryError> {
        // First of all: whoever dies after this has not written more than what is read.
        let lives = self.is_live();
        let mut journal = self.records();
        let records = journal.read_new()?;
        let ended = records.iter().any(|record| matches!(record.body, Body::RunFinished { .. }));
        Ok((records, State::of(ended, lives), journal.skipped()))
    }

    /// What a list of runs says of it.
    pub fn headline(&self) -> Result<Headline, HistoryError> {
        Headline::of(self)
    }

    /// Everything that its journal says of it.
    pub fn account(&self) -> Result<Account, HistoryError> {
        let (records, state, skipped) = self.read()?;
        Ok(Account::of(&self.id, &records, state, skipped))
    }

    /// Its events, to be told again.
    pub fn replay(&self) -> Result<Replay, HistoryError> {
        let (records, state, skipped) = self.read()?;
        Ok(Replay::of(self, &records, state, skipped))
    }

    /// How much room its directory takes, in bytes.
    pub fn size(&self) -> u64 {
        size(&self.path)
    }

    /// Removes what is of use only while it lives, and is left where it was killed together with its reaper: named pipes, and
    /// the files that its steps wrote values to. Whether it lives is the caller's to ask.
    pub fn clear(&self) -> Result<(), HistoryError> {
        for folder in [pipes_in(&self.path), outputs_in(&self.path)] {
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                let (path, is_dir) = (entry.path(), entry.file_type().is_ok_and(|kind| kind.is_dir()));
                match if is_dir { fs::remove_dir_all(&path) } else { fs::remove_file(&path) } {
                    Err(reason) if reason.kind() != io::ErrorKind::NotFound => {
                        return Err(HistoryError::Remove { path, reason });
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Removes its directory. Whether it lives is the caller's to ask.
    pub fn remove(&self) -> Result<(), HistoryError> {
        // Nobody finds a part of a run.
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

impl State {
    pub(super) fn of(ended: bool, lives: bool) -> Self {
        match (ended, lives) {
            (true, _) => Self::Ended,
            (false, true) => Self::Running,
            (false, false) => Self::Died,
        }
    }
}

/// What is below a path, as far as it can be seen.
fn size(path: &Path) -> u64 {
    let Ok(metadata) = fs::symlink_metadata(path) else { return 0 };
    let below = match metadata.is_dir() {
        true => fs::read_dir(path).into_iter().flatten().flatten().map(|entry| size(&entry.path())).sum(),
        false => 0,
    };
    metadata.blocks() * 512 + below
}
