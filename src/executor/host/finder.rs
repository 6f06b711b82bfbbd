//! Looks for the processes of steps: one look serves all that ask at the same moment, as when a run with many
//! steps is interrupted.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;

use crate::processes::{self, Found, Signs};

/// The most that one look answers.
const MOST: usize = 1024;

/// A way to the task that looks. Cheap to clone; the task ends with the last of them.
#[derive(Debug, Clone)]
pub(super) struct Finder {
    asks: mpsc::UnboundedSender<Ask>,
}

#[derive(Debug)]
struct Ask {
    signs: Arc<Signs>,
    answer: oneshot::Sender<Vec<Found>>,
}

impl Finder {
    /// Starts the task. To be called within a runtime.
    pub(super) fn start() -> Self {
        let (asks, inbox) = mpsc::unbounded_channel();
        tokio::spawn(serve(inbox));
        Self { asks }
    }

    /// Finds the processes of an attempt that have not ended, as of some moment after this call.
    pub(super) async fn find(&self, signs: &Arc<Signs>) -> Vec<Found> {
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
