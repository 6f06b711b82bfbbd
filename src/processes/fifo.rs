//! A named pipe, known by whatever path.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{FileType, Mode, OFlags, fstat, open};

use super::procfs::FileId;

/// A named pipe that processes have open. As long as this is held, no other file gets its inode, also once the
/// named pipe is removed: a process that has a new file open is not taken for one that reads the pipe.
#[derive(Debug, Clone)]
pub struct Fifo {
    id: FileId,
    _held: Arc<OwnedFd>,
}

impl Fifo {
    /// Takes hold of the named pipe at a path, without being a reader or a writer of it. Returns nothing if there is
    /// none.
    pub fn at(path: &Path) -> Option<Self> {
        let held = open(path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()).ok()?;
        let found = fstat(&held).ok()?;
        let is_fifo = FileType::from_raw_mode(found.st_mode) == FileType::Fifo;
        is_fifo.then(|| Self { id: (found.st_dev, found.st_ino), _held: Arc::new(held) })
    }

    /// Returns what it is known by.
    pub(super) fn id(&self) -> FileId {
        self.id
    }
}

impl PartialEq for Fifo {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Fifo {}

#[cfg(test)]
mod tests {
    use rustix::fs::{CWD, mknodat};

    use super::super::procfs::file_id;
    use super::*;

    #[test]
    fn its_inode_is_no_other_files_once_it_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("fifo");
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let fifo = Fifo::at(&path).unwrap();
        assert_eq!(Some(fifo.id()), file_id(&path));
        std::fs::remove_file(&path).unwrap();
        for number in 0..100 {
            let other = dir.path().join(number.to_string());
            std::fs::write(&other, "").unwrap();
            assert_ne!(Some(fifo.id()), file_id(&other), "file {number}");
        }
    }

    #[test]
    fn what_is_no_named_pipe_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        std::fs::write(path("file"), "").unwrap();
        mknodat(CWD, path("fifo"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        std::os::unix::fs::symlink("fifo", path("link")).unwrap();
        for name in ["file", "link", "none"] {
            assert_eq!(Fifo::at(&path(name)), None, "{name}");
        }
    }
}
