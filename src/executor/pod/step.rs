//! A running step of a pod.

use futures::future::BoxFuture;
use tracing::debug;

use super::link::Link;
use super::message::ConductorMessage;
use super::{Exit, StepHandle, Stop, SystemError};

/// Waits for a step and stops it, by its wrapper.
pub(super) struct PodStep {
    link: Link,
}

impl PodStep {
    /// Takes over a step that has started.
    pub(super) fn new(link: Link) -> Self {
        Self { link }
    }
}

impl StepHandle for PodStep {
    fn wait(&self) -> BoxFuture<'_, Result<Exit, SystemError>> {
        Box::pin(async move {
            let progress = self.link.until(|progress| progress.end.is_some()).await;
            debug!(step = &*self.link.step, end = ?progress.end, "pod: step ended");
            let unknown = || {
                SystemError::new(
                    format!("cannot wait for step `{}`", self.link.step),
                    "its wrapper is unknown",
                )
            };
            progress.end.ok_or_else(unknown)
        })
    }

    fn stop(&self, how: Stop) -> BoxFuture<'_, Result<(), SystemError>> {
        let message = match how {
            Stop::Terminate => ConductorMessage::Terminate,
            Stop::Kill => ConductorMessage::Kill,
        };
        self.link.tell(message, Vec::new());
        Box::pin(std::future::ready(Ok(())))
    }
}

impl Drop for PodStep {
    fn drop(&mut self) {
        if !self.link.progress().is_over() {
            self.link.tell(ConductorMessage::Kill, Vec::new());
        }
    }
}
