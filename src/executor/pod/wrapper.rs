//! The wrapper: the first process of a step's container. It gets the step from the conductor, starts it, tells how it
//! ends, and kills the container when the conductor is gone.

mod connect;
mod memory;
mod signals;
mod work;

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};

use self::connect::connect;
use self::signals::{Sign, Signals};
use self::work::{Work, Worked};
use super::message::{ConductorMessage, Hello, Launch, WRAPPER_PROTOCOL, WrapperMessage};
use super::wire::{Connection, Mailbox};
use super::{Exit, SystemError};
use crate::processes::{adopt_orphans, signal_all_below};

/// The variable with what shows the conductor that a wrapper may speak for its step. The step does not get it.
pub const TOKEN_VARIABLE: &str = "PIPE_POD_TOKEN";

/// How often processes are looked for that have been missed, while the step is ending.
const LOOK: Duration = Duration::from_millis(20);
/// How long killed processes may take to end when the conductor is gone. The kernel kills what is left in a container.
const PATIENCE: Duration = Duration::from_secs(10);

/// How the work of a wrapper has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WrapperEnd {
    /// With the step.
    Step(Exit),
    /// The step could not be started: why.
    NotStarted(String),
    /// The conductor does not want it: why.
    Refused(String),
    /// The conductor is gone, and the step has been killed.
    ConductorGone,
    /// It was told to end by this signal before there was a step.
    Signalled(i32),
    /// The gang has ended before the step was started.
    NotNeeded,
}

/// Does the work of the wrapper of a step. This process must have no other children.
///
/// # Errors
/// There is no conductor, or the system fails.
pub async fn wrap(step: &str, socket: &Path) -> Result<WrapperEnd, SystemError> {
    let failed = |what: &'static str| move |error: io::Error| SystemError::new(what, error);
    let mut signals = Signals::listen().map_err(failed("cannot listen for signals"))?;
    adopt_orphans().map_err(failed("cannot become the parent of orphans"))?;
    let connection = tokio::select! {
        connection = connect(socket) => match connection? {
            Some(connection) => connection,
            None => return Ok(WrapperEnd::ConductorGone),
        },
        signal = signals.outside() => return Ok(WrapperEnd::Signalled(signal)),
    };
    let hello = Hello {
        protocol: WRAPPER_PROTOCOL,
        step: step.to_owned(),
        pid: std::process::id(),
        uid: rustix::process::getuid().as_raw(),
        token: std::env::var(TOKEN_VARIABLE).ok(),
    };
    let mut ticks = interval(LOOK);
    // They are of no interest as long as the step runs.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let wrapper = Wrapper { mailbox: connection.mailbox(), connection, signals, ticks };
    wrapper.run(hello).await
}

struct Wrapper {
    connection: Connection,
    mailbox: Mailbox,
    signals: Signals,
    ticks: Interval,
}

impl Wrapper {
    async fn run(mut self, hello: Hello) -> Result<WrapperEnd, SystemError> {
        if self.say(&WrapperMessage::Hello(hello)).await.is_err() {
            return Ok(WrapperEnd::ConductorGone);
        }
        let (launch, ends) = tokio::select! {
            heard = self.mailbox.next() => match understood(heard) {
                Some((ConductorMessage::Go(launch), ends)) => (launch, ends),
                Some((ConductorMessage::Refused(why), _)) => return Ok(WrapperEnd::Refused(why)),
                Some((ConductorMessage::Bye | ConductorMessage::Kill | ConductorMessage::Terminate, _)) => {
                    return Ok(WrapperEnd::NotNeeded);
                }
                Some((ConductorMessage::Eof(_), _)) | None => return Ok(WrapperEnd::ConductorGone),
            },
            signal = self.signals.outside() => {
                // If the conductor is gone, it need not know.
                let _ = self.say(&WrapperMessage::Signalled(signal)).await;
                return Ok(WrapperEnd::Signalled(signal));
            }
        };
        match Work::start(launch, ends) {
            Ok(work) => self.attend(work).await,
            Err(why) => {
                let _ = self.say(&WrapperMessage::NotStarted(why.clone())).await;
                let _ = self.until_dismissed().await;
                Ok(WrapperEnd::NotStarted(why))
            }
        }
    }

    async fn say(&self, message: &WrapperMessage) -> io::Result<()> {
        self.connection.send(&message.encode(), &[]).await
    }

    /// Attends a step to its end.
    async fn attend(&mut self, mut work: Work) -> Result<WrapperEnd, SystemError> {
        if self.say(&WrapperMessage::Started { pid: work.pid() }).await.is_err() {
            return Ok(self.abandoned(&mut work).await);
        }
        loop {
            // Before anything is waited for: the step may have ended before its signal was listened for.
            if let Worked::Over(exit) = work.reap() {
                let ended = match exit {
                    Exit::Code(code) => WrapperMessage::Exited(code),
                    Exit::Signal(signal) => WrapperMessage::Killed(signal),
                    Exit::OutOfMemory => WrapperMessage::OutOfMemory,
                };
                let is_told = self.say(&ended).await.is_ok();
                // A conductor that dies takes the pipes with it, of which the step may die first.
                let is_dismissed = is_told && self.until_dismissed().await;
                return Ok(if is_dismissed { WrapperEnd::Step(exit) } else { WrapperEnd::ConductorGone });
            }
            tokio::select! {
                heard = self.mailbox.next() => match understood(heard) {
                    Some((ConductorMessage::Eof(input), _)) => work.let_go(input),
                    Some((ConductorMessage::Terminate, _)) => terminate(),
                    Some((ConductorMessage::Kill, _)) => work.kill(),
                    Some((ConductorMessage::Go(_) | ConductorMessage::Refused(_) | ConductorMessage::Bye, _)) | None => {
                        return Ok(self.abandoned(&mut work).await);
                    }
                },
                sign = self.signals.next() => match sign {
                    Sign::Child => {}
                    Sign::Outside(signal) => {
                        let _ = self.say(&WrapperMessage::Signalled(signal)).await;
                        terminate();
                    }
                },
                _ = self.ticks.tick(), if work.is_ending() => {}
            }
        }
    }

    /// Kills the step: there is no conductor any more. What it holds of the pipes goes only with this process, after
    /// the step.
    async fn abandoned(&mut self, work: &mut Work) -> WrapperEnd {
        work.kill();
        let gone = async {
            while let Worked::On = work.reap() {
                self.ticks.tick().await;
            }
        };
        let _ = timeout(PATIENCE, gone).await;
        WrapperEnd::ConductorGone
    }

    /// Waits for the conductor's last word, which goes on with the gang as long as that takes. Returns whether it has
    /// come.
    async fn until_dismissed(&mut self) -> bool {
        loop {
            match understood(self.mailbox.next().await) {
                Some((ConductorMessage::Bye, _)) => return true,
                None => return false,
                Some((
                    ConductorMessage::Go(_)
                    | ConductorMessage::Refused(_)
                    | ConductorMessage::Eof(_)
                    | ConductorMessage::Terminate
                    | ConductorMessage::Kill,
                    _,
                )) => {}
            }
        }
    }
}

/// Asks all processes of the step to end. One that is stopped sees that only when it goes on.
fn terminate() {
    signal_all_below(Signal::TERM);
    signal_all_below(Signal::CONT);
}

/// Returns what the conductor has said; nothing if it is gone, or has said what is no message.
fn understood(
    heard: io::Result<Option<(Vec<u8>, Vec<OwnedFd>)>>,
) -> Option<(ConductorMessage, Vec<OwnedFd>)> {
    let (bytes, ends) = heard.ok()??;
    let message = ConductorMessage::decode(&bytes)?;
    let wanted = match &message {
        ConductorMessage::Go(launch) => Launch::descriptors(launch),
        ConductorMessage::Refused(_)
        | ConductorMessage::Eof(_)
        | ConductorMessage::Terminate
        | ConductorMessage::Kill
        | ConductorMessage::Bye => 0,
    };
    (ends.len() == wanted).then_some((message, ends))
}
