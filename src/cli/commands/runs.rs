//! `pipe runs`: the runs of a folder, the newest first.

use std::process::ExitCode;
use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};

use crate::cli::args::RunsArgs;
use crate::cli::error::CliError;
use crate::cli::past::{self, line};
use crate::cli::stdio::{self, say};
use crate::event::wire::{EndRecord, OutcomeRecord};
use crate::history::{RunState, RunSummary};
use crate::pipeline::{Failure, signal_name, took_too_long};
use crate::render::Tone;
use crate::render::human::{count, duration};
use crate::render::summary::table::{self, Row};

/// How many runs a table shows by default.
const ROWS: usize = 20;

pub(in crate::cli) fn run(args: &RunsArgs) -> Result<ExitCode, CliError> {
    let runs = past::runs()?;
    let all = runs.newest_first();
    let most = args.max.unwrap_or(if args.json { usize::MAX } else { ROWS });
    // A run may be removed while this reads.
    let mut shown = Vec::new();
    let mut passed = 0;
    for run in all.iter().take(most).filter(|run| run.path().is_dir()) {
        match run.summary() {
            Ok(summary) => shown.push(summary),
            // The other runs are still listed.
            Err(error) => {
                passed += 1;
                let why = past::one_line(&error.to_string());
                say!("warning: skipping the run {}: {why}", run.id());
            }
        }
    }
    let mut text = String::new();
    if args.json {
        for summary in &shown {
            text += &line(summary)?;
        }
    } else {
        let rows: Vec<Row> = shown.iter().map(row).collect();
        table::write(&rows, past::sheet(), &mut text);
        let more = all.len().saturating_sub(shown.len() + passed);
        if more > 0 {
            text += &format!("  … {more} more: `pipe runs -n {}`\n", all.len());
        }
        if all.is_empty() {
            say!("there are no runs here yet");
        }
    }
    stdio::print(text)?;
    Ok(ExitCode::SUCCESS)
}

fn row(of: &RunSummary) -> Row {
    let (mark, tone, outcome) = outcome(of);
    let took = Duration::from_millis(of.duration_ms);
    let notes: Vec<String> = part(of).into_iter().chain(cause(of)).collect();
    let took = match (of.state, &of.started) {
        (RunState::Running, Some(started)) => since(started).unwrap_or(took),
        _ => took,
    };
    Row::default()
        .left(tone, mark)
        .left(Tone::Normal, of.run.as_str())
        .left(Tone::Strong, of.pipeline.as_deref().unwrap_or("?"))
        .left(Tone::Normal, of.started.as_deref().map(local).unwrap_or_default())
        .right(Tone::Normal, duration(took))
        .left(tone, outcome)
        .left(Tone::Normal, past::one_line(&notes.join(", ")))
}

/// Returns a mark, a tone and a word or two.
fn outcome(of: &RunSummary) -> (&'static str, Tone, String) {
    match (&of.end, of.state) {
        (Some(EndRecord::Succeeded), _) => ("✓", Tone::Good, "succeeded".into()),
        (Some(EndRecord::Failed { .. } | EndRecord::NoOutput { .. }), _) => ("✗", Tone::Bad, "failed".into()),
        (Some(EndRecord::Signalled { .. }), _) => ("■", Tone::Doubtful, "cancelled".into()),
        (Some(EndRecord::Engine { .. }), _) => ("✗", Tone::Bad, "aborted".into()),
        (None, RunState::Running) => ("▸", Tone::Busy, "running".into()),
        (None, RunState::Ended | RunState::Died) => ("✗", Tone::Bad, "died".into()),
    }
}

/// Returns how much of the pipeline it was, if not all.
fn part(of: &RunSummary) -> Option<String> {
    let asked = of.steps.saturating_sub(of.left_out);
    (of.left_out > 0).then(|| format!("{asked} of {}", count(of.steps, "step")))
}

/// Returns why it did not succeed.
fn cause(of: &RunSummary) -> Option<String> {
    Some(match of.end.as_ref()? {
        EndRecord::Succeeded | EndRecord::Failed { cause: None, limit_ms: 0 } => return None,
        EndRecord::Failed { cause: None, limit_ms } => took_too_long(Duration::from_millis(*limit_ms)),
        EndRecord::Failed { cause: Some(step), limit_ms: _ } => match &of.cause_ended {
            Some(OutcomeRecord::Failed { failure } | OutcomeRecord::Ignored { failure }) => {
                format!("`{step}`: {}", Failure::from(failure))
            }
            Some(OutcomeRecord::TimedOut) => format!("`{step}`: timed out"),
            Some(
                OutcomeRecord::Succeeded
                | OutcomeRecord::Tainted { .. }
                | OutcomeRecord::Cancelled
                | OutcomeRecord::Skipped { .. }
                | OutcomeRecord::Reused
                | OutcomeRecord::LeftOut,
            )
            | None => format!("`{step}`"),
        },
        EndRecord::NoOutput { message } | EndRecord::Engine { message } => message.clone(),
        EndRecord::Signalled { signal } => {
            signal_name(*signal).map_or_else(|| format!("signal {signal}"), str::to_owned)
        }
    })
}

/// Formats a time as local time, to the second.
fn local(at: &str) -> String {
    let local = at.parse::<Timestamp>().map(|at| at.to_zoned(TimeZone::system()));
    local.map_or_else(|_| past::one_line(at), |at| at.strftime("%Y-%m-%d %H:%M:%S").to_string())
}

/// Returns how long ago; nothing where that cannot be.
fn since(at: &str) -> Option<Duration> {
    let started: Timestamp = at.parse().ok()?;
    Duration::try_from(Timestamp::now().duration_since(started)).ok()
}
