//! What went wrong: the first failure as the cause, then what fell with it, then other failures.

use std::fmt::Write as _;

use crate::event::RunEnd;
use crate::pipeline::{Outcome, StepId};
use crate::render::human::{self, list};
use crate::render::style::{Palette, Tone};
use crate::render::{Report, text, words};

/// Failures shown in full; past them only names.
const SHOWN: usize = 5;

/// Appends a block for whatever ended the run early and for each step that failed.
pub fn write(report: &Report, palette: Palette, out: &mut String) {
    match report.end.as_ref().map(|end| &end.end) {
        Some(RunEnd::Signalled(signal)) => {
            heading(palette, Tone::Doubtful, &format!("■ cancelled by {}", words::signal(*signal)), out);
            fell_with(report, None, "", out);
        }
        Some(RunEnd::Engine(what)) => {
            heading(palette, Tone::Bad, &format!("✗ the engine failed: {}", text::one_line(what)), out);
            fell_with(report, None, "", out);
        }
        _ => {}
    }
    let first = super::cause(report);
    let others = report.failures.iter().copied().filter(|step| Some(*step) != first);
    let failures: Vec<StepId> = first.into_iter().chain(others).collect();
    for step in failures.iter().take(SHOWN) {
        failure(report, *step, palette, out);
        fell_with(report, Some(*step), " because of it", out);
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

/// How a step failed, where it stands in the file, and the last it said.
fn failure(report: &Report, id: StepId, palette: Palette, out: &mut String) {
    let pipeline = &report.pipeline;
    let Some((step, known)) = pipeline.steps.get(id.index()).zip(report.steps.get(id.index())) else {
        return;
    };
    let how = known.outcome().map(|outcome| words::outcome(pipeline, outcome)).unwrap_or_default();
    let mut text = format!("✗ `{}` {}", words::label(pipeline, id), text::one_line(&how));
    if known.attempt > 1 {
        text += &format!(", after {} attempts", known.attempt);
    }
    heading(palette, Tone::Bad, &text, out);
    let place = format!("{}:{}", pipeline.source.path.display(), pipeline.source.line(step.at));
    let _ = writeln!(out, "  at {place}");
    for line in known.log.lines() {
        let _ = writeln!(out, "  {} {line}", palette.paint(Tone::Faint, "|"));
    }
}

/// The steps that ended otherwise than they should because of `cause` (none: of what ended the run), by outcome.
fn fell_with(report: &Report, cause: Option<StepId>, why: &str, out: &mut String) {
    let fell = |id: StepId, outcome: &Outcome| {
        !outcome.is_success() && !outcome.is_failure() && report.blame(id) == cause
    };
    let of = |kind: fn(&Outcome) -> bool| -> Vec<&str> {
        let steps = report.pipeline.steps().zip(&report.steps);
        steps
            .filter(|((id, _), known)| {
                known.outcome().is_some_and(|outcome| kind(outcome) && fell(*id, outcome))
            })
            .filter(|((id, _), _)| report.counts(*id))
            .map(|((_, step), _)| step.name.as_str())
            .collect()
    };
    let kinds: [(&str, Vec<&str>); 3] = [
        ("tainted", of(|outcome| matches!(outcome, Outcome::Tainted { .. }))),
        ("cancelled", of(|outcome| matches!(outcome, Outcome::Cancelled))),
        ("skipped", of(|outcome| matches!(outcome, Outcome::Skipped(_)))),
    ];
    for (what, names) in kinds.into_iter().filter(|(_, names)| !names.is_empty()) {
        let (count, verb) =
            (human::count(names.len(), "step"), if names.len() == 1 { "was" } else { "were" });
        let _ = writeln!(out, "  {count} {verb} {what}{why}: {}", list(names.into_iter()));
    }
}
