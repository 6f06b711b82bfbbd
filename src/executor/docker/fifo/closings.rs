//! Notices when this process and its reaper have closed their end of a named pipe. The runner closes the ends
//! and knows nothing of containers, so the kernel tells: by inotify, one instance for all containers of a
//! run.

use std::collections::HashMap;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// Room for as many events as one read may bring; each has 16 bytes, and no name.
const EVENTS: usize = 4096;

/// The end of a pipe whose closing is awaited.
#[derive(Debug, Clone, Copy)]
pub(super) enum Side {
    /// The container writes, and this side reads.
    Reading,
    /// The container reads, and this side writes.
    Writing,
}

/// Watches named pipes until the first closing of this side's end.
#[derive(Debug)]
pub(in super::super) struct Closings {
    watches: Arc<Watches>,
    /// Ends with this.
    _task: JoinSet<()>,
}

#[derive(Debug)]
struct Watches {
    inotify: AsyncFd<OwnedFd>,
    /// By the number of the watch.
    waiting: Mutex<HashMap<i32, Arc<Notify>>>,
}

impl Closings {
    /// Starts watching. To be called within a runtime.
    ///
    /// # Errors
    /// If the user has no inotify instance left.
    pub(in super::super) fn start() -> io::Result<Self> {
        let inotify = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        // SAFETY: it owns the descriptor, which stays open until it is dropped.
        let inotify = unsafe { AsyncFd::register(inotify) }.map_err(io::Error::from)?;
        let watches = Arc::new(Watches { inotify, waiting: Mutex::default() });
        let mut task = JoinSet::new();
        task.spawn({
            let watches = Arc::clone(&watches);
            async move { drop(watches.serve().await) }
        });
        Ok(Self { watches, _task: task })
    }

    /// Has `closed` notified once the last descriptor of this side of the pipe is closed. One must be open
    /// now.
    ///
    /// # Errors
    /// If the user has no watches left.
    pub(super) fn watch(&self, pipe: &Path, side: Side, closed: &Arc<Notify>) -> io::Result<()> {
        let event = match side {
            Side::Reading => WatchFlags::CLOSE_NOWRITE,
            Side::Writing => WatchFlags::CLOSE_WRITE,
        };
        // The event may come before the watch is in the table.
        let mut waiting = self.watches.waiting.lock();
        let watch = inotify::add_watch(&self.watches.inotify, pipe, event | WatchFlags::ONESHOT)?;
        waiting.insert(watch, Arc::clone(closed));
        Ok(())
    }
}

impl Watches {
    /// Passes events on, for ever.
    async fn serve(&self) -> io::Result<()> {
        loop {
            let mut ready = self.inotify.readable().await?;
            let mut space = [MaybeUninit::uninit(); EVENTS];
            let mut events = Reader::new(self.inotify.get_ref(), &mut space);
            loop {
                match events.next() {
                    Ok(event) => self.notify(event.wd(), event.events()),
                    Err(Errno::INTR) => {}
                    Err(Errno::AGAIN) => break ready.clear_ready(),
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }

    fn notify(&self, watch: i32, event: ReadFlags) {
        let mut waiting = self.waiting.lock();
        if event.contains(ReadFlags::QUEUE_OVERFLOW) {
            // Some event is lost: a late notification blocks a container, an early one costs a few wake-ups.
            waiting.drain().for_each(|(_, closed)| closed.notify_one());
        } else if let Some(closed) = waiting.remove(&watch) {
            closed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{File, OpenOptions};
    use std::time::Duration;

    use rustix::fs::{CWD, FileType, Mode, mknodat};
    use tokio::time::timeout;

    use super::*;

    /// Longer than anything here takes, on the slowest machine.
    const PATIENCE: Duration = Duration::from_secs(30);

    /// A named pipe with both ends open: the reader, the writer.
    fn named_pipe(path: &Path) -> (File, File) {
        mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        let both = OpenOptions::new().read(true).write(true).open(path).unwrap();
        let ends = (File::open(path).unwrap(), OpenOptions::new().write(true).open(path).unwrap());
        drop(both);
        ends
    }

    async fn is_notified(closed: &Notify) -> bool {
        timeout(PATIENCE, closed.notified()).await.is_ok()
    }

    #[tokio::test]
    async fn the_last_closing_of_this_side_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let closings = Closings::start().unwrap();
        for side in [Side::Reading, Side::Writing] {
            let path = folder.path().join(format!("{side:?}"));
            let (reader, writer) = named_pipe(&path);
            let (own, other) = match side {
                Side::Reading => (reader, writer),
                Side::Writing => (writer, reader),
            };
            let closed = Arc::new(Notify::new());
            closings.watch(&path, side, &closed).unwrap();
            let copy = own.try_clone().unwrap();
            drop((own, other));
            // Events come in order: that of a second pipe shows that the first has had none.
            let second = folder.path().join(format!("{side:?} 2"));
            let (reader, _writer) = named_pipe(&second);
            let closed_second = Arc::new(Notify::new());
            closings.watch(&second, Side::Reading, &closed_second).unwrap();
            drop(reader);
            assert!(is_notified(&closed_second).await, "{side:?}");
            assert_eq!(closings.watches.waiting.lock().len(), 1, "{side:?}: a copy is open");
            drop(copy);
            assert!(is_notified(&closed).await, "{side:?}");
        }
    }

    #[tokio::test]
    async fn a_lost_event_notifies_all() {
        let folder = tempfile::tempdir().unwrap();
        let closings = Closings::start().unwrap();
        let path = folder.path().join("pipe");
        let _ends = named_pipe(&path);
        let closed = Arc::new(Notify::new());
        closings.watch(&path, Side::Reading, &closed).unwrap();
        closings.watches.notify(-1, ReadFlags::QUEUE_OVERFLOW);
        assert!(is_notified(&closed).await);
    }
}
