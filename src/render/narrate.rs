//! A run in lines: `STEP | what it wrote` and `STEP * what happened to it`.

use std::time::{Duration, SystemTime};

use super::drawings::Drawings;
use super::human::duration;
use super::style::{Palette, Tone};
use super::{human, text, words};
use crate::event::wire::timestamp;
use crate::event::{CancelReason, Event, EventKind, PhaseStarted, RunStarted, StepFinished};
use crate::pipeline::{Failure, Outcome, Pipeline, Role, RunOutcome, Step, StepId, took_too_long};

/// The widest name that the others are aligned with; a longer one is shown whole and stands out.
const WIDEST: usize = 24;

/// Makes the lines of a run, wherever they go.
#[derive(Debug)]
pub struct Narrator {
    palette: Palette,
    width: usize,
    /// Kept between events, so that output costs no allocation.
    prefix: Vec<u8>,
    /// Whether each line begins with its time, and the time of the lines to come.
    stamp: Option<String>,
    drawings: Drawings,
}

/// Which events are worth a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    /// All that a log shows.
    Everything,
    /// What a live view does not show, or not for long.
    BesideLiveView,
}

impl Narrator {
    /// Returns a narrator for the steps of a pipeline.
    pub fn new(pipeline: &Pipeline, palette: Palette) -> Self {
        let widths = pipeline.steps.iter().map(|step| step.name.len()).filter(|width| *width <= WIDEST);
        Self {
            palette,
            width: widths.max().unwrap_or(0),
            prefix: Vec::new(),
            stamp: None,
            drawings: Drawings::default(),
        }
    }

    /// Begins each line with its time.
    pub fn with_times(self) -> Self {
        Self { stamp: Some(String::new()), ..self }
    }

    /// Says when what comes next was written or happened.
    pub fn set_time(&mut self, at: SystemTime) {
        if let Some(stamp) = &mut self.stamp {
            *stamp = timestamp(at) + " ";
        }
    }

    /// Appends the lines for an event, if it is worth any.
    pub fn event(&mut self, pipeline: &Pipeline, event: &Event, telling: Telling, out: &mut Vec<u8>) {
        self.set_time(event.at);
        let all = telling == Telling::Everything;
        match &event.kind {
            EventKind::RunStarted(started) if all => self.about_run(Tone::Strong, &opening(started), out),
            EventKind::StepStarted { step, attempt: 0 | 1, .. }
                if role(pipeline, *step) == Role::Container =>
            {
                self.about_up(pipeline, event, all, out);
            }
            EventKind::StepStarted { step, attempt, lane: _, starting: _ }
                if (all && is_run(pipeline, *step)) || has_terminal(pipeline, *step) =>
            {
                let mut what = match attempt {
                    0 | 1 => "started".into(),
                    _ => format!("started again, attempt {attempt}"),
                };
                if has_terminal(pipeline, *step) {
                    what += ", and has the terminal";
                }
                self.about_step(pipeline, *step, Tone::Faint, &what, out);
            }
            EventKind::ServiceReady { .. } => self.about_up(pipeline, event, all, out),
            // A service is loud, and its log is read when something is wrong.
            EventKind::StepOutput { step, .. } if role(pipeline, *step).is_beside() => {}
            EventKind::StepOutput { step, bytes, .. } => self.output(pipeline, *step, bytes, out),
            EventKind::StepRetrying { step, attempt, failure, delay, restarting } => {
                restarting.iter().for_each(|member| self.end_output(pipeline, *member, out));
                let what = retry(pipeline, *step, *attempt, failure, restarting, *delay);
                self.about_step(pipeline, *step, Tone::Doubtful, &what, out);
            }
            EventKind::StepFinished(finished) => {
                self.end_output(pipeline, finished.step, out);
                self.finished(pipeline, finished, all, out);
            }
            EventKind::Cancelling { reason, now, grace: _ } => {
                let what = cancelling(pipeline, *reason, *now);
                self.about_run(Tone::Doubtful, &what, out);
            }
            EventKind::PhaseStarted(started) => {
                self.about_run(Tone::Strong, &phase(pipeline, started), out);
            }
            EventKind::Warning(message) => {
                self.about_run(Tone::Doubtful, &format!("warning: {message}"), out)
            }
            EventKind::Note(message) => self.about_run(Tone::Faint, message, out),
            EventKind::RunStarted(_)
            | EventKind::StepStarted { .. }
            | EventKind::StepLine { .. }
            | EventKind::StreamProgress(_)
            | EventKind::StreamFinished(_)
            | EventKind::RunFinished(_) => {}
        }
    }

    fn finished(&mut self, pipeline: &Pipeline, finished: &StepFinished, all: bool, out: &mut Vec<u8>) {
        let worth_it = match finished.outcome {
            Outcome::Succeeded => finished.leaky || (all && is_run(pipeline, finished.step)),
            Outcome::Failed(_) | Outcome::TimedOut | Outcome::Ignored(_) => true,
            Outcome::Reused => all && is_run(pipeline, finished.step),
            Outcome::LeftOut => false,
            Outcome::Tainted { .. } | Outcome::Cancelled | Outcome::Skipped(_) => all,
        };
        if worth_it {
            let (_, tone) = words::mark(&finished.outcome);
            self.about_step(pipeline, finished.step, tone, &ending(pipeline, finished), out);
        }
    }

    /// Appends the lines that a step wrote. The drawings of a progress bar wait for the last one.
    pub fn output(&mut self, pipeline: &Pipeline, step: StepId, bytes: &[u8], out: &mut Vec<u8>) {
        self.set_prefix(&words::label(pipeline, step), "|");
        text::prefix_lines(&self.prefix, &self.drawings.take(step, bytes), out);
    }

    /// Appends the last drawing of a progress bar of a step that writes no more.
    pub fn end_output(&mut self, pipeline: &Pipeline, step: StepId, out: &mut Vec<u8>) {
        if let Some(line) = self.drawings.end(step) {
            self.set_prefix(&words::label(pipeline, step), "|");
            text::prefix_lines(&self.prefix, &line, out);
        }
    }

    /// Appends that an attempt begins.
    pub fn attempt(&mut self, pipeline: &Pipeline, step: StepId, attempt: u32, out: &mut Vec<u8>) {
        self.about_step(pipeline, step, Tone::Faint, &format!("attempt {attempt}"), out);
    }

    /// Appends that what goes on beside the steps is there for them.
    fn about_up(&mut self, pipeline: &Pipeline, event: &Event, all: bool, out: &mut Vec<u8>) {
        if let Some((step, what)) = up(pipeline, event).filter(|_| all) {
            self.about_step(pipeline, step, Tone::Faint, &what, out);
        }
    }

    fn about_step(&mut self, pipeline: &Pipeline, step: StepId, tone: Tone, what: &str, out: &mut Vec<u8>) {
        self.set_prefix(&words::label(pipeline, step), "*");
        self.own_line(tone, what, out);
    }

    fn about_run(&mut self, tone: Tone, what: &str, out: &mut Vec<u8>) {
        self.set_prefix("", "*");
        self.own_line(tone, what, out);
    }

    fn own_line(&self, tone: Tone, what: &str, out: &mut Vec<u8>) {
        let what = text::one_line(what);
        out.extend_from_slice(&self.prefix);
        out.extend_from_slice(self.palette.paint(tone, what).to_string().as_bytes());
        out.push(b'\n');
    }

    fn set_prefix(&mut self, name: &str, separator: &str) {
        let name = format!("{name:width$} {separator} ", width = self.width);
        self.prefix.clear();
        if let Some(stamp) = &self.stamp {
            self.prefix.extend_from_slice(self.palette.paint(Tone::Faint, stamp).to_string().as_bytes());
        }
        self.prefix.extend_from_slice(self.palette.paint(Tone::Faint, name).to_string().as_bytes());
    }
}

fn is_run(pipeline: &Pipeline, step: StepId) -> bool {
    pipeline.steps.get(step.index()).is_some_and(|step| !step.action.is_feed())
}

/// Returns the role of a step; of one that there is not, that of most.
fn role(pipeline: &Pipeline, step: StepId) -> Role {
    pipeline.steps.get(step.index()).map_or(Role::Ordinary, |step| step.role)
}

fn has_terminal(pipeline: &Pipeline, step: StepId) -> bool {
    pipeline.steps.get(step.index()).is_some_and(|step| step.terminal)
}

/// Returns the first line of a run.
pub(super) fn opening(started: &RunStarted) -> String {
    let pipeline = &started.pipeline;
    let is_counted = |step: &&Step| !step.action.is_feed() && !step.role.is_beside();
    let steps = pipeline.steps.iter().filter(is_counted).count();
    let mut text = format!("{}: {}, run {}", pipeline.name, human::count(steps, "step"), started.run);
    if let Some(dir) = &started.dir {
        text += &format!(", in {}", dir.display());
    }
    text
}

/// Returns what is said of a service that is ready, or of a shared container that has started.
pub(super) fn up(pipeline: &Pipeline, event: &Event) -> Option<(StepId, String)> {
    match &event.kind {
        EventKind::ServiceReady { step, after } => {
            let is_service = role(pipeline, *step) == Role::Service;
            is_service.then(|| (*step, words::ready(*after)))
        }
        EventKind::StepStarted { step, starting, attempt: _, lane: _ } => {
            let is_container = role(pipeline, *step) == Role::Container;
            is_container.then(|| (*step, format!("started in {}", duration(*starting))))
        }
        EventKind::RunStarted(_)
        | EventKind::StepOutput { .. }
        | EventKind::StepLine { .. }
        | EventKind::StepRetrying { .. }
        | EventKind::StepFinished(_)
        | EventKind::StreamProgress(_)
        | EventKind::StreamFinished(_)
        | EventKind::Cancelling { .. }
        | EventKind::PhaseStarted(_)
        | EventKind::Warning(_)
        | EventKind::Note(_)
        | EventKind::RunFinished(_) => None,
    }
}

/// Returns that an attempt failed, and what comes next.
pub(super) fn retry(
    pipeline: &Pipeline,
    step: StepId,
    attempt: u32,
    failure: &Failure,
    restarting: &[StepId],
    delay: Duration,
) -> String {
    let mut text = format!("attempt {attempt} failed: {failure}; starts again");
    let others: Vec<_> = restarting
        .iter()
        .filter(|other| **other != step)
        .map(|other| words::label(pipeline, *other))
        .collect();
    if !others.is_empty() {
        text += &format!(", with {},", human::list(others.iter().map(AsRef::as_ref)));
    }
    format!("{text} in {}", duration(delay))
}

/// Returns how a step ended.
pub(super) fn ending(pipeline: &Pipeline, finished: &StepFinished) -> String {
    if let Some(why) = words::passed_over(pipeline, &finished.outcome) {
        return format!("passed over: {why}");
    }
    let mut text = words::outcome_in_full(pipeline, &finished.outcome, &finished.circumstances);
    if finished.outcome == Outcome::Succeeded && role(pipeline, finished.step).is_beside() {
        text = format!("stopped after {}", duration(finished.duration));
    } else if finished.attempts > 0 {
        text += &match finished.outcome {
            Outcome::Succeeded => format!(" in {}", duration(finished.duration)),
            Outcome::Failed(_)
            | Outcome::TimedOut
            | Outcome::Tainted { .. }
            | Outcome::Cancelled
            | Outcome::Skipped(_)
            | Outcome::Reused
            | Outcome::LeftOut
            | Outcome::Ignored(_) => format!(", after {}", duration(finished.duration)),
        };
    }
    if finished.attempts > 1 {
        text += &format!(", {} attempts", finished.attempts);
    }
    if finished.leaky {
        text += "; a process that it left behind held its output open";
    }
    text
}

/// Returns that the `finally` steps begin, and what has come before:
/// `finally: down, tell (the run failed: tests)`.
pub(super) fn phase(pipeline: &Pipeline, started: &PhaseStarted) -> String {
    let PhaseStarted { steps, outcome, cause } = started;
    let names: Vec<_> = steps.iter().map(|step| words::label(pipeline, *step)).collect();
    let names = human::list(names.iter().map(AsRef::as_ref));
    let how = match outcome {
        RunOutcome::Succeeded => return format!("finally: {names}"),
        RunOutcome::Failed => "the run failed",
        RunOutcome::Cancelled => "the run was cancelled",
        RunOutcome::Error => "the run is aborted",
    };
    let cause = if cause.is_empty() { String::new() } else { format!(": {cause}") };
    format!("finally: {names} ({how}{cause})")
}

/// Returns why steps are being stopped.
pub(super) fn cancelling(pipeline: &Pipeline, reason: CancelReason, now: bool) -> String {
    let reason = match reason {
        CancelReason::Signal(number) => words::signal(number).into_owned(),
        CancelReason::StepFailed(step) => format!("`{}` failed", words::label(pipeline, step)),
        CancelReason::TimedOut(limit) => took_too_long(limit),
        CancelReason::Aborted => "the run is aborted".into(),
    };
    format!("{reason}: {} every step", if now { "killing" } else { "stopping" })
}
