//! A container from its creation to its removal.

use std::sync::Arc;

use bollard::errors::Error;
use bollard::models::ContainerCreateBody;
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, KillContainerOptionsBuilder, WaitContainerOptionsBuilder,
};
use futures::StreamExt;
use futures::future::BoxFuture;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use super::Shared;
use super::engine::{UNSEEN, is_connection, words};
use super::labels::{self, is_gone};
use super::sandbox::Lease;
use crate::executor::{EngineError, Exit, Presence, StartError, StepHandle, Stop};

/// A container that there may be; it is removed when this is dropped.
pub(super) struct Container {
    shared: Arc<Shared>,
    name: String,
    /// Its id, once the engine has told it.
    id: String,
    step: String,
    /// Goes when the container has gone.
    presence: watch::Sender<()>,
    /// Its right to its network, until it has gone.
    lease: Option<Lease>,
    /// That of its attempt, until it has gone.
    attempt: Option<Presence>,
}

/// This side's end of what a container reads. Dropped before the container is known to run well, it stays until the
/// container has gone: what is cut off must not look like an end.
pub(super) struct Kept<T: Send + 'static> {
    end: Option<T>,
    gone: watch::Receiver<()>,
}

impl Container {
    /// Creates a container. If the future is dropped on the way, the request goes on, and what it has made is removed.
    pub(super) async fn create(
        shared: &Arc<Shared>,
        name: String,
        step: &str,
        platform: Option<&str>,
        body: ContainerCreateBody,
        attempt: Option<&Presence>,
    ) -> Result<Self, StartError> {
        let image = body.image.clone().unwrap_or_default();
        let mut options = CreateContainerOptionsBuilder::default().name(&name);
        if let Some(platform) = platform {
            options = options.platform(platform);
        }
        let (options, step, attempt) = (options.build(), step.to_owned(), attempt.cloned());
        let (sender, created) = oneshot::channel();
        let owned = Arc::clone(shared);
        shared.later(async move {
            let answer = owned.engine.docker().create_container(Some(options), body).await;
            let presence = watch::channel(()).0;
            let mut container = Self {
                shared: Arc::clone(&owned),
                name,
                id: String::new(),
                step,
                presence,
                lease: None,
                attempt,
            };
            let created = match answer {
                Ok(answer) => {
                    container.id = answer.id;
                    Ok(container)
                }
                Err(error) => {
                    let failed = container.failed(&image, "be created", &error);
                    if !is_connection(&error) {
                        // There is none. One of that name may be somebody else's.
                        container.name.clear();
                    }
                    Err(failed)
                }
            };
            let _ = sender.send(created);
        });
        let lost = |_| EngineError::new("lost a container", "whoever was creating it has ended");
        created.await.map_err(lost)?
    }

    /// Starts it.
    pub(super) async fn start(&self, image: &str) -> Result<(), StartError> {
        let started = self.shared.engine.docker().start_container(&self.name, None).await;
        started.map_err(|error| self.failed(image, "be started", &error))
    }

    /// Holds on to its network until it has gone.
    pub(super) fn occupy(&mut self, lease: Option<Lease>) {
        self.lease = lease;
    }

    /// Keeps an end of its stdin as long as it may read.
    pub(super) fn keep<T: Send + 'static>(&self, end: Option<T>) -> Kept<T> {
        Kept { end, gone: self.presence.subscribe() }
    }

    /// Waits until it has gone.
    pub(super) fn gone(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut gone = self.presence.subscribe();
        // It never changes; it goes.
        async move { drop(gone.changed().await) }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    fn failed(&self, image: &str, what: &str, error: &Error) -> StartError {
        if is_connection(error) {
            return self.shared.engine.lost(error).into();
        }
        let text = words(error);
        if text.contains("no space left on device") {
            return EngineError::new(format!("the container of step `{}` cannot {what}", self.step), text)
                .into();
        }
        if let Some((_, path)) = text.split_once(UNSEEN) {
            let path = path.trim_start_matches([':', ' ']);
            return StartError::Step(format!(
                "there is nothing at {path} that could be mounted into its container: make it first"
            ));
        }
        let missing =
            text.contains("executable file not found") || text.contains("no such file or directory");
        StartError::Step(match text.split('"').nth(1) {
            Some(program) if missing && text.contains("exec") => no_program(image, program),
            _ if text.contains("exec format error") => {
                format!("the image `{image}` is made for another platform: {text}")
            }
            _ => format!("its container cannot {what}: {text}"),
        })
    }

    /// Waits in the background for the end of the container, and then for its outputs to be passed on; what it returns
    /// becomes known when both are done. If the container itself has `told` how its program ended, that is the end: the
    /// engine knows only when it has taken everything apart. Its stdin stays open until it has ended, whatever happens here: one that is being
    /// stopped must not take a broken stream for a finished one.
    pub(super) fn watch(
        &self,
        mut traffic: Traffic,
        told: impl Future<Output = Option<i32>> + Send + 'static,
    ) -> watch::Receiver<Option<Result<Exit, EngineError>>> {
        let (sender, receiver) = watch::channel(None);
        let (shared, name, id) = (Arc::clone(&self.shared), self.name.clone(), self.id.clone());
        tokio::spawn(async move {
            let exit = tokio::select! {
                biased;
                Some(code) = told => Ok(Exit::Code(code)),
                exit = end(&shared, &name) => exit,
            };
            if exit.is_err() {
                shared.kill_orphans(&id);
            }
            drop(traffic.input);
            let lost = |error| EngineError::new("the outputs of a container were lost", error);
            let result = match (exit.is_ok(), traffic.outputs.join_next().await) {
                (true, Some(passed)) => passed.map_err(lost).flatten().and(exit),
                _ => exit,
            };
            sender.send_replace(Some(result));
        });
        receiver
    }

    /// Sends a signal; if the engine has died, whatever the signal is, the container's processes are killed. It is no error if the
    /// container is not running any more.
    pub(super) async fn kill(&self, signal: &str) -> Result<(), EngineError> {
        let options = KillContainerOptionsBuilder::default().signal(signal).build();
        match self.shared.engine.docker().kill_container(&self.name, Some(options)).await {
            Ok(()) | Err(Error::DockerResponseServerError { status_code: 404 | 409, .. }) => Ok(()),
            Err(error) if is_connection(&error) => {
                self.shared.kill_orphans(&self.id);
                Err(self.shared.engine.lost(&error))
            }
            // Some engines have other words for one that has ended.
            Err(error) if is_over(&words(&error)) => Ok(()),
            Err(error) => Err(EngineError::new(format!("cannot stop step `{}`", self.step), words(&error))),
        }
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let (shared, name) = (Arc::clone(&self.shared), std::mem::take(&mut self.name));
        if name.is_empty() {
            return;
        }
        let id = std::mem::take(&mut self.id);
        let presence = std::mem::replace(&mut self.presence, watch::channel(()).0);
        let (lease, attempt) = (self.lease.take(), self.attempt.take());
        self.shared.later(async move {
            let _until_it_has_gone = (presence, lease, attempt);
            if labels::remove(&shared.engine, &name).await.is_err() {
                // Its watcher may learn of the engine's death later than this.
                shared.kill_orphans(&id);
                shared.left.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(name);
            }
        });
    }
}

impl<T: Send + 'static> Kept<T> {
    /// Hands out the end, to somebody who sees to it.
    pub(super) fn release(mut self) -> Option<T> {
        self.end.take()
    }
}

impl<T: Send + 'static> Drop for Kept<T> {
    fn drop(&mut self) {
        let (end, mut gone) = (self.end.take(), self.gone.clone());
        if let (Some(end), Ok(runtime)) = (end, tokio::runtime::Handle::try_current()) {
            runtime.spawn(async move {
                // It never changes; it goes.
                let _ = gone.changed().await;
                drop(end);
            });
        }
    }
}

/// Whether an engine says that a container takes no signal because it has ended; Podman has the second form.
fn is_over(text: &str) -> bool {
    text.contains("not running") || text.contains("container state improper")
}

/// What there is to say about a program that an image does not have.
pub(super) fn no_program(image: &str, program: &str) -> String {
    format!(
        "the image `{image}` has no `{program}`: choose an image that has it, or name a program that is there with \
         `entrypoint`"
    )
}

/// What is passed on for a container, by tasks that go when this does.
#[derive(Default)]
pub(super) struct Traffic {
    /// To its stdin.
    pub(super) input: JoinSet<()>,
    /// From its stdout and stderr.
    pub(super) outputs: JoinSet<Result<(), EngineError>>,
}

/// Waits for the end of a container.
async fn end(shared: &Shared, name: &str) -> Result<Exit, EngineError> {
    let docker = shared.engine.patient();
    let options = WaitContainerOptionsBuilder::default().condition("not-running").build();
    let mut answers = std::pin::pin!(docker.wait_container(name, Some(options)));
    let code = match answers.next().await {
        Some(Ok(answer)) => answer.status_code,
        Some(Err(Error::DockerContainerWaitError { code, .. })) => code,
        // Removed under our hands: by us when nobody waits any more, or by somebody else.
        Some(Err(error)) if is_gone(&error) => {
            return Err(EngineError::new(format!("the container {name} is gone"), "somebody removed it"));
        }
        Some(Err(error)) => return Err(shared.engine.lost(&error)),
        None => return Err(EngineError::new(format!("lost the container {name}"), "the engine hung up")),
    };
    let code = i32::try_from(code).unwrap_or(-1);
    if code == 137 && was_out_of_memory(shared, name).await {
        return Ok(Exit::OutOfMemory);
    }
    Ok(Exit::Code(code))
}

async fn was_out_of_memory(shared: &Shared, name: &str) -> bool {
    let container = shared.engine.docker().inspect_container(name, None).await;
    container.ok().and_then(|container| container.state?.oom_killed).unwrap_or_default()
}

/// A hold on a container that runs.
pub(super) struct Handle {
    pub(super) container: Container,
    pub(super) exit: watch::Receiver<Option<Result<Exit, EngineError>>>,
    /// Whether it was asked to end.
    pub(super) stopping: watch::Sender<bool>,
}

impl StepHandle for Handle {
    fn wait(&self) -> BoxFuture<'_, Result<Exit, EngineError>> {
        let mut exit = self.exit.clone();
        Box::pin(async move {
            let lost = || EngineError::new("lost a container", "its watcher has ended");
            let known = exit.wait_for(Option::is_some).await.map_err(|_| lost())?;
            known.clone().unwrap_or_else(|| Err(lost()))
        })
    }

    fn stop(&self, how: Stop) -> BoxFuture<'_, Result<(), EngineError>> {
        Box::pin(async move {
            self.stopping.send_replace(true);
            match how {
                Stop::Terminate if self.exit.borrow().is_some() => Ok(()),
                Stop::Terminate => self.container.kill("SIGTERM").await,
                // Its program may have ended, and what that left behind not yet.
                Stop::Kill => self.container.kill("SIGKILL").await,
            }
        })
    }
}
