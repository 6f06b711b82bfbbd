//! The two ways to move bytes, behind one type.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::io::Errno;

use super::super::set_nonblocking;
use super::BackendChoice;
use super::copy::Copy;
use super::sink::{Pass, Sink};
use super::source::Source;
#[cfg(target_os = "linux")]
use super::splice::Splice;

/// The backend in use.
pub(super) enum Backend {
    #[cfg(target_os = "linux")]
    Splice(Splice),
    Copy(Copy),
}

impl Backend {
    /// Returns the backend to begin with for these sinks.
    #[cfg(target_os = "linux")]
    pub(super) fn choose(backend: BackendChoice, sinks: &[Arc<OwnedFd>]) -> io::Result<Self> {
        let is_pipe = |fd| {
            rustix::fs::fstat(fd)
                .is_ok_and(|stat| rustix::fs::FileType::from_raw_mode(stat.st_mode).is_fifo())
        };
        match backend {
            BackendChoice::Splice => Ok(Self::Splice(Splice::new()?)),
            // Splicing into a full socket would block the thread, whatever the flags say.
            BackendChoice::Auto if sinks.iter().all(is_pipe) => match Splice::new() {
                Ok(splice) => Ok(Self::Splice(splice)),
                Err(_) => Self::copy(sinks),
            },
            BackendChoice::Auto | BackendChoice::Copy => Self::copy(sinks),
        }
    }

    /// Returns the backend to begin with for these sinks.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn choose(backend: BackendChoice, sinks: &[Arc<OwnedFd>]) -> io::Result<Self> {
        match backend {
            BackendChoice::Splice => Err(Errno::NOSYS.into()),
            BackendChoice::Auto | BackendChoice::Copy => Self::copy(sinks),
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
