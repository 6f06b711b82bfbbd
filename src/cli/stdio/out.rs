//! The writing end of a standard stream, which other processes may share and may have made non-blocking.

use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::Standard;
use super::patience::Patience;

/// A pipe that is ready takes at least this much: a write of this length after `poll` does not block.
#[cfg(not(target_vendor = "apple"))]
const PIECE: usize = 4096;
#[cfg(target_vendor = "apple")]
const PIECE: usize = 512;

/// How often a waiting write checks whether it may wait longer.
const LOOK: Duration = Duration::from_millis(50);

/// Writes without a buffer. If there is no room it waits, also if the open file is non-blocking (a flag that
/// other processes share, so that it must not be changed). A signal can end every wait.
#[derive(Debug)]
pub(in crate::cli) struct Out {
    fd: OwnedFd,
    /// Whether a write returns when there is no room, so that it may be of any length.
    returns: bool,
    patience: &'static Patience,
}

impl Out {
    /// Returns a standard stream. For much output it is opened anew, non-blocking for this process alone, if
    /// the system allows that.
    pub(super) fn of(standard: Standard, patience: &'static Patience) -> io::Result<Self> {
        let fd = match standard {
            Standard::Output => io::stdout().as_fd().try_clone_to_owned(),
            Standard::Error => io::stderr().as_fd().try_clone_to_owned(),
        }?;
        Ok(Self::new(fd, patience))
    }

    fn new(fd: OwnedFd, patience: &'static Patience) -> Self {
        match opened_again(&fd) {
            Some(own) => Self { fd: own, returns: true, patience },
            None => Self { fd, returns: false, patience },
        }
    }

    /// Waits until there is room or the reader is gone.
    fn wait(&self) -> io::Result<()> {
        loop {
            let since = Instant::now();
            let mut ends = [PollFd::new(&self.fd, PollFlags::OUT)];
            let look = Timespec { tv_sec: 0, tv_nsec: LOOK.subsec_nanos().into() };
            match poll(&mut ends, Some(&look)) {
                Ok(0) | Err(Errno::INTR) => self.patience.waited(since.elapsed()),
                Ok(_) => {
                    self.patience.waited(since.elapsed());
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            }
            if self.patience.is_over() {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "its reader does not read"));
            }
        }
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = if self.returns { bytes } else { bytes.get(..PIECE).unwrap_or(bytes) };
        if !self.returns {
            self.wait()?;
        }
        loop {
            match rustix::io::write(&self.fd, piece) {
                Ok(count) => return Ok(count),
                Err(Errno::AGAIN) => self.wait()?,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns the same pipe or terminal, opened once more so that writes to it return instead of waiting. Not
/// every system and not every owner allows that; nothing else has a place from which it could be opened.
#[cfg(target_os = "linux")]
fn opened_again(fd: &OwnedFd) -> Option<OwnedFd> {
    use std::os::fd::AsRawFd;

    use rustix::fs::{FileType, Mode, OFlags};

    let kind = FileType::from_raw_mode(rustix::fs::fstat(fd).ok()?.st_mode);
    if !matches!(kind, FileType::Fifo | FileType::CharacterDevice) {
        return None;
    }
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    rustix::fs::open(format!("/proc/self/fd/{}", fd.as_raw_fd()), flags, Mode::empty()).ok()
}

#[cfg(not(target_os = "linux"))]
fn opened_again(_: &OwnedFd) -> Option<OwnedFd> {
    None
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read as _;

    use super::*;

    fn patience() -> &'static Patience {
        Box::leak(Box::new(Patience::new()))
    }

    /// Returns a pipe, by each way of writing to it, with the reading end.
    fn ways(patience: &'static Patience) -> [(Out, File); 2] {
        [true, false].map(|returns| {
            let (reader, writer) = io::pipe().unwrap();
            let out = match returns {
                true => Out::new(writer.into(), patience),
                false => Out { fd: writer.into(), returns, patience },
            };
            assert_eq!(out.returns, returns);
            (out, OwnedFd::from(reader).into())
        })
    }

    #[test]
    fn everything_arrives_however_full_the_pipe_is() {
        let text = vec![b'x'; 1 << 20];
        for (mut out, mut reader) in ways(patience()) {
            // As a neighbour may have done to the open file.
            rustix::io::ioctl_fionbio(&out.fd, true).unwrap();
            let wanted = text.clone();
            let writer = std::thread::spawn(move || out.write_all(&wanted).unwrap());
            let mut read = Vec::new();
            reader.read_to_end(&mut read).unwrap();
            writer.join().unwrap();
            assert_eq!(read.len(), text.len());
        }
    }

    #[test]
    fn a_pipe_that_stays_full_is_given_up_once_the_patience_is_over() {
        let patience = patience();
        for (mut out, _reader) in ways(patience) {
            let writer = std::thread::spawn(move || out.write_all(&vec![b'x'; 1 << 20]));
            patience.shorten(15);
            patience.shorten(15);
            assert_eq!(writer.join().unwrap().unwrap_err().kind(), io::ErrorKind::TimedOut);
        }
    }

    #[test]
    fn a_reader_that_leaves_and_a_full_disk_are_errors() {
        for (mut out, reader) in ways(patience()) {
            drop(reader);
            assert_eq!(out.write_all(b"x").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        }
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut out = Out::new(full.into(), patience());
        assert_eq!(out.write_all(b"x").unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
}
