//! Groups that may not run at once what must run together.

use crate::pipeline::{Group, GroupId, GroupKind, Pipeline, StepId, StreamId};

use super::{EdgeKind, Plan};

/// A gang with more steps of a group than may run at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crowd {
    /// The group.
    pub group: GroupId,
    /// How many of its steps start together.
    pub members: usize,
    /// A live stream that one of them is joined to the others by.
    pub stream: Option<StreamId>,
}

/// Returns the matrices whose `max_parallel` no run can keep, each once. What is too much for the `max_parallel` of a
/// file starts alone, as it does where the file runs by itself.
pub fn crowded(pipeline: &Pipeline, plan: &Plan) -> Vec<Crowd> {
    let capped = pipeline
        .groups
        .iter()
        .enumerate()
        .filter(|(_, group)| group.kind == GroupKind::Matrix)
        .filter_map(|(index, group)| Some((GroupId::new(index), group, group.max_parallel?.get())));
    capped.filter_map(|(id, group, most)| crowd(pipeline, plan, id, group, most)).collect()
}

fn crowd(pipeline: &Pipeline, plan: &Plan, id: GroupId, group: &Group, most: usize) -> Option<Crowd> {
    let together = |step: &StepId| {
        let gang = plan.gang_of(*step);
        group.members.iter().filter(|other| plan.gang_of(**other) == gang).count()
    };
    let first = group.members.iter().find(|step| together(step) > most)?;
    let is_live = |stream: StreamId, reader: StepId| *plan.edge(stream, reader) == EdgeKind::Live;
    let read = pipeline.step(*first).inputs.iter().map(|input| input.port.stream);
    let read = read.into_iter().find(|stream| is_live(*stream, *first));
    let made = pipeline.step(*first).output.map(|port| port.stream);
    Some(Crowd { group: id, members: together(first), stream: read.or(made) })
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;
    use crate::pipeline::{Span, testing};

    fn capped(text: &str, most: usize) -> Option<(usize, String)> {
        let mut pipeline = testing::pipeline(text);
        let members: Vec<StepId> =
            pipeline.steps().filter(|(_, step)| step.name.starts_with("t.")).map(|(id, _)| id).collect();
        let group = Group::of_matrix("t", Span::default(), members);
        pipeline.groups.push(Group { max_parallel: NonZeroUsize::new(most), ..group });
        let plan = Plan::new(&pipeline).unwrap();
        let crowd = crowded(&pipeline, &plan).pop()?;
        Some((crowd.members, pipeline.stream(crowd.stream?).name.clone()))
    }

    #[test]
    fn a_gang_has_no_more_steps_of_a_group_than_may_run_at_once() {
        let live = "p > s\nt.a < s\nt.b < s\nt.c < s";
        assert_eq!(capped(live, 2), Some((3, "s".into())));
        assert_eq!(capped(live, 3), None);
        assert_eq!(capped("p > s\nt.a after p\nt.b after p\nt.c after p", 1), None);
        assert_eq!(capped("t.a > x\nt.b > y\nr < x < y", 1), Some((2, "x".into())));
    }
}
