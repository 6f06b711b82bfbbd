//! Groups of steps as one box each.

use std::collections::BTreeMap;

use super::model::{ArrowKind, Class, Graph, GraphEdge, GraphNode};
use crate::pipeline::{Group, GroupKind, Pipeline, StepId};

/// Returns a drawing with one box for each group of several steps, and every arrow once. Where boxes would then wait
/// for each other, the steps stay apart.
pub fn folded(graph: &Graph, pipeline: &Pipeline) -> Graph {
    let mut place: Vec<usize> = (0..graph.nodes.len()).collect();
    let mut labels: BTreeMap<usize, String> = BTreeMap::new();
    let folds = |group: &&Group| group.kind == GroupKind::Matrix && group.members.len() > 1;
    for group in pipeline.groups.iter().filter(folds) {
        let node = |step: &StepId| graph.nodes.iter().position(|node| node.step == Some(*step));
        let members = group.members.iter().filter_map(node);
        let Some(first) = members.clone().min() else { continue };
        members.for_each(|step| place[step] = first);
        labels.insert(first, group.label());
    }
    if labels.is_empty() {
        return graph.clone();
    }
    let kept: Vec<usize> = (0..place.len()).filter(|node| place[*node] == *node).collect();
    let number: BTreeMap<usize, usize> =
        kept.iter().enumerate().map(|(number, node)| (*node, number)).collect();
    let inside =
        |node: usize| place.iter().enumerate().filter(move |(_, at)| **at == node).map(|(step, _)| step);
    let node = |node: &usize| {
        let own = &graph.nodes[*node];
        let members = || inside(*node).map(|step| &graph.nodes[step]);
        let Some(label) = labels.get(node) else { return own.clone() };
        GraphNode {
            label: label.clone(),
            rank: members().map(|member| member.rank).max().unwrap_or(own.rank),
            class: members().filter_map(|member| member.class).max_by_key(|class| weight(*class)),
            ..own.clone()
        }
    };
    let mut folded = Graph { nodes: kept.iter().map(node).collect(), edges: Vec::new(), ..graph.clone() };
    for frame in &mut folded.frames {
        frame.nodes.iter_mut().for_each(|node| *node = number[&place[*node]]);
        frame.nodes.sort_unstable();
        frame.nodes.dedup();
    }
    folded.edges = edges(graph, |node| number[&place[node]]);
    let climbs = graph.drawn().all(|edge| graph.nodes[edge.from].rank < graph.nodes[edge.to].rank);
    if raise(&mut folded, usize::from(climbs)) { folded } else { graph.clone() }
}

impl Graph {
    /// Puts the services of a drawing by levels before the steps that use them, and what runs when all others have
    /// ended behind these still.
    #[must_use]
    pub fn with_services_before_users(mut self) -> Self {
        if !self.nodes.iter().any(|node| node.is_service) {
            return self;
        }
        raise(&mut self, 1);
        let ranks = |is_later: bool| {
            self.nodes.iter().filter(move |node| node.is_later == is_later).map(|node| node.rank)
        };
        let missing = match (ranks(false).max(), ranks(true).min()) {
            (Some(last), Some(first)) => (last + 1).saturating_sub(first),
            (None, _) | (_, None) => 0,
        };
        self.nodes.iter_mut().filter(|node| node.is_later).for_each(|node| node.rank += missing);
        self
    }
}

/// Of several steps the one that counts most gives the box its colour.
fn weight(class: Class) -> u8 {
    match class {
        Class::Skipped => 0,
        Class::Succeeded => 1,
        Class::Stopped => 2,
        Class::Ignored => 3,
        Class::Failed => 4,
    }
}

/// Returns each arrow between two boxes once; that of several streams has the name that they begin with.
fn edges(graph: &Graph, place: impl Fn(usize) -> usize) -> Vec<GraphEdge> {
    let mut edges: Vec<GraphEdge> = Vec::new();
    for edge in graph.drawn() {
        let (from, to) = (place(edge.from), place(edge.to));
        if from == to {
            continue;
        }
        let same = edges
            .iter_mut()
            .find(|other| (other.from, other.to) == (from, to) && is_alike(&other.kind, &edge.kind));
        match (same, &edge.kind) {
            (None, kind) => edges.push(GraphEdge { from, to, kind: kind.clone() }),
            (Some(_), ArrowKind::Order | ArrowKind::Use) => {}
            (Some(other), ArrowKind::Stream { name: own } | ArrowKind::Stored { name: own }) => {
                if let ArrowKind::Stream { name } | ArrowKind::Stored { name } = &mut other.kind {
                    *name = common(name, own);
                }
            }
        }
    }
    edges
}

fn is_alike(one: &ArrowKind, other: &ArrowKind) -> bool {
    std::mem::discriminant(one) == std::mem::discriminant(other)
}

/// Returns what two names begin with, up to a sign between words; the first where that is nothing.
fn common(one: &str, other: &str) -> String {
    let same: usize =
        one.chars().zip(other.chars()).take_while(|(a, b)| a == b).map(|(char, _)| char.len_utf8()).sum();
    let is_end = same == one.len() || same == other.len();
    let start = one.get(..same).unwrap_or_default();
    let whole = if is_end { start } else { start.rfind(['.', '-', '_']).map_or("", |end| &start[..end]) };
    if whole.is_empty() { one.to_owned() } else { whole.to_owned() }
}

/// Raises every box above, or at least to, those that have an arrow to it; returns whether that can be done.
fn raise(graph: &mut Graph, step: usize) -> bool {
    let mut missing = vec![0usize; graph.nodes.len()];
    let mut after: Vec<Vec<usize>> = vec![Vec::new(); graph.nodes.len()];
    for GraphEdge { from, to, kind: _ } in &graph.edges {
        missing[*to] += 1;
        after[*from].push(*to);
    }
    let mut open: Vec<usize> = (0..missing.len()).filter(|node| missing[*node] == 0).collect();
    let mut done = 0;
    while let Some(node) = open.pop() {
        done += 1;
        for next in std::mem::take(&mut after[node]) {
            graph.nodes[next].rank = graph.nodes[next].rank.max(graph.nodes[node].rank + step);
            missing[next] -= 1;
            if missing[next] == 0 {
                open.push(next);
            }
        }
    }
    done == missing.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::{Group, Span, testing};

    fn drawn(steps: &str, edges: &[(usize, usize, &str)], groups: &[(&str, &[usize])]) -> Graph {
        let node = |(rank, name): (usize, &str)| GraphNode {
            step: Some(StepId::new(rank)),
            label: name.into(),
            rank,
            ..GraphNode::default()
        };
        let edge = |(from, to, name): &(usize, usize, &str)| GraphEdge {
            from: *from,
            to: *to,
            kind: match *name {
                "" => ArrowKind::Order,
                "use" => ArrowKind::Use,
                name => ArrowKind::Stream { name: name.into() },
            },
        };
        let graph = Graph {
            title: "p".into(),
            nodes: steps.split(' ').enumerate().map(node).collect(),
            edges: edges.iter().map(edge).collect(),
            frames: Vec::new(),
        };
        let mut pipeline = testing::pipeline(&steps.replace(' ', "\n"));
        for (name, members) in groups {
            let members = members.iter().map(|step| StepId::new(*step)).collect();
            pipeline.groups.push(Group::of_matrix(*name, Span::default(), members));
        }
        folded(&graph, &pipeline)
    }

    fn shown(graph: &Graph) -> String {
        let label = |node: usize| &graph.nodes[node].label;
        let edge = |edge: &GraphEdge| match &edge.kind {
            ArrowKind::Order => format!("{} → {}", label(edge.from), label(edge.to)),
            ArrowKind::Use => format!("{} ⋯ {}", label(edge.from), label(edge.to)),
            ArrowKind::Stream { name } | ArrowKind::Stored { name } => {
                format!("{} {name}→ {}", label(edge.from), label(edge.to))
            }
        };
        graph.edges.iter().map(edge).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn a_group_is_one_box_and_an_arrow_is_there_once() {
        let edges = [(0, 2, ""), (1, 2, ""), (0, 3, "tar.a"), (1, 3, "tar.b"), (2, 3, "")];
        let graph = drawn("t.a t.b report sums", &edges, &[("t", &[0, 1])]);
        assert_eq!(shown(&graph), "t ×2 → report, t ×2 tar→ sums, report → sums");
        assert!(graph.edges.iter().all(|edge| graph.nodes[edge.from].rank < graph.nodes[edge.to].rank));
    }

    #[test]
    fn a_group_uses_a_service_once() {
        let graph = drawn("db t.a t.b", &[(0, 1, "use"), (0, 2, "use")], &[("t", &[1, 2])]);
        assert_eq!(shown(&graph), "db ⋯ t ×2");
    }

    #[test]
    fn groups_that_would_wait_for_each_other_stay_apart() {
        let edges = [(0, 1, ""), (1, 2, "")];
        let graph = drawn("t.a u.a t.b u.b", &edges, &[("t", &[0, 2]), ("u", &[1, 3])]);
        assert_eq!(graph.nodes.len(), 4);
    }

    #[test]
    fn ranks_rise_along_the_arrows_of_boxes() {
        let graph = drawn("t.a after x t.b", &[(0, 1, ""), (2, 3, "")], &[("t", &[0, 3])]);
        let rank = |label: &str| graph.nodes.iter().find(|node| node.label == label).unwrap().rank;
        assert!(rank("t ×2") < rank("after") && rank("x") < rank("t ×2"));
    }

    #[test]
    fn streams_of_a_group_have_one_name() {
        for (one, other, expected) in [
            ("tar.linux", "tar.arm", "tar"),
            ("tar", "tar.arm", "tar"),
            ("x-1", "x-12", "x-1"),
            ("linux", "arm", "linux"),
        ] {
            assert_eq!(common(one, other), expected);
        }
    }
}
