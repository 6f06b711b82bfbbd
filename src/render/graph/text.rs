//! For a terminal: the steps level by level, each with its arrows.

use std::fmt::Write as _;

use console::measure_text_width;

use super::model::{ArrowKind, Graph, GraphNode, plain};

/// Draws a graph as lines of text, without colour.
pub fn text(graph: &Graph) -> String {
    let mut out = format!("{}\n", plain(&graph.title));
    let mut ranks: Vec<usize> = graph.nodes.iter().map(|node| node.rank).collect();
    ranks.sort_unstable();
    ranks.dedup();
    let digits = ranks.len().to_string().len();
    for (level, rank) in ranks.into_iter().enumerate() {
        let nodes = graph.nodes.iter().enumerate().filter(|(_, node)| node.rank == rank);
        for (place, (index, node)) in nodes.enumerate() {
            let head = if place == 0 { (level + 1).to_string() } else { String::new() };
            let gap = if place == 0 { "\n" } else { "" };
            let _ = writeln!(out, "{gap}{head:>digits$}  {}", label(node));
            for arrow in arrows(graph, index) {
                let _ = writeln!(out, "{:digits$}    {arrow}", "");
            }
        }
    }
    out + &legend(graph)
}

fn label(node: &GraphNode) -> String {
    let name = plain(&node.label);
    node.class.map_or(name.clone(), |class| format!("{name} ({})", class.name()))
}

/// Returns the arrows that leave a node, their heads below one another.
fn arrows(graph: &Graph, from: usize) -> Vec<String> {
    let arrows: Vec<(char, String, String)> = graph
        .drawn()
        .filter(|edge| edge.from == from)
        .map(|edge| (line(&edge.kind), name(&edge.kind), plain(&graph.nodes[edge.to].label)))
        .collect();
    let longest = arrows.iter().map(|(_, name, _)| measure_text_width(name)).max().unwrap_or(0);
    arrows
        .iter()
        .map(|(line, name, to)| {
            let rest = line.to_string().repeat(longest - measure_text_width(name));
            format!("{line}{line}{name}{rest}▶ {to}")
        })
        .collect()
}

fn line(kind: &ArrowKind) -> char {
    match kind {
        ArrowKind::Order => '─',
        ArrowKind::Stream { .. } => '═',
        ArrowKind::Stored { .. } => '┄',
    }
}

/// Returns the name on an arrow with the piece of line behind it.
fn name(kind: &ArrowKind) -> String {
    match kind {
        ArrowKind::Order => String::new(),
        ArrowKind::Stream { name } | ArrowKind::Stored { name } => {
            let line = line(kind);
            format!(" {} {line}{line}", plain(name))
        }
    }
}

/// Returns what the arrows in use mean.
fn legend(graph: &Graph) -> String {
    let meanings = [('─', "runs after"), ('═', "stream, at the same time"), ('┄', "stream, from disk")];
    let used = meanings.into_iter().filter(|(kind, _)| graph.drawn().any(|edge| line(&edge.kind) == *kind));
    let used: Vec<String> = used.map(|(line, meaning)| format!("{line}{line}▶ {meaning}")).collect();
    if used.is_empty() { String::new() } else { format!("\n{}\n", used.join("   ")) }
}
