//! What went wrong: the failures, each with what fell with it; the first one, the cause, comes last.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::event::RunEnd;
use crate::pipeline::{Outcome, SkipReason, StepId, took_too_long};
use crate::render::human::{self, list};
use crate::render::style::{Sheet, Tone};
use crate::render::{Report, text, words};

/// Failures shown in full; past them only names.
pub const SHOWN: usize = 5;

/// Appends a block for the reason of an early end and for each step that failed. The first cause comes last,
/// next to the closing line, where it is still on the screen.
pub fn write(report: &Report, sheet: Sheet, out: &mut String) {
    let failures = all(report);
    if failures.len() > SHOWN {
        let rest: Vec<_> =
            failures.iter().skip(SHOWN).map(|step| words::label(&report.pipeline, *step)).collect();
        let names = list(rest.iter().map(AsRef::as_ref));
        let what = format!("✗ {} failed as well: {names}", human::count(rest.len(), "step"));
        heading(sheet, Tone::Bad, &what, out);
    }
    let shown = failures.get(..failures.len().min(SHOWN)).unwrap_or_default();
    for (step, services) in shown.iter().zip(service_logs(report, shown)).rev() {
        failure(report, *step, sheet, out);
        services.iter().for_each(|service| service_log(report, *service, sheet, out));
        write_fallen(report, Some(*step), sheet, out);
    }
    match report.end.as_ref().map(|end| &end.end) {
        Some(RunEnd::Signalled(signal)) => {
            heading(sheet, Tone::Doubtful, &format!("■ cancelled by {}", words::signal(*signal)), out);
            write_fallen(report, None, sheet, out);
        }
        Some(RunEnd::TimedOut(limit)) => {
            heading(sheet, Tone::Bad, &format!("✗ {}", took_too_long(*limit)), out);
            write_fallen(report, None, sheet, out);
        }
        Some(RunEnd::Aborted(what)) => {
            heading(sheet, Tone::Bad, &format!("✗ aborted: {}", text::one_line(what)), out);
            write_fallen(report, None, sheet, out);
        }
        Some(RunEnd::Succeeded | RunEnd::Failed { .. } | RunEnd::NoOutput(_)) | None => {}
    }
}

fn heading(sheet: Sheet, tone: Tone, text: &str, out: &mut String) {
    for (n, line) in sheet.fold(text, 2).into_iter().enumerate() {
        let indent = if n == 0 { "" } else { "  " };
        let _ = writeln!(out, "{indent}{}", sheet.palette.paint(tone, line)); // writing to a string cannot fail
    }
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
    let in_full = |outcome| Some(words::outcome_in_full(&report.pipeline, outcome, &known?.circumstances));
    let how = outcome.and_then(in_full).unwrap_or_default();
    let mut text = format!("`{}` {}", words::label(&report.pipeline, id), text::one_line(&how));
    if let Some(known) = known.filter(|known| known.attempt > 1) {
        text += &format!(", after {} attempts", known.attempt);
    }
    text
}

/// Appends how a step failed, its line in the file, and its last output.
fn failure(report: &Report, id: StepId, sheet: Sheet, out: &mut String) {
    let pipeline = &report.pipeline;
    let Some(step) = pipeline.steps.get(id.index()) else {
        return;
    };
    heading(sheet, Tone::Bad, &format!("✗ {}", headline(report, id)), out);
    let place = pipeline.source.place(step.at);
    let about = step.description.as_deref().map(text::one_line);
    let place = about.map_or_else(|| format!("at {place}"), |about| format!("at {place} ({about})"));
    for line in sheet.fold(&place, 2) {
        let _ = writeln!(out, "  {line}");
    }
    end_of_log(report, id, sheet, out);
}

/// Appends the end of a step's log.
fn end_of_log(report: &Report, id: StepId, sheet: Sheet, out: &mut String) {
    let lines = report.steps.get(id.index()).map(|known| known.log.lines()).unwrap_or_default();
    for line in lines {
        let _ = writeln!(out, "  {} {line}", sheet.palette.paint(Tone::Faint, "|"));
    }
    for line in beside_log(report, id).iter().flat_map(|sentence| sheet.fold(sentence, 2)) {
        let _ = writeln!(out, "  {line}");
    }
}

/// Appends the end of the log of a service that a failed step used.
fn service_log(report: &Report, id: StepId, sheet: Sheet, out: &mut String) {
    for line in sheet.fold(&about_service_log(report, id), 2) {
        let _ = writeln!(out, "  {line}");
    }
    end_of_log(report, id, sheet, out);
}

/// Returns what stands above the end of the log of a service.
pub fn about_service_log(report: &Report, id: StepId) -> String {
    format!("the service `{}` said at last:", words::label(&report.pipeline, id))
}

/// Returns for each of these failed steps the services that it used and that have written something, each service
/// once. One that has failed by itself is told apart.
pub fn service_logs(report: &Report, failures: &[StepId]) -> Vec<Vec<StepId>> {
    let mut told: BTreeSet<StepId> = report.failures.iter().copied().collect();
    let has_log = |service: &StepId| {
        report.steps.get(service.index()).is_some_and(|known| !known.log.lines().is_empty())
    };
    let of = |step: &StepId| {
        let step = report.pipeline.steps.get(step.index());
        let used =
            step.into_iter().flat_map(|step| report.pipeline.services_of(step)).map(|usage| usage.step);
        used.filter(has_log).filter(|service| told.insert(*service)).collect()
    };
    failures.iter().map(of).collect()
}

/// Returns what is to be said beside the end of a step's log: that there is more of it, or that there is nothing and
/// which command may have failed.
pub fn beside_log(report: &Report, id: StepId) -> Option<String> {
    let (step, known) = report.pipeline.steps.get(id.index()).zip(report.steps.get(id.index()))?;
    let earlier = known.log.earlier();
    if earlier > 0 {
        let lines = human::count(earlier, "line");
        return Some(format!("… {lines} more: pipe logs {} {}", report.called, step.name));
    }
    let ran = known.ran && !step.terminal && step.can_print();
    if !ran || !known.log.lines().is_empty() || known.outcome().is_none_or(Outcome::is_success) {
        return None;
    }
    Some(match &known.circumstances.command {
        Some(command) => format!(
            "it printed nothing; the last line of its script: `{}` (`pipe run --trace` logs the script)",
            text::one_line(command)
        ),
        None => "it printed nothing".into(),
    })
}

/// Returns at most two lines: the names of many steps must not push the cause off the screen.
fn short(mut lines: Vec<String>) -> Vec<String> {
    if lines.len() > 2 {
        lines.truncate(2);
        let last = lines.pop().unwrap_or_default();
        lines.push(last.trim_end_matches(',').to_owned() + ", …");
    }
    lines
}

fn write_fallen(report: &Report, cause: Option<StepId>, sheet: Sheet, out: &mut String) {
    let sentences = fallen(report, cause);
    for line in sentences.iter().flat_map(|sentence| short(sheet.fold(sentence, 2))) {
        let _ = writeln!(out, "  {line}");
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
        Outcome::Skipped(SkipReason::Dependency(_) | SkipReason::Stopped) => Some("skipped"),
        Outcome::Skipped(SkipReason::Condition(_) | SkipReason::Without(_))
        | Outcome::Succeeded
        | Outcome::Failed(_)
        | Outcome::TimedOut
        | Outcome::Reused
        | Outcome::LeftOut
        | Outcome::Ignored(_) => None,
    }
}
