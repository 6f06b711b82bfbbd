//! How an engine's numbers of users are related to those of this machine.

use std::io;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::time::timeout;

/// How long Podman may take to say what it is, which it has done a moment ago.
const PATIENCE: Duration = Duration::from_secs(10);
/// More than it says.
const LONGEST: u64 = 4 << 20;

/// What a number of a container's user is on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Users {
    /// The same.
    Same,
    /// Root is the user whose engine it is; any other is one that this machine knows by no name. So it is
    /// with rootless engines.
    RootIsCaller,
    /// Another, also for root, unless a container does without (`userns-remap` of Docker).
    Remapped,
}

impl Users {
    /// Reads what an engine says of itself (`SecurityOptions` of its `info`).
    pub(super) fn of(options: &[String]) -> Self {
        if has_option(options, "rootless") {
            Self::RootIsCaller
        } else if has_option(options, "userns") {
            Self::Remapped
        } else {
            Self::Same
        }
    }

    /// User and group of a container whose files are the caller's.
    pub(super) fn caller(self) -> String {
        match self {
            Self::Same | Self::Remapped => {
                format!("{}:{}", rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw())
            }
            Self::RootIsCaller => "0:0".to_owned(),
        }
    }

    /// Whether the caller is root in the container, which has a home there.
    pub(super) fn caller_is_root(self) -> bool {
        match self {
            Self::Same | Self::Remapped => rustix::process::getuid().is_root(),
            Self::RootIsCaller => true,
        }
    }

    /// The user namespace that a container asks for: that of this machine, where the engine's own would make
    /// the caller's files those of no user.
    pub(super) fn namespace(self) -> Option<String> {
        match self {
            Self::Same | Self::RootIsCaller => None,
            Self::Remapped => Some("host".to_owned()),
        }
    }
}

/// Whether an engine says that it uses something: `name=selinux`, `name=seccomp,profile=default`.
pub(super) fn has_option(options: &[String], name: &str) -> bool {
    options.iter().any(|option| option.split(',').any(|part| part.strip_prefix("name=") == Some(name)))
}

/// What Podman says of itself and Docker does not, so that the client leaves it out.
#[derive(Deserialize)]
struct PodmanInfo {
    #[serde(rename = "Rootless", default)]
    rootless: bool,
}

/// Whether the Podman that listens at a socket is rootless.
pub(super) async fn is_rootless_podman(socket: &Path) -> bool {
    let asked = async {
        let mut engine = UnixStream::connect(socket).await?;
        // Of this version there is no answer in pieces.
        engine.write_all(b"GET /info HTTP/1.0\r\nHost: podman\r\n\r\n").await?;
        let mut answer = Vec::new();
        engine.take(LONGEST).read_to_end(&mut answer).await?;
        io::Result::Ok(answer)
    };
    timeout(PATIENCE, asked).await.is_ok_and(|answer| answer.is_ok_and(|answer| says_rootless(&answer)))
}

fn says_rootless(answer: &[u8]) -> bool {
    let body = answer.windows(4).position(|end| end == b"\r\n\r\n").and_then(|end| answer.get(end + 4..));
    let info = body.and_then(|body| serde_json::from_slice::<PodmanInfo>(body).ok());
    info.is_some_and(|info| info.rootless)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_says_what_its_users_are() {
        let of = |options: &[&str]| {
            Users::of(&options.iter().map(|option| (*option).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(of(&["name=seccomp,profile=default"]), Users::Same);
        assert_eq!(
            of(&["name=seccomp,profile=builtin", "name=rootless", "name=cgroupns"]),
            Users::RootIsCaller
        );
        assert_eq!(of(&["name=apparmor", "name=userns"]), Users::Remapped);
        assert_eq!(of(&["name=seccomp,profile=rootless"]), Users::Same);
    }

    #[test]
    fn podman_says_whether_it_is_rootless() {
        let answer = |body: &str| {
            format!("HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{body}").into_bytes()
        };
        assert!(says_rootless(&answer(r#"{"ID":"x","Rootless":true}"#)));
        for other in [r#"{"Rootless":false}"#, r#"{"ID":"x"}"#, "no JSON", ""] {
            assert!(!says_rootless(&answer(other)), "{other}");
        }
        assert!(!says_rootless(b"HTTP/1.0 404"));
    }
}
