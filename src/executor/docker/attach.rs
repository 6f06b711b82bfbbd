//! The lane through the engine: one connection that carries all three streams.

use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bollard::container::LogOutput;
use bollard::query_parameters::KillContainerOptionsBuilder;
use futures::{Stream, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::unix::pipe;
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::debug;

use super::Shared;
use super::container::{Handle, Traffic};
use super::create::{self, Command};
use super::engine::Engine;
use super::farewell::{Mark, Unmark};
use super::init::Opening;
use crate::executor::{
    ContainerSpec, Exit, HoldGuard, InputPipe, InputSource, Keepalive, RunningStep, StartError, StdoutSpec,
    StepSpec, SystemError,
};
use crate::pipeline::Lane;

/// Bytes of one read from a step's stdin.
const PIECE: usize = 64 << 10;

/// How long to wait for a reader to take the last output of a stopped container.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Pause before another SIGCONT to a shell that has not ended.
const AGAIN: Duration = Duration::from_millis(100);
/// Upper bound on bytes in flight between a container and this process.
pub(super) const IN_FLIGHT: usize = 16 << 20;

/// The result of a container, once it has ended.
type Ending = watch::Receiver<Option<Result<Exit, SystemError>>>;
pub(super) type Input = Pin<Box<dyn AsyncWrite + Send>>;
pub(super) type Output = Pin<Box<dyn Stream<Item = Result<LogOutput, bollard::errors::Error>> + Send>>;

/// Starts an attempt whose streams go through the engine. Attaches to the container before it is started, so
/// that no output is missed.
pub(super) async fn start(
    shared: &Arc<Shared>,
    spec: &StepSpec,
    container: &ContainerSpec,
    image: &str,
    guard: &HoldGuard,
) -> Result<RunningStep, StartError> {
    let LocalEnds { stdin, source, stdout, stream, log, to_log } = LocalEnds::make(spec)?;
    let mark = Mark::of(spec).map_err(|error| no_pipe(spec, error))?;
    let command = Command::attached(spec, image, source.is_some(), mark.as_ref());
    let created = create::container(shared, spec, container, (image, ""), command, guard).await?;
    let attached = created.attach(source.is_some()).await?;
    let to_stdin = created.hold_open(source.is_some().then_some(attached.input));
    created.start(image).await?;

    let (unread, noticed) = watch::channel(None);
    let (heard, end) = watch::channel(false);
    let (stopping, asked) = watch::channel(false);
    let mut traffic = Traffic::default();
    let sinks = Sinks {
        is_stream: stream.is_some(),
        stream,
        log: Some(to_log),
        unread,
        stopping: asked,
        image: image.to_owned(),
        marks: [mark.as_ref(), mark.as_ref().filter(|_| spec.stdout == StdoutSpec::Stream)].map(Unmark::new),
        heard,
    };
    traffic.outputs.spawn(outputs(attached.output, sinks, shared.engine.clone()));
    if let (Some(source), Some(to_stdin)) = (source, to_stdin.release()) {
        traffic.input.spawn(input(source, to_stdin));
    }
    let exit = created.watch(traffic, std::future::ready(None));
    emulate_sigpipe(shared, created.name(), noticed, exit.clone());
    if mark.is_some() {
        resume_shell(shared, created.name(), end, exit.clone());
    }
    let handle = Handle { container: created, exit, stopping };
    // The engine treats the end of this connection as the end of the container's stdin, so the reaper cannot
    // keep that open.
    let stdin = stdin.map(|fd| InputPipe { keepalive: Keepalive::none(), fd });
    Ok(RunningStep {
        // This lane has no other input.
        inputs: spec.inputs.iter().zip([stdin]).map(|(_, stdin)| stdin).collect(),
        stdout,
        log,
        lane: Some(Lane::Attach),
        handle: Box::new(handle),
    })
}

/// Lets the shell of a container continue once the end of its outputs has arrived, or the connection has
/// ended. It may not have stopped itself yet, so SIGCONT is repeated until it has ended.
fn resume_shell(shared: &Arc<Shared>, name: &str, mut end: watch::Receiver<bool>, mut exit: Ending) {
    let (shared, name) = (Arc::clone(shared), name.to_owned());
    tokio::spawn(async move {
        tokio::select! {
            // A dropped sender means that all outputs have arrived.
            _ = end.wait_for(|heard| *heard) => {}
            _ = exit.wait_for(Option::is_some) => return,
        }
        loop {
            signal(&shared, &name, "SIGCONT").await;
            if timeout(AGAIN, exit.wait_for(Option::is_some)).await.is_ok() {
                return;
            }
        }
    });
}

/// Emulates SIGPIPE. The engine discards output without a reader, so this sends SIGPIPE to the container once
/// its stdout has lost its reader, and SIGKILL if it keeps writing.
fn emulate_sigpipe(
    shared: &Arc<Shared>,
    name: &str,
    mut unread: watch::Receiver<Option<usize>>,
    mut exit: Ending,
) {
    let (shared, name) = (Arc::clone(shared), name.to_owned());
    tokio::spawn(async move {
        let told = async {
            let Ok(_) = unread.wait_for(Option::is_some).await else { return };
            signal(&shared, &name, "SIGPIPE").await;
            let before = unread.borrow().unwrap_or_default();
            let in_flight = |unread: &Option<usize>| unread.unwrap_or_default() - before < IN_FLIGHT;
            if unread.wait_for(|unread| !in_flight(unread)).await.is_ok() {
                signal(&shared, &name, "SIGKILL").await;
            }
        };
        tokio::select! {
            () = told => {}
            _ = exit.wait_for(Option::is_some) => {}
        }
    });
}

/// Sends a signal to a container, which may have ended.
async fn signal(shared: &Shared, name: &str, signal: &str) {
    debug!(container = name, signal, "docker: signal container");
    let options = KillContainerOptionsBuilder::default().signal(signal).build();
    let _ = shared.engine.docker().kill_container(name, Some(options)).await;
}

/// The pipes between an attempt's streams and the connection that carries them: the caller's ends, and those of the
/// tasks that move the bytes.
pub(super) struct LocalEnds {
    pub(super) stdin: Option<OwnedFd>,
    pub(super) source: Option<Source>,
    pub(super) stdout: Option<OwnedFd>,
    pub(super) stream: Option<pipe::Sender>,
    pub(super) log: OwnedFd,
    pub(super) to_log: pipe::Sender,
}

impl LocalEnds {
    pub(super) fn make(spec: &StepSpec) -> Result<Self, StartError> {
        let failed = |error: io::Error| no_pipe(spec, error);
        let (stdin, source) = stdin(spec)?;
        let (stdout, stream) = match spec.stdout {
            StdoutSpec::Stream => {
                ends().map(|(reader, writer)| (Some(reader), Some(writer))).map_err(failed)?
            }
            StdoutSpec::Log => (None, None),
        };
        let (log, to_log) = ends().map_err(failed)?;
        Ok(Self { stdin, source, stdout, stream, log, to_log })
    }
}

pub(super) fn no_pipe(spec: &StepSpec, error: io::Error) -> SystemError {
    SystemError::new(format!("cannot make a pipe for step `{}`", spec.name), error)
}

/// Makes a pipe: the reading end for the caller, the writing end for a task.
fn ends() -> io::Result<(OwnedFd, pipe::Sender)> {
    let (reader, writer) = io::pipe()?;
    Ok((reader.into(), pipe::Sender::from_owned_fd(writer.into())?))
}

/// Returns the writing end for the caller, and the source of the container's stdin.
fn stdin(spec: &StepSpec) -> Result<(Option<OwnedFd>, Option<Source>), StartError> {
    let failed = |error: io::Error| no_pipe(spec, error);
    Ok(match spec.stdin() {
        None => (None, None),
        Some(InputSource::Pipe) => {
            let (reader, writer) = io::pipe().map_err(failed)?;
            let receiver = pipe::Receiver::from_owned_fd(reader.into()).map_err(failed)?;
            (Some(writer.into()), Some(Box::pin(receiver)))
        }
        Some(InputSource::File(path)) => {
            let file = std::fs::File::open(path).map_err(|error| {
                let what =
                    format!("cannot read {}, the stream kept for step `{}`", path.display(), spec.name);
                SystemError::new(what, error)
            })?;
            (None, Some(Box::pin(tokio::fs::File::from_std(file))))
        }
    })
}

pub(super) type Source = Pin<Box<dyn AsyncRead + Send>>;

/// Copies bytes to the container's stdin, and closes it when the source ends. When the container takes no
/// more, the source is closed, so that its writer gets EPIPE.
pub(super) async fn input(mut source: Source, mut input: Input) {
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
    // An error means that the container has ended or closed its stdin, which is not a failure.
    let _: io::Result<()> = pass.await;
}

/// Where a container's outputs go.
pub(super) struct Sinks {
    /// Whether its stdout is a stream; else it goes into the log.
    pub(super) is_stream: bool,
    /// The stream, as long as it has a reader.
    pub(super) stream: Option<pipe::Sender>,
    pub(super) log: Option<pipe::Sender>,
    /// Bytes that came on stdout after its reader had left.
    pub(super) unread: watch::Sender<Option<usize>>,
    /// Whether the container was asked to end.
    pub(super) stopping: watch::Receiver<bool>,
    pub(super) image: String,
    /// The marks of the ends of stdout and stderr.
    pub(super) marks: [Unmark; 2],
    /// Told when all marks have come.
    pub(super) heard: watch::Sender<bool>,
}

/// Demultiplexes a container's outputs until the connection ends. Returns whether all of them were passed on,
/// as far as that can be known.
///
/// It must not stop reading: an engine that cannot deliver an output does not notice the end of the
/// container, and does not answer requests about it.
pub(super) async fn outputs(
    mut output: Output,
    mut sinks: Sinks,
    engine: Engine,
) -> Result<bool, SystemError> {
    let mut opening = Opening::default();
    while let Some(piece) = output.next().await {
        // Podman resets the connection of a container that has not read all of its stdin. Of one that was
        // asked to end, nothing more is wanted.
        let piece = match piece {
            Err(_) if *sinks.stopping.borrow() => return Ok(true),
            piece => piece.map_err(|error| engine.lost(error))?,
        };
        match piece {
            LogOutput::StdOut { message } => {
                let message = sinks.marks[0].take(&message);
                let sink = if sinks.is_stream { &mut sinks.stream } else { &mut sinks.log };
                let refused = pass(sink, &message, &sinks.stopping).await.is_err();
                if refused || sinks.unread.borrow().is_some() {
                    sinks.unread.send_modify(|unread| *unread = Some(unread.unwrap_or(0) + message.len()));
                }
            }
            LogOutput::StdErr { message } => {
                let message = sinks.marks[1].take(&message);
                let text = opening.take(&message, &sinks.image);
                // A closed log does not stop the container.
                let _ = pass(&mut sinks.log, &text, &sinks.stopping).await;
            }
            LogOutput::StdIn { .. } => {}
            LogOutput::Console { message } => {
                return Err(SystemError::new(
                    "the engine cut off a container's output",
                    format!("{} bytes came without their header or without their end", message.len()),
                ));
            }
        }
        if sinks.marks.iter().all(|mark| mark.is_ended) {
            sinks.heard.send_replace(true);
        }
    }
    let is_whole = sinks.marks.iter().all(|mark| mark.is_ended);
    let [stdout, stderr] = &mut sinks.marks;
    let (rest, more) = (stdout.rest(), stderr.rest());
    let sink = if sinks.is_stream { &mut sinks.stream } else { &mut sinks.log };
    let _ = pass(sink, &rest, &sinks.stopping).await;
    for text in [more, opening.held] {
        let _ = pass(&mut sinks.log, &text, &sinks.stopping).await;
    }
    Ok(is_whole || *sinks.stopping.borrow())
}

/// Writes to a sink until its reader is gone. After the container was told to stop, the reader may not take
/// the bytes any more: its stream has been halted.
async fn pass(
    sink: &mut Option<pipe::Sender>,
    bytes: &[u8],
    stopping: &watch::Receiver<bool>,
) -> io::Result<()> {
    let Some(sender) = sink else { return Ok(()) };
    let mut stopping = stopping.clone();
    let is_given_up = async {
        // A dropped handle is as good as a stop.
        let _ = stopping.wait_for(|stopping| *stopping).await;
        tokio::time::sleep(LAST_WORDS).await;
    };
    let written = tokio::select! {
        written = sender.write_all(bytes) => written.map(|()| true),
        () = is_given_up => Ok(false),
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
    async fn the_output_of_a_stopped_container_is_given_up_without_a_reader() {
        let (_reader, writer) = ends().unwrap();
        let (_stop, stopping) = watch::channel(true);
        let mut sink = Some(writer);
        pass(&mut sink, &vec![0; 4 << 20], &stopping).await.unwrap();
        assert!(sink.is_none(), "there was no room for it");
    }
}
