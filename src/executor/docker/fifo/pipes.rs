//! The named pipes of an attempt, and this side's ends of them.

use std::fs::{OpenOptions, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use tokio::net::unix::pipe;
use tokio::time::interval;

use super::THERE;
use crate::executor::{Inlet, MountFrom, MountSpec, StdinSpec, StepSpec};
use crate::reaper::Reaper;

/// How long somebody waits at most who opens a pipe that has nobody at its other end.
const ROUND: Duration = Duration::from_millis(20);

/// A folder with named pipes; it goes when this does.
pub(super) struct Pipes {
    dir: PathBuf,
    /// The names of those that the container reads.
    inputs: Vec<String>,
}

impl Pipes {
    pub(super) fn make(parent: &Path, spec: &StepSpec) -> io::Result<Self> {
        let dir = parent.join(format!("{}-{}", spec.name, spec.attempt));
        std::fs::create_dir(&dir)?;
        let inputs = read_by(spec).filter(|(_, _, from)| **from == StdinSpec::Pipe);
        let pipes = Self { dir, inputs: inputs.map(|(_, name, _)| name).collect() };
        // Whoever the container's program runs as may open them; on this machine the folder above keeps others out.
        std::fs::set_permissions(&pipes.dir, Permissions::from_mode(0o711))?;
        for name in ["out", "err", "end"] {
            make_fifo(&pipes.dir.join(name))?;
        }
        for (_, name, from) in read_by(spec) {
            match from {
                StdinSpec::Null => {}
                StdinSpec::Pipe => make_fifo(&pipes.dir.join(name))?,
                // A file is mounted over it.
                StdinSpec::File(_) => drop(std::fs::File::create(pipes.dir.join(name))?),
            }
        }
        Ok(pipes)
    }

    /// The container sees the folder, and stored streams as if they were pipes of it.
    pub(super) fn mounts(&self, spec: &StepSpec) -> Vec<MountSpec> {
        let folder =
            MountSpec { source: MountFrom::Path(self.dir.clone()), target: THERE.into(), read_only: false };
        let files = read_by(spec).filter_map(|(_, name, from)| match from {
            StdinSpec::File(path) => Some(MountSpec {
                source: MountFrom::Path(path.clone()),
                target: format!("{THERE}/{name}"),
                read_only: true,
            }),
            _ => None,
        });
        std::iter::once(folder).chain(files).collect()
    }

    /// Opens this side's ends, none of which waits for the other side. The folder must stay until it has opened its own.
    pub(super) fn open(self, spec: &StepSpec, reaper: &Reaper) -> io::Result<Ends> {
        let (mut inputs, mut readers) = (Vec::new(), Vec::new());
        for (number, name, _) in read_by(spec).filter(|(_, _, from)| **from == StdinSpec::Pipe) {
            let path = self.dir.join(name);
            // As long as somebody reads, opening to write does not fail; the container's shell is not there yet.
            let reader: OwnedFd = open_without_waiting(&path)?;
            let writer = OpenOptions::new().write(true).open(&path)?;
            let end = OwnedFd::from(writer);
            let held = reaper.pipe(&end);
            inputs.push((number, Inlet { end, held }));
            readers.push(reader);
        }
        let stdout = open_without_waiting(&self.dir.join("out"))?;
        rustix::io::ioctl_fionbio(&stdout, false)?;
        let both = |name| {
            let path = self.dir.join(name);
            let reader = pipe::OpenOptions::new().open_receiver(&path)?;
            // As long as somebody writes, nothing to read is no end.
            Ok::<_, io::Error>((reader, pipe::OpenOptions::new().open_sender(&path)?))
        };
        let ((stderr, held), (end, held_end)) = (both("err")?, both("end")?);
        let held = Some(([held, held_end], readers));
        Ok(Ends { inputs, stdout, stderr, end: Some(end), held, pipes: self })
    }

    /// Lets late ones in, as long as there is the container. To open `/dev/stdin` or `/dev/fd/3` there is to open the named pipe
    /// again, and that waits for somebody at its other end, who may have left for good: a stream has its end, or nobody
    /// reads it any more. Nothing tells that somebody waits; so this opens the other ends every now and then, for a moment,
    /// of which those who have the pipe open notice nothing.
    pub(super) async fn let_in(self, gone: impl Future<Output = ()>) {
        let mut gone = pin!(gone);
        let mut rounds = interval(ROUND);
        loop {
            tokio::select! {
                () = &mut gone => break,
                _ = rounds.tick() => self.open_for_a_moment(),
            }
        }
    }

    fn open_for_a_moment(&self) {
        for name in &self.inputs {
            // It fails where nobody reads, and then nobody waits either.
            drop(without_waiting(OpenOptions::new().write(true), &self.dir.join(name)));
        }
        drop(open_without_waiting(&self.dir.join("out")));
    }
}

impl Drop for Pipes {
    fn drop(&mut self) {
        // What cannot be removed goes with the run's folder.
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// This side's ends.
pub(super) struct Ends {
    /// To what the container reads, by number; 0 is its stdin.
    pub(super) inputs: Vec<(u32, Inlet)>,
    pub(super) stdout: OwnedFd,
    pub(super) stderr: pipe::Receiver,
    /// Where the container tells how it ended.
    pub(super) end: Option<pipe::Receiver>,
    /// The ends of the other side, until that has opened them itself.
    held: Option<([pipe::Sender; 2], Vec<OwnedFd>)>,
    pub(super) pipes: Pipes,
}

impl Ends {
    /// Waits for the byte that says that the container has opened all pipes.
    pub(super) async fn opened(&mut self) -> io::Result<()> {
        let mut byte = [0];
        loop {
            self.stderr.readable().await?;
            match self.stderr.try_read(&mut byte) {
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

/// What a step reads, each with its number and the name of its pipe.
fn read_by(spec: &StepSpec) -> impl Iterator<Item = (u32, String, &StdinSpec)> {
    let others = spec.inputs.iter().map(|input| (input.number, format!("in{}", input.number), &input.from));
    std::iter::once((0, "in".to_owned(), &spec.stdin)).chain(others)
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
    // Whatever the caller's mask says.
    std::fs::set_permissions(path, Permissions::from_mode(0o666))
}

/// The engine of a Mac runs in a machine of its own, which opens no pipe of this one.
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

    /// Opens something in a thread, which may take for ever; tells that it is open.
    fn opened(options: &OpenOptions, path: PathBuf) -> oneshot::Receiver<io::Result<File>> {
        let (tell, told) = oneshot::channel();
        let options = options.clone();
        std::thread::spawn(move || tell.send(options.open(path)));
        told
    }

    #[tokio::test]
    async fn who_opens_a_pipe_that_has_nobody_at_its_other_end_is_let_in() {
        let dir = tempfile::tempdir().unwrap().keep();
        let path = |name: &str| dir.join(name);
        ["in", "in3", "out"].into_iter().for_each(|name| make_fifo(&path(name)).unwrap());
        let pipes = Pipes { dir: dir.clone(), inputs: vec!["in".into(), "in3".into()] };
        let reading = OpenOptions::new().read(true).clone();
        let late = [
            opened(&reading, path("in")),
            opened(&reading, path("in3")),
            opened(OpenOptions::new().write(true), path("out")),
        ];
        let all = async {
            futures::future::join_all(late).await.into_iter().for_each(|it| drop(it.unwrap().unwrap()))
        };
        tokio::time::timeout(PATIENCE, pipes.let_in(all)).await.expect("somebody still waits");
        assert!(!dir.exists());
    }
}
