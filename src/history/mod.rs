//! The history of runs: the run directory and the journal in it, written during a run and read later.
//!
//! ```text
//! .pipe/                       or what `PIPE_DIR` names; ignores itself (.gitignore)
//!   runs/20261122-231500-1a2b/ one run; for its owner's eyes only (0700)
//!     events.jsonl             the journal, in the format of `event::wire`
//!     lock                     locked by the run's process as long as it lives
//!     reserve                  room for the journal's end on a full disk; only while the run goes on
//!     logs/STEP.log            what a step wrote, byte for byte, all attempts one after the other
//!     log-times                when pieces of the logs were written
//!     outputs/                 what steps write to `$PIPE_OUTPUT`; only while the run goes on
//!     streams/NAME             streams that were kept
//! ```
//!
//! [`RunDir`] and [`Journal`] write it. [`Runs`] finds the runs of a folder. A [`StoredRun`] reads one of
//! them: its [`RunSummary`], all its [`RunDetails`], its events ([`Replay`]), its logs while they grow
//! ([`Follow`]).

// A new outcome, failure or event has to be decided on wherever one is matched.
#![cfg_attr(not(test), deny(clippy::wildcard_enum_match_arm, clippy::match_wildcard_for_single_variants))]

mod follow;
mod journal;
mod lines;
mod lock;
mod log_clock;
mod own;
mod records;
mod replay;
mod reserve;
mod run_details;
mod run_dir;
mod run_summary;
mod runs;
mod state;
mod stored;
mod times;

use std::io;
use std::path::PathBuf;

pub use follow::{Follow, LogReader};
pub use journal::{Gap, Journal};
pub use log_clock::{LogAttempt, LogClock};
pub use records::{Records, Skipped};
pub use replay::Replay;
pub use run_details::{RunDetails, StepDetails, StreamDetails};
pub use run_dir::{RunDir, fingerprint_key};
pub use run_summary::RunSummary;
pub use runs::{NoRun, Runs};
pub use state::RunState;
pub use stored::StoredRun;

/// The run directory cannot be written, or not be read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// A file or folder cannot be made.
    #[error("cannot create `{}`: {reason}", path.display())]
    Create {
        /// What was to be made.
        path: PathBuf,
        /// The reason.
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
