//! The lane through the engine: one connection that carries all three streams.

use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bollard::container::LogOutput;
use bollard::query_parameters::AttachContainerOptionsBuilder;
use futures::{Stream, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::unix::pipe;
use tokio::sync::watch;

use super::container::{Container, Handle, Traffic};
use super::create::{self, Command};
use super::engine::{Engine, is_connection};
use super::init::Opening;
use super::{Shared, container_name};
use crate::executor::{
    ContainerSpec, EngineError, Inlet, Presence, RunningStep, StartError, StdinSpec, StepSpec,
};
use crate::pipeline::Lane;
use crate::reaper::Charge;

/// Bytes taken at once from a step's stdin.
const PIECE: usize = 64 << 10;

/// How long a piece of what a stopped container says may take to reach whoever listens.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// More than lies between a container and here at any time.
const ON_THE_WAY: usize = 16 << 20;

type Input = Pin<Box<dyn AsyncWrite + Send>>;
type Output = Pin<Box<dyn Stream<Item = Result<LogOutput, bollard::errors::Error>> + Send>>;

/// Starts an attempt whose streams go through the engine. The container is attached to before it is started, so that
/// nothing it says is missed.
pub(super) async fn start(
    shared: &Arc<Shared>,
    spec: &StepSpec,
    container: &ContainerSpec,
    image: &str,
    presence: &Presence,
) -> Result<RunningStep, StartError> {
    let failed =
        |error: io::Error| EngineError::new(format!("cannot make a pipe for step `{}`", spec.name), error);
    let (stdin, source) = stdin(spec)?;
    let (stdout, out) = ends().map_err(failed)?;
    let (stderr, err) = ends().map_err(failed)?;

    let command = Command::attached(&spec.program, source.is_some());
    let mut network = shared.networks.join(shared, container.network.as_deref(), image, spec).await?;
    let lease = network.lease.take();
    let body = create::body(shared, spec, container, image, network, command)?;
    let name = container_name(&shared.labels, spec, "");
    let platform = container.image.platform.as_deref();
    let mut created = Container::create(shared, name, &spec.name, platform, body, Some(presence)).await?;
    let options = AttachContainerOptionsBuilder::default()
        .stream(true)
        .stdin(source.is_some())
        .stdout(true)
        .stderr(true)
        .build();
    let attached = shared.engine.docker().attach_container(created.name(), Some(options)).await;
    let attached = attached.map_err(|error| match is_connection(&error) {
        true => StartError::Engine(shared.engine.lost(&error)),
        false => {
            EngineError::new(format!("cannot attach to the container of step `{}`", spec.name), error).into()
        }
    })?;
    created.occupy(lease);
    let to_stdin = created.keep(source.is_some().then_some(attached.input));
    created.start(image).await?;

    let (unread, noticed) = watch::channel(None);
    let (stopping, asked) = watch::channel(false);
    let mut traffic = Traffic::default();
    let sinks = Sinks { out: Some(out), err: Some(err), unread, stopping: asked, image: image.to_owned() };
    traffic.outputs.spawn(outputs(attached.output, sinks, shared.engine.clone()));
    if let (Some(source), Some(to_stdin)) = (source, to_stdin.release()) {
        traffic.input.spawn(input(source, to_stdin));
    }
    let exit = created.watch(traffic, std::future::ready(None));
    hang_up(shared, created.name(), noticed, exit.clone());
    let handle = Handle { container: created, exit, stopping };
    // The engine takes the end of this connection for an end of what the container reads, and nobody else can hold that.
    let stdin = stdin.map(|end| Inlet { end, held: Charge::default() });
    Ok(RunningStep {
        stdin,
        inputs: Vec::new(),
        stdout,
        stderr,
        lane: Some(Lane::Attach),
        handle: Box::new(handle),
    })
}

/// A program whose stdout nobody reads any more is told so, as by the kernel on the host. One that takes no notice would
/// write for ever: where the kernel would refuse its writes, an engine swallows them.
fn hang_up(
    shared: &Arc<Shared>,
    name: &str,
    mut unread: watch::Receiver<Option<usize>>,
    mut exit: watch::Receiver<Option<Result<crate::executor::Exit, EngineError>>>,
) {
    let (shared, name) = (Arc::clone(shared), name.to_owned());
    tokio::spawn(async move {
        let signal = async |signal: &str| {
            let options = bollard::query_parameters::KillContainerOptionsBuilder::default().signal(signal);
            // It may have ended meanwhile, which is its own affair.
            let _ = shared.engine.docker().kill_container(&name, Some(options.build())).await;
        };
        let told = async {
            let Ok(_) = unread.wait_for(Option::is_some).await else { return };
            signal("SIGPIPE").await;
            let before = unread.borrow().unwrap_or_default();
            let on_the_way = |unread: &Option<usize>| unread.unwrap_or_default() - before < ON_THE_WAY;
            if unread.wait_for(|unread| !on_the_way(unread)).await.is_ok() {
                signal("SIGKILL").await;
            }
        };
        tokio::select! {
            () = told => {}
            _ = exit.wait_for(Option::is_some) => {}
        }
    });
}

/// A pipe: the reading end for the caller, the writing one for a task.
fn ends() -> io::Result<(OwnedFd, pipe::Sender)> {
    let (reader, writer) = io::pipe()?;
    Ok((reader.into(), pipe::Sender::from_owned_fd(writer.into())?))
}

/// The writing end for the caller, and what the container reads.
fn stdin(spec: &StepSpec) -> Result<(Option<OwnedFd>, Option<Source>), StartError> {
    let failed =
        |error: io::Error| EngineError::new(format!("cannot make a pipe for step `{}`", spec.name), error);
    Ok(match &spec.stdin {
        StdinSpec::Null => (None, None),
        StdinSpec::Pipe => {
            let (reader, writer) = io::pipe().map_err(failed)?;
            let receiver = pipe::Receiver::from_owned_fd(reader.into()).map_err(failed)?;
            (Some(writer.into()), Some(Box::pin(receiver)))
        }
        StdinSpec::File(path) => {
            let file = std::fs::File::open(path).map_err(|error| {
                let what =
                    format!("cannot read {}, the stream kept for step `{}`", path.display(), spec.name);
                EngineError::new(what, error)
            })?;
            (None, Some(Box::pin(tokio::fs::File::from_std(file))))
        }
    })
}

type Source = Pin<Box<dyn AsyncRead + Send>>;

/// Takes bytes to the container's stdin. It sees the end when the source ends; when it takes no more, the source is let go,
/// so that whoever writes there knows.
async fn input(mut source: Source, mut input: Input) {
    let mut piece = vec![0; PIECE];
    let pass = async {
        loop {
            let count = source.read(&mut piece).await?;
            if count == 0 {
                return input.shutdown().await;
            }
            input.write_all(piece.get(..count).unwrap_or_default()).await?;
            input.flush().await?;
        }
    };
    // If it fails, the container has ended or has closed its stdin: there is nobody to tell.
    let _: io::Result<()> = pass.await;
}

/// Where a container's outputs go.
struct Sinks {
    out: Option<pipe::Sender>,
    err: Option<pipe::Sender>,
    /// Bytes that came on stdout after its reader had left.
    unread: watch::Sender<Option<usize>>,
    /// Whether the container was asked to end.
    stopping: watch::Receiver<bool>,
    image: String,
}

/// Takes a container's outputs apart until the connection ends, which is when all of them have been passed on.
///
/// It must not stop taking: as long as an engine cannot get rid of an output, it does not notice that its container has
/// ended, nor does it answer requests about it.
async fn outputs(mut output: Output, mut sinks: Sinks, engine: Engine) -> Result<(), EngineError> {
    let mut opening = Opening::default();
    while let Some(piece) = output.next().await {
        // Podman resets the connection of a container that has not read all of its stdin. Of one that was asked to end,
        // nothing more is wanted.
        let piece = match piece {
            Err(_) if *sinks.stopping.borrow() => return Ok(()),
            piece => piece.map_err(|error| engine.lost(&error))?,
        };
        match piece {
            LogOutput::StdOut { message } => {
                let refused = pass(&mut sinks.out, &message, &sinks.stopping).await.is_err();
                if refused || sinks.unread.borrow().is_some() {
                    sinks.unread.send_modify(|unread| *unread = Some(unread.unwrap_or(0) + message.len()));
                }
            }
            LogOutput::StdErr { message } => {
                let text = opening.take(&message, &sinks.image);
                // Nobody is told that nobody reads its log.
                let _ = pass(&mut sinks.err, &text, &sinks.stopping).await;
            }
            LogOutput::StdIn { .. } => {}
            LogOutput::Console { message } => {
                return Err(EngineError::new(
                    "the engine cut off a container's output",
                    format!("{} bytes came without their header or without their end", message.len()),
                ));
            }
        }
    }
    let _ = pass(&mut sinks.err, &opening.held, &sinks.stopping).await;
    Ok(())
}

/// Writes to somebody, until they have left. Nobody may take the bytes of a container that is being stopped: its stream has
/// been halted.
async fn pass(
    sink: &mut Option<pipe::Sender>,
    bytes: &[u8],
    stopping: &watch::Receiver<bool>,
) -> io::Result<()> {
    let Some(sender) = sink else { return Ok(()) };
    let mut stopping = stopping.clone();
    let nobody_takes_it = async {
        // A handle that is gone waits for nothing either.
        let _ = stopping.wait_for(|stopping| *stopping).await;
        tokio::time::sleep(LAST_WORDS).await;
    };
    let written = tokio::select! {
        written = sender.write_all(bytes) => written.map(|()| true),
        () = nobody_takes_it => Ok(false),
    };
    if !matches!(written, Ok(true)) {
        *sink = None;
    }
    written.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn nobody_has_to_take_what_a_stopped_container_says() {
        let (_reader, writer) = ends().unwrap();
        let (_stop, stopping) = watch::channel(true);
        let mut sink = Some(writer);
        pass(&mut sink, &vec![0; 4 << 20], &stopping).await.unwrap();
        assert!(sink.is_none(), "there was no room for it");
    }
}
