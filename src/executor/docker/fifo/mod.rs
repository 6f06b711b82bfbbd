//! The lane by named pipes: the container's shell opens them, and bytes never touch the engine.
//!
//! Before its script the shell opens all of them and writes a single byte to its stderr. Until that byte
//! arrives nothing of the step has run, so the start may be abandoned at any time, and the step started in
//! another way.

#[cfg_attr(not(target_os = "linux"), path = "unwatched.rs")]
mod closings;
pub(super) mod pipes;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

pub(super) use self::closings::Closings;
use self::pipes::{Ends, Pipes};
use super::Shared;
use super::container::{Handle, KILLED, Traffic};
use super::create::{self, Command, OUTPUTS, script_words};
use super::refusal::no_program;
use crate::executor::{
    ContainerSpec, Exit, HoldGuard, RunningStep, StartError, StdoutSpec, StepSpec, SystemError,
};
use crate::pipeline::Lane;

/// Where the container sees its pipes.
const THERE: &str = "/run/pipe";
/// Longest time from the start of a container until it has opened its pipes.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why a step was not started on this lane.
pub(super) enum Failure {
    /// The step cannot be started at all.
    Start(StartError),
    /// This lane does not work, for this reason; the other one may.
    Lane(String),
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Self::Start(error)
    }
}

/// A wrapper that runs the rest of its arguments in a shell and reports their exit code; the engine reports
/// it only after it has taken the container apart. The wrapper traps termination signals: it has to survive
/// the script to report its exit code.
const REPORT: &str = r#"trap : HUP INT QUIT TERM; exec 3>"$0/end" && { sh -c "$@" 3>&-; code=$?; echo $code >&3; exit $code; }"#;
/// Longest report of the wrapper: a number up to 255, and a newline.
const MOST_DIGITS: u64 = 4;
/// Exit code of [`opening`] if the image does not have the step's program.
const NO_PROGRAM: i32 = 125;
/// Exit code of the engine's init if the image has no shell.
const NO_SHELL: i32 = 127;

/// Starts an attempt whose streams are named pipes.
pub(super) async fn start(
    shared: &Arc<Shared>,
    spec: &StepSpec,
    container: &ContainerSpec,
    image: &str,
    guard: &HoldGuard,
) -> Result<RunningStep, Failure> {
    let Some(words) = script_words(spec) else {
        return Err(Failure::Lane("the step has no shell".into()));
    };
    let pipes = Pipes::make(&shared.fifo_dir, spec).map_err(unusable)?;
    let mounts = pipes.mounts(spec);
    let mut ends = pipes.open(spec, &shared.reaper, shared.closings()).map_err(unusable)?;

    let opening = opening(spec);
    let first = ["sh", "-c", REPORT, THERE, &opening, THERE].map(str::to_owned);
    let program = words.first().cloned().unwrap_or_default();
    let command = Command {
        entrypoint: Some(first.into_iter().chain(words).collect()),
        arguments: Some(Vec::new()),
        attached: false,
        has_stdin: false,
        mounts,
        outputs: OUTPUTS.into(),
    };
    let created = create::container(shared, spec, container, (image, "-f"), command, guard).await?;
    let to_inputs = created.hold_open(Some(std::mem::take(&mut ends.inputs)));
    created.start(image).await?;

    let (stopping, _) = watch::channel(false);
    let (end, is_used) = (ends.end.take(), !shared.engine.is_podman());
    let exit = created.watch(Traffic::default(), async move { reported(end).await.filter(|_| is_used) });
    let begin = Start { kill: created.kill("SIGKILL"), image, program: &program, not_begun: |_| None };
    handshake(begin, &mut ends, ended(exit.clone())).await?;
    let Ends { stdout, log, pipes, .. } = ends;
    shared.later(pipes.unblock_late_opens(created.gone()));
    let log = log.into_blocking_fd().map_err(unusable)?;
    let inputs = to_inputs.release().unwrap_or_default();
    let handle = Box::new(Handle { container: created, exit, stopping });
    Ok(RunningStep { inputs, stdout, log, lane: Some(Lane::Fifo), handle })
}

/// Returns a script that opens the pipes, reports it, and executes the step's program, `"$@"`. `exec` with a
/// pipe that does not exist ends the shell, and every shell has `echo` built in.
pub(super) fn opening(spec: &StepSpec) -> String {
    let stdin = if spec.stdin().is_none() { "</dev/null" } else { "" };
    let inputs = spec.inputs.iter().map(|input| format!(r#" {}<"$0/{}""#, input.fd, pipes::name(input)));
    let inputs: String = inputs.collect();
    let outputs = match spec.stdout {
        StdoutSpec::Stream => r#">"$0/out" 2>"$0/log""#,
        StdoutSpec::Log => r#">"$0/log" 2>&1"#,
    };
    format!(
        r#"command -v "$1" >/dev/null || exit 125; exec {stdin}{inputs} {outputs} && echo >&2 && exec "$@""#
    )
}

/// A program in a container that has been started, and has not opened its pipes yet.
pub(super) struct Start<'a, K, N> {
    /// Kills it.
    pub(super) kill: K,
    pub(super) image: &'a str,
    pub(super) program: &'a str,
    /// What else an exit code says that comes before the program.
    pub(super) not_begun: N,
}

/// Waits until the container has opened all pipes; `ended` resolves once the program has ended. If this fails with
/// [`Failure::Lane`], the script has not begun and cannot begin any more.
pub(super) async fn handshake<K, N>(
    start: Start<'_, K, N>,
    ends: &mut Ends,
    ended: impl Future<Output = Result<Exit, SystemError>>,
) -> Result<(), Failure>
where
    K: Future<Output = Result<(), SystemError>>,
    N: Fn(i32) -> Option<StartError>,
{
    let Start { kill, image, program, not_begun } = start;
    let mut ended = std::pin::pin!(ended);
    let in_time = tokio::select! {
        biased;
        opened = ends.opened() => return opened.map_err(unusable),
        how = &mut ended => Some(how),
        () = sleep(PATIENCE) => None,
    };
    let is_late = in_time.is_none();
    let how = match in_time {
        Some(how) => how,
        None => {
            kill.await.map_err(StartError::System)?;
            ended.await
        }
    };
    // The byte may have arrived in the last moment, and then the script has begun.
    let opened = matches!(timeout(Duration::ZERO, ends.opened()).await, Ok(Ok(())));
    let code = match (opened, how) {
        (true, _) if is_late => {
            return Err(StartError::Step("its container was too slow to open its named pipes".into()).into());
        }
        (true, _) => return Ok(()),
        (false, Err(error)) => return Err(StartError::System(error).into()),
        (false, _) if is_late => return Err(Failure::Lane("no container opens them".into())),
        (false, Ok(Exit::Code(code))) => code,
        (false, Ok(Exit::Signal(_) | Exit::OutOfMemory)) => -1,
    };
    Err(match (not_begun(code), code) {
        (Some(error), _) => error.into(),
        (None, NO_SHELL) => StartError::Step(no_program(image, "sh")).into(),
        (None, NO_PROGRAM) => StartError::Step(no_program(image, program)).into(),
        (None, _) => Failure::Lane("a container could not open them".into()),
    })
}

/// Waits for the end of a container.
async fn ended(mut exit: watch::Receiver<Option<Result<Exit, SystemError>>>) -> Result<Exit, SystemError> {
    let known = exit.wait_for(Option::is_some).await.ok().and_then(|known| known.clone());
    known.unwrap_or_else(|| Err(SystemError::new("lost a container", "its watcher has ended")))
}

/// Returns the exit code that the container itself reports. `None` if its wrapper was killed, and for a
/// killed program: only the engine knows whether it ran out of memory.
async fn reported(end: Option<pipe::Receiver>) -> Option<i32> {
    let mut text = String::new();
    end?.take(MOST_DIGITS).read_to_string(&mut text).await.ok()?;
    text.strip_suffix('\n')?.parse().ok().filter(|code| *code != KILLED)
}

pub(super) fn unusable(error: io::Error) -> Failure {
    Failure::Lane(format!("named pipes cannot be made: {error}"))
}
