//! The thread behind a spool.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::pipe::{SpliceFlags, splice};

use super::super::{StreamError, bytes_in};
use super::Shared;
use super::file::SpillFile;

/// More than any pipe holds.
const ALL: usize = 1 << 30;
/// How long the reader's pipe may be full before the disk is used: a reader that is only a little slower is
/// not worth it.
const PATIENCE: Duration = Duration::from_millis(10);

/// The thread's state.
pub(super) struct Mover {
    shared: Arc<Shared>,
    source: OwnedFd,
    sink: Arc<OwnedFd>,
    file: SpillFile,
    /// The middle pipe has ended: the stream is complete.
    ended: bool,
    /// Since when the reader's pipe has been full.
    full_since: Option<Instant>,
}

/// The result of one turn.
enum Turn {
    /// There may be more to do.
    Moved,
    /// Nothing can be done before something changes.
    Idle,
    /// The reader has all of it, or has left.
    Over,
}

impl Mover {
    pub(super) fn new(shared: Arc<Shared>, source: OwnedFd, sink: Arc<OwnedFd>, file: SpillFile) -> Self {
        Self { shared, source, sink, file, ended: false, full_since: None }
    }

    /// Runs until the reader has the whole stream or has left, or the handle is dropped; then drops `held`
    /// and closes the pipe.
    pub(super) fn run(mut self, name: &str, held: impl Send, failed: impl FnOnce(StreamError)) {
        let result = self.work();
        match result {
            Ok(()) => {
                drop(held);
                self.shared.books().end.close();
            }
            Err(Errno::PIPE | Errno::CONNRESET) => {
                let mut books = self.shared.books();
                books.left = true;
                books.end.leave();
            }
            Err(error) => {
                failed(StreamError::new(format!("cannot buffer {name} on disk"), error));
                // The reader must not see end-of-file.
                self.wait_to_be_dropped();
                self.shared.books().end.leave();
            }
        }
    }

    fn work(&mut self) -> Result<(), Errno> {
        while !self.shared.dropped.load(Ordering::Relaxed) {
            let turn = if self.file.length() == 0 { self.pass_on()? } else { self.catch_up()? };
            match turn {
                Turn::Moved => self.full_since = None,
                Turn::Idle => self.wait()?,
                Turn::Over => break,
            }
        }
        Ok(())
    }

    /// Nothing is on disk: bytes go from pipe to pipe.
    fn pass_on(&mut self) -> Result<Turn, Errno> {
        if self.ended {
            return Ok(Turn::Over);
        }
        match splice(&self.source, None, &*self.sink, None, ALL, SpliceFlags::NONBLOCK) {
            Ok(0) => {
                self.ended = true;
                Ok(Turn::Over)
            }
            Ok(bytes) => {
                self.book(bytes as u64);
                Ok(Turn::Moved)
            }
            Err(Errno::AGAIN | Errno::INTR) => match self.full_since {
                Some(since) if since.elapsed() >= PATIENCE => self.spill(),
                Some(_) | None => Ok(Turn::Idle),
            },
            Err(error) => Err(error),
        }
    }

    /// Something is on disk: the reader gets that first, and what comes goes behind it.
    fn catch_up(&mut self) -> Result<Turn, Errno> {
        let went = match self.file.drain(&*self.sink) {
            Ok(bytes) => bytes,
            Err(Errno::AGAIN | Errno::INTR) => 0,
            Err(error) => return Err(error),
        };
        self.book(went);
        match self.spill()? {
            Turn::Idle if went == 0 => Ok(Turn::Idle),
            _ => Ok(Turn::Moved),
        }
    }

    /// Moves bytes from the middle pipe to disk.
    fn spill(&mut self) -> Result<Turn, Errno> {
        let room = self.room();
        if self.ended || room == 0 {
            return Ok(Turn::Idle);
        }
        let turn = match self.file.fill(&self.source, room) {
            Ok(0) => {
                self.ended = true;
                Turn::Idle
            }
            Ok(_) => Turn::Moved,
            Err(Errno::AGAIN | Errno::INTR) => Turn::Idle,
            Err(error) => return Err(error),
        };
        self.book(0);
        Ok(turn)
    }

    /// Returns how many more bytes may go to disk.
    fn room(&self) -> u64 {
        self.shared.limit.load(Ordering::Relaxed).saturating_sub(self.file.length())
    }

    fn holds_nothing(&self) -> bool {
        bytes_in(&self.source).unwrap_or(0) == 0
    }

    fn book(&self, delivered: u64) {
        let mut books = self.shared.books();
        books.delivered += delivered;
        books.on_disk = self.file.length();
        books.peak = books.peak.max(books.on_disk);
    }

    /// Sleeps until there are bytes or room, the reader leaves, or the handle has a command.
    fn wait(&mut self) -> Result<(), Errno> {
        let is_spilled = self.file.length() > 0;
        let is_empty = self.holds_nothing();
        // Noted here and not in the turn, which may have found no bytes: they may have come since.
        let is_full = !is_spilled && !is_empty;
        self.full_since = is_full.then(|| self.full_since.unwrap_or_else(Instant::now));
        let wants_source = !self.ended && if is_spilled { self.room() > 0 } else { is_empty };
        let wants_room = is_spilled || !is_empty;
        let patience = self.full_since.filter(|_| self.room() > 0).map(|since| {
            let left = PATIENCE.saturating_sub(since.elapsed());
            Timespec { tv_sec: 0, tv_nsec: left.subsec_nanos().max(1).into() }
        });
        let flags = |wanted, flags| if wanted { flags } else { PollFlags::empty() };
        self.shared.books().stuck = wants_room && self.room() == 0;
        let mut fds = vec![
            PollFd::new(&self.shared.wake, PollFlags::IN),
            PollFd::new(&*self.sink, flags(wants_room, PollFlags::OUT)),
        ];
        if wants_source {
            fds.push(PollFd::new(&self.source, PollFlags::IN));
        }
        let result = poll(&mut fds, patience.as_ref());
        let seen: Vec<PollFlags> = fds.iter().map(PollFd::revents).collect();
        self.shared.books().stuck = false;
        match result {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
        if seen.first().is_some_and(|wake| !wake.is_empty()) {
            self.shared.wake.clear();
        }
        let has_left = |flags: &PollFlags| flags.intersects(PollFlags::ERR | PollFlags::HUP);
        if seen.get(1).is_some_and(has_left) { Err(Errno::PIPE) } else { Ok(()) }
    }

    fn wait_to_be_dropped(&self) {
        while !self.shared.dropped.load(Ordering::Relaxed) {
            let mut fds = [PollFd::new(&self.shared.wake, PollFlags::IN)];
            if !matches!(poll(&mut fds, None), Ok(_) | Err(Errno::INTR)) {
                return;
            }
            if !self.shared.dropped.load(Ordering::Relaxed) {
                self.shared.wake.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::stream::{PipeBudget, pipe, set_nonblocking};

    /// Bytes come between a turn that has found none and the wait for the next one, and the reader takes nothing.
    #[test]
    fn the_wait_for_a_full_pipe_ends_whenever_the_bytes_have_come() {
        let (source, middle) = pipe().unwrap();
        let (_reader, sink) = pipe().unwrap();
        set_nonblocking(&sink).unwrap();
        while rustix::io::write(&sink, &[0; 4096]).is_ok() {}
        std::fs::File::from(middle).write_all(b"x").unwrap();
        let sink = Arc::new(sink);
        let shared = Shared::new(&sink, 1 << 20, &PipeBudget::with_limit(0)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = SpillFile::in_folder(folder.path().to_owned());
        let mut mover = Mover::new(Arc::new(shared), source, sink, file);
        mover.wait().unwrap();
        assert!(mover.full_since.is_some_and(|since| since.elapsed() >= PATIENCE));
    }
}
