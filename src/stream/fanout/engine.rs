//! The two engines behind one face, and what they work on.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::io::Errno;

use super::super::set_nonblocking;
use super::Engine;
use super::copy::Copy;
use super::source::Source;
#[cfg(target_os = "linux")]
use super::splice::Splice;

/// A reader's pipe, as the thread sees it.
pub(super) struct Sink {
    /// Its position among the sinks at the start.
    pub(super) index: usize,
    pub(super) fd: Arc<OwnedFd>,
    /// How many bytes past the source's head it already has.
    pub(super) ahead: u64,
    /// How many bytes it has been given in all.
    pub(super) delivered: u64,
    /// The stream waits for room in this pipe.
    pub(super) full: bool,
    /// Its reader is gone.
    pub(super) left: bool,
}

impl Sink {
    pub(super) fn new(index: usize, fd: Arc<OwnedFd>) -> Self {
        Self { index, fd, ahead: 0, delivered: 0, full: false, left: false }
    }

    /// Books the result of an attempt to give it bytes: how many it took. A full pipe took none, a dead reader has left;
    /// neither is an error.
    pub(super) fn accept(&mut self, result: rustix::io::Result<usize>) -> Result<u64, Errno> {
        match result {
            Ok(bytes) => {
                self.delivered += bytes as u64;
                Ok(bytes as u64)
            }
            Err(Errno::AGAIN | Errno::INTR) => Ok(0),
            Err(Errno::PIPE | Errno::CONNRESET) => {
                self.left = true;
                Ok(0)
            }
            Err(error) => Err(error),
        }
    }
}

/// What one pass of an engine over the sinks came to.
pub(super) enum Pass {
    /// Something has changed; there may be more to do.
    Moved,
    /// Nothing can be done before the source has bytes, or ends.
    NeedsSource,
    /// Nothing can be done before a sink marked `full` has room.
    NeedsRoom,
    /// The source has ended and every sink has all of it.
    Ended,
}

/// The engine at work.
pub(super) enum Mechanism {
    #[cfg(target_os = "linux")]
    Splice(Splice),
    Copy(Copy),
}

impl Mechanism {
    /// The engine to begin with for these sinks.
    #[cfg(target_os = "linux")]
    pub(super) fn choose(engine: Engine, sinks: &[Arc<OwnedFd>]) -> io::Result<Self> {
        let is_pipe = |fd| {
            rustix::fs::fstat(fd)
                .is_ok_and(|stat| rustix::fs::FileType::from_raw_mode(stat.st_mode).is_fifo())
        };
        match engine {
            Engine::Splice => Ok(Self::Splice(Splice::new()?)),
            // Splicing into a full socket would block the thread, whatever the flags say.
            Engine::Auto if sinks.iter().all(is_pipe) => match Splice::new() {
                Ok(splice) => Ok(Self::Splice(splice)),
                Err(_) => Self::copy(sinks),
            },
            Engine::Auto | Engine::Copy => Self::copy(sinks),
        }
    }

    /// The engine to begin with for these sinks.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn choose(engine: Engine, sinks: &[Arc<OwnedFd>]) -> io::Result<Self> {
        match engine {
            Engine::Splice => Err(Errno::NOSYS.into()),
            Engine::Auto | Engine::Copy => Self::copy(sinks),
        }
    }

    /// Read and write, for these sinks.
    pub(super) fn copy<'a>(sinks: impl IntoIterator<Item = &'a Arc<OwnedFd>>) -> io::Result<Self> {
        for fd in sinks {
            set_nonblocking(fd)?;
        }
        Ok(Self::Copy(Copy::new()))
    }

    pub(super) fn splices(&self) -> bool {
        !matches!(self, Self::Copy(_))
    }

    /// Moves what can be moved now.
    pub(super) fn pass(&mut self, source: &mut Source, sinks: &mut [Sink]) -> Result<Pass, Errno> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Splice(splice) => splice.pass(source, sinks),
            Self::Copy(copy) => copy.pass(source, sinks),
        }
    }
}
