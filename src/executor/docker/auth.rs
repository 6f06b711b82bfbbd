//! Who pulls: the credentials that `docker login` has left, in the file itself or with a helper program.

use std::collections::HashMap;
use std::process::Stdio;

use super::endpoint::config_dir;
use super::engine::Engine;
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

/// The credentials for the registry of an image; nothing if there are none, or they cannot be read: then the
/// pull says what is wrong.
pub(super) async fn credentials(engine: &Engine, image: &str) -> Option<DockerCredentials> {
    of(&config()?, registry(image, engine.usual_registry())).await
}

/// Returns the host of an image's registry, or what the engine calls the usual one.
pub(super) fn registry_of<'a>(engine: &'a Engine, image: &'a str) -> &'a str {
    registry(image, engine.usual_registry())
}

/// The credentials for a registry by its host, as a builder knows it.
pub(super) async fn of_registry(engine: &Engine, host: &str) -> Option<DockerCredentials> {
    let usual = engine.usual_registry();
    of(&config()?, if is_of(host, usual) { usual } else { host }).await
}

/// The credentials for all registries that the configuration names, by what it calls them.
pub(super) async fn all() -> HashMap<String, DockerCredentials> {
    let config = config().unwrap_or_default();
    let mut found = HashMap::new();
    for registry in config.auths.keys().chain(config.cred_helpers.keys()) {
        if let Some(credentials) = of(&config, registry).await {
            found.insert(registry.clone(), credentials);
        }
    }
    found
}

/// Whether a host is one of those of the usual registry, whose images lie on another host than its users, in
/// one domain.
fn is_of(host: &str, usual: &str) -> bool {
    let domain =
        self::host(usual).split_once('.').map(|(_, domain)| domain).filter(|rest| rest.contains('.'));
    domain.is_some_and(|domain| {
        host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })
}

fn config() -> Option<Config> {
    serde_json::from_slice(&std::fs::read(config_dir().join("config.json")).ok()?).ok()
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

/// The registry of an image. The first part of a name is one if it has a dot or a port, or is `localhost`;
/// else it is the usual one, which the configuration knows by the address that the engine tells.
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
    fn the_usual_registry_has_several_hosts() {
        let is_of = |host| is_of(host, "https://index.images.test/v1/");
        assert!(is_of("images.test") && is_of("registry-1.images.test") && is_of("index.images.test"));
        assert!(!is_of("other-images.test") && !is_of("test") && !is_of("images.test:5000") && !is_of(""));
        assert!(!super::is_of("test", "https://index.test/v1/") && !super::is_of("", ""));
    }

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
            "elsewhere.test": {}
        }}"#;
        let mut config: Config = serde_json::from_str(config).unwrap();
        config.auths.insert(USUAL.to_owned(), config.auths["here.test:5000"].clone());
        for registry in ["here.test:5000", USUAL] {
            let found = of(&config, registry).await.unwrap();
            assert_eq!((found.username.as_deref(), found.password.as_deref()), (Some("me"), Some("se:cret")));
        }
        assert_eq!(of(&config, "there.test").await.unwrap().identitytoken.as_deref(), Some("t"));
        assert_eq!(of(&config, "elsewhere.test").await, None);
        assert_eq!(of(&config, "elsewhere.test").await, None);
    }
}
