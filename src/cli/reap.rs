//! The reaper's process: a subcommand of this program that no help text mentions.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

use super::error::{OK, USAGE};
use crate::cli::stdio::say;
use crate::executor::docker::{Engine, remove_all};
use crate::reaper::{self, SUBCOMMAND};
use crate::runner;

/// Pause between two looks for what a run has left in the engine.
const PAUSE: Duration = Duration::from_millis(200);
/// Time without a find after which the engine is clean: it may still be carrying out the last request.
const QUIET: Duration = Duration::from_secs(3);
/// How long an engine that does not answer, or fails, is retried. After that `pipe clean` is left.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn is_asked_for() -> bool {
    std::env::args_os().nth(1).is_some_and(|word| word == SUBCOMMAND)
}

pub(super) fn run() -> ExitCode {
    // Without a runtime, everything but containers is still cleaned up.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok();
    let _guard = runtime.as_ref().map(Runtime::enter);
    ignore_signals();
    let sweep = |left: Vec<Vec<String>>| {
        if let Some(runtime) = &runtime {
            left.iter().for_each(|labels| runtime.block_on(sweep(labels)));
        }
    };
    match reaper::serve(sweep, runner::undo) {
        Ok(()) => ExitCode::from(OK),
        Err(error) => {
            say!("error: {error}");
            ExitCode::from(USAGE)
        }
    }
}

/// The end of a terminal, a job or a machine sends signals to all processes; the reaper has to survive them.
fn ignore_signals() {
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup(), SignalKind::quit()];
    for kind in kinds {
        // Once there has been a listener, the signal does not end the process, even after the listener is
        // dropped.
        drop(signal(kind));
    }
}

/// Removes everything with these labels, until nothing more turns up.
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
