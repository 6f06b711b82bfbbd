//! Messages of any length over a channel.

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::frame::{Parcel, ParcelKind};
use super::session::{Inlet, Outlet, Session, SessionEnd};

/// The longest message.
pub const MOST_MESSAGE: usize = 64 * 1024 * 1024;
/// How many messages wait on each side of a channel, beside what its window holds.
const WAITING: usize = 1;

/// A channel of messages. It ends for the peer when all senders are dropped.
#[derive(Debug)]
pub struct Messages {
    /// Takes the messages to the peer.
    pub sender: mpsc::Sender<Vec<u8>>,
    /// Has the messages from the peer; it ends when the channel does.
    pub receiver: mpsc::Receiver<Vec<u8>>,
    /// Why it has ended.
    pub end: MessagesEnd,
}

/// Tells why there are no more messages.
#[derive(Debug)]
pub struct MessagesEnd(oneshot::Receiver<Option<String>>);

impl MessagesEnd {
    /// Waits for the end of the messages from the peer. Returns the reason, or nothing if the peer was done.
    pub async fn why(self) -> Option<String> {
        self.0.await.unwrap_or_else(|_| Some("the link is gone".into()))
    }
}

/// Opens a channel for messages, and gives the task that sends them: it has ended when the peer has taken the last one.
pub(in crate::cluster) fn open(
    session: &Session,
    channel: u16,
) -> (Messages, JoinHandle<Result<(), SessionEnd>>) {
    let (sender, outgoing) = mpsc::channel(WAITING);
    let (incoming, receiver) = mpsc::channel(WAITING);
    let (tell, end) = oneshot::channel();
    let sending = tokio::spawn(send(session.outlet(channel), outgoing));
    let inlet = session.inlet(channel);
    tokio::spawn(async move {
        // The end may be of no interest any more.
        let _ = tell.send(receive(inlet, incoming).await);
    });
    (Messages { sender, receiver, end: MessagesEnd(end) }, sending)
}

async fn send(mut outlet: Outlet, mut messages: mpsc::Receiver<Vec<u8>>) -> Result<(), SessionEnd> {
    while let Some(message) = messages.recv().await {
        for parcel in Parcel::of(message) {
            outlet.send(parcel).await?;
        }
    }
    outlet.send(Parcel::end("")).await?;
    outlet.flush().await
}

/// Puts parcels together to messages. Returns why there are no more; nothing if the peer was done.
async fn receive(mut inlet: Inlet, messages: mpsc::Sender<Vec<u8>>) -> Option<String> {
    let mut message = Vec::new();
    loop {
        let parcel = match inlet.recv().await {
            Ok(parcel) => parcel,
            Err(end) => return Some(end.to_string()),
        };
        if parcel.kind == ParcelKind::End {
            return Some(parcel.text()).filter(|why| !why.is_empty());
        }
        if message.len() + parcel.bytes.len() > MOST_MESSAGE {
            return Some(format!("a message has more than {} bytes", MOST_MESSAGE));
        }
        message.extend_from_slice(&parcel.bytes);
        if parcel.kind == ParcelKind::Last {
            // What is of no interest any more is taken all the same: the sender need not wait for that.
            let _ = messages.send(std::mem::take(&mut message)).await;
        }
    }
}
