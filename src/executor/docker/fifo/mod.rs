//! The lane by named pipes: the container's shell opens them, and bytes never touch the engine.
//!
//! Before its script the shell opens all of them and writes a single byte to its stderr. Until that byte has come nothing of
//! the step has run, so that whoever waits for it may give up at any time and start the step in another way.

mod pipes;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use self::pipes::{Ends, Pipes};
use super::container::{Container, Handle, Traffic, no_program};
use super::create::{self, Command};
use super::{Shared, container_name, script_words};
use crate::executor::{
    ContainerSpec, EngineError, Exit, Inlet, Presence, RunningStep, StartError, StdinSpec, StepSpec,
};
use crate::pipeline::Lane;

/// Where the container sees its pipes.
const THERE: &str = "/run/pipe";
/// How long a started container may take to open them.
const PATIENCE: Duration = Duration::from_secs(30);

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
