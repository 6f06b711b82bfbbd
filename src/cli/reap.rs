//! The reaper's process: this program under another word, which stands in no help text.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

use super::error::{OK, USAGE};
use crate::executor::docker::{Engine, remove_all};
use crate::reaper::{self, WORD};

/// Between two looks for what a run has left with the engine.
const PAUSE: Duration = Duration::from_millis(200);
/// How long nothing may be found before that is believed: what was asked for last may still be under way.
const QUIET: Duration = Duration::from_secs(3);
/// How long an engine that does not answer, or fails, is asked again. Then `pipe clean` has to do it.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn is_asked_for() -> bool {
    std::env::args_os().nth(1).is_some_and(|word| word == WORD)
}

pub(super) fn run() -> ExitCode {
    // Without a runtime it still does what needs none.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok();
    let _guard = runtime.as_ref().map(Runtime::enter);
    ignore_signals();
    let sweep = |left: Vec<Vec<String>>| {
        if let Some(runtime) = &runtime {
            left.iter().for_each(|labels| runtime.block_on(sweep(labels)));
        }
    };
    match reaper::serve(sweep) {
        Ok(()) => ExitCode::from(OK),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(USAGE)
        }
    }
}

/// Whoever ends a terminal, a job or a machine sends signals to all; they mean `pipe`.
fn ignore_signals() {
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup(), SignalKind::quit()];
    for kind in kinds {
        // Once it is listened for, a signal does not end the process, whether or not somebody goes on listening.
        drop(signal(kind));
    }
}

/// Removes what has these labels, until nothing more turns up.
async fn sweep(labels: &[String]) {
    let begun = Instant::now();
    let mut engine = None;
    let mut quiet = Instant::now();
    while quiet.elapsed() < QUIET && begun.elapsed() < PATIENCE {
        if engine.is_none() {
            engine = Engine::connect().await.ok();
        }
        let removed = match &engine {
            Some(engine) => remove_all(engine, labels).await.ok(),
            None => None,
        };
        if removed != Some(0) {
            quiet = Instant::now();
        }
        sleep(PAUSE).await;
    }
}
