//! What each step waits for, and which steps wait for it.

use super::gather::gather;
use super::{Phase, StepState};
use crate::pipeline::{Need, Pipeline, StepId};
use crate::plan::{EdgeKind, Plan};

/// Returns the steps with what each waits for, and which steps wait for it.
pub(super) fn link(
    plan: &Plan,
    pipeline: &Pipeline,
    gang_of: &[usize],
    runs: &impl Fn(StepId) -> bool,
) -> Vec<StepState> {
    let state = |(index, &gang): (usize, &usize)| {
        let phase = if runs(StepId::new(index)) { Phase::Waiting } else { Phase::Keeping };
        StepState { gang, phase, ..StepState::default() }
    };
    let mut steps: Vec<StepState> = gang_of.iter().enumerate().map(state).collect();
    for (id, step) in pipeline.steps() {
        for dependency in &step.depends_on {
            let before = &mut steps[dependency.step.index()];
            before.dependents.push(id);
            match dependency.need {
                Need::Values => before.in_need.push(id),
                Need::Order => {}
            }
            steps[id.index()].missing += 1;
        }
    }
    gather(pipeline, &mut steps, runs);
    for (id, stream) in pipeline.streams() {
        let gathers = |reader: StepId| pipeline.step(reader).reads(id).is_some_and(|input| input.is_gathered);
        for &reader in &stream.readers {
            let producer = &mut steps[stream.producer.index()];
            match plan.edge(id, reader) {
                EdgeKind::Live if runs(reader) && (runs(stream.producer) || !gathers(reader)) => {
                    producer.live_readers.push(reader);
                    steps[reader.index()].live_producers.push(stream.producer);
                    continue;
                }
                EdgeKind::Stored(_) if runs(reader) => producer.stored_readers.push(reader),
                // It gets no bytes, so that no lack of them matters to it.
                EdgeKind::Live | EdgeKind::Stored(_) => producer.dependents.push(reader),
            }
            steps[reader.index()].missing += 1;
        }
    }
    steps
}
