//! What went wrong: the first failure as the cause and what fell with it, then other failures.

use super::PageContext;
use super::markdown::{fenced, sentence};
use super::page::Page;
use crate::event::RunEnd;
use crate::pipeline::StepId;
use crate::render::summary::failures::{self, SHOWN};
use crate::render::{Report, human, words};

/// Adds a section for the reason of an early end and for each step that failed.
pub fn write(report: &Report, context: &PageContext, page: &mut Page) {
    if let Some(RunEnd::Signalled(_) | RunEnd::TimedOut(_) | RunEnd::Aborted(_)) =
        report.end.as_ref().map(|end| &end.end)
    {
        page.add(&fallen(report, None));
    }
    let failures = failures::all(report);
    let shown = failures.get(..failures.len().min(SHOWN)).unwrap_or_default();
    for (step, services) in shown.iter().zip(failures::service_logs(report, shown)) {
        page.add(&failure(report, context, *step, &services));
    }
    let rest: Vec<_> =
        failures.iter().skip(SHOWN).map(|step| words::label(&report.pipeline, *step)).collect();
    if !rest.is_empty() {
        let names = human::list(rest.iter().map(AsRef::as_ref));
        page.add(&format!("✗ {} failed as well: {}\n\n", human::count(rest.len(), "step"), sentence(&names)));
    }
}

/// Returns how a step failed, its line in the file, its last output and that of services, and what fell with it.
fn failure(report: &Report, context: &PageContext, id: StepId, services: &[StepId]) -> String {
    let Some(step) = report.pipeline.steps.get(id.index()) else { return String::new() };
    let headline = context.secrets.text(&failures::headline(report, id));
    let place = format!("`{}`", context.files.place(&report.pipeline.source, step.at));
    let mut text = format!("**✗ {}** in {}\n\n", sentence(&headline), sentence(&place));
    text += &end_of_log(report, context, id);
    for service in services {
        text += &format!("{}\n\n", sentence(&failures::about_service_log(report, *service)));
        text += &end_of_log(report, context, *service);
    }
    text + &fallen(report, Some(id))
}

/// Returns the last output of a step.
fn end_of_log(report: &Report, context: &PageContext, id: StepId) -> String {
    let tail = report.steps.get(id.index()).map(|known| known.log.lines().join("\n")).unwrap_or_default();
    let mut text = String::new();
    if !tail.is_empty() {
        text += &fenced("text", &context.secrets.text(&tail));
    }
    if let Some(beside) = failures::beside_log(report, id) {
        text += &format!("{}\n\n", sentence(&context.secrets.text(&beside)));
    }
    text
}

fn fallen(report: &Report, cause: Option<StepId>) -> String {
    let mut text: String =
        failures::fallen(report, cause).iter().map(|line| format!("- {}\n", sentence(line))).collect();
    if !text.is_empty() {
        text.push('\n');
    }
    text
}
