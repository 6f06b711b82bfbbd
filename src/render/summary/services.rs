//! The table of services. A shared container is in it if it has failed, or took long to start.

use super::steps::LONG_START;
use super::table::{self, Row};
use crate::pipeline::{Outcome, Role, Step, StepId};
use crate::render::human::{self, duration};
use crate::render::style::{Sheet, Tone};
use crate::render::{Report, StepReport, text, words};

/// Rows at most; those that failed come first.
const ROWS: usize = 10;

/// Appends the table, in the order of the file, and a line for what it leaves out.
pub fn write(report: &Report, sheet: Sheet, out: &mut String) {
    let steps = report.pipeline.steps().zip(&report.steps);
    let mut ended: Vec<(StepId, &StepReport, &Outcome)> = steps
        .filter_map(|((id, step), known)| Some((id, step, known, known.outcome()?)))
        .filter(|(_, step, known, outcome)| is_shown(step, known, outcome))
        .map(|(id, _, known, outcome)| (id, known, outcome))
        .collect();
    ended.sort_by_key(|(_, _, outcome)| !outcome.is_failure());
    let more = ended.split_off(ended.len().min(ROWS)).len();
    ended.sort_by_key(|(id, ..)| *id);
    let rows: Vec<Row> =
        ended.into_iter().map(|(id, known, outcome)| row(report, id, known, outcome)).collect();
    table::write(&rows, sheet, out);
    if more > 0 {
        *out += &format!(
            "  {}\n",
            sheet.palette.paint(Tone::Faint, format!("… {}", human::count(more, "more service")))
        );
    }
}

fn is_shown(step: &Step, known: &StepReport, outcome: &Outcome) -> bool {
    match step.role {
        Role::Ordinary | Role::Finally => false,
        Role::Service => true,
        Role::Container => outcome.is_failure() || known.starting >= LONG_START,
    }
}

/// Returns how one has ended: `✓ db  ready in 1.2 s, up 14 s`.
fn row(report: &Report, id: StepId, known: &StepReport, outcome: &Outcome) -> Row {
    let (mark, tone) = words::mark(outcome);
    let mut notes = Vec::new();
    if *outcome != Outcome::Succeeded {
        notes.push(text::one_line(&words::outcome_in_full(&report.pipeline, outcome, &known.circumstances)));
    }
    if known.starting >= LONG_START {
        notes.push(format!("started in {}", duration(known.starting)));
    }
    match known.ready {
        Some(after) if report.pipeline.step(id).role == Role::Service => {
            notes.push(words::ready(after));
        }
        Some(_) => {}
        None if *outcome == Outcome::Succeeded => {
            notes.push("not needed any more before it was ready".into())
        }
        None => {}
    }
    if known.ready.is_some() {
        notes.push(format!("up {}", duration(known.up)));
    }
    if known.attempt > 1 {
        notes.push(human::count(known.attempt as usize, "attempt"));
    }
    let name = words::label(&report.pipeline, id);
    Row::default().left(tone, mark).left(Tone::Normal, name).left(tone, notes.join(", "))
}
