//! The table of steps.

use super::markdown::{folded, plain, sentence};
use super::page::Page;
use super::{PageContext, UNFOLDED};
use crate::pipeline::StepId;
use crate::render::human::{count, duration};
use crate::render::{Report, StepState, words};

const HEAD: &str = "| | step | outcome | attempts | time |\n|---|---|---|---:|---:|\n";

/// Adds the table, in the order of the file, and one of the `finally` steps.
pub fn write(report: &Report, context: &PageContext, page: &mut Page) {
    write_table(report, context, false, page);
    write_table(report, context, true, page);
}

fn write_table(report: &Report, context: &PageContext, is_later: bool, page: &mut Page) {
    let ids = (0..report.steps.len()).map(StepId::new).filter(|id| report.is_later(*id) == is_later);
    let rows: Vec<String> = ids.filter_map(|id| row(report, context, id)).collect();
    if rows.is_empty() {
        return;
    }
    if is_later {
        page.add("**finally**\n\n");
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
