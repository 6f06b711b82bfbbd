//! A wrapper as the conductor knows it: what it is told, how far its step has come, and what is held of the step's
//! pipes.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{mpsc, watch};
use tracing::debug;

use super::held::Held;
use super::message::{ConductorMessage, WrapperMessage};
use super::wire::{Connection, Mailbox};
use super::{PodNotice, PodNotices};
use crate::executor::Exit;

/// SIGKILL: how a container ends whose wrapper is gone.
const KILL: i32 = 9;

/// A way to a wrapper. The connection ends with the last of them.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub(super) step: Arc<str>,
    outbox: mpsc::UnboundedSender<(ConductorMessage, Vec<OwnedFd>)>,
    progress: watch::Receiver<Progress>,
    pub(super) held: Arc<Held>,
    /// The step has been started once.
    taken: Arc<AtomicBool>,
}

/// How far a step has come.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress {
    /// Whether its process runs, or why it does not; nothing before that is known.
    pub(super) started: Option<Result<(), String>>,
    /// How it has ended. No process of it is left then.
    pub(super) end: Option<Exit>,
    /// The wrapper is gone.
    pub(super) is_gone: bool,
}

impl Progress {
    /// Returns whether no process of the step runs, or ever will.
    pub(super) fn is_over(&self) -> bool {
        self.end.is_some() || self.is_gone || matches!(self.started, Some(Err(_)))
    }
}

impl Link {
    /// Takes over the connection to the wrapper of a step.
    pub(super) fn open(step: &str, connection: Connection, mailbox: Mailbox, notices: PodNotices) -> Self {
        let (outbox, letters) = mpsc::unbounded_channel();
        let (told, progress) = watch::channel(Progress::default());
        let held = Arc::new(Held::default());
        let step: Arc<str> = step.into();
        let listener =
            Listener { step: Arc::clone(&step), told, held: Arc::clone(&held), notices, connection };
        tokio::spawn(write(listener.connection.clone(), letters));
        tokio::spawn(listener.listen(mailbox));
        Self { step, outbox, progress, held, taken: Arc::default() }
    }

    /// Tells the wrapper something. If it is gone, that is known elsewhere.
    pub(super) fn tell(&self, message: ConductorMessage, ends: Vec<OwnedFd>) {
        let _ = self.outbox.send((message, ends));
    }

    /// Returns what keeps the pipe of an input open in the wrapper.
    pub(super) fn hold(&self, input: u32) -> WrapperHold {
        WrapperHold { link: self.clone(), input }
    }

    /// Notes that the step starts. Returns whether it has not before.
    pub(super) fn take(&self) -> bool {
        !self.taken.swap(true, Ordering::Relaxed)
    }

    /// Returns how far the step has come.
    pub(super) fn progress(&self) -> Progress {
        self.progress.borrow().clone()
    }

    /// Waits until the step has come so far.
    pub(super) async fn until(&self, is_so: impl Fn(&Progress) -> bool) -> Progress {
        let mut progress = self.progress.clone();
        // The sender goes only after the wrapper is said to be gone, for which every caller waits as well.
        let found = progress.wait_for(|progress| is_so(progress)).await.map(|found| found.clone());
        found.unwrap_or_else(|_| self.progress())
    }
}

/// Keeps a reader's pipe open in its wrapper, until this is dropped.
pub(super) struct WrapperHold {
    link: Link,
    input: u32,
}

impl Drop for WrapperHold {
    fn drop(&mut self) {
        self.link.held.release(self.input as usize);
        self.link.tell(ConductorMessage::Eof(self.input), Vec::new());
    }
}

/// Sends letters in their order, until the last link or the wrapper is gone.
async fn write(
    connection: Connection,
    mut letters: mpsc::UnboundedReceiver<(ConductorMessage, Vec<OwnedFd>)>,
) {
    while let Some((message, ends)) = letters.recv().await {
        let borrowed: Vec<_> = ends.iter().map(|end| end.as_fd()).collect();
        if let Err(error) = connection.send(&message.encode(), &borrowed).await {
            debug!(%error, "pod: a wrapper cannot be told anything");
            connection.hang_up();
            return;
        }
    }
    connection.hang_up();
}

/// Takes what a wrapper says.
struct Listener {
    step: Arc<str>,
    told: watch::Sender<Progress>,
    held: Arc<Held>,
    notices: PodNotices,
    connection: Connection,
}

impl Listener {
    /// Listens until the wrapper is gone. One that says what it must not is treated as if it were: it kills its
    /// container when the connection ends.
    async fn listen(self, mut mailbox: Mailbox) {
        loop {
            match mailbox.next().await {
                Ok(Some((bytes, _))) => match WrapperMessage::decode(&bytes).map(|said| self.take(said)) {
                    Some(Ok(())) => {}
                    Some(Err(error)) => {
                        debug!(step = &*self.step, %error, "pod: wrapper");
                        break;
                    }
                    None => {
                        debug!(step = &*self.step, "pod: the wrapper says what is no message");
                        break;
                    }
                },
                Ok(None) => break,
                Err(error) => {
                    debug!(step = &*self.step, %error, "pod: the wrapper cannot be heard");
                    break;
                }
            }
        }
        self.connection.hang_up();
        self.lost().await;
    }

    fn take(&self, said: WrapperMessage) -> io::Result<()> {
        debug!(step = &*self.step, ?said, "pod: wrapper");
        let known = self.told.borrow().clone();
        match (said, known.started, known.end) {
            (WrapperMessage::Started { pid: _ }, None, None) => {
                self.told.send_modify(|progress| progress.started = Some(Ok(())));
            }
            (WrapperMessage::NotStarted(why), None, None) => {
                self.told.send_modify(|progress| progress.started = Some(Err(why)));
            }
            (WrapperMessage::Exited(code), Some(Ok(())), None) => self.ended(Exit::Code(code)),
            (WrapperMessage::Killed(signal), Some(Ok(())), None) => self.ended(Exit::Signal(signal)),
            (WrapperMessage::OutOfMemory, Some(Ok(())), None) => self.ended(Exit::OutOfMemory),
            (WrapperMessage::Signalled(signal), _, _) => {
                let _ = self.notices.send(PodNotice::Terminated { step: self.step.to_string(), signal });
            }
            (WrapperMessage::Hello(_), _, _)
            | (WrapperMessage::Started { .. } | WrapperMessage::NotStarted(_), _, _)
            | (WrapperMessage::Exited(_) | WrapperMessage::Killed(_) | WrapperMessage::OutOfMemory, _, _) => {
                return Err(io::Error::other("the wrapper says something out of turn"));
            }
        }
        Ok(())
    }

    fn ended(&self, how: Exit) {
        self.told.send_modify(|progress| progress.end = Some(how));
    }

    /// Notes that the wrapper is gone, and its container with it. The kernel closes the descriptors of a container's
    /// first process before it kills the others, so a reader may live on for a moment: its end is told only when
    /// nothing can read its inputs any more.
    async fn lost(&self) {
        let known = self.told.borrow().clone();
        if !known.is_over() {
            self.held.until_nothing_reads().await;
            let _ = self.notices.send(PodNotice::Lost { step: self.step.to_string() });
        }
        self.told.send_modify(|progress| {
            progress.is_gone = true;
            if matches!(progress.started, Some(Ok(()))) {
                progress.end.get_or_insert(Exit::Signal(KILL));
            }
        });
    }
}
