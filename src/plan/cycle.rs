//! Steps that wait for each other.

use std::fmt;

use petgraph::Direction::{self, Incoming, Outgoing};
use petgraph::algo::kosaraju_scc;
use petgraph::graph::{EdgeIndex, NodeIndex};
use petgraph::visit::EdgeRef;

use super::graph::{self, StepGraph};
use crate::pipeline::{Pipeline, Span, StepId};

/// How many links are looked at in search of a component's shortest cycle, before the shortest so far is
/// taken. Only components of thousands of steps come near it.
const SEARCH_LIMIT: usize = 20_000_000;

/// Steps that can be put in no order, by `depends_on` and streams together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cycle {
    /// The steps, each needed by the next, and the last by the first; begins with the one that stands first
    /// in the file.
    pub steps: Vec<StepId>,
    /// As many: where the file says that the step after `steps[i]` needs `steps[i]`, under `depends_on` or
    /// `input`.
    pub links: Vec<Span>,
}

/// The cycles of a pipeline that has some: a shortest one for each strongly connected component, in the order
/// of the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Cycles(pub Vec<Cycle>);

impl fmt::Display for Cycles {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [_] => out.write_str("steps that wait for each other in a cycle"),
            cycles => write!(out, "{} separate cycles of steps that wait for each other", cycles.len()),
        }
    }
}

/// Returns the steps of each cycle that [`Plan::new`](super::Plan::new) would report; empty for a pipeline
/// that can run.
pub fn cycles(pipeline: &Pipeline) -> Vec<Vec<StepId>> {
    find(pipeline, &graph::build(pipeline)).into_iter().map(|cycle| cycle.steps).collect()
}

/// Returns a shortest cycle for each strongly connected component (Kosaraju's algorithm, which needs no deep
/// stack).
pub(super) fn find(pipeline: &Pipeline, graph: &StepGraph) -> Vec<Cycle> {
    let mut search = Search::new(graph);
    let mut cycles: Vec<Cycle> = kosaraju_scc(graph)
        .into_iter()
        .map(|mut component| {
            component.sort_unstable();
            search.shortest(&component)
        })
        .filter(|links| !links.is_empty())
        .map(|links| describe(pipeline, graph, links))
        .collect();
    cycles.sort_unstable_by_key(|cycle| cycle.steps.first().copied());
    cycles
}

/// Rotates the links of a cycle so that they begin at the step that is first in the file.
fn describe(pipeline: &Pipeline, graph: &StepGraph, links: Vec<EdgeIndex>) -> Cycle {
    let mut ends: Vec<_> =
        links.into_iter().filter_map(|link| Some((graph.edge_endpoints(link)?, graph[link]))).collect();
    let first = (0..ends.len()).min_by_key(|&at| ends[at].0.0).unwrap_or(0);
    ends.rotate_left(first);
    Cycle {
        steps: ends.iter().map(|((from, _), _)| graph::step(*from)).collect(),
        links: ends
            .iter()
            .map(|&((from, to), link)| graph::span(pipeline, graph::step(from), graph::step(to), link))
            .collect(),
    }
}

/// Breadth-first searches for shortest cycles, on arrays that are made once.
struct Search<'a> {
    graph: &'a StepGraph,
    /// Nodes of the component at hand that may still lie on a shorter cycle than the best.
    open: Vec<bool>,
    /// The search that reached a node last, and by which link.
    reached: Vec<(usize, EdgeIndex)>,
    searches: usize,
    /// Links looked at for the component at hand.
    looked: usize,
}

impl<'a> Search<'a> {
    fn new(graph: &'a StepGraph) -> Self {
        let nodes = graph.node_count();
        Self {
            graph,
            open: vec![false; nodes],
            reached: vec![(0, EdgeIndex::end()); nodes],
            searches: 0,
            looked: 0,
        }
    }

    /// Returns the links of a shortest cycle within a strongly connected component; none if it is a single
    /// step without a link to itself. From each node in turn: the shortest cycle through it; then the node is
    /// taken out, and with it all that lay only on cycles through it.
    fn shortest(&mut self, component: &[NodeIndex]) -> Vec<EdgeIndex> {
        component.iter().for_each(|node| self.open[node.index()] = true);
        let mut best = Vec::new();
        self.looked = 0;
        for &root in component {
            if self.looked > SEARCH_LIMIT {
                break;
            }
            if self.open[root.index()] {
                let longest = if best.is_empty() { usize::MAX } else { best.len() - 1 };
                if let Some(cycle) = self.through(root, longest) {
                    best = cycle;
                }
                self.close(root);
            }
        }
        component.iter().for_each(|node| self.open[node.index()] = false);
        best
    }

    /// Returns the shortest cycle through a node, if it has at most `longest` links.
    fn through(&mut self, root: NodeIndex, longest: usize) -> Option<Vec<EdgeIndex>> {
        self.searches += 1;
        let mut frontier = vec![root];
        let mut length = 0;
        while !frontier.is_empty() && length < longest {
            length += 1;
            for node in std::mem::take(&mut frontier) {
                for link in self.graph.edges_directed(node, Outgoing) {
                    self.looked += 1;
                    let next = link.target();
                    if next == root {
                        return Some(self.trace(root, link.id()));
                    }
                    if self.open[next.index()] && self.reached[next.index()].0 != self.searches {
                        self.reached[next.index()] = (self.searches, link.id());
                        frontier.push(next);
                    }
                }
            }
        }
        None
    }

    /// Returns the links that led the present search from its root to the link that closes the cycle.
    fn trace(&self, root: NodeIndex, closing: EdgeIndex) -> Vec<EdgeIndex> {
        let mut links = vec![closing];
        let mut at = self.graph.edge_endpoints(closing);
        while let Some((from, _)) = at.filter(|(from, _)| *from != root) {
            let link = self.reached[from.index()].1;
            links.push(link);
            at = self.graph.edge_endpoints(link);
        }
        links.reverse();
        links
    }

    /// Removes a node, and every node that is left without a way in or out.
    fn close(&mut self, node: NodeIndex) {
        self.open[node.index()] = false;
        let mut closed = vec![node];
        while let Some(node) = closed.pop() {
            for side in [Outgoing, Incoming] {
                for next in self.graph.neighbors_directed(node, side) {
                    if self.open[next.index()] && !self.has_open(next, side.opposite()) {
                        self.open[next.index()] = false;
                        closed.push(next);
                    }
                }
            }
        }
    }

    fn has_open(&mut self, node: NodeIndex, side: Direction) -> bool {
        let mut nodes = self.graph.neighbors_directed(node, side).inspect(|_| self.looked += 1);
        nodes.any(|next| self.open[next.index()])
    }
}
