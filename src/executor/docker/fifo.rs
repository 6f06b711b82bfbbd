//! The lane by named pipes: the container's shell opens them, and bytes never touch the engine.
//!
//! Before its script the shell opens all of them and writes a single byte to its stderr. Until that byte has come nothing of
//! the step has run, so that whoever waits for it may give up at any time and start the step in another way.

use std::fs::{OpenOptions, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::sync::watch;
use tokio::time::{interval, sleep, timeout};

use super::container::{Container, Handle, Traffic, no_program};
use super::create::{self, Command};
use super::{Shared, container_name, script_words};
use crate::executor::{
    ContainerSpec, EngineError, Exit, Inlet, MountFrom, MountSpec, Presence, RunningStep, StartError,
    StdinSpec, StepSpec,
};
use crate::pipeline::Lane;
use crate::reaper::Reaper;

/// Where the container sees its pipes.
const THERE: &str = "/run/pipe";
/// How long a started container may take to open them.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long somebody waits at most who opens a pipe that has nobody at its other end.
const ROUND: Duration = Duration::from_millis(20);

/// Why a step was not started this way.
pub(super) enum Failure {
    /// It cannot be started in any way.
    Start(StartError),
    /// It may be started in another way: why this one does not work.
    Lane(String),
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Self::Start(error)
    }
}

/// Runs the rest of its words in a shell of their own, and tells how that ended, which the engine does only when it has
/// taken the container apart. A signal to all is for the others to heed: who tells must not die of it.
const TELL: &str = r#"trap : HUP INT QUIT TERM; exec 3>"$0/end" && { sh -c "$@" 3>&-; code=$?; echo $code >&3; exit $code; }"#;
/// The longest that it tells: a number to 255, and a newline.
const MOST_DIGITS: u64 = 4;
/// How a shell tells of a killed program.
const KILLED: i32 = 137;
/// How the opening ends where the step's program is not in the image.
const NO_PROGRAM: i32 = 125;
/// How what the engine puts before every program ends where there is no shell.
const NO_SHELL: i32 = 127;

/// Starts an attempt whose streams are named pipes.
pub(super) async fn start(
    shared: &Arc<Shared>,
    spec: &StepSpec,
    container: &ContainerSpec,
    image: &str,
    presence: &Presence,
) -> Result<RunningStep, Failure> {
    let Some(words) = script_words(&spec.program) else {
        return Err(Failure::Lane("the step has no shell".into()));
    };
    let pipes = Pipes::make(&shared.fifo_dir, spec).map_err(unusable)?;
    let mounts = pipes.mounts(spec);
    let mut ends = pipes.open(spec, &shared.reaper).map_err(unusable)?;

    let opening = opening(spec);
    let first = ["sh", "-c", TELL, THERE, &opening, THERE].map(str::to_owned);
    let program = words.first().cloned().unwrap_or_default();
    let command = Command {
        entrypoint: Some(first.into_iter().chain(words).collect()),
        arguments: Some(Vec::new()),
        attached: false,
        has_stdin: false,
        mounts,
    };
    let mut network = shared.networks.join(shared, container.network.as_deref(), image, spec).await?;
    let lease = network.lease.take();
    let body = create::body(shared, spec, container, image, network, command)?;
    let name = container_name(&shared.labels, spec, "-f");
    let platform = container.image.platform.as_deref();
    let mut created = Container::create(shared, name, &spec.name, platform, body, Some(presence)).await?;
    created.occupy(lease);
    let to_inputs = created.keep(Some(std::mem::take(&mut ends.inputs)));
    created.start(image).await?;

    let (stopping, _) = watch::channel(false);
    let (end, is_heeded) = (ends.end.take(), !shared.engine.is_podman());
    let exit = created.watch(Traffic::default(), async move { told(end).await.filter(|_| is_heeded) });
    handshake(&created, (image, &program), &mut ends, exit.clone()).await?;
    let Ends { stdout, stderr, pipes, .. } = ends;
    shared.later(pipes.let_in(created.gone()));
    let stderr = stderr.into_blocking_fd().map_err(unusable)?;
    let (stdin, inputs) = apart(to_inputs.release().unwrap_or_default());
    let handle = Box::new(Handle { container: created, exit, stopping });
    Ok(RunningStep { stdin, inputs, stdout, stderr, lane: Some(Lane::Fifo), handle })
}

/// Opens the pipes, says so, and becomes the step's program, `"$@"`. `exec` of a pipe that is not there ends the shell, and
/// every shell has an `echo` of its own.
fn opening(spec: &StepSpec) -> String {
    let stdin = if spec.stdin == StdinSpec::Null { "</dev/null" } else { r#"<"$0/in""# };
    let others = spec.inputs.iter().map(|input| format!(r#" {0}<"$0/in{0}""#, input.number));
    let others: String = others.collect();
    format!(
        r#"command -v "$1" >/dev/null || exit 125; exec {stdin}{others} >"$0/out" 2>"$0/err" && echo >&2 && exec "$@""#
    )
}

/// Stdin, and the others by their numbers.
fn apart(inputs: Vec<(u32, Inlet)>) -> (Option<Inlet>, Vec<(u32, Inlet)>) {
    let (stdin, others): (Vec<_>, Vec<_>) = inputs.into_iter().partition(|(number, _)| *number == 0);
    (stdin.into_iter().next().map(|(_, inlet)| inlet), others)
}

/// What a step reads, each with its number and the name of its pipe.
fn read_by(spec: &StepSpec) -> impl Iterator<Item = (u32, String, &StdinSpec)> {
    let others = spec.inputs.iter().map(|input| (input.number, format!("in{}", input.number), &input.from));
    std::iter::once((0, "in".to_owned(), &spec.stdin)).chain(others)
}

/// Waits until the container has opened all pipes. When this fails its script has not begun, nor can it begin any more,
/// unless the step itself is to blame.
async fn handshake(
    container: &Container,
    (image, program): (&str, &str),
    ends: &mut Ends,
    mut exit: watch::Receiver<Option<Result<Exit, EngineError>>>,
) -> Result<(), Failure> {
    let is_late = tokio::select! {
        biased;
        opened = ends.opened() => return opened.map_err(unusable),
        _ = exit.wait_for(Option::is_some) => false,
        () = sleep(PATIENCE) => true,
    };
    if is_late {
        container.kill("SIGKILL").await.map_err(StartError::Engine)?;
        let _ = exit.wait_for(Option::is_some).await;
    }
    // The byte may have come in the last moment, and then the script has begun.
    let opened = matches!(timeout(Duration::ZERO, ends.opened()).await, Ok(Ok(())));
    let how = exit.borrow().clone();
    match (opened, how) {
        (true, _) if is_late => {
            Err(StartError::Step("its container was too slow to open its named pipes".into()).into())
        }
        (true, _) => Ok(()),
        (false, Some(Err(error))) => Err(StartError::Engine(error).into()),
        (false, _) if is_late => Err(Failure::Lane("no container opens them".into())),
        (false, Some(Ok(Exit::Code(NO_SHELL)))) => Err(StartError::Step(no_program(image, "sh")).into()),
        (false, Some(Ok(Exit::Code(NO_PROGRAM)))) => Err(StartError::Step(no_program(image, program)).into()),
        (false, _) => Err(Failure::Lane("a container could not open them".into())),
    }
}

/// What the container itself tells of its end. Nothing, where it did not come to that, and of the end that want of memory
/// makes, which only the engine can tell from others.
async fn told(end: Option<pipe::Receiver>) -> Option<i32> {
    let mut text = String::new();
    end?.take(MOST_DIGITS).read_to_string(&mut text).await.ok()?;
    text.strip_suffix('\n')?.parse().ok().filter(|code| *code != KILLED)
}

fn unusable(error: io::Error) -> Failure {
    Failure::Lane(format!("named pipes cannot be made: {error}"))
}

/// A folder with named pipes; it goes when this does.
struct Pipes {
    dir: PathBuf,
    /// The names of those that the container reads.
    inputs: Vec<String>,
}

impl Pipes {
    fn make(parent: &Path, spec: &StepSpec) -> io::Result<Self> {
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
    fn mounts(&self, spec: &StepSpec) -> Vec<MountSpec> {
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
    fn open(self, spec: &StepSpec, reaper: &Reaper) -> io::Result<Ends> {
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
    async fn let_in(self, gone: impl Future<Output = ()>) {
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
struct Ends {
    /// To what the container reads, by number; 0 is its stdin.
    inputs: Vec<(u32, Inlet)>,
    stdout: OwnedFd,
    stderr: pipe::Receiver,
    /// Where the container tells how it ended.
    end: Option<pipe::Receiver>,
    /// The ends of the other side, until that has opened them itself.
    held: Option<([pipe::Sender; 2], Vec<OwnedFd>)>,
    pipes: Pipes,
}

impl Ends {
    /// Waits for the byte that says that the container has opened all pipes.
    async fn opened(&mut self) -> io::Result<()> {
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
        timeout(PATIENCE, pipes.let_in(all)).await.expect("somebody still waits");
        assert!(!dir.exists());
    }
}
