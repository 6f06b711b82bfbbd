//! How a run, or one of its steps, has ended: a line for a person, and the exit code of `pipe run`.

use std::process::ExitCode;

use super::error::{CliError, STEP_FAILED, exit_code};
use crate::cli::stdio::say;
use crate::event::{Event, EventKind};
use crate::history::StoredRun;
use crate::render::{Report, one_line, summary, words};

/// Says on standard error how a run has ended, or a step of it. Returns its exit code.
pub(super) fn tell(run: &StoredRun, step: Option<&str>) -> Result<ExitCode, CliError> {
    let replay = run.replay()?;
    let Some(report) = report(&replay.events) else {
        say!("{} died before it began", run.id());
        return Ok(ExitCode::from(STEP_FAILED));
    };
    let outcome = step.and_then(|name| {
        let (id, _) = report.pipeline.steps().find(|(_, step)| step.name == name)?;
        report.steps.get(id.index())?.outcome()
    });
    match (step, outcome, &report.end) {
        (Some(name), Some(outcome), _) => {
            say!("`{name}` {}", one_line(&words::outcome(&report.pipeline, outcome)));
            let is_good = outcome.is_success();
            Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::from(STEP_FAILED) })
        }
        (_, None, Some(end)) | (None, _, Some(end)) => {
            say!("{}", summary::closing(&report).1);
            Ok(exit_code(&end.end, false))
        }
        (_, None, None) | (None, _, None) => {
            say!("{} died", run.id());
            Ok(ExitCode::from(STEP_FAILED))
        }
    }
}

/// Returns a run as far as it has come; nothing of one that has not begun.
pub(super) fn report(events: &[Event]) -> Option<Report> {
    let (first, rest) = events.split_first()?;
    let EventKind::RunStarted(started) = &first.kind else { return None };
    let mut report = Report::new(started);
    rest.iter().for_each(|event| report.event(event));
    Some(report)
}
