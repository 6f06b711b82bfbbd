//! What stays of a run: the journal and the run directory.
//!
//! ```text
//! .pipe/                       ignores itself (.gitignore)
//!   runs/20261122-231500-1a2b/ one run; for its owner's eyes only (0700)
//!     events.jsonl             the journal, in the format of `event::wire`
//!     logs/STEP.log            what a step wrote, byte for byte, all attempts one after the other
//!     streams/NAME             streams that were kept
//! ```

mod journal;
mod run_dir;

use std::io;
use std::path::PathBuf;

pub use journal::Journal;
pub use run_dir::RunDir;

/// The run directory cannot be written.
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
}
