//! What runs when: the graph of a pipeline, its gangs, and the edges that must be stored. Pure: a [`Plan`] is
//! made from a [`Pipeline`] alone, a [`ReadySet`] only counts, and [`decide`] says which steps run.
//!
//! Two kinds of link join steps. An *order* link (`depends_on`) starts the later step after the success of
//! the earlier. A *stream* edge joins a producer and a reader, which run together while the edge is *live*;
//! steps joined by live edges are a *gang*. Where a reader has to run after its producer, the edge is
//! *stored*: it orders the two, and no more.

mod asked;
mod contract;
mod crowd;
mod cycle;
mod decide;
mod graph;
mod ready;
mod reason;
mod sequence;
mod services;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use petgraph::Direction::Outgoing;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;

use crate::pipeline::{Pipeline, Role, StepId, StreamId};
pub use asked::{Asked, needs};
use contract::Contracted;
pub use crowd::{Crowd, crowded};
pub use cycle::{Cycle, Cycles, cycles};
pub use decide::{Decision, Decisions, Foreseen, decide};
pub(crate) use decide::{parts, unused};
use graph::StepGraph;
pub use ready::ReadySet;
pub use reason::{Hop, Reason};
pub use services::{Over, Services};

/// A gang's position in its plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GangId(u32);

impl GangId {
    /// Returns the id of the gang at `index`.
    pub fn new(index: usize) -> Self {
        Self(u32::try_from(index).unwrap_or(u32::MAX))
    }

    /// Returns the position that it stands for.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Steps that start together: one alone, or several joined by live edges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gang {
    /// The steps, producers before their readers, otherwise in the order of the file.
    pub steps: Vec<StepId>,
}

/// How the bytes of a stream come to one reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EdgeKind {
    /// Through a pipe, while both run.
    Live,
    /// From disk, once the producer has succeeded; and why.
    Stored(Reason),
}

/// How a pipeline runs, whatever its steps do. Deterministic: the same file gives the same plan.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Those of steps in the order first, then one for each service and shared container.
    gangs: Vec<Gang>,
    /// How many of them are steps in the order.
    joined: usize,
    /// By step.
    gang_of: Vec<GangId>,
    /// By step.
    level: Vec<u32>,
    /// By gang.
    stage: Vec<u32>,
    /// By gang.
    remaining: Vec<u32>,
    stored: HashMap<(StreamId, StepId), EdgeKind>,
}

impl Plan {
    /// Plans a pipeline, in time close to linear in its links.
    ///
    /// # Errors
    /// The cycles of a pipeline whose steps cannot be ordered even with every stream stored.
    pub fn new(pipeline: &Pipeline) -> Result<Self, Cycles> {
        let graph = graph::build(pipeline);
        let order = graph::topological(&graph);
        if order.len() < graph.node_count() {
            return Err(Cycles(cycle::find(pipeline, &graph)));
        }
        let contracted = contract::contract(&graph, &order);
        let (gangs, gang_of) = arrange(pipeline, &graph, &order, &contracted);
        let mut level = levels(pipeline, &graph, &order);
        let mut stage = stages(pipeline, &graph, &gangs, &gang_of);
        put_last(pipeline, &mut level, Some);
        put_last(pipeline, &mut stage, |gang| gangs.get(gang.index())?.steps.first().copied());
        let plan = Self {
            level,
            stage,
            remaining: remaining(pipeline, &graph, &gangs, &gang_of),
            stored: reasons(pipeline, &graph, &contracted),
            joined: gangs.len(),
            gangs,
            gang_of,
        };
        Ok(plan.set_apart(pipeline))
    }

    /// Puts services and shared containers behind all gangs.
    fn set_apart(mut self, pipeline: &Pipeline) -> Self {
        let is_beside = |gang: &Gang| gang.steps.iter().any(|step| pipeline.step(*step).role.is_beside());
        if !self.gangs.iter().any(is_beside) {
            return self;
        }
        let mut order: Vec<usize> = (0..self.gangs.len()).collect();
        order.sort_by_key(|index| is_beside(&self.gangs[*index]));
        self.joined = self.gangs.iter().filter(|gang| !is_beside(gang)).count();
        let mut place = vec![GangId::new(0); order.len()];
        for (at, index) in order.iter().enumerate() {
            place[*index] = GangId::new(at);
        }
        self.gangs = order.iter().map(|index| self.gangs[*index].clone()).collect();
        self.stage = order.iter().map(|index| self.stage[*index]).collect();
        self.remaining = order.iter().map(|index| self.remaining[*index]).collect();
        self.gang_of = self.gang_of.iter().map(|gang| place[gang.index()]).collect();
        self
    }

    /// Returns the steps by level: the length of the longest path, over order links and stream edges, that
    /// leads to them. Each level is in the order of the file. Services and shared containers have none. For
    /// drawings and dry runs; a run knows no levels.
    pub fn levels(&self) -> Vec<Vec<StepId>> {
        let deepest = self.level.iter().max().map_or(0, |&level| level as usize + 1);
        let mut levels = vec![Vec::new(); deepest];
        for (step, &level) in self.level.iter().enumerate() {
            if self.gang_of[step].index() < self.joined {
                levels[level as usize].push(StepId::new(step));
            }
        }
        levels
    }

    /// Returns the gangs, each after all that it depends on, otherwise in the order of the file; `GangId` is
    /// the position. Services and shared containers are in none.
    pub fn gangs(&self) -> &[Gang] {
        self.gangs.get(..self.joined).unwrap_or_default()
    }

    /// Returns the services and shared containers, each after those that it uses, otherwise in the order of the
    /// file.
    pub fn services(&self) -> impl DoubleEndedIterator<Item = StepId> + '_ {
        self.gangs.get(self.joined..).unwrap_or_default().iter().flat_map(|gang| gang.steps.iter().copied())
    }

    /// Returns the gang that a step belongs to.
    pub fn gang_of(&self, step: StepId) -> GangId {
        self.gang_of[step.index()]
    }

    /// Returns how many gangs must have run, one after another, before a step starts: steps of one stage can
    /// run side by side. For drawings, plans and dry runs, which number steps by it; a run knows no stages.
    pub fn stage(&self, step: StepId) -> usize {
        self.stage[self.gang_of(step).index()] as usize
    }

    /// Returns how a stream reaches one of its readers.
    pub fn edge(&self, stream: StreamId, reader: StepId) -> &EdgeKind {
        static LIVE: EdgeKind = EdgeKind::Live;
        self.stored.get(&(stream, reader)).unwrap_or(&LIVE)
    }

    /// Returns how many gangs must run one after another from the start of this one, itself included, at the
    /// most. Steps of one gang run at the same time and count once.
    pub fn remaining(&self, gang: GangId) -> u32 {
        self.remaining[gang.index()]
    }
}

/// Moves what belongs to `finally` steps behind all else, which it waits for. `step_of` gives a step of each
/// entry, by position.
fn put_last(pipeline: &Pipeline, ranks: &mut [u32], step_of: impl Fn(StepId) -> Option<StepId>) {
    let is_later = |index: usize| {
        step_of(StepId::new(index)).is_some_and(|step| pipeline.step(step).role == Role::Finally)
    };
    let later: Vec<usize> = (0..ranks.len()).filter(|index| is_later(*index)).collect();
    if later.is_empty() {
        return;
    }
    let last = (0..ranks.len()).filter(|index| !is_later(*index)).map(|index| ranks[index]).max();
    later.into_iter().for_each(|index| ranks[index] += last.map_or(0, |last| last + 1));
}

/// Puts the gangs, and the steps in each, into a topological order, `finally` steps last.
fn arrange(
    pipeline: &Pipeline,
    graph: &StepGraph,
    order: &[NodeIndex],
    contracted: &Contracted,
) -> (Vec<Gang>, Vec<GangId>) {
    // Numbered by their first steps in the file, so that the order of nodes is the order of the file.
    let mut number = vec![None; graph.node_count()];
    let mut gangs: DiGraph<Gang, (), u32> = DiGraph::with_capacity(graph.node_count(), graph.edge_count());
    let node_of: Vec<NodeIndex> = contracted
        .gang
        .iter()
        .map(|&gang| *number[gang].get_or_insert_with(|| gangs.add_node(Gang { steps: Vec::new() })))
        .collect();
    for link in graph.edge_references() {
        let (from, to) = (node_of[link.source().index()], node_of[link.target().index()]);
        if from != to {
            gangs.add_edge(from, to, ());
        }
    }
    for &step in order {
        gangs[node_of[step.index()]].steps.push(graph::step(step));
    }
    let mut sorted = graph::topological(&gangs);
    sorted.sort_by_key(|gang| {
        gangs[*gang].steps.first().is_some_and(|&step| pipeline.step(step).role == Role::Finally)
    });
    let mut id = vec![GangId::new(0); sorted.len()];
    for (position, gang) in sorted.iter().enumerate() {
        id[gang.index()] = GangId::new(position);
    }
    let gang_of = node_of.iter().map(|gang| id[gang.index()]).collect();
    (
        sorted
            .into_iter()
            .map(|gang| std::mem::replace(&mut gangs[gang], Gang { steps: Vec::new() }))
            .collect(),
        gang_of,
    )
}

/// Returns how much a step adds to the length of a path: what goes on beside the others adds nothing.
fn weight(pipeline: &Pipeline, step: StepId) -> u32 {
    u32::from(!pipeline.step(step).role.is_beside())
}

/// Returns the level of each step.
fn levels(pipeline: &Pipeline, graph: &StepGraph, order: &[NodeIndex]) -> Vec<u32> {
    let mut level = vec![0; graph.node_count()];
    for &step in order {
        let after = level[step.index()] + weight(pipeline, graph::step(step));
        for next in graph.neighbors_directed(step, Outgoing) {
            level[next.index()] = level[next.index()].max(after);
        }
    }
    level
}

/// Returns for each gang how many gangs the longest path to it has.
fn stages(pipeline: &Pipeline, graph: &StepGraph, gangs: &[Gang], gang_of: &[GangId]) -> Vec<u32> {
    let mut stages = vec![0; gangs.len()];
    for (index, gang) in gangs.iter().enumerate() {
        let own = gang.steps.first().map_or(0, |&step| weight(pipeline, step));
        let next = gang.steps.iter().flat_map(|&step| graph.neighbors_directed(graph::node(step), Outgoing));
        for after in next.map(|step| gang_of[step.index()].index()).filter(|&gang| gang != index) {
            stages[after] = stages[after].max(stages[index] + own);
        }
    }
    stages
}

/// Returns for each gang the length of the longest path of gangs that starts there.
fn remaining(pipeline: &Pipeline, graph: &StepGraph, gangs: &[Gang], gang_of: &[GangId]) -> Vec<u32> {
    let mut remaining = vec![1; gangs.len()];
    for (index, gang) in gangs.iter().enumerate().rev() {
        let own = gang.steps.first().map_or(0, |&step| weight(pipeline, step));
        let next = gang.steps.iter().flat_map(|&step| graph.neighbors_directed(graph::node(step), Outgoing));
        let after = next.map(|step| gang_of[step.index()].index()).filter(|&gang| gang != index);
        remaining[index] = own + after.map(|gang| remaining[gang]).max().unwrap_or(0);
    }
    remaining
}

/// Returns the stored edges, explained.
fn reasons(
    pipeline: &Pipeline,
    graph: &StepGraph,
    contracted: &Contracted,
) -> HashMap<(StreamId, StepId), EdgeKind> {
    let explain = |edge: &contract::Stored| {
        let (producer, reader) = graph.edge_endpoints(edge.link)?;
        let graph::Link::Stream(stream) = graph[edge.link] else {
            return None;
        };
        let ends = (graph::step(producer), graph::step(reader));
        Some(((stream, ends.1), EdgeKind::Stored(Reason::new(pipeline, graph, ends, &edge.detour))))
    };
    let asked = pipeline.streams().flat_map(|(id, stream)| {
        let edge = move |&reader: &StepId| {
            let reason = Reason::asked(pipeline, stream, pipeline.step(reader))?;
            Some(((id, reader), EdgeKind::Stored(reason)))
        };
        stream.readers.iter().filter_map(edge)
    });
    contracted.stored.iter().filter_map(explain).chain(asked).collect()
}
