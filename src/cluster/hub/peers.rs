//! The peers of the hub, and what they say.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};
use tracing::debug;

use super::HubEnd;
use super::relay::Relay;
use super::shelf::Shelf;
use crate::cluster::link::session::{Session, Windows};
use crate::cluster::link::talk::{TALK, Talk};
use crate::cluster::link::{Arrival, Lease, LinkRole, message};
use crate::cluster::store::Objects;

/// What all connections of a hub share.
#[derive(Debug)]
pub(super) struct Peers {
    lease: Duration,
    /// The client's lease is the hub's life.
    client_lease: Arc<Lease>,
    client: Mutex<Option<Peer>>,
    relays: Mutex<BTreeMap<String, Arc<Relay>>>,
    /// The sessions of conductors by their names.
    conductors: Mutex<BTreeMap<String, Peer>>,
    folder: PathBuf,
    objects: Objects,
    troubles: mpsc::UnboundedSender<String>,
    /// What the client is still to hear of.
    untold: Mutex<Option<mpsc::UnboundedReceiver<String>>>,
    end: watch::Sender<Option<HubEnd>>,
}

/// The session with one peer.
#[derive(Debug, Clone)]
struct Peer {
    name: String,
    session: Session,
    lease: Arc<Lease>,
}

impl Peers {
    /// Makes a hub without peers, with a store in a folder.
    pub(super) fn new(lease: Duration, folder: PathBuf, objects: Objects) -> Arc<Self> {
        let (troubles, untold) = mpsc::unbounded_channel();
        Arc::new(Self {
            lease,
            client_lease: Arc::new(Lease::new(lease)),
            client: Mutex::default(),
            relays: Mutex::default(),
            conductors: Mutex::default(),
            folder,
            objects,
            troubles,
            untold: Mutex::new(Some(untold)),
            end: watch::Sender::new(None),
        })
    }

    /// Waits until the run is over, or the client has been gone for the lease.
    pub(super) async fn ended(&self) -> HubEnd {
        let mut end = self.end.subscribe();
        let over = async { end.wait_for(Option::is_some).await.ok().and_then(|end| *end) };
        tokio::select! {
            Some(end) = over => end,
            () = self.client_lease.ended() => HubEnd::ClientGone(self.lease),
        }
    }

    /// Says goodbye to all peers.
    pub(super) fn part(&self, why: &str) {
        self.client.lock().iter().for_each(|client| client.session.end(why));
        self.conductors.lock().values().for_each(|conductor| conductor.session.end(why));
    }

    /// Serves a connection to its end.
    pub(super) async fn welcome(self: &Arc<Self>, arrival: Arrival) {
        let peer = match arrival.role() {
            LinkRole::Client => self.client(&arrival),
            LinkRole::Conductor => self.conductor(&arrival),
            LinkRole::Hub => Err("a hub has no hub".to_owned()),
        };
        match peer {
            Ok(peer) => {
                let error = arrival.serve(&peer.session, &peer.lease).await;
                debug!(%error, "a connection has ended");
                if peer.session.why_ended().is_some() {
                    peer.session.forget();
                }
            }
            Err(why) => arrival.refuse(&why).await,
        }
    }

    /// The session of the client: a new one, or that which it had.
    fn client(self: &Arc<Self>, arrival: &Arrival) -> Result<Peer, String> {
        let name = &arrival.hello().session;
        let mut client = self.client.lock();
        if let Some(client) = &*client {
            return match client.name == *name {
                true => Ok(client.clone()),
                false => Err("the run has its client already".to_owned()),
            };
        }
        let peer = Peer {
            name: name.clone(),
            session: Session::new(Windows::CLIENT),
            lease: Arc::clone(&self.client_lease),
        };
        tokio::spawn(Arc::clone(self).hear_client(peer.session.clone()));
        Ok(client.insert(peer).clone())
    }

    /// The session of a gang's conductor: a new one, or that which it had.
    fn conductor(self: &Arc<Self>, arrival: &Arrival) -> Result<Peer, String> {
        let name = &arrival.hello().session;
        let gang = arrival.hello().gang.as_ref().ok_or("a conductor has a gang")?;
        let mut conductors = self.conductors.lock();
        if let Some(conductor) = conductors.get(gang) {
            return match conductor.name == *name {
                true => Ok(conductor.clone()),
                false => Err(format!("gang `{gang}` has its conductor already")),
            };
        }
        let session = Session::new(Windows::CONDUCTOR);
        if !self.relay(gang).join(&session) {
            return Err(format!("gang `{gang}` has its conductor already"));
        }
        let peer = Peer { name: name.clone(), session, lease: Arc::new(Lease::new(self.lease)) };
        tokio::spawn(Arc::clone(self).hear_conductor(peer.session.clone()));
        tokio::spawn(watch_conductor(peer.clone(), gang.clone()));
        conductors.insert(gang.clone(), peer.clone());
        Ok(peer)
    }

    /// The relay of a gang, which either end may be the first to name.
    fn relay(&self, gang: &str) -> Arc<Relay> {
        let mut relays = self.relays.lock();
        let number = relays.len();
        let new = || {
            let folder = self.folder.join("messages").join(number.to_string());
            Relay::new(gang.to_owned(), folder, self.troubles.clone())
        };
        Arc::clone(relays.entry(gang.to_owned()).or_insert_with(new))
    }

    async fn hear_client(self: Arc<Self>, session: Session) {
        let (mut messages, _) = message::open(&session, TALK);
        let talk = messages.sender;
        if let Some(mut untold) = self.untold.lock().take() {
            let talk = talk.clone();
            tokio::spawn(async move {
                while let Some(why) = untold.recv().await {
                    if talk.send(Talk::Trouble(why).encode()).await.is_err() {
                        return;
                    }
                }
            });
        }
        let shelf = Shelf::serve(self.objects.clone(), &session, talk.clone());
        while let Some(said) = messages.receiver.recv().await {
            match Talk::parse(&said) {
                Ok(Talk::Open { channel, gang }) => {
                    if !self.relay(&gang).open(&session, channel) {
                        return session.end(&format!("gang `{gang}` is opened twice"));
                    }
                }
                Ok(Talk::Over) => {
                    self.end.send_replace(Some(HubEnd::Over));
                    return;
                }
                Ok(other) => {
                    if !serve_files(&shelf, other, &talk).await {
                        return session.end("the client says what only the hub says");
                    }
                }
                Err(error) => return session.end(&format!("the client says what is no message: {error}")),
            }
        }
    }

    async fn hear_conductor(self: Arc<Self>, session: Session) {
        let (mut messages, _) = message::open(&session, TALK);
        let talk = messages.sender;
        let shelf = Shelf::serve(self.objects.clone(), &session, talk.clone());
        while let Some(said) = messages.receiver.recv().await {
            match Talk::parse(&said) {
                Ok(said) => {
                    if !serve_files(&shelf, said, &talk).await {
                        return session.end("a conductor says what is not its to say");
                    }
                }
                Err(error) => return session.end(&format!("a conductor says what is no message: {error}")),
            }
        }
    }
}

/// Answers what is about files. The answer is whether it was about files.
async fn serve_files(shelf: &Shelf, said: Talk, talk: &mpsc::Sender<Vec<u8>>) -> bool {
    match said {
        Talk::Offer(hashes) => {
            // A peer that is gone needs no answer.
            let _ = talk.send(shelf.missing(hashes).encode()).await;
            true
        }
        Talk::Fetch(hashes) => {
            shelf.fetch(hashes).await;
            true
        }
        Talk::Open { .. } | Talk::Over => false,
        Talk::Missing(_) | Talk::Stored(_) | Talk::Unstored(..) | Talk::Trouble(_) => false,
    }
}

/// Ends the session of a conductor that is silent for the lease.
async fn watch_conductor(peer: Peer, gang: String) {
    tokio::select! {
        () = peer.lease.ended() => {
            let silent = humantime::format_duration(peer.lease.length());
            peer.session.end(&format!("the conductor of gang `{gang}` has not been heard for {silent}"));
        }
        _ = peer.session.ended() => {}
    }
}
