//! The named pipes of an attempt, and this side's ends of them.

use std::fs::{OpenOptions, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::unix::pipe;
use tokio::sync::Notify;
use tokio::time::interval;

use super::THERE;
use super::closings::{Closings, Side};
use crate::executor::{
    InputPipe, InputSource, InputSpec, Keepalive, MountFrom, MountSpec, StdoutSpec, StepSpec,
};
use crate::reaper::Reaper;

/// Longest time that opening a FIFO in the container can block.
const ROUND: Duration = Duration::from_millis(20);

/// A directory with named pipes; dropping this removes it.
pub(in super::super) struct Pipes {
    dir: PathBuf,
    /// The names of those that the container reads.
    inputs: Vec<String>,
    /// Whether its stdout is a stream.
    is_stream: bool,
    /// Notified once this side has closed an end, after which opening that pipe in the container may block.
    closed: Arc<Notify>,
}

impl Pipes {
    pub(in super::super) fn make(parent: &Path, spec: &StepSpec) -> io::Result<Self> {
        let dir = parent.join(format!("{}-{}", spec.name, spec.attempt));
        std::fs::create_dir(&dir)?;
        let inputs = spec.inputs.iter().filter(|input| input.source == InputSource::Pipe);
        let inputs = inputs.map(name).collect();
        let is_stream = spec.stdout == StdoutSpec::Stream;
        let pipes = Self { dir, inputs, is_stream, closed: Arc::default() };
        // The container's program may run as any user. On this machine the parent directory keeps other users
        // out.
        std::fs::set_permissions(&pipes.dir, Permissions::from_mode(0o711))?;
        for name in ["log", "end"].into_iter().chain(is_stream.then_some("out")) {
            make_fifo(&pipes.dir.join(name))?;
        }
        for input in &spec.inputs {
            let path = pipes.dir.join(name(input));
            match &input.source {
                InputSource::Pipe => make_fifo(&path)?,
                // A mount point for the stored stream.
                InputSource::File(_) => drop(std::fs::File::create(path)?),
            }
        }
        Ok(pipes)
    }

    /// Returns the directory.
    pub(in super::super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns the mounts of the container: this directory, and stored streams over files in it.
    pub(super) fn mounts(&self, spec: &StepSpec) -> Vec<MountSpec> {
        let folder =
            MountSpec { source: MountFrom::Path(self.dir.clone()), target: THERE.into(), read_only: false };
        let files = spec.inputs.iter().filter_map(|input| match &input.source {
            InputSource::File(path) => Some(MountSpec {
                source: MountFrom::Path(path.clone()),
                target: format!("{THERE}/{}", name(input)),
                read_only: true,
            }),
            InputSource::Pipe => None,
        });
        std::iter::once(folder).chain(files).collect()
    }

    /// Opens this side's ends without waiting for the container. The directory must stay until the container
    /// has opened its own.
    pub(in super::super) fn open(
        self,
        spec: &StepSpec,
        reaper: &Reaper,
        closings: Option<&Closings>,
    ) -> io::Result<Ends> {
        let (mut inputs, mut readers) = (Vec::new(), Vec::new());
        for input in &spec.inputs {
            if input.source != InputSource::Pipe {
                inputs.push(None);
                continue;
            }
            let path = self.dir.join(name(input));
            // Without a reader, opening for writing would fail; the container's shell does not run yet.
            let reader: OwnedFd = open_without_waiting(&path)?;
            let writer = OpenOptions::new().write(true).open(&path)?;
            self.watch(&path, Side::Writing, closings);
            let fd = OwnedFd::from(writer);
            inputs.push(Some(InputPipe { keepalive: Keepalive::new(reaper.hold(&fd)), fd }));
            readers.push(reader);
        }
        let out = self.dir.join("out");
        let stdout = self.is_stream.then(|| open_without_waiting(&out)).transpose()?;
        if let Some(stdout) = &stdout {
            self.watch(&out, Side::Reading, closings);
            rustix::io::ioctl_fionbio(stdout, false)?;
        }
        let both = |name| {
            let path = self.dir.join(name);
            let reader = pipe::OpenOptions::new().open_receiver(&path)?;
            // As long as there is a writer, an empty pipe is not at its end.
            Ok::<_, io::Error>((reader, pipe::OpenOptions::new().open_sender(&path)?))
        };
        let ((log, held), (end, held_end)) = (both("log")?, both("end")?);
        let held = Some(([held, held_end], readers));
        Ok(Ends { inputs, stdout, log, end: Some(end), held, pipes: self })
    }

    /// Has the closing of this side's end noticed. Where it cannot be, late opens are unblocked from the
    /// start.
    fn watch(&self, pipe: &Path, side: Side, closings: Option<&Closings>) {
        let is_watched = closings.is_some_and(|closings| closings.watch(pipe, side, &self.closed).is_ok());
        if !is_watched {
            self.closed.notify_one();
        }
    }

    /// Unblocks late opens until the container is gone. In the container, opening `/dev/stdin` or `/dev/fd/3`
    /// opens the FIFO again, and blocks until that has a peer. This side is the peer until it closes its end,
    /// because the stream has ended or has no reader any more. After that nothing tells of an open that
    /// blocks, so this opens and closes its end every 20 ms; programs that have the pipe open already do not
    /// notice.
    pub(in super::super) async fn unblock_late_opens(self, gone: impl Future<Output = ()>) {
        let mut gone = pin!(gone);
        tokio::select! {
            () = &mut gone => return,
            () = self.closed.notified() => {}
        }
        let mut rounds = interval(ROUND);
        loop {
            tokio::select! {
                () = &mut gone => return,
                _ = rounds.tick() => self.open_for_a_moment(),
            }
        }
    }

    fn open_for_a_moment(&self) {
        for name in &self.inputs {
            // Without a reader this fails, and then no open blocks either.
            drop(without_waiting(OpenOptions::new().write(true), &self.dir.join(name)));
        }
        if self.is_stream {
            drop(open_without_waiting(&self.dir.join("out")));
        }
    }
}

impl Drop for Pipes {
    fn drop(&mut self) {
        // If this fails, the directory goes with that of the run.
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// This side's ends.
pub(in super::super) struct Ends {
    /// The writing ends of the container's inputs, in the order of the spec; nothing for a stored stream.
    pub(in super::super) inputs: Vec<Option<InputPipe>>,
    /// The reading end of its stdout, if that is a stream.
    pub(in super::super) stdout: Option<OwnedFd>,
    pub(in super::super) log: pipe::Receiver,
    /// Where the container reports its exit code.
    pub(in super::super) end: Option<pipe::Receiver>,
    /// The container's ends, until it has opened them itself.
    held: Option<([pipe::Sender; 2], Vec<OwnedFd>)>,
    pub(in super::super) pipes: Pipes,
}

impl Ends {
    /// Waits for the byte by which the container reports that it has opened all pipes.
    pub(super) async fn opened(&mut self) -> io::Result<()> {
        let mut byte = [0];
        loop {
            self.log.readable().await?;
            match self.log.try_read(&mut byte) {
                Ok(1) => break,
                Ok(_) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        self.held = None;
        Ok(())
    }
}

/// Returns the name of an input's pipe in the directory.
pub(in super::super) fn name(input: &InputSpec) -> String {
    format!("in{}", input.fd)
}

fn open_without_waiting(path: &Path) -> io::Result<OwnedFd> {
    without_waiting(OpenOptions::new().read(true), path)
}

fn without_waiting(options: &mut OpenOptions, path: &Path) -> io::Result<OwnedFd> {
    let flags = rustix::fs::OFlags::NONBLOCK.bits();
    let flags = i32::try_from(flags).map_err(io::Error::other)?;
    Ok(options.custom_flags(flags).open(path)?.into())
}

#[cfg(not(target_vendor = "apple"))]
fn make_fifo(path: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o666), 0)?;
    // The caller's umask may have taken bits away.
    std::fs::set_permissions(path, Permissions::from_mode(0o666))
}

/// The engine of a Mac runs in a virtual machine, which cannot open a FIFO of the Mac.
#[cfg(target_vendor = "apple")]
fn make_fifo(_: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, not(target_vendor = "apple")))]
mod tests {
    use std::fs::File;

    use tokio::sync::oneshot;

    use super::super::PATIENCE;
    use super::*;

    /// Opens a file in a thread, which may block; the receiver gets it.
    fn opened(options: &OpenOptions, path: PathBuf) -> oneshot::Receiver<io::Result<File>> {
        let (tell, told) = oneshot::channel();
        let options = options.clone();
        std::thread::spawn(move || tell.send(options.open(path)));
        told
    }

    #[tokio::test]
    async fn an_open_without_a_peer_is_unblocked_once_an_end_is_closed() {
        let dir = tempfile::tempdir().unwrap().keep();
        let path = |name: &str| dir.join(name);
        ["in", "in3", "out"].into_iter().for_each(|name| make_fifo(&path(name)).unwrap());
        let (inputs, closed) = (vec!["in".into(), "in3".into()], Arc::new(Notify::new()));
        let pipes = Pipes { dir: dir.clone(), inputs, is_stream: true, closed: Arc::clone(&closed) };
        let reading = OpenOptions::new().read(true).clone();
        let late = [
            opened(&reading, path("in")),
            opened(&reading, path("in3")),
            opened(OpenOptions::new().write(true), path("out")),
        ];
        let all = async {
            futures::future::join_all(late).await.into_iter().for_each(|it| drop(it.unwrap().unwrap()))
        };
        closed.notify_one();
        tokio::time::timeout(PATIENCE, pipes.unblock_late_opens(all)).await.expect("an open still blocks");
        assert!(!dir.exists());
    }
}
