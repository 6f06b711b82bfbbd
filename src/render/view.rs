//! The live view as rows of text, apart from how they are drawn on a terminal.
//!
//! ```text
//! ⠹ backup             12.3 s  2 done, 1 running, 3 waiting
//!   ✓ prepare          850 ms
//!   ⠹ create-archive   12.3 s  attempt 2
//!       archive       1.2 GiB   3.1 GiB/s → compress, checksum
//!   · manifest
//! ```
//!
//! A pipeline that fits is shown whole from the start, so that no row ever moves; of a longer one only what
//! runs.

mod groups;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::Duration;

use console::{Alignment, pad_str, truncate_str};

use super::human::{self, duration, rate, size};
use super::pace::{Pace, pace};
use super::style::{Palette, Tone};
use super::{Report, StepReport, StepState, StreamReport, text, words};
use crate::event::StreamStats;
use crate::pipeline::{Outcome, Role, Step, Stream, StreamId};

/// Rows at most, however high the terminal is.
const HIGHEST: usize = 32;

/// The widest column of names.
const WIDEST_NAME: usize = 32;

/// The columns before the name of a step.
const STEP_INDENT: usize = 4;

/// The pictures of a turning wheel, one for each tenth of a second.
const WHEEL: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/// The view at one moment.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    report: &'a Report,
    now: Duration,
    palette: Palette,
    names: usize,
}

impl<'a> View<'a> {
    /// Returns a view of the run `now` after its start.
    pub fn new(report: &'a Report, now: Duration, palette: Palette) -> Self {
        let steps = report.pipeline.steps.iter().map(|step| step.name.len());
        let streams = report.pipeline.streams.iter().map(|stream| stream.name.len() + 2);
        let names = steps.chain(streams).max().unwrap_or(0).clamp(8, WIDEST_NAME);
        Self { report, now, palette, names }
    }

    /// Returns the rows, none wider than `columns`, leaving at least one of the terminal's `lines` free.
    pub fn rows(&self, lines: usize, columns: usize) -> Vec<String> {
        let room = lines.saturating_sub(1).clamp(1, HIGHEST);
        let whole = 1 + self.report.tally.total + self.report.streams.len() - self.spared();
        let whole = whole + self.services().count() + usize::from(self.report.phase.is_some());
        let mut rows = vec![self.heading()];
        if whole <= room {
            self.all(&mut rows);
        } else {
            self.failed(room, &mut rows);
            self.running(room, &mut rows);
        }
        rows.into_iter().map(|row| truncate_str(row.trim_end(), columns, "…").into_owned()).collect()
    }

    fn heading(&self) -> String {
        let tally = &self.report.tally;
        let name =
            self.palette.paint(Tone::Strong, self.padded(&text::one_line(&self.report.pipeline.name), 2));
        let counts = words::counts(tally, "", self.palette);
        format!("{} {name} {:>8}  {counts}", self.wheel(), duration(self.now))
    }

    fn all(&self, rows: &mut Vec<String>) {
        let pipeline = &self.report.pipeline;
        rows.extend(self.services());
        // The steps of the second phase stand last.
        let later = |is_later: bool| {
            let steps = pipeline.steps().filter(|(_, step)| !step.role.is_beside());
            steps.filter(move |(id, _)| self.report.is_later(*id) == is_later)
        };
        let has_begun = self.report.phase.is_some();
        let heading = later(true).next().filter(|_| has_begun).map(|(id, _)| id);
        for (id, step) in later(false).chain(later(true)) {
            if heading == Some(id) {
                rows.push(format!("  {}", self.palette.paint(Tone::Strong, "finally")));
            }
            if let Some(group) = self.large_group(step) {
                rows.extend((pipeline.group(group).members.first() == Some(&id)).then(|| self.group(group)));
                continue;
            }
            if let (false, Some(known)) = (step.action.is_feed(), self.report.steps.get(id.index())) {
                rows.push(self.step(step, known));
            }
            rows.extend(step.output.and_then(|port| self.stream(port.stream)));
        }
    }

    /// Appends the steps that have failed, the cause first. They stay however many run, and leave those half of
    /// the room.
    fn failed(&self, room: usize, rows: &mut Vec<String>) {
        let pipeline = &self.report.pipeline;
        let most = (room / 2).saturating_sub(1).max(1);
        let failures = &self.report.failures;
        let shown = if failures.len() > most { most.saturating_sub(1).max(1) } else { most };
        for id in failures.iter().take(shown) {
            if let Some((step, known)) = pipeline.steps.get(id.index()).zip(self.report.steps.get(id.index()))
            {
                rows.push(self.step(step, known));
            }
        }
        if let more @ 1.. = failures.len().saturating_sub(shown) {
            rows.push(format!("  {}", self.palette.paint(Tone::Bad, format!("… {more} more failed"))));
        }
        rows.truncate(room);
    }

    fn running(&self, room: usize, rows: &mut Vec<String>) {
        let pipeline = &self.report.pipeline;
        let (mut left_out, mut shown) = (0, BTreeSet::new());
        for id in &self.report.running {
            let Some((step, known)) = pipeline.steps.get(id.index()).zip(self.report.steps.get(id.index()))
            else {
                continue;
            };
            if let Some(group) = self.large_group(step) {
                if shown.insert(group) && rows.len() < room {
                    rows.push(self.group(group));
                }
                continue;
            }
            if step.role == Role::Container {
                continue;
            }
            if rows.len() + 3 > room {
                left_out += usize::from(self.report.counts(*id));
                continue;
            }
            if !step.action.is_feed() {
                rows.push(self.step(step, known));
            }
            let output = step.output.map(|port| port.stream);
            rows.extend(output.filter(|id| self.is_live(*id)).and_then(|id| self.stream(id)));
        }
        if left_out > 0 && rows.len() < room {
            rows.push(format!("  {}", self.palette.paint(Tone::Faint, format!("… {left_out} more running"))));
        }
    }

    /// Returns a row for each service, and for each shared container that has failed.
    fn services(&self) -> impl Iterator<Item = String> {
        let steps = self.report.pipeline.steps.iter().zip(&self.report.steps);
        let is_shown = |(step, known): &(&Step, &StepReport)| match step.role {
            Role::Ordinary | Role::Finally => false,
            Role::Service => true,
            Role::Container => known.outcome().is_some_and(Outcome::is_failure),
        };
        steps.filter(is_shown).map(|(step, known)| self.step(step, known))
    }

    fn is_live(&self, id: StreamId) -> bool {
        self.report.streams.get(id.index()).is_some_and(StreamReport::is_live)
    }

    fn step(&self, step: &Step, known: &StepReport) -> String {
        let clock = |since: &Duration| duration(self.now.saturating_sub(*since));
        let attempt = if known.attempt > 1 { format!("attempt {}", known.attempt) } else { String::new() };
        let (mark, tone, time, note) = match &known.state {
            StepState::Waiting => ("·", Tone::Faint, String::new(), String::new()),
            StepState::Running { since } => {
                let (mark, tone, drawing) = match (step.role, known.ready) {
                    (Role::Service, Some(_)) => ("●", Tone::Good, "ready".into()),
                    (Role::Service, None) => (self.wheel(), Tone::Busy, "not ready yet".into()),
                    (Role::Ordinary | Role::Finally | Role::Container, _) => {
                        (self.wheel(), Tone::Busy, known.drawing.text())
                    }
                };
                let notes = [attempt, self.stopping(), drawing];
                let notes: Vec<String> = notes.into_iter().filter(|note| !note.is_empty()).collect();
                (mark, tone, clock(since), notes.join("  "))
            }
            StepState::Retrying { since, until, failure } => {
                let how = failure.as_ref().map(|failure| format!("{failure}, ")).unwrap_or_default();
                let wait = duration(until.saturating_sub(self.now));
                ("↻", Tone::Doubtful, clock(since), format!("{how}starts again in {wait}"))
            }
            StepState::Finished { outcome, duration: took } => {
                let (mark, tone) = words::mark(outcome);
                let time = if known.attempt > 0 { duration(*took) } else { String::new() };
                let note = if outcome.is_success() { attempt } else { self.short(outcome) };
                (mark, tone, time, note)
            }
        };
        let note = text::one_line(&note);
        format!(
            "  {} {} {time:>8}  {note}",
            self.palette.paint(tone, mark),
            self.padded(&step.name, STEP_INDENT)
        )
    }

    /// Returns what is about to happen to a step that runs while the run is being stopped.
    fn stopping(&self) -> String {
        let Some(stopping) = self.report.stopping else { return String::new() };
        // Rounded up: it says 0 only once the time is over.
        let left = stopping.kill_at.saturating_sub(self.now).as_millis().div_ceil(1000);
        match (left, stopping.by_key) {
            (0, _) => "being killed".into(),
            (_, true) => format!("stopping, killed in {left} s; Ctrl-C again kills now"),
            (_, false) => format!("stopping, killed in {left} s"),
        }
    }

    /// Returns an outcome in a word or two, without the names in it.
    fn short(&self, outcome: &Outcome) -> String {
        match outcome {
            Outcome::Failed(failure) => failure.to_string(),
            Outcome::Tainted { .. } => "tainted".into(),
            Outcome::Skipped(_) => "skipped".into(),
            Outcome::Succeeded
            | Outcome::TimedOut
            | Outcome::Cancelled
            | Outcome::Reused
            | Outcome::LeftOut
            | Outcome::Ignored(_) => words::outcome(&self.report.pipeline, outcome),
        }
    }

    fn stream(&self, id: StreamId) -> Option<String> {
        let stream = self.report.pipeline.streams.get(id.index())?;
        let known = self.report.streams.get(id.index())?;
        let name = self.padded(&stream.name, 6);
        let Some(stats) = &known.stats else {
            return Some(format!("      {}", self.palette.paint(Tone::Faint, name)));
        };
        let (bytes, rate) = (size(stats.bytes), rate(stats.rate));
        let tone = if known.finished.is_some() { Tone::Faint } else { Tone::Normal };
        let pace = pace(stats, known.recent.front()).filter(|_| known.is_live());
        let row = format!("      {name} {bytes:>8}  {rate:>10} {}", self.way(stream, stats, pace));
        Some(self.palette.paint(tone, row).to_string())
    }

    /// `→ compress, checksum`, after the source of a stream from outside.
    fn way(&self, stream: &Stream, stats: &StreamStats, pace: Option<Pace>) -> String {
        let readers = self.readers(stream, stats, pace);
        match self.report.counts(stream.producer) {
            true => format!("→ {readers}"),
            false => format!("{} → {readers}", words::label(&self.report.pipeline, stream.producer)),
        }
    }

    fn readers(&self, stream: &Stream, stats: &StreamStats, pace: Option<Pace>) -> String {
        let reader = |id| {
            let name = words::label(&self.report.pipeline, id);
            let left = stats.edges.iter().any(|edge| edge.reader == id && edge.left);
            match pace {
                _ if left => Cow::from(format!("{name} (left)")),
                Some(Pace::Reader(slowest, _)) if slowest == id => {
                    Cow::from(format!("{name} (holds the pace)"))
                }
                Some(Pace::Reader(..) | Pace::Producer(_)) | None => name,
            }
        };
        let names: Vec<_> = stream.readers.iter().map(|id| reader(*id)).collect();
        if names.is_empty() {
            return "kept".into();
        }
        let list = human::list(names.iter().map(AsRef::as_ref));
        match pace {
            Some(Pace::Producer(_)) => list + " (all wait for more)",
            Some(Pace::Reader(..)) | None => list,
        }
    }

    /// Returns a name that stands `indent` columns in, and ends where all names do.
    fn padded(&self, name: &str, indent: usize) -> String {
        let width = (self.names + STEP_INDENT).saturating_sub(indent);
        let name = truncate_str(name, width, "…");
        pad_str(&name, width, Alignment::Left, None).into_owned()
    }

    fn wheel(&self) -> &'static str {
        let turn = self.now.as_millis() / 100 % WHEEL.len() as u128;
        WHEEL.get(turn as usize).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
