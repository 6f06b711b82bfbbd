//! The thread behind a fan-out: it takes commands, moves what its backend can move, and sleeps in `poll`.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use tokio::sync::mpsc::UnboundedSender;

use super::super::wake::Wake;
use super::super::{is_held, set_nonblocking};
use super::backend::Backend;
use super::coalescer::Coalescer;
use super::counters::{self, SharedCounters};
use super::sink::{Pass, Sink};
use super::source::Source;
use super::{FanoutEvent, PipeBudget, StreamError};

/// A command from the handle to the thread.
pub(super) enum FanoutCommand {
    Feed(OwnedFd),
    Cut,
    Halt,
    Close,
}

/// The result of a poll.
struct Readiness {
    woken: bool,
    sinks: Vec<PollFlags>,
    source: PollFlags,
}

/// The thread's state.
pub(super) struct Mover {
    pub(super) name: String,
    /// The sinks whose readers have not left.
    pub(super) sinks: Vec<Sink>,
    pub(super) source: Option<Source>,
    /// Sources that were fed before the current one had ended.
    pub(super) queue: VecDeque<OwnedFd>,
    pub(super) backend: Backend,
    /// Whether to copy where the kernel refuses to splice.
    pub(super) may_copy: bool,
    pub(super) splices: Arc<AtomicBool>,
    pub(super) held: Arc<AtomicBool>,
    pub(super) halted: bool,
    pub(super) coalescer: Coalescer,
    pub(super) inbox: mpsc::Receiver<FanoutCommand>,
    pub(super) wake: Arc<Wake>,
    pub(super) events: UnboundedSender<FanoutEvent>,
    pub(super) counters: SharedCounters,
    pub(super) budget: Arc<PipeBudget>,
}

impl Mover {
    /// Runs until the handle closes the stream or is dropped, then closes the sinks.
    pub(super) fn run(mut self) {
        while self.drain_commands() {
            if let Err(error) = self.step() {
                self.halted = true;
                let what = format!("cannot move the bytes of stream `{}`", self.name);
                self.report(FanoutEvent::Failed(StreamError::new(what, error)));
            }
        }
        counters::lock(&self.counters).close();
    }

    /// Carries out the commands that have arrived. Returns false once the thread has to end.
    fn drain_commands(&mut self) -> bool {
        loop {
            let command = if self.halted {
                // Nothing else can happen, so sleep on the channel.
                match self.inbox.recv() {
                    Ok(command) => command,
                    Err(mpsc::RecvError) => return false,
                }
            } else {
                match self.inbox.try_recv() {
                    Ok(command) => command,
                    Err(mpsc::TryRecvError::Empty) => return true,
                    Err(mpsc::TryRecvError::Disconnected) => return false,
                }
            };
            match command {
                FanoutCommand::Feed(fd) => {
                    self.queue.push_back(fd);
                    self.next_source();
                }
                FanoutCommand::Cut => self.cut(),
                FanoutCommand::Halt => self.halted = true,
                FanoutCommand::Close => return false,
            }
        }
    }

    fn cut(&mut self) {
        let Some(source) = &mut self.source else { return };
        if is_held(&source.fd) {
            self.held.store(true, Ordering::Relaxed);
        }
        if source.end_here().is_err() {
            // Without a byte count no byte of it can be delivered for certain.
            source.left = Some(0);
        }
    }

    /// Starts with the next source in the queue, if there is no current one.
    fn next_source(&mut self) {
        if self.source.is_some() {
            return;
        }
        let Some(fd) = self.queue.pop_front() else { return };
        if self.sinks.is_empty() {
            drop(fd);
            self.report(FanoutEvent::AllLeft);
            return;
        }
        // `copy` needs it, `splice` does not mind it. Where it fails, each read follows a poll anyway.
        let _ = set_nonblocking(&fd);
        self.source = Some(Source::new(fd, &self.budget));
    }

    /// Moves what can be moved now, or waits for the source or for room.
    fn step(&mut self) -> io::Result<()> {
        let Some(source) = &mut self.source else {
            return self.wait(false);
        };
        let pass = match self.backend.pass(source, &mut self.sinks) {
            Err(Errno::INVAL | Errno::NOSYS | Errno::PERM) if self.may_copy && self.backend.splices() => {
                self.fall_back()?;
                Pass::Moved
            }
            pass => pass?,
        };
        self.record();
        self.drop_closed();
        match pass {
            Pass::Moved => self.coalesce(),
            Pass::NeedsSource => self.wait(true),
            Pass::NeedsRoom => self.wait(false),
            Pass::Ended => {
                self.end_source();
                Ok(())
            }
        }
    }

    /// Continues by read and write. This is safe at any point: bytes that not every sink has are still in the
    /// source.
    fn fall_back(&mut self) -> io::Result<()> {
        self.backend = Backend::copy(self.sinks.iter().map(|sink| &sink.fd))?;
        self.splices.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// Copies the progress of the source and the sinks into the counters.
    fn record(&self) {
        let mut counters = counters::lock(&self.counters);
        counters.taken = self.source.as_ref().map_or(counters.taken, |source| source.taken);
        for sink in &self.sinks {
            counters.deliver(sink.index, sink.delivered);
        }
    }

    /// Drops the sinks whose readers have left. The first of the others becomes the consumer.
    fn drop_closed(&mut self) {
        if !self.sinks.iter().any(|sink| sink.left) {
            return;
        }
        for sink in self.sinks.extract_if(.., |sink| sink.left) {
            counters::lock(&self.counters).leave(sink.index);
            let _ = self.events.send(FanoutEvent::SinkLeft { sink: sink.index });
        }
        if self.sinks.is_empty() {
            self.source = None;
            self.queue.clear();
            self.report(FanoutEvent::AllLeft);
        }
    }

    fn end_source(&mut self) {
        if let Some(source) = self.source.take() {
            let bytes = source.taken;
            drop(source);
            self.report(FanoutEvent::SourceEnded { bytes });
        }
        self.next_source();
    }

    /// Waits for small pieces to accumulate. Only a command ends the wait early.
    fn coalesce(&mut self) -> io::Result<()> {
        let taken = self.source.as_ref().map_or(0, |source| source.taken);
        if !self.coalescer.should_wait(taken) {
            return Ok(());
        }
        let length = Timespec { tv_sec: 0, tv_nsec: Coalescer::WINDOW.subsec_nanos().into() };
        match poll(&mut [PollFd::new(&*self.wake, PollFlags::IN)], Some(&length)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Sleeps until a full sink has room, a reader leaves, a command arrives, or, with `for_source`, the
    /// source has bytes.
    fn wait(&mut self, for_source: bool) -> io::Result<()> {
        let full = self.sinks.iter().filter(|sink| sink.full);
        let full = full.map(|sink| sink.index).collect();
        counters::lock(&self.counters).pause(for_source && self.source.is_some(), full);
        let seen = self.poll_ends(for_source);
        let length = counters::lock(&self.counters).resume();
        if for_source {
            self.coalescer.waited(length);
        }

        let seen = seen?;
        if seen.woken {
            self.wake.clear();
        }
        for (sink, seen) in self.sinks.iter_mut().zip(seen.sinks) {
            sink.full = false;
            sink.left |= seen.intersects(PollFlags::ERR | PollFlags::HUP);
        }
        self.drop_closed();
        // The last writer has closed the pipe, so it holds the rest. (A read returns 0 by itself; a splice
        // needs the count.)
        if let Some(source) = &mut self.source
            && self.backend.splices()
            && seen.source.contains(PollFlags::HUP)
        {
            source.end_here()?;
        }
        Ok(())
    }

    /// Polls the wake-up, the sinks and, with `for_source`, the source. A reader that leaves shows as an
    /// error on its sink.
    fn poll_ends(&self, for_source: bool) -> io::Result<Readiness> {
        let mut fds = vec![PollFd::new(&*self.wake, PollFlags::IN)];
        let room = |sink: &Sink| {
            if sink.full { PollFlags::OUT } else { PollFlags::empty() }
        };
        fds.extend(self.sinks.iter().map(|sink| PollFd::new(&*sink.fd, room(sink))));
        let source = self.source.as_ref().filter(|_| for_source);
        fds.extend(source.map(|source| PollFd::new(&source.fd, PollFlags::IN)));
        match poll(&mut fds, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut seen = fds.iter().map(PollFd::revents);
        Ok(Readiness {
            woken: seen.next().is_some_and(|wake| !wake.is_empty()),
            sinks: seen.by_ref().take(self.sinks.len()).collect(),
            source: seen.next().unwrap_or(PollFlags::empty()),
        })
    }

    fn report(&self, event: FanoutEvent) {
        // The receiver may be gone.
        let _ = self.events.send(event);
    }
}
