//! The pipeline as what is drawn: a node for each step, in their order, and the edges between them.

use super::load::Loaded;
use crate::plan::EdgeKind;
use crate::render::graph::{ArrowKind, Graph, GraphEdge, GraphNode};

pub(super) fn graph(loaded: &Loaded) -> Graph {
    let (pipeline, plan) = (&*loaded.pipeline, &*loaded.plan);
    let mut ranks = vec![0; pipeline.steps.len()];
    for (rank, steps) in plan.levels().iter().enumerate() {
        steps.iter().for_each(|step| ranks[step.index()] = rank);
    }
    let nodes = pipeline.steps().map(|(id, step)| GraphNode {
        label: step.name.clone(),
        about: step.description.clone(),
        rank: ranks[id.index()],
        group: Some(plan.gang_of(id).index()),
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
