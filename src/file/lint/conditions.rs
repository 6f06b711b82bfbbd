//! Steps that are switched off, and are waited for all the same.

use super::Scene;
use crate::file::{Code, Diagnostic};
use crate::pipeline::Step;

pub(super) fn check(scene: &Scene<'_>, found: &mut Vec<Diagnostic>) {
    let pipeline = scene.pipeline;
    for dependency in pipeline.steps.iter().flat_map(|step| &step.depends_on) {
        let step = pipeline.step(dependency.step);
        if is_off(step) {
            let message = format!("`{}` never runs: its `if` is false", step.name);
            let problem = Diagnostic::at(Code::NeverRuns, &pipeline.source, dependency.at, message);
            found.push(problem.help("take it out here, or give it a condition that can be true"));
        }
    }
}

fn is_off(step: &Step) -> bool {
    step.condition.as_ref().is_some_and(|condition| condition.text.source == "false")
}
