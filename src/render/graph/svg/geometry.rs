//! Where boxes, arrows, stream names and gang frames go, in pixels.

use super::super::model::{ArrowKind, Graph, GraphEdge, plain};
use super::layers::{self, Layers};
use super::place;
use super::ports::Ports;
use super::shape::{Rect, Segment};
use super::style::text_width;
use crate::render::cut;

/// Width of one character of a step's name and of a stream's name: monospace, 0.6 em and a little.
pub(super) const STEP_CHAR: f64 = 7.9;
pub(super) const STREAM_CHAR: f64 = 6.7;

const BOX_PADDING: f64 = 14.0;
/// Room for the curves between two columns.
const CURVE: f64 = 52.0;
const ARROWHEAD: f64 = 9.0;
const FRAME: f64 = 11.0;
/// From the boxes of a shared container to its frame, and the room for its name on that.
const CONTAINER: f64 = 6.0;
const CONTAINER_NAME: f64 = 6.0;
/// Width of one character of its name, the room beside that, and the characters that boxes make room for.
pub(super) const CONTAINER_CHAR: f64 = 6.2;
pub(super) const CONTAINER_MARGIN: f64 = 20.0;
const SHORT_CONTAINER: usize = 28;
/// What is added between boxes of which one is in another container.
const CONTAINER_GAP: f64 = 8.0;
/// Characters of a name that are shown.
const LONGEST_NAME: usize = 32;

/// An arrow: the edge that it is, and its line as SVG path data.
#[derive(Debug)]
pub(super) struct Arrow {
    pub(super) edge: usize,
    pub(super) path: Vec<Segment>,
}

/// A stream's name, by the middle of its baseline.
#[derive(Debug)]
pub(super) struct Name {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) text: String,
}

/// A whole drawing, its upper left corner at 0, 0.
#[derive(Debug)]
pub(super) struct Picture {
    pub(super) width: f64,
    pub(super) height: f64,
    /// By node.
    pub(super) boxes: Vec<Rect>,
    pub(super) arrows: Vec<Arrow>,
    pub(super) names: Vec<Name>,
    /// For each gang, column by column, where its members stand.
    pub(super) frames: Vec<Vec<Rect>>,
    /// Shared containers, each as often as its steps do not stand side by side.
    pub(super) containers: Vec<Container>,
}

/// Steps of a shared container that stand side by side.
#[derive(Debug)]
pub(super) struct Container {
    /// Which frame of the graph it is.
    pub(super) frame: usize,
    pub(super) around: Rect,
}

/// Lays out a graph.
pub(super) fn lay_out(graph: &Graph) -> Picture {
    let layers = layers::arrange(graph);
    let mut ports = Ports::new(graph);
    let height: Vec<f64> =
        layers.vertices.iter().map(|it| it.node.map_or(2.0, |node| ports.height(node))).collect();
    let gap = |a: usize, b: usize| {
        let (a, b) = (&layers.vertices[a], &layers.vertices[b]);
        let frame = if a.group == b.group { 0.0 } else { FRAME };
        let container = if a.container == b.container { 0.0 } else { CONTAINER_GAP };
        frame + container + if a.node.is_some() && b.node.is_some() { 20.0 } else { 13.0 }
    };
    let middle = place::heights(&layers, &height, gap);
    ports.sort(graph, &layers, &middle);
    let columns = columns(graph, &layers, &ports, &middle);
    let mut picture = draw(graph, &layers, &ports, &columns, &middle);
    picture.frames = frames(graph, &layers, &picture.boxes, &columns, &middle);
    picture.containers = containers(&layers, &picture.boxes);
    picture.move_to_origin();
    picture
}

/// Returns a name as it is shown.
pub(super) fn shown(name: &str) -> String {
    let name = plain(name);
    if name.chars().count() <= LONGEST_NAME {
        return name;
    }
    name.chars().take(LONGEST_NAME - 1).chain(['…']).collect()
}

fn shown_width(name: &str, char: f64) -> f64 {
    text_width(&shown(name), char)
}

/// Returns how wide a step's name would have to be for the name of its container to fit above it, if that is short.
fn container_width(label: &str) -> f64 {
    let shown = cut(&plain(label), SHORT_CONTAINER);
    text_width(&shown, CONTAINER_CHAR) + CONTAINER_MARGIN - 2.0 * (BOX_PADDING + CONTAINER)
}

/// A column's boxes, and the straight piece behind them where stream names stand.
#[derive(Debug, Clone, Copy)]
struct Column {
    left: f64,
    right: f64,
    /// Where arrows leave the straight piece.
    trunk: f64,
}

fn columns(graph: &Graph, layers: &Layers, ports: &Ports<'_>, middle: &[f64]) -> Vec<Column> {
    let mut left = 0.0;
    let column = |vertices: &Vec<usize>| {
        let nodes = || vertices.iter().filter_map(|&vertex| layers.vertices[vertex].node);
        let containers = vertices.iter().filter_map(|&vertex| layers.vertices[vertex].container);
        let labels = nodes().map(|node| shown_width(&graph.nodes[node].label, STEP_CHAR));
        let labels = labels.chain(containers.map(|frame| container_width(&graph.frames[frame].label)));
        let width = labels.fold(44.0, f64::max);
        let names =
            nodes().flat_map(|node| ports.names(node)).map(|name| shown_width(name, STREAM_CHAR) + 20.0);
        let right = left + width + 2.0 * BOX_PADDING;
        let trunk = right + names.fold(0.0, f64::max);
        let rise = |&vertex: &usize| {
            layers.vertices[vertex].after.iter().map(move |&it| (middle[it] - middle[vertex]).abs())
        };
        let steepest = vertices.iter().flat_map(rise).fold(0.0, f64::max);
        let column = Column { left, right, trunk };
        left = trunk + CURVE + (steepest * 0.12).min(60.0);
        column
    };
    layers.columns.iter().map(column).collect()
}

fn draw(graph: &Graph, layers: &Layers, ports: &Ports<'_>, columns: &[Column], middle: &[f64]) -> Picture {
    let column_of = column_of(layers);
    let at = |vertex: usize| columns[column_of[vertex]];
    let boxes = (0..graph.nodes.len()).map(|node| {
        let (column, height) = (at(node), ports.height(node));
        Rect { x: column.left, y: middle[node] - height / 2.0, width: column.right - column.left, height }
    });
    let mut names: Vec<Name> = Vec::new();
    for (node, &middle) in middle.iter().enumerate().take(graph.nodes.len()) {
        for name in ports.names(node) {
            let kind = ArrowKind::Stream { name: name.to_owned() };
            let y = middle + ports.offset(node, true, &kind) - 5.0;
            let x = at(node).right + 9.0 + shown_width(name, STREAM_CHAR) / 2.0;
            names.push(Name { x, y, text: name.to_owned() });
        }
    }
    let edges: Vec<&GraphEdge> = graph.drawn().collect();
    let arrow = |(edge, route): (usize, &Vec<usize>)| {
        let drawn = edges.get(edge)?;
        let (&first, &last) = (route.first()?, route.last()?);
        let y = middle[first] + ports.offset(drawn.from, true, &drawn.kind);
        let mut path = vec![Segment::Start(at(first).right, y), Segment::Across(at(first).trunk)];
        for &vertex in &route[1..route.len() - 1] {
            path.extend([Segment::Curve(at(vertex).left, middle[vertex]), Segment::Across(at(vertex).trunk)]);
        }
        let y = middle[last] + ports.offset(drawn.to, false, &drawn.kind);
        let head = if drawn.kind == ArrowKind::Use { 0.0 } else { ARROWHEAD };
        path.push(Segment::Curve(at(last).left - head, y));
        Some(Arrow { edge, path })
    };
    Picture {
        width: columns.last().map_or(0.0, |column| column.trunk),
        height: 0.0,
        boxes: boxes.collect(),
        arrows: layers.routes.iter().enumerate().filter_map(arrow).collect(),
        names,
        frames: Vec::new(),
        containers: Vec::new(),
    }
}

/// Returns the frames of shared containers: one around the boxes of each that follow each other in a column.
fn containers(layers: &Layers, boxes: &[Rect]) -> Vec<Container> {
    let mut frames: Vec<Container> = Vec::new();
    for column in &layers.columns {
        let mut last = None;
        for (node, container) in column
            .iter()
            .map(|vertex| &layers.vertices[*vertex])
            .filter_map(|it| Some((it.node?, it.container)))
        {
            let own = boxes[node];
            let around = Rect {
                x: own.x - CONTAINER,
                y: own.y - CONTAINER,
                width: own.width + 2.0 * CONTAINER,
                height: own.height + 2.0 * CONTAINER,
            };
            match (container, frames.last_mut()) {
                (Some(frame), Some(open)) if last == Some(frame) => open.around = open.around.around(around),
                (Some(frame), _) => frames.push(Container { frame, around }),
                (None, _) => {}
            }
            last = container;
        }
    }
    frames
}

fn column_of(layers: &Layers) -> Vec<usize> {
    let mut column_of = vec![0; layers.vertices.len()];
    for (index, column) in layers.columns.iter().enumerate() {
        column.iter().for_each(|&vertex| column_of[vertex] = index);
    }
    column_of
}

/// Returns what frames the gangs: in each column that a gang has members or edges in, the part that they take
/// up.
fn frames(
    graph: &Graph,
    layers: &Layers,
    boxes: &[Rect],
    columns: &[Column],
    middle: &[f64],
) -> Vec<Vec<Rect>> {
    let mut frames = vec![Vec::new(); graph.groups().len()];
    for (vertices, column) in layers.columns.iter().zip(columns) {
        let mut slabs: Vec<Option<Rect>> = vec![None; frames.len()];
        for &vertex in vertices {
            let Some(group) = layers.vertices[vertex].group else {
                continue;
            };
            let (x, width) = (column.left, column.trunk - column.left);
            let (y, height) = layers.vertices[vertex]
                .node
                .map_or((middle[vertex], 0.0), |it| (boxes[it].y, boxes[it].height));
            let rect =
                Rect { x: x - FRAME, y: y - FRAME, width: width + FRAME, height: height + 2.0 * FRAME };
            slabs[group] = Some(slabs[group].map_or(rect, |slab| slab.around(rect)));
        }
        slabs.into_iter().zip(&mut frames).for_each(|(slab, frame)| frame.extend(slab));
    }
    for last in frames.iter_mut().filter_map(|frame| frame.last_mut()) {
        let column = columns.iter().find(|column| column.left - FRAME == last.x);
        last.width = column.map_or(last.width, |column| column.right - column.left + 2.0 * FRAME);
    }
    frames
}

impl Picture {
    /// Moves everything to where its upper left corner is 0, 0, and measures it.
    fn move_to_origin(&mut self) {
        let points = self.arrows.iter().flat_map(|arrow| &arrow.path).filter_map(|segment| match *segment {
            Segment::Start(x, y) | Segment::Curve(x, y) => Some(Rect { x, y, width: 0.0, height: 0.0 }),
            Segment::Across(_) | Segment::Down(_) | Segment::Corner(..) => None,
        });
        let named = |it: &Container| Rect {
            y: it.around.y - CONTAINER_NAME,
            height: it.around.height + CONTAINER_NAME,
            ..it.around
        };
        let framed = self.frames.iter().flatten().copied().chain(self.containers.iter().map(named));
        let all = self.boxes.iter().copied().chain(framed).chain(points).reduce(Rect::around);
        let Some(all) = all else { return };
        let (x, y) = (-all.x, -all.y);
        let containers = self.containers.iter_mut().map(|it| &mut it.around);
        for rect in self.boxes.iter_mut().chain(self.frames.iter_mut().flatten()).chain(containers) {
            rect.x += x;
            rect.y += y;
        }
        for name in &mut self.names {
            name.x += x;
            name.y += y;
        }
        for segment in self.arrows.iter_mut().flat_map(|arrow| &mut arrow.path) {
            *segment = match *segment {
                Segment::Start(a, b) => Segment::Start(a + x, b + y),
                Segment::Across(a) => Segment::Across(a + x),
                Segment::Curve(a, b) => Segment::Curve(a + x, b + y),
                relative @ (Segment::Down(_) | Segment::Corner(..)) => relative,
            };
        }
        self.width = (self.width + x).max(all.width);
        self.height = all.height;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::model::{FrameKind, GraphFrame, GraphNode};
    use super::*;

    fn overlap(a: &Rect, b: &Rect) -> bool {
        a.x < b.right() && b.x < a.right() && a.y < b.bottom() && b.y < a.bottom()
    }

    proptest! {
        #[test]
        fn boxes_keep_apart_within_the_picture_and_arrows_run_rightwards(
            ranks in prop::collection::vec(0..5usize, 1..14),
            links in prop::collection::vec((0..14usize, 0..14usize, any::<bool>()), 0..30),
        ) {
            let node = |(index, &rank): (usize, &usize)| {
                GraphNode { label: format!("step-{index}"), rank, group: (index % 3 > 0).then_some(index / 4), ..GraphNode::default() }
            };
            let nodes: Vec<GraphNode> = ranks.iter().enumerate().map(node).collect();
            let ordered = |&(from, to, _): &(usize, usize, bool)| from.max(to) < nodes.len() && nodes[from].rank < nodes[to].rank;
            let edge = |(from, to, order): (usize, usize, bool)| {
                let kind = if order { ArrowKind::Order } else { ArrowKind::Stream { name: format!("s{from}") } };
                GraphEdge { from, to, kind }
            };
            let edges = links.into_iter().filter(ordered).map(edge).collect();
            let frames = vec![GraphFrame {
                kind: FrameKind::Container,
                label: "ci".into(),
                nodes: (0..nodes.len()).step_by(2).collect(),
            }];
            let picture = lay_out(&Graph { title: String::new(), nodes, edges, frames });
            for container in &picture.containers {
                for (node, one) in picture.boxes.iter().enumerate().filter(|(node, _)| node % 2 == 1) {
                    prop_assert!(!overlap(&container.around, one), "{node} stands in a container that it does not run in");
                }
            }
            for (place, one) in picture.boxes.iter().enumerate() {
                // Sums are rounded in their last digits.
                let near = Rect { x: one.x + 0.1, y: one.y + 0.1, ..*one };
                let is_within = near.x >= 0.0 && near.y >= 0.0 && one.right() <= picture.width + 0.1 && one.bottom() <= picture.height + 0.1;
                prop_assert!(is_within, "{one:?} in {} x {}", picture.width, picture.height);
                prop_assert!(!picture.boxes[..place].iter().any(|other| overlap(one, other)));
            }
            for arrow in &picture.arrows {
                let ends: Vec<f64> = arrow.path.iter().filter_map(|segment| match *segment {
                    Segment::Start(x, _) | Segment::Across(x) | Segment::Curve(x, _) => Some(x),
                    _ => None,
                }).collect();
                prop_assert!(ends.is_sorted());
            }
        }
    }
}
