//! What went wrong: the first failure as the cause, then what fell with it, then other failures.

use std::fmt::Write as _;

use crate::event::RunEnd;
use crate::pipeline::{Outcome, StepId};
use crate::render::human::{self, list};
use crate::render::style::{Palette, Tone};
use crate::render::{Report, text, words};

/// Failures shown in full; past them only names.
pub const SHOWN: usize = 5;

/// Appends a block for the reason of an early end and for each step that failed.
pub fn write(report: &Report, palette: Palette, out: &mut String) {
    match report.end.as_ref().map(|end| &end.end) {
        Some(RunEnd::Signalled(signal)) => {
            heading(palette, Tone::Doubtful, &format!("■ cancelled by {}", words::signal(*signal)), out);
            write_fallen(report, None, out);
        }
        Some(RunEnd::Aborted(what)) => {
            heading(palette, Tone::Bad, &format!("✗ aborted: {}", text::one_line(what)), out);
            write_fallen(report, None, out);
        }
        Some(RunEnd::Succeeded | RunEnd::Failed { .. } | RunEnd::NoOutput(_)) | None => {}
    }
    let failures = all(report);
    for step in failures.iter().take(SHOWN) {
        failure(report, *step, palette, out);
        write_fallen(report, Some(*step), out);
    }
    if failures.len() > SHOWN {
        let rest: Vec<_> =
            failures.iter().skip(SHOWN).map(|step| words::label(&report.pipeline, *step)).collect();
        let names = list(rest.iter().map(AsRef::as_ref));
        let what = format!("✗ {} failed as well: {names}", human::count(rest.len(), "step"));
        heading(palette, Tone::Bad, &what, out);
    }
}

fn heading(palette: Palette, tone: Tone, text: &str, out: &mut String) {
    let _ = writeln!(out, "{}", palette.paint(tone, text)); // writing to a string cannot fail
}

/// Returns the steps that failed by themselves, the one that failed first before all others.
pub fn all(report: &Report) -> Vec<StepId> {
    let first = super::cause(report);
    let others = report.failures.iter().copied().filter(|step| Some(*step) != first);
    first.into_iter().chain(others).collect()
}

/// Returns how a step failed, in a sentence.
pub fn headline(report: &Report, id: StepId) -> String {
    let known = report.steps.get(id.index());
    let outcome = known.and_then(|known| known.outcome());
    let how = outcome.map(|outcome| words::outcome(&report.pipeline, outcome)).unwrap_or_default();
    let mut text = format!("`{}` {}", words::label(&report.pipeline, id), text::one_line(&how));
    if let Some(known) = known.filter(|known| known.attempt > 1) {
        text += &format!(", after {} attempts", known.attempt);
    }
    text
}

/// Appends how a step failed, its line in the file, and its last output.
fn failure(report: &Report, id: StepId, palette: Palette, out: &mut String) {
    let pipeline = &report.pipeline;
    let Some((step, known)) = pipeline.steps.get(id.index()).zip(report.steps.get(id.index())) else {
        return;
    };
    heading(palette, Tone::Bad, &format!("✗ {}", headline(report, id)), out);
    let place = format!("{}:{}", pipeline.source.path.display(), pipeline.source.line(step.at));
    let _ = writeln!(out, "  at {place}");
    for line in known.log.lines() {
        let _ = writeln!(out, "  {} {line}", palette.paint(Tone::Faint, "|"));
    }
}

fn write_fallen(report: &Report, cause: Option<StepId>, out: &mut String) {
    for sentence in fallen(report, cause) {
        let _ = writeln!(out, "  {sentence}");
    }
}

/// Returns which steps did not succeed because of `cause` (none: of what ended the run), a sentence for each
/// way in which they did.
pub fn fallen(report: &Report, cause: Option<StepId>) -> Vec<String> {
    let of = |word: &'static str| -> (&str, Vec<&str>) {
        let steps = report.pipeline.steps().zip(&report.steps);
        let names = steps
            .filter(|((id, _), known)| {
                known.outcome().and_then(fell) == Some(word) && report.blame(*id) == cause
            })
            .filter(|((id, _), _)| report.counts(*id))
            .map(|((_, step), _)| step.name.as_str());
        (word, names.collect())
    };
    let why = if cause.is_some() { " because of it" } else { "" };
    let sentence = |(what, names): (&str, Vec<&str>)| {
        let verb = if names.len() == 1 { "was" } else { "were" };
        let count = human::count(names.len(), "step");
        format!("{count} {verb} {what}{why}: {}", list(names.into_iter()))
    };
    FALLEN.into_iter().map(of).filter(|(_, names)| !names.is_empty()).map(sentence).collect()
}

/// The words of [`fell`], in the order in which they are shown.
const FALLEN: [&str; 3] = ["tainted", "cancelled", "skipped"];

/// Returns the word for an outcome whose reason is outside of its step.
fn fell(outcome: &Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Tainted { .. } => Some("tainted"),
        Outcome::Cancelled => Some("cancelled"),
        Outcome::Skipped(_) => Some("skipped"),
        Outcome::Succeeded
        | Outcome::Failed(_)
        | Outcome::TimedOut
        | Outcome::Reused
        | Outcome::LeftOut
        | Outcome::Ignored(_) => None,
    }
}
