//! An exec: a program that the engine starts in a container that runs.

use std::sync::Arc;

use bollard::errors::Error;
use bollard::exec::{CreateExecOptions, StartExecOptions, StartExecResults};
use futures::StreamExt as _;
use tokio::sync::oneshot;
use tracing::debug;

use super::{Attempt, SharedContainer};
use crate::executor::docker::Shared;
use crate::executor::docker::container::KILLED;
use crate::executor::docker::engine::{is_connection, words};
use crate::executor::{Exit, StartError, SystemError};

/// What is to be run.
pub(super) struct Exec {
    pub(super) words: Vec<String>,
    pub(super) env: Vec<String>,
    pub(super) user: String,
    /// Whether its streams go through the engine, and whether its stdin does.
    pub(super) attached: Option<bool>,
}

/// An exec that has been started.
pub(super) struct Started {
    pub(super) id: String,
    /// Its streams, if they go through the engine.
    pub(super) streams: Option<(super::attach::Output, super::attach::Input)>,
}

/// Starts an exec for an attempt. If the future is dropped on the way, the requests go on, and `begun`, which comes back
/// with the result, is dropped when they are answered.
pub(super) async fn start<T: Send + 'static>(
    attempt: &Attempt<'_>,
    exec: Exec,
    begun: T,
) -> Result<(Started, T), StartError> {
    let (sender, answer) = oneshot::channel();
    let (shared, container) = (Arc::clone(attempt.shared), Arc::clone(attempt.container));
    attempt.shared.later(async move {
        let started = request(&shared, &container, exec).await;
        let _ = sender.send(started.map(|started| (started, begun)));
    });
    let lost = |_| SystemError::new("lost a step in a container", "the task that starts it has ended");
    answer.await.map_err(lost)?
}

async fn request(shared: &Shared, container: &SharedContainer, exec: Exec) -> Result<Started, StartError> {
    let Exec { words, env, user, attached } = exec;
    debug!(container = container.name, user, "docker: exec");
    let config = CreateExecOptions {
        attach_stdin: Some(attached == Some(true)),
        attach_stdout: Some(attached.is_some()),
        attach_stderr: Some(attached.is_some()),
        env: Some(env),
        cmd: Some(words),
        user: Some(user),
        ..CreateExecOptions::default()
    };
    let docker = shared.engine.docker();
    let created = docker.create_exec(&container.name, config).await;
    let id = created.map_err(|error| failed(shared, container, error))?.id;
    let options = StartExecOptions { detach: attached.is_none(), ..StartExecOptions::default() };
    let started = docker.start_exec(&id, Some(options)).await;
    let streams = match started.map_err(|error| failed(shared, container, error))? {
        StartExecResults::Attached { output, input } => Some((output, input)),
        StartExecResults::Detached => None,
    };
    Ok(Started { id, streams })
}

fn failed(shared: &Shared, container: &SharedContainer, error: Error) -> StartError {
    if is_connection(&error) {
        return shared.engine.lost(error).into();
    }
    let text = words(&error);
    match shared.engine.full("a step cannot be started in its container", &text) {
        Some(error) => error.into(),
        None if container.has_ended() || text.contains("is not running") => {
            StartError::Step("its container has ended".into())
        }
        None => StartError::Step(format!("it cannot be started in its container: {text}")),
    }
}

/// Asks whether an exec has ended, and how.
pub(super) async fn look(shared: &Shared, id: &str) -> Result<Option<Exit>, SystemError> {
    match shared.engine.docker().inspect_exec(id).await {
        Ok(found) if found.running == Some(false) => {
            let code = found.exit_code.and_then(|code| i32::try_from(code).ok());
            Ok(Some(Exit::Code(code.unwrap_or(-1))))
        }
        Ok(_) => Ok(None),
        Err(error) if is_connection(&error) => Err(shared.engine.lost(error)),
        // It is forgotten: its container is being removed, or was restarted.
        Err(_) => Ok(Some(Exit::Code(KILLED))),
    }
}

/// Runs a program of `pipe`'s own, and returns what it says on stdout.
pub(super) async fn answer(
    shared: &Shared,
    container: &SharedContainer,
    words: Vec<String>,
    user: String,
) -> Result<String, StartError> {
    let exec = Exec { words, env: Vec::new(), user, attached: Some(false) };
    let started = request(shared, container, exec).await?;
    let mut said = String::new();
    if let Some((mut output, _)) = started.streams {
        while let Some(Ok(piece)) = output.next().await {
            said.push_str(&piece.to_string());
        }
    }
    Ok(said)
}
