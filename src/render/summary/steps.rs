//! The table of steps.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::time::Duration;

use super::table::{self, Row};
use crate::pipeline::{Outcome, StepId};
use crate::render::human::{self, duration};
use crate::render::style::{Palette, Tone};
use crate::render::{Report, StepReport, StepState, text, words};

/// Rows at most. Past them, what failed is shown before what succeeded, and slow steps before quick ones.
const ROWS: usize = 40;

/// Appends the table, in the order of the file, and a line for what it leaves out.
pub fn write(report: &Report, palette: Palette, out: &mut String) {
    let ended: Vec<Ended<'_>> =
        report.steps.iter().enumerate().filter_map(|(n, step)| ended(report, n, step)).collect();
    let (shown, folded) = choose(&ended);
    let rows: Vec<Row> = shown.iter().map(|step| row(report, step)).collect();
    table::write(&rows, palette, out);
    for line in folded {
        *out += &format!("  {}\n", palette.paint(Tone::Faint, line));
    }
}

struct Ended<'a> {
    id: StepId,
    step: &'a StepReport,
    outcome: &'a Outcome,
    duration: Duration,
}

/// Returns a step with its end. A feed is not one of the user's steps, and shows only when it has failed.
fn ended<'a>(report: &Report, index: usize, step: &'a StepReport) -> Option<Ended<'a>> {
    let id = StepId::new(index);
    let StepState::Finished { outcome, duration } = &step.state else {
        return None;
    };
    (report.counts(id) || outcome.is_failure()).then_some(Ended { id, step, outcome, duration: *duration })
}

/// Returns what to show, in the order of the file, and what to say of the rest.
fn choose<'a, 'b>(ended: &'b [Ended<'a>]) -> (Vec<&'b Ended<'a>>, Vec<String>) {
    if ended.len() <= ROWS {
        return (ended.iter().collect(), Vec::new());
    }
    let mut ranked: Vec<&Ended<'_>> = ended.iter().collect();
    ranked.sort_by_key(|step| (rank(step.outcome), Reverse(step.duration.as_millis()), step.id));
    let shown: BTreeSet<StepId> = ranked.iter().take(ROWS).map(|step| step.id).collect();
    let rest = ranked.get(ROWS..).unwrap_or_default();
    let folded = [("succeeded", 1), ("were skipped", 2), ("did not succeed", 0)].into_iter().filter_map(
        |(what, of)| {
            let steps: Vec<_> = rest.iter().filter(|step| rank(step.outcome) == of).collect();
            let longest = steps.iter().map(|step| step.duration).max()?;
            let mut line = format!("… {} more {what}", steps.len());
            if of == 1 {
                line += &format!(", in at most {}", duration(longest));
            }
            Some(line)
        },
    );
    (ended.iter().filter(|step| shown.contains(&step.id)).collect(), folded.collect())
}

fn rank(outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::Succeeded => 1,
        Outcome::Skipped(_) | Outcome::Reused | Outcome::LeftOut => 2,
        Outcome::Failed(_)
        | Outcome::TimedOut
        | Outcome::Tainted { .. }
        | Outcome::Cancelled
        | Outcome::Ignored(_) => 0,
    }
}

fn row(report: &Report, ended: &Ended<'_>) -> Row {
    let (mark, tone) = words::mark(ended.outcome);
    let ran = ended.step.attempt > 0;
    let mut notes = Vec::new();
    if *ended.outcome != Outcome::Succeeded {
        notes.push(text::one_line(&words::outcome(&report.pipeline, ended.outcome)));
    }
    if let Some(lane) = ended.step.lane {
        notes.push(format!("{} lane", lane.name()));
    }
    if ran && report.pipeline.step(ended.id).terminal {
        notes.push("had the terminal: its log is empty".into());
    }
    if ended.step.attempt > 1 {
        notes.push(human::count(ended.step.attempt as usize, "attempt"));
    }
    if ended.step.leaky {
        notes.push("left a process behind".into());
    }
    Row::default()
        .left(tone, mark)
        .left(Tone::Normal, words::label(&report.pipeline, ended.id))
        .right(Tone::Normal, if ran { duration(ended.duration) } else { String::new() })
        .left(tone, notes.join(", "))
}
