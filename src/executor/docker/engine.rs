//! A container engine: its address and its properties.

use std::path::Path;
use std::time::Duration;

use bollard::Docker;
use bollard::models::{ContainerCreateBody, HostConfig, Mount, MountType};

use super::endpoint::{self, Endpoint};
use super::paths::Paths;
use super::reach::{Refused, unreachable};
use super::users::{Users, has_option, is_rootless_podman};
use crate::executor::{StartError, SystemError};

const NO_TIMEOUT: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// The name of no image: no registry has this name.
const NO_IMAGE: &str = "pipe.invalid/none";
/// How an engine says that there is nothing at a path that is to be mounted.
pub(super) const UNSEEN: &str = "bind source path does not exist";

/// How a system says that a disk is full.
const NO_SPACE: &str = "no space left on device";

/// A connection to an engine. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    docker: Docker,
    host: String,
    on_this_kernel: bool,
    is_podman: bool,
    users: Users,
    has_selinux: bool,
    buildkit: Option<Since>,
    usual_registry: String,
    paths: std::sync::Arc<Paths>,
}

impl Engine {
    /// Connects to the engine that `DOCKER_HOST`, `DOCKER_CONTEXT` or the current context names, else to the
    /// first that answers at one of the usual sockets.
    ///
    /// # Errors
    /// If there is none, or it does not answer.
    pub async fn connect() -> Result<Self, SystemError> {
        let env = |name: &str| std::env::var(name).ok();
        let mut refused = Vec::new();
        for endpoint in endpoint::candidates(env, &endpoint::config_dir())? {
            match Self::at(&endpoint).await {
                Ok(engine) => return Ok(engine),
                Err(error) => refused.push(Refused { host: endpoint.host, error }),
            }
        }
        Err(unreachable(&refused))
    }

    async fn at(endpoint: &Endpoint) -> Result<Self, bollard::errors::Error> {
        let docker = endpoint.open()?.negotiate_version().await?;
        let info = docker.info().await?;
        let version = docker.version().await?;
        let mut parts = version.components.iter().flatten();
        let is_podman = parts.any(|part| part.name.starts_with("Podman"));
        let is_wanted = !std::env::var("DOCKER_BUILDKIT").is_ok_and(|value| is_no(&value));
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let is_local = endpoint.host.starts_with("unix://");
        let on_this_kernel = is_local && info.kernel_version.as_deref() == Some(kernel.trim());
        let options = info.security_options.unwrap_or_default();
        let users = match endpoint.host.strip_prefix("unix://") {
            Some(socket) if is_podman && is_rootless_podman(Path::new(socket)).await => Users::RootIsCaller,
            Some(_) | None => Users::of(&options),
        };
        let buildkit = Some(info.os_type.as_deref() == Some("linux") && !is_podman && is_wanted)
            .filter(|has| *has && endpoint.is_direct())
            .and_then(|_| Since::of(version.api_version.as_deref().unwrap_or_default()));
        let paths = Paths::find(&docker).await;
        Ok(Self {
            docker,
            host: endpoint.host.clone(),
            on_this_kernel,
            is_podman,
            buildkit,
            users,
            has_selinux: has_option(&options, "selinux"),
            usual_registry: info.index_server_address.unwrap_or_default(),
            paths: std::sync::Arc::new(paths),
        })
    }

    /// Checks that the engine can mount our files: requests a container with `folder` mounted from an image
    /// that does not exist, so that nothing is created. `folder` must not exist on any other machine.
    ///
    /// # Errors
    /// If the engine does not see the folder. The error says what to do instead.
    pub async fn sees(&self, folder: &Path) -> Result<(), SystemError> {
        let cannot = || format!("the Docker engine at {} cannot mount the working directory", self.host);
        let there = self.paths.translate(folder).map_err(|why| SystemError::new(cannot(), why))?;
        let mount = Mount {
            target: Some("/seen".into()),
            source: Some(there.to_string_lossy().into_owned()),
            typ: Some(MountType::BIND),
            ..Mount::default()
        };
        let host = HostConfig { mounts: Some(vec![mount]), ..HostConfig::default() };
        let body = ContainerCreateBody {
            image: Some(NO_IMAGE.into()),
            host_config: Some(host),
            ..ContainerCreateBody::default()
        };
        match self.docker.create_container(None, body).await {
            Err(error) if words(&error).contains(UNSEEN) => Err(SystemError::new(
                cannot(),
                "it is on another machine, or in one of its own, and containers there do not see the files of this one; \
                 run `pipe` where the engine is, or use the engine of this machine (DOCKER_HOST, DOCKER_CONTEXT)",
            )),
            Err(error) if is_connection(&error) => Err(self.lost(error)),
            _ => Ok(()),
        }
    }

    pub(super) fn docker(&self) -> &Docker {
        &self.docker
    }

    /// Returns a client without a timeout, for requests that are answered when something ends.
    pub(super) fn patient(&self) -> Docker {
        self.docker.clone().with_timeout(NO_TIMEOUT)
    }

    /// Whether its containers can open the named pipes of this machine.
    pub(super) fn is_on_this_kernel(&self) -> bool {
        self.on_this_kernel
    }

    /// Whether it is Podman, which gets into trouble when a container is removed that has not quite ended, or
    /// that others depend on.
    pub(super) fn is_podman(&self) -> bool {
        self.is_podman
    }

    /// How its numbers of users are related to those of this machine.
    pub(super) fn users(&self) -> Users {
        self.users
    }

    /// Who a container's program runs as if its step says nothing, such as `1000:1000`: one whose files are
    /// the caller's.
    pub fn caller(&self) -> String {
        self.users.caller()
    }

    /// What every container is told about security. SELinux would keep it from what is mounted, unless that
    /// is labelled anew on this machine.
    pub(super) fn security(&self) -> Vec<String> {
        let label = self.has_selinux.then(|| "label=disable".to_owned());
        std::iter::once("no-new-privileges".to_owned()).chain(label).collect()
    }

    /// The BuildKit that it has for building images; nothing if it has none, if there is no direct way to it,
    /// or if `DOCKER_BUILDKIT=0` says as to `docker` to do without.
    pub(super) fn buildkit(&self) -> Option<Since> {
        self.buildkit
    }

    /// Where it is.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// How it calls the registry of images whose names tell none.
    pub(super) fn usual_registry(&self) -> &str {
        &self.usual_registry
    }

    pub(super) fn paths(&self) -> &Paths {
        &self.paths
    }

    pub(super) fn lost(&self, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> SystemError {
        SystemError::new(format!("lost the Docker engine at {}", self.host), error)
    }

    /// Says whose fault a failed request is: the engine's, if it is gone or has no room, or else the step's,
    /// in the engine's words.
    pub(super) fn blame(&self, what: &str, error: bollard::errors::Error) -> StartError {
        if is_connection(&error) {
            return self.lost(error).into();
        }
        let text = words(&error);
        self.full(what, &text).map_or_else(|| StartError::Step(format!("{what}: {text}")), StartError::System)
    }

    /// Returns the error for an engine whose disk is full, if `text` says that it is. A retry cannot help
    /// then.
    pub(super) fn full(&self, what: &str, text: &str) -> Option<SystemError> {
        let what = format!("{what}: the disk of the Docker engine at {} is full", self.host);
        text.contains(NO_SPACE)
            .then(|| SystemError::new(what, format!("{text}; make room, as with `docker system prune`")))
    }
}

/// The Docker that an engine's BuildKit came with, at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Since {
    Docker18,
    Docker23,
}

impl Since {
    /// By the version of the engine's API, such as `1.41`; nothing if that has no BuildKit.
    fn of(api: &str) -> Option<Self> {
        match api.strip_prefix("1.")?.parse::<u32>().ok()? {
            ..39 => None,
            39..42 => Some(Self::Docker18),
            42.. => Some(Self::Docker23),
        }
    }
}

/// Returns whether Go parses this as `false`.
fn is_no(text: &str) -> bool {
    matches!(text, "0" | "f" | "F" | "false" | "FALSE" | "False")
}

/// Returns whether an error is one of the connection rather than an answer of the engine.
pub(super) fn is_connection(error: &bollard::errors::Error) -> bool {
    use bollard::errors::Error;
    !matches!(
        error,
        Error::DockerResponseServerError { .. }
            | Error::DockerStreamError { .. }
            | Error::DockerContainerWaitError { .. }
    )
}

/// Returns whether an error says that a thing does not exist, or is being removed already.
pub(super) fn is_gone(error: &bollard::errors::Error) -> bool {
    use bollard::errors::Error::DockerResponseServerError as Answer;
    match error {
        Answer { status_code: 404, .. } => true,
        Answer { status_code: 409, message } => message.contains("already in progress"),
        _ => false,
    }
}

/// What the engine says in place of a success, in its own words.
#[derive(Debug, thiserror::Error)]
#[error("{}", words(.0))]
pub(super) struct EngineRefusal(#[from] bollard::errors::Error);

/// Returns the engine's message, without bollard's prefix.
pub(super) fn words(error: &bollard::errors::Error) -> String {
    use bollard::errors::Error;
    match error {
        Error::DockerResponseServerError { message, .. } => message.trim().to_owned(),
        Error::DockerStreamError { error } => error.trim().to_owned(),
        error => error.to_string(),
    }
}
