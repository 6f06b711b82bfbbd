//! A session: channels between two ends that outlive the connections below them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use super::channels::{Incoming, Outgoing, Violation};
use super::control::{Control, MOST_NUMBERS, Numbers};
use super::frame::{CONTROL, FILES, Frame, Parcel};

/// A writer takes so many bytes at once.
const BATCH: usize = 256 * 1024;

/// How many bytes of a channel may be under way: sent, and not taken at the other end. Both ends have the same.
#[derive(Debug, Clone, Copy)]
pub struct Windows {
    /// For each channel of messages.
    messages: usize,
    /// For the channel of files.
    files: usize,
}

impl Windows {
    /// To the client: a far way, and one link a run.
    pub const CLIENT: Self = Self { messages: 512 * 1024, files: 4 * 1024 * 1024 };
    /// To a conductor: a short way, and many links.
    pub const CONDUCTOR: Self = Self { messages: 256 * 1024, files: 512 * 1024 };

    fn of(self, channel: u16) -> usize {
        if channel == FILES { self.files } else { self.messages }
    }
}

/// Why a session has ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SessionEnd(pub Arc<str>);

/// One end of a session. Clones are the same end.
#[derive(Debug, Clone)]
pub struct Session(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    windows: Windows,
    state: Mutex<State>,
    /// There is something to write.
    written: Notify,
    /// The number of the present connection.
    connection: watch::Sender<u64>,
    end: watch::Sender<Option<SessionEnd>>,
}

#[derive(Debug, Default)]
struct State {
    outgoing: BTreeMap<u16, Outgoing>,
    incoming: BTreeMap<u16, Incoming>,
    wakes: BTreeMap<u16, Wakes>,
    /// The channels that have something to send, in turn.
    ready: VecDeque<u16>,
    /// The channels that something was taken from: the peer may have to learn of it.
    taken: BTreeSet<u16>,
    connection: u64,
}

/// What wakes the two tasks of a channel.
#[derive(Debug, Default, Clone)]
struct Wakes {
    room: Arc<Notify>,
    arrival: Arc<Notify>,
}

/// What a writer has to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Write these bytes.
    Write,
    /// Wait.
    Wait,
    /// Say goodbye.
    Bye(SessionEnd),
    /// Stop: there is a newer connection.
    Stop,
}

impl Session {
    /// Begins a session.
    pub fn new(windows: Windows) -> Self {
        Self(Arc::new(Shared {
            windows,
            state: Mutex::default(),
            written: Notify::new(),
            connection: watch::Sender::new(0),
            end: watch::Sender::new(None),
        }))
    }

    /// Returns the sending side of a channel. One task has it at a time.
    pub fn outlet(&self, channel: u16) -> Outlet {
        let room = Arc::clone(&self.0.state.lock().wakes.entry(channel).or_default().room);
        Outlet { session: self.clone(), channel, room }
    }

    /// Returns the receiving side of a channel. One task has it at a time.
    pub fn inlet(&self, channel: u16) -> Inlet {
        let arrival = Arc::clone(&self.0.state.lock().wakes.entry(channel).or_default().arrival);
        Inlet { session: self.clone(), channel, arrival }
    }

    /// Ends the session, if it has not ended yet. A connection that is there tells the peer why.
    pub fn end(&self, why: &str) {
        self.0.end.send_if_modified(|end| {
            let is_first = end.is_none();
            end.get_or_insert_with(|| SessionEnd(why.into()));
            is_first
        });
        for wakes in self.0.state.lock().wakes.values() {
            wakes.room.notify_one();
            wakes.arrival.notify_one();
        }
        self.0.written.notify_one();
    }

    /// Drops what an ended session has not sent, and files that have come: there is no use for them any more.
    pub(in crate::cluster) fn forget(&self) {
        let mut state = self.0.state.lock();
        state.outgoing.clear();
        state.ready.clear();
        state.incoming.remove(&FILES);
    }

    /// Returns why the session has ended, if it has.
    pub fn why_ended(&self) -> Option<SessionEnd> {
        self.0.end.borrow().clone()
    }

    /// Waits for the end of the session.
    pub async fn ended(&self) -> SessionEnd {
        let mut end = self.0.end.subscribe();
        let found = end.wait_for(Option::is_some).await.ok().and_then(|end| end.clone());
        found.unwrap_or_else(|| SessionEnd("the session is gone".into()))
    }

    /// What has arrived so far.
    pub(super) fn arrived(&self) -> Numbers {
        let state = self.0.state.lock();
        state.incoming.iter().map(|(&channel, incoming)| (channel, incoming.arrived())).collect()
    }

    /// Goes on with a new connection, by what the peer says has arrived there. The one before comes to its end.
    pub(super) fn attach(&self, arrived: &Numbers) -> Result<u64, Violation> {
        let mut state = self.0.state.lock();
        let arrived: BTreeMap<u16, u64> = arrived.iter().copied().collect();
        for (&channel, outgoing) in &mut state.outgoing {
            outgoing.resume(channel, arrived.get(&channel).copied().unwrap_or_default())?;
        }
        let State { outgoing, incoming, ready, taken, .. } = &mut *state;
        incoming.values_mut().for_each(Incoming::resume);
        *taken = incoming.keys().copied().collect();
        *ready = outgoing
            .iter()
            .filter(|(_, outgoing)| outgoing.has_next())
            .map(|(&channel, _)| channel)
            .collect();
        state.connection += 1;
        self.0.connection.send_replace(state.connection);
        Ok(state.connection)
    }

    /// Waits until this connection is not the present one any more.
    pub(super) async fn replaced(&self, connection: u64) {
        // The sender is in `self`, and outlives this.
        let _ = self.0.connection.subscribe().wait_for(|present| *present != connection).await;
    }

    /// Waits until there may be something to write.
    pub(super) async fn written(&self) {
        self.0.written.notified().await;
    }

    /// Takes what is to be written next: acknowledgements first, and then channels in turn.
    pub(super) fn next(&self, connection: u64, into: &mut Vec<u8>) -> Result<Next, serde_json::Error> {
        let mut state = self.0.state.lock();
        if state.connection != connection {
            // The wake-up may have been meant for the other one.
            self.0.written.notify_one();
            return Ok(Next::Stop);
        }
        let windows = self.0.windows;
        let news = state.news(windows);
        if !news.is_empty() {
            Control::Taken(news).frame()?.encode(into);
        }
        while into.len() < BATCH {
            let Some(frame) = state.next_frame() else { break };
            frame.encode(into);
        }
        match (into.is_empty(), self.why_ended()) {
            (false, _) => Ok(Next::Write),
            (true, Some(end)) => Ok(Next::Bye(end)),
            (true, None) => Ok(Next::Wait),
        }
    }

    /// Takes in a frame that a connection has brought.
    pub(super) fn accept(&self, connection: u64, frame: Frame) -> Result<(), Violation> {
        let mut state = self.0.state.lock();
        if state.connection != connection {
            return Ok(());
        }
        let channel = frame.channel;
        let window = self.0.windows.of(channel);
        state.incoming.entry(channel).or_default().accept(frame, window)?;
        state.wakes.entry(channel).or_default().arrival.notify_one();
        Ok(())
    }

    /// Takes in up to where the peer has taken each channel.
    pub(super) fn acknowledge(&self, connection: u64, taken: &Numbers) -> Result<(), Violation> {
        let mut state = self.0.state.lock();
        if state.connection != connection {
            return Ok(());
        }
        for &(channel, number) in taken {
            let outgoing = state.outgoing.get_mut(&channel);
            outgoing.ok_or(Violation::NeverSent { channel, number })?.acknowledge(channel, number)?;
            state.wakes.entry(channel).or_default().room.notify_one();
        }
        Ok(())
    }
}

impl State {
    /// Up to where channels are taken, as far as the peer is to learn it now.
    fn news(&mut self, windows: Windows) -> Numbers {
        let mut news = Vec::new();
        while news.len() < MOST_NUMBERS {
            let Some(channel) = self.taken.pop_first() else { break };
            let incoming = self.incoming.get_mut(&channel);
            news.extend(incoming.and_then(|incoming| Some((channel, incoming.news(windows.of(channel))?))));
        }
        news
    }

    /// The next frame of the channel whose turn it is.
    fn next_frame(&mut self) -> Option<Frame> {
        let channel = self.ready.pop_front()?;
        let outgoing = self.outgoing.get_mut(&channel)?;
        let frame = outgoing.next(channel);
        if outgoing.has_next() {
            self.ready.push_back(channel);
        }
        frame
    }
}

/// The sending side of a channel.
#[derive(Debug)]
pub struct Outlet {
    session: Session,
    channel: u16,
    room: Arc<Notify>,
}

impl Outlet {
    /// Sends a parcel, once there is room for it in the window. After the end of a channel nothing is sent.
    ///
    /// # Errors
    /// If the session has ended.
    pub async fn send(&mut self, parcel: Parcel) -> Result<(), SessionEnd> {
        debug_assert_ne!(self.channel, CONTROL, "the link's own channel has no window");
        let window = self.session.0.windows.of(self.channel);
        loop {
            if let Some(end) = self.session.why_ended() {
                return Err(end);
            }
            {
                let mut state = self.session.0.state.lock();
                let State { outgoing, ready, .. } = &mut *state;
                let outgoing = outgoing.entry(self.channel).or_default();
                if outgoing.has_ended() {
                    return Ok(());
                }
                if outgoing.has_room(window) {
                    let is_idle = !outgoing.has_next();
                    outgoing.push(parcel);
                    if is_idle {
                        ready.push_back(self.channel);
                    }
                    self.session.0.written.notify_one();
                    return Ok(());
                }
            }
            self.room.notified().await;
        }
    }

    /// Waits until the peer has taken everything.
    ///
    /// # Errors
    /// If the session has ended before.
    pub async fn flush(&mut self) -> Result<(), SessionEnd> {
        loop {
            if self.session.0.state.lock().outgoing.get(&self.channel).is_none_or(Outgoing::is_taken) {
                return Ok(());
            }
            if let Some(end) = self.session.why_ended() {
                return Err(end);
            }
            self.room.notified().await;
        }
    }
}

/// The receiving side of a channel.
#[derive(Debug)]
pub struct Inlet {
    session: Session,
    channel: u16,
    arrival: Arc<Notify>,
}

impl Inlet {
    /// Takes the next parcel, once it is there; the peer learns of it.
    ///
    /// # Errors
    /// If the session has ended, and all that had arrived is taken.
    pub async fn recv(&mut self) -> Result<Parcel, SessionEnd> {
        loop {
            let end = self.session.why_ended();
            if let Some(parcel) = self.take() {
                return Ok(parcel);
            }
            if let Some(end) = end {
                return Err(end);
            }
            self.arrival.notified().await;
        }
    }

    fn take(&self) -> Option<Parcel> {
        let mut state = self.session.0.state.lock();
        let parcel = state.incoming.get_mut(&self.channel)?.take()?;
        state.taken.insert(self.channel);
        self.session.0.written.notify_one();
        Some(parcel)
    }
}
