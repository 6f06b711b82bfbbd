//! For Graphviz: the DOT language.

use std::fmt::Write as _;

use super::model::{ArrowKind, Class, Graph, LATER, plain};

/// Draws a graph as a DOT file.
pub fn dot(graph: &Graph) -> String {
    let title = quote(&graph.title);
    let mut out = format!(
        "digraph {title} {{\n  label={title}; labelloc=t; rankdir=LR;\n  fontname=\"sans-serif\";\n  \
         node [shape=box, style=\"rounded,filled\", fillcolor=\"#ffffff\", color=\"#59636e\", fontname=\"monospace\"];\n  \
         edge [color=\"#6e7781\", fontname=\"monospace\", fontsize=10];\n"
    );
    let later = graph.later();
    let (mut before, mut after) = (String::new(), String::new());
    for (index, nodes) in graph.groups().iter().enumerate() {
        let out = if nodes.iter().all(|node| later.contains(node)) { &mut after } else { &mut before };
        let nodes: String = nodes.iter().map(|node| format!(" n{node};")).collect();
        let _ = writeln!(
            out,
            "  subgraph cluster_{index} {{ label=\"\"; style=\"rounded\"; color=\"#54aeff\";{nodes} }}"
        );
    }
    out += &before;
    if !later.is_empty() {
        let nodes: String = later.iter().map(|node| format!(" n{node};")).collect();
        let label = quote(LATER);
        let _ = writeln!(
            out,
            "  subgraph cluster_later {{ label={label}; style=\"dashed,rounded\"; color=\"#59636e\";{nodes}\n{after}  }}"
        );
    }
    for (index, node) in graph.nodes.iter().enumerate() {
        let colours = node.class.map_or("", style);
        let about = node.remark().map_or_else(String::new, |about| format!(", tooltip={}", quote(&about)));
        let line = if node.condition.is_some() { ", style=\"rounded,filled,dashed\"" } else { "" };
        let _ = writeln!(out, "  n{index} [label={}{about}{line}{colours}];", quote(&node.label));
    }
    for edge in graph.drawn() {
        let style = match &edge.kind {
            ArrowKind::Order => String::new(),
            ArrowKind::Stream { name } => format!(" [label={}, penwidth=3, color=\"#0969da\"]", quote(name)),
            ArrowKind::Stored { name } => {
                let name = quote(&format!("{name} (from disk)"));
                format!(" [label={name}, penwidth=2, style=dashed, color=\"#8250df\"]")
            }
        };
        let _ = writeln!(out, "  n{} -> n{}{style};", edge.from, edge.to);
    }
    out + "}\n"
}

fn style(class: Class) -> &'static str {
    match class {
        Class::Succeeded => ", fillcolor=\"#dafbe1\", color=\"#1a7f37\"",
        Class::Ignored => ", fillcolor=\"#fff8c5\", color=\"#9a6700\"",
        Class::Failed => ", fillcolor=\"#ffebe9\", color=\"#cf222e\"",
        Class::Stopped => ", fillcolor=\"#fff1e5\", color=\"#bc4c00\"",
        Class::Skipped => ", fillcolor=\"#f6f8fa\", color=\"#8c959f\", fontcolor=\"#59636e\"",
    }
}

/// Returns a double-quoted string. Backslashes are doubled because labels give them a meaning of their own.
fn quote(text: &str) -> String {
    format!("\"{}\"", plain(text).replace('\\', "\\\\").replace('"', "\\\""))
}
