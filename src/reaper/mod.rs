//! The reaper: a small process that outlives `pipe` by a moment, if `pipe` is killed.
//!
//! ```text
//!   pipe ── a socket: what there is, what has gone ──▶ reaper
//!     │  └─ a bell: read it now ───────────────────────▶  │
//!     ╳ SIGKILL                                           │ end-of-file, and no farewell before it
//!                                                         ▼
//!                        kill processes · remove containers and networks · remove files · let go of streams
//! ```
//!
//! `pipe` gives into its care whatever would be left behind: before a thing is made, so that no moment is too early to
//! die. Each such [`Charge`] is taken back when the thing has properly gone. The reaper does nothing but listen until
//! the socket closes, which is when `pipe` ends, in whatever way.
//!
//! It also holds a second writing end of each reader's pipe, and so no reader sees an end of its stream when `pipe` is
//! killed: the stream's pipes close only when the reaper ends, and by then the readers are dead. When a stream ends as
//! it should, the reaper is told to let go in the same moment; nobody waits for its answer, since the readers see the
//! end only when both have let go. What nobody waits for lies unread until there is more of it (`wire`).
//!
//! It has a session of its own, no terminal, none of `pipe`'s standard streams, and stands in `/`. Signals that ask for
//! an end mean `pipe`, not it. If it cannot be started, or dies, the run goes on without it.

mod message;
mod processes;
mod serve;
mod wire;

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use self::message::{Message, Thing};
pub use self::serve::serve;
use self::wire::Outbox;

/// The first argument of a `pipe` that is a reaper.
pub const WORD: &str = "__reaper";

/// How long the reaper may leave a message lying. One that is slower is stuck, and worse than none.
const PATIENCE: Duration = Duration::from_secs(2);

/// A way to the reaper of this process. Cheap to clone. The default is a way to nobody, and everything that is given
/// into its care is on its own.
#[derive(Debug, Clone, Default)]
pub struct Reaper {
    line: Option<Arc<Line>>,
}

#[derive(Debug)]
struct Line {
    outbox: Mutex<Outbox>,
    child: Mutex<Child>,
    next: AtomicU64,
    lost: AtomicBool,
}

/// Something in the reaper's care, until this is dropped.
#[derive(Debug, Default)]
pub struct Charge {
    line: Option<Arc<Line>>,
    key: u64,
    /// Whether somebody waits for the reaper to let go of it.
    is_awaited: bool,
}

impl Reaper {
    /// Starts the reaper of this process. It is this program itself, whose `main` has to look for [`WORD`] and to call
    /// [`serve`].
    ///
    /// # Errors
    /// If there is no process or descriptor to be had.
    pub fn start() -> io::Result<Self> {
        let (socket, its_end) = UnixStream::pair()?;
        let (its_bell, bell) = io::pipe()?;
        socket.set_write_timeout(Some(PATIENCE))?;
        let mut command = Command::new(own_program()?);
        // Its own environment must not look like that of a step: of a run that this process is a step of.
        for name in std::env::vars_os().map(|(name, _)| name).filter(is_a_steps) {
            command.env_remove(name);
        }
        command
            .arg0("pipe")
            .arg(WORD)
            .stdin(OwnedFd::from(its_end))
            .stdout(its_bell)
            .stderr(Stdio::null())
            .current_dir("/")
            .process_group(0);
        let outbox = Mutex::new(Outbox::new(socket, bell)?);
        let child = Mutex::new(command.spawn()?);
        let (next, lost) = (AtomicU64::new(0), AtomicBool::new(false));
        Ok(Self { line: Some(Arc::new(Line { outbox, child, next, lost })) })
    }

    /// Processes that are about to be started: all that have this entry in their environment or one of these pipes open, and
    /// what they start.
    pub fn processes<'f>(&self, mark: &OsStr, pipes: impl IntoIterator<Item = &'f OwnedFd>) -> Charge {
        let pipes = pipes.into_iter().filter_map(|pipe| Some(rustix::fs::fstat(pipe).ok()?.st_ino)).collect();
        self.take_care(Thing::Processes { mark: mark.to_owned(), pipes }, None)
    }

    /// A pipe that must not end if this process is killed, at its writing end.
    pub fn pipe(&self, end: impl AsFd) -> Charge {
        self.take_care(Thing::Pipe, Some(end.as_fd()))
    }

    /// A file or folder that is about to be made, and is of no use to anybody but this run. Its path is absolute.
    pub fn path(&self, path: &Path) -> Charge {
        self.take_care(Thing::Path(path.to_owned()), None)
    }

    /// Containers and networks, by all the labels that they have in common.
    pub fn labels(&self, labels: &[String]) -> Charge {
        self.take_care(Thing::Labels(labels.to_vec()), None)
    }

    /// This process is about to end as it should, and has seen to everything itself, but for processes that are still in
    /// the reaper's care.
    pub fn farewell(&self) {
        if let Some(line) = &self.line {
            line.send(&Message::Farewell, None, false);
        }
    }

    /// The id of the reaper's process.
    pub fn id(&self) -> Option<u32> {
        let child = &self.line.as_ref()?.child;
        Some(child.lock().unwrap_or_else(PoisonError::into_inner).id())
    }

    fn take_care(&self, thing: Thing, end: Option<BorrowedFd<'_>>) -> Charge {
        let Some(line) = &self.line else { return Charge::default() };
        let key = line.next.fetch_add(1, Ordering::Relaxed);
        let is_awaited = matches!(thing, Thing::Pipe);
        line.send(&Message::Care { key, thing }, end, false);
        Charge { line: Some(Arc::clone(line)), key, is_awaited }
    }
}

impl Charge {
    /// The processes have been started: the first of them leads a group of its own, and is not reaped before this charge
    /// is dropped.
    pub fn lead_by(&self, pid: i32) {
        if let Some(line) = &self.line {
            let started = processes::started(pid).unwrap_or_default();
            line.send(&Message::Lead { key: self.key, pid, started }, None, false);
        }
    }

    /// Leaves it in the reaper's care for as long as this process lives.
    pub fn for_good(mut self) {
        self.line = None;
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        if let Some(line) = &self.line {
            line.send(&Message::Gone { key: self.key }, None, self.is_awaited);
        }
    }
}

impl Line {
    fn send(&self, message: &Message, end: Option<BorrowedFd<'_>>, at_once: bool) {
        let mut outbox = self.outbox.lock().unwrap_or_else(PoisonError::into_inner);
        if self.lost.load(Ordering::Relaxed) {
            return;
        }
        if let Err(error) = outbox.send(message, end, at_once) {
            self.lost.store(true, Ordering::Relaxed);
            if error.kind() != io::ErrorKind::BrokenPipe {
                // What it knows is not true any more, and it must not act on it.
                let _ = self.child.lock().unwrap_or_else(PoisonError::into_inner).kill();
            }
        }
    }
}

/// The program of this process, also if its file has been replaced or removed meanwhile.
fn own_program() -> io::Result<OsString> {
    let linux = Path::new("/proc/self/exe");
    if cfg!(target_os = "linux") && linux.exists() {
        return Ok(linux.into());
    }
    Ok(std::env::current_exe()?.into())
}

/// Whether a variable tells a step what it is.
fn is_a_steps(name: &OsString) -> bool {
    name.as_encoded_bytes().starts_with(b"PIPE_")
}
