//! The lane through the engine: one connection that carries all three streams.

use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::Arc;

use bollard::container::LogOutput;
use bollard::query_parameters::AttachContainerOptionsBuilder;
use futures::{Stream, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::unix::pipe;
use tokio::sync::watch;

use super::container::{Container, Handle};
use super::create::{self, Command};
use super::engine::{Engine, is_connection};
use super::{Shared, container_name};
use crate::executor::{ContainerSpec, EngineError, RunningStep, StartError, StdinSpec, StepSpec};
use crate::pipeline::Lane;

/// Bytes taken at once from a step's stdin.
const PIECE: usize = 64 << 10;

type Input = Pin<Box<dyn AsyncWrite + Send>>;
type Output = Pin<Box<dyn Stream<Item = Result<LogOutput, bollard::errors::Error>> + Send>>;

/// Starts an attempt whose streams go through the engine. The container is attached to before it is started, so that
/// nothing it says is missed.
pub(super) async fn start(
    shared: &Arc<Shared>,
    spec: &StepSpec,
    container: &ContainerSpec,
    image: &str,
) -> Result<RunningStep, StartError> {
    let failed =
        |error: io::Error| EngineError::new(format!("cannot make a pipe for step `{}`", spec.name), error);
    let (stdin, source) = stdin(spec)?;
    let (stdout, out) = ends().map_err(failed)?;
    let (stderr, err) = ends().map_err(failed)?;

    let command = Command::attached(&spec.program, source.is_some());
    let network = shared.networks.join(shared, container.network.as_deref(), &spec.name).await?;
    let body = create::body(shared, spec, container, image, network, command)?;
    let name = container_name(&shared.labels, spec, "");
    let created =
        Container::create(shared, name, &spec.name, container.image.platform.as_deref(), body).await?;
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
    created.start(image).await?;

    let (abandon, abandoned) = watch::channel(false);
    let broken = Arc::new(tokio::sync::Notify::new());
    let outputs = tokio::spawn(outputs(
        attached.output,
        (out, err),
        shared.engine.clone(),
        abandoned.clone(),
        Arc::clone(&broken),
    ));
    if let Some(source) = source {
        tokio::spawn(input(source, attached.input, abandoned));
    } else {
        drop(attached.input);
    }
    let exit = created.watch(Box::pin(async move {
        outputs
            .await
            .unwrap_or_else(|error| Err(EngineError::new("the outputs of a container were lost", error)))
    }));
    hang_up(shared, created.name(), broken, exit.clone());
    let handle = Handle { container: created, exit, abandon };
    Ok(RunningStep { stdin, stdout, stderr, lane: Some(Lane::Attach), handle: Box::new(handle) })
}

/// A program whose stdout nobody reads any more is told so, as by the kernel on the host.
fn hang_up(
    shared: &Arc<Shared>,
    name: &str,
    broken: Arc<tokio::sync::Notify>,
    mut exit: watch::Receiver<Option<Result<crate::executor::Exit, EngineError>>>,
) {
    let (shared, name) = (Arc::clone(shared), name.to_owned());
    tokio::spawn(async move {
        let ended = async { exit.wait_for(Option::is_some).await.is_ok() };
        tokio::select! {
            () = broken.notified() => {
                let options = bollard::query_parameters::KillContainerOptionsBuilder::default().signal("SIGPIPE");
                // It may have ended meanwhile, or take no notice; either is its own affair.
                let _ = shared.engine.docker().kill_container(&name, Some(options.build())).await;
            }
            _ = ended => {}
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
async fn input(mut source: Source, mut input: Input, mut abandoned: watch::Receiver<bool>) {
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
    tokio::select! {
        // The container has ended or has closed its stdin: there is nobody to tell.
        _ = pass => {}
        _ = abandoned.wait_for(|abandoned| *abandoned) => {}
    }
}

/// Takes a container's outputs apart until the connection ends, which is when all of them have been passed on.
async fn outputs(
    mut output: Output,
    (out, err): (pipe::Sender, pipe::Sender),
    engine: Engine,
    mut abandoned: watch::Receiver<bool>,
    broken: Arc<tokio::sync::Notify>,
) -> Result<(), EngineError> {
    let (mut out, mut err) = (Some(out), Some(err));
    loop {
        let next = tokio::select! {
            next = output.next() => next,
            _ = abandoned.wait_for(|abandoned| *abandoned) => return Ok(()),
        };
        let piece = match next {
            None => return Ok(()),
            Some(Err(error)) => return Err(engine.lost(&error)),
            Some(Ok(piece)) => piece,
        };
        let (sink, bytes, is_out) = match piece {
            LogOutput::StdOut { message } => (&mut out, message, true),
            LogOutput::StdErr { message } => (&mut err, message, false),
            LogOutput::StdIn { .. } => continue,
            LogOutput::Console { message } => {
                return Err(EngineError::new(
                    "the engine cut off a container's output",
                    format!("{} bytes came without their header or without their end", message.len()),
                ));
            }
        };
        let Some(sender) = sink else { continue };
        let written = tokio::select! {
            written = sender.write_all(&bytes) => written,
            _ = abandoned.wait_for(|abandoned| *abandoned) => return Ok(()),
        };
        if written.is_err() {
            *sink = None;
            if is_out {
                broken.notify_one();
            }
        }
    }
}
