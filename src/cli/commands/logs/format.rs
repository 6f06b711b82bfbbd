//! How pieces of a log are shown: as they are, in lines with their step, in JSON objects.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Arc;

use serde::Serialize;

use crate::cli::args::LogsArgs;
use crate::cli::past;
use crate::event::wire::timestamp;
use crate::history::{HistoryError, LogClock, StoredRun};
use crate::pipeline::{Pipeline, StepId};
use crate::render::Narrator;

/// Shows the pieces of logs, each log from its beginning.
pub(super) struct LogFormat {
    pipeline: Arc<Pipeline>,
    clock: LogClock,
    form: Form,
    /// Whether lines begin with their time.
    times: bool,
    /// By step, how far its log has been shown.
    shown: HashMap<StepId, Shown>,
}

/// How far a log has been shown.
#[derive(Debug, Clone, Copy, Default)]
struct Shown {
    bytes: u64,
    /// The attempts that have been named.
    attempts: usize,
    /// The last line has no end yet.
    in_line: bool,
}

enum Form {
    /// As it is.
    Bytes,
    /// In lines with the step's name before them.
    Lines { narrator: Narrator, lines: Vec<u8> },
    /// In JSON objects, one for each line.
    Json,
}

/// A line of a log, for programs.
#[derive(Serialize)]
struct Line<'a> {
    step: &'a str,
    text: Cow<'a, str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    lossy: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'static str>,
}

impl LogFormat {
    pub(super) fn of(pipeline: &Arc<Pipeline>, args: &LogsArgs, run: &StoredRun) -> Self {
        let pipeline = Arc::clone(pipeline);
        let form = match (args.json, &args.step) {
            (true, _) => Form::Json,
            (false, Some(_)) => Form::Bytes,
            (false, None) => {
                let narrator = Narrator::new(&pipeline, past::palette());
                let narrator = if args.timestamps { narrator.with_times() } else { narrator };
                Form::Lines { narrator, lines: Vec::new() }
            }
        };
        Self { pipeline, clock: LogClock::of(run), form, times: args.timestamps, shown: HashMap::new() }
    }

    /// Reads what is known of attempts and times by now.
    pub(super) fn look(&mut self) -> Result<(), HistoryError> {
        self.clock.read_new()
    }

    /// Returns whether a line may be shown before its end has come.
    pub(super) fn takes_parts(&self) -> bool {
        matches!(self.form, Form::Bytes)
    }

    /// Shows the unfinished lines of all steps.
    pub(super) fn end_all(&mut self, out: &mut impl Write) -> io::Result<()> {
        let pipeline = Arc::clone(&self.pipeline);
        pipeline.steps().try_for_each(|(step, _)| self.end(step, out))
    }

    /// Shows the unfinished line of a step, and the attempts that wrote nothing after it.
    pub(super) fn end(&mut self, step: StepId, out: &mut impl Write) -> io::Result<()> {
        self.end_line(step, out)?;
        self.name_attempts(step, out)
    }

    /// Shows the next piece of a log.
    pub(super) fn piece(&mut self, step: StepId, bytes: &[u8], out: &mut impl Write) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            self.name_attempts(step, out)?;
            let shown = self.shown.entry(step).or_default();
            let next = self.clock.attempts(step).get(shown.attempts);
            let room = next.map_or(u64::MAX, |next| next.offset.saturating_sub(shown.bytes)).max(1);
            let length = usize::try_from(room).unwrap_or(usize::MAX).min(rest.len());
            let (piece, after) = rest.split_at(length);
            self.of_one_attempt(step, piece, out)?;
            rest = after;
        }
        Ok(())
    }

    /// Shows a piece that one attempt has written.
    fn of_one_attempt(&mut self, step: StepId, bytes: &[u8], out: &mut impl Write) -> io::Result<()> {
        if matches!(self.form, Form::Json) || self.times {
            return bytes
                .split_inclusive(|byte| *byte == b'\n')
                .try_for_each(|line| self.line(step, line, out));
        }
        self.shown.entry(step).or_default().bytes += bytes.len() as u64;
        match &mut self.form {
            Form::Lines { narrator, lines } => {
                lines.clear();
                narrator.output(&self.pipeline, step, bytes, lines);
                out.write_all(lines)
            }
            Form::Bytes | Form::Json => out.write_all(bytes),
        }
    }

    /// Shows a line, or a part of one, with what is known of it.
    fn line(&mut self, step: StepId, line: &[u8], out: &mut impl Write) -> io::Result<()> {
        let shown = self.shown.entry(step).or_default();
        let begin = shown.bytes;
        shown.bytes += line.len() as u64;
        let goes_on = std::mem::replace(&mut shown.in_line, !line.ends_with(b"\n"));
        let at = self.clock.at(step, begin);
        match &mut self.form {
            Form::Bytes => {
                if let (Some(at), false) = (at, goes_on) {
                    write!(out, "{} ", timestamp(at))?;
                }
                out.write_all(line)
            }
            Form::Lines { narrator, lines } => {
                at.into_iter().for_each(|at| narrator.set_time(at));
                lines.clear();
                narrator.output(&self.pipeline, step, line, lines);
                out.write_all(lines)
            }
            Form::Json => {
                let text = line.strip_suffix(b"\n").unwrap_or(line);
                let known = self.pipeline.step(step);
                let channel = if known.output.is_some() { "stderr" } else { "both" };
                let line = Line {
                    step: &known.name,
                    text: String::from_utf8_lossy(text),
                    lossy: std::str::from_utf8(text).is_err(),
                    at: at.map(timestamp),
                    attempt: self.clock.attempt(step, begin).map(|it| it.attempt),
                    // Earlier versions noted no times, and kept the two outputs apart.
                    channel: self.clock.is_exact(step, begin).then_some(channel),
                };
                out.write_all(past::line(&line).map_err(io::Error::other)?.as_bytes())
            }
        }
    }

    fn end_line(&mut self, step: StepId, out: &mut impl Write) -> io::Result<()> {
        match &mut self.form {
            Form::Bytes | Form::Json => Ok(()),
            Form::Lines { narrator, lines } => {
                lines.clear();
                narrator.end_output(&self.pipeline, step, lines);
                out.write_all(lines)
            }
        }
    }

    /// Names the attempts that have begun where the log is now, if the step has more than one.
    fn name_attempts(&mut self, step: StepId, out: &mut impl Write) -> io::Result<()> {
        let attempts = self.clock.attempts(step).to_vec();
        let shown = self.shown.entry(step).or_default();
        let begun = attempts.iter().skip(shown.attempts).take_while(|it| it.offset <= shown.bytes);
        let begun: Vec<_> = begun.copied().collect();
        if begun.is_empty() {
            return Ok(());
        }
        shown.attempts += begun.len();
        self.end_line(step, out)?;
        let Form::Lines { narrator, lines } = &mut self.form else { return Ok(()) };
        lines.clear();
        for it in begun.into_iter().filter(|_| attempts.len() > 1) {
            narrator.set_time(it.at);
            narrator.attempt(&self.pipeline, step, it.attempt, lines);
        }
        out.write_all(lines)
    }
}
