//! Spools: a reader with a store on disk may lag behind the other readers, which do not wait for it.
//!
//! ```text
//!                    splice while there is room
//!   fan-out ──▶ middle pipe ─────────────────────▶ the reader's pipe
//!                    │                                    ▲
//!                    └──────▶ file without a name ────────┘
//!                      while the reader's pipe is full
//! ```
//!
//! A [`Spool`] is one more reader to its fan-out, and the only writer to its reader. Like a fan-out it never
//! ends the stream by itself: the reader sees end-of-file when the middle pipe has ended, which is the
//! fan-out's statement, and all that is on disk has been delivered.

mod file;
mod mover;
#[cfg(test)]
mod tests;

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::{Mutex, MutexGuard};

use self::file::SpillFile;
use self::mover::Mover;
use super::end::SinkEnd;
use super::task::Task;
use super::wake::Wake;
use super::{PipeBudget, PipeShare, StreamError, pipe, set_nonblocking};

/// The counters of a spool.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spooled {
    /// Bytes that the reader has read.
    pub taken: u64,
    /// The most bytes that were on disk at once.
    pub peak: u64,
    /// The reader has closed its end before the stream's.
    pub left: bool,
    /// The reader's pipe is full, and nothing more may be put on disk.
    pub stuck: bool,
    /// The reader has taken all bytes so far.
    pub starved: bool,
}

/// What the thread writes and the handle reads.
struct Books {
    delivered: u64,
    /// The highest number reported as taken so far: it never falls.
    taken: u64,
    on_disk: u64,
    peak: u64,
    end: SinkEnd,
    left: bool,
    stuck: bool,
    _share: PipeShare,
}

/// What the thread and the handle share.
struct Shared {
    books: Mutex<Books>,
    wake: Wake,
    /// How many bytes may be on disk at most.
    limit: AtomicU64,
    dropped: AtomicBool,
}

impl Shared {
    fn new(sink: &Arc<OwnedFd>, limit: u64, budget: &Arc<PipeBudget>) -> io::Result<Self> {
        let books = Books {
            delivered: 0,
            taken: 0,
            on_disk: 0,
            peak: 0,
            end: SinkEnd::Writing(Arc::clone(sink)),
            left: false,
            stuck: false,
            _share: budget.enlarge(sink),
        };
        Ok(Self {
            books: Mutex::new(books),
            wake: Wake::new()?,
            limit: AtomicU64::new(limit),
            dropped: AtomicBool::new(false),
        })
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock()
    }
}

/// The handle to one spool. Dropping it ends the thread and closes the reader's pipe, wherever the stream
/// was: do that only when the reader is dead, or has got all.
pub struct Spool {
    shared: Arc<Shared>,
    /// A duplicate of the middle pipe's reading end would keep the fan-out from seeing that the reader has
    /// left.
    _thread: Task<()>,
}

impl Spool {
    /// Puts a spool before `sink`, the writing end of a reader's pipe, and something to be dropped right
    /// before that. Returns it with the sink for the fan-out. At most `limit` bytes lie on disk, in files
    /// without names in `folder`, which are made when they are needed. If the disk is full or fails, `failed`
    /// is called, and the stream stops.
    pub fn start(
        name: &str,
        (sink, held): (OwnedFd, impl Send + 'static),
        folder: &Path,
        limit: u64,
        budget: &Arc<PipeBudget>,
        failed: impl FnOnce(StreamError) + Send + 'static,
    ) -> Result<(Self, OwnedFd), StreamError> {
        let cannot = |error| StreamError::new(format!("cannot set up the buffer of {name}"), error);
        let (source, middle) = pipe().map_err(cannot)?;
        set_nonblocking(&sink).map_err(cannot)?;
        let sink = Arc::new(sink);
        let shared = Arc::new(Shared::new(&sink, limit, budget).map_err(cannot)?);
        let file = SpillFile::in_folder(folder.to_owned());
        let mover = Mover::new(Arc::clone(&shared), source, sink, file);
        let name = name.to_owned();
        let thread = Task::spawn(format!("buffer {name}"), move || mover.run(&name, held, failed))?;
        Ok((Self { shared, _thread: thread }, middle))
    }

    /// Lifts the limit: all that the reader does not take may go to disk.
    pub fn lift(&self) {
        self.shared.limit.store(u64::MAX, Ordering::Relaxed);
        self.shared.wake.wake();
    }

    /// Returns the counters.
    pub fn state(&self) -> Spooled {
        let mut books = self.shared.books();
        let unread = books.end.unread();
        books.taken = books.taken.max(books.delivered.saturating_sub(unread));
        Spooled {
            taken: books.taken,
            peak: books.peak,
            left: books.left,
            stuck: books.stuck,
            starved: unread == 0 && books.on_disk == 0,
        }
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        self.shared.dropped.store(true, Ordering::Relaxed);
        self.shared.wake.wake();
    }
}
