//! Bytes on disk between a stream and its reader: a queue of files without names.
//!
//! Pages that were spliced out of a file still belong to the file: overwriting them, or punching a hole,
//! changes what the reader sees. So each file is only ever appended to, and closed as a whole once it has
//! been read.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::pipe::{SpliceFlags, splice};

/// How large a file grows before the next one begins: at most so much of the disk is held for bytes that have
/// been read.
const SEGMENT: u64 = 256 * 1024 * 1024;
/// The most that is moved at once.
const CHUNK: u64 = 1024 * 1024;

/// The queue.
pub(super) struct SpillFile {
    folder: PathBuf,
    segments: VecDeque<Segment>,
    /// Bytes in it.
    length: u64,
}

/// One file.
struct Segment {
    file: OwnedFd,
    written: u64,
    read: u64,
}

impl SpillFile {
    /// Returns an empty queue; the first file is made when there is something for it.
    pub(super) fn in_folder(folder: PathBuf) -> Self {
        Self { folder, segments: VecDeque::new(), length: 0 }
    }

    /// Returns bytes in it.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Moves up to `most` bytes out of a pipe into the queue, and returns how many; 0 at the pipe's end.
    pub(super) fn fill(&mut self, source: &OwnedFd, most: u64) -> Result<u64, Errno> {
        if self.segments.back().is_none_or(|segment| segment.written >= SEGMENT) {
            let file = nameless(&self.folder).map_err(|error| errno(&error))?;
            self.segments.push_back(Segment { file, written: 0, read: 0 });
        }
        let Some(segment) = self.segments.back_mut() else { return Ok(0) };
        let most = most.min(SEGMENT - segment.written).min(CHUNK);
        let came = splice(
            source,
            None,
            &segment.file,
            Some(&mut segment.written),
            usize::try_from(most).unwrap_or(usize::MAX),
            SpliceFlags::NONBLOCK,
        )? as u64;
        self.length += came;
        Ok(came)
    }

    /// Moves to a pipe what it can take now, and returns how many bytes.
    pub(super) fn drain(&mut self, sink: impl AsFd) -> Result<u64, Errno> {
        let Some(segment) = self.segments.front_mut() else { return Ok(0) };
        let most = (segment.written - segment.read).min(CHUNK);
        let went = splice(
            &segment.file,
            Some(&mut segment.read),
            sink,
            None,
            usize::try_from(most).unwrap_or(usize::MAX),
            SpliceFlags::NONBLOCK,
        )? as u64;
        self.length -= went;
        if segment.read == segment.written && (segment.written >= SEGMENT || self.length == 0) {
            self.segments.pop_front();
        }
        Ok(went)
    }
}

/// Creates a file without a name, which goes when this process ends.
fn nameless(folder: &Path) -> io::Result<OwnedFd> {
    let (owner, flags) = (Mode::RUSR | Mode::WUSR, OFlags::RDWR | OFlags::CLOEXEC);
    match rustix::fs::open(folder, flags | OFlags::TMPFILE, owner) {
        Ok(file) => Ok(file),
        // Not every file system supports O_TMPFILE.
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => {
            let path = folder.join(format!(".buffer.{}.{:x}", std::process::id(), unique()));
            let file = rustix::fs::open(&path, flags | OFlags::CREATE | OFlags::EXCL, owner)?;
            std::fs::remove_file(&path)?;
            Ok(File::from(file).into())
        }
        Err(error) => Err(error.into()),
    }
}

/// Returns a number that no other call in this process gets.
fn unique() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn errno(error: &io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}
