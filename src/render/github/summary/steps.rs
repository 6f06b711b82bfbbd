//! The table of steps.

use std::collections::BTreeSet;

use super::markdown::{folded, plain, sentence};
use super::page::Page;
use super::{PageContext, UNFOLDED};
use crate::pipeline::{Group, Outcome, Role, Step, StepId};
use crate::render::human::{count, duration};
use crate::render::{Report, StepReport, StepState, words};

const HEAD: &str = "| | step | outcome | attempts | time |\n|---|---|---|---:|---:|\n";

/// Adds a line for the services, the table, in the order of the file, and one of the `finally` steps.
pub fn write(report: &Report, context: &PageContext, page: &mut Page) {
    let services: Vec<String> = report.pipeline.steps().zip(&report.steps).filter_map(service).collect();
    if !services.is_empty() {
        page.add(&format!("Services: {}\n\n", services.join(", ")));
    }
    write_table(report, context, false, page);
    write_table(report, context, true, page);
}

/// Returns a service that got ready, with the time that this took.
fn service(((_, step), known): ((StepId, &Step), &StepReport)) -> Option<String> {
    let after = known.ready.filter(|_| step.role == Role::Service)?;
    Some(format!("{} {}", plain(&step.name), duration(after)))
}

fn write_table(report: &Report, context: &PageContext, is_later: bool, page: &mut Page) {
    let groups = report.pipeline.groups.iter();
    let green: Vec<&Group> = groups.filter(|group| is_green(report, group, is_later)).collect();
    let folded: BTreeSet<StepId> = green.iter().flat_map(|group| group.members.iter().copied()).collect();
    let ids = (0..report.steps.len()).map(StepId::new);
    let ids = ids.filter(|id| report.is_later(*id) == is_later && !folded.contains(id));
    let rows: Vec<String> = ids.filter_map(|id| row(report, context, id)).collect();
    if rows.is_empty() && green.is_empty() {
        return;
    }
    if is_later {
        page.add("**finally**\n\n");
    }
    write_rows(rows, page);
    for group in green {
        write_group(report, context, group, page);
    }
}

/// Adds a group of which all steps went well, folded away.
fn write_group(report: &Report, context: &PageContext, group: &Group, page: &mut Page) {
    let took = |step: &StepId| match report.steps.get(step.index()).map(|step| &step.state) {
        Some(StepState::Finished { outcome: _, duration }) => Some(*duration),
        Some(StepState::Waiting | StepState::Running { .. } | StepState::Retrying { .. }) | None => None,
    };
    let times = || group.members.iter().filter_map(took);
    let (shortest, longest) = (times().min().unwrap_or_default(), times().max().unwrap_or_default());
    let title = format!("✓ {}: {} – {}", group.label(), duration(shortest), duration(longest));
    let (before, after) = folded(&title);
    let rows = group.members.iter().filter_map(|step| row(report, context, *step));
    page.add_between(&(before + HEAD), rows, after);
}

/// Returns whether a group of this part of the run has several steps, and all of them went well.
fn is_green(report: &Report, group: &Group, is_later: bool) -> bool {
    let went_well = |step: &StepId| {
        report.is_later(*step) == is_later
            && report.steps.get(step.index()).is_some_and(|step| step.outcome() == Some(&Outcome::Succeeded))
    };
    group.members.len() > 1 && group.members.iter().all(went_well)
}

fn write_rows(rows: Vec<String>, page: &mut Page) {
    if rows.is_empty() {
        return;
    }
    let (before, after) = match rows.len() {
        ..=UNFOLDED => (String::new(), "\n"),
        many => folded(&count(many, "step")),
    };
    page.add_between(&(before + HEAD), rows, after);
}

/// Returns a step that has ended. A feed is not one of the user's steps, and shows only when it has failed.
fn row(report: &Report, context: &PageContext, id: StepId) -> Option<String> {
    let step = report.steps.get(id.index())?;
    let StepState::Finished { outcome, duration: took } = &step.state else { return None };
    if !report.counts(id) && !outcome.is_failure() {
        return None;
    }
    let (mark, _) = words::mark(outcome);
    let notes = match words::passed_over(&report.pipeline, outcome) {
        Some(why) => format!("skipped (condition): {why}"),
        None => words::outcome(&report.pipeline, outcome),
    };
    let mut notes = context.secrets.text(&notes);
    if let Some(container) = words::container(&report.pipeline, id).filter(|_| step.attempt > 0) {
        notes += &format!(", {container}");
    }
    if let Some(lane) = step.lane {
        notes += &format!(", {} lane", lane.name());
    }
    if step.leaky {
        notes += ", left a process behind";
    }
    let (attempts, time) = match step.attempt {
        0 => (String::new(), String::new()),
        attempts => (attempts.to_string(), duration(*took)),
    };
    let label = plain(&words::label(&report.pipeline, id));
    let about = report.pipeline.step(id).description.as_deref();
    let name = about.map_or_else(|| label.clone(), |about| format!("{label}<br>{}", plain(about)));
    Some(format!("| {mark} | {name} | {} | {attempts} | {time} |\n", sentence(&notes)))
}
