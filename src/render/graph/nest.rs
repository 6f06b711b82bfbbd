//! Frames in frames, for drawings whose frames cannot cross: gangs, files and shared containers.
//!
//! A gang all of whose steps stand in one frame stands in it too. Where a gang has other steps as well, that frame stands
//! in the one of the gang, and there is another for the steps outside.

use std::collections::BTreeSet;

use super::model::{FrameKind, Graph, GraphFrame};

/// A frame.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Nest {
    pub(super) kind: NestKind,
    /// Nodes that stand in it, and in no frame in it.
    pub(super) nodes: Vec<usize>,
    pub(super) inner: Vec<Nest>,
}

/// What a frame is around.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NestKind {
    /// A gang, by its number.
    Gang(usize),
    /// A file or a shared container: its label.
    Frame(FrameKind, String),
}

/// A gang of several nodes: its number, and they.
type Gang = (usize, Vec<usize>);

/// Returns the frames around the nodes that run when all others have ended, or around those others; and the nodes in
/// none.
pub(super) fn nests(graph: &Graph, is_later: bool) -> (Vec<Nest>, Vec<usize>) {
    let nodes: BTreeSet<usize> =
        (0..graph.nodes.len()).filter(|node| graph.nodes[*node].is_later == is_later).collect();
    let mut gangs: Vec<Gang> = graph.groups().into_iter().enumerate().collect();
    gangs.retain(|(_, steps)| steps.iter().all(|node| nodes.contains(node)));
    let frames: Vec<&GraphFrame> = graph.frames.iter().collect();
    nest(nodes, &frames, gangs)
}

/// Returns the frames around nodes, and the nodes in none.
fn nest(mut left: BTreeSet<usize>, frames: &[&GraphFrame], mut gangs: Vec<Gang>) -> (Vec<Nest>, Vec<usize>) {
    let mut nests = Vec::new();
    for (place, frame) in frames.iter().enumerate() {
        let own: BTreeSet<usize> = frame.nodes.iter().copied().filter(|node| left.contains(node)).collect();
        let is_whole = |(_, nodes): &Gang| nodes.iter().all(|node| own.contains(node));
        let (whole, parts): (Vec<Gang>, Vec<Gang>) = gangs.into_iter().partition(is_whole);
        gangs = parts;
        let elsewhere: BTreeSet<usize> = gangs.iter().flat_map(|(_, nodes)| nodes).copied().collect();
        let own: BTreeSet<usize> = own.difference(&elsewhere).copied().collect();
        if !own.is_empty() {
            left.retain(|node| !own.contains(node));
            let inside = |other: &&&GraphFrame| other.nodes.iter().all(|node| frame.nodes.contains(node));
            let inner: Vec<&GraphFrame> = frames[place + 1..].iter().filter(inside).copied().collect();
            let (inner, nodes) = nest(own, &inner, whole);
            nests.push(Nest { kind: NestKind::Frame(frame.kind, frame.label.clone()), nodes, inner });
        }
    }
    for (number, nodes) in gangs {
        left.retain(|node| !nodes.contains(node));
        let (inner, nodes) = nest(nodes.into_iter().collect(), frames, Vec::new());
        nests.push(Nest { kind: NestKind::Gang(number), nodes, inner });
    }
    (nests, left.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::graph::GraphNode;

    /// Draws frames in brackets: `ci[0 g0(1 2)] 3`.
    fn shown(gangs: &[Option<usize>], frames: &[&[usize]]) -> String {
        let node = |group: &Option<usize>| GraphNode { group: *group, ..GraphNode::default() };
        let frame = |(at, nodes): (usize, &&[usize])| GraphFrame {
            kind: FrameKind::Container,
            label: format!("c{at}"),
            nodes: nodes.to_vec(),
        };
        let frames = frames.iter().enumerate().map(frame).collect();
        let graph = Graph { nodes: gangs.iter().map(node).collect(), frames, ..Graph::default() };
        let (nests, rest) = nests(&graph, false);
        let rest = rest.iter().map(ToString::to_string);
        nests.iter().map(text).chain(rest).collect::<Vec<_>>().join(" ")
    }

    fn text(nest: &Nest) -> String {
        let parts = nest.nodes.iter().map(ToString::to_string).chain(nest.inner.iter().map(text));
        let parts = parts.collect::<Vec<_>>().join(" ");
        match &nest.kind {
            NestKind::Gang(number) => format!("g{number}({parts})"),
            NestKind::Frame(_, label) => format!("{label}[{parts}]"),
        }
    }

    #[test]
    fn frames_never_cross() {
        let gang = Some(0);
        assert_eq!(shown(&[None, None, None], &[&[0, 2]]), "c0[0 2] 1");
        assert_eq!(shown(&[None, gang, gang], &[&[0, 1, 2]]), "c0[0 g0(1 2)]");
        assert_eq!(shown(&[None, gang, gang], &[&[0, 1]]), "c0[0] g0(2 c0[1])");
        assert_eq!(shown(&[gang, gang, gang], &[&[0], &[1]]), "g0(2 c0[0] c1[1])");
        assert_eq!(shown(&[gang, gang], &[&[]]), "g0(0 1)");
    }

    #[test]
    fn frames_stand_in_frames() {
        let (one, other) = (Some(0), Some(1));
        assert_eq!(shown(&[None; 4], &[&[0, 1, 2], &[1, 2], &[2]]), "c0[0 c1[1 c2[2]]] 3");
        assert_eq!(shown(&[one, one, None], &[&[0, 1, 2], &[0, 1]]), "c0[2 c1[g0(0 1)]]");
        assert_eq!(shown(&[one, one, None, one], &[&[0, 1, 2], &[0]]), "c0[2] g0(3 c0[1 c1[0]])");
        assert_eq!(shown(&[one, other, one, other], &[&[0, 1], &[2, 3]]), "g0(c0[0] c1[2]) g1(c0[1] c1[3])");
    }
}
