//! The thread that shows a run: it gives every event to the journal and to all viewers.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use super::audience::Audience;
use super::confirm::Question;
use super::error::CliError;
use super::stdio::say;
use super::viewers::Viewer;
use crate::event::EventKind;
use crate::event::channel::Receiver;
use crate::executor::SystemError;
use crate::history::{Journal, RunDir};

/// How often a live view is drawn.
const FRAME: Duration = Duration::from_millis(100);

/// How long to wait for more events after a few have come. To wake up for each event costs the runner more
/// than the event itself.
const GATHERING: Duration = Duration::from_millis(1);
/// From so many events at once there is no such wait.
const FEW: usize = 32;

/// A running screen.
pub(super) struct Screen {
    cut: oneshot::Receiver<bool>,
}

impl Screen {
    /// Starts to show events until the run's last.
    pub(super) fn start(
        events: Receiver,
        dir: &RunDir,
        viewers: Vec<Viewer>,
        question: Question,
    ) -> Result<Self, CliError> {
        let failed = |error| SystemError::new("cannot start to show the run", error);
        let journal = Journal::new(dir)?;
        // Created last: in an asynchronous context a runtime cannot be dropped.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(failed)?;
        let (tell, cut) = oneshot::channel();
        std::thread::Builder::new()
            .name("screen".into())
            .spawn(move || {
                let was_cut = runtime.block_on(show(events, journal, Audience::of(viewers).with(question)));
                // If the run could not begin, the receiver is gone.
                let _ = tell.send(was_cut);
            })
            .map_err(failed)?;
        Ok(Self { cut })
    }

    /// Waits until everything has been shown. Returns whether something that was asked for could not be.
    pub(super) async fn was_cut(self) -> bool {
        // A panic has been printed by its own thread.
        self.cut.await.unwrap_or(true)
    }
}

/// Shows events until the run's last, or until the last sender is gone. An output that fails does not end the
/// run; nothing more is written to it. Returns whether something that was asked for was not shown.
async fn show(mut events: Receiver, mut journal: Journal, mut audience: Audience) -> bool {
    let mut is_over = false;
    while !is_over {
        let mut next = match timeout(FRAME, events.recv()).await {
            Ok(Some(event)) => Some(event),
            Ok(None) => break,
            Err(_) => {
                audience.tick();
                continue;
            }
        };
        let mut count = 0;
        while let Some(event) = next {
            if let Err(gap) = journal.record(&event) {
                say!("warning: the run goes on, but {gap}");
            }
            is_over = matches!(event.kind, EventKind::RunFinished(_));
            audience.event(event);
            count += 1;
            next = if is_over { None } else { events.ready() };
        }
        if count < FEW && !is_over {
            sleep(GATHERING).await;
        }
    }
    audience.was_cut()
}
