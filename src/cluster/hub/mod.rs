//! The hub of a run: one process, which owns the run's lease, its store, and the one link to the client.
//!
//! It accepts one client and many conductors, and relays the messages between them without looking into them. What
//! the client has not taken lies in the store. The hub ends when the client says that the run is over, and by itself
//! when the client has been gone for the lease; conductors end when they do not hear the hub any more.

mod peers;
mod relay;
mod shelf;
mod spool;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use humantime::format_duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::debug;

use self::peers::Peers;
use super::link::talk::OVER;
use super::link::{Arrival, HubKeys, HubTls, KeyError, Lease};
use super::store::Objects;

/// So many connections may be at their greeting at once.
const GREETINGS: usize = 256;
/// How long goodbyes may take.
const GOODBYE: Duration = Duration::from_secs(2);

/// What a hub needs.
#[derive(Debug, Clone)]
pub struct HubSettings {
    /// The address that it listens at.
    pub listen: String,
    /// The folder with its keys.
    pub keys: PathBuf,
    /// The folder for files and for messages that the client has not taken.
    pub store: PathBuf,
    /// How long the client, and each conductor, may be silent.
    pub lease: Duration,
}

/// Why a hub has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HubEnd {
    /// The run is over.
    Over,
    /// The client was silent for this long.
    ClientGone(Duration),
    /// The hub was asked to end.
    Stopped,
}

impl HubEnd {
    /// Says it in a sentence, as the peers are told.
    pub fn sentence(self) -> String {
        match self {
            Self::Over => OVER.to_owned(),
            Self::ClientGone(lease) => format!("the client has been gone for {}", format_duration(lease)),
            Self::Stopped => "the hub was asked to end".to_owned(),
        }
    }
}

/// Why a hub cannot work.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// A key is missing or wrong.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// TLS does not take the keys.
    #[error("cannot use the hub's keys: {0}")]
    Tls(#[from] rustls::Error),
    /// The store cannot be used.
    #[error("cannot use the store at {}: {source}", path.display())]
    Store {
        /// The folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The address cannot be listened at.
    #[error("cannot listen at {address}: {source}")]
    Listen {
        /// The address.
        address: String,
        /// Why not.
        source: io::Error,
    },
}

/// Runs a hub to its end. `ready` learns the address once it listens; `stop` ends it.
///
/// # Errors
/// If it cannot begin.
pub async fn run(
    settings: HubSettings,
    ready: impl FnOnce(SocketAddr),
    stop: impl Future<Output = ()>,
) -> Result<HubEnd, HubError> {
    let HubSettings { listen, keys, store, lease } = settings;
    let lease = Lease::bounded(lease);
    let tls = HubTls::new(HubKeys::read(&keys)?)?;
    let objects = Objects::open(&store.join("files"));
    let objects = objects.map_err(|source| HubError::Store { path: store.clone(), source })?;
    let listening = async { TcpListener::bind(&listen).await.and_then(|on| Ok((on.local_addr()?, on))) };
    let (address, listener) =
        listening.await.map_err(|source| HubError::Listen { address: listen.clone(), source })?;
    let peers = Peers::new(lease, store, objects);
    ready(address);
    let mut serving = JoinSet::new();
    let end = tokio::select! {
        end = peers.ended() => end,
        () = stop => HubEnd::Stopped,
        () = accept(&listener, &tls, &peers, &mut serving) => HubEnd::Stopped,
    };
    debug!(?end, "the hub ends");
    peers.part(&end.sentence());
    // A peer that does not listen hears no goodbye.
    let _ = timeout(GOODBYE, async { while serving.join_next().await.is_some() {} }).await;
    Ok(end)
}

/// Accepts connections, for as long as this is polled.
async fn accept(listener: &TcpListener, tls: &HubTls, peers: &Arc<Peers>, serving: &mut JoinSet<()>) {
    let greetings = Arc::new(Semaphore::new(GREETINGS));
    loop {
        while serving.try_join_next().is_some() {}
        // The semaphore is never closed.
        let Ok(greeting) = Arc::clone(&greetings).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // A connection that has gone already, or no descriptor for now.
                debug!(%error, "a connection was not accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let (tls, peers) = (tls.clone(), Arc::clone(peers));
        serving.spawn(async move {
            let arrival = greet(stream, &tls).await;
            drop(greeting);
            if let Some(arrival) = arrival {
                peers.welcome(arrival).await;
            }
        });
    }
}

async fn greet(stream: TcpStream, tls: &HubTls) -> Option<Arrival> {
    // Beats and acknowledgements do not wait for more; without that they are late and no more.
    let _ = stream.set_nodelay(true);
    match Arrival::read(Box::new(stream), tls).await {
        Ok(arrival) => Some(arrival),
        Err(error) => {
            debug!(%error, "a connection has not got beyond its greeting");
            None
        }
    }
}
