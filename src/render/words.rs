//! The words and marks of outcomes, the same in every renderer.

use std::borrow::Cow;
use std::time::Duration;

use super::Tally;
use super::human::duration;
use super::style::{Palette, Tone};
use crate::event::Circumstances;
use crate::pipeline::{
    Action, Feed, NotRetried, Outcome, Pipeline, SkipReason, StepId, TimeLimit, signal_name,
};

/// What steps are that were passed over, in a count of them.
pub const PASSED_OVER: &str = "skipped by condition";

/// Returns the mark of an outcome, one column wide, and its tone.
pub fn mark(outcome: &Outcome) -> (&'static str, Tone) {
    match outcome {
        Outcome::Succeeded => ("✓", Tone::Good),
        Outcome::Failed(_) | Outcome::TimedOut => ("✗", Tone::Bad),
        Outcome::Ignored(_) => ("!", Tone::Doubtful),
        Outcome::Tainted { .. } => ("~", Tone::Doubtful),
        Outcome::Cancelled => ("■", Tone::Doubtful),
        Outcome::Skipped(_) | Outcome::LeftOut => ("-", Tone::Faint),
        Outcome::Reused => ("=", Tone::Faint),
    }
}

/// Returns how a step ended, as the rest of a sentence about it.
pub fn outcome(pipeline: &Pipeline, outcome: &Outcome) -> String {
    match outcome {
        Outcome::Succeeded => "succeeded".into(),
        Outcome::Failed(failure) => format!("failed: {failure}"),
        Outcome::TimedOut => "timed out".into(),
        Outcome::Ignored(failure) => format!("failed, ignored: {failure}"),
        Outcome::Tainted { producer } => format!("tainted by `{}`", label(pipeline, *producer)),
        Outcome::Cancelled => "cancelled".into(),
        Outcome::Reused => "done before".into(),
        Outcome::LeftOut => "left out".into(),
        Outcome::Skipped(SkipReason::Dependency(step)) => {
            format!("skipped: `{}` did not succeed", label(pipeline, *step))
        }
        Outcome::Skipped(SkipReason::Stopped) => "skipped: the run was stopped".into(),
        Outcome::Skipped(SkipReason::Condition(_) | SkipReason::Without(_)) => {
            format!("skipped: {}", passed_over(pipeline, outcome).unwrap_or_default())
        }
    }
}

/// Returns why a step was passed over, if it was.
pub fn passed_over(pipeline: &Pipeline, outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Skipped(SkipReason::Condition(words)) => Some(words.clone()),
        Outcome::Skipped(SkipReason::Without(step)) => {
            Some(format!("it needs `{}`, which did not run", label(pipeline, *step)))
        }
        Outcome::Skipped(SkipReason::Dependency(_) | SkipReason::Stopped)
        | Outcome::Succeeded
        | Outcome::Failed(_)
        | Outcome::TimedOut
        | Outcome::Ignored(_)
        | Outcome::Tainted { .. }
        | Outcome::Cancelled
        | Outcome::Reused
        | Outcome::LeftOut => None,
    }
}

/// Returns how a step ended, and what else is known of that: which time limit was over, why it was not tried again.
pub fn outcome_in_full(pipeline: &Pipeline, of: &Outcome, circumstances: &Circumstances) -> String {
    let Circumstances { limit, not_retried, command: _ } = circumstances;
    let mut text = outcome(pipeline, of);
    match limit {
        Some(TimeLimit::Step(length)) => {
            text += &format!(": its `timeout` of {} was over", limit_of(*length))
        }
        Some(TimeLimit::Attempt(length)) => {
            text +=
                &format!(": the `timeout` of its `retry`, {} for one attempt, was over", limit_of(*length));
        }
        None => {}
    }
    match not_retried {
        Some(NotRetried::OnExit) => match exit_code(of) {
            Some(code) => text += &format!("; not retried: {code} is not in `on_exit`"),
            None => text += "; not retried: `on_exit` is for exit codes alone",
        },
        Some(NotRetried::NoTime) => text += "; not retried: its `timeout` leaves no time for it",
        None => {}
    }
    text
}

fn exit_code(outcome: &Outcome) -> Option<i32> {
    match outcome {
        Outcome::Failed(failure) | Outcome::Ignored(failure) => failure.exit_code(),
        Outcome::Succeeded
        | Outcome::TimedOut
        | Outcome::Tainted { .. }
        | Outcome::Cancelled
        | Outcome::Skipped(_)
        | Outcome::Reused
        | Outcome::LeftOut => None,
    }
}

/// Returns a length as a file has it: `30 s`, not `30.0 s`.
fn limit_of(length: Duration) -> String {
    duration(length).replace(".0 s", " s")
}

/// Returns the label of a step: its name, or the source of a feed.
pub fn label(pipeline: &Pipeline, id: StepId) -> Cow<'_, str> {
    match pipeline.steps.get(id.index()).map(|step| (&step.action, step.name.as_str())) {
        Some((Action::Feed(Feed::Stdin), _)) => "standard input".into(),
        Some((Action::Feed(Feed::File(path)), _)) => path.to_string_lossy(),
        Some((Action::Run(_) | Action::Exec(_) | Action::Wait, name)) => name.into(),
        None => "?".into(),
    }
}

/// Returns in which shared container a step runs: `in ci`.
pub fn container(pipeline: &Pipeline, id: StepId) -> Option<String> {
    let shared = pipeline.steps.get(id.index())?.shared?;
    Some(format!("in {}", label(pipeline, shared.step)))
}

/// Returns how long a service took to get ready, as the rest of a sentence about it.
pub fn ready(after: Duration) -> String {
    match after.as_millis() {
        0 => "ready at once".to_owned(),
        _ => format!("ready in {}", duration(after)),
    }
}

/// Returns how many steps are in which state, those that failed in red: `2 done, 1 failed, 3 running, 4 waiting`.
/// Others are counted where there are some. `names` go after the number of those that run.
pub fn counts(tally: &Tally, names: &str, palette: Palette) -> String {
    let mut parts = vec![format!("{} done", tally.good())];
    if tally.failed > 0 {
        parts.push(palette.paint(Tone::Bad, format!("{} failed", tally.failed)).to_string());
    }
    parts.push(format!("{} running{names}", tally.running));
    parts.push(format!("{} waiting", tally.waiting()));
    let others = [
        (tally.tainted, "tainted"),
        (tally.cancelled, "cancelled"),
        (tally.skipped, "skipped"),
        (tally.passed_over, PASSED_OVER),
        (tally.left_out, "left out"),
    ];
    parts
        .extend(others.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")));
    parts.join(", ")
}

/// Returns the name of a signal.
pub fn signal(number: i32) -> Cow<'static, str> {
    signal_name(number).map_or_else(|| format!("signal {number}").into(), Cow::from)
}
