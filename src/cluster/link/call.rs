//! The end of a link that connects to the hub, and connects again when a connection breaks.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::debug;

use super::control::{ArrivedSoFar, Control, Hello, Welcome};
use super::error::LinkError;
use super::keys::CallerKeys;
use super::lease::{Lease, Rhythm};
use super::line::{ByteStream, Line};
use super::message;
use super::session::{Session, Windows};
use super::talk::{self, TALK};
use super::tls::{self, CallerTls};
use super::version::ProgramVersion;
use crate::cluster::store::Exchange;

/// The wait before a second attempt to connect; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// Makes a connection to the hub: by TCP, or through the cluster's API.
pub type Dial = Arc<dyn Fn() -> BoxFuture<'static, io::Result<Box<dyn ByteStream>>> + Send + Sync>;

/// Returns what connects to an address by TCP.
pub fn tcp(address: String) -> Dial {
    Arc::new(move || {
        let address = address.clone();
        Box::pin(async move {
            let stream = tokio::net::TcpStream::connect(address).await?;
            // Beats and acknowledgements do not wait for more.
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as Box<dyn ByteStream>)
        })
    })
}

/// How an end finds the hub, and what it is.
#[derive(Clone)]
pub struct Caller {
    /// Makes a connection.
    pub dial: Dial,
    /// The keys.
    pub keys: CallerKeys,
    /// The program that this is.
    pub program: ProgramVersion,
    /// How long the first connection may take.
    pub patience: Duration,
}

/// A link that is kept: a task connects again whenever a connection breaks.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) session: Session,
    /// The run's lease.
    pub(super) lease: Duration,
    task: JoinHandle<()>,
}

/// What an end is to the hub.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) windows: Windows,
    pub(super) gang: Option<String>,
    /// The part of the lease that the hub may be silent: one in so many.
    pub(super) share: u32,
    /// What the hub is called in a message about versions.
    pub(super) peer: &'static str,
}

fn run_lease(welcome: &Welcome) -> Duration {
    Lease::bounded(Duration::from_millis(welcome.lease))
}

struct Keeper {
    caller: Caller,
    part: Part,
    tls: CallerTls,
    session: Session,
    name: String,
}

impl Call {
    /// Connects for the first time.
    pub(super) async fn start(caller: Caller, part: Part) -> Result<Self, LinkError> {
        let tls = CallerTls::new(&caller.keys).map_err(LinkError::Key)?;
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let name = format!("{:032x}", u128::from_ne_bytes(random));
        let session = Session::new(part.windows);
        let end = Instant::now() + caller.patience;
        let keeper = Keeper { caller, part, tls, session: session.clone(), name };
        let (line, welcome) = keeper.connect(end, Duration::MAX).await?;
        let lease = run_lease(&welcome);
        let task = tokio::spawn(keeper.keep(line, welcome));
        Ok(Self { session, lease, task })
    }

    /// Opens the talk with the hub. Returns what takes requests, what moves files with them, and what the hub says that
    /// is wrong with the run.
    pub(super) fn talk(&self) -> (mpsc::Sender<Vec<u8>>, Exchange, mpsc::UnboundedReceiver<String>) {
        let (talk, _) = message::open(&self.session, TALK);
        let (answers, answered) = mpsc::unbounded_channel();
        let (troubles, troubled) = mpsc::unbounded_channel();
        tokio::spawn(talk::listen(self.session.clone(), talk.receiver, answers, troubles));
        let store = Exchange::new(&self.session, talk.sender.clone(), answered);
        (talk.sender, store, troubled)
    }

    /// Says goodbye to the hub, and waits until it is said.
    pub(super) async fn close(mut self, why: &str) {
        self.session.end(why);
        // A task that has broken down has no connection any more.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        // Without a goodbye, so that the hub sees an end that is gone.
        self.task.abort();
        self.session.end("this end of the link has been dropped");
    }
}

impl Keeper {
    /// Serves connections until the session ends, or the hub is silent for too long.
    async fn keep(self, mut line: Line, mut welcome: Welcome) {
        let run = run_lease(&welcome);
        let (lease, rhythm) = (Lease::new(run / self.part.share), Rhythm::of(run));
        loop {
            let error = match self.session.attach(welcome.arrived.numbers()) {
                Ok(connection) => line.serve(&self.session, connection, &lease, rhythm).await,
                Err(violation) => {
                    self.session.end(&violation.to_string());
                    violation.into()
                }
            };
            debug!(%error, "the link has lost its connection");
            if self.session.why_ended().is_some() {
                return;
            }
            match self.connect(lease.end(), rhythm.pause).await {
                Ok(next) => (line, welcome) = next,
                Err(error) if error.is_passing() => {
                    let silent = humantime::format_duration(lease.length());
                    return self.session.end(&format!("the hub has not been heard for {silent}: {error}"));
                }
                Err(error) => return self.session.end(&error.to_string()),
            }
        }
    }

    /// Tries to connect until some moment, or until trying again is of no use.
    async fn connect(&self, end: Instant, longest: Duration) -> Result<(Line, Welcome), LinkError> {
        let mut pause = FIRST_PAUSE.min(longest);
        let mut last = None;
        let attempts = async {
            loop {
                match self.attempt().await {
                    Ok(done) => return Ok(done),
                    Err(error) if error.is_passing() => {
                        debug!(%error, "the hub cannot be reached");
                        last = Some(error);
                    }
                    Err(error) => return Err(error),
                }
                sleep(pause).await;
                pause = (2 * pause).min(longest).min(Duration::from_secs(5));
            }
        };
        let connected = tokio::select! {
            connected = timeout_at(end, attempts) => connected,
            ended = self.session.ended() => return Err(ended.into()),
        };
        connected
            .unwrap_or_else(|_| Err(last.unwrap_or_else(|| io::Error::from(io::ErrorKind::TimedOut).into())))
    }

    async fn attempt(&self) -> Result<(Line, Welcome), LinkError> {
        let stream = self.tls.wrap((self.caller.dial)().await?).await?;
        let mut line = Line::new(stream);
        let (program, gang) = (self.caller.program.clone(), self.part.gang.clone());
        let (arrived, further) = ArrivedSoFar::split(&self.session.arrived());
        let hello = Hello { program, session: self.name.clone(), gang, arrived };
        for greeting in std::iter::once(Control::Hello(hello)).chain(further) {
            line.say(&greeting).await?;
        }
        // A hub that does not know this end's key says so only now.
        let answer = line.hear().await.map_err(|error| match error {
            LinkError::Connection(error) => tls::blame(error),
            other => other,
        })?;
        let own = &self.caller.program;
        let check = |peer: &ProgramVersion| match peer == own {
            true => Ok(()),
            false => Err(LinkError::Version(own.differs(self.part.peer, peer))),
        };
        match answer {
            Control::Welcome(mut welcome) => {
                check(&welcome.program)?;
                line.hear_further(&mut welcome.arrived).await?;
                Ok((line, welcome))
            }
            Control::Refused(refusal) => {
                check(&refusal.program)?;
                Err(LinkError::Refused(refusal.why.unwrap_or_default()))
            }
            Control::Hello(_) | Control::Arrived(_) | Control::Taken(_) | Control::Beat | Control::Bye(_) => {
                Err(LinkError::Greeting)
            }
        }
    }
}
