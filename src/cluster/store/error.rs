//! Why files do not get to the store or from it.

use std::io;
use std::path::PathBuf;

use crate::cluster::link::session::SessionEnd;

/// Why files were not put into the store, or not fetched from it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file of this end cannot be read or written.
    #[error("{0}")]
    Disk(#[source] io::Error),
    /// A file that was to be put into the store cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The hub could not keep a file.
    #[error("the hub cannot keep {}: {why}", path.display())]
    Unstored {
        /// The file.
        path: PathBuf,
        /// What the hub says.
        why: String,
    },
    /// The hub does not have a file.
    #[error("the hub cannot send the file {hash}: {why}")]
    Lacking {
        /// Its hash.
        hash: String,
        /// What the hub says.
        why: String,
    },
    /// What came is not what was asked for.
    #[error("the peer sends something else than the file that was asked for")]
    Confused,
    /// The link has ended.
    #[error(transparent)]
    Ended(#[from] SessionEnd),
}
