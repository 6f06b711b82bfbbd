//! `pipe show`: the summary of a run, as the run itself printed it.

use std::process::ExitCode;

use crate::cli::args::ShowArgs;
use crate::cli::error::CliError;
use crate::cli::past;
use crate::cli::stdio::{self, say};
use crate::cli::verdict::report;
use crate::history::{Replay, RunState, StoredRun};
use crate::render::human::count;
use crate::render::summary;

pub(in crate::cli) fn run(args: &ShowArgs) -> Result<ExitCode, CliError> {
    let run = past::find(&args.run)?;
    let text = if args.json { past::line(&run.details()?)? } else { summary(&run, &args.run)? };
    stdio::print(text)?;
    Ok(ExitCode::SUCCESS)
}

fn summary(run: &StoredRun, name: &str) -> Result<String, CliError> {
    let Replay { events, earlier, state, skipped } = run.replay()?;
    past::warn_of(skipped);
    let Some((mut report, last)) = report(&events).zip(events.last()) else {
        return Ok(match state {
            RunState::Running => format!("{} is starting\n", run.id()),
            RunState::Ended | RunState::Died => format!("{} died before it began\n", run.id()),
        });
    };
    report.called = name.to_owned();
    for (step, lines) in earlier {
        if let Some(step) = report.steps.get_mut(step.index()) {
            step.log.came_after(lines);
        }
    }
    let endless = report.steps.iter().filter(|step| step.outcome().is_none()).count();
    if state == RunState::Ended && endless > 0 {
        say!("warning: the journal has a gap: the outcome of {} is missing", count(endless, "step"));
    }
    Ok(match state {
        RunState::Ended => summary::text(&report, past::sheet()),
        RunState::Running | RunState::Died => {
            summary::unfinished(&report, state == RunState::Running, last.elapsed, past::sheet())
        }
    })
}
