//! `pipe runs`: the runs of a folder, the newest first.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};

use crate::cli::args::Runs;
use crate::cli::error::CliError;
use crate::cli::past::{self, line};
use crate::event::wire::{EndRecord, OutcomeRecord};
use crate::history::{Headline, State};
use crate::pipeline::{Failure, signal_name};
use crate::render::Tone;
use crate::render::human::duration;
use crate::render::summary::table::{self, Row};

/// How many runs a table shows unless told otherwise.
const ROWS: usize = 20;

pub(in crate::cli) fn run(args: &Runs) -> Result<ExitCode, CliError> {
    let runs = past::runs()?;
    let all = runs.newest_first();
    let most = args.max.unwrap_or(if args.json { usize::MAX } else { ROWS });
    // One that was removed just now is none any more.
    let shown = all.iter().take(most).filter(|run| run.path().is_dir()).map(|run| run.headline());
    let shown = shown.collect::<Result<Vec<_>, _>>()?;
    let mut text = String::new();
    if args.json {
        for headline in &shown {
            text += &line(headline)?;
        }
    } else {
        let rows: Vec<Row> = shown.iter().map(row).collect();
        table::write(&rows, past::palette(), &mut text);
        if all.len() > shown.len() {
            text += &format!("  … {} more: `pipe runs -n {}`\n", all.len() - shown.len(), all.len());
        }
        if all.is_empty() {
            eprintln!("there are no runs here yet");
        }
    }
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn row(of: &Headline) -> Row {
    let (mark, tone, outcome) = outcome(of);
    let (took, cause) = (Duration::from_millis(of.duration_ms), cause(of).unwrap_or_default());
    let took = match (of.state, &of.started) {
        (State::Running, Some(started)) => since(started).unwrap_or(took),
        _ => took,
    };
    Row::default()
        .left(tone, mark)
        .left(Tone::Normal, of.run.as_str())
        .left(Tone::Strong, of.pipeline.as_deref().unwrap_or("?"))
        .left(Tone::Normal, of.started.as_deref().map(local).unwrap_or_default())
        .right(Tone::Normal, duration(took))
        .left(tone, outcome)
        .left(Tone::Normal, past::one_line(&cause))
}

/// A mark, a tone and a word or two.
fn outcome(of: &Headline) -> (&'static str, Tone, String) {
    match (&of.end, of.state) {
        (Some(EndRecord::Succeeded), _) => ("✓", Tone::Good, "succeeded".into()),
        (Some(EndRecord::Failed { .. } | EndRecord::NoOutput { .. }), _) => ("✗", Tone::Bad, "failed".into()),
        (Some(EndRecord::Signalled { .. }), _) => ("■", Tone::Doubtful, "cancelled".into()),
        (Some(EndRecord::Engine { .. }), _) => ("✗", Tone::Bad, "engine failed".into()),
        (None, State::Running) => ("▸", Tone::Busy, "running".into()),
        (None, _) => ("✗", Tone::Bad, "died".into()),
    }
}

/// Why it did not succeed.
fn cause(of: &Headline) -> Option<String> {
    Some(match of.end.as_ref()? {
        EndRecord::Succeeded | EndRecord::Failed { cause: None } => return None,
        EndRecord::Failed { cause: Some(step) } => match &of.cause_ended {
            Some(OutcomeRecord::Failed { failure } | OutcomeRecord::Ignored { failure }) => {
                format!("`{step}`: {}", Failure::from(failure))
            }
            Some(OutcomeRecord::TimedOut) => format!("`{step}`: timed out"),
            _ => format!("`{step}`"),
        },
        EndRecord::NoOutput { message } | EndRecord::Engine { message } => message.clone(),
        EndRecord::Signalled { signal } => {
            signal_name(*signal).map_or_else(|| format!("signal {signal}"), str::to_owned)
        }
    })
}

/// Local time, to the second.
fn local(at: &str) -> String {
    let local = at.parse::<Timestamp>().map(|at| at.to_zoned(TimeZone::system()));
    local.map_or_else(|_| past::one_line(at), |at| at.strftime("%Y-%m-%d %H:%M:%S").to_string())
}

/// How long ago; nothing where that cannot be.
fn since(at: &str) -> Option<Duration> {
    let started: Timestamp = at.parse().ok()?;
    Duration::try_from(Timestamp::now().duration_since(started)).ok()
}
