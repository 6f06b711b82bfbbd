//! Messages between a conductor and the client over the link to the hub, with the files that belong to them: what the
//! gang needs comes from the hub's store before its order, and what it has made is there before the client hears of it.

use std::path::PathBuf;
use std::sync::Arc;

use futures::FutureExt as _;
use tokio::sync::mpsc;
use tracing::debug;

use super::{ConductorEnd, ConductorPlace};
use crate::cluster::link::{self, Caller, LinkError, Messages};
use crate::cluster::order::message::{FromPod, ToPod};
use crate::cluster::store::{Content, Manifest, StoreError};
use crate::executor::SystemError;

/// Messages that may wait.
const WAITING: usize = 16;
/// What the owner of a file may do, and how far that is from what its group may do.
const OWNER: u32 = 0o700;
const TO_GROUP: u32 = 3;

impl ConductorPlace {
    /// Conducts the gang of this name for a client behind the hub.
    ///
    /// # Errors
    /// The hub cannot be reached, or as for [`conduct`](Self::conduct).
    pub async fn conduct_for(
        self,
        hub: Caller,
        gang: &str,
        signals: mpsc::UnboundedReceiver<i32>,
    ) -> Result<ConductorEnd, SystemError> {
        let failed = |error: LinkError| SystemError::new("cannot reach the run's hub", error);
        let (link, messages) = link::ConductorLink::connect(hub, gang).await.map_err(failed)?;
        let link = Arc::new(link);
        let Messages { sender, receiver, end } = messages;
        let (to, inbox) = mpsc::channel(WAITING);
        let (outbox, from) = mpsc::channel(WAITING);
        let reading = tokio::spawn(read(receiver, to, outbox.clone(), Arc::clone(&link)));
        let writing = tokio::spawn(write(from, sender, Arc::clone(&link)));
        let ended = self.conduct(inbox, outbox, signals).await;
        reading.abort();
        let _ = reading.await;
        if matches!(ended, Ok(ConductorEnd::ClientGone)) {
            // What is still to be told reaches no one.
            writing.abort();
            // A client that goes with a word leaves the link as it is.
            let why = end.why().now_or_never().flatten();
            debug!(?why, "conductor: the client is gone");
            return ended;
        }
        // A task that has broken down has nothing to tell.
        let _ = writing.await;
        if let Some(link) = Arc::into_inner(link)
            && let Err(end) = link.finish().await
        {
            debug!(%end, "conductor: the goodbye was not heard");
        }
        ended
    }
}

/// Hands on what the client says. Files are fetched, in the order in which the client names them.
async fn read(
    mut messages: mpsc::Receiver<Vec<u8>>,
    to: mpsc::Sender<ToPod>,
    outbox: mpsc::Sender<FromPod>,
    link: Arc<link::ConductorLink>,
) {
    while let Some(message) = messages.recv().await {
        match serde_json::from_slice(&message) {
            Ok(ToPod::Files { folder, manifest }) => {
                let what = format!("cannot put the files into {}", folder.display());
                if let Err(error) = link.fetch(for_all_users(manifest), folder).await {
                    let refused = FromPod::Refused { why: format!("{what}: {error}") };
                    // A conductor that has ended needs no reason.
                    let _ = outbox.send(refused).await;
                }
            }
            Ok(message @ (ToPod::Order { .. } | ToPod::Halt { .. } | ToPod::Over)) => {
                if to.send(message).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                debug!(%error, "conductor: the client says what is no message");
                return;
            }
        }
    }
}

/// Steps may be other users than the conductor, in its group: what the owner of a file may do, they may do as well.
fn for_all_users(mut manifest: Manifest) -> Manifest {
    for entry in &mut manifest.files {
        match &mut entry.content {
            Content::File { mode, .. } | Content::Folder { mode, .. } => *mode |= (*mode & OWNER) >> TO_GROUP,
            Content::Link { .. } => {}
        }
    }
    manifest
}

/// Tells the client what there is to tell. Files are in the hub's store before.
async fn write(
    mut from: mpsc::Receiver<FromPod>,
    messages: mpsc::Sender<Vec<u8>>,
    link: Arc<link::ConductorLink>,
) {
    while let Some(message) = from.recv().await {
        let message = match message {
            FromPod::Made { step, folder, paths, manifest: _ } => {
                match put(&link, folder.clone(), paths.clone()).await {
                    Ok(manifest) => FromPod::Made { step, folder, paths, manifest },
                    Err(error) => FromPod::SiteFailed {
                        what: format!("cannot keep what `{step}` has made"),
                        why: error.to_string(),
                    },
                }
            }
            other => other,
        };
        // Texts and numbers have a form in JSON.
        let Ok(text) = serde_json::to_vec(&message) else { return };
        if messages.send(text).await.is_err() {
            return;
        }
    }
}

/// Puts files into the hub's store. Of a link the store has what it leads to.
async fn put(
    link: &link::ConductorLink,
    folder: PathBuf,
    paths: Vec<PathBuf>,
) -> Result<Manifest, StoreError> {
    let root = folder.clone();
    let reading = tokio::task::spawn_blocking(move || Manifest::followed(&root, paths));
    let manifest = reading.await.map_err(std::io::Error::other).and_then(|read| read);
    let manifest = manifest.map_err(StoreError::Disk)?;
    link.put(manifest.sources(&folder)).await?;
    Ok(manifest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_may_do_what_the_owner_may() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("d")).unwrap();
        std::fs::write(folder.path().join("d/f"), "x").unwrap();
        let manifest = Manifest::read(folder.path(), ["d", "d/f"].map(PathBuf::from)).unwrap();
        let modes = |manifest: &Manifest| -> Vec<u32> {
            let mode = |content: &Content| match content {
                Content::File { mode, .. } | Content::Folder { mode, .. } => *mode,
                Content::Link { .. } => 0,
            };
            manifest.files.iter().map(|entry| mode(&entry.content)).collect()
        };
        let own: Vec<u32> = modes(&manifest);
        let wide: Vec<u32> = own.iter().map(|mode| mode | (mode & 0o700) >> 3).collect();
        assert_eq!(modes(&for_all_users(manifest)), wide);
        assert!(wide.iter().all(|mode| mode & 0o020 != 0));
    }
}
