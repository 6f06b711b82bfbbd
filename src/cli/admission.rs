//! What a step waits for beside others, for the commands that show a plan.

use crate::pipeline::{Concurrency, Step};
use crate::render::one_line;

/// Returns what a step asks and which name it holds, in words that follow its name.
pub(super) fn words(step: &Step) -> Vec<String> {
    let Some(admission) = &step.admission else { return Vec::new() };
    let asks =
        admission.confirm.iter().map(|text| format!("asks `{}` before it starts", one_line(&text.source)));
    asks.chain(admission.concurrency.iter().map(holds)).collect()
}

/// Returns which name a step or a run holds.
pub(super) fn holds(concurrency: &Concurrency) -> String {
    let Concurrency { group, name, .. } = concurrency;
    let name = if name.is_empty() { group.source.trim() } else { name };
    format!("has `{}` for itself", one_line(name))
}
