//! `pipe logs`: what the steps of a run wrote.

use std::borrow::Cow;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::cli::args::Logs;
use crate::cli::error::CliError;
use crate::cli::past;
use crate::event::EventKind;
use crate::history::{Follow, LogReader, Replay, StoredRun};
use crate::pipeline::{Pipeline, StepId};
use crate::render::Narrator;
use crate::spec::Nearest;

/// How long to wait before looking again for what a run has written.
const PAUSE: Duration = Duration::from_millis(150);

pub(in crate::cli) fn run(args: &Logs) -> Result<ExitCode, CliError> {
    let run = past::find(&args.run)?;
    let mut out = io::stdout().lock();
    if args.follow {
        follow(args, &run, &mut out)?;
    } else {
        print(args, &run, &mut out)?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// What there is now: of one step byte for byte, of all in the order of the file.
fn print(args: &Logs, run: &StoredRun, out: &mut impl Write) -> Result<(), CliError> {
    let Replay { events, skipped, .. } = run.replay()?;
    past::warn_of(skipped);
    let started = events.iter().find_map(|event| match &event.kind {
        EventKind::RunStarted(started) => Some(&started.pipeline),
        _ => None,
    });
    let Some(pipeline) = started else { return Ok(()) };
    let only = args.step.as_deref().map(|name| step(pipeline, name)).transpose()?;
    warn_of_gaps(run, only.map(|step| &pipeline.step(step).name))?;
    let mut show = Show::of(pipeline, args);
    for (id, step) in pipeline.steps().filter(|(id, _)| only.is_none_or(|only| only == *id)) {
        LogReader::of(&run.log_path(&step.name))
            .read_new(true, |bytes| show.piece(id, bytes, out).map_err(CliError::from))?;
    }
    Ok(())
}

/// What there is and what still comes, until the run has ended or the step has.
fn follow(args: &Logs, run: &StoredRun, out: &mut impl Write) -> Result<(), CliError> {
    let mut follow = Follow::new(run);
    let mut shown: Option<(Show, Option<StepId>)> = None;
    loop {
        if let (Some(pipeline), None) = (follow.look()?, &shown) {
            let only = args.step.as_deref().map(|name| step(pipeline, name)).transpose()?;
            shown = Some((Show::of(pipeline, args), only));
        }
        let mut is_done = follow.is_over();
        if let Some((show, only)) = &mut shown {
            let parts = matches!(show, Show::Bytes);
            follow.read_new(*only, parts, |id, bytes| show.piece(id, bytes, out).map_err(CliError::from))?;
            out.flush()?;
            is_done |= only.is_some_and(|only| follow.has_ended(only));
        }
        if is_done {
            past::warn_of(follow.skipped());
            return warn_of_gaps(run, args.step.as_ref());
        }
        std::thread::sleep(PAUSE);
    }
}

/// Says which of the logs are not whole.
fn warn_of_gaps(run: &StoredRun, only: Option<&String>) -> Result<(), CliError> {
    let account = run.account()?;
    let lost = account.steps.iter().filter(|step| step.log_lost);
    for step in lost.filter(|step| only.is_none_or(|only| *only == step.step.name)) {
        eprintln!("warning: the log of `{}` is not whole: it could not be written", step.step.name);
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
enum Show {
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

impl Show {
    fn of(pipeline: &Arc<Pipeline>, args: &Logs) -> Self {
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
