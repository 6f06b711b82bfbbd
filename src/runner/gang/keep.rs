//! Streams in files: stored for a later reader, kept because nobody reads them, or sent out by `--out`.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use crate::event::Kept;
use crate::executor::EngineError;
use crate::pipeline::{Destination, StreamId};
use crate::plan::EdgeKind;
use crate::reaper::{Charge, Reaper};
use crate::runner::Shared;
use crate::stream::{self, Keeper, Target, keep, pipe};

/// A stream on its way into a file. Dropped before it is [`whole`](Self::whole) and [`commit`]ted, it removes the file: it
/// stays with the gang, since nobody waits for other tasks when the run ends.
pub(super) struct Keeping {
    /// Taken out by whoever waits for it.
    pub(super) keeper: Option<Keeper>,
    file: Option<Partial>,
    /// Whether users are told about the file.
    shown: bool,
}

/// A file that exists only if it becomes whole.
#[derive(Debug)]
struct Partial {
    written: PathBuf,
    /// Removes it if this process is killed.
    charge: Charge,
    /// Where it goes once it is whole.
    whole: PathBuf,
    done: bool,
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.done {
            // Gone already is as good.
            let _ = std::fs::remove_file(&self.written);
        }
    }
}

/// Where a stored or unread stream lies.
pub(in crate::runner) fn stored_path(shared: &Shared, stream: StreamId) -> PathBuf {
    shared.place.streams_dir.join(&shared.pipeline.stream(stream).name)
}

/// Starts to keep a stream wherever it has to be kept; returns the pipes that lead there.
pub(super) fn start(
    shared: &Shared,
    stream: StreamId,
    unread: bool,
    round: u32,
) -> Result<(Vec<Keeping>, Vec<OwnedFd>), EngineError> {
    let declared = shared.pipeline.stream(stream);
    let stored = |reader| matches!(shared.plan.edge(stream, reader), EdgeKind::Stored(_));
    let is_stored = declared.readers.iter().any(|&reader| stored(reader));
    let mut wanted = Vec::new();
    if is_stored || declared.store || (unread && declared.out.is_none()) {
        let path = stored_path(shared, stream);
        let written = beside(&path, &round.to_string());
        let charge = shared.reaper.path(&written);
        if is_stored && !declared.store {
            shared.reaper.path(&path).for_good();
        }
        let target = Target::File(written.clone());
        let shown = declared.store || !is_stored;
        wanted.push((target, Some(Partial { written, charge, whole: path, done: false }), shown));
    }
    match &declared.out {
        None => {}
        Some(Destination::Stdout) => {
            let stdout = Target::stdout().map_err(|error| failed(&declared.name, error))?;
            wanted.push((stdout, None, false));
        }
        Some(Destination::File(path)) => {
            let path = shared.place.working_dir.join(path);
            let cannot = |error| EngineError::new(format!("cannot write {}", path.display()), error);
            let mark = format!("{}.{round}", shared.place.id);
            let (target, file) = out(&path, &mark, &shared.reaper).map_err(cannot)?;
            wanted.push((target, file, true));
        }
    }
    if declared.checksum && wanted.is_empty() {
        let nowhere = Target::nowhere().map_err(|error| failed(&declared.name, error))?;
        wanted.push((nowhere, None, false));
    }
    let (mut keeping, mut sinks) = (Vec::new(), Vec::new());
    for (target, file, shown) in wanted {
        let (source, sink) = pipe().map_err(|error| failed(&declared.name, error))?;
        let keeper = keep(source, target).map_err(|error| failed(&declared.name, error))?;
        keeping.push(Keeping { keeper: Some(keeper), file, shown });
        sinks.push(sink);
    }
    Ok((keeping, sinks))
}

/// A plain file is written beside its place, and takes it once it is whole; anything else is written as it is.
fn out(path: &Path, mark: &str, reaper: &Reaper) -> io::Result<(Target, Option<Partial>)> {
    if path.metadata().is_ok_and(|found| !found.is_file()) {
        return Ok((Target::open(path)?, None));
    }
    let written = beside(path, mark);
    let charge = reaper.path(&written);
    let target = Target::create(&written)?;
    Ok((target, Some(Partial { written, charge, whole: path.to_owned(), done: false })))
}

/// A stream's file that has all of it, and is not in its place yet. Dropped like that, it removes the file.
#[derive(Debug)]
pub(super) struct Whole {
    kept: stream::Kept,
    file: Option<Partial>,
    shown: bool,
}

impl Keeping {
    /// The file, once it has all of the stream.
    pub(super) fn whole(self, kept: stream::Kept) -> Whole {
        Whole { kept, file: self.file, shown: self.shown }
    }
}

/// Waits until the files of a finished stream have all of it.
pub(super) async fn complete(keepers: Vec<Keeper>) -> Result<Vec<stream::Kept>, EngineError> {
    let mut all = Vec::new();
    for mut keeper in keepers {
        all.push(keeper.done().await.map_err(|error| failed("a stream", error))?);
    }
    Ok(all)
}

/// The checksum of a stream of which these files have all, if one does: a reader of standard output may have left.
pub(super) fn checksum(files: &[Whole]) -> Option<String> {
    files.iter().find(|file| !file.kept.reader_left).map(|file| file.kept.sha256.clone())
}

/// A hidden name in the same folder: rounds of a gang never share a file.
fn beside(path: &Path, mark: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{mark}"))
}

/// Puts the files of a stream in their places, for good. Returns the one to show.
pub(super) fn commit(files: Vec<Whole>) -> Result<Option<Kept>, EngineError> {
    let mut shown = None;
    for one in files {
        let Some(mut file) = one.file else { continue };
        std::fs::rename(&file.written, &file.whole)
            .map_err(|error| EngineError::new(format!("cannot write {}", file.whole.display()), error))?;
        file.done = true;
        drop(std::mem::take(&mut file.charge));
        if one.shown {
            let stream::Kept { bytes, sha256, .. } = one.kept;
            shown = Some(Kept { path: file.whole.clone(), bytes, sha256 });
        }
    }
    Ok(shown)
}

fn failed(stream: &str, error: impl std::fmt::Display) -> EngineError {
    EngineError::new(format!("cannot keep {stream}"), error)
}
