//! The way of events from the runner to the renderers and the journal.
//!
//! State changes are few and must never make the runner wait for a slow terminal, so they are queued without a bound.
//! Step output can be endless, so it is: at most `OUTPUT_BUDGET` pieces are under way, and whoever has another one
//! waits. One queue for both keeps the order.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use tokio::sync::{Semaphore, mpsc};

use super::{Event, EventKind};

/// Pieces of step output that may wait for the renderers; each is at most a tap's buffer (64 KiB) long.
const OUTPUT_BUDGET: usize = 64;

/// Makes a connected pair. The sender stamps events with the time since this call.
pub fn channel() -> (Sender, Receiver) {
    let (queue, events) = mpsc::unbounded_channel();
    let budget = Arc::new(Semaphore::new(OUTPUT_BUDGET));
    (Sender { queue, budget: Arc::clone(&budget), started: Instant::now() }, Receiver { events, budget })
}

/// The runner's end. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Sender {
    queue: mpsc::UnboundedSender<Event>,
    budget: Arc<Semaphore>,
    started: Instant,
}

impl Sender {
    /// Sends a state change; never waits. An event that nobody reads any more is dropped.
    pub fn send(&self, kind: EventKind) {
        let event = Event { at: SystemTime::now(), elapsed: self.started.elapsed(), kind };
        let _ = self.queue.send(event);
    }

    /// Sends step output; waits while the readers are behind.
    pub async fn send_output(&self, kind: EventKind) {
        if let Ok(permit) = self.budget.acquire().await {
            permit.forget();
        }
        self.send(kind);
    }
}

/// The readers' end.
#[derive(Debug)]
pub struct Receiver {
    events: mpsc::UnboundedReceiver<Event>,
    budget: Arc<Semaphore>,
}

impl Receiver {
    /// The next event, or `None` once every sender is gone. Blocks; for a thread of its own.
    pub fn blocking_recv(&mut self) -> Option<Event> {
        let event = self.events.blocking_recv();
        self.release(event)
    }

    /// The next event, or `None` once every sender is gone.
    pub async fn recv(&mut self) -> Option<Event> {
        let event = self.events.recv().await;
        self.release(event)
    }

    /// The previous output has been dealt with once the next event is asked for; here it is counted on arrival, which
    /// allows one piece more than the budget.
    fn release(&self, event: Option<Event>) -> Option<Event> {
        if let Some(Event { kind: EventKind::StepOutput { .. }, .. }) = &event {
            self.budget.add_permits(1);
        }
        event
    }
}

impl Drop for Receiver {
    /// Nobody waits for a reader that has gone.
    fn drop(&mut self) {
        self.budget.close();
    }
}
