//! Keepers: the bytes of a pipe, written to a file or to the target of `--out`, with their size and checksum.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use sha2::{Digest, Sha256};

use super::StreamError;
use super::task::Task;

/// How many bytes one read asks for.
const CHUNK: usize = 128 * 1024;

/// The target of a kept stream.
#[derive(Debug)]
pub enum SinkTarget {
    /// A new file that only its owner can read. Its folder exists and it does not.
    File(PathBuf),
    /// An open descriptor: standard output, a file, a device, a named pipe.
    Fd(OwnedFd),
}

impl SinkTarget {
    /// Returns standard output.
    pub fn stdout() -> io::Result<Self> {
        Ok(Self::Fd(io::stdout().as_fd().try_clone_to_owned()?))
    }

    /// Opens a path that exists and is not a regular file: a device, or a named pipe that has a reader.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::open_with(path, OFlags::empty())
    }

    pub(super) fn open_with(path: &Path, more: OFlags) -> io::Result<Self> {
        // Without NONBLOCK, opening a named pipe waits for a reader and cannot be interrupted.
        let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | more;
        match rustix::fs::open(path, flags, Mode::empty()) {
            Ok(fd) => Ok(Self::Fd(fd)),
            Err(Errno::NXIO) => Err(io::Error::other("this named pipe has no reader")),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns a target that discards the bytes, for their checksum alone.
    pub fn nowhere() -> io::Result<Self> {
        Ok(Self::Fd(OpenOptions::new().write(true).open("/dev/null")?.into()))
    }
}

/// What a keeper has written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptBytes {
    /// Bytes that the target took.
    pub bytes: u64,
    /// Their SHA-256, in lower-case hexadecimal digits.
    pub sha256: String,
    /// The target is a pipe whose reader left before the end.
    pub reader_left: bool,
}

/// A thread that reads a pipe to its end and writes the bytes to a target.
///
/// When it ends early, because of an error or a reader that left, it closes the pipe, as any reader does.
/// Dropping the keeper does not end the thread; the end of the pipe does.
pub struct Keeper {
    task: Task<Result<KeptBytes, StreamError>>,
}

impl Keeper {
    /// Waits for the end of the pipe. May be cancelled and called again.
    ///
    /// # Errors
    /// If the target takes no more, for example on a full disk. The bytes that it has taken stay there.
    pub async fn done(&mut self) -> Result<KeptBytes, StreamError> {
        self.task.answer().await?.clone()
    }
}

/// Starts a keeper for the bytes of `source`.
///
/// # Errors
/// If the file cannot be created or a thread cannot be started.
pub fn keep(source: OwnedFd, target: SinkTarget) -> Result<Keeper, StreamError> {
    let (name, target) = match target {
        SinkTarget::Fd(fd) => ("the output".to_owned(), File::from(fd)),
        SinkTarget::File(path) => {
            let name = format!("`{}`", path.display());
            let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
            let file = file.map_err(|error| StreamError::new(format!("cannot create {name}"), error))?;
            (name, file)
        }
    };
    let task = Task::spawn(name.clone(), move || copy(source.into(), &target, &name))?;
    Ok(Keeper { task })
}

fn copy(mut source: File, target: &File, name: &str) -> Result<KeptBytes, StreamError> {
    let mut buffer = vec![0; CHUNK];
    let mut hash = Sha256::new();
    let mut bytes = 0;
    let mut reader_left = false;
    while !reader_left {
        let read = match source.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if waited_for(&error, &source, PollFlags::IN) => continue,
            Err(error) => {
                return Err(StreamError::new(format!("cannot read the stream for {name}"), error));
            }
        };
        let mut rest = buffer.get(..read).unwrap_or_default();
        while !rest.is_empty() && !reader_left {
            match (&mut &*target).write(rest) {
                Ok(taken) => {
                    let (written, unwritten) = rest.split_at(taken.min(rest.len()));
                    hash.update(written);
                    bytes += written.len() as u64;
                    rest = unwritten;
                }
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => reader_left = true,
                Err(error) if waited_for(&error, target, PollFlags::OUT) => {}
                Err(error) => return Err(StreamError::new(format!("cannot write {name}"), error)),
            }
        }
    }
    let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(KeptBytes { bytes, sha256, reader_left })
}

/// Returns whether the error only means "not now", after waiting until the descriptor is ready. Another
/// process that shares the descriptor may have made it non-blocking.
fn waited_for(error: &io::Error, file: &File, ready: PollFlags) -> bool {
    match error.kind() {
        io::ErrorKind::Interrupted => true,
        io::ErrorKind::WouldBlock => {
            // If the wait fails, the next attempt says why.
            let _ = poll(&mut [PollFd::new(file, ready)], None);
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::thread;

    use super::*;
    use crate::stream::{pipe, set_nonblocking};

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    /// Returns a pipe that holds these bytes and then ends.
    fn pipe_with(bytes: Vec<u8>) -> OwnedFd {
        let (reader, writer) = pipe().unwrap();
        thread::spawn(move || File::from(writer).write_all(&bytes));
        reader
    }

    #[tokio::test]
    async fn a_file_is_new_private_and_checksummed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kept");
        let mut keeper = keep(pipe_with(b"abc".to_vec()), SinkTarget::File(path.clone())).unwrap();
        let kept = KeptBytes { bytes: 3, sha256: ABC.into(), reader_left: false };
        assert_eq!(keeper.done().await, Ok(kept.clone()));
        assert_eq!(keeper.done().await, Ok(kept));
        assert_eq!(std::fs::read(&path).unwrap(), b"abc");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let again = keep(pipe_with(Vec::new()), SinkTarget::File(path)).err().unwrap();
        assert!(again.what.starts_with("cannot create `"), "{again}");
    }

    #[tokio::test]
    async fn a_descriptor_takes_everything_even_if_it_does_not_block() {
        let bytes: Vec<u8> = (0..2_000_000).map(|index| (index % 253) as u8).collect();
        let (reader, writer) = pipe().unwrap();
        set_nonblocking(&writer).unwrap();
        let mut keeper = keep(pipe_with(bytes.clone()), SinkTarget::Fd(writer)).unwrap();
        let read = thread::spawn(move || {
            let mut all = Vec::new();
            File::from(reader).read_to_end(&mut all).map(|_| all)
        });
        let kept = keeper.done().await.unwrap();
        assert_eq!((kept.bytes, kept.reader_left), (2_000_000, false));
        assert!(read.join().unwrap().unwrap() == bytes);
    }

    #[tokio::test]
    async fn a_reader_that_leaves_is_no_error() {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let mut keeper = keep(pipe_with(vec![7; 1000]), SinkTarget::Fd(writer)).unwrap();
        let kept = keeper.done().await.unwrap();
        assert_eq!((kept.bytes, kept.reader_left), (0, true));
    }

    #[tokio::test]
    #[cfg(target_os = "linux")]
    async fn a_full_disk_is_an_error_that_says_so() {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut keeper = keep(pipe_with(vec![7; 1000]), SinkTarget::Fd(full.into())).unwrap();
        insta::assert_snapshot!(
            keeper.done().await.unwrap_err(),
            @"cannot write the output: No space left on device (os error 28)"
        );
    }
}
