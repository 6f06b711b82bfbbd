//! The pipeline as what is drawn: a node for each step, in their order, and the edges between them.

use super::load::Loaded;
use crate::pipeline::Role;
use crate::plan::{Decision, Decisions, EdgeKind};
use crate::render::graph::{ArrowKind, Graph, GraphEdge, GraphNode};

/// What the ranks of nodes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ranks {
    /// Those of one rank can run side by side.
    Stages,
    /// Every arrow leads to a higher rank.
    Levels,
}

pub(super) fn graph(loaded: &Loaded, decisions: &Decisions, by: Ranks) -> Graph {
    let (pipeline, plan) = (&*loaded.pipeline, &*loaded.plan);
    let mut ranks = vec![0; pipeline.steps.len()];
    for (rank, steps) in plan.levels().iter().enumerate() {
        steps.iter().for_each(|step| ranks[step.index()] = rank);
    }
    let nodes = pipeline.steps().map(|(id, step)| GraphNode {
        about: step.description.clone(),
        is_later: step.role == Role::Finally,
        condition: pipeline.condition_text(step),
        waits: super::admission::words(step),
        label: match decisions.of(id) {
            Decision::Run(_) => step.name.clone(),
            Decision::Reuse => format!("{} (done before)", step.name),
            Decision::LeftOut => format!("{} (left out)", step.name),
            Decision::PassOver(_) => format!("{} (passed over)", step.name),
        },
        rank: match by {
            Ranks::Stages => plan.stage(id),
            Ranks::Levels => ranks[id.index()],
        },
        group: decisions.runs(id).then(|| plan.gang_of(id).index()),
        class: None,
    });
    let mut edges = Vec::new();
    for (id, step) in pipeline.steps() {
        let order = step.depends_on.iter().map(|dependency| dependency.step.index());
        edges.extend(order.map(|from| GraphEdge { from, to: id.index(), kind: ArrowKind::Order }));
    }
    for (id, stream) in pipeline.streams() {
        for &reader in &stream.readers {
            let name = stream.name.clone();
            let kind = match plan.edge(id, reader) {
                EdgeKind::Live => ArrowKind::Stream { name },
                EdgeKind::Stored(_) => ArrowKind::Stored { name },
            };
            edges.push(GraphEdge { from: stream.producer.index(), to: reader.index(), kind });
        }
    }
    Graph { title: pipeline.name.clone(), nodes: nodes.collect(), edges }
}
