//! What comes in while a gang is conducted: messages of the client, and signals.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tracing::debug;

use super::ConductorEnd;
use crate::cluster::order::message::{FromPod, HaltRecord, ToPod};
use crate::runner::Shutdown;

/// What has come in so far.
pub(super) struct Course {
    inbox: mpsc::Receiver<ToPod>,
    outbox: mpsc::Sender<FromPod>,
    signals: mpsc::UnboundedReceiver<i32>,
    shutdown: Arc<watch::Sender<Shutdown>>,
    /// The client has said that it has everything.
    is_over: bool,
    /// Whether the client is gone.
    gone: watch::Sender<bool>,
    /// The first signal.
    signal: Option<i32>,
}

impl Course {
    pub(super) fn new(
        inbox: mpsc::Receiver<ToPod>,
        outbox: mpsc::Sender<FromPod>,
        signals: mpsc::UnboundedReceiver<i32>,
    ) -> Self {
        let shutdown = Arc::new(watch::channel(Shutdown::None).0);
        Self {
            inbox,
            outbox,
            signals,
            shutdown,
            is_over: false,
            gone: watch::Sender::new(false),
            signal: None,
        }
    }

    /// Returns the end of the gang, as it is called for.
    pub(super) fn shutdown(&self) -> watch::Receiver<Shutdown> {
        self.shutdown.subscribe()
    }

    /// Returns what ends the gang at once, for a report that does not reach the client.
    pub(super) fn stop(&self) -> impl FnOnce() + Send + 'static {
        let shutdown = Arc::clone(&self.shutdown);
        move || escalate(&shutdown, Shutdown::Immediate)
    }

    /// Returns whether the client is gone, from now on.
    pub(super) fn gone(&self) -> watch::Receiver<bool> {
        self.gone.subscribe()
    }

    fn is_gone(&self) -> bool {
        *self.gone.borrow()
    }

    /// Returns the signal that this process has got, if it has.
    pub(super) fn terminated(&self) -> Option<i32> {
        self.signal
    }

    /// Waits for the order; nothing if the client has none, or this process is to end.
    pub(super) async fn order(&mut self) -> Option<serde_json::Value> {
        tokio::select! {
            message = self.inbox.recv() => match message {
                Some(ToPod::Order { order }) => Some(order),
                Some(ToPod::Files { .. } | ToPod::Halt { .. } | ToPod::Over) | None => None,
            },
            Some(_) = self.signals.recv() => None,
        }
    }

    /// Takes what comes next, and waits for ever once nothing can come.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            message = self.inbox.recv(), if !self.is_gone() => match message {
                Some(ToPod::Halt { how: HaltRecord::Graceful }) => self.escalate(Shutdown::Graceful),
                Some(ToPod::Halt { how: HaltRecord::Immediate }) => self.escalate(Shutdown::Immediate),
                Some(ToPod::Over) => {
                    self.is_over = true;
                    // A client that takes nothing more needs no gang either.
                    self.escalate(Shutdown::Immediate);
                }
                Some(ToPod::Order { .. } | ToPod::Files { .. }) => {
                    debug!("conductor: what comes after the order is left out");
                }
                None => {
                    self.gone.send_replace(true);
                    if !self.is_over {
                        debug!("conductor: the client is gone");
                        self.escalate(Shutdown::Immediate);
                    }
                }
            },
            Some(signal) = self.signals.recv() => {
                let how = if self.signal.is_none() { Shutdown::Graceful } else { Shutdown::Immediate };
                self.signal.get_or_insert(signal);
                self.escalate(how);
            }
            else => std::future::pending().await,
        }
    }

    fn escalate(&self, how: Shutdown) {
        escalate(&self.shutdown, how);
    }

    /// Waits until the gang is to end.
    pub(super) async fn until_halted(&mut self) {
        while *self.shutdown.borrow() == Shutdown::None {
            self.next().await;
        }
    }

    /// Waits until the client has taken everything, or is gone.
    pub(super) async fn until_over(&mut self) {
        while !self.is_over && !self.is_gone() {
            self.next().await;
        }
    }

    /// Waits until everything has been told and taken. A client that is gone is told nothing.
    pub(super) async fn until_told(&mut self, mut report: JoinHandle<()>) {
        while !self.is_gone() {
            tokio::select! {
                _ = &mut report => {
                    // If it does not arrive, the client is gone.
                    let _ = self.outbox.send(FromPod::Done).await;
                    return self.until_over().await;
                }
                () = self.next() => {}
            }
        }
        report.abort();
    }

    /// Returns how it has ended.
    pub(super) fn end(&self) -> ConductorEnd {
        if self.is_over { ConductorEnd::Over } else { ConductorEnd::ClientGone }
    }
}

fn escalate(channel: &watch::Sender<Shutdown>, how: Shutdown) {
    channel.send_if_modified(|current| {
        let is_more = how > *current;
        *current = how.max(*current);
        is_more
    });
}
