//! The engine that makes containers: where it is, and what it is like.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bollard::models::{ContainerCreateBody, HostConfig, Mount, MountType};
use bollard::{API_DEFAULT_VERSION, Docker};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::paths::Paths;
use super::reach::unreachable;
use crate::executor::EngineError;

/// How long the engine may take to answer. What takes long by its nature, such as the end of a container, is not meant.
const PATIENCE: u64 = 120;
const FOR_EVER: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// A name that no image has: no registry is called so.
const NO_IMAGE: &str = "pipe.invalid/none";
/// How an engine says that there is nothing at a path that is to be mounted.
pub(super) const UNSEEN: &str = "bind source path does not exist";
const DEFAULT_HOST: &str = "unix:///var/run/docker.sock";

/// A connection to an engine. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    docker: Docker,
    host: String,
    on_this_kernel: bool,
    is_podman: bool,
    usual_registry: String,
    paths: std::sync::Arc<Paths>,
}

/// Where an engine is, and how to prove who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Endpoint {
    host: String,
    /// A folder with `ca.pem`, `cert.pem` and `key.pem`.
    certificates: Option<PathBuf>,
}

impl Engine {
    /// Connects to the engine that `DOCKER_HOST`, `DOCKER_CONTEXT` or the current context names, else to the usual socket.
    ///
    /// # Errors
    /// If there is none, or it does not answer.
    pub async fn connect() -> Result<Self, EngineError> {
        let endpoint = endpoint(|name| std::env::var(name).ok(), &config_dir())?;
        let failed = |error| unreachable(&endpoint.host, &error);
        let docker = open(&endpoint).map_err(failed)?;
        let docker = docker.negotiate_version().await.map_err(failed)?;
        let info = docker.info().await.map_err(failed)?;
        let usual_registry = info.index_server_address.unwrap_or_default();
        let version = docker.version().await.map_err(failed)?;
        let mut parts = version.components.iter().flatten();
        let is_podman = parts.any(|part| part.name.starts_with("Podman"));
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let is_local = endpoint.host.starts_with("unix://");
        let on_this_kernel = is_local && info.kernel_version.as_deref() == Some(kernel.trim());
        let paths = Paths::find(&docker).await;
        Ok(Self {
            docker,
            host: endpoint.host,
            on_this_kernel,
            is_podman,
            usual_registry,
            paths: std::sync::Arc::new(paths),
        })
    }

    /// Makes sure that containers can be given folders of this machine, by asking for one that would get `folder`, which no
    /// other machine has. The image that it names is none, so that no container is made.
    ///
    /// # Errors
    /// If the engine does not see the folder; what to do instead.
    pub async fn sees(&self, folder: &Path) -> Result<(), EngineError> {
        let cannot = || format!("the Docker engine at {} cannot mount the working directory", self.host);
        let there = self.paths.translate(folder).map_err(|why| EngineError::new(cannot(), why))?;
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
            Err(error) if words(&error).contains(UNSEEN) => Err(EngineError::new(
                cannot(),
                "it is on another machine, or in one of its own, and containers there do not see the files of this one; \
                 run `pipe` where the engine is, or use the engine of this machine (DOCKER_HOST, DOCKER_CONTEXT)",
            )),
            Err(error) if is_connection(&error) => Err(self.lost(&error)),
            _ => Ok(()),
        }
    }

    pub(super) fn docker(&self) -> &Docker {
        &self.docker
    }

    /// For requests that are answered when something ends, whenever that is.
    pub(super) fn patient(&self) -> Docker {
        self.docker.clone().with_timeout(FOR_EVER)
    }

    /// Whether its containers can open the named pipes of this machine.
    pub(super) fn is_on_this_kernel(&self) -> bool {
        self.on_this_kernel
    }

    /// Whether it is Podman, which gets into trouble when a container is removed that has not quite ended, or that others
    /// depend on.
    pub(super) fn is_podman(&self) -> bool {
        self.is_podman
    }

    /// How it calls the registry of images whose names tell none.
    pub(super) fn usual_registry(&self) -> &str {
        &self.usual_registry
    }

    pub(super) fn paths(&self) -> &Paths {
        &self.paths
    }

    pub(super) fn lost(&self, error: &bollard::errors::Error) -> EngineError {
        EngineError::new(format!("lost the Docker engine at {}", self.host), error)
    }
}

/// Whether an error is the connection's, and not what the engine says.
pub(super) fn is_connection(error: &bollard::errors::Error) -> bool {
    use bollard::errors::Error;
    !matches!(
        error,
        Error::DockerResponseServerError { .. }
            | Error::DockerStreamError { .. }
            | Error::DockerContainerWaitError { .. }
    )
}

/// The engine's own words, without bollard's.
pub(super) fn words(error: &bollard::errors::Error) -> String {
    use bollard::errors::Error;
    match error {
        Error::DockerResponseServerError { message, .. } => message.trim().to_owned(),
        Error::DockerStreamError { error } => error.trim().to_owned(),
        error => error.to_string(),
    }
}

fn open(endpoint: &Endpoint) -> Result<Docker, bollard::errors::Error> {
    let host = endpoint.host.as_str();
    match (&endpoint.certificates, host.split("://").next()) {
        (Some(dir), Some("tcp" | "https")) => {
            let [key, cert, ca] = ["key.pem", "cert.pem", "ca.pem"].map(|name| dir.join(name));
            Docker::connect_with_ssl(host, &key, &cert, &ca, PATIENCE, API_DEFAULT_VERSION)
        }
        (_, Some("tcp" | "http")) => Docker::connect_with_http(host, PATIENCE, API_DEFAULT_VERSION),
        (_, Some("ssh")) => Docker::connect_with_ssh(host, PATIENCE, API_DEFAULT_VERSION, None),
        _ => Docker::connect_with_unix(host, PATIENCE, API_DEFAULT_VERSION),
    }
}

/// Where Docker's own configuration lies.
pub(super) fn config_dir() -> PathBuf {
    let home = || std::env::home_dir().unwrap_or_default().join(".docker");
    std::env::var_os("DOCKER_CONFIG").map_or_else(home, PathBuf::from)
}

/// Docker's own order: `DOCKER_HOST`, `DOCKER_CONTEXT`, the configuration's current context, the usual socket.
fn endpoint(env: impl Fn(&str) -> Option<String>, config: &Path) -> Result<Endpoint, EngineError> {
    let set = |name: &str| env(name).filter(|value| !value.is_empty());
    if let Some(host) = set("DOCKER_HOST") {
        let certificates = set("DOCKER_TLS_VERIFY")
            .map(|_| set("DOCKER_CERT_PATH").map_or(config.to_owned(), PathBuf::from));
        return Ok(Endpoint { host, certificates });
    }
    let context = set("DOCKER_CONTEXT").or_else(|| current_context(config)).filter(|name| name != "default");
    match context {
        None => Ok(Endpoint { host: DEFAULT_HOST.to_owned(), certificates: None }),
        Some(name) => context_endpoint(&name, config),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    current_context: Option<String>,
}

fn current_context(config: &Path) -> Option<String> {
    let text = std::fs::read(config.join("config.json")).ok()?;
    serde_json::from_slice::<Config>(&text).ok()?.current_context.filter(|name| !name.is_empty())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Meta {
    endpoints: std::collections::BTreeMap<String, MetaEndpoint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MetaEndpoint {
    host: Option<String>,
}

/// A context lies in a folder whose name is the hash of its own.
fn context_endpoint(name: &str, config: &Path) -> Result<Endpoint, EngineError> {
    let hash: String = Sha256::digest(name.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    let file = config.join("contexts/meta").join(&hash).join("meta.json");
    let unknown = |why: &dyn std::fmt::Display| {
        EngineError::new(format!("cannot read the Docker context `{name}` from {}", file.display()), why)
    };
    let text = std::fs::read(&file).map_err(|error| unknown(&error))?;
    let meta: Meta = serde_json::from_slice(&text).map_err(|error| unknown(&error))?;
    let host = meta.endpoints.get("docker").and_then(|endpoint| endpoint.host.clone());
    let certificates = config.join("contexts/tls").join(&hash).join("docker");
    Ok(Endpoint {
        host: host.ok_or_else(|| unknown(&"it names no host"))?,
        certificates: certificates.is_dir().then_some(certificates),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(env: &[(&str, &str)], config: &Path) -> String {
        let get = |name: &str| env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        match endpoint(get, config) {
            Ok(Endpoint { host, certificates: None }) => host,
            Ok(Endpoint { host, certificates: Some(dir) }) => format!("{host} with {}", dir.display()),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_engine_is_looked_for_in_dockers_order() {
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path();
        assert_eq!(found(&[], config), DEFAULT_HOST);
        // The hash of `far`.
        let hash: String = Sha256::digest(b"far").iter().map(|byte| format!("{byte:02x}")).collect();
        let meta = config.join("contexts/meta").join(&hash);
        std::fs::create_dir_all(&meta).unwrap();
        let text = r#"{"Name":"far","Metadata":{},"Endpoints":{"docker":{"Host":"ssh://me@far","SkipTLSVerify":false}}}"#;
        std::fs::write(meta.join("meta.json"), text).unwrap();
        assert_eq!(found(&[("DOCKER_CONTEXT", "far")], config), "ssh://me@far");
        std::fs::write(config.join("config.json"), r#"{"currentContext":"far"}"#).unwrap();
        assert_eq!(found(&[], config), "ssh://me@far");
        assert_eq!(found(&[("DOCKER_CONTEXT", "default")], config), DEFAULT_HOST);
        assert_eq!(
            found(&[("DOCKER_HOST", "tcp://here:1"), ("DOCKER_CONTEXT", "far")], config),
            "tcp://here:1"
        );
        let tls = [("DOCKER_HOST", "tcp://here:1"), ("DOCKER_TLS_VERIFY", "1"), ("DOCKER_CERT_PATH", "/c")];
        assert_eq!(found(&tls, config), "tcp://here:1 with /c");
        let missing = found(&[("DOCKER_CONTEXT", "none")], config);
        assert!(missing.starts_with("cannot read the Docker context `none` from"), "{missing}");
    }
}
