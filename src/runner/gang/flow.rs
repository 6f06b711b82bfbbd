//! One live stream on its way, in one round of its gang.

use std::os::fd::OwnedFd;

use tokio::time::Instant;

use super::keep::{self, Keeping, Whole};
use crate::event::Kept;
use crate::executor::EngineError;
use crate::reaper::Charge;
use crate::stream::{self, Fanout, Keeper, Snapshot, Spool};

/// A stream on its way.
pub(super) struct Flow {
    /// By sink: what lets its reader lag. Dropped first.
    spools: Vec<Option<Spool>>,
    fanout: Fanout,
    /// By sink: the member that reads it. Sinks past these are files.
    pub(super) sinks: Vec<usize>,
    /// Keeps the readers' pipes open if this process is killed, and as long as these are here.
    held: Vec<Charge>,
    /// By sink past the readers': the file. The keeper of one whose pipe was closed early is taken out to be asked why.
    keeping: Vec<Keeping>,
    /// Files that were asked why, and had a good reason.
    pub(super) excused: usize,
    pub(super) since: Instant,
    /// When progress was last told, and the bytes then.
    pub(super) told: (Instant, u64),
    /// Nothing more can come of its source. True as well as long as it has none: a producer that could not start.
    pub(super) source_ended: bool,
    /// The timer for what outlives the producer runs, or has run.
    pub(super) leak_armed: bool,
    halted: bool,
    /// The readers see its end; since when.
    pub(super) closed: Option<Instant>,
    /// It is closed, and its files are whole; they wait for their places until the producer's success is final.
    pub(super) finished: Option<Vec<Whole>>,
    /// The file to show, in its place.
    pub(super) kept: Option<Kept>,
    /// The checksum of all of it, where that was made.
    pub(super) sha256: Option<String>,
}

impl Flow {
    pub(super) fn new(
        fanout: Fanout,
        sinks: Vec<usize>,
        (spools, held): (Vec<Option<Spool>>, Vec<Charge>),
        keeping: Vec<Keeping>,
    ) -> Self {
        let now = Instant::now();
        Self {
            spools,
            fanout,
            sinks,
            held,
            keeping,
            excused: 0,
            since: now,
            told: (now, 0),
            source_ended: true,
            leak_armed: false,
            halted: false,
            closed: None,
            finished: None,
            kept: None,
            sha256: None,
        }
    }

    /// Its counters. After it was closed they still count what the readers take from their pipes.
    pub(super) fn snapshot(&self) -> Snapshot {
        let mut snapshot = self.fanout.snapshot();
        for (sink, spool) in snapshot.sinks.iter_mut().zip(&self.spools) {
            if let Some(state) = spool.as_ref().map(Spool::state) {
                sink.taken = state.taken;
                sink.left |= state.left;
            }
        }
        snapshot
    }

    /// By sink: the most that ever lay on disk for its reader, in bytes.
    pub(super) fn spilled(&self) -> impl Iterator<Item = u64> {
        self.spools.iter().map(|spool| spool.as_ref().map_or(0, |spool| spool.state().peak))
    }

    /// Where a reader that has taken everything waits for one that takes nothing: lets the stream go past that, over disk.
    pub(super) fn relieve(&self) {
        let states: Vec<_> = self.spools.iter().flatten().map(|spool| (spool, spool.state())).collect();
        if states.iter().any(|(_, state)| state.starved && !state.left) {
            states.iter().filter(|(_, state)| state.stuck).for_each(|(spool, _)| spool.lift());
        }
    }

    pub(super) fn is_moving(&self) -> bool {
        self.closed.is_none() && !self.halted
    }

    pub(super) fn engine(&self) -> &'static str {
        self.fanout.engine_name()
    }

    pub(super) fn feed(&mut self, source: OwnedFd) {
        self.source_ended = false;
        self.leak_armed = false;
        self.fanout.feed(source);
    }

    pub(super) fn halt(&mut self) {
        self.halted = true;
        self.fanout.halt();
    }

    pub(super) fn cut(&self) {
        self.fanout.cut();
    }

    /// Lets the readers see the end. Hands out what completes the files; nothing if it was closed before.
    pub(super) fn close(&mut self) -> Option<Vec<Keeper>> {
        if self.closed.is_some() {
            return None;
        }
        self.closed = Some(Instant::now());
        self.held.clear();
        self.fanout.close();
        self.keeping.retain(|keeping| keeping.keeper.is_some());
        Some(self.keeping.iter_mut().filter_map(|keeping| keeping.keeper.take()).collect())
    }

    /// Its files are whole: what each took, in the order of [`close`](Self::close).
    pub(super) fn note_finished(&mut self, kept: Vec<stream::Kept>) {
        let files = std::mem::take(&mut self.keeping).into_iter().zip(kept);
        let files: Vec<Whole> = files.map(|(keeping, kept)| keeping.whole(kept)).collect();
        self.sha256 = keep::checksum(&files);
        self.finished = Some(files);
    }

    /// The producer's success is final: puts the files in their places.
    pub(super) fn commit(&mut self) -> Result<(), EngineError> {
        if let Some(files) = &mut self.finished {
            self.kept = keep::commit(std::mem::take(files))?;
        }
        Ok(())
    }

    /// Takes out what knows why the file behind a sink was closed early; nothing if a reader is behind it.
    pub(super) fn take_left_file(&mut self, sink: usize) -> Option<Keeper> {
        let file = sink.checked_sub(self.sinks.len())?;
        self.keeping.get_mut(file)?.keeper.take()
    }

    /// Whether a file was closed early and it is not known yet why.
    pub(super) fn has_doubts(&self) -> bool {
        let left = self.snapshot().sinks.into_iter().skip(self.sinks.len()).filter(|sink| sink.left);
        left.count() > self.excused
    }

    /// Whether nobody is left to read it.
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
        let sink = self.sinks.iter().position(|&reader| reader == member);
        let snapshot = self.snapshot();
        let sink = sink.and_then(|sink| snapshot.sinks.get(sink));
        Some(self.closed.is_none() || sink.is_some_and(|sink| sink.taken < snapshot.taken))
    }

    /// Whether something else held its source when the producer was gone.
    pub(super) fn was_leaky(&self) -> bool {
        self.fanout.was_held()
    }

    /// Whether this member has left it by itself.
    pub(super) fn has_left(&self, member: usize) -> bool {
        let sink = self.sinks.iter().position(|&reader| reader == member);
        let snapshot = self.snapshot();
        sink.and_then(|sink| snapshot.sinks.get(sink)).is_some_and(|sink| sink.left)
    }
}
