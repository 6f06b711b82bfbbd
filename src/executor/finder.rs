//! Looks for the processes of steps: one look serves all that ask at the same moment, as when a run with many
//! steps is interrupted.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use rustix::process::Signal;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::processes::{self, Found, Signs};

/// Pause between two looks at a process, on a kernel without process descriptors.
const PAUSE: Duration = Duration::from_millis(20);

/// The most that one look answers.
const MOST: usize = 1024;

/// A way to the task that looks. Cheap to clone; the task ends with the last of them.
#[derive(Debug, Clone)]
pub(in crate::executor) struct Finder {
    asks: mpsc::UnboundedSender<Ask>,
}

#[derive(Debug)]
struct Ask {
    signs: Arc<Signs>,
    answer: oneshot::Sender<Vec<Found>>,
}

impl Finder {
    /// Starts the task. To be called within a runtime.
    pub(in crate::executor) fn start() -> Self {
        let (asks, inbox) = mpsc::unbounded_channel();
        tokio::spawn(serve(inbox));
        Self { asks }
    }

    /// Finds the processes of an attempt that have not ended, as of some moment after this call.
    pub(in crate::executor) async fn find(&self, signs: &Arc<Signs>) -> Vec<Found> {
        let (answer, answered) = oneshot::channel();
        let ask = Ask { signs: Arc::clone(signs), answer };
        // Without the task the runtime is on its way out, and everything in it.
        let _ = self.asks.send(ask);
        answered.await.unwrap_or_default()
    }
}

async fn serve(mut inbox: mpsc::UnboundedReceiver<Ask>) {
    let mut asks = Vec::new();
    while inbox.recv_many(&mut asks, MOST).await > 0 {
        let (signs, answers): (Vec<_>, Vec<_>) = asks.drain(..).map(|ask| (ask.signs, ask.answer)).unzip();
        let look = move || processes::find(signs.iter().map(|signs| &**signs));
        let found = spawn_blocking(look).await.unwrap_or_default();
        for (answer, found) in answers.into_iter().zip(found) {
            // The asking side may have been called off.
            let _ = answer.send(found);
        }
    }
}

/// Waits until an attempt has no process left. Kills what it finds while `is_killed` says so.
pub(in crate::executor) async fn none_left(
    finder: &Finder,
    signs: &Arc<Signs>,
    is_killed: impl Fn() -> bool,
) {
    let mut looks_in_vain = 0;
    // One look can miss a process that is just being created.
    while looks_in_vain < 2 {
        let found = finder.find(signs).await;
        looks_in_vain = if found.is_empty() { looks_in_vain + 1 } else { 0 };
        if is_killed() {
            found.iter().for_each(|it| it.signal(Signal::KILL));
        }
        join_all(found.iter().map(ended)).await;
    }
}

/// Waits until a process has ended.
async fn ended(found: &Found) {
    // SAFETY: it owns the descriptor, which stays open until it is dropped.
    let watched = |handle: OwnedFd| unsafe { AsyncFd::register_with_interest(handle, Interest::READABLE) };
    match found.handle().map(watched) {
        Some(Ok(handle)) => drop(handle.readable().await),
        // It has ended, or the kernel does not report its end: look again.
        Some(Err(_)) | None => sleep(PAUSE).await,
    }
}
