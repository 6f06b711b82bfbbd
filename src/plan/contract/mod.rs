//! Gangs: which stream edges are live, and which must be stored.
//!
//! Steps joined by live edges form a gang, and gangs must be orderable: contracted to one node each, they and
//! the order links between them may have no cycle. Most pipelines fulfil that with every edge live. Where
//! they do not, only the strongly connected parts are worked on: there every step first stands alone, which
//! is always orderable, and then the stream edges are contracted one by one, in the order of the file, each
//! unless that would close a cycle. What is left over is stored. So the set of live edges is maximal: no
//! stored edge could be live beside them.

mod merge;

use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, EdgeIndex, NodeIndex};
use petgraph::unionfind::UnionFind;
use petgraph::visit::EdgeRef;

use super::graph::{Link, StepGraph};
use merge::Contraction;

/// The gangs of an acyclic graph of steps.
#[derive(Debug)]
pub(super) struct Contracted {
    /// For each step, the number of its gang.
    pub(super) gang: Vec<usize>,
    /// The stream links between different gangs.
    pub(super) stored: Vec<Stored>,
}

/// A stream link that cannot be live.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) link: EdgeIndex,
    /// Links that lead from the producer's gang to the reader's, through other gangs or by order; each ends
    /// in the gang where the next begins.
    pub(super) detour: Vec<EdgeIndex>,
}

/// Finds the gangs. `order` is a topological order of the graph's nodes.
pub(super) fn contract(graph: &StepGraph, order: &[NodeIndex]) -> Contracted {
    let all_live = with_every_edge_live(graph);
    let Some(tangled) = tangled(graph, &all_live) else {
        return Contracted { gang: all_live, stored: Vec::new() };
    };
    let mut contraction = Contraction::new(graph, order, all_live, tangled);
    let stored = contraction.run();
    Contracted { gang: contraction.gang, stored }
}

fn is_stream(link: Link) -> bool {
    matches!(link, Link::Stream(_))
}

fn with_every_edge_live(graph: &StepGraph) -> Vec<usize> {
    let mut sets = UnionFind::new(graph.node_count());
    for link in graph.edge_references().filter(|link| is_stream(*link.weight())) {
        sets.union(link.source().index(), link.target().index());
    }
    sets.into_labeling()
}

/// Returns which steps belong to gangs on cycles; nothing if there is no cycle.
fn tangled(graph: &StepGraph, gang: &[usize]) -> Option<Vec<bool>> {
    let mut gangs: DiGraph<(), (), u32> = DiGraph::with_capacity(gang.len(), graph.edge_count());
    for _ in gang {
        gangs.add_node(());
    }
    let mut on_cycle = vec![false; gang.len()];
    for link in graph.edge_references().filter(|link| !is_stream(*link.weight())) {
        let (from, to) = (gang[link.source().index()], gang[link.target().index()]);
        if from == to {
            on_cycle[from] = true;
        } else {
            gangs.add_edge(NodeIndex::new(from), NodeIndex::new(to), ());
        }
    }
    for component in kosaraju_scc(&gangs).iter().filter(|component| component.len() > 1) {
        component.iter().for_each(|gang| on_cycle[gang.index()] = true);
    }
    on_cycle.contains(&true).then(|| gang.iter().map(|&gang| on_cycle[gang]).collect())
}
