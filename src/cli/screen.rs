//! The thread that shows a run: it takes every event to the journal and to the renderer.

use std::io::{self, IsTerminal, Write};
use std::thread::JoinHandle;
use std::time::Duration;

use console::Term;
use tokio::time::timeout;

use super::args::Format;
use super::error::CliError;
use crate::event::channel::Receiver;
use crate::executor::EngineError;
use crate::history::{Journal, RunDir};
use crate::render::{Json, Palette, Plain, Progress, Renderer};

/// How often a live view is drawn.
const FRAME: Duration = Duration::from_millis(100);

/// A running screen.
pub(super) struct Screen {
    thread: JoinHandle<()>,
}

impl Screen {
    /// Starts to show events until their last sender is gone. Where stdout belongs to a stream, everything else goes to
    /// stderr.
    pub(super) fn start(
        events: Receiver,
        dir: &RunDir,
        format: Format,
        stdout_is_taken: bool,
    ) -> Result<Self, CliError> {
        let failed = |error| EngineError::new("cannot start to show the run", error);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(failed)?;
        let journal = Journal::new(dir)?;
        let renderer = renderer(format, stdout_is_taken);
        let thread = std::thread::Builder::new()
            .name("screen".into())
            .spawn(move || runtime.block_on(show(events, journal, renderer)))
            .map_err(failed)?;
        Ok(Self { thread })
    }

    /// Waits until everything has been shown.
    pub(super) fn join(self) {
        // A panic has been printed by its own thread, and the run is over.
        let _ = self.thread.join();
    }
}

/// Neither a closed terminal nor a full disk ends the run.
async fn show(mut events: Receiver, mut journal: Journal, renderer: Box<dyn Renderer>) {
    let mut renderer = Some(renderer);
    loop {
        let shown = match timeout(FRAME, events.recv()).await {
            Ok(Some(event)) => {
                if let Err(gap) = journal.record(&event) {
                    eprintln!("warning: the run goes on, but {gap}");
                }
                renderer.as_mut().map(|renderer| renderer.event(&event))
            }
            Ok(None) => break,
            Err(_) => renderer.as_mut().map(|renderer| renderer.tick()),
        };
        if let Some(Err(_)) = shown {
            renderer = None;
        }
    }
}

fn renderer(format: Format, stdout_is_taken: bool) -> Box<dyn Renderer> {
    let (terminal, out): (bool, Box<dyn Write + Send>) = if stdout_is_taken {
        (io::stderr().is_terminal(), Box::new(io::stderr()))
    } else {
        (io::stdout().is_terminal(), Box::new(io::stdout()))
    };
    let palette = Palette::choose(terminal, |name| std::env::var_os(name));
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "false");
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    let live = match format {
        Format::Tty => true,
        Format::Auto => terminal && !dumb && !set("CI"),
        Format::Plain | Format::Json => false,
    };
    let term = || if stdout_is_taken { Term::buffered_stderr() } else { Term::buffered_stdout() };
    match format {
        Format::Json => Box::new(Json::new(out)),
        _ if live => Box::new(Progress::new(term(), palette)),
        _ => Box::new(Plain::new(out, palette)),
    }
}
