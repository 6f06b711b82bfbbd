//! One live stream, in one round of its gang.

use std::os::fd::OwnedFd;

use tokio::time::Instant;

use super::pipes::ReaderPipes;
use super::sink::{self, FileSink, WholeFile};
use crate::event::KeptFile;
use crate::executor::SystemError;
use crate::stream::{self, Keeper, Snapshot};

/// A stream with a fan-out.
pub(super) struct LiveStream {
    pub(super) pipes: ReaderPipes,
    /// By sink: the member that reads it. Sinks past these are files.
    pub(super) readers: Vec<usize>,
    /// By sink past the readers': the file. The keeper of one whose pipe was closed early is taken out, to
    /// learn why.
    files: Vec<FileSink>,
    /// Files whose pipe was closed early for a good reason.
    pub(super) excused: usize,
    pub(super) since: Instant,
    /// When progress was last sent, and the bytes then.
    pub(super) progress: (Instant, u64),
    /// No more bytes can come from its source. True as well as long as it has none: a producer that could not
    /// start.
    pub(super) source_ended: bool,
    /// The timer for a descriptor that outlives the producer runs, or has run.
    pub(super) leak_armed: bool,
    halted: bool,
    /// When the readers were shown its end.
    pub(super) closed: Option<Instant>,
    /// It is closed, and its files are whole; they wait for their places until the producer's success is
    /// final.
    pub(super) finished: Option<Vec<WholeFile>>,
    /// The file to show, in its place.
    pub(super) kept: Option<KeptFile>,
    /// The checksum of all of it, where one was made.
    pub(super) sha256: Option<String>,
}

impl LiveStream {
    pub(super) fn new(pipes: ReaderPipes, readers: Vec<usize>, files: Vec<FileSink>) -> Self {
        let now = Instant::now();
        Self {
            pipes,
            readers,
            files,
            excused: 0,
            since: now,
            progress: (now, 0),
            source_ended: true,
            leak_armed: false,
            halted: false,
            closed: None,
            finished: None,
            kept: None,
            sha256: None,
        }
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        self.pipes.snapshot()
    }

    pub(super) fn is_moving(&self) -> bool {
        self.closed.is_none() && !self.halted
    }

    pub(super) fn feed(&mut self, source: OwnedFd) {
        self.source_ended = false;
        self.leak_armed = false;
        self.pipes.fanout.feed(source);
    }

    /// Stops it where it is, for good; no reader sees an end.
    pub(super) fn halt(&mut self) {
        self.halted = true;
        self.pipes.fanout.halt();
    }

    /// Lets the readers see the end. Returns what completes the files; nothing if it was closed before.
    pub(super) fn close(&mut self) -> Option<Vec<Keeper>> {
        if self.closed.is_some() {
            return None;
        }
        self.closed = Some(Instant::now());
        self.pipes.close();
        self.files.retain(|file| file.keeper.is_some());
        Some(self.files.iter_mut().filter_map(|file| file.keeper.take()).collect())
    }

    /// Notes that its files are whole, and what each took, in the order of [`close`](Self::close).
    pub(super) fn note_finished(&mut self, kept: Vec<stream::KeptBytes>) {
        let files = std::mem::take(&mut self.files).into_iter().zip(kept);
        let files: Vec<WholeFile> = files.map(|(file, kept)| file.whole(kept)).collect();
        self.sha256 = sink::checksum(&files);
        self.finished = Some(files);
    }

    /// Puts the files in their places, when the producer's success is final.
    pub(super) fn commit(&mut self) -> Result<(), SystemError> {
        if let Some(files) = &mut self.finished {
            self.kept = sink::commit(std::mem::take(files))?;
        }
        Ok(())
    }

    /// Takes out the keeper that knows why the file behind a sink was closed early; nothing if the sink is a
    /// reader's.
    pub(super) fn take_left_file(&mut self, sink: usize) -> Option<Keeper> {
        let file = sink.checked_sub(self.readers.len())?;
        self.files.get_mut(file)?.keeper.take()
    }

    /// Whether a file was closed early and it is not known yet why.
    pub(super) fn has_doubts(&self) -> bool {
        let left = self.snapshot().sinks.into_iter().skip(self.readers.len()).filter(|sink| sink.left);
        left.count() > self.excused
    }

    /// Whether no reader and no file is left.
    pub(super) fn is_abandoned(&self) -> bool {
        self.closed.is_none() && self.snapshot().sinks.iter().all(|sink| sink.left)
    }

    /// Whether not a byte of it has gone out.
    pub(super) fn is_untouched(&self) -> bool {
        self.snapshot().taken == 0
    }

    /// Whether it is known if any of its bytes has gone out, or whether that makes no difference any more.
    pub(super) fn is_judgeable(&self) -> bool {
        self.source_ended || self.halted || self.is_abandoned() || !self.is_untouched()
    }

    /// Whether every reader and every file has all of it, or has left of its own will.
    pub(super) fn is_complete(&self) -> bool {
        self.finished.is_some() || self.is_abandoned()
    }

    /// Whether a member, whose process has ended, has left before the end; nothing as long as that is open.
    pub(super) fn left_early(&self, member: usize) -> Option<bool> {
        if !self.is_complete() && !self.halted {
            return None;
        }
        let sink = self.readers.iter().position(|&reader| reader == member);
        let snapshot = self.snapshot();
        let sink = sink.and_then(|sink| snapshot.sinks.get(sink));
        Some(self.closed.is_none() || sink.is_some_and(|sink| sink.taken < snapshot.taken))
    }

    /// Whether another process still held its source when the producer was gone.
    pub(super) fn was_leaky(&self) -> bool {
        self.pipes.fanout.was_held()
    }

    /// Whether this member has left it by itself.
    pub(super) fn has_left(&self, member: usize) -> bool {
        let sink = self.readers.iter().position(|&reader| reader == member);
        let snapshot = self.snapshot();
        sink.and_then(|sink| snapshot.sinks.get(sink)).is_some_and(|sink| sink.left)
    }
}
