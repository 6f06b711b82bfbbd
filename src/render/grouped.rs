//! Groups for the logs of CI services: what a step writes folds under its name.
//!
//! While exactly one step runs, what it writes goes straight through, in a group that is open meanwhile: it
//! is *live*. While several run, what each of them writes is held back, and shown in one piece when the step
//! ends. So no more than one group is ever open, and nothing of another step, nor of the run, comes between
//! its lines: whatever else there is to say closes it first, and if its step then goes on, it does so in
//! another group, as "continued". What a service writes is held back until the run has ended.
//!
//! How a step ended is the title of its group where that is known in time, and a line of its own where it is
//! not. A step that wrote nothing is one line: there would be nothing to unfold.

mod dialect;
mod held;
mod log;

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::SystemTime;

pub use dialect::{Cleaned, Dialect};

use self::held::Held;
use self::log::{Log, Times};
use super::drawings::Drawings;
use super::style::{Palette, Tone};
use super::{Renderer, Report, narrate, summary, text, words};
use crate::event::{Event, EventKind, OutputChannel, RunStarted, StepFinished};
use crate::pipeline::{Outcome, StepId};

/// A piece of a line that is shorter is the whole of a last line without its end.
const LONG: usize = 4 << 10;

/// Shows a run in groups, and closes with a summary.
pub struct Grouped {
    log: Log,
    palette: Palette,
    run: Option<Run>,
}

/// What is known of the run, and what has been shown of it.
struct Run {
    report: Report,
    /// What waits to be shown.
    held: BTreeMap<StepId, Held>,
    /// Steps that are in the middle of a line, and on which of their outputs.
    in_line: BTreeMap<StepId, OutputChannel>,
    /// Progress bars.
    drawings: Drawings,
    /// Steps that have had a group.
    seen: BTreeSet<StepId>,
    /// When the event that is being shown happened.
    now: SystemTime,
}

impl Grouped {
    /// Returns a renderer that writes to `out`, which need not be buffered.
    pub fn new(out: Box<dyn Write + Send>, palette: Palette, dialect: Box<dyn Dialect>) -> Self {
        Self { log: Log::new(out, dialect), palette, run: None }
    }

    /// A line about a step or the run, outside of every group.
    fn aside(&mut self, tone: Tone, line: &str, now: SystemTime) -> io::Result<()> {
        let line = self.palette.paint(tone, text::one_line(line)).to_string();
        self.log.aside(&(line + "\n"), now)
    }

    fn about_run(&mut self, event: &Event) -> io::Result<()> {
        let Some(run) = &self.run else { return Ok(()) };
        let (tone, line) = match &event.kind {
            EventKind::RunStarted(started) => (Tone::Strong, narrate::opening(started)),
            EventKind::Cancelling { reason, now, grace: _ } => {
                (Tone::Doubtful, narrate::cancelling(&run.report.pipeline, *reason, *now))
            }
            EventKind::PhaseStarted(phase) => (Tone::Strong, narrate::phase(&run.report.pipeline, phase)),
            EventKind::Warning(message) => match self.log.dialect().warning(&run.report, message) {
                Some(mark) => return self.log.say(&mark, event.at),
                None => (Tone::Doubtful, format!("warning: {message}")),
            },
            EventKind::Note(message) => (Tone::Faint, message.clone()),
            EventKind::RunFinished(_) => return self.finish(event.at),
            EventKind::StepStarted { .. }
            | EventKind::ServiceReady { .. }
            | EventKind::StepOutput { .. }
            | EventKind::StepLine { .. }
            | EventKind::StepRetrying { .. }
            | EventKind::StepFinished(_)
            | EventKind::StreamProgress(_)
            | EventKind::StreamFinished(_) => return Ok(()),
        };
        self.aside(tone, &line, event.at)
    }

    /// The end of a step: its group where something waits to be shown, else a line; then the mark of a
    /// failure.
    fn step_finished(&mut self, finished: &StepFinished) -> io::Result<()> {
        let Some(run) = &mut self.run else { return Ok(()) };
        let (step, now) = (finished.step, run.now);
        let (tone, line) = ending(&run.report, finished);
        run.in_line.remove(&step);
        let is_beside = run.report.is_beside(step);
        if let Some(held) = (!is_beside).then(|| run.held.remove(&step)).flatten() {
            let since = now.checked_sub(finished.duration).unwrap_or(now);
            let folded = finished.outcome.is_success();
            self.log.open(step, &line, folded, Times { since, now })?;
            self.log.held(held, &run.whole_log())?;
            self.log.close(now)?;
        } else if run.report.counts(step) || !finished.outcome.is_success() {
            self.aside(tone, &line, now)?;
        }
        let Some(run) = &mut self.run else { return Ok(()) };
        if finished.outcome.is_failure() || matches!(finished.outcome, Outcome::Ignored(_)) {
            let marks = self.log.dialect().failure(&run.report, step);
            self.log.say(&marks, now)?;
        }
        run.show_lone(&mut self.log)
    }

    /// Shows what the services have written, each in a group of its own.
    fn services(&mut self, now: SystemTime) -> io::Result<()> {
        let Some(run) = &mut self.run else { return Ok(()) };
        for (step, held) in std::mem::take(&mut run.held) {
            let title = format!("{} (service)", words::label(&run.report.pipeline, step));
            self.log.open(step, &title, true, Times { since: now, now })?;
            self.log.held(held, &run.whole_log())?;
            self.log.close(now)?;
        }
        Ok(())
    }

    fn finish(&mut self, now: SystemTime) -> io::Result<()> {
        self.services(now)?;
        let Some(run) = &self.run else { return Ok(()) };
        self.log.aside(&format!("\n{}", summary::text(&run.report, self.palette)), now)?;
        let marks = self.log.dialect().ended(&run.report);
        self.log.say(&marks, now)
    }
}

impl Renderer for Grouped {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        if let EventKind::RunStarted(started) = &event.kind {
            let prelude = self.log.dialect().prelude();
            self.log.say(&prelude, event.at)?;
            self.run = Some(Run::new(started, event.at));
        }
        let Some(run) = &mut self.run else { return Ok(()) };
        run.now = event.at;
        // While it still counts as running, so that it is shown where the rest of its output is.
        if let EventKind::StepFinished(finished) = &event.kind {
            run.end_output(finished.step, &mut self.log)?;
        }
        run.report.event(event);
        if let Some((step, what)) = narrate::up(&run.report.pipeline, event) {
            let line = format!("{} {what}", words::label(&run.report.pipeline, step));
            self.aside(Tone::Faint, &line, event.at)?;
        }
        let Some(run) = &mut self.run else { return Ok(()) };
        match &event.kind {
            EventKind::ServiceReady { .. }
            | EventKind::StepLine { .. }
            | EventKind::StreamProgress(_)
            | EventKind::StreamFinished(_) => {}
            EventKind::StepStarted { step, attempt, .. } => run.started(*step, *attempt, &mut self.log)?,
            EventKind::StepOutput { step, channel, bytes } => {
                let bytes = run.drawings.take(*step, bytes);
                run.wrote(*step, *channel, &bytes, &mut self.log)?;
            }
            EventKind::StepRetrying { step, attempt, failure, delay, restarting } => {
                restarting.iter().try_for_each(|member| run.end_output(*member, &mut self.log))?;
                let retry =
                    narrate::retry(&run.report.pipeline, *step, *attempt, failure, restarting, *delay);
                run.note(*step, &retry, &mut self.log)?;
            }
            EventKind::StepFinished(finished) => self.step_finished(finished)?,
            EventKind::RunStarted(_)
            | EventKind::Cancelling { .. }
            | EventKind::PhaseStarted(_)
            | EventKind::Warning(_)
            | EventKind::Note(_)
            | EventKind::RunFinished(_) => self.about_run(event)?,
        }
        self.log.flush()
    }
}

impl Run {
    fn new(started: &RunStarted, now: SystemTime) -> Self {
        Self {
            report: Report::new(started),
            held: BTreeMap::new(),
            in_line: BTreeMap::new(),
            drawings: Drawings::default(),
            seen: BTreeSet::new(),
            now,
        }
    }

    fn started(&mut self, step: StepId, attempt: u32, log: &mut Log) -> io::Result<()> {
        if self.report.counts(step) && log.group().is_some_and(|live| live != step) {
            log.close(self.now)?;
        }
        if attempt > 1 {
            self.note(step, &format!("started again, attempt {attempt}"), log)?;
        }
        Ok(())
    }

    fn wrote(&mut self, step: StepId, channel: OutputChannel, bytes: &[u8], log: &mut Log) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let mut lines = Vec::with_capacity(bytes.len());
        if self.in_line.get(&step).is_some_and(|open| *open != channel) {
            lines.push(b'\n');
        }
        let continues = self.in_line.get(&step) == Some(&channel);
        let cleaned = log.dialect().clean(bytes, &mut lines);
        match cleaned.goes_on {
            true => self.in_line.insert(step, channel),
            false => self.in_line.remove(&step),
        };
        // The pieces of a long line could form a mark together. Where its beginning is shielded, they cannot.
        let in_pieces = continues || cleaned.goes_on && bytes.len() >= LONG;
        self.put(step, &lines, cleaned.risky || in_pieces, log)
    }

    /// Shows the last drawing of a step that writes no more.
    fn end_output(&mut self, step: StepId, log: &mut Log) -> io::Result<()> {
        match self.drawings.end(step) {
            Some(line) => self.wrote(step, OutputChannel::Both, &line, log),
            None => Ok(()),
        }
    }

    /// A line of ours among those of a step.
    fn note(&mut self, step: StepId, what: &str, log: &mut Log) -> io::Result<()> {
        let mut lines = Vec::new();
        if self.in_line.remove(&step).is_some() {
            lines.push(b'\n');
        }
        let line = format!("* {}\n", text::one_line(what));
        let cleaned = log.dialect().clean(line.as_bytes(), &mut lines);
        self.put(step, &lines, cleaned.risky, log)
    }

    /// Shows lines of a step, or holds them back.
    fn put(&mut self, step: StepId, lines: &[u8], risky: bool, log: &mut Log) -> io::Result<()> {
        if self.lone() == Some(step) {
            self.show(step, log)?;
            return log.lines(lines, risky);
        }
        // A step may have cleaned the working directory, the run's with it.
        let dir = self.report.dir.clone().filter(|dir| dir.is_dir()).unwrap_or_else(env::temp_dir);
        self.held.entry(step).or_insert_with(|| Held::new(&dir)).push(lines, risky);
        Ok(())
    }

    /// Returns the step that runs alone, if one does.
    fn lone(&self) -> Option<StepId> {
        let mut running = self.report.running.iter().copied().filter(|step| self.report.counts(*step));
        running.next().filter(|_| running.next().is_none())
    }

    /// What the only step left has written while it was not.
    fn show_lone(&mut self, log: &mut Log) -> io::Result<()> {
        match self.lone().filter(|step| self.held.contains_key(step)) {
            Some(step) => self.show(step, log),
            None => Ok(()),
        }
    }

    /// Opens the live group of a step if it is not open, and shows what was held back.
    fn show(&mut self, step: StepId, log: &mut Log) -> io::Result<()> {
        if log.group() != Some(step) {
            let name = words::label(&self.report.pipeline, step);
            let title =
                if self.seen.insert(step) { name.into_owned() } else { format!("{name} (continued)") };
            log.open(step, &title, false, Times { since: self.now, now: self.now })?;
        }
        match self.held.remove(&step) {
            Some(held) => log.held(held, &self.whole_log()),
            None => Ok(()),
        }
    }

    fn whole_log(&self) -> String {
        let dir: PathBuf = self.report.dir.clone().unwrap_or_default();
        format!("the whole log is in {}", dir.join("logs").display())
    }
}

/// Returns how a step ended, in a line.
fn ending(report: &Report, finished: &StepFinished) -> (Tone, String) {
    let (mark, tone) = words::mark(&finished.outcome);
    let name = words::label(&report.pipeline, finished.step);
    (tone, format!("{mark} {name} {}", narrate::ending(&report.pipeline, finished)))
}

#[cfg(test)]
mod tests;
