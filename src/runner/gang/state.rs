//! The state of a stream, and what an idle one answers.

use super::live::LiveStream;

/// What there is of a stream in this round.
pub(super) enum StreamState {
    /// Nothing: before the first start and between rounds. An idle stream holds nothing up.
    Idle,
    /// It has a fan-out.
    Live(Box<LiveStream>),
}

impl StreamState {
    /// Answers a question about the stream; an idle one has the same answer at all times.
    fn is(&self, idle: bool, live: impl FnOnce(&LiveStream) -> bool) -> bool {
        match self {
            Self::Idle => idle,
            Self::Live(stream) => live(stream),
        }
    }

    pub(super) fn is_moving(&self) -> bool {
        self.is(false, LiveStream::is_moving)
    }

    pub(super) fn source_ended(&self) -> bool {
        self.is(false, |stream| stream.source_ended)
    }

    pub(super) fn was_leaky(&self) -> bool {
        self.is(false, LiveStream::was_leaky)
    }

    pub(super) fn has_doubts(&self) -> bool {
        self.is(false, LiveStream::has_doubts)
    }

    pub(super) fn has_left(&self, member: usize) -> bool {
        self.is(false, |stream| stream.has_left(member))
    }

    pub(super) fn is_complete(&self) -> bool {
        self.is(true, LiveStream::is_complete)
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.is(true, LiveStream::is_abandoned)
    }

    pub(super) fn is_untouched(&self) -> bool {
        self.is(true, LiveStream::is_untouched)
    }

    pub(super) fn is_judgeable(&self) -> bool {
        self.is(true, LiveStream::is_judgeable)
    }

    pub(super) fn live(&self) -> Option<&LiveStream> {
        match self {
            Self::Idle => None,
            Self::Live(stream) => Some(stream),
        }
    }

    pub(super) fn live_mut(&mut self) -> Option<&mut LiveStream> {
        match self {
            Self::Idle => None,
            Self::Live(stream) => Some(stream),
        }
    }

    /// Stops it where it is; no reader sees an end.
    pub(super) fn halt(&mut self) {
        if let Self::Live(stream) = self {
            stream.halt();
        }
    }

    /// Ends the source: the producer has ended, and whatever still holds the stream open has nothing more to
    /// write.
    pub(super) fn cut(&self) {
        if let Self::Live(stream) = self {
            stream.pipes.fanout.cut();
        }
    }

    /// Returns whether the timer for a producer's leak is still to be set; sets the mark.
    pub(super) fn arm_leak_timer(&mut self) -> bool {
        self.live_mut().is_some_and(|stream| !std::mem::replace(&mut stream.leak_armed, true))
    }
}
