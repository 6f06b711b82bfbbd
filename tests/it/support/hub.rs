//! A hub as a process of its own on loopback, with ends of its link in the test.

use std::net::Shutdown;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pipe_runner::cluster::link::{
    Caller, CallerKeys, ClientLink, ConductorLink, Dial, LinkRole, Messages, ProgramVersion, RunKeys, tcp,
};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use super::Place;

/// A lease that no test waits for.
pub const LONG: &str = "10m";

/// A running hub.
pub struct Hub {
    place: Place,
    child: Child,
    address: String,
    keys: RunKeys,
}

impl Hub {
    /// Starts a hub with a lease.
    pub async fn start(lease: &str) -> Self {
        Self::start_by(lease, |command| command).await
    }

    /// Starts a hub by another command, which gets that of the hub.
    pub async fn start_by(
        lease: &str,
        by: impl FnOnce(std::process::Command) -> std::process::Command,
    ) -> Self {
        let place = Place::new();
        let keys = RunKeys::generate().unwrap();
        for (folder, role) in [("keys", LinkRole::Hub), ("conductor", LinkRole::Conductor)] {
            for (name, text) in keys.files(role) {
                place.write(&format!("{folder}/{name}"), text);
            }
        }
        std::fs::create_dir(place.join("store")).unwrap();
        let mut command = place.command(&["pod", "hub", "--listen", "127.0.0.1:0", "--keys", "keys"]);
        command.args(["--store", "store", "--lease", lease]);
        let mut command = Command::from(by(command));
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).await.unwrap();
        let address = line.strip_prefix("listening at ").unwrap_or_else(|| panic!("the hub says: {line}"));
        Self { address: address.trim().to_owned(), place, child, keys }
    }

    /// The folder that the hub runs in: `store` is its store, and the rest is the test's.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Where it listens.
    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn dial(&self) -> Dial {
        tcp(self.address.clone())
    }

    /// How the run's client connects.
    pub fn client_caller(&self) -> Caller {
        caller(self.dial(), self.keys.of_client())
    }

    /// How a conductor connects, with the keys from its files.
    pub fn conductor_caller(&self) -> Caller {
        let keys = CallerKeys::read(&self.place.join("conductor"), LinkRole::Conductor).unwrap();
        caller(self.dial(), keys)
    }

    pub async fn client(&self) -> ClientLink {
        ClientLink::connect(self.client_caller()).await.unwrap().0
    }

    pub async fn conductor(&self, gang: &str) -> (ConductorLink, Messages) {
        ConductorLink::connect(self.conductor_caller(), gang).await.unwrap()
    }

    /// Waits until the hub has ended; returns its exit code and what it said.
    pub async fn end(&mut self) -> (Option<i32>, String) {
        let code = self.child.wait().await.unwrap().code();
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).await.unwrap();
        (code, said)
    }

    /// Whether the hub goes on for so long.
    pub async fn outlives(&mut self, time: Duration) -> bool {
        tokio::time::timeout(time, self.child.wait()).await.is_err()
    }

    pub async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    pub fn id(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// The most memory that it has had, in bytes.
    pub fn most_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// The files with messages in its store.
    pub fn spooled(&self) -> Vec<PathBuf> {
        let folders = std::fs::read_dir(self.place.join("store/messages")).into_iter().flatten();
        let files =
            folders.flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).into_iter().flatten());
        files.map(|file| file.unwrap().path()).collect()
    }
}

pub fn caller(dial: Dial, keys: CallerKeys) -> Caller {
    Caller { dial, keys, program: ProgramVersion::own(), patience: Duration::from_secs(30) }
}

/// Connections that a test can cut, and keep from coming about.
#[derive(Clone)]
pub struct Cable {
    sockets: Arc<Mutex<Vec<std::net::TcpStream>>>,
    is_plugged: watch::Sender<bool>,
}

impl Cable {
    /// Puts itself between an end and the hub.
    pub fn between(caller: &mut Caller, hub: &Hub) -> Self {
        let cable = Self { sockets: Arc::default(), is_plugged: watch::Sender::new(true) };
        let (inner, address) = (cable.clone(), hub.address.clone());
        caller.dial = Arc::new(move || {
            let (cable, address) = (inner.clone(), address.clone());
            Box::pin(async move {
                if !*cable.is_plugged.borrow() {
                    return Err(std::io::ErrorKind::ConnectionRefused.into());
                }
                let socket = tokio::net::TcpStream::connect(address).await?.into_std()?;
                cable.sockets.lock().unwrap_or_else(PoisonError::into_inner).push(socket.try_clone()?);
                Ok(Box::new(tokio::net::TcpStream::from_std(socket)?) as _)
            })
        });
        cable
    }

    /// Cuts the connection that there is.
    pub fn cut(&self) {
        for socket in self.sockets.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            // One that the hub has closed is cut already.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }

    /// Pulls it out, so that no next connection comes about, or puts it in again.
    pub fn plug(&self, is_plugged: bool) {
        self.is_plugged.send_replace(is_plugged);
        if !is_plugged {
            self.cut();
        }
    }

    /// How many connections there have been since the last cut.
    pub fn connections(&self) -> usize {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// Bytes that look like no other ones with another seed.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
