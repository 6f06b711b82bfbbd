//! Where an engine is: what the environment and Docker's configuration say, and the usual sockets.

use std::path::{Path, PathBuf};

use bollard::{API_DEFAULT_VERSION, Docker};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::hex::hex;
use crate::executor::SystemError;

/// How long the engine may take to answer. What takes long by its nature, such as the end of a container, is
/// not meant.
const PATIENCE: u64 = 120;

/// Where an engine is, and how to prove who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) host: String,
    /// A folder with `ca.pem`, `cert.pem` and `key.pem`.
    certificates: Option<PathBuf>,
}

impl Endpoint {
    fn plain(host: impl Into<String>) -> Self {
        Self { host: host.into(), certificates: None }
    }

    /// Whether it is reached by a socket, without a shell or certificates in between.
    pub(super) fn is_direct(&self) -> bool {
        let scheme = self.host.split_once("://").map(|(scheme, _)| scheme);
        matches!(scheme, Some("unix" | "tcp" | "http")) && self.certificates.is_none()
    }

    /// Opens it; nothing is asked yet.
    pub(super) fn open(&self) -> Result<Docker, bollard::errors::Error> {
        let host = self.host.as_str();
        match (&self.certificates, host.split("://").next()) {
            (Some(dir), Some("tcp" | "https")) => {
                let [key, cert, ca] = ["key.pem", "cert.pem", "ca.pem"].map(|name| dir.join(name));
                Docker::connect_with_ssl(host, &key, &cert, &ca, PATIENCE, API_DEFAULT_VERSION)
            }
            (_, Some("tcp" | "http")) => Docker::connect_with_http(host, PATIENCE, API_DEFAULT_VERSION),
            (_, Some("ssh")) => Docker::connect_with_ssh(host, PATIENCE, API_DEFAULT_VERSION, None),
            _ => Docker::connect_with_unix(host, PATIENCE, API_DEFAULT_VERSION),
        }
    }
}

/// Where Docker's own configuration lies.
pub(super) fn config_dir() -> PathBuf {
    let home = || std::env::home_dir().unwrap_or_default().join(".docker");
    std::env::var_os("DOCKER_CONFIG").map_or_else(home, PathBuf::from)
}

/// Where an engine may be, in Docker's own order: `DOCKER_HOST`, `DOCKER_CONTEXT`, the configuration's
/// current context, the usual sockets.
pub(super) fn candidates(
    env: impl Fn(&str) -> Option<String>,
    config: &Path,
) -> Result<Vec<Endpoint>, SystemError> {
    let set = |name: &str| env(name).filter(|value| !value.is_empty());
    if let Some(host) = set("DOCKER_HOST") {
        let certificates = set("DOCKER_TLS_VERIFY")
            .map(|_| set("DOCKER_CERT_PATH").map_or(config.to_owned(), PathBuf::from));
        return Ok(vec![Endpoint { host, certificates }]);
    }
    let context = set("DOCKER_CONTEXT").or_else(|| current_context(config)).filter(|name| name != "default");
    match context {
        None => Ok(sockets(set("HOME"), set("XDG_RUNTIME_DIR"))),
        Some(name) => Ok(vec![context_endpoint(&name, config)?]),
    }
}

/// The usual sockets: the machine's, those of rootless Docker and Docker Desktop, Podman's.
fn sockets(home: Option<String>, runtime: Option<String>) -> Vec<Endpoint> {
    let below =
        |folder: &Option<String>, socket: &str| folder.as_ref().map(|folder| format!("{folder}/{socket}"));
    let sockets = [
        Some("/var/run/docker.sock".to_owned()),
        below(&runtime, "docker.sock"),
        below(&home, ".docker/run/docker.sock"),
        below(&home, ".docker/desktop/docker.sock"),
        below(&runtime, "podman/podman.sock"),
        Some("/run/podman/podman.sock".to_owned()),
    ];
    sockets.into_iter().flatten().map(|socket| Endpoint::plain(format!("unix://{socket}"))).collect()
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
fn context_endpoint(name: &str, config: &Path) -> Result<Endpoint, SystemError> {
    let hash = hex(&Sha256::digest(name.as_bytes()));
    let file = config.join("contexts/meta").join(&hash).join("meta.json");
    let unknown = |why: Box<dyn std::error::Error + Send + Sync>| {
        SystemError::new(format!("cannot read the Docker context `{name}` from {}", file.display()), why)
    };
    let text = std::fs::read(&file).map_err(|error| unknown(error.into()))?;
    let meta: Meta = serde_json::from_slice(&text).map_err(|error| unknown(error.into()))?;
    let host = meta.endpoints.get("docker").and_then(|endpoint| endpoint.host.clone());
    let certificates = config.join("contexts/tls").join(&hash).join("docker");
    Ok(Endpoint {
        host: host.ok_or_else(|| unknown("it names no host".into()))?,
        certificates: certificates.is_dir().then_some(certificates),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(env: &[(&str, &str)], config: &Path) -> String {
        let get = |name: &str| env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        let shown = |endpoint: Endpoint| match endpoint {
            Endpoint { host, certificates: None } => host,
            Endpoint { host, certificates: Some(dir) } => format!("{host} with {}", dir.display()),
        };
        match candidates(get, config) {
            Ok(endpoints) => endpoints.into_iter().map(shown).collect::<Vec<_>>().join(" "),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_engine_is_looked_for_in_dockers_order() {
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path();
        assert_eq!(found(&[], config), "unix:///var/run/docker.sock unix:///run/podman/podman.sock");
        let user = [("HOME", "/home/me"), ("XDG_RUNTIME_DIR", "/run/user/1")];
        let usual = "unix:///var/run/docker.sock unix:///run/user/1/docker.sock unix:///home/me/.docker/run/docker.sock \
                     unix:///home/me/.docker/desktop/docker.sock unix:///run/user/1/podman/podman.sock \
                     unix:///run/podman/podman.sock";
        assert_eq!(found(&user, config), usual);
        // The hash of `far`.
        let hash = hex(&Sha256::digest(b"far"));
        let meta = config.join("contexts/meta").join(&hash);
        std::fs::create_dir_all(&meta).unwrap();
        let text = r#"{"Name":"far","Metadata":{},"Endpoints":{"docker":{"Host":"ssh://me@far","SkipTLSVerify":false}}}"#;
        std::fs::write(meta.join("meta.json"), text).unwrap();
        assert_eq!(found(&[("DOCKER_CONTEXT", "far")], config), "ssh://me@far");
        std::fs::write(config.join("config.json"), r#"{"currentContext":"far"}"#).unwrap();
        assert_eq!(found(&[], config), "ssh://me@far");
        assert!(found(&[("DOCKER_CONTEXT", "default")], config).starts_with("unix:///var/run/docker.sock "));
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
