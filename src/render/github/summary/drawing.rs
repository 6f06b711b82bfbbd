//! The graph of the pipeline, coloured by how its steps ended.

use super::PageContext;
use super::markdown::{fenced, folded};
use super::page::Page;
use crate::render::graph::{self, Graph};
use crate::render::{Report, human};

/// Nodes of a graph that is not folded away.
const UNFOLDED: usize = 20;

/// Characters and edges that GitHub's Mermaid takes.
const MOST: (usize, usize) = (50_000, 500);

/// Adds the drawing, or says why there is none.
pub fn write(report: &Report, context: &PageContext, page: &mut Page) {
    let graph = graph::folded(&coloured(report, &context.graph), &report.pipeline);
    let text = graph::mermaid(&graph);
    let (nodes, edges) = (graph.nodes.len(), graph.edges.len());
    if text.chars().count() > MOST.0 || edges > MOST.1 {
        let size = format!("{} and {}", human::count(nodes, "step"), human::count(edges, "edge"));
        page.add(&format!(
            "The graph, of {size}, is too large to be drawn here; <code>pipe graph</code> draws it.\n\n"
        ));
        return;
    }
    let drawing = fenced("mermaid", &text);
    if nodes <= UNFOLDED {
        page.add(&drawing);
    } else {
        let (before, after) = folded("Graph");
        page.add(&(before + &drawing + after));
    }
}

fn coloured(report: &Report, graph: &Graph) -> Graph {
    let mut graph = graph.clone();
    for node in &mut graph.nodes {
        let known = node.step.and_then(|step| report.steps.get(step.index()));
        node.class = known.and_then(|step| step.outcome()).map(Into::into);
    }
    graph
}
