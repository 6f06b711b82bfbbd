//! Reserves room on the disk for the journal, so that a run that fills the disk can still record how it
//! ended.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::HistoryError;

/// Enough for a hundred records.
const SIZE: usize = 16 << 10;

/// A file that takes up room; removed when this is dropped.
#[derive(Debug)]
pub(super) struct Reserve {
    path: PathBuf,
}

impl Reserve {
    /// Takes the room. Fails on a disk that is full already.
    pub(super) fn take(run: &Path) -> Result<Self, HistoryError> {
        let path = run.join("reserve");
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
        let mut file = file.map_err(HistoryError::create(&path))?;
        let reserve = Self { path };
        // Not zeros, for which some file systems take no room.
        file.write_all(&[b'.'; SIZE]).map_err(HistoryError::write(&reserve.path))?;
        Ok(reserve)
    }
}

impl Drop for Reserve {
    fn drop(&mut self) {
        // What cannot be removed goes with the run's folder.
        let _ = fs::remove_file(&self.path);
    }
}
