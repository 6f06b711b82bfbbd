//! A socket in front of an engine, which can hold one request back: so an engine is slow exactly when a test
//! wants it.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};

use super::server::PATIENCE;

/// What is held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// The engine does not learn of it.
    Request,
    /// The engine has done it, and the client does not learn of it.
    Answer,
}

/// A socket in front of an engine.
pub struct Relay {
    dir: tempfile::TempDir,
    held: Receiver<()>,
    gate: Arc<Gate>,
}

/// What the connections of a relay share.
struct Gate {
    engine: PathBuf,
    /// What the first line of the request has in it.
    wanted: String,
    hold: Hold,
    /// Taken by the first such request.
    told: Mutex<Option<Sender<()>>>,
    is_open: (Mutex<bool>, Condvar),
}

impl Relay {
    /// Holds back the first request whose first line has this in it, such as `POST /containers/create`,
    /// versions left out.
    pub fn holding(hold: Hold, wanted: &str, engine: &Path) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(dir.path().join("relay.sock")).unwrap();
        let (sender, held) = channel();
        let gate = Arc::new(Gate {
            engine: engine.to_owned(),
            wanted: wanted.to_owned(),
            hold,
            told: Mutex::new(Some(sender)),
            is_open: Default::default(),
        });
        let relay = Self { dir, held, gate: Arc::clone(&gate) };
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                // A side that hangs up ends the connection, and no more.
                let _ = gate.join(client);
            }
        });
        relay
    }

    /// Where it listens, as `DOCKER_HOST` has it.
    pub fn host(&self) -> String {
        format!("unix://{}", self.dir.path().join("relay.sock").display())
    }

    /// Waits until the request has come, and for [`Hold::Answer`] until it has been answered.
    #[track_caller]
    pub fn wait(&self) {
        self.held.recv_timeout(PATIENCE).unwrap();
    }

    /// Lets everything pass from now on.
    pub fn release(&self) {
        *self.gate.is_open.0.lock().unwrap() = true;
        self.gate.is_open.1.notify_all();
    }
}

impl Gate {
    /// Takes bytes both ways, until both sides have ended.
    fn join(self: &Arc<Self>, client: UnixStream) -> std::io::Result<()> {
        let engine = UnixStream::connect(&self.engine)?;
        let is_wanted = Arc::new(Mutex::new(false));
        for (mut from, mut to, from_client) in
            [(client.try_clone()?, engine.try_clone()?, true), (engine, client, false)]
        {
            let (gate, is_wanted) = (Arc::clone(self), Arc::clone(&is_wanted));
            std::thread::spawn(move || {
                let mut piece = vec![0; 64 << 10];
                while let Ok(count @ 1..) = from.read(&mut piece) {
                    if from_client {
                        let first =
                            String::from_utf8_lossy(&piece[..count]).lines().next().map(str::to_owned);
                        *is_wanted.lock().unwrap() = first.is_some_and(|line| line.contains(&gate.wanted));
                    }
                    if *is_wanted.lock().unwrap() && from_client == (gate.hold == Hold::Request) {
                        gate.pass();
                    }
                    if to.write_all(&piece[..count]).is_err() {
                        break;
                    }
                }
                let _ = to.shutdown(Shutdown::Write);
            });
        }
        Ok(())
    }

    /// Waits for the gate to open.
    fn pass(&self) {
        if let Some(told) = self.told.lock().unwrap().take() {
            told.send(()).unwrap();
        }
        let mut is_open = self.is_open.0.lock().unwrap();
        while !*is_open {
            is_open = self.is_open.1.wait(is_open).unwrap();
        }
    }
}
