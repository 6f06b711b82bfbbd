//! `pipe logs`: what the steps of a run wrote.

use std::borrow::Cow;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::cli::args::LogsArgs;
use crate::cli::error::CliError;
use crate::cli::stdio::{Standard, say};
use crate::cli::{past, verdict};
use crate::event::EventKind;
use crate::file::Nearest;
use crate::history::{Follow, LogReader, Replay, StoredRun};
use crate::pipeline::{Pipeline, StepId};
use crate::render::Narrator;

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
    let mut show = LogFormat::of(pipeline, args);
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
            shown = Some((LogFormat::of(pipeline, args), only));
        }
        let mut is_done = follow.is_over();
        if let Some((show, only)) = &mut shown {
            let parts = matches!(show, LogFormat::Bytes);
            follow.read_new(*only, parts, |id, bytes| show.piece(id, bytes, out).map_err(CliError::from))?;
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

/// How a piece of a log is shown.
enum LogFormat {
    /// As it is.
    Bytes,
    /// In lines with the step's name before them.
    Lines { pipeline: Arc<Pipeline>, narrator: Narrator, lines: Vec<u8> },
    /// In JSON objects, one for each line.
    Json { pipeline: Arc<Pipeline> },
}

/// A line of a log, for programs.
#[derive(Serialize)]
struct Line<'a> {
    step: &'a str,
    text: Cow<'a, str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    lossy: bool,
}

impl LogFormat {
    fn of(pipeline: &Arc<Pipeline>, args: &LogsArgs) -> Self {
        let pipeline = Arc::clone(pipeline);
        if args.json {
            return Self::Json { pipeline };
        }
        match args.step {
            Some(_) => Self::Bytes,
            None => {
                let narrator = Narrator::new(&pipeline, past::palette());
                Self::Lines { pipeline, narrator, lines: Vec::new() }
            }
        }
    }

    /// Shows the unfinished lines of all steps.
    fn end_all(&mut self, out: &mut impl Write) -> io::Result<()> {
        let Self::Lines { pipeline, .. } = self else { return Ok(()) };
        let pipeline = Arc::clone(pipeline);
        pipeline.steps().try_for_each(|(step, _)| self.end(step, out))
    }

    /// Shows the unfinished line of a step.
    fn end(&mut self, step: StepId, out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Bytes | Self::Json { .. } => Ok(()),
            Self::Lines { pipeline, narrator, lines } => {
                lines.clear();
                narrator.end_output(pipeline, step, lines);
                out.write_all(lines)
            }
        }
    }

    fn piece(&mut self, step: StepId, bytes: &[u8], out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Bytes => out.write_all(bytes),
            Self::Lines { pipeline, narrator, lines } => {
                lines.clear();
                narrator.output(pipeline, step, bytes, lines);
                out.write_all(lines)
            }
            Self::Json { pipeline } => {
                let name = &pipeline.step(step).name;
                let mut lines = bytes.split_inclusive(|byte| *byte == b'\n');
                lines.try_for_each(|line| json(name, line.strip_suffix(b"\n").unwrap_or(line), out))
            }
        }
    }
}

fn json(step: &str, line: &[u8], out: &mut impl Write) -> io::Result<()> {
    let text = String::from_utf8_lossy(line);
    let lossy = std::str::from_utf8(line).is_err();
    let line = past::line(&Line { step, text, lossy }).map_err(io::Error::other)?;
    out.write_all(line.as_bytes())
}
