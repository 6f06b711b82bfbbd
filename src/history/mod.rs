//! What stays of a run: the journal and the run directory; and how it is read again.
//!
//! ```text
//! .pipe/                       ignores itself (.gitignore)
//!   runs/20261122-231500-1a2b/ one run; for its owner's eyes only (0700)
//!     events.jsonl             the journal, in the format of `event::wire`
//!     lock                     locked by the run's process as long as it lives
//!     reserve                  room for the journal's end on a full disk; only while the run goes on
//!     logs/STEP.log            what a step wrote, byte for byte, all attempts one after the other
//!     outputs/                 what steps write to `$PIPE_OUTPUT`; only while the run goes on
//!     streams/NAME             streams that were kept
//! ```
//!
//! [`RunDir`] and [`Journal`] write it. [`Runs`] finds the runs of a folder; a [`StoredRun`] tells of one what is asked: a
//! [`Headline`], the whole [`Account`], its events again ([`Replay`]), its logs while they grow ([`Follow`]).

mod account;
mod follow;
mod headline;
mod journal;
mod lines;
mod lock;
mod records;
mod replay;
mod reserve;
mod run_dir;
mod runs;
mod stored;

use std::io;
use std::path::PathBuf;

pub use account::{Account, StepAccount, StreamAccount};
pub use follow::{Follow, LogReader};
pub use headline::Headline;
pub use journal::{Gap, Journal};
pub use records::{Records, Skipped};
pub use replay::Replay;
pub use run_dir::RunDir;
pub use runs::{NoRun, Runs};
pub use stored::{State, StoredRun};

/// The run directory cannot be written, or not be read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// A file or folder cannot be made.
    #[error("cannot create `{}`: {reason}", path.display())]
    Create {
        /// What was to be made.
        path: PathBuf,
        /// Why it was not.
        #[source]
        reason: io::Error,
    },
    /// A file cannot be written to.
    #[error("cannot write to `{}`: {reason}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        reason: io::Error,
    },
    /// A file or folder cannot be read.
    #[error("cannot read `{}`: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        reason: io::Error,
    },
    /// A folder cannot be removed.
    #[error("cannot remove `{}`: {reason}", path.display())]
    Remove {
        /// The folder.
        path: PathBuf,
        /// Why not.
        #[source]
        reason: io::Error,
    },
}

impl HistoryError {
    fn create(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        |reason| Self::Create { path, reason }
    }

    fn write(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        |reason| Self::Write { path, reason }
    }

    fn read(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        |reason| Self::Read { path, reason }
    }
}
