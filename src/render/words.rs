//! The words and marks of outcomes, the same in every renderer.

use std::borrow::Cow;

use super::style::Tone;
use crate::pipeline::{Action, Feed, Outcome, Pipeline, SkipReason, StepId, signal_name};

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
    }
}

/// Returns the label of a step: its name, or the source of a feed.
pub fn label(pipeline: &Pipeline, id: StepId) -> Cow<'_, str> {
    match pipeline.steps.get(id.index()).map(|step| (&step.action, step.name.as_str())) {
        Some((Action::Feed(Feed::Stdin), _)) => "standard input".into(),
        Some((Action::Feed(Feed::File(path)), _)) => path.to_string_lossy(),
        Some((Action::Run(_) | Action::Exec(_), name)) => name.into(),
        None => "?".into(),
    }
}

/// Returns the name of a signal.
pub fn signal(number: i32) -> Cow<'static, str> {
    signal_name(number).map_or_else(|| format!("signal {number}").into(), Cow::from)
}
