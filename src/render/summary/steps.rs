//! The table of steps.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::table::{self, Row};
use crate::pipeline::{GroupId, Outcome, SkipReason, StepId};
use crate::render::human::{self, duration};
use crate::render::style::{Sheet, Tone};
use crate::render::{Report, StepReport, StepState, text, words};

/// Rows at most. Past them, what failed is shown before what succeeded, and slow steps before quick ones.
const ROWS: usize = 40;

/// Rows at most of a run that did not go well, where more would push the cause off the screen.
const FEW: usize = 10;

/// A start that took this long is shown apart from the time of its step.
pub(super) const LONG_START: Duration = Duration::from_secs(1);

/// Appends the table, in the order of the file, and a line for what it leaves out.
pub fn write(report: &Report, sheet: Sheet, out: &mut String) {
    let ended: Vec<Ended<'_>> =
        report.steps.iter().enumerate().filter_map(|(n, step)| ended(report, n, step)).collect();
    let (later, body): (Vec<_>, Vec<_>) = ended.into_iter().partition(|step| report.is_later(step.id));
    write_table(report, body, sheet, out);
    if !later.is_empty() {
        *out += &format!("{}\n", sheet.palette.paint(Tone::Faint, "finally"));
        write_table(report, later, sheet, out);
    }
}

fn write_table(report: &Report, mut ended: Vec<Ended<'_>>, sheet: Sheet, out: &mut String) {
    let (shown, folded) = match report.went_wrong() {
        true if ended.len() > FEW => only_failures(&ended),
        _ => {
            ended = fold(report, ended);
            choose(&ended)
        }
    };
    let rows: Vec<Row> = shown.iter().map(|step| row(report, step)).collect();
    table::write(&rows, sheet, out);
    for (tone, line) in folded {
        *out += &format!("  {}\n", sheet.palette.paint(tone, line));
    }
}

struct Ended<'a> {
    id: StepId,
    step: &'a StepReport,
    outcome: &'a Outcome,
    duration: Duration,
    /// The others of its group that it stands for.
    fold: Option<Fold>,
}

/// Steps of a group that all went well, in one row.
struct Fold {
    count: usize,
    shortest: Duration,
}

/// Returns the steps with those of each group that succeeded in one row, where there are several.
fn fold<'a>(report: &Report, ended: Vec<Ended<'a>>) -> Vec<Ended<'a>> {
    let group_of = |step: &Ended<'_>| match step.outcome {
        Outcome::Succeeded => report.pipeline.step(step.id).group(),
        Outcome::Failed(_)
        | Outcome::TimedOut
        | Outcome::Tainted { producer: _ }
        | Outcome::Cancelled
        | Outcome::Skipped(_)
        | Outcome::Reused
        | Outcome::LeftOut
        | Outcome::Ignored(_) => None,
    };
    let mut places: BTreeMap<GroupId, usize> = BTreeMap::new();
    let mut folded: Vec<Ended<'a>> = Vec::with_capacity(ended.len());
    for step in ended {
        let Some(group) = group_of(&step) else {
            folded.push(step);
            continue;
        };
        let place = *places.entry(group).or_insert(folded.len());
        match folded.get_mut(place) {
            None => folded.push(step),
            Some(first) => {
                let own = Fold { count: 1, shortest: first.duration };
                let fold = first.fold.get_or_insert(own);
                fold.count += 1;
                fold.shortest = fold.shortest.min(step.duration);
                first.duration = first.duration.max(step.duration);
            }
        }
    }
    folded
}

/// Returns a step with its end. A feed is not one of the user's steps, and shows only when it has failed; services
/// have a table of their own.
fn ended<'a>(report: &Report, index: usize, step: &'a StepReport) -> Option<Ended<'a>> {
    let id = StepId::new(index);
    let StepState::Finished { outcome, duration } = &step.state else {
        return None;
    };
    (report.counts(id) || outcome.is_failure() && !report.is_beside(id)).then_some(Ended {
        id,
        step,
        outcome,
        duration: *duration,
        fold: None,
    })
}

/// What is shown, and a line for each kind of what is not.
type Choice<'a, 'b> = (Vec<&'b Ended<'a>>, Vec<(Tone, String)>);

/// Returns the steps that failed by themselves, and counts the others by how they ended.
fn only_failures<'a, 'b>(ended: &'b [Ended<'a>]) -> Choice<'a, 'b> {
    let (mut failed, others): (Vec<_>, Vec<_>) = ended.iter().partition(|step| group(step.outcome).is_none());
    let surplus = failed.split_off(failed.len().min(FEW)).len();
    let count = |what: &'static str| {
        let steps: Vec<_> = others.iter().filter(|step| group(step.outcome) == Some(what)).collect();
        let (mark, tone) = words::mark(steps.first()?.outcome);
        let line = match what {
            "succeeded" => format!("{mark}  {} succeeded", human::count(steps.len(), "step")),
            _ => format!("{mark}  {} {what}", steps.len()),
        };
        Some((tone, line))
    };
    let more = (surplus > 0).then(|| (Tone::Bad, format!("✗  {surplus} more failed")));
    (failed, more.into_iter().chain(GROUPS.into_iter().filter_map(count)).collect())
}

/// The words of [`group`], in the order in which they are shown.
const GROUPS: [&str; 7] =
    ["succeeded", words::PASSED_OVER, "done before", "left out", "tainted", "cancelled", "skipped"];

/// Returns the word for steps that can be folded into a number; none for those that failed by themselves.
fn group(outcome: &Outcome) -> Option<&'static str> {
    Some(match outcome {
        Outcome::Succeeded => "succeeded",
        Outcome::Reused => "done before",
        Outcome::LeftOut => "left out",
        Outcome::Tainted { .. } => "tainted",
        Outcome::Cancelled => "cancelled",
        Outcome::Skipped(SkipReason::Dependency(_) | SkipReason::Stopped) => "skipped",
        Outcome::Skipped(SkipReason::Condition(_) | SkipReason::Without(_)) => words::PASSED_OVER,
        Outcome::Failed(_) | Outcome::TimedOut | Outcome::Ignored(_) => return None,
    })
}

/// Returns what to show, in the order of the file, and what to say of the rest.
fn choose<'a, 'b>(ended: &'b [Ended<'a>]) -> Choice<'a, 'b> {
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
            Some((Tone::Faint, line))
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
    if let (Some(fold), Some(member)) = (&ended.fold, &report.pipeline.step(ended.id).member) {
        let name = &report.pipeline.group(member.group).name;
        return Row::default()
            .left(tone, mark)
            .left(Tone::Normal, format!("{name} ×{}", fold.count))
            .right(Tone::Normal, format!("{} – {}", duration(fold.shortest), duration(ended.duration)))
            .left(tone, String::new());
    }
    let ran = ended.step.attempt > 0;
    let mut notes = Vec::new();
    if *ended.outcome != Outcome::Succeeded {
        notes.push(text::one_line(&words::outcome_in_full(
            &report.pipeline,
            ended.outcome,
            &ended.step.circumstances,
        )));
    }
    if ended.step.starting >= LONG_START {
        notes.push(format!("{} of it to start", duration(ended.step.starting)));
    }
    notes.extend(words::container(&report.pipeline, ended.id).filter(|_| ran));
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
