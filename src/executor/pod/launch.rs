//! From a step to what its wrapper gets: the words that run it, and the ends of its pipes.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::Mode;

use super::message::{InputEnds, Launch};
use crate::executor::{
    InputSource, OUTPUT_VARIABLE, Program, SECRETS_VARIABLE, StartError, StdoutSpec, StepSpec, SystemError,
    limits, shell,
};

/// Everything that a start needs.
pub(super) struct Handover {
    pub(super) launch: Launch,
    /// What goes to the wrapper, in the order of the launch.
    pub(super) ends: Vec<OwnedFd>,
    /// The writing ends that streams connect to, by input.
    pub(super) inputs: Vec<Option<OwnedFd>>,
    /// Further writing ends, by which it is known whether anything reads.
    pub(super) watched: Vec<Option<OwnedFd>>,
    /// All pipes of the step, by inode.
    pub(super) pipes: Vec<u64>,
    /// The reading end of its stdout, if that is a stream.
    pub(super) stdout: Option<OwnedFd>,
    /// The reading end of its log.
    pub(super) log: OwnedFd,
}

impl Handover {
    /// Makes the pipes and opens the files.
    ///
    /// # Errors
    /// The step cannot run in a container of a pod, or the system has no descriptor left.
    pub(super) fn of(spec: &StepSpec) -> Result<Self, StartError> {
        let words = words(spec)?;
        let env = env(spec);
        check(&words, &env)?;
        let no_pipe = |error: io::Error| {
            StartError::System(SystemError::new(
                format!("cannot make a pipe for step `{}`", spec.name),
                error,
            ))
        };
        let (log, log_end) = open_pipe().map_err(no_pipe)?;
        let mut made = Self {
            launch: Launch {
                words,
                env,
                working_dir: spec.working_dir.clone(),
                inputs: Vec::new(),
                has_stdout: spec.stdout == StdoutSpec::Stream,
            },
            ends: Vec::new(),
            inputs: Vec::new(),
            watched: Vec::new(),
            pipes: inode(&log).into_iter().collect(),
            stdout: None,
            log,
        };
        for input in &spec.inputs {
            let is_held = match &input.source {
                InputSource::Pipe => made.add_pipe().map_err(no_pipe)?,
                InputSource::File(path) => {
                    let what = || {
                        format!("cannot read {}, the stream kept for step `{}`", path.display(), spec.name)
                    };
                    let file = File::open(path).map_err(|error| SystemError::new(what(), error))?;
                    // Of another user's it need not be.
                    let _ = rustix::fs::fchmod(&file, Mode::from_raw_mode(0o644));
                    made.ends.push(file.into());
                    made.inputs.push(None);
                    made.watched.push(None);
                    false
                }
            };
            made.launch.inputs.push(InputEnds { fd: input.fd, is_held });
        }
        if made.launch.has_stdout {
            let (reader, writer) = open_pipe().map_err(no_pipe)?;
            made.ends.push(writer);
            made.pipes.extend(inode(&reader));
            made.stdout = Some(reader);
        }
        made.ends.push(log_end);
        Ok(made)
    }

    /// Makes the pipe of an input. The wrapper gets both ends.
    fn add_pipe(&mut self) -> io::Result<bool> {
        let (reader, writer) = open_pipe()?;
        self.ends.push(reader);
        self.ends.push(writer.try_clone()?);
        self.watched.push(Some(writer.try_clone()?));
        self.pipes.extend(inode(&writer));
        self.inputs.push(Some(writer));
        Ok(true)
    }
}

/// Makes a pipe that any user may open by the number that it has in a process, as `/dev/fd/3` and `/dev/stderr` do: the
/// step may be another user than this process.
fn open_pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = io::pipe()?;
    rustix::fs::fchmod(&writer, Mode::from_raw_mode(0o666))?;
    Ok((reader.into(), writer.into()))
}

fn inode(end: &OwnedFd) -> Option<u64> {
    Some(rustix::fs::fstat(end).ok()?.st_ino)
}

/// The words that run a step in its container. What shells an image has is not known before, but for the one that all
/// have.
fn words(spec: &StepSpec) -> Result<Vec<OsString>, StartError> {
    if spec.terminal {
        return Err(StartError::Step("`terminal` needs a terminal, and a pod has none".into()));
    }
    let words = match &spec.program {
        Program::Script { shell, text } => shell::command(shell, false, text, spec.script.as_deref()),
        Program::Exec { entrypoint: Some(entrypoint), args } => [&entrypoint[..], args].concat(),
        Program::Exec { entrypoint: None, args: _ } => {
            return Err(StartError::Step(
                "it has no `entrypoint`: in a pod the program of an image has to be said".into(),
            ));
        }
        Program::Wait => return Err(StartError::Step("a pod has no shared containers".into())),
    };
    match words.is_empty() {
        true => Err(StartError::Step("its `entrypoint` is empty".into())),
        false => Ok(words.into_iter().map(OsString::from).collect()),
    }
}

fn env(spec: &StepSpec) -> Vec<(OsString, OsString)> {
    let outputs = (OUTPUT_VARIABLE.into(), spec.outputs.clone().into());
    let secrets = spec.secrets.iter().map(|folder| (SECRETS_VARIABLE.into(), folder.into()));
    std::iter::once(outputs).chain(secrets).chain(spec.env.iter().cloned()).collect()
}

/// Refuses what the kernel would refuse in the container.
fn check(words: &[OsString], env: &[(OsString, OsString)]) -> Result<(), StartError> {
    let words: Vec<String> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let variable = |(name, value): &(OsString, OsString)| {
        format!("{}={}", name.to_string_lossy(), value.to_string_lossy())
    };
    let env: Vec<String> = env.iter().map(variable).collect();
    limits::check(&words, &env)
}
