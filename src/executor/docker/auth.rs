//! Who pulls: the credentials that `docker login` has left, in the file itself or with a helper program.

use std::collections::HashMap;
use std::process::Stdio;

use bollard::auth::DockerCredentials;
use serde::Deserialize;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Config {
    auths: HashMap<String, Auth>,
    creds_store: Option<String>,
    cred_helpers: HashMap<String, String>,
}

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
struct Auth {
    auth: Option<String>,
    identitytoken: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Told {
    username: String,
    secret: String,
}

/// The credentials for the registry of an image; nothing if there are none, or they cannot be read: then the pull says
/// what is wrong.
pub(super) async fn credentials(image: &str) -> Option<DockerCredentials> {
    let dir = std::env::var_os("DOCKER_CONFIG")
        .map_or_else(|| std::env::home_dir().unwrap_or_default().join(".docker"), std::path::PathBuf::from);
    let config: Config = serde_json::from_slice(&std::fs::read(dir.join("config.json")).ok()?).ok()?;
    of(&config, registry(image)).await
}

async fn of(config: &Config, registry: &str) -> Option<DockerCredentials> {
    let helper = config.cred_helpers.get(registry).or(config.creds_store.as_ref());
    if let Some(helper) = helper
        && let Some(told) = ask(helper, registry).await
    {
        return Some(match told.username.as_str() {
            "<token>" => {
                DockerCredentials { identitytoken: Some(told.secret), ..DockerCredentials::default() }
            }
            _ => DockerCredentials {
                username: Some(told.username),
                password: Some(told.secret),
                ..DockerCredentials::default()
            },
        });
    }
    let name = |key: &&String| {
        let host = key.trim_start_matches("https://").trim_start_matches("http://");
        host.split('/').next() == registry.split('/').next()
    };
    let auth = config.auths.iter().find(|(key, _)| name(key))?.1.clone();
    Some(DockerCredentials {
        auth: auth.auth,
        identitytoken: auth.identitytoken,
        ..DockerCredentials::default()
    })
    .filter(|credentials| credentials.auth.is_some() || credentials.identitytoken.is_some())
}

/// Asks a helper, which takes the registry on its stdin and answers in JSON.
async fn ask(helper: &str, registry: &str) -> Option<Told> {
    let mut child = Command::new(format!("docker-credential-{helper}"))
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .ok()?;
    child.stdin.take()?.write_all(registry.as_bytes()).await.ok()?;
    let output = child.wait_with_output().await.ok()?;
    serde_json::from_slice(&output.stdout).ok()
}

/// The registry of an image. The first part of a name is one if it has a dot or a port, or is `localhost`; the usual one
/// has an old name in the configuration.
fn registry(image: &str) -> &str {
    match image.split_once('/') {
        Some((first, _)) if first.contains(['.', ':']) || first == "localhost" => first,
        _ => USUAL,
    }
}

/// How Docker's configuration calls its own registry.
const USUAL: &str = concat!("https://index.", "docker.io/v1/");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_of_an_image() {
        assert_eq!(registry("alpine:3.20"), USUAL);
        assert_eq!(registry("library/alpine"), USUAL);
        assert_eq!(registry("localhost/alpine"), "localhost");
        assert_eq!(registry("here.test:5000/a/b"), "here.test:5000");
    }

    #[tokio::test]
    async fn credentials_of_the_file() {
        let config = r#"{"auths": {"here.test:5000": {"auth": "bWU6c2VjcmV0"}, "https://there.test/v2/": {"auth": "eDp5"}}}"#;
        let config: Config = serde_json::from_str(config).unwrap();
        assert_eq!(of(&config, "here.test:5000").await.unwrap().auth.as_deref(), Some("bWU6c2VjcmV0"));
        assert_eq!(of(&config, "there.test").await.unwrap().auth.as_deref(), Some("eDp5"));
        assert_eq!(of(&config, "elsewhere.test").await, None);
    }
}
