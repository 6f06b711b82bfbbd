//! What a session knows of its channels: what is sent, what has arrived, what may be sent. Without any I/O.

use std::collections::VecDeque;

use super::frame::{Frame, MOST_PAYLOAD, Parcel, ParcelKind};

/// What a parcel costs beside its bytes, so that a window of empty parcels is bounded too.
const OVERHEAD: usize = 64;

fn cost(parcel: &Parcel) -> usize {
    parcel.bytes.len() + OVERHEAD
}

/// A peer does what the protocol forbids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A number was left out.
    #[error("parcel {found} of channel {channel} came after parcel {last}")]
    Gap {
        /// The channel.
        channel: u16,
        /// The last number that had arrived.
        last: u64,
        /// The one that came.
        found: u64,
    },
    /// More was sent than was allowed.
    #[error("channel {0} was sent more than its window")]
    Flood(u16),
    /// Something was sent after the end.
    #[error("channel {0} goes on after its end")]
    AfterEnd(u16),
    /// A parcel was acknowledged that was never sent.
    #[error("parcel {number} of channel {channel} is acknowledged and was never sent")]
    NeverSent {
        /// The channel.
        channel: u16,
        /// The number.
        number: u64,
    },
    /// A session is resumed by an end that has not all that it had.
    #[error("the peer has lost what it had of channel {0}")]
    Forgotten(u16),
}

/// The sending side of a channel.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    /// How many parcels there have been.
    count: u64,
    /// Those that the peer has not taken yet: the last ones.
    untaken: VecDeque<Parcel>,
    /// How many of these are sent on the present connection, or have arrived on one before.
    sent: usize,
    cost: usize,
    has_ended: bool,
}

impl Outgoing {
    /// Whether another parcel fits into the window. One of any size does if nothing else is on its way.
    pub(super) fn has_room(&self, window: usize) -> bool {
        self.cost < window
    }

    pub(super) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Whether the peer has taken all of it.
    pub(super) fn is_taken(&self) -> bool {
        self.untaken.is_empty()
    }

    pub(super) fn push(&mut self, parcel: Parcel) {
        self.count += 1;
        self.cost += cost(&parcel);
        self.has_ended = parcel.kind == ParcelKind::End;
        self.untaken.push_back(parcel);
    }

    /// The number of the last parcel that the peer has taken.
    fn taken(&self) -> u64 {
        self.count - self.untaken.len() as u64
    }

    /// Whether there is a frame to send.
    pub(super) fn has_next(&self) -> bool {
        self.sent < self.untaken.len()
    }

    /// The next frame to send.
    pub(super) fn next(&mut self, channel: u16) -> Option<Frame> {
        let parcel = self.untaken.get(self.sent)?.clone();
        self.sent += 1;
        Some(Frame { channel, number: self.taken() + self.sent as u64, parcel })
    }

    /// The peer has taken all up to this number.
    pub(super) fn acknowledge(&mut self, channel: u16, number: u64) -> Result<(), Violation> {
        if number > self.taken() + self.sent as u64 {
            return Err(Violation::NeverSent { channel, number });
        }
        while self.taken() < number {
            let Some(parcel) = self.untaken.pop_front() else { break };
            self.cost -= cost(&parcel);
            self.sent = self.sent.saturating_sub(1);
        }
        Ok(())
    }

    /// A new connection begins, and up to this number all has arrived before: the rest is sent again.
    pub(super) fn resume(&mut self, channel: u16, arrived: u64) -> Result<(), Violation> {
        let before = arrived.checked_sub(self.taken()).ok_or(Violation::Forgotten(channel))?;
        let before = usize::try_from(before).unwrap_or(usize::MAX);
        if before > self.untaken.len() {
            return Err(Violation::NeverSent { channel, number: arrived });
        }
        self.sent = before;
        Ok(())
    }
}

/// The receiving side of a channel.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    /// The number of the last parcel that has arrived.
    arrived: u64,
    /// Parcels that are not taken yet: the last ones.
    waiting: VecDeque<Parcel>,
    cost: usize,
    has_ended: bool,
    /// The number that the peer was last told.
    told: u64,
}

impl Incoming {
    pub(super) fn arrived(&self) -> u64 {
        self.arrived
    }

    /// Takes a parcel that has come in; one that had arrived before is passed over.
    pub(super) fn accept(&mut self, frame: Frame, window: usize) -> Result<(), Violation> {
        let (channel, found) = (frame.channel, frame.number);
        if found <= self.arrived {
            return Ok(());
        }
        if found != self.arrived + 1 {
            return Err(Violation::Gap { channel, last: self.arrived, found });
        }
        if self.has_ended {
            return Err(Violation::AfterEnd(channel));
        }
        self.cost += cost(&frame.parcel);
        // The last parcel that fits may go beyond the window.
        if self.cost > window + MOST_PAYLOAD + OVERHEAD {
            return Err(Violation::Flood(channel));
        }
        self.arrived = found;
        self.has_ended = frame.parcel.kind == ParcelKind::End;
        self.waiting.push_back(frame.parcel);
        Ok(())
    }

    pub(super) fn take(&mut self) -> Option<Parcel> {
        let parcel = self.waiting.pop_front()?;
        self.cost -= cost(&parcel);
        Some(parcel)
    }

    /// Up to where all is taken, if the peer is to learn it now: once much of the window is used, or all is taken.
    pub(super) fn news(&mut self, window: usize) -> Option<u64> {
        let taken = self.arrived - self.waiting.len() as u64;
        let is_worth_it = self.waiting.is_empty() || self.cost < window / 2;
        (taken > self.told && is_worth_it).then(|| {
            self.told = taken;
            taken
        })
    }

    /// A new connection begins: what was said last may not have arrived.
    pub(super) fn resume(&mut self) {
        self.told = 0;
    }
}

#[cfg(test)]
mod tests;
