//! `pipe show`: the summary of a run, as the run itself printed it.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use crate::cli::args::Show;
use crate::cli::error::CliError;
use crate::cli::past;
use crate::event::{Event, EventKind};
use crate::history::{Replay, State, StoredRun};
use crate::render::human::count;
use crate::render::{Report, summary};

pub(in crate::cli) fn run(args: &Show) -> Result<ExitCode, CliError> {
    let run = past::find(&args.run)?;
    let text = if args.json { past::line(&run.account()?)? } else { summary(&run)? };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn summary(run: &StoredRun) -> Result<String, CliError> {
    let Replay { events, state, skipped } = run.replay()?;
    past::warn_of(skipped);
    let Some((report, elapsed)) = report(&events) else {
        return Ok(match state {
            State::Running => format!("{} is about to begin\n", run.id()),
            _ => format!("{} died before it began\n", run.id()),
        });
    };
    let endless = report.steps.iter().filter(|step| step.outcome().is_none()).count();
    if state == State::Ended && endless > 0 {
        eprintln!("warning: the journal has a gap: how {} ended is not in it", count(endless, "step"));
    }
    Ok(match state {
        State::Ended => summary::text(&report, past::palette()),
        _ => summary::unfinished(&report, state == State::Running, elapsed, past::palette()),
    })
}

/// The run as far as it has come, and when that was; nothing of one that has not begun.
fn report(events: &[Event]) -> Option<(Report, Duration)> {
    let (first, rest) = events.split_first()?;
    let EventKind::RunStarted(started) = &first.kind else { return None };
    let mut report = Report::new(started);
    rest.iter().for_each(|event| report.event(event));
    Some((report, events.last()?.elapsed))
}
