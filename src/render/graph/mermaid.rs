//! For Markdown: Mermaid's flowchart language.

use std::fmt::Write as _;

use super::model::{ArrowKind, Class, Graph, LATER, plain};
use super::nest::{Nest, NestKind, nests};

/// The most columns of a condition, and of what else a step waits for, in a box.
const NEEDS: usize = 40;

/// Draws a graph as the text of a Mermaid flowchart, without a fence around it.
pub fn mermaid(graph: &Graph) -> String {
    let mut out = format!("---\ntitle: {}\n---\nflowchart LR\n", yaml(&graph.title));
    let mut frames = 0;
    declare_all(graph, false, &mut frames, &mut out);
    if !graph.later().is_empty() {
        let _ = writeln!(out, "  subgraph later [\"{}\"]", escape(LATER));
        declare_all(graph, true, &mut frames, &mut out);
        out += "  end\n";
    }
    for (index, _) in graph.nodes.iter().enumerate().filter(|(_, node)| node.condition.is_some()) {
        let _ = writeln!(out, "  style n{index} stroke-dasharray:4 3");
    }
    for edge in graph.drawn() {
        let arrow = match &edge.kind {
            ArrowKind::Order => "-->".to_owned(),
            ArrowKind::Use => "-.-".to_owned(),
            ArrowKind::Stream { name } => format!("==>|\"{}\"|", escape(name)),
            ArrowKind::Stored { name } => format!("-.->|\"{} (from disk)\"|", escape(name)),
        };
        let _ = writeln!(out, "  n{} {arrow} n{}", edge.from, edge.to);
    }
    for class in
        Class::ALL.into_iter().filter(|class| graph.nodes.iter().any(|node| node.class == Some(*class)))
    {
        let _ = writeln!(out, "  classDef {} {}", class.name(), style(class));
    }
    out
}

/// Declares the nodes that run when all others have ended, or those others; those in frames first. `frames` counts
/// those that are not of gangs.
fn declare_all(graph: &Graph, is_later: bool, frames: &mut usize, out: &mut String) {
    let (nests, nodes) = nests(graph, is_later);
    nests.iter().for_each(|nest| declare_nest(graph, nest, 1, frames, out));
    nodes.into_iter().for_each(|node| *out += &declare(graph, node));
}

fn declare_nest(graph: &Graph, nest: &Nest, depth: usize, frames: &mut usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    let _ = match &nest.kind {
        NestKind::Gang(number) => writeln!(out, "{indent}subgraph g{number} [\" \"]"),
        NestKind::Frame(_, label) => {
            *frames += 1;
            writeln!(out, "{indent}subgraph c{frames} [\"{}\"]", escape(label))
        }
    };
    nest.nodes.iter().for_each(|&node| *out += &format!("{indent}{}", declare(graph, node)));
    nest.inner.iter().for_each(|inner| declare_nest(graph, inner, depth + 1, frames, out));
    let _ = writeln!(out, "{indent}end");
}

fn declare(graph: &Graph, index: usize) -> String {
    let node = &graph.nodes[index];
    let class = node.class.map_or(String::new(), |class| format!(":::{}", class.name()));
    let needs = node.shown_needs(NEEDS).map_or_else(String::new, |needs| format!("<br/>{}", escape(&needs)));
    let (open, close) = if node.is_service { ('(', ')') } else { ('[', ']') };
    format!("  n{index}{open}\"{}{needs}\"{close}{class}\n", escape(&node.label))
}

/// Returns colours that can be read on light and on dark pages.
fn style(class: Class) -> &'static str {
    match class {
        Class::Succeeded => "fill:#dafbe1,stroke:#1a7f37,color:#1f2328",
        Class::Ignored => "fill:#fff8c5,stroke:#9a6700,color:#1f2328",
        Class::Failed => "fill:#ffebe9,stroke:#cf222e,color:#1f2328",
        Class::Stopped => "fill:#fff1e5,stroke:#bc4c00,color:#1f2328",
        Class::Skipped => "fill:#f6f8fa,stroke:#8c959f,color:#59636e",
    }
}

/// Returns a label's text: everything that Mermaid, its Markdown or HTML could read as more than text becomes
/// an entity code.
fn escape(text: &str) -> String {
    let mut out = String::new();
    for char in plain(text).chars() {
        if char.is_alphanumeric() || " .-_/:,()".contains(char) {
            out.push(char);
        } else {
            let _ = write!(out, "#{};", char as u32);
        }
    }
    out
}

/// Returns a double-quoted YAML scalar.
fn yaml(text: &str) -> String {
    format!("\"{}\"", plain(text).replace('\\', "\\\\").replace('"', "\\\""))
}
