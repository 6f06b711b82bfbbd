//! `pipe graph`.

use std::io::Write;
use std::process::ExitCode;

use crate::cli::args::{Drawing, Graph as Args};
use crate::cli::error::CliError;
use crate::cli::load::{Loaded, load};
use crate::plan::EdgeKind as Lane;
use crate::render::graph::{self, Edge, EdgeKind, Graph, Node};

pub(in crate::cli) fn run(args: &Args) -> Result<ExitCode, CliError> {
    let graph = model(&load(&args.target, None)?);
    let text = match args.format {
        Drawing::Text => graph::text(&graph),
        Drawing::Mermaid => graph::mermaid(&graph),
        Drawing::Dot => graph::dot(&graph),
        Drawing::Svg => graph::svg(&graph),
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// The pipeline as nodes and edges.
fn model(loaded: &Loaded) -> Graph {
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
