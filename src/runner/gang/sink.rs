//! Streams in files: stored for a later reader, kept for want of a reader, or sent out by `--out`.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use crate::event::KeptFile;
use crate::executor::SystemError;
use crate::pipeline::{Destination, StepId, StreamId};
use crate::plan::EdgeKind;
use crate::reaper::Registration;
use crate::runner::Job;
use crate::stream::{self, Keeper, PendingFile, ResolvedPath, SinkTarget, keep, pipe};

/// A stream on its way into a file. Dropped before it is [`whole`](Self::whole) and [`commit`]ted, it removes
/// the file. The gang owns it, because at the end of the run no other task is waited for.
pub(super) struct FileSink {
    /// Taken out by the task that waits for it.
    pub(super) keeper: Option<Keeper>,
    file: Option<UnfinishedFile>,
    /// Whether the file is shown to users.
    shown: bool,
}

/// A file that exists only if it becomes whole.
#[derive(Debug)]
struct UnfinishedFile {
    written: PathBuf,
    /// Removes it if this process is killed.
    registration: Registration,
    /// Where it goes once it is whole.
    whole: PathBuf,
    /// How it does, where more than a name is to be kept.
    draft: Option<PendingFile>,
    done: bool,
}

impl Drop for UnfinishedFile {
    fn drop(&mut self) {
        if !self.done {
            // It may be gone already.
            let _ = std::fs::remove_file(&self.written);
        }
    }
}

/// Returns the path of a stored or unread stream.
pub(in crate::runner) fn stored_path(job: &Job, stream: StreamId) -> PathBuf {
    job.place.streams_dir.join(&job.pipeline.stream(stream).name)
}

/// What becomes of a stream that no member reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unread {
    /// A member reads it.
    No,
    /// It is kept on disk.
    Keep,
    /// It is thrown away.
    Discard,
}

/// Starts to write a stream to all files that it goes to. Returns the pipes that lead there. A stream is stored
/// for the later readers that `stored_for` names.
pub(super) fn start(
    job: &Job,
    stored_for: impl Fn(StepId) -> bool,
    stream: StreamId,
    unread: Unread,
    round: u32,
) -> Result<(Vec<FileSink>, Vec<OwnedFd>), SystemError> {
    let declared = job.pipeline.stream(stream);
    let stored = |reader| stored_for(reader) && matches!(job.plan.edge(stream, reader), EdgeKind::Stored(_));
    let is_stored = declared.readers.iter().any(|&reader| stored(reader));
    let mut wanted = Vec::new();
    if is_stored || declared.store || (unread == Unread::Keep && declared.out.is_none()) {
        let path = stored_path(job, stream);
        let written = beside(&path, &round.to_string());
        let registration = job.reaper.path(&written);
        if is_stored && !declared.store {
            job.reaper.path(&path).leak();
        }
        let target = SinkTarget::File(written.clone());
        let shown = declared.store || !is_stored;
        wanted.push((
            target,
            Some(UnfinishedFile { written, registration, whole: path, draft: None, done: false }),
            shown,
        ));
    }
    match &declared.out {
        None => {}
        Some(Destination::Stdout) => {
            let stdout = SinkTarget::stdout().map_err(|error| failed(&declared.name, error))?;
            wanted.push((stdout, None, false));
        }
        Some(Destination::File(path)) => {
            let path = job.place.working_dir.join(path);
            let cannot = |error| SystemError::new(format!("cannot write {}", path.display()), error);
            let mark = format!("{}.{round}", job.place.id);
            let (target, file) = out(&path, &mark, job).map_err(cannot)?;
            wanted.push((target, file, true));
        }
    }
    if (declared.checksum || unread == Unread::Discard) && wanted.is_empty() {
        let nowhere = SinkTarget::nowhere().map_err(|error| failed(&declared.name, error))?;
        wanted.push((nowhere, None, false));
    }
    let (mut files, mut sinks) = (Vec::new(), Vec::new());
    for (target, file, shown) in wanted {
        let (source, sink) = pipe().map_err(|error| failed(&declared.name, error))?;
        let keeper = keep(source, target).map_err(|error| failed(&declared.name, error))?;
        files.push(FileSink { keeper: Some(keeper), file, shown });
        sinks.push(sink);
    }
    Ok((files, sinks))
}

/// Opens the target of `--out`. A plain file is written beside its place and moved there once it is whole;
/// anything else is written in place.
fn out(path: &Path, mark: &str, job: &Job) -> io::Result<(SinkTarget, Option<UnfinishedFile>)> {
    let end = match ResolvedPath::of(path)? {
        ResolvedPath::Descriptor(number) => return Ok((SinkTarget::descriptor(number)?, None)),
        ResolvedPath::AsItIs(end) => return Ok((SinkTarget::open(&end)?, None)),
        ResolvedPath::File(end) => end,
    };
    let begin = |written: PathBuf| {
        let registration = job.reaper.path(&written);
        let (draft, target) = PendingFile::begin(&end, &written)?;
        let whole = path.to_owned();
        Ok((target, Some(UnfinishedFile { written, registration, whole, draft: Some(draft), done: false })))
    };
    match begin(beside(&end, mark)) {
        // A file may be writable in a folder that is not.
        Err(error) if is_refusal(&error) && end.exists() => {
            let spare = job.place.streams_dir.join(end.file_name().unwrap_or_default());
            begin(beside(&spare, mark))
        }
        begun => begun,
    }
}

fn is_refusal(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}

/// A stream's file that is complete and not in its place yet. Dropping this removes the file.
#[derive(Debug)]
pub(super) struct WholeFile {
    kept: stream::KeptBytes,
    file: Option<UnfinishedFile>,
    shown: bool,
}

impl FileSink {
    /// Returns the file, once it has all of the stream.
    pub(super) fn whole(self, kept: stream::KeptBytes) -> WholeFile {
        WholeFile { kept, file: self.file, shown: self.shown }
    }
}

/// Waits until the files of a finished stream have all of it.
pub(super) async fn complete(keepers: Vec<Keeper>) -> Result<Vec<stream::KeptBytes>, SystemError> {
    let mut all = Vec::new();
    for mut keeper in keepers {
        all.push(keeper.done().await.map_err(|error| failed("a stream", error))?);
    }
    Ok(all)
}

/// Returns the checksum of a stream by one of its files that has all of it; a reader of standard output may
/// have left.
pub(super) fn checksum(files: &[WholeFile]) -> Option<String> {
    files.iter().find(|file| !file.kept.reader_left).map(|file| file.kept.sha256.clone())
}

/// Returns a hidden name in the same folder: rounds of a gang never share a file.
fn beside(path: &Path, mark: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{mark}"))
}

/// Puts the files of a stream in their places, for good. Returns the one to show.
pub(super) fn commit(files: Vec<WholeFile>) -> Result<Option<KeptFile>, SystemError> {
    let mut shown = None;
    for one in files {
        let Some(mut file) = one.file else { continue };
        let placed = match &file.draft {
            Some(draft) => draft.finish(),
            None => std::fs::rename(&file.written, &file.whole),
        };
        placed.map_err(|error| SystemError::new(format!("cannot write {}", file.whole.display()), error))?;
        file.done = true;
        drop(std::mem::take(&mut file.registration));
        if one.shown {
            let stream::KeptBytes { bytes, sha256, .. } = one.kept;
            shown = Some(KeptFile { path: file.whole.clone(), bytes, sha256 });
        }
    }
    Ok(shown)
}

fn failed(stream: &str, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> SystemError {
    SystemError::new(format!("cannot keep {stream}"), error)
}
