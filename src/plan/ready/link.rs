//! What each step waits for, and which steps wait for it.

use super::gather::{gather, stood_before};
use super::{Phase, StepState};
use crate::pipeline::{Need, Pipeline, Role, StepId};
use crate::plan::{EdgeKind, Plan};

/// Returns the steps with what each waits for, and which steps wait for it.
pub(super) fn link(
    plan: &Plan,
    pipeline: &Pipeline,
    gang_of: &[usize],
    role: Role,
    runs: &impl Fn(StepId) -> bool,
) -> Vec<StepState> {
    let is_one = |id: StepId| pipeline.step(id).role == role;
    let state = |(index, &gang): (usize, &usize)| {
        let phase = match StepId::new(index) {
            // A step of another role has no part in this.
            id if !is_one(id) => Phase::Ended,
            id if runs(id) => Phase::Waiting,
            _ => Phase::Keeping,
        };
        StepState { gang, phase, ..StepState::default() }
    };
    let mut steps: Vec<StepState> = gang_of.iter().enumerate().map(state).collect();
    for (id, step) in pipeline.steps().filter(|(id, _)| is_one(*id)) {
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
    let has_gatherers = gather(plan, pipeline, &mut steps, runs);
    for (id, stream) in pipeline.streams().filter(|(_, stream)| is_one(stream.producer)) {
        let gathers = |reader: StepId| {
            has_gatherers && pipeline.step(reader).reads(id).is_some_and(|input| input.is_gathered)
        };
        for &reader in stream.readers.iter().filter(|reader| is_one(**reader)) {
            let edge = plan.edge(id, reader);
            if matches!(edge, EdgeKind::Live) && runs(reader) && !runs(stream.producer) && gathers(reader) {
                for before in stood_before(&steps, stream.producer) {
                    steps[before.index()].dependents.push(reader);
                    steps[reader.index()].missing += 1;
                }
                continue;
            }
            let producer = &mut steps[stream.producer.index()];
            match edge {
                EdgeKind::Live if runs(reader) => {
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
