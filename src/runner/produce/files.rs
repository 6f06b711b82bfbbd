//! What stands at a path: what it is, and by what one sees that it was changed.

use std::ffi::OsStr;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

/// Seconds and nanoseconds, by the clock of a file system.
pub(super) type Time = (i64, i64);

/// A way to something, and where it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// As the pattern leads there.
    pub(super) path: PathBuf,
    /// The same with no link on the way; what stands there may be one.
    pub(super) real: PathBuf,
}

impl Place {
    /// The place of this name in the folder that is here.
    pub(super) fn join(&self, name: &OsStr) -> Self {
        let real = match name.as_encoded_bytes() {
            b".." => self.real.parent().unwrap_or(&self.real).to_owned(),
            _ => self.real.join(name),
        };
        Self { path: self.path.join(name), real }
    }
}

/// Something that is there.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) place: Place,
    pub(super) stamp: Stamp,
    /// Of a link: where it ends, with no link on the way. What it leads to need not be there.
    pub(super) end: Option<PathBuf>,
    /// The pattern goes on behind it, and does not name it.
    pub(super) is_way: bool,
    /// The path of the folder that the pattern names and that this lies in, or is.
    pub(super) within: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Kind {
    File,
    Folder,
    Link,
    /// A named pipe, a socket or a device.
    Other,
}

/// By what one sees that a file was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    pub(super) kind: Kind,
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) bytes: u64,
    pub(super) modified: Time,
    pub(super) changed: Time,
    /// Where the file system knows it.
    pub(super) born: Option<Time>,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        let kind = metadata.file_type();
        let kind = match (kind.is_file(), kind.is_dir(), kind.is_symlink()) {
            (true, ..) => Kind::File,
            (_, true, _) => Kind::Folder,
            (.., true) => Kind::Link,
            (false, false, false) => Kind::Other,
        };
        let born = metadata.created().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        Self {
            kind,
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            born: born.and_then(|at| Some((i64::try_from(at.as_secs()).ok()?, at.subsec_nanos().into()))),
        }
    }

    /// What stays the same when a file gets another name.
    pub(super) fn content(&self) -> (u64, u64, u64, Time) {
        (self.device, self.inode, self.bytes, self.modified)
    }
}

impl Found {
    /// Looks at a place; finds nothing where nothing is.
    pub(super) fn at(place: Place, is_way: bool) -> io::Result<Option<Self>> {
        let stamp = match place.real.symlink_metadata() {
            Ok(metadata) => Stamp::of(&metadata),
            Err(error) if is_nothing(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let end = if stamp.kind == Kind::Link { end_of(&place.real) } else { None };
        Ok(Some(Self { place, stamp, end, is_way, within: None }))
    }

    /// The place that a link leads to.
    pub(super) fn beyond(&self) -> Option<Place> {
        Some(Place { path: self.place.path.clone(), real: self.end.clone()? })
    }

    /// Whether this is a link to a folder that it lies in: behind it is nothing that is not before it.
    pub(super) fn leads_up(&self) -> bool {
        self.end.as_ref().is_some_and(|end| self.place.real.starts_with(end))
    }
}

/// Where a link ends. Of a single link to what is not there, that is where a writer would make it.
fn end_of(link: &Path) -> Option<PathBuf> {
    if let Ok(end) = link.canonicalize() {
        return Some(end);
    }
    let end = link.parent()?.join(link.read_link().ok()?);
    let name = end.file_name()?;
    let end = end.parent()?.canonicalize().ok()?.join(name);
    end.symlink_metadata().is_err().then_some(end)
}

fn is_nothing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
