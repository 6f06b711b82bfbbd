//! Steps as processes of this machine: a process group each, with the environment of `pipe` itself.

mod limits;
mod process;
mod tied;

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use command_fds::{CommandFdExt, FdMapping};
use futures::future::BoxFuture;

pub use self::limits::Descriptors;
use self::process::Process;
pub use self::tied::AT_MOST as MOST_TIED;
use super::{
    EngineError, Executor, Inlet, OUTPUT_VARIABLE, Presence, Program, RunningStep, SECRETS_VARIABLE,
    StartError, StdinSpec, StepSpec, shell,
};
use crate::reaper::Reaper;

/// Runs steps on this machine.
#[derive(Debug)]
pub struct HostExecutor {
    has_bash: bool,
    reaper: Reaper,
    descriptors: Descriptors,
    is_tied: bool,
}

impl HostExecutor {
    /// Looks for the shells that this machine has. What it starts is given into the reaper's care.
    pub fn new(reaper: Reaper) -> Self {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let has_bash = std::env::split_paths(&path).any(|dir| dir.join("bash").is_file());
        Self { has_bash, reaper, descriptors: Descriptors::default(), is_tied: false }
    }

    /// What it starts may have as many descriptors open as this process before it raised its limit.
    pub fn with_limit(self, descriptors: Descriptors) -> Self {
        Self { descriptors, ..self }
    }

    /// Whether the kernel kills the first process of each step when this process dies, even if the reaper dies with it. To be
    /// used from threads that live as long as this process.
    pub fn tied(self, is_tied: bool) -> Self {
        Self { is_tied, ..self }
    }

    fn spawn(&self, spec: &StepSpec) -> Result<RunningStep, StartError> {
        if !spec.working_dir.is_dir() {
            let dir = spec.working_dir.display();
            return Err(StartError::Step(format!("its working directory {dir} does not exist")));
        }
        let (stdin, stdin_end) = stdin(spec)?;
        let stdin = stdin.map(|end| self.inlet(end));
        let (inputs, input_ends) = inputs(spec)?;
        let inputs = inputs.into_iter().map(|(number, end)| (number, self.inlet(end))).collect();
        let (stdout, stdout_end) = pipe(spec)?;
        let (stderr, stderr_end) = pipe(spec)?;
        let Program::Script { shell: named, text } = &spec.program else {
            return Err(StartError::Step("its program is one of an image, and it has none".into()));
        };
        let words = shell::words(named, self.has_bash);
        let Some((program, options)) = words.split_first() else {
            return Err(StartError::Step("its shell has no words".into()));
        };
        let mut command = Command::new(program);
        command
            .args(options)
            .arg(text)
            .env(OUTPUT_VARIABLE, &spec.outputs)
            .envs(spec.secrets.iter().map(|folder| (SECRETS_VARIABLE, folder)))
            .envs(spec.env.iter().map(|(name, value)| (name, value)))
            .current_dir(&spec.working_dir)
            .stdin(stdin_end)
            .stdout(stdout_end)
            .stderr(stderr_end)
            .process_group(0);
        if !input_ends.is_empty() {
            let failed = |error| {
                EngineError::new(format!("cannot hand over the inputs of step `{}`", spec.name), error)
            };
            command.fd_mappings(input_ends).map_err(failed)?;
        }
        if self.is_tied {
            tied::tie(&mut command);
        }
        let charge = self.reaper.processes(&mark(spec), [&stdout, &stderr]);
        let child = command.spawn().map_err(|error| not_spawned(spec, program, &error))?;
        // The command still owns the child's pipe ends; a reader would never see the end of a pipe that they hold open.
        drop(command);
        self.descriptors.restore(rustix::process::Pid::from_child(&child));
        let handle = Process::adopt(&child, &spec.name, charge)?;
        Ok(RunningStep { stdin, inputs, stdout, stderr, lane: None, handle: Box::new(handle) })
    }

    /// The end of a pipe that the step will read, in the reaper's care before the step is there.
    fn inlet(&self, end: OwnedFd) -> Inlet {
        let held = self.reaper.pipe(&end);
        Inlet { end, held }
    }
}

impl Executor for HostExecutor {
    fn start(&self, spec: StepSpec, _: Presence) -> BoxFuture<'_, Result<RunningStep, StartError>> {
        Box::pin(async move { self.spawn(&spec) })
    }
}

/// The writing ends to hand over, by number, and what the child gets.
type InputEnds = (Vec<(u32, OwnedFd)>, Vec<FdMapping>);

/// The pipes and files of a step's further inputs.
fn inputs(spec: &StepSpec) -> Result<InputEnds, StartError> {
    let (mut writers, mut ends) = (Vec::new(), Vec::new());
    for input in &spec.inputs {
        let parent_fd = match &input.from {
            StdinSpec::Null => continue,
            StdinSpec::Pipe => {
                let (reader, writer) = io::pipe().map_err(|error| no_pipe(spec, &error))?;
                writers.push((input.number, writer.into()));
                reader.into()
            }
            StdinSpec::File(path) => stored(spec, path)?.into(),
        };
        ends.push(FdMapping { parent_fd, child_fd: input.number.cast_signed() });
    }
    Ok((writers, ends))
}

/// By what the processes of an attempt are known: no other has the same file for its values.
fn mark(spec: &StepSpec) -> OsString {
    let mut mark = OsString::from(OUTPUT_VARIABLE);
    mark.push("=");
    mark.push(&spec.outputs);
    mark
}

/// The writing end to hand over, and what the child gets.
fn stdin(spec: &StepSpec) -> Result<(Option<OwnedFd>, Stdio), StartError> {
    match &spec.stdin {
        StdinSpec::Null => Ok((None, Stdio::null())),
        StdinSpec::Pipe => {
            let (reader, writer) = io::pipe().map_err(|error| no_pipe(spec, &error))?;
            Ok((Some(writer.into()), reader.into()))
        }
        StdinSpec::File(path) => Ok((None, stored(spec, path)?.into())),
    }
}

fn stored(spec: &StepSpec, path: &Path) -> Result<File, StartError> {
    let what = || format!("cannot read {}, the stream kept for step `{}`", path.display(), spec.name);
    File::open(path).map_err(|error| EngineError::new(what(), error).into())
}

fn pipe(spec: &StepSpec) -> Result<(OwnedFd, Stdio), StartError> {
    let (reader, writer) = io::pipe().map_err(|error| no_pipe(spec, &error))?;
    Ok((reader.into(), writer.into()))
}

fn no_pipe(spec: &StepSpec, error: &io::Error) -> StartError {
    EngineError::new(format!("cannot make a pipe for step `{}`", spec.name), error).into()
}

/// Tells the step's faults (no such program, a script too long) from the machine's (no more processes).
fn not_spawned(spec: &StepSpec, program: &str, error: &io::Error) -> StartError {
    use io::ErrorKind::{ArgumentListTooLong, NotFound, PermissionDenied};
    match error.kind() {
        NotFound => StartError::Step(format!("there is no `{program}` on this machine's PATH")),
        PermissionDenied => StartError::Step(format!("`{program}` may not be executed")),
        ArgumentListTooLong => StartError::Step(
            "its script and environment are longer than the system allows (128 KiB for one of them)".into(),
        ),
        _ => EngineError::new(format!("cannot start step `{}`", spec.name), error).into(),
    }
}

#[cfg(test)]
mod tests;
