//! For Graphviz: the DOT language.

use std::fmt::Write as _;

use super::model::{ArrowKind, Class, FrameKind, Graph, LATER, plain};
use super::nest::{Nest, NestKind, nests};

/// Draws a graph as a DOT file.
pub fn dot(graph: &Graph) -> String {
    let title = quote(&graph.title);
    let mut out = format!(
        "digraph {title} {{\n  label={title}; labelloc=t; rankdir=LR;\n  fontname=\"sans-serif\";\n  \
         node [shape=box, style=\"rounded,filled\", fillcolor=\"#ffffff\", color=\"#59636e\", fontname=\"monospace\"];\n  \
         edge [color=\"#6e7781\", fontname=\"monospace\", fontsize=10];\n"
    );
    let mut count = 0;
    let mut frames = |is_later| {
        let (nests, _) = nests(graph, is_later);
        nests.iter().map(|nest| cluster(nest, 1, &mut count)).collect::<String>()
    };
    out += &frames(false);
    let later = graph.later();
    if !later.is_empty() {
        let nodes: String = later.iter().map(|node| format!(" n{node};")).collect();
        let (label, frames) = (quote(LATER), frames(true));
        let _ = writeln!(
            out,
            "  subgraph cluster_later {{ label={label}; style=\"dashed,rounded\"; color=\"#59636e\";{nodes}\n{frames}  }}"
        );
    }
    for (index, node) in graph.nodes.iter().enumerate() {
        let colours = node.class.map_or("", style);
        let about = node.remark().map_or_else(String::new, |about| format!(", tooltip={}", quote(&about)));
        let line = match (node.is_service, node.condition.is_some()) {
            (true, _) => ", shape=ellipse, style=\"filled\"",
            (false, true) => ", style=\"rounded,filled,dashed\"",
            (false, false) => "",
        };
        let _ = writeln!(out, "  n{index} [label={}{about}{line}{colours}];", quote(&node.label));
    }
    for edge in graph.drawn() {
        let style = match &edge.kind {
            ArrowKind::Order => String::new(),
            ArrowKind::Use => " [style=dotted, dir=none]".to_owned(),
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

/// Returns a frame with those in it. `frames` counts those that are not of gangs.
fn cluster(nest: &Nest, depth: usize, frames: &mut usize) -> String {
    let indent = "  ".repeat(depth);
    let mut out = match &nest.kind {
        NestKind::Gang(number) => {
            format!("{indent}subgraph cluster_{number} {{ label=\"\"; style=\"rounded\"; color=\"#54aeff\";")
        }
        NestKind::Frame(kind, label) => {
            *frames += 1;
            let label = quote(label);
            let colour = match kind {
                FrameKind::Container => "#9a6700",
                FrameKind::File => "#6e7781",
            };
            format!("{indent}subgraph cluster_c{frames} {{ label={label}; labeljust=l; color=\"{colour}\";")
        }
    };
    nest.nodes.iter().for_each(|node| out += &format!(" n{node};"));
    if nest.inner.is_empty() {
        return out + " }\n";
    }
    out.push('\n');
    nest.inner.iter().for_each(|inner| out += &cluster(inner, depth + 1, frames));
    out + &indent + "}\n"
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
