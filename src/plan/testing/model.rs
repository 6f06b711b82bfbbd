//! A model of plans that is slow and plain.

use super::super::{EdgeKind, Plan};
use crate::pipeline::{Pipeline, StepId, StreamId};

/// Links, from and to.
pub(in crate::plan) type Pairs = Vec<(usize, usize)>;

/// Everything about a pipeline and its plan that tests compare with, found the slow way.
pub(in crate::plan) struct Model {
    pub(in crate::plan) steps: usize,
    pub(in crate::plan) order: Pairs,
    /// Stream, producer, reader.
    pub(in crate::plan) streams: Vec<(StreamId, usize, usize)>,
}

impl Model {
    pub(in crate::plan) fn new(pipeline: &Pipeline) -> Self {
        let order = pipeline
            .steps()
            .flat_map(|(id, step)| step.depends_on.iter().map(move |on| (on.step.index(), id.index())));
        let streams = pipeline.streams().flat_map(|(id, stream)| {
            stream.readers.iter().map(move |it| (id, stream.producer.index(), it.index()))
        });
        Self { steps: pipeline.steps.len(), order: order.collect(), streams: streams.collect() }
    }

    pub(in crate::plan) fn links(&self) -> Vec<(usize, usize)> {
        self.order.iter().copied().chain(self.streams.iter().map(|&(_, from, to)| (from, to))).collect()
    }

    /// Stream edges as the plan has them: (live, stored).
    pub(in crate::plan) fn split(&self, plan: &Plan) -> (Pairs, Pairs) {
        let ends = |live: bool| {
            let chosen = self.streams.iter().filter(move |(stream, _, reader)| {
                (*plan.edge(*stream, StepId::new(*reader)) == EdgeKind::Live) == live
            });
            chosen.map(|&(_, from, to)| (from, to)).collect()
        };
        (ends(true), ends(false))
    }

    /// Returns whether gangs made by these live edges can be put in an order, with all other links between
    /// them.
    pub(in crate::plan) fn orderable(&self, live: &[(usize, usize)], stored: &[(usize, usize)]) -> bool {
        let gang = gangs(self.steps, live);
        let mut links: Vec<_> = self.order.iter().map(|&(from, to)| (gang[from], gang[to])).collect();
        let between = stored.iter().map(|&(from, to)| (gang[from], gang[to])).filter(|(from, to)| from != to);
        links.extend(between);
        let reach = reach(self.steps, &links);
        (0..self.steps).all(|gang| !reach[gang][gang])
    }
}

/// For each step the least step of its gang.
pub(in crate::plan) fn gangs(steps: usize, live: &[(usize, usize)]) -> Vec<usize> {
    let both: Vec<_> = live.iter().flat_map(|&(a, b)| [(a, b), (b, a)]).collect();
    let reach = reach(steps, &both);
    (0..steps).map(|step| (0..steps).find(|&other| other == step || reach[step][other]).unwrap()).collect()
}

/// Returns which step leads to which by one link or more (Warshall).
pub(in crate::plan) fn reach(steps: usize, links: &[(usize, usize)]) -> Vec<Vec<bool>> {
    let mut reach = vec![vec![false; steps]; steps];
    links.iter().for_each(|&(from, to)| reach[from][to] = true);
    for via in 0..steps {
        let onward = reach[via].clone();
        for from in reach.iter_mut().filter(|from| from[via]) {
            from.iter_mut().zip(&onward).for_each(|(to, onward)| *to |= onward);
        }
    }
    reach
}
