//! Where arrows meet boxes.

use std::collections::HashMap;

use super::super::model::{ArrowKind, Graph};
use super::layers::Layers;

const BOX_HEIGHT: f64 = 36.0;
/// Between two ports of one box.
const PITCH: f64 = 17.0;

/// The ports of all boxes. Order arrows of one node share a port on each side; each stream has its own.
pub(super) struct Ports<'a> {
    /// By node and side (false: entering): the streams, `None` for order, from top to bottom.
    of: HashMap<(usize, bool), Vec<Option<&'a str>>>,
}

fn stream(kind: &ArrowKind) -> Option<&str> {
    match kind {
        ArrowKind::Order | ArrowKind::Use => None,
        ArrowKind::Stream { name } | ArrowKind::Stored { name } => Some(name),
    }
}

impl<'a> Ports<'a> {
    pub(super) fn new(graph: &'a Graph) -> Self {
        let mut of: HashMap<(usize, bool), Vec<Option<&str>>> = HashMap::new();
        for edge in graph.drawn() {
            for end in [(edge.from, true), (edge.to, false)] {
                let ports = of.entry(end).or_default();
                if !ports.contains(&stream(&edge.kind)) {
                    ports.push(stream(&edge.kind));
                }
            }
        }
        Self { of }
    }

    /// Sorts the ports of each side by where their arrows come from or go to, so that they do not cross at
    /// once.
    pub(super) fn sort(&mut self, graph: &Graph, layers: &Layers, middle: &[f64]) {
        let mut ends: HashMap<_, (f64, f64)> = HashMap::new();
        for (edge, route) in graph.drawn().zip(&layers.routes) {
            let [_, next, ..] = route[..] else { continue };
            let [.., previous, _] = route[..] else { continue };
            for (end, other) in [((edge.from, true), next), ((edge.to, false), previous)] {
                let (sum, count) = ends.entry((end, stream(&edge.kind))).or_default();
                *sum += middle[other];
                *count += 1.0;
            }
        }
        for (end, ports) in &mut self.of {
            let mean = |port: &Option<&str>| ends.get(&(*end, *port)).map_or(0.0, |(sum, count)| sum / count);
            ports.sort_by(|a, b| mean(a).total_cmp(&mean(b)));
        }
    }

    pub(super) fn height(&self, node: usize) -> f64 {
        let most = [true, false].iter().filter_map(|&side| self.of.get(&(node, side))).map(Vec::len).max();
        BOX_HEIGHT.max(most.unwrap_or(0) as f64 * PITCH + 8.0)
    }

    /// Returns how far below a box's middle a port is.
    pub(super) fn offset(&self, node: usize, leaving: bool, kind: &ArrowKind) -> f64 {
        let Some(ports) = self.of.get(&(node, leaving)) else {
            return 0.0;
        };
        let place = ports.iter().position(|port| *port == stream(kind)).unwrap_or(0);
        (place as f64 - (ports.len() as f64 - 1.0) / 2.0) * PITCH
    }

    /// Returns the streams that leave a node.
    pub(super) fn names(&self, node: usize) -> impl Iterator<Item = &'a str> {
        self.of.get(&(node, true)).into_iter().flatten().copied().flatten()
    }
}
