//! For a terminal: the steps level by level, each with its arrows.

use std::fmt::Write as _;

use console::measure_text_width;

use super::model::{ArrowKind, FrameKind, Graph, GraphFrame, GraphNode, LATER, plain};

/// Columns of a line; longer lists of names fold.
const COLUMNS: usize = 80;
/// The most columns of a condition, and of what else a step waits for.
const NEEDS: usize = 40;

/// Draws a graph as lines of text, without colour. Edges that run together are one arrow: those of one stream, those
/// from one step to several others, and those of several steps to the same others.
pub fn text(graph: &Graph) -> String {
    let mut out = format!("{}\n", plain(&graph.title));
    let mut ranks: Vec<usize> = graph.steps().map(|node| node.rank).collect();
    ranks.sort_unstable();
    ranks.dedup();
    let digits = ranks.len().to_string().len();
    write_beside(graph, digits, &mut out);
    let first_later = graph.steps().filter(|node| node.is_later).map(|node| node.rank).min();
    for (level, rank) in ranks.into_iter().enumerate() {
        if first_later == Some(rank) {
            let _ = writeln!(out, "\n──── {LATER}");
        }
        out.push('\n');
        let of_rank = |node: &GraphNode| !node.is_service && node.rank == rank;
        for (place, bundle) in bundles(graph, of_rank).into_iter().enumerate() {
            let head = if place == 0 { (level + 1).to_string() } else { String::new() };
            write_bundle(&bundle, &head, digits, &mut out);
        }
    }
    out + &legend(graph)
}

/// Appends the services, and the files and shared containers with the steps in them.
fn write_beside(graph: &Graph, digits: usize, out: &mut String) {
    let services = bundles(graph, |node| node.is_service);
    if !(services.is_empty() && graph.frames.is_empty()) {
        out.push('\n');
    }
    services.iter().for_each(|bundle| write_bundle(bundle, "●", digits, out));
    for GraphFrame { kind, label, nodes } in &graph.frames {
        let names: Vec<String> = nodes.iter().map(|node| plain(&graph.nodes[*node].label)).collect();
        let label = format!("{}:", plain(label));
        let indent = digits + 2 + measure_text_width(&label) + 1;
        for (line, names) in fold(&names, indent).into_iter().enumerate() {
            let _ = match line {
                0 => writeln!(out, "{:>digits$}  {label} {names}", mark(*kind)),
                _ => writeln!(out, "{:indent$}{names}", ""),
            };
        }
    }
}

/// Appends steps with the arrows that leave them.
fn write_bundle(bundle: &Bundle, head: &str, digits: usize, out: &mut String) {
    for (line, names) in fold(&bundle.labels, digits + 2).into_iter().enumerate() {
        let head = if line == 0 { head } else { "" };
        let _ = writeln!(out, "{head:>digits$}  {names}");
    }
    for arrow in &bundle.arrows {
        let indent = digits + 4 + measure_text_width(&arrow.shaft) + 1;
        for (line, names) in fold(&arrow.to, indent).into_iter().enumerate() {
            let _ = match line {
                0 => writeln!(out, "{:digits$}    {} {names}", "", arrow.shaft),
                _ => writeln!(out, "{:indent$}{names}", ""),
            };
        }
    }
}

/// Steps of one level that the same arrows leave.
struct Bundle {
    labels: Vec<String>,
    arrows: Vec<Arrow>,
}

/// An arrow, and the steps that it goes to.
#[derive(PartialEq, Eq)]
struct Arrow {
    shaft: String,
    to: Vec<String>,
}

/// Returns some of the steps, such as those of a level, those with the same arrows together. Streams are each step's
/// own.
fn bundles(graph: &Graph, is_one: impl Fn(&GraphNode) -> bool) -> Vec<Bundle> {
    let mut bundles: Vec<Bundle> = Vec::new();
    for (index, node) in graph.nodes.iter().enumerate().filter(|(_, node)| is_one(node)) {
        let arrows = arrows(graph, index);
        let is_plain =
            graph.drawn().filter(|edge| edge.from == index).all(|edge| stream(&edge.kind).is_none());
        let same =
            bundles.iter_mut().find(|bundle| is_plain && !arrows.is_empty() && bundle.arrows == arrows);
        match same {
            Some(bundle) => bundle.labels.push(label(node)),
            None => bundles.push(Bundle { labels: vec![label(node)], arrows }),
        }
    }
    bundles
}

/// Returns names in lines that fit beside `indent` columns.
fn fold(names: &[String], indent: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for (place, name) in names.iter().enumerate() {
        let name = if place + 1 < names.len() { format!("{name},") } else { name.clone() };
        match lines.last_mut() {
            Some(line) if indent + measure_text_width(line) + 1 + measure_text_width(&name) <= COLUMNS => {
                line.push(' ');
                line.push_str(&name);
            }
            Some(_) | None => lines.push(name),
        }
    }
    lines
}

fn label(node: &GraphNode) -> String {
    let name = match node.shown_needs(NEEDS) {
        Some(needs) => format!("{} ({needs})", plain(&node.label)),
        None => plain(&node.label),
    };
    node.class.map_or(name.clone(), |class| format!("{name} ({})", class.name()))
}

/// Returns the arrows that leave a node, their heads below one another: one for each stream, and one for order.
fn arrows(graph: &Graph, from: usize) -> Vec<Arrow> {
    let mut arrows: Vec<(&ArrowKind, Vec<String>)> = Vec::new();
    for edge in graph.drawn().filter(|edge| edge.from == from) {
        let to = plain(&graph.nodes[edge.to].label);
        match arrows.iter_mut().find(|(kind, _)| **kind == edge.kind) {
            Some((_, all)) => all.push(to),
            None => arrows.push((&edge.kind, vec![to])),
        }
    }
    let longest = arrows.iter().map(|(kind, _)| measure_text_width(&name(kind))).max().unwrap_or(0);
    let shaft = |kind: &ArrowKind| {
        let (line, name) = (line(kind), name(kind));
        let rest = line.to_string().repeat(longest - measure_text_width(&name));
        format!("{line}{line}{name}{rest}▶")
    };
    arrows.into_iter().map(|(kind, to)| Arrow { shaft: shaft(kind), to }).collect()
}

fn line(kind: &ArrowKind) -> char {
    match kind {
        ArrowKind::Order => '─',
        ArrowKind::Stream { .. } => '═',
        ArrowKind::Stored { .. } => '┄',
        ArrowKind::Use => '·',
    }
}

/// Returns the stream that an arrow stands for.
fn stream(kind: &ArrowKind) -> Option<&str> {
    match kind {
        ArrowKind::Order | ArrowKind::Use => None,
        ArrowKind::Stream { name } | ArrowKind::Stored { name } => Some(name),
    }
}

/// Returns the name on an arrow with the piece of line behind it.
fn name(kind: &ArrowKind) -> String {
    let line = line(kind);
    stream(kind).map_or_else(String::new, |name| format!(" {} {line}{line}", plain(name)))
}

fn mark(kind: FrameKind) -> char {
    match kind {
        FrameKind::Container => '□',
        FrameKind::File => '◇',
    }
}

/// Returns what the arrows and marks in use mean.
fn legend(graph: &Graph) -> String {
    let meanings = [
        ('─', "runs after"),
        ('═', "stream, at the same time"),
        ('┄', "stream, from disk"),
        ('·', "is up for"),
    ];
    let used = meanings.into_iter().filter(|(kind, _)| graph.drawn().any(|edge| line(&edge.kind) == *kind));
    let mut used: Vec<String> = used.map(|(line, meaning)| format!("{line}{line}▶ {meaning}")).collect();
    used.extend(graph.nodes.iter().any(|node| node.is_service).then(|| "● service".to_owned()));
    for (kind, meaning) in [(FrameKind::File, "file"), (FrameKind::Container, "shared container")] {
        let is_used = graph.frames.iter().any(|frame| frame.kind == kind);
        used.extend(is_used.then(|| format!("{} {meaning}", mark(kind))));
    }
    let mut lines: Vec<String> = Vec::new();
    for entry in used {
        match lines.last_mut() {
            Some(line) if measure_text_width(line) + 3 + measure_text_width(&entry) <= COLUMNS => {
                *line += &format!("   {entry}");
            }
            Some(_) | None => lines.push(entry),
        }
    }
    lines
        .iter()
        .enumerate()
        .map(|(at, line)| format!("{}{line}\n", if at == 0 { "\n" } else { "" }))
        .collect()
}
