//! Who pulls: the credentials that `docker login` has left, in the file itself or with a helper program.

use std::collections::HashMap;
use std::process::Stdio;

use super::engine::{Engine, config_dir};
use base64::prelude::{BASE64_STANDARD, Engine as _};
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
pub(super) async fn credentials(engine: &Engine, image: &str) -> Option<DockerCredentials> {
    let config: Config =
        serde_json::from_slice(&std::fs::read(config_dir().join("config.json")).ok()?).ok()?;
    of(&config, registry(image, engine.usual_registry())).await
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
    let auth = config.auths.iter().find(|(key, _)| host(key) == host(registry))?.1.clone();
    // An engine does not take name and password in the form in which they lie in the file.
    let (username, password) = auth.auth.as_deref().and_then(plain).unzip();
    let credentials = DockerCredentials {
        username,
        password,
        identitytoken: auth.identitytoken.filter(|token| !token.is_empty()),
        ..DockerCredentials::default()
    };
    Some(credentials).filter(|found| found.username.is_some() || found.identitytoken.is_some())
}

/// The host and port of a registry, whose key may be an address of the web.
fn host(key: &str) -> &str {
    let rest = key.trim_start_matches("https://").trim_start_matches("http://");
    rest.split('/').next().unwrap_or(rest)
}

/// A name and a password, from `name:password` in base64.
fn plain(auth: &str) -> Option<(String, String)> {
    let text = String::from_utf8(BASE64_STANDARD.decode(auth.trim()).ok()?).ok()?;
    let (name, password) = text.trim_end_matches('\0').split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
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

/// The registry of an image. The first part of a name is one if it has a dot or a port, or is `localhost`; else it is the
/// usual one, which the configuration knows by the address that the engine tells.
fn registry<'a>(image: &'a str, usual: &'a str) -> &'a str {
    match image.split_once('/') {
        Some((first, _)) if first.contains(['.', ':']) || first == "localhost" => first,
        _ => usual,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: &str = "https://index.test/v1/";

    #[test]
    fn the_registry_of_an_image() {
        let registry = |image: &'static str| registry(image, USUAL);
        assert_eq!(registry("alpine:3.20"), USUAL);
        assert_eq!(registry("library/alpine"), USUAL);
        assert_eq!(registry("localhost/alpine"), "localhost");
        assert_eq!(registry("here.test:5000/a/b"), "here.test:5000");
    }

    #[tokio::test]
    async fn credentials_of_the_file() {
        let config = r#"{"auths": {
            "here.test:5000": {"auth": "bWU6c2U6Y3JldA=="},
            "https://there.test/v2/": {"auth": "", "identitytoken": "t"},
            "nobody.test": {}
        }}"#;
        let mut config: Config = serde_json::from_str(config).unwrap();
        config.auths.insert(USUAL.to_owned(), config.auths["here.test:5000"].clone());
        for registry in ["here.test:5000", USUAL] {
            let found = of(&config, registry).await.unwrap();
            assert_eq!((found.username.as_deref(), found.password.as_deref()), (Some("me"), Some("se:cret")));
        }
        assert_eq!(of(&config, "there.test").await.unwrap().identitytoken.as_deref(), Some("t"));
        assert_eq!(of(&config, "nobody.test").await, None);
        assert_eq!(of(&config, "elsewhere.test").await, None);
    }
}
