//! A conductor's end of the link.

use std::path::PathBuf;

use tokio::task::JoinHandle;

use super::call::{Call, Caller, Part};
use super::error::LinkError;
use super::message::{self, Messages};
use super::session::{SessionEnd, Windows};
use super::talk::GANG;
use crate::cluster::store::{Exchange, FileHash, Manifest, Sent, StoreError};

/// The conductor of a gang, as long as it is linked to the run's hub.
#[derive(Debug)]
pub struct ConductorLink {
    call: Call,
    sending: JoinHandle<Result<(), SessionEnd>>,
    store: Exchange,
}

impl ConductorLink {
    /// Connects to the hub as the conductor of a gang, and opens the channel to the client. From then on a task
    /// connects again whenever a connection breaks. Once the hub has been silent for half of the lease, the messages
    /// end, with that as the reason: the gang is to end then, before the client can take it for gone.
    ///
    /// # Errors
    /// If no connection comes about in time, or the hub does not take this conductor.
    pub async fn connect(caller: Caller, gang: &str) -> Result<(Self, Messages), LinkError> {
        let gang = Some(gang.to_owned());
        let part = Part { windows: Windows::CONDUCTOR, gang, share: 2, peer: "the hub" };
        let call = Call::start(caller, part).await?;
        // What is wrong with the run is the client's matter.
        let (_, store, _) = call.talk();
        let (messages, sending) = message::open(&call.session, GANG);
        Ok((Self { call, sending, store }, messages))
    }

    /// Puts files into the hub's store, each one that it lacks once.
    ///
    /// # Errors
    /// If a file cannot be read, the hub cannot keep one, or the link has ended.
    pub async fn put(&self, files: Vec<(FileHash, PathBuf)>) -> Result<Sent, StoreError> {
        self.store.put(files).await
    }

    /// Lays a manifest out below a folder, with files from the hub's store.
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

    /// Waits until the hub has every message, and says goodbye. The senders of messages are to be dropped before.
    ///
    /// # Errors
    /// If the link has ended before.
    pub async fn finish(mut self) -> Result<(), SessionEnd> {
        let sent = (&mut self.sending).await;
        sent.unwrap_or_else(|_| Err(SessionEnd("the link has broken down".into())))?;
        self.call.close("the conductor is done").await;
        Ok(())
    }
}
