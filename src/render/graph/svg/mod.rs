//! For pages: an SVG image that needs neither script nor fonts, in the page's light or dark colours.

mod geometry;
mod layers;
mod legend;
mod place;
mod ports;
mod shape;
mod style;

use std::fmt::Write as _;

use super::model::{ArrowKind, Class, FrameKind, Graph, GraphFrame, LATER, plain};
use crate::render::cut;
use geometry::{CONTAINER_CHAR, CONTAINER_MARGIN, Container, Picture, lay_out, shown};
use legend::Legend;
use shape::{outline, path};
use style::{STYLE, STYLE_BESIDE, escape, number, text_width};

const MARGIN: f64 = 26.0;
const TITLE_HEIGHT: f64 = 40.0;
/// The line around a step that has a condition.
const DASHED: &str = " stroke-dasharray=\"4 3\"";

/// Draws a graph as an SVG document: levels from left to right, streams as thick arrows under their names,
/// gangs in frames. The same graph always gives the same bytes.
pub fn svg(graph: &Graph) -> String {
    let picture = lay_out(graph);
    let title = plain(&graph.title);
    let legend = Legend::new(graph, &picture);
    let width = picture.width.max(legend.width).max(text_width(&title, 10.0)) + 2.0 * MARGIN;
    let height = picture.height + TITLE_HEIGHT + legend.height + 2.0 * MARGIN;
    let (wide, high) = (number(width.ceil()), number(height.ceil()));
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{wide}\" height=\"{high}\" viewBox=\"0 0 {wide} {high}\" \
         role=\"img\">\n<title>{title}</title>\n<style>{STYLE}{more}</style>\n<defs>{heads}</defs>\n\
         <rect class=\"page\" x=\"0.5\" y=\"0.5\" width=\"{inner_wide}\" height=\"{inner_high}\" rx=\"10\"/>\n\
         <text class=\"title\" x=\"{MARGIN}\" y=\"{title_y}\">{title}</text>\n",
        title = escape(&title),
        more = if picture.containers.is_empty() && !has_services(graph) { "" } else { STYLE_BESIDE },
        heads = heads(),
        inner_wide = number(width.ceil() - 1.0),
        inner_high = number(height.ceil() - 1.0),
        title_y = MARGIN + 14.0,
    );
    let left = MARGIN + (width - 2.0 * MARGIN - picture.width) / 2.0;
    let _ = writeln!(out, "<g transform=\"translate({} {})\">", number(left), number(MARGIN + TITLE_HEIGHT));
    out += &body(graph, &picture);
    out += "</g>\n";
    let _ = writeln!(
        out,
        "<g transform=\"translate({MARGIN} {})\">",
        number(MARGIN + TITLE_HEIGHT + picture.height)
    );
    out += &legend.text;
    out + "</g>\n</svg>\n"
}

fn body(graph: &Graph, picture: &Picture) -> String {
    let mut out = String::new();
    for frame in &picture.frames {
        let _ = writeln!(out, "<path class=\"gang\" d=\"{}\"/>", path(&outline(frame)));
    }
    out += &border(graph, picture);
    for container in &picture.containers {
        out += &container_frame(graph, container);
    }
    let edges: Vec<_> = graph.drawn().collect();
    // Streams over order, and what is live over what is stored: they share lines near their producer.
    let layer = |kind: &ArrowKind| match kind {
        ArrowKind::Order | ArrowKind::Use => 0,
        ArrowKind::Stored { .. } => 1,
        ArrowKind::Stream { .. } => 2,
    };
    for wanted in 0..3 {
        for arrow in &picture.arrows {
            if let Some(edge) = edges.get(arrow.edge).filter(|edge| layer(&edge.kind) == wanted) {
                let (kind, line) = (class(&edge.kind), path(&arrow.path));
                let head = if edge.kind == ArrowKind::Use { String::new() } else { head_of(kind) };
                let _ = writeln!(out, "<path class=\"{kind}\"{head} d=\"{line}\"/>");
            }
        }
    }
    for name in &picture.names {
        let (x, y) = (number(name.x), number(name.y));
        let _ =
            writeln!(out, "<text class=\"name\" x=\"{x}\" y=\"{y}\">{}</text>", escape(&shown(&name.text)));
    }
    for (node, rect) in graph.nodes.iter().zip(&picture.boxes) {
        let kind = node.class.map_or("", Class::name);
        let class = node.class.map_or_else(String::new, |class| format!(": {}", class.name()));
        let about = node.remark().map_or_else(String::new, |about| format!(" – {about}"));
        let line = if node.condition.is_some() { DASHED } else { "" };
        let full = plain(&node.label) + &class + &about;
        let round = if node.is_service { number(rect.height.min(36.0) / 2.0) } else { "7".to_owned() };
        let _ = writeln!(
            out,
            "<g class=\"step {kind}\"><title>{}</title><rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"{round}\"{line}/>\
             <text x=\"{}\" y=\"{}\">{}</text></g>",
            escape(&full),
            number(rect.x),
            number(rect.y),
            number(rect.width),
            number(rect.height),
            number(rect.x + rect.width / 2.0),
            number(rect.y + rect.height / 2.0 + 4.5),
            escape(&shown(&node.label)),
        );
    }
    out
}

/// Returns the frame of a file or a shared container, with its name on its upper edge.
fn container_frame(graph: &Graph, Container { frame, around }: &Container) -> String {
    let Some(GraphFrame { kind, label, nodes: _ }) = graph.frames.get(*frame) else { return String::new() };
    let class = match kind {
        FrameKind::Container => "container",
        FrameKind::File => "file",
    };
    let most = ((around.width - CONTAINER_MARGIN + 0.1) / CONTAINER_CHAR).max(3.0) as usize;
    let shown = cut(&plain(label), most);
    let (x, y) = (number(around.x), number(around.y));
    // What is behind the name keeps the line of the frame out of it.
    format!(
        "<g><title>{}</title><rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{}\" rx=\"9\"/>\
         <rect class=\"ground\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"12\" rx=\"3\"/>\
         <text class=\"{class}-name\" x=\"{}\" y=\"{}\">{}</text></g>\n",
        escape(&plain(label)),
        number(around.width),
        number(around.height),
        number(around.x + 7.0),
        number(around.y - 6.0),
        number(text_width(&shown, CONTAINER_CHAR) + 6.0),
        number(around.x + 10.0),
        number(around.y + 3.5),
        escape(&shown),
    )
}

fn has_services(graph: &Graph) -> bool {
    graph.nodes.iter().any(|node| node.is_service)
}

/// Returns the line before the steps that run when all others have ended, which stand to its right.
fn border(graph: &Graph, picture: &Picture) -> String {
    let boxes = || graph.nodes.iter().zip(&picture.boxes);
    let later = boxes().filter(|(node, _)| node.is_later).map(|(_, rect)| rect.x);
    let others = boxes().filter(|(node, _)| !node.is_later).map(|(_, rect)| rect.x + rect.width);
    let Some(start) = later.reduce(f64::min) else { return String::new() };
    let x = others.reduce(f64::max).map_or(start - 12.0, |end| f64::midpoint(start, end));
    format!(
        "<path class=\"order\" stroke-dasharray=\"2 6\" d=\"M{x} 0V{}\"><title>{LATER}</title></path>\n<text class=\"legend\" x=\"{}\" y=\"-6\">finally</text>\n",
        number(picture.height),
        number(x + 6.0),
        x = number(x),
    )
}

fn class(kind: &ArrowKind) -> &'static str {
    match kind {
        ArrowKind::Order => "order",
        ArrowKind::Stream { .. } => "stream",
        ArrowKind::Stored { .. } => "stored",
        ArrowKind::Use => "use",
    }
}

/// Returns the attribute that gives a line its arrowhead.
fn head_of(kind: &str) -> String {
    format!(" marker-end=\"url(#{kind})\"")
}

/// Returns the arrowheads, one for each kind of line.
fn heads() -> String {
    let head = |kind: &str| {
        format!(
            "<marker id=\"{kind}\" viewBox=\"0 0 9 10\" refX=\"0\" refY=\"5\" markerWidth=\"9\" markerHeight=\"10\" \
             markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path class=\"{kind}-head\" d=\"M0 0.5 9 5 0 9.5z\"/></marker>"
        )
    };
    ["order", "stream", "stored"].map(head).concat()
}
