//! The start barrier: the conductor waits for the wrappers of all steps, so that never a part of a gang runs.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::debug;

use super::link::Link;
use super::message::{ConductorMessage, Hello, WRAPPER_PROTOCOL, WrapperMessage};
use super::wire::{Connection, Mailbox, listen_at};
use super::{PodExecutor, PodNotices, SystemError};

/// How long a connection may say nothing.
const SILENCE: Duration = Duration::from_secs(10);

/// A socket at which wrappers are waited for. If it is given up, its path stays: a wrapper that comes later is refused,
/// and need not wait.
#[derive(Debug)]
pub struct Gathering {
    listener: UnixListener,
    path: PathBuf,
}

/// Why the gang does not start.
#[derive(Debug, thiserror::Error)]
pub enum GatherError {
    /// The socket does not work.
    #[error(transparent)]
    System(#[from] SystemError),
    /// A wrapper is of another version.
    #[error("a wrapper speaks protocol {theirs}; the conductor speaks protocol {WRAPPER_PROTOCOL}")]
    Protocol {
        /// The wrapper's.
        theirs: u32,
    },
}

/// A connection that has said hello.
type Caller = (Hello, Connection, Mailbox);

impl Gathering {
    /// Opens the socket. To be called within a runtime.
    ///
    /// # Errors
    /// The folder cannot be written, or the path is too long for a socket.
    pub fn at(path: &Path) -> Result<Self, SystemError> {
        let failed = |error| SystemError::new(format!("cannot open the socket {}", path.display()), error);
        Ok(Self { listener: listen_at(path).map_err(failed)?, path: path.to_owned() })
    }

    /// Waits until the wrappers of all these steps have said hello, and removes the socket: what runs in a step cannot
    /// pose as another. A connection that says something else, or speaks for another step, is refused, and does not
    /// count. If a `token` is given, a hello needs it.
    ///
    /// # Errors
    /// The socket fails, or a wrapper is of another version.
    pub async fn all(
        self,
        steps: &[String],
        token: Option<&str>,
        notices: &PodNotices,
    ) -> Result<PodExecutor, GatherError> {
        let mut missing: BTreeSet<&str> = steps.iter().map(String::as_str).collect();
        let mut links = HashMap::new();
        let mut callers: JoinSet<Option<Caller>> = JoinSet::new();
        while !missing.is_empty() {
            tokio::select! {
                accepted = self.listener.accept() => {
                    let failed = |error| SystemError::new("cannot take the connection of a wrapper", error);
                    let (socket, _) = accepted.map_err(failed)?;
                    callers.spawn(hear(socket));
                }
                Some(heard) = callers.join_next() => {
                    let Ok(Some((hello, connection, mailbox))) = heard else { continue };
                    if hello.protocol != WRAPPER_PROTOCOL {
                        let error = GatherError::Protocol { theirs: hello.protocol };
                        refuse(&connection, &error.to_string()).await;
                        return Err(error);
                    }
                    if token.is_some() && token != hello.token.as_deref() {
                        refuse(&connection, "it does not have the token of this pod").await;
                        continue;
                    }
                    if !missing.remove(hello.step.as_str()) {
                        let why = format!("no wrapper of a step `{}` is waited for", hello.step);
                        refuse(&connection, &why).await;
                        continue;
                    }
                    debug!(step = hello.step, pid = hello.pid, uid = hello.uid, "pod: wrapper is there");
                    let link = Link::open(&hello.step, connection, mailbox, notices.clone());
                    links.insert(hello.step, link);
                }
            }
        }
        self.remove()?;
        Ok(PodExecutor { links })
    }

    fn remove(&self) -> Result<(), SystemError> {
        let failed =
            |error| SystemError::new(format!("cannot remove the socket {}", self.path.display()), error);
        std::fs::remove_file(&self.path).map_err(failed)
    }
}

/// Waits for the first word of a connection; nothing if it is no hello.
async fn hear(socket: UnixStream) -> Option<Caller> {
    let connection = Connection::of(socket);
    let mut mailbox = connection.mailbox();
    let heard = timeout(SILENCE, mailbox.next()).await;
    if let Ok(Ok(Some((bytes, _)))) = heard
        && let Some(WrapperMessage::Hello(hello)) = WrapperMessage::decode(&bytes)
    {
        return Some((hello, connection, mailbox));
    }
    debug!("pod: a connection has said no hello");
    connection.hang_up();
    None
}

async fn refuse(connection: &Connection, why: &str) {
    debug!(why, "pod: a wrapper is refused");
    // If it is gone, it need not know.
    let _ = connection.send(&ConductorMessage::Refused(why.to_owned()).encode(), &[]).await;
}
