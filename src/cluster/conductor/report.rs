//! What a client is told while a gang runs. A client that is slow makes the steps wait that print, and nothing else.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};

use crate::cluster::order::message::{FromPod, begin};
use crate::event::channel::Receiver;
use crate::event::wire::Encoder;
use crate::event::{Event, EventKind, StepFinished};
use crate::executor::pod::PodNotice;
use crate::pipeline::{Outputs, Pipeline, StepId};

/// Tells everything.
pub(super) struct Report {
    pipeline: Arc<Pipeline>,
    encoder: Encoder,
    events: Receiver,
    noticed: mpsc::UnboundedReceiver<PodNotice>,
    directly: mpsc::UnboundedReceiver<FromPod>,
    outputs: FinishedOutputs,
    outbox: mpsc::Sender<FromPod>,
}

/// The outputs of steps that have finished, as they are: events have them masked.
#[derive(Debug, Clone, Default)]
pub(super) struct FinishedOutputs(Arc<Mutex<HashMap<StepId, Arc<Outputs>>>>);

impl FinishedOutputs {
    /// Notes those of a step whose end is about to be told.
    pub(super) fn note(&self, finished: &StepFinished) {
        self.0.lock().insert(finished.step, Arc::clone(&finished.outputs));
    }

    fn take(&self, event: &Event) -> Outputs {
        let EventKind::StepFinished(finished) = &event.kind else { return Outputs::new() };
        self.0.lock().remove(&finished.step).map(Arc::unwrap_or_clone).unwrap_or_default()
    }
}

impl Report {
    pub(super) fn new(
        pipeline: Arc<Pipeline>,
        events: Receiver,
        noticed: mpsc::UnboundedReceiver<PodNotice>,
        directly: mpsc::UnboundedReceiver<FromPod>,
        outbox: mpsc::Sender<FromPod>,
    ) -> Self {
        let mut encoder = Encoder::new();
        // Of no interest to a client, which has the pipeline; but without it no name is known.
        let _ = encoder.encode(&begin(Arc::clone(&pipeline), String::new()));
        Self { pipeline, encoder, events, noticed, directly, outputs: FinishedOutputs::default(), outbox }
    }

    /// Returns where the outputs of steps are noted.
    pub(super) fn outputs(&self) -> FinishedOutputs {
        self.outputs.clone()
    }

    /// Tells what comes, until nothing can come. Calls `lost` if the client does not take it. A client that is gone is
    /// not waited for: the steps that print would wait as well.
    pub(super) async fn run(mut self, lost: impl FnOnce(), mut gone: watch::Receiver<bool>) {
        let mut lost = Some(lost);
        while let Some(message) = self.next().await {
            let Some(message) = message else { continue };
            let is_taken = tokio::select! {
                sent = self.outbox.send(message) => sent.is_ok(),
                Ok(_) = gone.wait_for(|is_gone| *is_gone) => continue,
            };
            if let Some(lost) = lost.take_if(|_| !is_taken) {
                lost();
            }
        }
    }

    /// Waits for the next message; one of a step's container comes before the step's end.
    async fn next(&mut self) -> Option<Option<FromPod>> {
        tokio::select! {
            biased;
            Some(notice) = self.noticed.recv() => Some(Some(match notice {
                PodNotice::Lost { step } => FromPod::Lost { step },
                PodNotice::Terminated { step, signal } => FromPod::Terminated { step: Some(step), signal },
            })),
            Some(message) = self.directly.recv() => Some(Some(message)),
            event = self.events.recv() => match event {
                Some(event) => {
                    let outputs = self.outputs.take(&event);
                    Some(FromPod::of(&mut self.encoder, &self.pipeline, &event, outputs))
                }
                // Wrappers may still be there, and have nothing to say any more.
                None => Some(Some(self.directly.recv().await?)),
            },
        }
    }
}
