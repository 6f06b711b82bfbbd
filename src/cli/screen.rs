//! The thread that shows a run: it takes every event to the journal and to everybody who shows it.

use std::thread::JoinHandle;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::error::CliError;
use super::viewers::Viewer;
use crate::event::EventKind;
use crate::event::channel::Receiver;
use crate::executor::EngineError;
use crate::history::{Journal, RunDir};

/// How often a live view is drawn.
const FRAME: Duration = Duration::from_millis(100);

/// Where events come one by one, to wake up for each costs the runner more than the event itself: the next ones may gather
/// that long.
const GATHERING: Duration = Duration::from_millis(1);
/// With so many at once nobody waits for the next.
const FEW: usize = 32;

/// A running screen.
pub(super) struct Screen {
    thread: JoinHandle<()>,
}

impl Screen {
    /// Starts to show events until their last sender is gone.
    pub(super) fn start(events: Receiver, dir: &RunDir, viewers: Vec<Viewer>) -> Result<Self, CliError> {
        let failed = |error| EngineError::new("cannot start to show the run", error);
        let journal = Journal::new(dir)?;
        // Last, for where this is called it could not be dropped again.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(failed)?;
        let thread = std::thread::Builder::new()
            .name("screen".into())
            .spawn(move || runtime.block_on(show(events, journal, viewers)))
            .map_err(failed)?;
        Ok(Self { thread })
    }

    /// Waits until everything has been shown.
    pub(super) fn join(self) {
        // A panic has been printed by its own thread, and the run is over.
        let _ = self.thread.join();
    }
}

/// Neither a closed terminal nor a full disk ends the run: whoever cannot be written to is left alone from then on.
async fn show(mut events: Receiver, mut journal: Journal, mut viewers: Vec<Viewer>) {
    loop {
        let mut next = match timeout(FRAME, events.recv()).await {
            Ok(Some(event)) => Some(event),
            Ok(None) => break,
            Err(_) => {
                viewers.retain_mut(|viewer| viewer.show(|renderer| renderer.tick()));
                continue;
            }
        };
        let (mut count, mut is_over) = (0, false);
        while let Some(event) = next {
            if let Err(gap) = journal.record(&event) {
                eprintln!("warning: the run goes on, but {gap}");
            }
            viewers.retain_mut(|viewer| viewer.show(|renderer| renderer.event(&event)));
            count += 1;
            is_over = matches!(event.kind, EventKind::RunFinished(_));
            next = events.ready();
        }
        if count < FEW && !is_over {
            sleep(GATHERING).await;
        }
    }
}
