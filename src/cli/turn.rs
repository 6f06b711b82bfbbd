//! `concurrency` of a pipeline: a run waits for its turn before anything starts.

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::mpsc;

use super::error::CliError;
use crate::cli::stdio::say;
use crate::executor::SystemError;
use crate::pipeline::Pipeline;
use crate::runner::{Holder, NameFolder, Ticket};

/// Waits until this run has the name of its pipeline, if that has one. The name is held until the ticket is
/// dropped. A signal ends the wait.
pub(super) async fn wait(
    pipeline: &Pipeline,
    quiet: bool,
    signals: &mut mpsc::UnboundedReceiver<i32>,
) -> Result<Option<Ticket>, CliError> {
    let Some(concurrency) = &pipeline.concurrency else { return Ok(None) };
    let name = &concurrency.name;
    let ticket = NameFolder::of_user().queue(name, &Holder::this("", ""))?;
    let mut is_first = true;
    let waiting = ticket.wait(|before| {
        let who = before.holder.words();
        let stops = concurrency.cancel_in_progress && std::mem::take(&mut is_first);
        if !quiet {
            let does = if stops { "stops, and waits for" } else { "waits for" };
            say!("`{name}`: {does} {who}, {} before it", before.count);
        }
        if stops {
            stop(&before.holder);
        }
    });
    tokio::select! {
        waited = waiting => waited.map_err(|error| SystemError::new(format!("cannot wait for the name `{name}`"), error))?,
        Some(signal) = signals.recv() => return Err(CliError::Signalled(signal)),
    }
    Ok(Some(ticket))
}

/// Tells those that wait the id of the run, now that it has one; without it they wait all the same.
pub(super) fn tell(turn: &mut Option<Ticket>, run: &str) {
    if let Some(turn) = turn {
        let _ = turn.rename(&Holder::this(run, ""));
    }
}

/// Sends the run TERM, as a person would: its `finally` steps run.
fn stop(holder: &Holder) {
    let pid = i32::try_from(holder.pid).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid.filter(|pid| *pid != rustix::process::getpid() && holder.is_alive()) {
        // It may have ended in the meantime.
        let _ = kill_process(pid, Signal::TERM);
    }
}
