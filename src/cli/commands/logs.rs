//! `pipe logs`: what the steps of a run wrote.

mod format;

use std::io::{BufWriter, Write};
use std::process::ExitCode;
use std::time::Duration;

use crate::cli::args::LogsArgs;
use crate::cli::error::CliError;
use crate::cli::stdio::{Standard, say};
use crate::cli::{past, verdict};
use crate::event::EventKind;
use crate::file::Nearest;
use crate::history::{Follow, LogReader, Replay, StoredRun};
use crate::pipeline::{Pipeline, StepId};

use self::format::LogFormat;

/// How long to wait before looking again for what a run has written.
const PAUSE: Duration = Duration::from_millis(150);

pub(in crate::cli) fn run(args: &LogsArgs) -> Result<ExitCode, CliError> {
    let run = past::find(&args.run)?;
    let mut out = BufWriter::new(Standard::Output.open()?);
    if args.follow {
        follow(args, &run, &mut out)?;
        out.flush()?;
        return verdict::tell(&run, args.step.as_deref());
    }
    print(args, &run, &mut out)?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// Prints what is there now: of one step byte for byte, of all steps in the order of the file.
fn print(args: &LogsArgs, run: &StoredRun, out: &mut impl Write) -> Result<(), CliError> {
    let Replay { events, skipped, .. } = run.replay()?;
    past::warn_of(skipped);
    let started = events.iter().find_map(|event| {
        let EventKind::RunStarted(started) = &event.kind else { return None };
        Some(&started.pipeline)
    });
    let Some(pipeline) = started else { return Ok(()) };
    let only = args.step.as_deref().map(|name| step(pipeline, name)).transpose()?;
    warn_of_gaps(run, only.map(|step| &pipeline.step(step).name))?;
    let mut show = LogFormat::of(pipeline, args, run);
    show.look()?;
    for (id, step) in pipeline.steps().filter(|(id, _)| only.is_none_or(|only| only == *id)) {
        LogReader::of(&run.log_path(&step.name))
            .read_new(true, |bytes| show.piece(id, bytes, out).map_err(CliError::from))?;
        show.end(id, out)?;
    }
    Ok(())
}

/// Prints what is there and what comes, until the run or the step has ended.
fn follow(args: &LogsArgs, run: &StoredRun, out: &mut impl Write) -> Result<(), CliError> {
    let mut follow = Follow::new(run);
    let mut shown: Option<(LogFormat, Option<StepId>)> = None;
    loop {
        if let (Some(pipeline), None) = (follow.look()?, &shown) {
            let only = args.step.as_deref().map(|name| step(pipeline, name)).transpose()?;
            shown = Some((LogFormat::of(pipeline, args, run), only));
        }
        let mut is_done = follow.is_over();
        if let Some((show, only)) = &mut shown {
            let parts = show.takes_parts();
            follow.read_new(*only, parts, |id, bytes| -> Result<(), CliError> {
                // Read after the log: what is known covers what the log has.
                show.look()?;
                Ok(show.piece(id, bytes, out)?)
            })?;
            is_done |= only.is_some_and(|only| follow.has_ended(only));
        }
        if is_done && let Some((show, _)) = &mut shown {
            show.end_all(out)?;
        }
        out.flush()?;
        if is_done {
            past::warn_of(follow.skipped());
            return warn_of_gaps(run, args.step.as_ref());
        }
        std::thread::sleep(PAUSE);
    }
}

/// Warns about logs that are incomplete, or empty because the step had the terminal.
fn warn_of_gaps(run: &StoredRun, only: Option<&String>) -> Result<(), CliError> {
    let details = run.details()?;
    for step in details.steps.iter().filter(|step| only.is_none_or(|only| *only == step.step.name)) {
        let name = &step.step.name;
        if step.log_lost {
            say!("warning: the log of `{name}` is incomplete: it could not be written");
        }
        if step.step.terminal && step.attempts > 0 {
            say!("note: the log of `{name}` is empty: the step had the terminal");
        }
    }
    Ok(())
}

fn step(pipeline: &Pipeline, name: &str) -> Result<StepId, CliError> {
    let found = pipeline.steps().find(|(_, step)| step.name == name);
    found.map(|(id, _)| id).ok_or_else(|| {
        let names = pipeline.steps.iter().map(|step| step.name.as_str());
        let hint = Nearest::default().help(name, names);
        CliError::usage(format!("the run has no step `{name}`"), hint)
    })
}
