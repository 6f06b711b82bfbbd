//! The files of a run: what each pod gets before its gang runs, and what comes back.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use crate::cluster::link::ClientLink;
use crate::cluster::order::message::ToPod;
use crate::cluster::pod::PIPE_FOLDER;
use crate::cluster::store::{Manifest, StoreError, remove_below};
use crate::cluster::upload::{uploaded, uploaded_outside};
use crate::executor::SystemError;
use crate::pipeline::{StepId, Workspace};
use crate::plan::EdgeKind;
use crate::runner::{GangOrder, Job};

/// What the hub's store has of a run.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// The working directory: what was uploaded, and what steps have made since; nothing where it lies on a claim.
    workspace: Option<Mutex<Manifest>>,
    /// Folders outside of it.
    outside: BTreeMap<PathBuf, Manifest>,
    /// Streams that are stored or kept, by their names.
    streams: Mutex<BTreeMap<String, Manifest>>,
}

impl Files {
    /// Puts the working directory, and folders outside of it, into the hub's store.
    ///
    /// # Errors
    /// A file cannot be read, or the hub cannot keep it.
    pub(super) async fn upload(
        client: &ClientLink,
        working_dir: &Path,
        workspace: &Workspace,
        outside: Vec<PathBuf>,
    ) -> Result<Self, SystemError> {
        let Workspace::Upload(upload) = workspace else { return Ok(Self::default()) };
        let (upload, root) = (upload.clone(), working_dir.to_owned());
        let manifest = aside(move || read(&root, uploaded(&root, &upload)?)).await?;
        put(client, &manifest, working_dir).await?;
        let mut manifests = BTreeMap::new();
        for folder in outside {
            let root = folder.clone();
            let manifest = aside(move || read(&root, uploaded_outside(&root)?)).await?;
            put(client, &manifest, &folder).await?;
            manifests.insert(folder, manifest);
        }
        Ok(Self { workspace: Some(Mutex::new(manifest)), outside: manifests, streams: Mutex::default() })
    }

    /// Returns what the pod of a gang is told of files.
    ///
    /// # Errors
    /// A stream of an earlier run cannot be put into the store.
    pub(super) async fn for_pod(
        &self,
        client: &ClientLink,
        gang: &GangOrder,
        outside: &[PathBuf],
    ) -> Result<Vec<ToPod>, SystemError> {
        let files = |folder: &Path, manifest: Manifest| ToPod::Files { folder: folder.to_owned(), manifest };
        let mut told = Vec::new();
        if let Some(workspace) = &self.workspace {
            told.push(files(&gang.job.place.working_dir, workspace.lock().clone()));
        }
        for folder in outside {
            told.extend(self.outside.get(folder).map(|manifest| files(folder, manifest.clone())));
        }
        let mut streams = Manifest::default();
        for name in stored_inputs(&gang.job, &gang.steps) {
            let known = self.streams.lock().get(&name).cloned();
            let manifest = match known {
                Some(manifest) => Some(manifest),
                None => from_earlier(client, &gang.job, &name).await?,
            };
            if let Some(manifest) = manifest {
                streams.files.extend(manifest.files.iter().cloned());
                self.streams.lock().insert(name, manifest);
            }
        }
        if !streams.files.is_empty() {
            told.push(files(&streams_folder(), streams));
        }
        Ok(told)
    }

    /// Takes what a member has made: files of the working directory, and streams that are shown to users, are laid out
    /// here. What was in a folder that it has made anew goes, here as well, if the run knows it.
    ///
    /// # Errors
    /// A file cannot be fetched or written.
    pub(super) async fn take(
        &self,
        client: &ClientLink,
        job: &Job,
        (folder, manifest): (&Path, &Manifest),
    ) -> Result<(), StoreError> {
        if folder == streams_folder() {
            for entry in &manifest.files {
                let one = Manifest { files: vec![entry.clone()] };
                let name = entry.path.to_string();
                if is_shown(job, &name) {
                    client.fetch(one.clone(), job.place.streams_dir.clone()).await?;
                }
                self.streams.lock().insert(name, one);
            }
            return Ok(());
        }
        let Some(workspace) = &self.workspace else { return Ok(()) };
        client.fetch(manifest.clone(), job.place.working_dir.clone()).await?;
        let gone = workspace.lock().add(manifest);
        if gone.is_empty() {
            return Ok(());
        }
        let root = job.place.working_dir.clone();
        let removed = tokio::task::spawn_blocking(move || remove_below(&root, gone)).await;
        removed.map_err(io::Error::other).and_then(|removed| removed).map_err(StoreError::Disk)
    }
}

/// Returns the folder of streams in a pod.
pub(super) fn streams_folder() -> PathBuf {
    Path::new(PIPE_FOLDER).join("streams")
}

/// Returns the names of the streams that members read from files.
fn stored_inputs(job: &Job, members: &[StepId]) -> Vec<String> {
    let inputs = members.iter().flat_map(|id| {
        let inputs = job.pipeline.step(*id).inputs.iter().map(|input| input.port.stream);
        inputs.filter(|stream| matches!(job.plan.edge(*stream, *id), EdgeKind::Stored(_)))
    });
    let mut names: Vec<String> = inputs.map(|stream| job.pipeline.stream(stream).name.clone()).collect();
    names.sort();
    names.dedup();
    names
}

/// Whether a stream is kept where users find it: the file asks for that, or nothing reads it.
fn is_shown(job: &Job, name: &str) -> bool {
    let stream = job.pipeline.streams.iter().find(|stream| stream.name == name);
    stream.is_some_and(|stream| stream.store || stream.readers.is_empty())
}

/// Puts a stream into the store that an earlier run has left here, if it has.
async fn from_earlier(client: &ClientLink, job: &Job, name: &str) -> Result<Option<Manifest>, SystemError> {
    let folder = job.place.streams_dir.clone();
    if !folder.join(name).is_file() {
        return Ok(None);
    }
    let (root, path) = (folder.clone(), PathBuf::from(name));
    let manifest = aside(move || {
        let failed = |error| SystemError::new(format!("cannot read the stream {}", path.display()), error);
        Manifest::followed(&root, [path.clone()]).map_err(failed)
    });
    let manifest = manifest.await?;
    put(client, &manifest, &folder).await?;
    Ok(Some(manifest))
}

fn read(root: &Path, paths: Vec<PathBuf>) -> Result<Manifest, SystemError> {
    let failed = |error| SystemError::new(format!("cannot read {} for the upload", root.display()), error);
    Manifest::read(root, paths).map_err(failed)
}

async fn put(client: &ClientLink, manifest: &Manifest, folder: &Path) -> Result<(), SystemError> {
    let failed = |error| SystemError::new(format!("cannot upload {}", folder.display()), error);
    client.put(manifest.sources(folder)).await.map_err(failed).map(drop)
}

/// Runs what waits for the disk.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SystemError> + Send + 'static,
) -> Result<T, SystemError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(SystemError::new("cannot read the files of the run", error)))
}
