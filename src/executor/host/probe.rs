//! Checks of a service that is a process of this machine: each is a process beside it, with the same environment.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use futures::future::BoxFuture;
use rustix::process::Pid;
use tokio::net::unix::pipe;

use super::limits::Descriptors;
use super::orphans::Orphans;
use super::process::Process;
use super::{OUTPUT_VARIABLE, inode, pwd};
use crate::executor::finder::Finder;
use crate::executor::probe::{Said, port_answers_here};
use crate::executor::{Answer, Exit, Probe, SECRETS_VARIABLE, StepHandle, StepSpec, Stop, SystemError};
use crate::processes::Signs;
use crate::reaper::Registration;

/// A service that runs as a process of this machine, and what its checks are started in.
pub(super) struct Service {
    process: Process,
    /// What it has beside the inherited environment. Its mark is among it, by which the reaper knows the processes of
    /// the check as the service's own.
    env: Vec<(OsString, OsString)>,
    working_dir: PathBuf,
    descriptors: Descriptors,
    watch: (Finder, Orphans),
}

impl Service {
    pub(super) fn new(
        process: Process,
        spec: &StepSpec,
        descriptors: Descriptors,
        watch: (Finder, Orphans),
    ) -> Self {
        let own = [(OUTPUT_VARIABLE, spec.outputs.as_os_str().to_owned())];
        let own = own.into_iter().map(|(name, value)| (OsString::from(name), value));
        let secrets = spec.secrets.iter().map(|folder| (SECRETS_VARIABLE.into(), folder.into()));
        let env = own.chain(secrets).chain(spec.env.iter().cloned()).collect();
        Self { process, env, working_dir: spec.working_dir.clone(), descriptors, watch }
    }

    /// Makes a check. Dropping the future kills its processes.
    async fn ask(&self, probe: &Probe) -> Result<Answer, SystemError> {
        let words = match probe {
            Probe::Port(port) => return Ok(port_answers_here(*port).await),
            Probe::Shell(text) => vec!["sh".to_owned(), "-c".into(), text.clone()],
            Probe::Words(words) => words.clone(),
        };
        self.run(&words).await
    }

    async fn run(&self, words: &[String]) -> Result<Answer, SystemError> {
        let failed = |error: io::Error| SystemError::new("cannot check whether a service is ready", error);
        let Some((program, arguments)) = words.split_first() else {
            return Ok(Answer::Never("its check is empty".into()));
        };
        let (reader, writer) = io::pipe().map_err(failed)?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env("PWD", pwd(&self.working_dir))
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.working_dir)
            .stdin(Stdio::null())
            .stdout(writer.try_clone().map_err(failed)?)
            .stderr(writer)
            .process_group(0);
        let reader = OwnedFd::from(reader);
        let pipes = inode(&reader).into_iter().collect();
        let child = match self.watch.1.spawn(&mut command) {
            Ok(child) => child,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Answer::Never(format!("there is no `{program}` on this machine's PATH")));
            }
            Err(error) => return Err(failed(error)),
        };
        drop(command);
        self.descriptors.restore(Pid::from_child(&child));
        let signs = Signs { pipes, ..Signs::default() };
        let process =
            Process::adopt(&child, "check", signs, Registration::default(), self.watch.clone(), None)?;
        let reader = pipe::Receiver::from_owned_fd(reader).map_err(failed)?;
        let mut said = Said::default();
        let exit = loop {
            tokio::select! {
                exit = process.wait() => break exit?,
                Ok(()) = reader.readable() => if !take(&reader, &mut said) {
                    break process.wait().await?;
                }
            }
        };
        take_rest(&reader, &mut said);
        Ok(match exit {
            Exit::Code(code) => said.answer(code),
            Exit::Signal(signal) => Answer::NotYet(format!("it was killed by signal {signal}")),
            Exit::OutOfMemory => Answer::NotYet("it ran out of memory".into()),
        })
    }
}

impl StepHandle for Service {
    fn wait(&self) -> BoxFuture<'_, Result<Exit, SystemError>> {
        self.process.wait()
    }

    fn is_ending(&self) -> bool {
        self.process.is_ending()
    }

    fn stop(&self, how: Stop) -> BoxFuture<'_, Result<(), SystemError>> {
        self.process.stop(how)
    }

    fn gone(&self) -> BoxFuture<'_, ()> {
        self.process.gone()
    }

    fn probe<'a>(&'a self, probe: &'a Probe) -> BoxFuture<'a, Result<Answer, SystemError>> {
        Box::pin(self.ask(probe))
    }
}

/// Takes what the pipe holds, also if it is not yet known here that it holds anything.
fn take_rest(reader: &pipe::Receiver, said: &mut Said) {
    let mut piece = [0; 4096];
    loop {
        match rustix::io::read(reader, &mut piece) {
            Ok(count) if count > 0 => said.add(piece.get(..count).unwrap_or_default()),
            Err(rustix::io::Errno::INTR) => {}
            Ok(_) | Err(_) => return,
        }
    }
}

/// Takes what is known to be there to read. Returns whether more may come.
fn take(reader: &pipe::Receiver, said: &mut Said) -> bool {
    let mut piece = [0; 4096];
    loop {
        match reader.try_read(&mut piece) {
            Ok(0) => return false,
            Ok(count) => said.add(piece.get(..count).unwrap_or_default()),
            Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
        }
    }
}
