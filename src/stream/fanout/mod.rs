//! One source, N sinks: every reader of a stream gets all of its bytes, in order, at the pace of the slowest
//! reader.
//!
//! A [`Fanout`] is the handle to one thread. It is fed with a source, the producer's stdout, and reports what
//! happens to the stream as [`FanoutEvent`]s. It never closes by itself a sink whose reader is still there:
//! the readers see end-of-file only after [`Fanout::close`] or [`Fanout::finish`], once the producer is known
//! to have succeeded.
//!
//! ```text
//!              feed                 tee, splice                close
//!   producer ───────▶ source pipe ───────────────▶ sink pipes ────────▶ readers see end-of-file
//! ```

mod backend;
mod coalescer;
mod copy;
mod counters;
mod mover;
mod sink;
mod source;
#[cfg(target_os = "linux")]
mod splice;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use self::backend::Backend;
use self::coalescer::Coalescer;
use self::counters::{FanoutCounters, SharedCounters};
use self::mover::{FanoutCommand, Mover};
use self::sink::Sink;
use super::task::Task;
use super::wake::Wake;
use super::{PipeBudget, StreamError};

/// How the bytes are moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BackendChoice {
    /// The fastest that works: tee(2) and splice(2) on Linux, read and write where an end is not a pipe, and
    /// on other systems.
    #[default]
    Auto,
    /// tee(2) and splice(2), or a failure. Linux only.
    Splice,
    /// Read and write.
    Copy,
}

/// What has happened to a stream.
#[derive(Debug, Clone, PartialEq)]
pub enum FanoutEvent {
    /// The source has reached its end (or was cut) and every byte of it is in the pipes of the remaining
    /// readers. The sinks stay open: no reader has seen end-of-file.
    SourceEnded {
        /// How many bytes this source had.
        bytes: u64,
    },
    /// This reader has closed its end. Its share of the snapshot is final.
    SinkLeft {
        /// Its position among the sinks that the fan-out was started with.
        sink: usize,
    },
    /// The last reader has left and the source is closed: the producer's next write gets SIGPIPE. Comes after
    /// the last `SinkLeft`, and again for each source that is fed without a reader; no `SourceEnded` follows
    /// for such a source.
    AllLeft,
    /// The backend has failed. Nothing moves any more, as after [`Fanout::halt`]; the sinks stay open.
    Failed(StreamError),
}

/// What a stream has done so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Bytes of the current source, or of the last one, that have reached at least one sink.
    pub taken: u64,
    /// How long the readers have waited for the producer.
    pub starved: Duration,
    /// One for each sink, in the order given at the start.
    pub sinks: Vec<SinkSnapshot>,
}

/// What one reader has done so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SinkSnapshot {
    /// Bytes that the reader has read: those delivered, minus the unread bytes in its pipe. Only Linux can
    /// count the latter; elsewhere these are the bytes delivered.
    pub taken: u64,
    /// How long this reader's full pipe has held up the stream.
    pub blocked: Duration,
    /// It has closed its end, or ended without reading all that was in its pipe.
    pub left: bool,
}

/// A stream from one source at a time to N sinks, moved by a thread of its own.
///
/// Dropping a fan-out stops the thread and closes the sinks, so that the readers see end-of-file wherever the
/// stream was. Do that only when the readers are dead, or after [`Fanout::close`].
pub struct Fanout {
    /// `None` only while being dropped.
    commands: Option<mpsc::Sender<FanoutCommand>>,
    wake: Arc<Wake>,
    counters: SharedCounters,
    /// Whether the thread moves by splice at present.
    splices: Arc<AtomicBool>,
    /// Whether another process still had the source open for writing when it was cut.
    held: Arc<AtomicBool>,
    /// Whether `close` was called.
    closed: AtomicBool,
    thread: Task<()>,
}

impl Fanout {
    /// Starts the thread. `sinks` are the writing ends of the readers' pipes: owned from now on, shared with
    /// no child, enlarged as the budget allows, and watched from the start, so that a reader that leaves
    /// before the first byte is reported too. They have to be close-on-exec: a child that inherits one keeps
    /// its reader from ever seeing end-of-file.
    ///
    /// If the channel of events ends while the fan-out is alive, a bug has ended its thread: treat that as
    /// `Failed`.
    ///
    /// # Errors
    /// If the system has no thread or descriptor left, or `backend` is [`BackendChoice::Splice`] and there is
    /// no splice.
    pub fn start(
        name: &str,
        sinks: Vec<OwnedFd>,
        backend: BackendChoice,
        budget: &Arc<PipeBudget>,
    ) -> Result<(Fanout, UnboundedReceiver<FanoutEvent>), StreamError> {
        let sinks: Vec<_> = sinks.into_iter().map(Arc::new).collect();
        let may_copy = backend == BackendChoice::Auto;
        let backend = Backend::choose(backend, &sinks).map_err(|error| cannot_set_up(name, error))?;
        Self::launch(name, sinks, backend, may_copy, budget)
    }

    fn launch(
        name: &str,
        sinks: Vec<Arc<OwnedFd>>,
        backend: Backend,
        may_copy: bool,
        budget: &Arc<PipeBudget>,
    ) -> Result<(Fanout, UnboundedReceiver<FanoutEvent>), StreamError> {
        let splices = Arc::new(AtomicBool::new(backend.splices()));
        let wake = Arc::new(Wake::new().map_err(|error| cannot_set_up(name, error))?);
        let counters = FanoutCounters::open(sinks.iter().map(|fd| (Arc::clone(fd), budget.enlarge(fd))));
        let held = Arc::new(AtomicBool::new(false));
        let (commands, inbox) = mpsc::channel();
        let (events, outbox) = unbounded_channel();
        let mover = Mover {
            name: name.to_owned(),
            sinks: sinks.into_iter().enumerate().map(|(index, fd)| Sink::new(index, fd)).collect(),
            source: None,
            queue: VecDeque::new(),
            backend,
            may_copy,
            splices: Arc::clone(&splices),
            held: Arc::clone(&held),
            halted: false,
            coalescer: Coalescer::default(),
            inbox,
            wake: Arc::clone(&wake),
            events,
            counters: Arc::clone(&counters),
            budget: Arc::clone(budget),
        };
        let thread = Task::spawn(format!("stream {name}"), move || mover.run())?;
        let closed = AtomicBool::new(false);
        Ok((Fanout { commands: Some(commands), wake, counters, splices, held, closed, thread }, outbox))
    }

    /// Starts to move from a source: the reading end of the producer's stdout, shared with no child. A
    /// further one is for a producer that failed before its first byte (`SourceEnded { bytes: 0 }`) and was
    /// started again: it follows on where the former ended.
    pub fn feed(&self, source: OwnedFd) {
        self.send(FanoutCommand::Feed(source));
    }

    /// The producer has ended, but something else still holds its stdout: delivers what is in the pipe now
    /// and ends the source there. Without a source it does nothing.
    pub fn cut(&self) {
        self.send(FanoutCommand::Cut);
    }

    /// Returns whether a [`cut`](Self::cut) has found the source still open for writing in another process.
    pub fn was_held(&self) -> bool {
        self.held.load(Ordering::Relaxed)
    }

    /// Stops moving at once and for good. Every end stays open: no reader sees end-of-file, and the producer
    /// blocks. No events follow.
    pub fn halt(&self) {
        self.send(FanoutCommand::Halt);
    }

    /// Closes the sinks: the readers see end-of-file once they have read what is in their pipes. Snapshots go
    /// on counting what they take from there.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        self.send(FanoutCommand::Close);
    }

    /// Closes the sinks if [`Fanout::close`] has not, and waits for the thread.
    ///
    /// After `close`, and with all readers ended, the snapshot is exact: bytes still in a pipe were left
    /// unread. Without a `close` before it, readers that are still there are counted as if they had read the
    /// rest.
    pub async fn finish(mut self) -> Snapshot {
        let closed = self.closed.load(Ordering::Relaxed);
        self.send(FanoutCommand::Close);
        // If the thread has panicked, the counters still say how far it came.
        let _ = self.thread.answer().await;
        counters::lock(&self.counters).settle(!closed)
    }

    /// Returns the counters; cheap enough for ten calls a second.
    pub fn snapshot(&self) -> Snapshot {
        counters::lock(&self.counters).snapshot()
    }

    /// Returns how the bytes are moved at present: `splice` or `copy`.
    pub fn backend_name(&self) -> &'static str {
        if self.splices.load(Ordering::Relaxed) { "splice" } else { "copy" }
    }

    fn send(&self, command: FanoutCommand) {
        if let Some(commands) = &self.commands {
            // The thread may have ended.
            let _ = commands.send(command);
            self.wake.wake();
        }
    }
}

fn cannot_set_up(name: &str, error: io::Error) -> StreamError {
    StreamError::new(format!("cannot set up stream `{name}`"), error)
}

impl Drop for Fanout {
    fn drop(&mut self) {
        self.commands = None;
        self.wake.wake();
    }
}
