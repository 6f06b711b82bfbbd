//! An engine that cannot be reached: why, and what to do.

use std::error::Error;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::paths;
use crate::executor::SystemError;

/// An engine that did not answer.
pub(super) struct Refused {
    pub(super) host: String,
    pub(super) error: bollard::errors::Error,
}

/// What there is to say about engines that did not answer, in the order in which they were asked. The first
/// that there is at all is told of; of the others, that they were looked for.
pub(super) fn unreachable(refused: &[Refused]) -> SystemError {
    let is_there = |refused: &&Refused| !is_missing(&refused.error);
    let Some(told) = refused.iter().find(is_there).or(refused.first()) else {
        return SystemError::new("cannot reach Docker", "there is no place to look for it");
    };
    let others: Vec<&str> =
        refused.iter().filter(|other| other.host != told.host).map(|other| other.host.as_str()).collect();
    let others = match others.as_slice() {
        [] => String::new(),
        others => format!(" (nor at {})", others.join(", ")),
    };
    SystemError::new(format!("cannot reach Docker at {}", told.host), reason(told) + &others)
}

fn reason(Refused { host, error }: &Refused) -> String {
    let socket = Path::new(host.strip_prefix("unix://").unwrap_or(host));
    let is_inside = paths::own_container().is_some();
    let denied = || is_denied(error).then(|| denied(socket, is_inside)).flatten();
    let missing = || {
        (is_missing(error) && is_inside).then(|| {
            format!(
                "there is no such socket in this container; start it with \
                 `--volume /var/run/docker.sock:{}`, which mounts the engine's into it",
                socket.display()
            )
        })
    };
    let cause = || chain(error).last().map_or_else(String::new, |error| format!("{error}; is it running?"));
    denied().or_else(missing).unwrap_or_else(cause)
}

/// Whether there is no such socket.
fn is_missing(error: &bollard::errors::Error) -> bool {
    matches!(error, bollard::errors::Error::SocketNotFoundError(_))
}

/// An error, what brought it about, and so on.
fn chain(error: &bollard::errors::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(Some(error as &(dyn Error + 'static)), |&error| error.source())
}

/// Whether the system let us not even knock.
fn is_denied(error: &bollard::errors::Error) -> bool {
    chain(error).any(|error| {
        let error = error.downcast_ref::<io::Error>();
        error.is_some_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
    })
}

/// Who may use a socket, and how to become one of them; nothing if this user should be one of them already.
fn denied(socket: &Path, is_inside: bool) -> Option<String> {
    let about = fs::metadata(socket).ok()?;
    let (user, owner, group) = (rustix::process::getuid().as_raw(), about.uid(), about.gid());
    if about.mode() & 0o060 != 0o060 {
        let way =
            if is_inside { format!("; start this container with `--user {owner}`") } else { String::new() };
        return Some(format!("its socket is for user {owner} alone, and this is user {user}{way}"));
    }
    let way = match is_inside {
        true => format!("start this container with `--group-add {group}`"),
        false => "join that group, and log in again".to_owned(),
    };
    let mut groups = rustix::process::getgroups().ok()?;
    groups.push(rustix::process::getegid());
    let is_member = groups.iter().any(|own| own.as_raw() == group);
    (!is_member).then(|| format!("its socket is for group {group}, and user {user} is not in it; {way}"))
}
