//! The client's end of the link.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;

use super::call::{Call, Caller, Part};
use super::error::LinkError;
use super::message::{self, Messages};
use super::session::{SessionEnd, Windows};
use super::talk::{self, Talk};
use crate::cluster::store::{Exchange, FileHash, Manifest, Sent, StoreError};

/// The first channel that a gang gets.
const FIRST_GANG: u16 = 16;

/// The client of a run, as long as it is linked to the run's hub. Dropping it without [`over`](Self::over) is what
/// being killed is: the hub ends when the lease does.
#[derive(Debug)]
pub struct ClientLink {
    call: Call,
    talk: mpsc::Sender<Vec<u8>>,
    store: Exchange,
    next: AtomicU16,
}

impl ClientLink {
    /// Connects to the hub. From then on a task connects again whenever a connection breaks, until the hub has been
    /// silent for the lease. What is wrong with the run, in the hub's words, comes by the receiver.
    ///
    /// # Errors
    /// If no connection comes about in time, or the hub does not take this client.
    pub async fn connect(caller: Caller) -> Result<(Self, mpsc::UnboundedReceiver<String>), LinkError> {
        let part = Part { windows: Windows::CLIENT, gang: None, share: 1, peer: "the helper image" };
        let call = Call::start(caller, part).await?;
        let (talk, store, troubles) = call.talk();
        let next = AtomicU16::new(FIRST_GANG);
        Ok((Self { call, talk, store, next }, troubles))
    }

    /// Returns the run's lease.
    pub fn lease(&self) -> Duration {
        self.call.lease
    }

    /// Opens the channel to a gang's conductor, which need not be there yet. A retry is another gang, with another
    /// name.
    ///
    /// # Errors
    /// If the link has ended, or the run has had more gangs than there are channels.
    pub async fn gang(&self, name: &str) -> Result<Messages, SessionEnd> {
        let next = self.next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |next| next.checked_add(1));
        let channel =
            next.map_err(|_| SessionEnd("the run has more gangs than its link has channels".into()))?;
        self.say(&Talk::Open { channel, gang: name.to_owned() }).await?;
        Ok(message::open(&self.call.session, channel).0)
    }

    async fn say(&self, talk: &Talk) -> Result<(), SessionEnd> {
        match self.talk.send(talk.encode()).await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.call.session.ended().await),
        }
    }

    /// Puts files into the hub's store, each one that it lacks once.
    ///
    /// # Errors
    /// If a file cannot be read, the hub cannot keep one, or the link has ended.
    pub async fn put(&self, files: Vec<(FileHash, PathBuf)>) -> Result<Sent, StoreError> {
        self.store.put(files).await
    }

    /// Lays a manifest out below a folder, with files from the hub's store. Each file gets its name once it is whole.
    ///
    /// # Errors
    /// If the hub lacks a file, a path leads out of the folder, a file cannot be written, or the link has ended.
    pub async fn fetch(&self, manifest: Manifest, folder: PathBuf) -> Result<(), StoreError> {
        self.store.fetch(manifest, folder).await
    }

    /// Waits for the end of the link, and returns why it has ended.
    pub async fn ended(&self) -> SessionEnd {
        self.call.session.ended().await
    }

    /// Tells the hub that the run is over, and waits until the hub ends.
    ///
    /// # Errors
    /// If the link has ended before.
    pub async fn over(self) -> Result<(), SessionEnd> {
        self.say(&Talk::Over).await?;
        let end = self.call.session.ended().await;
        if *end.0 == *talk::OVER { Ok(()) } else { Err(end) }
    }
}
