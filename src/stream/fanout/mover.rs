//! The thread behind a fan-out: it takes commands, lets the engine move what can be moved, and sleeps in `poll`.

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
use super::engine::Mechanism;
use super::ledger::{self, SharedLedger};
use super::sink::{Pass, Sink};
use super::source::Source;
use super::trickle::Trickle;
use super::{FanoutEvent, PipeBudget, StreamError};

/// What the handle asks of the thread.
pub(super) enum Command {
    Feed(OwnedFd),
    Cut,
    Halt,
    Close,
}

/// What a poll has shown.
struct Seen {
    woken: bool,
    sinks: Vec<PollFlags>,
    source: PollFlags,
}

/// The thread's state.
pub(super) struct Mover {
    pub(super) name: String,
    /// Those who have not left.
    pub(super) sinks: Vec<Sink>,
    pub(super) source: Option<Source>,
    /// Sources that were fed before the present one had ended.
    pub(super) queue: VecDeque<OwnedFd>,
    pub(super) mechanism: Mechanism,
    /// Whether to copy where the kernel refuses to splice.
    pub(super) may_copy: bool,
    pub(super) splices: Arc<AtomicBool>,
    pub(super) held: Arc<AtomicBool>,
    pub(super) halted: bool,
    pub(super) trickle: Trickle,
    pub(super) inbox: mpsc::Receiver<Command>,
    pub(super) wake: Arc<Wake>,
    pub(super) events: UnboundedSender<FanoutEvent>,
    pub(super) ledger: SharedLedger,
    pub(super) budget: Arc<PipeBudget>,
}

impl Mover {
    /// Works until the handle closes the stream or is dropped; then closes the sinks.
    pub(super) fn run(mut self) {
        while self.obey() {
            if let Err(error) = self.turn() {
                self.halted = true;
                let what = format!("cannot move the bytes of stream `{}`", self.name);
                self.report(FanoutEvent::Failed(StreamError::new(what, error)));
            }
        }
        ledger::lock(&self.ledger).close();
    }

    /// Does what the handle has asked for since; whether to go on.
    fn obey(&mut self) -> bool {
        loop {
            let command = if self.halted {
                // Nothing else can happen: sleep here, and spend no descriptor on it.
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
                Command::Feed(fd) => {
                    self.queue.push_back(fd);
                    self.next_source();
                }
                Command::Cut => self.cut(),
                Command::Halt => self.halted = true,
                Command::Close => return false,
            }
        }
    }

    fn cut(&mut self) {
        let Some(source) = &mut self.source else { return };
        if is_held(&source.fd) {
            self.held.store(true, Ordering::Relaxed);
        }
        if source.end_here().is_err() {
            // It cannot say what it holds, so it holds nothing that was promised.
            source.left = Some(0);
        }
    }

    /// Turns to the source that waits, if none is at work.
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
        // Harmless to splice, needed to copy; where it is refused, reads follow a poll anyway.
        let _ = set_nonblocking(&fd);
        self.source = Some(Source::new(fd, &self.budget));
    }

    /// Moves what can be moved now, or waits for what is missing.
    fn turn(&mut self) -> io::Result<()> {
        let Some(source) = &mut self.source else {
            return self.wait(false);
        };
        let pass = match self.mechanism.pass(source, &mut self.sinks) {
            Err(Errno::INVAL | Errno::NOSYS | Errno::PERM) if self.may_copy && self.mechanism.splices() => {
                self.fall_back()?;
                Pass::Moved
            }
            pass => pass?,
        };
        self.book();
        self.dismiss();
        match pass {
            Pass::Moved => self.let_gather(),
            Pass::NeedsSource => self.wait(true),
            Pass::NeedsRoom => self.wait(false),
            Pass::Ended => {
                self.end_source();
                Ok(())
            }
        }
    }

    /// Goes on by read and write. What the splicing has not yet taken off the head is still in the source, so this is
    /// safe at any point.
    fn fall_back(&mut self) -> io::Result<()> {
        self.mechanism = Mechanism::copy(self.sinks.iter().map(|sink| &sink.fd))?;
        self.splices.store(false, Ordering::Relaxed);
        Ok(())
    }

    fn book(&self) {
        let mut ledger = ledger::lock(&self.ledger);
        ledger.taken = self.source.as_ref().map_or(ledger.taken, |source| source.taken);
        for sink in &self.sinks {
            ledger.deliver(sink.index, sink.delivered);
        }
    }

    /// Parts with the readers that have left. The first of those who stay is the next consumer.
    fn dismiss(&mut self) {
        if !self.sinks.iter().any(|sink| sink.left) {
            return;
        }
        for sink in self.sinks.extract_if(.., |sink| sink.left) {
            ledger::lock(&self.ledger).leave(sink.index);
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

    /// Lets small pieces gather. Nothing but a command interrupts it.
    fn let_gather(&mut self) -> io::Result<()> {
        let taken = self.source.as_ref().map_or(0, |source| source.taken);
        if !self.trickle.advises_nap(taken) {
            return Ok(());
        }
        let length = Timespec { tv_sec: 0, tv_nsec: Trickle::NAP.subsec_nanos().into() };
        match poll(&mut [PollFd::new(&*self.wake, PollFlags::IN)], Some(&length)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Sleeps until the source has something (if that is what is missing), a full sink has room, a reader leaves, or
    /// the handle has a command.
    fn wait(&mut self, for_source: bool) -> io::Result<()> {
        let full = self.sinks.iter().filter(|sink| sink.full);
        let full = full.map(|sink| sink.index).collect();
        ledger::lock(&self.ledger).pause(for_source && self.source.is_some(), full);
        let seen = self.look(for_source);
        let length = ledger::lock(&self.ledger).resume();
        if for_source {
            self.trickle.waited(length);
        }

        let seen = seen?;
        if seen.woken {
            self.wake.clear();
        }
        for (sink, seen) in self.sinks.iter_mut().zip(seen.sinks) {
            sink.full = false;
            sink.left |= seen.intersects(PollFlags::ERR | PollFlags::HUP);
        }
        self.dismiss();
        // Nobody can write to the pipe any more: what is in it now is the rest. A read would find out by itself.
        if let Some(source) = &mut self.source
            && self.mechanism.splices()
            && seen.source.contains(PollFlags::HUP)
        {
            source.end_here()?;
        }
        Ok(())
    }

    /// Polls everything that matters now. The sinks are always among it: that is how a reader's leaving shows.
    fn look(&self, for_source: bool) -> io::Result<Seen> {
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
        Ok(Seen {
            woken: seen.next().is_some_and(|wake| !wake.is_empty()),
            sinks: seen.by_ref().take(self.sinks.len()).collect(),
            source: seen.next().unwrap_or(PollFlags::empty()),
        })
    }

    fn report(&self, event: FanoutEvent) {
        // Whoever does not listen does not care.
        let _ = self.events.send(event);
    }
}
