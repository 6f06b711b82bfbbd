//! A container from its creation to its removal.

use std::collections::BTreeMap;
use std::sync::Arc;

use bollard::container::AttachContainerResults;
use bollard::errors::Error;
use bollard::models::{ContainerCreateBody, EndpointSettings, NetworkConnectRequest};
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, CreateContainerOptionsBuilder, KillContainerOptionsBuilder,
    WaitContainerOptionsBuilder,
};
use futures::StreamExt;
use futures::future::BoxFuture;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tracing::debug;

use super::Shared;
use super::engine::{Engine, EngineRefusal, is_connection, is_gone, words};
use super::leftovers;
use super::refusal;
use crate::executor::{
    Answer, Exit, HoldGuard, Probe, Released, ServiceSpec, StartError, StepHandle, Stop, SystemError,
};
use crate::pipeline::Check;

/// The exit code of a process that was killed, as engines and shells report it.
pub(super) const KILLED: i32 = 137;
/// A container that may exist; dropping this removes it.
pub(super) struct Container {
    shared: Arc<Shared>,
    name: String,
    /// Its id, once the engine has created it.
    id: String,
    step: String,
    /// What it is as a service, which ends by the signal that its image asks for.
    service: Option<ServiceSpec>,
    /// Dropped once the container is removed.
    held: HoldGuard,
    /// Held until the container is removed.
    attempt: Option<HoldGuard>,
}

/// This side's end of what a container reads. Dropped before it is released, it stays open until the
/// container is removed: a truncated input must not look like a complete one.
pub(super) struct HeldOpen<T: Send + 'static> {
    end: Option<T>,
    gone: Released,
}

impl Container {
    /// Creates a container. If the future is dropped on the way, the request goes on, and what it has made is
    /// removed.
    pub(super) async fn create(
        shared: &Arc<Shared>,
        name: String,
        step: &str,
        platform: Option<&str>,
        body: ContainerCreateBody,
        attempt: Option<&HoldGuard>,
    ) -> Result<Self, StartError> {
        let image = body.image.clone().unwrap_or_default();
        let mut options = CreateContainerOptionsBuilder::default().name(&name);
        if let Some(platform) = platform {
            options = options.platform(platform);
        }
        let (options, step, attempt) = (options.build(), step.to_owned(), attempt.cloned());
        let (sender, created) = oneshot::channel();
        debug!(container = name, image, "docker: create container");
        let owned = Arc::clone(shared);
        shared.later(async move {
            let answer = owned.engine.docker().create_container(Some(options), body).await;
            let (held, _) = HoldGuard::new();
            let mut container = Self {
                shared: Arc::clone(&owned),
                name,
                id: String::new(),
                step,
                service: None,
                held,
                attempt,
            };
            let created = match answer {
                Ok(answer) => {
                    container.id = answer.id;
                    Ok(container)
                }
                Err(error) => {
                    let is_answer = !is_connection(&error);
                    let failed = container.failed(&image, "be created", error);
                    if is_answer {
                        // It was not created; a container of that name would be another program's.
                        container.name.clear();
                    }
                    Err(failed)
                }
            };
            let _ = sender.send(created);
        });
        let lost = |_| SystemError::new("lost a container", "the task that creates it has ended");
        created.await.map_err(lost)?
    }

    /// Returns whether processes of this machine reach it at a port of its own.
    pub(super) fn is_reached_here(&self, port: u16) -> bool {
        self.service.iter().flat_map(|service| &service.published).any(|(own, _)| *own == port)
    }

    /// Makes it a service.
    pub(super) fn serve(&mut self, service: ServiceSpec) {
        self.service = Some(service);
    }

    /// Connects it to one more network.
    pub(super) async fn connect(&self, network: &str, settings: EndpointSettings) -> Result<(), StartError> {
        debug!(container = self.name, network, "docker: connect to network");
        let request = NetworkConnectRequest { container: self.name.clone(), endpoint_config: Some(settings) };
        let connected = self.shared.engine.docker().connect_network(network, request).await;
        connected.map_err(|error| {
            self.shared.engine.blame("its container cannot join the network of its services", error)
        })
    }

    /// Starts it.
    pub(super) async fn start(&self, image: &str) -> Result<(), StartError> {
        debug!(container = self.name, "docker: start container");
        let started = self.shared.engine.docker().start_container(&self.name, None).await;
        started.map_err(|error| self.failed(image, "be started", error))
    }

    /// Attaches to its streams. Called before it is started, so that no output is missed.
    pub(super) async fn attach(&self, has_stdin: bool) -> Result<AttachContainerResults, StartError> {
        let options = AttachContainerOptionsBuilder::default()
            .stream(true)
            .stdin(has_stdin)
            .stdout(true)
            .stderr(true)
            .build();
        debug!(container = self.name, "docker: attach to container");
        let attached = self.shared.engine.docker().attach_container(&self.name, Some(options)).await;
        attached.map_err(|error| match is_connection(&error) {
            true => StartError::System(self.shared.engine.lost(error)),
            false => {
                let what = format!("cannot attach to the container of step `{}`", self.step);
                SystemError::new(what, error).into()
            }
        })
    }

    /// Keeps an end of its stdin open until it is released or the container is removed.
    pub(super) fn hold_open<T: Send + 'static>(&self, end: Option<T>) -> HeldOpen<T> {
        HeldOpen { end, gone: self.held.released() }
    }

    /// Waits until it is removed.
    pub(super) fn gone(&self) -> impl Future<Output = ()> + Send + 'static {
        self.held.released().wait()
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.shared.engine
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    fn failed(&self, image: &str, what: &str, error: Error) -> StartError {
        refusal::of(&self.shared.engine, &self.step, image, what, error)
    }

    /// Waits in the background for the end of the container and of its outputs; the receiver gets the result
    /// once both are done. `reported` is the exit code that the container itself reports, which is known
    /// earlier than the engine's. The container's stdin stays open until it has ended: a container that is
    /// being stopped must not take a truncated stream for a complete one.
    pub(super) fn watch(
        &self,
        mut traffic: Traffic,
        reported: impl Future<Output = Option<i32>> + Send + 'static,
    ) -> watch::Receiver<Option<Result<Exit, SystemError>>> {
        let (sender, receiver) = watch::channel(None);
        let (shared, name, id) = (Arc::clone(&self.shared), self.name.clone(), self.id.clone());
        tokio::spawn(async move {
            let exit = tokio::select! {
                biased;
                Some(code) = reported => Ok(Exit::Code(code)),
                exit = end(&shared, &name) => exit,
            };
            if exit.is_err() {
                shared.kill_orphans(&id);
            }
            drop(traffic.input);
            let lost = |error| SystemError::new("the outputs of a container were lost", error);
            let result = match (exit, traffic.outputs.join_next().await) {
                (Ok(exit), Some(passed)) => passed.map_err(lost).flatten().and_then(|is_whole| match exit {
                    // Of a failed step it is known that it is not whole.
                    Exit::Code(0) if !is_whole => Err(SystemError::new(
                        "the engine has lost the end of a container's output",
                        "its connection ended before",
                    )),
                    exit => Ok(exit),
                }),
                (exit, _) => exit,
            };
            debug!(container = name, ok = result.is_ok(), "docker: container ended");
            sender.send_replace(Some(result));
        });
        receiver
    }

    /// Asks it to end.
    async fn terminate(&self) -> Result<(), SystemError> {
        let signal = if self.service.is_some() { self.stop_signal().await } else { None };
        self.kill(signal.as_deref().unwrap_or("SIGTERM")).await
    }

    /// Sends a signal. If the engine has died, the container's processes are killed, whatever the signal. A
    /// container that is not running any more is not an error.
    pub(super) async fn kill(&self, signal: &str) -> Result<(), SystemError> {
        debug!(container = self.name, signal, "docker: kill container");
        let options = KillContainerOptionsBuilder::default().signal(signal).build();
        match self.shared.engine.docker().kill_container(&self.name, Some(options)).await {
            Ok(()) | Err(Error::DockerResponseServerError { status_code: 404 | 409, .. }) => Ok(()),
            Err(error) if is_connection(&error) => {
                self.shared.kill_orphans(&self.id);
                Err(self.shared.engine.lost(error))
            }
            // Some engines have other words for one that has ended.
            Err(error) if is_over(&words(&error)) => Ok(()),
            Err(error) => {
                Err(SystemError::new(format!("cannot stop step `{}`", self.step), EngineRefusal::from(error)))
            }
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
        let (held, attempt) = (self.held.clone(), self.attempt.take());
        self.shared.later(async move {
            let _until_it_has_gone = (held, attempt);
            if leftovers::remove_container(&shared.engine, &name).await.is_err() {
                // Its watcher may learn of the engine's death later than this.
                shared.kill_orphans(&id);
                shared.left.lock().push(name);
            }
        });
    }
}

impl<T: Send + 'static> HeldOpen<T> {
    /// Keeps an end open until it is released or something is gone.
    pub(super) fn until(gone: Released, end: T) -> Self {
        Self { end: Some(end), gone }
    }

    /// Hands the end to a caller that keeps it open as long as needed.
    pub(super) fn release(mut self) -> Option<T> {
        self.end.take()
    }
}

impl<T: Send + 'static> Drop for HeldOpen<T> {
    fn drop(&mut self) {
        let (end, gone) = (self.end.take(), self.gone.clone());
        if let (Some(end), Ok(runtime)) = (end, tokio::runtime::Handle::try_current()) {
            runtime.spawn(async move {
                gone.wait().await;
                drop(end);
            });
        }
    }
}

/// Returns whether an engine refuses a signal because the container has ended; Podman has the second form.
fn is_over(text: &str) -> bool {
    text.contains("not running") || text.contains("container state improper")
}

/// The tasks that copy a container's streams; dropping this ends them.
#[derive(Default)]
pub(super) struct Traffic {
    /// To its stdin.
    pub(super) input: JoinSet<()>,
    /// From its stdout and stderr. Each returns whether all of it has arrived.
    pub(super) outputs: JoinSet<Result<bool, SystemError>>,
}

/// Waits for the end of a container.
async fn end(shared: &Shared, name: &str) -> Result<Exit, SystemError> {
    let docker = shared.engine.patient();
    let options = WaitContainerOptionsBuilder::default().condition("not-running").build();
    let mut answers = std::pin::pin!(docker.wait_container(name, Some(options)));
    let code = match answers.next().await {
        Some(Ok(answer)) => answer.status_code,
        Some(Err(Error::DockerContainerWaitError { code, .. })) => code,
        // Removed concurrently, by our own clean-up or by another program.
        Some(Err(error)) if is_gone(&error) => {
            return Err(SystemError::new(format!("the container {name} is gone"), "it was removed"));
        }
        Some(Err(error)) => return Err(shared.engine.lost(error)),
        None => return Err(SystemError::new(format!("lost the container {name}"), "the engine hung up")),
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

/// A running container.
pub(super) struct Handle {
    pub(super) container: Container,
    pub(super) exit: watch::Receiver<Option<Result<Exit, SystemError>>>,
    /// Whether it was told to stop.
    pub(super) stopping: watch::Sender<bool>,
}

impl StepHandle for Handle {
    fn wait(&self) -> BoxFuture<'_, Result<Exit, SystemError>> {
        let mut exit = self.exit.clone();
        Box::pin(async move {
            let lost = || SystemError::new("lost a container", "its watcher has ended");
            let known = exit.wait_for(Option::is_some).await.map_err(|_| lost())?;
            known.clone().unwrap_or_else(|| Err(lost()))
        })
    }

    fn stop(&self, how: Stop) -> BoxFuture<'_, Result<(), SystemError>> {
        Box::pin(async move {
            self.stopping.send_replace(true);
            match how {
                Stop::Terminate if self.exit.borrow().is_some() => Ok(()),
                Stop::Terminate => self.container.terminate().await,
                // Its program may have ended while processes that it started still run.
                Stop::Kill => self.container.kill("SIGKILL").await,
            }
        })
    }

    fn probe<'a>(&'a self, probe: &'a Probe) -> BoxFuture<'a, Result<Answer, SystemError>> {
        Box::pin(self.container.ask(probe))
    }

    fn own_check(&self) -> BoxFuture<'_, Result<Option<(Probe, Check)>, SystemError>> {
        Box::pin(self.container.image_check())
    }

    fn published(&self) -> BoxFuture<'_, Result<BTreeMap<u16, u16>, SystemError>> {
        Box::pin(self.container.published_ports())
    }
}
