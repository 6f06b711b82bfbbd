//! Steps as processes of this machine: a process group each, with the environment of `pipe` itself.

mod limits;
mod orphans;
mod probe;
mod process;
mod terminal;

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use command_fds::{CommandFdExt, FdMapping};
use futures::future::BoxFuture;
use tracing::debug;

pub use self::limits::Descriptors;
use self::orphans::Orphans;
use self::probe::Service;
use self::process::Process;
use self::terminal::Lent;
pub use self::terminal::open_terminal;
use super::finder::{Finder, none_left};
use super::{
    Executor, HoldGuard, InputPipe, InputSource, Keepalive, OUTPUT_VARIABLE, Program, RunningStep,
    SECRETS_VARIABLE, StartError, StdoutSpec, StepHandle, StepSpec, SystemError, shell,
};
use crate::executor::limits::too_long;
use crate::processes::{Signs, has_terminal, leave_session};
use crate::reaper::Reaper;

/// Longest wait for a process that cannot be killed: another user's, or one that waits for a dead disk.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs steps on this machine.
#[derive(Debug)]
pub struct HostExecutor {
    has_bash: bool,
    reaper: Reaper,
    /// Finds processes, and adopts orphans; made once there is a runtime.
    watch: OnceLock<(Finder, Orphans)>,
    has_terminal: bool,
    descriptors: Descriptors,
}

impl HostExecutor {
    /// Looks for the shells that this machine has. Everything that it starts is registered with the reaper.
    pub fn new(reaper: Reaper) -> Self {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let has_bash = std::env::split_paths(&path).any(|dir| dir.join("bash").is_file());
        let (watch, descriptors) = (OnceLock::new(), Descriptors::default());
        Self { has_bash, reaper, watch, has_terminal: has_terminal(), descriptors }
    }

    /// Restores the limit of descriptors, which this process has raised, for every process that it starts.
    pub fn with_limit(self, descriptors: Descriptors) -> Self {
        Self { descriptors, ..self }
    }

    fn spawn(&self, spec: &StepSpec) -> Result<RunningStep, StartError> {
        if !spec.working_dir.is_dir() {
            let dir = spec.working_dir.display();
            return Err(StartError::Step(format!("its working directory {dir} does not exist")));
        }
        let lent = spec.terminal.then(Lent::begin).transpose().map_err(|error| not_lent(&error))?;
        let Inputs { pipes: inputs, stdin_end, other_ends } = Inputs::of(spec, &self.reaper)?;
        let stdin_end = match &lent {
            Some(lent) => lent.end().map_err(|error| not_lent(&error))?,
            None => stdin_end,
        };
        let outputs = match &lent {
            Some(lent) => Outputs::on(lent, spec)?,
            None => Outputs::of(spec)?,
        };
        let Program::Script { shell: named, text } = &spec.program else {
            return Err(StartError::Step("`entrypoint` and `args` need an `image`".into()));
        };
        let words = shell::command(named, self.has_bash, text, spec.script.as_deref());
        let Some((program, arguments)) = words.split_first() else {
            return Err(StartError::Step("its `shell` is empty".into()));
        };
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env(OUTPUT_VARIABLE, &spec.outputs)
            .env("PWD", pwd(&spec.working_dir))
            .envs(spec.secrets.iter().map(|folder| (SECRETS_VARIABLE, folder)))
            .envs(spec.env.iter().map(|(name, value)| (name, value)))
            .current_dir(&spec.working_dir)
            .stdin(stdin_end)
            .stdout(outputs.stdout_end)
            .stderr(outputs.log_end);
        match (&lent, self.has_terminal) {
            (Some(_), _) => Lent::to(&mut command),
            (None, true) => leave_session(&mut command),
            (None, false) => drop(command.process_group(0)),
        }
        if !other_ends.is_empty() {
            let failed = |error| {
                SystemError::new(format!("cannot hand over the inputs of step `{}`", spec.name), error)
            };
            command.fd_mappings(other_ends).map_err(failed)?;
        }
        let (stdout, log) = (outputs.stdout, outputs.log);
        let read = inputs.iter().flatten().filter_map(InputPipe::inode);
        let pipes: Vec<u64> = stdout.iter().chain([&log]).filter_map(inode).chain(read).collect();
        let signs = Signs { mark: mark(spec), pipes, ..Signs::default() };
        let registration = self.reaper.processes(&signs.mark, &signs.pipes);
        let watch = self.watch();
        let child = watch.1.spawn(&mut command).map_err(|error| not_spawned(spec, program, error))?;
        // The command still owns the child's pipe ends; a reader would never see the end of a pipe that they
        // hold open.
        drop(command);
        debug!(step = spec.name, attempt = spec.attempt, pid = child.id(), "host: process started");
        self.descriptors.restore(rustix::process::Pid::from_child(&child));
        let process = Process::adopt(&child, &spec.name, signs, registration, watch.clone(), lent)?;
        let handle: Box<dyn StepHandle> = match spec.service {
            Some(_) => Box::new(Service::new(process, spec, self.descriptors, watch)),
            None => Box::new(process),
        };
        Ok(RunningStep { inputs, stdout, log, lane: None, handle })
    }

    fn watch(&self) -> (Finder, Orphans) {
        self.watch.get_or_init(|| (Finder::start(), Orphans::adopt())).clone()
    }
}

impl Executor for HostExecutor {
    fn start(&self, spec: StepSpec, _: HoldGuard) -> BoxFuture<'_, Result<RunningStep, StartError>> {
        Box::pin(async move { self.spawn(&spec) })
    }

    fn sever(&self, pipes: Vec<u64>) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if !pipes.is_empty() {
                let signs = Arc::new(Signs { pipes, ..Signs::default() });
                let _ = tokio::time::timeout(PATIENCE, none_left(&self.watch().0, &signs, || true)).await;
            }
        })
    }
}

/// Returns a folder as `PWD` names it: links as they are, but no `.` or `..`. Programs that are no shells
/// trust the variable, and the one of `pipe` names another folder.
fn pwd(dir: &Path) -> PathBuf {
    let goes_up = dir.components().any(|part| part == Component::ParentDir);
    let plain = || dir.components().collect();
    if goes_up { dir.canonicalize().unwrap_or_else(|_| plain()) } else { plain() }
}

/// What a step reads: the writing ends of its pipes, and what the child gets.
struct Inputs {
    pipes: Vec<Option<InputPipe>>,
    stdin_end: Stdio,
    other_ends: Vec<FdMapping>,
}

impl Inputs {
    /// Makes the pipes and opens the files. The reaper keeps each pipe open before the step is there.
    fn of(spec: &StepSpec, reaper: &Reaper) -> Result<Self, StartError> {
        let mut inputs = Self { pipes: Vec::new(), stdin_end: Stdio::null(), other_ends: Vec::new() };
        for input in &spec.inputs {
            let (pipe, end): (_, OwnedFd) = match &input.source {
                InputSource::Pipe => {
                    let (reader, writer) = io::pipe().map_err(|error| no_pipe(spec, error))?;
                    let fd = OwnedFd::from(writer);
                    (Some(InputPipe { keepalive: Keepalive::new(reaper.hold(&fd)), fd }), reader.into())
                }
                InputSource::File(path) => (None, stored(spec, path)?.into()),
            };
            inputs.pipes.push(pipe);
            match input.fd {
                0 => inputs.stdin_end = end.into(),
                fd => inputs.other_ends.push(FdMapping { parent_fd: end, child_fd: fd.cast_signed() }),
            }
        }
        Ok(inputs)
    }
}

/// Returns the inode of a pipe, by which it is known among all that are open on this machine.
fn inode(end: &OwnedFd) -> Option<u64> {
    Some(rustix::fs::fstat(end).ok()?.st_ino)
}

/// Returns the entry of the environment by which the processes of an attempt are known: no other attempt has
/// the same file for its outputs.
fn mark(spec: &StepSpec) -> OsString {
    let mut mark = OsString::from(OUTPUT_VARIABLE);
    mark.push("=");
    mark.push(&spec.outputs);
    mark
}

fn stored(spec: &StepSpec, path: &Path) -> Result<File, StartError> {
    let what = || format!("cannot read {}, the stream kept for step `{}`", path.display(), spec.name);
    File::open(path).map_err(|error| SystemError::new(what(), error).into())
}

/// The reading ends of what a step writes, and what the child gets.
struct Outputs {
    stdout: Option<OwnedFd>,
    log: OwnedFd,
    stdout_end: Stdio,
    log_end: Stdio,
}

impl Outputs {
    fn of(spec: &StepSpec) -> Result<Self, StartError> {
        let failed = |error: io::Error| no_pipe(spec, error);
        let (log, log_end) = io::pipe().map_err(failed)?;
        let (stdout, stdout_end) = match spec.stdout {
            StdoutSpec::Stream => {
                let (reader, writer) = io::pipe().map_err(failed)?;
                (Some(reader.into()), writer)
            }
            StdoutSpec::Log => (None, log_end.try_clone().map_err(failed)?),
        };
        Ok(Self { stdout, log: log.into(), stdout_end: stdout_end.into(), log_end: log_end.into() })
    }

    /// Returns the ends of a step that has the terminal: its output goes there, and its log ends before it
    /// begins.
    fn on(lent: &Lent, spec: &StepSpec) -> Result<Self, StartError> {
        let (log, _) = io::pipe().map_err(|error| no_pipe(spec, error))?;
        let end = || lent.end().map_err(|error| not_lent(&error));
        Ok(Self { stdout: None, log: log.into(), stdout_end: end()?, log_end: end()? })
    }
}

fn not_lent(error: &io::Error) -> StartError {
    StartError::Step(format!("it cannot have the terminal: {error}"))
}

fn no_pipe(spec: &StepSpec, error: io::Error) -> StartError {
    SystemError::new(format!("cannot make a pipe for step `{}`", spec.name), error).into()
}

/// Separates the step's faults (no such program, a script too long) from the machine's (no more processes).
fn not_spawned(spec: &StepSpec, program: &str, error: io::Error) -> StartError {
    use io::ErrorKind::{ArgumentListTooLong, NotFound, PermissionDenied};
    match error.kind() {
        NotFound => StartError::Step(format!("there is no `{program}` on this machine's PATH")),
        PermissionDenied => StartError::Step(format!("`{program}` may not be executed")),
        ArgumentListTooLong => too_long(),
        _ => SystemError::new(format!("cannot start step `{}`", spec.name), error).into(),
    }
}

#[cfg(test)]
mod tests;
