//! The side of a client or a conductor: puts files into the hub's store, and fetches files from it.

use std::collections::HashMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{Mutex, mpsc};

use super::error::StoreError;
use super::hash::FileHash;
use super::layout::{Layout, NewFile};
use super::manifest::Manifest;
use super::stream::{self, FileSink, aside};
use crate::cluster::link::frame::FILES;
use crate::cluster::link::session::{Inlet, Outlet, Session, SessionEnd};
use crate::cluster::link::talk::Talk;

/// So many files are spoken of at once.
const BATCH: usize = 1000;

/// What was sent to the store: what it had already is not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sent {
    /// The files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Moves files between this end and the hub's store. Clones share the link: one of them sends at a time, and one
/// fetches.
#[derive(Debug, Clone)]
pub(in crate::cluster) struct Exchange {
    session: Session,
    talk: mpsc::Sender<Vec<u8>>,
    putting: Arc<Mutex<Putting>>,
    fetching: Arc<Mutex<Inlet>>,
}

#[derive(Debug)]
struct Putting {
    outlet: Outlet,
    answers: mpsc::UnboundedReceiver<Talk>,
}

impl FileSink for NewFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        Self::write(self, bytes)
    }

    fn finish(self) -> std::io::Result<()> {
        Self::finish(self)
    }
}

impl Exchange {
    /// Prepares it; `answers` are what the hub says of files that it is offered.
    pub(in crate::cluster) fn new(
        session: &Session,
        talk: mpsc::Sender<Vec<u8>>,
        answers: mpsc::UnboundedReceiver<Talk>,
    ) -> Self {
        let putting = Putting { outlet: session.outlet(FILES), answers };
        let fetching = Arc::new(Mutex::new(session.inlet(FILES)));
        Self { session: session.clone(), talk, putting: Arc::new(Mutex::new(putting)), fetching }
    }

    async fn say(&self, talk: &Talk) -> Result<(), StoreError> {
        match self.talk.send(talk.encode()).await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.gone().into()),
        }
    }

    fn gone(&self) -> SessionEnd {
        self.session.why_ended().unwrap_or_else(|| SessionEnd("the link is gone".into()))
    }

    /// Puts files into the store, each one that it lacks once.
    pub(in crate::cluster) async fn put(&self, files: Vec<(FileHash, PathBuf)>) -> Result<Sent, StoreError> {
        let this = self.clone();
        // A file that has begun goes to its end, even if its sender is of no interest any more.
        finished(tokio::spawn(async move {
            let mut putting = this.putting.lock().await;
            let mut sent = Sent::default();
            for batch in files.chunks(BATCH) {
                this.put_batch(&mut putting, batch, &mut sent).await?;
            }
            Ok(sent)
        }))
        .await
    }

    async fn put_batch(
        &self,
        putting: &mut Putting,
        batch: &[(FileHash, PathBuf)],
        sent: &mut Sent,
    ) -> Result<(), StoreError> {
        let paths: HashMap<FileHash, &PathBuf> = batch.iter().map(|(hash, path)| (*hash, path)).collect();
        self.say(&Talk::Offer(paths.keys().copied().collect())).await?;
        let Some(Talk::Missing(missing)) = putting.answers.recv().await else {
            return Err(self.gone().into());
        };
        let mut failure = None;
        let mut awaited = 0_usize;
        for hash in missing {
            let Some(&path) = paths.get(&hash) else { return Err(StoreError::Confused) };
            let opened = path.clone();
            match stream::send(&mut putting.outlet, hash, move || File::open(opened)).await {
                Ok(bytes) => {
                    sent.files += 1;
                    sent.bytes += bytes;
                }
                Err(StoreError::Disk(source)) => {
                    failure.get_or_insert(StoreError::Read { path: path.clone(), source });
                }
                Err(other) => return Err(other),
            }
            awaited += 1;
        }
        // The hub answers for every file, those that could not be read as well.
        for _ in 0..awaited {
            match putting.answers.recv().await {
                Some(Talk::Stored(_)) => {}
                Some(Talk::Unstored(hash, why)) => {
                    let path = paths.get(&hash).map(|path| path.to_path_buf()).unwrap_or_default();
                    failure.get_or_insert(StoreError::Unstored { path, why });
                }
                Some(_) => return Err(StoreError::Confused),
                None => return Err(self.gone().into()),
            }
        }
        failure.map_or(Ok(()), Err)
    }

    /// Lays a manifest out below a folder, with files from the store.
    pub(in crate::cluster) async fn fetch(
        &self,
        manifest: Manifest,
        folder: PathBuf,
    ) -> Result<(), StoreError> {
        let this = self.clone();
        // What is under way goes to its end, so that what comes next on the channel is a file's head.
        finished(tokio::spawn(async move {
            let hashes = manifest.hashes();
            let layout = aside(move || Layout::open(&folder, manifest)).await.map_err(StoreError::Disk)?;
            let mut inlet = this.fetching.lock().await;
            for batch in hashes.chunks(BATCH) {
                this.fetch_batch(&mut inlet, batch, &layout).await?;
            }
            aside(move || layout.finish()).await.map_err(StoreError::Disk)
        }))
        .await
    }

    async fn fetch_batch(
        &self,
        inlet: &mut Inlet,
        batch: &[FileHash],
        layout: &Layout,
    ) -> Result<(), StoreError> {
        self.say(&Talk::Fetch(batch.to_vec())).await?;
        let mut failure = None;
        for &hash in batch {
            let head = stream::head(inlet).await?;
            if head.hash != hash {
                return Err(StoreError::Confused);
            }
            if let Some(why) = head.why_not {
                failure.get_or_insert(StoreError::Lacking { hash: hash.to_string(), why });
                continue;
            }
            let layout = layout.clone();
            if let Err(error) = stream::body(inlet, move || layout.create(hash)).await? {
                failure.get_or_insert(StoreError::Disk(error));
            }
        }
        failure.map_or(Ok(()), Err)
    }
}

async fn finished<T>(task: tokio::task::JoinHandle<Result<T, StoreError>>) -> Result<T, StoreError> {
    task.await.unwrap_or_else(|error| Err(StoreError::Disk(std::io::Error::other(error))))
}
