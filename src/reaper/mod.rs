//! The reaper: a small process that cleans up if `pipe` is killed.
//!
//! ```text
//!   pipe ── a socket: what exists, what is gone ──▶ reaper
//!     │                                               │
//!     ╳ SIGKILL                                       │ end of the connection without a clean exit before it
//!                                                     ▼
//!                    kill processes · remove containers and networks · remove files · close pipes
//! ```
//!
//! `pipe` registers every resource that would be left behind *before* it makes it, so that it may be killed
//! at any moment. Dropping the [`Registration`] releases the resource, once it is gone or is to stay. The
//! reaper reads messages until the connection closes, which is when `pipe` ends in whatever way, and only
//! then acts.
//!
//! The reaper also holds a second writing end of each reader's pipe. Without it the readers of a killed
//! `pipe` would see end-of-file in the middle of their stream. The reaper closes these ends when it exits,
//! after it has killed the readers. When a stream ends properly, `pipe` releases the end and closes its own;
//! the readers see end-of-file once both are closed.
//!
//! In the same way it holds the locks of the run: the one that says that the run is cleaned up, and the names
//! of `concurrency`. A run that comes after a killed one finds them free once nothing of that is left.
//!
//! The reaper has a session of its own, no terminal, none of `pipe`'s standard streams, and `/` as its
//! working directory. It ignores the signals that ask a program to end, which are for `pipe`. If it cannot be
//! started, or dies, the run goes on without it.

mod message;
mod serve;
mod wire;

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
#[cfg(target_os = "linux")]
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tracing::debug;

use self::message::{Message, Resource};
pub use self::serve::serve;
use crate::processes::{self, leave_session};

/// The first argument of a `pipe` that is a reaper.
pub const SUBCOMMAND: &str = processes::REAPER_SUBCOMMAND;

/// How long a message may wait for room in the socket. A reaper that does not read for so long is stuck, and
/// would block the run.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection to the reaper of this process. Cheap to clone. The default has no reaper, and registers
/// nothing.
#[derive(Debug, Clone, Default)]
pub struct Reaper {
    connection: Option<Arc<Connection>>,
}

#[derive(Debug)]
struct Connection {
    socket: Mutex<UnixStream>,
    child: Mutex<Child>,
    next: AtomicU64,
    is_lost: AtomicBool,
}

/// A resource that the reaper cleans up if `pipe` is killed; dropping this releases it.
#[derive(Debug, Default)]
pub struct Registration {
    connection: Option<Arc<Connection>>,
    key: u64,
}

impl Reaper {
    /// Starts the reaper of this process. It is this program itself, whose `main` has to look for
    /// [`SUBCOMMAND`] and to call [`serve`].
    ///
    /// # Errors
    /// If the system has no process or descriptor left.
    pub fn start() -> io::Result<Self> {
        let (socket, its_end) = UnixStream::pair()?;
        socket.set_write_timeout(Some(PATIENCE))?;
        let mut command = Command::new(own_program()?);
        // If this process is itself a step of a run, the reaper must not be found and killed as a process of
        // that step.
        for name in std::env::vars_os().map(|(name, _)| name).filter(is_a_steps) {
            command.env_remove(name);
        }
        command
            .arg0("pipe")
            .arg(SUBCOMMAND)
            .stdin(OwnedFd::from(its_end))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .current_dir("/");
        // Signals of the terminal, and the end of the session, are for `pipe` alone.
        leave_session(&mut command);
        let child = command.spawn()?;
        debug!(pid = child.id(), "reaper: started");
        let (next, is_lost) = (AtomicU64::new(0), AtomicBool::new(false));
        let connection = Connection { socket: Mutex::new(socket), child: Mutex::new(child), next, is_lost };
        Ok(Self { connection: Some(Arc::new(connection)) })
    }

    /// Registers the processes of an attempt before they are started: those with `mark` (`NAME=VALUE`) in
    /// their environment or with one of these pipes open, by inode, and their descendants.
    pub fn processes(&self, mark: &OsStr, pipes: &[u64]) -> Registration {
        self.register(Resource::Processes { mark: mark.to_owned(), pipes: pipes.to_owned() }, None)
    }

    /// Registers a descriptor that must not close before all else is cleaned up if this process is killed: the
    /// writing end of a pipe, or a file with a lock.
    pub fn hold(&self, descriptor: impl AsFd) -> Registration {
        self.register(Resource::Descriptor, Some(descriptor.as_fd()))
    }

    /// Registers a file or directory that only this run uses, by its absolute path.
    pub fn path(&self, path: &Path) -> Registration {
        self.register(Resource::Path(path.to_owned()), None)
    }

    /// Registers the files that a step may make, until they are known to be complete. `encode` gives the
    /// argument for the `undo` of [`serve`].
    pub fn products(&self, encode: impl FnOnce() -> Vec<u8>) -> Registration {
        match self.connection {
            Some(_) => self.register(Resource::Products(encode()), None),
            None => Registration::default(),
        }
    }

    /// Registers the containers and networks that have all these labels, each `NAME=VALUE`.
    pub fn labels(&self, labels: &[String]) -> Registration {
        self.register(Resource::Labels(labels.to_vec()), None)
    }

    /// Announces that this process is about to exit and has cleaned up itself. The reaper then kills only
    /// processes that are still registered.
    pub fn clean_exit(&self) {
        if let Some(connection) = &self.connection {
            debug!("reaper: clean exit");
            connection.send(&Message::CleanExit, None);
        }
    }

    /// Returns the process id of the reaper.
    pub fn id(&self) -> Option<u32> {
        Some(self.connection.as_ref()?.child.lock().id())
    }

    fn register(&self, resource: Resource, end: Option<BorrowedFd<'_>>) -> Registration {
        let Some(connection) = &self.connection else { return Registration::default() };
        let key = connection.next.fetch_add(1, Ordering::Relaxed);
        debug!(key, kind = resource.word(), "reaper: register");
        connection.send(&Message::Register { key, resource }, end);
        Registration { connection: Some(Arc::clone(connection)), key }
    }
}

impl Registration {
    /// Names the first process of registered processes: it leads a process group, was started at `started` in
    /// kernel ticks, and is not waited for before this registration is dropped.
    pub fn set_leader(&self, pid: i32, started: &str) {
        if let Some(connection) = &self.connection {
            debug!(key = self.key, pid, "reaper: set leader");
            let started = started.to_owned();
            connection.send(&Message::SetLeader { key: self.key, pid, started }, None);
        }
    }

    /// Keeps the resource registered for the rest of this process's life.
    pub fn leak(mut self) {
        self.connection = None;
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if let Some(connection) = &self.connection {
            debug!(key = self.key, "reaper: release");
            connection.send(&Message::Release { key: self.key }, None);
        }
    }
}

impl Connection {
    fn send(&self, message: &Message, end: Option<BorrowedFd<'_>>) {
        let socket = self.socket.lock();
        if self.is_lost.load(Ordering::Relaxed) {
            return;
        }
        if let Err(error) = wire::send(&*socket, message, end) {
            debug!(%error, "reaper: lost");
            self.is_lost.store(true, Ordering::Relaxed);
            if error.kind() != io::ErrorKind::BrokenPipe {
                // Its registry is out of date from now on, and it must not act on it.
                let _ = self.child.lock().kill();
            }
        }
    }
}

/// Returns the program of this process, also if its file has been replaced or removed. Where `/proc` does not
/// show this process, it is the path that the kernel started it by.
fn own_program() -> io::Result<OsString> {
    let linux = Path::new("/proc/self/exe");
    if cfg!(target_os = "linux") && linux.exists() {
        return Ok(linux.into());
    }
    std::env::current_exe().map(Into::into).or_else(|error| started_by().ok_or(error))
}

#[cfg(target_os = "linux")]
fn started_by() -> Option<OsString> {
    let path = OsStr::from_bytes(rustix::param::linux_execfn().to_bytes());
    Path::new(path).canonicalize().ok().map(Into::into)
}

#[cfg(not(target_os = "linux"))]
fn started_by() -> Option<OsString> {
    None
}

/// Returns whether `pipe` sets this variable for its steps.
fn is_a_steps(name: &OsString) -> bool {
    name.as_encoded_bytes().starts_with(b"PIPE_")
}
