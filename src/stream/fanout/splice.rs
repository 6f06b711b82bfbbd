//! The fast backend: tee(2) and splice(2) pass references to pages from pipe to pipe and copy nothing.
//!
//! tee sees only the head of the source pipe, and a partial tee cannot be resumed: repeating it would repeat
//! bytes. So each sink has a count `ahead`, the bytes past the head that it already has, and is given more
//! only when that is 0. Bytes leave the source by one way only: spliced to the *consumer*, the first of the
//! sinks, and never more than every other sink already has. A consumer that is itself ahead, because it was
//! no consumer when those bytes came, lets them go to /dev/null instead.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::pipe::{SpliceFlags, splice, tee};

use super::super::bytes_in;
use super::sink::{Pass, Sink};
use super::source::Source;

/// More than any pipe holds.
const ALL: usize = 1 << 30;

pub(super) struct Splice {
    /// Where bytes go that every sink has.
    null: OwnedFd,
}

impl Splice {
    pub(super) fn new() -> io::Result<Self> {
        let null = rustix::fs::open("/dev/null", OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self { null })
    }

    /// Gives every sink what it can take now, without waiting.
    pub(super) fn pass(&self, source: &mut Source, sinks: &mut [Sink]) -> Result<Pass, Errno> {
        let Some((consumer, others)) = sinks.split_first_mut() else {
            return Ok(Pass::NeedsSource);
        };
        if source.is_drained() {
            return Ok(Pass::Ended);
        }
        let mut moved = false;
        for sink in others.iter_mut().filter(|sink| sink.ahead == 0) {
            sink.ahead = sink.accept(tee(&source.fd, &sink.fd, source.most(ALL), SpliceFlags::NONBLOCK))?;
            moved |= sink.ahead > 0 || sink.left;
        }
        let stayed = others.iter().filter(|sink| !sink.left);
        let share = stayed.map(|sink| sink.ahead).min().unwrap_or(ALL as u64);
        let gone = self.advance(source, consumer, share)?;
        for sink in others.iter_mut() {
            sink.ahead = sink.ahead.saturating_sub(gone);
        }
        moved |= gone > 0 || consumer.left;
        source.note_progress(sinks);
        if moved { Ok(Pass::Moved) } else { missing(source, sinks, share) }
    }

    /// Takes up to `share` bytes off the source's head, those that all but the consumer have; how many went.
    fn advance(&self, source: &mut Source, consumer: &mut Sink, share: u64) -> Result<u64, Errno> {
        let share = source.most(usize::try_from(share).unwrap_or(ALL));
        if share == 0 {
            return Ok(0);
        }
        let gone = if consumer.ahead == 0 {
            consumer.accept(splice(&source.fd, None, &consumer.fd, None, share, SpliceFlags::NONBLOCK))?
        } else {
            let share = share.min(usize::try_from(consumer.ahead).unwrap_or(ALL));
            let gone = splice(&source.fd, None, &self.null, None, share, SpliceFlags::NONBLOCK)? as u64;
            consumer.ahead = consumer.ahead.saturating_sub(gone);
            gone
        };
        source.head += gone;
        source.drain(gone);
        Ok(gone)
    }
}

/// Returns what a pass without progress lacked. EAGAIN does not say whether the source was empty or the sink
/// full; the number of bytes in the source does.
fn missing(source: &Source, sinks: &mut [Sink], share: u64) -> Result<Pass, Errno> {
    let held = bytes_in(&source.fd).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    if held == 0 {
        return Ok(Pass::NeedsSource);
    }
    if let Some((consumer, others)) = sinks.split_first_mut() {
        consumer.full = share > 0;
        for sink in others {
            sink.full = sink.ahead == 0;
        }
    }
    Ok(Pass::NeedsRoom)
}
