//! What comes out of a pipe, kept: in a file, or sent on to wherever `--out` points, with its size and checksum.

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

/// What one read asks for.
const CHUNK: usize = 128 * 1024;

/// Where a kept stream goes.
#[derive(Debug)]
pub enum Target {
    /// A new file, for the owner's eyes only. Its folder exists and it does not.
    File(PathBuf),
    /// Standard output, or what was opened already: a file, a device, a named pipe.
    Fd(OwnedFd),
}

impl Target {
    /// Standard output.
    pub fn stdout() -> io::Result<Self> {
        Ok(Self::Fd(io::stdout().as_fd().try_clone_to_owned()?))
    }

    /// Something that is there already and no plain file: a device, or a named pipe, whose reader has to be there too.
    pub fn open(path: &Path) -> io::Result<Self> {
        // Without NONBLOCK this would wait for a reader, and nobody could interrupt it.
        let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        match rustix::fs::open(path, flags, Mode::empty()) {
            Ok(fd) => Ok(Self::Fd(fd)),
            Err(Errno::NXIO) => Err(io::Error::other("nobody reads this named pipe")),
            Err(error) => Err(error.into()),
        }
    }

    /// Nowhere: only the checksum is wanted.
    pub fn nowhere() -> io::Result<Self> {
        Ok(Self::Fd(OpenOptions::new().write(true).open("/dev/null")?.into()))
    }

    /// A new plain file, with the permissions that files of this user have.
    pub fn create(path: &Path) -> io::Result<Self> {
        Ok(Self::Fd(File::create_new(path)?.into()))
    }
}

/// What was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// How many bytes the target took.
    pub bytes: u64,
    /// Their SHA-256, in lower-case hexadecimal digits.
    pub sha256: String,
    /// The target is a pipe whose reader left before the end.
    pub reader_left: bool,
}

/// A thread that reads a pipe to its end and keeps what it reads.
///
/// When it ends early, for an error or a reader that left, it closes the pipe, like any reader of a stream. Dropping the
/// keeper does not end the thread; the end of the pipe does.
pub struct Keeper {
    task: Task<Result<Kept, StreamError>>,
}

impl Keeper {
    /// Waits for the end of the pipe. Fails if the target takes no more, a full disk for example; what it has taken
    /// stays there. May be cancelled and asked again.
    pub async fn done(&mut self) -> Result<Kept, StreamError> {
        self.task.answer().await?.clone()
    }
}

/// Starts to keep what comes out of `source`. Fails if the file cannot be created, or there is no thread to be had.
pub fn keep(source: OwnedFd, target: Target) -> Result<Keeper, StreamError> {
    let (name, target) = match target {
        Target::Fd(fd) => ("the output".to_owned(), File::from(fd)),
        Target::File(path) => {
            let name = format!("`{}`", path.display());
            let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
            let file = file.map_err(|error| StreamError::new(format!("cannot create {name}"), error))?;
            (name, file)
        }
    };
    let task = Task::spawn(name.clone(), move || copy(source.into(), &target, &name))?;
    Ok(Keeper { task })
}

fn copy(mut source: File, target: &File, name: &str) -> Result<Kept, StreamError> {
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
    Ok(Kept { bytes, sha256, reader_left })
}

/// Whether the error only says "not now"; waits for the end of that. Others who share a descriptor may have made it
/// non-blocking.
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

    /// A pipe that holds these bytes and then ends.
    fn pipe_with(bytes: Vec<u8>) -> OwnedFd {
        let (reader, writer) = pipe().unwrap();
        thread::spawn(move || File::from(writer).write_all(&bytes));
        reader
    }

    #[tokio::test]
    async fn a_file_is_new_private_and_checksummed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kept");
        let mut keeper = keep(pipe_with(b"abc".to_vec()), Target::File(path.clone())).unwrap();
        let kept = Kept { bytes: 3, sha256: ABC.into(), reader_left: false };
        assert_eq!(keeper.done().await, Ok(kept.clone()));
        assert_eq!(keeper.done().await, Ok(kept));
        assert_eq!(std::fs::read(&path).unwrap(), b"abc");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let again = keep(pipe_with(Vec::new()), Target::File(path)).err().unwrap();
        assert!(again.what.starts_with("cannot create `"), "{again}");
    }

    #[tokio::test]
    async fn a_descriptor_takes_everything_even_if_it_does_not_block() {
        let bytes: Vec<u8> = (0..2_000_000).map(|index| (index % 253) as u8).collect();
        let (reader, writer) = pipe().unwrap();
        set_nonblocking(&writer).unwrap();
        let mut keeper = keep(pipe_with(bytes.clone()), Target::Fd(writer)).unwrap();
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
        let mut keeper = keep(pipe_with(vec![7; 1000]), Target::Fd(writer)).unwrap();
        let kept = keeper.done().await.unwrap();
        assert_eq!((kept.bytes, kept.reader_left), (0, true));
    }

    #[tokio::test]
    #[cfg(target_os = "linux")]
    async fn a_full_disk_is_an_error_that_says_so() {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut keeper = keep(pipe_with(vec![7; 1000]), Target::Fd(full.into())).unwrap();
        insta::assert_snapshot!(
            keeper.done().await.unwrap_err(),
            @"cannot write the output: No space left on device (os error 28)"
        );
    }
}
