//! The pipeline as what is drawn: a node for each step, in their order, and the edges between them.

use super::load::Loaded;
use crate::plan::EdgeKind as Lane;
use crate::render::graph::{Edge, EdgeKind, Graph, Node};

pub(super) fn graph(loaded: &Loaded) -> Graph {
    let (pipeline, plan) = (&*loaded.pipeline, &*loaded.plan);
    let mut ranks = vec![0; pipeline.steps.len()];
    for (rank, steps) in plan.levels().iter().enumerate() {
        steps.iter().for_each(|step| ranks[step.index()] = rank);
    }
    let nodes = pipeline.steps().map(|(id, step)| Node {
        label: step.name.clone(),
        rank: ranks[id.index()],
        group: Some(plan.gang_of(id).index()),
        class: None,
    });
    let mut edges = Vec::new();
    for (id, step) in pipeline.steps() {
        let order = step.depends_on.iter().map(|dependency| dependency.step.index());
        edges.extend(order.map(|from| Edge { from, to: id.index(), kind: EdgeKind::Order }));
    }
    for (id, stream) in pipeline.streams() {
        for &reader in &stream.readers {
            let name = stream.name.clone();
            let kind = match plan.edge(id, reader) {
                Lane::Live => EdgeKind::Stream { name },
                Lane::Stored(_) => EdgeKind::Stored { name },
            };
            edges.push(Edge { from: stream.producer.index(), to: reader.index(), kind });
        }
    }
    Graph { title: pipeline.name.clone(), nodes: nodes.collect(), edges }
}
