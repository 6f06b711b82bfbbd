//! The summary of a run: the steps, the services, the streams, the outputs, the failures and what fell with them, one
//! closing line.

pub(super) mod failures;
pub(super) mod outputs;
mod products;
mod services;
mod steps;
pub(super) mod streams;
pub mod table;

use std::time::Duration;

use super::human::{self, duration};
use super::style::{Palette, Sheet, Tone};
use super::{Report, text as clean, words};
use crate::event::RunEnd;
use crate::pipeline::{StepId, took_too_long};

/// Returns the summary of a run that has ended, several lines. Empty before that.
pub fn text(report: &Report, sheet: impl Into<Sheet>) -> String {
    let sheet = sheet.into();
    let mut out = String::new();
    if report.end.is_none() {
        return out;
    }
    sections(report, sheet, &mut out);
    let (tone, line) = closing(report);
    paint(sheet, tone, &line, &mut out);
    out
}

/// Returns the summary of a run without an end, `elapsed` after its start: it is still going, or it died
/// then.
pub fn unfinished(report: &Report, lives: bool, elapsed: Duration, sheet: impl Into<Sheet>) -> String {
    let sheet = sheet.into();
    let mut out = String::new();
    sections(report, sheet, &mut out);
    let tally = &report.tally;
    let under_way: Vec<_> = report.running.iter().map(|step| words::label(&report.pipeline, *step)).collect();
    let names = match under_way.is_empty() {
        true => String::new(),
        false => format!(" ({})", human::list(under_way.iter().map(AsRef::as_ref))),
    };
    let counts = words::counts(tally, &names, Palette::NONE);
    let (tone, what) = if lives { (Tone::Busy, "goes on after") } else { (Tone::Bad, "died after about") };
    paint(sheet, tone, &format!("{what} {}: {counts}", duration(elapsed)), &mut out);
    out
}

/// Appends a sentence, in lines that fit.
fn paint(sheet: Sheet, tone: Tone, sentence: &str, out: &mut String) {
    for line in sheet.fold(sentence, 0) {
        *out += &format!("{}\n", sheet.palette.paint(tone, line));
    }
}

fn sections(report: &Report, sheet: Sheet, out: &mut String) {
    for section in
        [steps::write, services::write, streams::write, products::write, outputs::write, failures::write]
    {
        let before = out.len();
        section(report, sheet, out);
        if out.len() > before {
            out.push('\n');
        }
    }
}

/// Returns the step that failed first: what the run says, else the first that was seen to fail.
fn cause(report: &Report) -> Option<StepId> {
    match report.end.as_ref().map(|end| &end.end) {
        Some(RunEnd::Failed { cause: Some(cause) }) => Some(*cause),
        Some(
            RunEnd::Succeeded
            | RunEnd::Failed { cause: None }
            | RunEnd::TimedOut(_)
            | RunEnd::NoOutput(_)
            | RunEnd::Signalled(_)
            | RunEnd::Aborted(_),
        )
        | None => report.failures.first().copied(),
    }
}

/// Returns the outcome of a run, in a sentence.
pub fn closing(report: &Report) -> (Tone, String) {
    let Some(finished) = &report.end else {
        return (Tone::Normal, String::new());
    };
    let tally = &report.tally;
    let took = duration(finished.duration);
    match &finished.end {
        RunEnd::Succeeded => {
            let done = human::count(tally.succeeded + tally.ignored, "step");
            let ignored = match tally.ignored {
                0 => String::new(),
                count => format!(", {} ignored", human::count(count, "failure")),
            };
            let others = [
                (tally.passed_over, words::PASSED_OVER),
                (tally.reused, "done before"),
                (tally.left_out, "left out"),
            ];
            let others: String = numbers(&others).iter().map(|it| format!(", {it}")).collect();
            (Tone::Good, format!("succeeded: {done} in {took}{ignored}{others}"))
        }
        RunEnd::Failed { .. } => {
            let cause = cause(report);
            let mut parts: Vec<String> = cause.map(|step| first(report, step)).into_iter().collect();
            let more = report.failures.iter().filter(|step| Some(**step) != cause).count();
            parts.extend(numbers(&[(more, "more failed")]));
            parts.extend(numbers(&fallen(report)));
            (Tone::Bad, format!("failed: {}, in {took}", parts.join(", ")))
        }
        RunEnd::TimedOut(limit) => {
            let mut parts = numbers(&[(tally.succeeded, "succeeded"), (report.failures.len(), "failed")]);
            parts.extend(numbers(&fallen(report)));
            (Tone::Bad, format!("failed: {}: {}, after {took}", took_too_long(*limit), parts.join(", ")))
        }
        RunEnd::NoOutput(why) => (Tone::Bad, format!("failed after {took}: {}", clean::one_line(why))),
        RunEnd::Signalled(signal) => {
            let mut parts = numbers(&[(tally.succeeded, "succeeded"), (tally.failed, "failed")]);
            parts.extend(numbers(&fallen(report)));
            (
                Tone::Bad,
                format!("cancelled by {}: {}, after {took}", words::signal(*signal), parts.join(", ")),
            )
        }
        RunEnd::Aborted(what) => (Tone::Bad, format!("aborted after {took}: {}", clean::one_line(what))),
    }
}

fn first(report: &Report, step: StepId) -> String {
    let name = words::label(&report.pipeline, step);
    let outcome = report.steps.get(step.index()).and_then(|step| step.outcome());
    let how = outcome.map(|outcome| words::outcome(&report.pipeline, outcome)).unwrap_or_default();
    let how = clean::one_line(how.strip_prefix("failed: ").unwrap_or(&how));
    format!("`{name}` {how}")
}

fn fallen(report: &Report) -> [(usize, &'static str); 3] {
    let tally = &report.tally;
    [(tally.tainted, "tainted"), (tally.cancelled, "cancelled"), (tally.skipped, "skipped")]
}

/// Returns counts such as `2 tainted`, `1 skipped`, without zeros.
fn numbers(counts: &[(usize, &str)]) -> Vec<String> {
    counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect()
}

#[cfg(test)]
mod replayed;
#[cfg(test)]
mod tests;
