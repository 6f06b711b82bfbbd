//! How the steps before a `finally` step have ended: `run.outcome`, `run.cause` and `steps.NAME.outcome`.

use std::collections::BTreeMap;

use minijinja::value::Value;

use super::references::Path;
use super::{TemplateError, TemplateErrorKind};
use crate::pipeline::{BodyEnd, EndRef, Outcome, Role, RunOutcome, Verdict};

/// The names under `run` that only `finally` steps know.
pub(super) const OF_RUN: [&str; 2] = ["outcome", "cause"];

/// Returns the words that `run.outcome` can be.
pub(super) fn words_of_run() -> Vec<String> {
    RunOutcome::ALL.iter().map(|outcome| outcome.word().to_owned()).collect()
}

/// Returns the words that `steps.NAME.outcome` can be.
pub(super) fn words_of_step() -> Vec<String> {
    Outcome::WORDS.iter().map(|word| (*word).to_owned()).collect()
}

/// Returns what a path asks, if it asks how something has ended.
pub(super) fn read(path: &Path<'_>, text: &str, role: Role) -> Option<Result<EndRef, TemplateError>> {
    let step = match (path.root, path.attributes.as_slice()) {
        ("run", [name]) if OF_RUN.contains(name) => None,
        ("steps", [step, "outcome"]) => Some((*step).to_owned()),
        _ => return None,
    };
    let range = path.range.clone();
    Some(match role {
        Role::Finally => Ok(EndRef { step, range }),
        Role::Ordinary | Role::Service | Role::Container => {
            let message = format!("`{text}` is not defined here");
            let help = match &step {
                None => "known only when the run is over: write `finally: true`".to_owned(),
                Some(step) => format!(
                    "ask it in a step with `finally: true`, or in a condition: `if: success('{step}')`"
                ),
            };
            Err(TemplateError { kind: TemplateErrorKind::Undefined, range, message, help: Some(help) })
        }
    })
}

/// Returns `run` with what a text asks of the run; nothing if it asks nothing.
pub(super) fn run(ends: &[EndRef], known: Option<&Value>, body: Option<&BodyEnd>) -> Option<Value> {
    ends.iter().find(|end| end.step.is_none())?;
    let of = |name: &str| Some((name.to_owned(), known?.get_attr(name).ok()?));
    let mut run: BTreeMap<String, Value> = ["id", "started_at"].into_iter().filter_map(of).collect();
    let (outcome, cause) = match body {
        Some(body) => (body.outcome.word().into(), body.cause.clone()),
        None => ("<run.outcome>".to_owned(), "<run.cause>".to_owned()),
    };
    run.extend([("outcome".to_owned(), outcome.into()), ("cause".to_owned(), cause.into())]);
    Some(Value::from_object(run))
}

/// Returns the word for the end of a step.
pub(super) fn of_step(step: &str, body: Option<&BodyEnd>) -> Value {
    match body {
        // One that has not ended has not run either.
        Some(body) => Value::from(body.steps.get(step).copied().unwrap_or("skipped")),
        None => Value::from(format!("<outcome of {step}>")),
    }
}

/// Returns what `success()` and its like ask of the run.
pub(super) fn verdict(body: &BodyEnd) -> Verdict {
    match body.outcome {
        RunOutcome::Succeeded => Verdict::Success,
        RunOutcome::Failed | RunOutcome::Error => Verdict::Failure,
        RunOutcome::Cancelled => Verdict::Cancelled,
    }
}
