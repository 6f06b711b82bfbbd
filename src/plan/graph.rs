//! The graph of a pipeline's steps: an edge, called a *link* here, from each step to every step that needs
//! it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use petgraph::Direction::{Incoming, Outgoing};
use petgraph::graph::{DiGraph, NodeIndex};

use crate::pipeline::{Pipeline, Span, StepId, StreamId};

/// Why one step needs another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    /// It depends on it: must start after its success.
    Order,
    /// It uses it: must start once it is ready, and ends first.
    Use,
    /// It reads its stream.
    Stream(StreamId),
    /// It reads its stream from disk, because of what the file says of the stream or of the reader.
    Stored(StreamId),
}

/// Steps and links; the node of a step has the step's own index.
pub(super) type StepGraph = DiGraph<(), Link, u32>;

/// Returns the graph of a pipeline. Links are in the order of the file: first `depends_on` and what each step
/// uses, then streams.
pub(super) fn build(pipeline: &Pipeline) -> StepGraph {
    let orders: usize = pipeline.steps.iter().map(|step| step.depends_on.len()).sum();
    let edges: usize = pipeline.streams.iter().map(|stream| stream.readers.len()).sum();
    let mut graph = StepGraph::with_capacity(pipeline.steps.len(), orders + edges);
    for _ in &pipeline.steps {
        graph.add_node(());
    }
    for (id, step) in pipeline.steps() {
        for dependency in &step.depends_on {
            graph.add_edge(node(dependency.step), node(id), Link::Order);
        }
        for usage in step.usages() {
            graph.add_edge(node(usage.step), node(id), Link::Use);
        }
    }
    for (id, stream) in pipeline.streams() {
        for &reader in &stream.readers {
            let (made_by, read_by) = (pipeline.step(stream.producer), pipeline.step(reader));
            // All `finally` steps wait for all ordinary ones: no link has to say so.
            if read_by.role != made_by.role {
                continue;
            }
            // A step that has the terminal runs alone.
            let is_stored = stream.store || read_by.terminal;
            let link = if is_stored { Link::Stored(id) } else { Link::Stream(id) };
            graph.add_edge(node(stream.producer), node(reader), link);
        }
    }
    graph
}

/// Returns the node of a step.
pub(super) fn node(step: StepId) -> NodeIndex {
    NodeIndex::new(step.index())
}

/// Returns the step of a node.
pub(super) fn step(node: NodeIndex) -> StepId {
    StepId::new(node.index())
}

/// Returns where the file names the link between two steps: in the later one, under `depends_on` or `input`.
pub(super) fn span(pipeline: &Pipeline, from: StepId, to: StepId, link: Link) -> Span {
    let step = pipeline.step(to);
    let named = match link {
        Link::Order => step.depends_on.iter().find(|dependency| dependency.step == from).map(|it| it.at),
        Link::Use => step.usages().find(|usage| usage.step == from).map(|it| it.at),
        Link::Stream(stream) | Link::Stored(stream) => step.reads(stream).map(|input| input.port.at),
    };
    named.unwrap_or(step.at)
}

/// Returns the nodes of a graph, each after all that lead to it, and otherwise by index (Kahn's algorithm
/// with a heap). Nodes on cycles, and behind them, are left out.
pub(super) fn topological<N, E>(graph: &DiGraph<N, E, u32>) -> Vec<NodeIndex> {
    let mut missing: Vec<usize> =
        graph.node_indices().map(|node| graph.edges_directed(node, Incoming).count()).collect();
    let mut ready: BinaryHeap<_> =
        graph.node_indices().filter(|node| missing[node.index()] == 0).map(Reverse).collect();
    let mut order = Vec::with_capacity(graph.node_count());
    while let Some(Reverse(node)) = ready.pop() {
        order.push(node);
        for next in graph.neighbors_directed(node, Outgoing) {
            missing[next.index()] -= 1;
            if missing[next.index()] == 0 {
                ready.push(Reverse(next));
            }
        }
    }
    order
}
