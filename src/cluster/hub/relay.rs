//! The way of a gang's messages through the hub.
//!
//! What the conductor says is kept in a spool until the client takes it. What the client says waits at the client
//! until the conductor is there: no more of it than a window comes before.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::spool::Spool;
use crate::cluster::link::session::{Inlet, Outlet, Session};
use crate::cluster::link::talk::GANG;
use crate::cluster::link::{Parcel, ParcelKind};

/// After so long a full store is tried again, even if the client has taken nothing.
const FULL: Duration = Duration::from_secs(1);

/// A gang's messages.
#[derive(Debug)]
pub(super) struct Relay {
    gang: String,
    spool: Arc<Mutex<Spool>>,
    /// Something is in the spool.
    filled: Notify,
    /// Something has been taken from it.
    emptied: Notify,
    ends: Mutex<Ends>,
    troubles: mpsc::UnboundedSender<String>,
}

/// The two ends, as they are known so far.
#[derive(Debug, Default)]
struct Ends {
    /// The session with the client, and its channel.
    client: Option<(Session, u16)>,
    conductor: Option<Session>,
}

impl Relay {
    pub(super) fn new(gang: String, folder: PathBuf, troubles: mpsc::UnboundedSender<String>) -> Arc<Self> {
        Arc::new(Self {
            gang,
            spool: Arc::new(Mutex::new(Spool::new(folder))),
            filled: Notify::new(),
            emptied: Notify::new(),
            ends: Mutex::default(),
            troubles,
        })
    }

    /// Joins the client to it. The answer is whether there was none before.
    pub(super) fn open(self: &Arc<Self>, client: &Session, channel: u16) -> bool {
        let mut ends = self.ends.lock();
        if ends.client.is_some() {
            return false;
        }
        ends.client = Some((client.clone(), channel));
        tokio::spawn(Arc::clone(self).deliver(client.outlet(channel)));
        if let Some(conductor) = &ends.conductor {
            tokio::spawn(order(client.inlet(channel), conductor.outlet(GANG)));
        }
        true
    }

    /// Joins a conductor to it. The answer is whether there was none before.
    pub(super) fn join(self: &Arc<Self>, conductor: &Session) -> bool {
        let mut ends = self.ends.lock();
        if ends.conductor.is_some() {
            return false;
        }
        ends.conductor = Some(conductor.clone());
        tokio::spawn(Arc::clone(self).collect(conductor.inlet(GANG)));
        if let Some((client, channel)) = &ends.client {
            tokio::spawn(order(client.inlet(*channel), conductor.outlet(GANG)));
        }
        true
    }

    /// From the conductor to the spool.
    async fn collect(self: Arc<Self>, mut inlet: Inlet) {
        loop {
            let parcel = match inlet.recv().await {
                Ok(parcel) => parcel,
                Err(end) => Parcel::end(&end.to_string()),
            };
            let is_end = parcel.kind == ParcelKind::End;
            self.keep(parcel).await;
            if is_end {
                return;
            }
        }
    }

    /// Keeps a parcel; while the store is full the conductor waits, and the client knows why.
    async fn keep(&self, parcel: Parcel) {
        let mut is_told = false;
        loop {
            let (spool, kept) = (Arc::clone(&self.spool), parcel.clone());
            let done = spawn_blocking(move || spool.lock().push(&kept)).await;
            match done.unwrap_or_else(|error| Err(std::io::Error::other(error))) {
                Ok(()) => return self.filled.notify_one(),
                Err(error) if !is_told => {
                    is_told = true;
                    let gang = &self.gang;
                    // A client that is gone is told nothing.
                    let _ = self
                        .troubles
                        .send(format!("the run's store cannot keep what gang `{gang}` says: {error}"));
                }
                Err(_) => {}
            }
            // Time passes, or room comes about.
            let _ = timeout(FULL, self.emptied.notified()).await;
        }
    }

    /// From the spool to the client.
    async fn deliver(self: Arc<Self>, mut outlet: Outlet) {
        loop {
            let spool = Arc::clone(&self.spool);
            let taken = spawn_blocking(move || spool.lock().pop()).await;
            let parcel = match taken.unwrap_or_else(|error| Err(std::io::Error::other(error))) {
                Ok(Some(parcel)) => parcel,
                Ok(None) => {
                    self.filled.notified().await;
                    continue;
                }
                Err(error) => {
                    Parcel::end(&format!("the hub has lost what gang `{}` said: {error}", self.gang))
                }
            };
            self.emptied.notify_one();
            let is_end = parcel.kind == ParcelKind::End;
            if outlet.send(parcel).await.is_err() || is_end {
                return;
            }
        }
    }
}

/// From the client to the conductor. What comes for a conductor that is gone is dropped.
async fn order(mut inlet: Inlet, mut outlet: Outlet) {
    while let Ok(parcel) = inlet.recv().await {
        let is_end = parcel.kind == ParcelKind::End;
        // The client hears of the end by the other direction.
        let _ = outlet.send(parcel).await;
        if is_end {
            return;
        }
    }
}
