//! The way of events from the runner to the renderers and the journal.
//!
//! State changes are few and must never make the runner wait for a slow terminal, so they are queued without a bound.
//! Step output can be endless, so it is: at most `OUTPUT_BUDGET` pieces are under way, and whoever has another one
//! waits. One queue for both keeps the order. Whatever passes, secrets are masked in it.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use tokio::sync::{Semaphore, mpsc};

use super::mask::{Masker, Output};
use super::{Event, EventKind, OutputChannel};
use crate::pipeline::StepId;

/// Pieces of step output that may wait for the renderers; each is at most a tap's buffer (64 KiB) long.
const OUTPUT_BUDGET: usize = 64;

/// Makes a connected pair. The sender stamps events with the time since this call.
pub fn channel(masker: Masker) -> (Sender, Receiver) {
    let (queue, events) = mpsc::unbounded_channel();
    let budget = Arc::new(Semaphore::new(OUTPUT_BUDGET));
    let sender = Sender { queue, budget: Arc::clone(&budget), started: Instant::now(), masker };
    (sender, Receiver { events, budget })
}

/// The runner's end. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Sender {
    queue: mpsc::UnboundedSender<Event>,
    budget: Arc<Semaphore>,
    started: Instant,
    masker: Masker,
}

impl Sender {
    /// Sends a state change; never waits. An event that nobody reads any more is dropped.
    pub fn send(&self, kind: EventKind) {
        self.pass(self.masker.event(kind));
    }

    /// The way of one output of a step.
    pub fn output(&self, step: StepId, channel: OutputChannel) -> OutputSender {
        OutputSender { sender: self.clone(), step, channel, output: self.masker.output() }
    }

    /// Names of the secrets that are too short to be masked.
    pub fn unmasked(&self) -> &[String] {
        self.masker.unmasked()
    }

    fn pass(&self, kind: EventKind) {
        let event = Event { at: SystemTime::now(), elapsed: self.started.elapsed(), kind };
        let _ = self.queue.send(event);
    }
}

/// Sends one output of a step. A secret may come in pieces.
#[derive(Debug)]
pub struct OutputSender {
    sender: Sender,
    step: StepId,
    channel: OutputChannel,
    output: Output,
}

impl OutputSender {
    /// Sends the next piece; waits while the readers are behind.
    pub async fn send(&mut self, bytes: Arc<[u8]>) {
        let bytes = self.output.push(bytes);
        self.pass(bytes).await;
    }

    /// Sends what was held back for being, perhaps, the beginning of a secret.
    pub async fn finish(mut self) {
        let rest = self.output.finish();
        self.pass(rest).await;
    }

    async fn pass(&self, bytes: Arc<[u8]>) {
        if bytes.is_empty() {
            return;
        }
        if let Ok(permit) = self.sender.budget.acquire().await {
            permit.forget();
        }
        self.sender.pass(EventKind::StepOutput { step: self.step, channel: self.channel, bytes });
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

    /// The next event, if there is one.
    pub fn ready(&mut self) -> Option<Event> {
        let event = self.events.try_recv().ok();
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

#[cfg(test)]
mod tests {
    use super::super::sample::{output, started};
    use super::*;

    #[tokio::test]
    async fn what_is_ready_makes_room_as_what_was_waited_for_does() {
        let (sender, mut receiver) = channel(Masker::default());
        assert!(receiver.ready().is_none());
        sender.send(started(0, 1));
        let EventKind::StepOutput { step, channel, bytes } = output(0, "x") else { unreachable!() };
        let mut output = sender.output(step, channel);
        for _ in 0..OUTPUT_BUDGET {
            output.send(Arc::clone(&bytes)).await;
        }
        assert!(matches!(receiver.ready().map(|event| event.kind), Some(EventKind::StepStarted { .. })));
        for _ in 0..3 * OUTPUT_BUDGET {
            assert!(matches!(receiver.ready().map(|event| event.kind), Some(EventKind::StepOutput { .. })));
            output.send(Arc::clone(&bytes)).await;
        }
    }
}
