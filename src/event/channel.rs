//! The channel of events from the runner to the renderers and the journal.
//!
//! State changes are few and must never make the runner wait for a slow terminal, so they are queued without
//! a bound. Step output can be endless, so it has a bound: at most `OUTPUT_BUDGET` pieces are queued, and the
//! sender of another one waits. One queue for both keeps the order. Secrets are masked in every event.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use tokio::sync::{Semaphore, mpsc, oneshot};

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
    (sender, Receiver { events, budget, shown: None })
}

/// An event under way.
#[derive(Debug)]
struct Queued {
    event: Event,
    shown: Option<Shown>,
}

/// Dropped once its event has been shown, for the sender that waits for that.
type Shown = oneshot::Sender<()>;

/// The runner's end. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Sender {
    queue: mpsc::UnboundedSender<Queued>,
    budget: Arc<Semaphore>,
    started: Instant,
    masker: Masker,
}

impl Sender {
    /// Sends a state change, without waiting. Once the receiver is gone, events are dropped.
    pub fn send(&self, kind: EventKind) {
        self.pass(self.masker.event(kind), None);
    }

    /// Sends a state change, and waits until it has been shown or the receiver is gone.
    pub async fn show(&self, kind: EventKind) {
        let (shown, goes) = oneshot::channel();
        self.pass(self.masker.event(kind), Some(shown));
        // Nothing is sent: the wait ends when the other end is dropped.
        let _ = goes.await;
    }

    /// Returns a sender for one output of a step.
    pub fn output(&self, step: StepId, channel: OutputChannel) -> OutputSender {
        OutputSender { sender: self.clone(), step, channel, output: self.masker.output() }
    }

    /// Returns names of the secrets that are too short to be masked.
    pub fn unmasked(&self) -> &[String] {
        self.masker.unmasked()
    }

    fn pass(&self, kind: EventKind, shown: Option<Shown>) {
        let event = Event { at: SystemTime::now(), elapsed: self.started.elapsed(), kind };
        let _ = self.queue.send(Queued { event, shown });
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
    /// Sends the next piece. Waits while the receiver is behind.
    pub async fn send(&mut self, bytes: Arc<[u8]>) {
        let bytes = self.output.push(bytes);
        self.pass(bytes).await;
    }

    /// Shows a line that has only begun, unless the receiver is behind.
    pub fn preview(&self, begun: &[u8]) {
        if let Ok(permit) = self.sender.budget.try_acquire() {
            permit.forget();
            let bytes = self.output.preview(begun);
            self.sender.pass(EventKind::StepLine { step: self.step, bytes }, None);
        }
    }

    /// Sends what was held back because it could be the beginning of a secret.
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
        self.sender.pass(EventKind::StepOutput { step: self.step, channel: self.channel, bytes }, None);
    }
}

/// The receiving end.
#[derive(Debug)]
pub struct Receiver {
    events: mpsc::UnboundedReceiver<Queued>,
    budget: Arc<Semaphore>,
    /// Of the event that was given last.
    shown: Option<Shown>,
}

/// An event has been dealt with once the next one is asked for.
impl Receiver {
    /// Returns the next event, or `None` once every sender is gone. Blocks; for a thread of its own.
    pub fn blocking_recv(&mut self) -> Option<Event> {
        self.shown = None;
        let queued = self.events.blocking_recv();
        self.release(queued)
    }

    /// Returns the next event, or `None` once every sender is gone.
    pub async fn recv(&mut self) -> Option<Event> {
        self.shown = None;
        let queued = self.events.recv().await;
        self.release(queued)
    }

    /// Returns the next event, if there is one.
    pub fn ready(&mut self) -> Option<Event> {
        self.shown = None;
        let queued = self.events.try_recv().ok();
        self.release(queued)
    }

    /// Output is counted on arrival, which allows one piece more than the budget.
    fn release(&mut self, queued: Option<Queued>) -> Option<Event> {
        let Queued { event, shown } = queued?;
        self.shown = shown;
        if let EventKind::StepOutput { .. } | EventKind::StepLine { .. } = &event.kind {
            self.budget.add_permits(1);
        }
        Some(event)
    }
}

impl Drop for Receiver {
    /// Wakes the senders that wait: no permit will come.
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
    #[tokio::test]
    async fn an_event_is_shown_once_the_next_is_asked_for_or_none_ever_is() {
        let (sender, mut receiver) = channel(Masker::default());
        let mut shown = std::pin::pin!(sender.show(started(0, 1)));
        assert!(futures::poll!(&mut shown).is_pending(), "it lies in the queue");
        assert!(receiver.recv().await.is_some());
        assert!(futures::poll!(&mut shown).is_pending(), "it is being shown");
        assert!(receiver.ready().is_none());
        assert!(futures::poll!(&mut shown).is_ready());

        let mut shown = std::pin::pin!(sender.show(started(0, 1)));
        assert!(futures::poll!(&mut shown).is_pending());
        drop(receiver);
        assert!(futures::poll!(&mut shown).is_ready());
        sender.show(started(0, 1)).await;
    }
}
