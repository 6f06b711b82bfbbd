//! A program of a check, which the engine starts in a service's container. Engines have no way to end one, so one that
//! is cut is looked for by a mark in its environment.

use std::sync::Arc;
use std::time::Duration;

use bollard::container::LogOutput;
use bollard::errors::Error;
use bollard::exec::{StartExecOptions, StartExecResults};
use bollard::models::ExecConfig;
use futures::StreamExt as _;
use rustix::process::Signal;
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::super::attach::Output;
use super::super::container::Container;
use super::super::engine::{is_connection, words};
use super::super::inside::{Answer, Look};
use super::super::{Shared, hex, sight};
use crate::executor::SystemError;
use crate::executor::finder::none_left;
use crate::processes::{self, Signs};

/// The variable by which the processes of a check are known.
const MARK: &str = "PIPE_CHECK";
/// Pause between two looks at an exec whose outputs have ended.
const PAUSE: Duration = Duration::from_millis(10);
/// Looks from inside for the processes of a check that was cut, at most; and the pause between two.
const LOOKS: (u32, Duration) = (50, Duration::from_millis(100));
/// Exit codes of an exec whose program cannot be run, or is not there.
const NO_PROGRAM: [i64; 2] = [126, 127];
/// The most that is kept of what one says on each of its outputs: its end.
const MOST: usize = 1 << 20;

/// How a program has ended.
#[derive(Debug)]
pub(super) enum Ended {
    Code(i32),
    /// The container does not have it.
    NoProgram,
    /// The engine does not run it: why.
    Refused(String),
}

/// Runs a program in a container, and returns what it said. If the future is dropped, a task goes on that ends the
/// program.
pub(super) async fn run(container: &Container, words: Vec<String>) -> Result<(Ended, Vec<u8>), SystemError> {
    let mark = hex::random().map_err(|error| SystemError::new("cannot make a random number", error))?;
    let check = Check {
        shared: Arc::clone(container.shared()),
        container: container.name().to_owned(),
        mark: format!("{MARK}={mark}"),
    };
    let (mut sender, answer) = oneshot::channel();
    container.shared().later(async move {
        let (exec, output) = match check.begin(words).await {
            Ok(begun) => begun,
            Err(ended) => {
                let _ = sender.send(ended.map(|ended| (ended, Vec::new())));
                return;
            }
        };
        let ended = tokio::select! {
            biased;
            () = sender.closed() => None,
            ended = check.follow(&exec, output) => Some(ended),
        };
        match ended {
            Some(ended) => drop(sender.send(ended)),
            None => check.cut().await,
        }
    });
    let lost = |_| SystemError::new("lost a check", "the task that makes it has ended");
    answer.await.map_err(lost)?
}

#[derive(Clone)]
struct Check {
    shared: Arc<Shared>,
    /// The name of its container.
    container: String,
    mark: String,
}

impl Check {
    /// Starts the program.
    ///
    /// # Errors
    /// How it has ended before it began.
    async fn begin(&self, words: Vec<String>) -> Result<(String, Output), Result<Ended, SystemError>> {
        let config = ExecConfig {
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            env: Some(vec![self.mark.clone()]),
            cmd: Some(words),
            ..ExecConfig::default()
        };
        let docker = self.shared.engine.docker();
        let exec = docker.create_exec(&self.container, config).await.map_err(|error| self.refused(error))?.id;
        match docker.start_exec(&exec, None::<StartExecOptions>).await {
            Ok(StartExecResults::Attached { output, input: _ }) => Ok((exec, output)),
            Ok(StartExecResults::Detached) => Err(Ok(Ended::Refused("it has no output".into()))),
            Err(error) => Err(self.refused(error)),
        }
    }

    fn refused(&self, error: Error) -> Result<Ended, SystemError> {
        if is_connection(&error) {
            return Err(self.shared.engine.lost(error));
        }
        let said = words(&error);
        Ok(if is_missing(&said) { Ended::NoProgram } else { Ended::Refused(said) })
    }

    /// Reads what it says, and waits for its end. What it says on stderr comes last: engines tell nothing of the order
    /// of the two.
    async fn follow(&self, exec: &str, mut output: Output) -> Result<(Ended, Vec<u8>), SystemError> {
        let (mut said, mut warned) = (Vec::new(), Vec::new());
        while let Some(Ok(piece)) = output.next().await {
            let into = if matches!(piece, LogOutput::StdErr { .. }) { &mut warned } else { &mut said };
            into.extend_from_slice(&piece.into_bytes());
            let excess = into.len().saturating_sub(MOST);
            into.drain(..excess);
        }
        said.append(&mut warned);
        let code = loop {
            match self.shared.engine.docker().inspect_exec(exec).await {
                Ok(state) if state.running == Some(true) => sleep(PAUSE).await,
                Ok(state) => break state.exit_code.unwrap_or(-1),
                Err(error) if is_connection(&error) => return Err(self.shared.engine.lost(error)),
                // It has gone with its container.
                Err(error) => return Ok((Ended::Refused(words(&error)), said)),
            }
        };
        let is_there = !NO_PROGRAM.contains(&code) || !is_missing(&String::from_utf8_lossy(&said));
        let ended = match is_there {
            true => Ended::Code(i32::try_from(code).unwrap_or(-1)),
            false => Ended::NoProgram,
        };
        Ok((ended, said))
    }

    /// Kills its processes, and waits until none is left: from here where that can be done, else from inside.
    async fn cut(&self) {
        let docker = self.shared.engine.docker();
        // Where there is no container any more, there is nothing to kill.
        let Ok(found) = docker.inspect_container(&self.container, None).await else { return };
        let may_signal = rustix::process::geteuid().is_root() && processes::are_visible();
        if may_signal && sight::first_process(&self.shared.engine, &found).is_some() {
            let signs = Arc::new(Signs { mark: self.mark.clone().into(), ..Signs::default() });
            return none_left(&self.shared.finder(), &signs, || true).await;
        }
        let (looks, pause) = LOOKS;
        let mut in_vain = 0;
        for _ in 0..looks {
            match self.look().await {
                // One look can miss a process that is just being created.
                Some(0) => in_vain += 1,
                Some(_) => in_vain = 0,
                None => return,
            }
            if in_vain == 2 {
                return;
            }
            sleep(pause).await;
        }
    }

    /// Kills from inside what it finds there; needs a shell. Returns how many processes there were.
    async fn look(&self) -> Option<usize> {
        let look = Look { mark: &self.mark, folder: "/nowhere", pipes: &[], signals: &[Signal::KILL] };
        // Its own processes can be looked into by the user that they run as, which this one is as well.
        let other = Self { mark: format!("{MARK}_END=1"), ..self.clone() };
        let (exec, output) = other.begin(look.words()).await.ok()?;
        let (ended, said) = other.follow(&exec, output).await.ok()?;
        let text = String::from_utf8_lossy(&said);
        matches!(ended, Ended::Code(0)).then(|| Answer::of(&text).found)
    }
}

/// Returns whether a program that could not be run is not there.
fn is_missing(said: &str) -> bool {
    said.contains("executable file") || said.contains("no such file") || said.contains("not found in $PATH")
}
