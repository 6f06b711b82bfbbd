//! The hub's side of the store: what one peer puts there and fetches.

use std::io;

use tokio::sync::mpsc;

use crate::cluster::link::FILES;
use crate::cluster::link::session::{Inlet, Outlet, Session};
use crate::cluster::link::talk::Talk;
use crate::cluster::store::{FileHash, FileSink, NewObject, Objects, StoreError, stream};

impl FileSink for NewObject {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        Self::write(self, bytes)
    }

    fn finish(self) -> io::Result<()> {
        Self::finish(self)
    }
}

/// Takes requests for files, one list after the other.
#[derive(Debug)]
pub(super) struct Shelf {
    objects: Objects,
    wanted: mpsc::Sender<Vec<FileHash>>,
}

impl Shelf {
    /// Serves the peer at the other end of a session; `talk` takes the answers there.
    pub(super) fn serve(objects: Objects, session: &Session, talk: mpsc::Sender<Vec<u8>>) -> Self {
        let (wanted, asked) = mpsc::channel(1);
        tokio::spawn(ended_by(session.clone(), take(session.inlet(FILES), objects.clone(), talk)));
        tokio::spawn(ended_by(session.clone(), give(session.outlet(FILES), objects.clone(), asked)));
        Self { objects, wanted }
    }

    /// Returns those of some files that are not there.
    pub(super) fn missing(&self, offered: Vec<FileHash>) -> Talk {
        Talk::Missing(offered.into_iter().filter(|hash| !self.objects.has(*hash)).collect())
    }

    /// Sends files, in this order.
    pub(super) async fn fetch(&self, hashes: Vec<FileHash>) {
        // Without a session there is no peer to send to.
        let _ = self.wanted.send(hashes).await;
    }
}

/// A peer that breaks the rules loses its session.
async fn ended_by(session: Session, serving: impl Future<Output = Result<(), StoreError>>) {
    if let Err(error) = serving.await {
        session.end(&error.to_string());
    }
}

async fn take(mut inlet: Inlet, objects: Objects, talk: mpsc::Sender<Vec<u8>>) -> Result<(), StoreError> {
    loop {
        let head = stream::head(&mut inlet).await?;
        let hash = head.hash;
        let answer = match head.why_not {
            Some(why) => Talk::Unstored(hash, why),
            None => {
                let objects = objects.clone();
                match stream::body(&mut inlet, move || objects.create(hash)).await? {
                    Ok(()) => Talk::Stored(hash),
                    Err(error) => Talk::Unstored(hash, error.to_string()),
                }
            }
        };
        if talk.send(answer.encode()).await.is_err() {
            return Ok(());
        }
    }
}

async fn give(
    mut outlet: Outlet,
    objects: Objects,
    mut asked: mpsc::Receiver<Vec<FileHash>>,
) -> Result<(), StoreError> {
    while let Some(hashes) = asked.recv().await {
        for hash in hashes {
            let objects = objects.clone();
            let sent = stream::send(&mut outlet, hash, move || objects.get(hash).map(|(file, _)| file)).await;
            match sent {
                // The peer has been told.
                Ok(_) | Err(StoreError::Disk(_)) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}
