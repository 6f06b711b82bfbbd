//! Columns of boxes, and the order in each that crosses few edges (after Sugiyama, Tagawa and Toda: layers,
//! dummy vertices on long edges, barycentre sweeps).

use std::collections::{HashMap, HashSet};

use super::super::model::Graph;

/// Dummy vertices in one drawing, at the most; edges past that are drawn straight. Far more than a drawing
/// that can be read has.
const MOST_DUMMIES: usize = 20_000;

/// Sweeps to and fro over the columns.
const SWEEPS: usize = 24;

/// A box, or the place where a long edge passes through a column.
#[derive(Debug)]
pub(super) struct Vertex {
    /// The node of a box.
    pub(super) node: Option<usize>,
    /// The gang of a box; of a passage, that of both the edge's ends. Only gangs of more than one.
    pub(super) group: Option<usize>,
    /// The shared container of a box.
    pub(super) container: Option<usize>,
    /// Vertices of the column before that are joined to this one.
    pub(super) before: Vec<usize>,
    /// Vertices of the column after.
    pub(super) after: Vec<usize>,
}

/// A graph in columns. The vertex of a node has the node's own index.
#[derive(Debug)]
pub(super) struct Layers {
    pub(super) vertices: Vec<Vertex>,
    /// Vertices from top to bottom, from left to right.
    pub(super) columns: Vec<Vec<usize>>,
    /// For each drawn edge the vertices that it leads through, both ends included.
    pub(super) routes: Vec<Vec<usize>>,
}

/// Arranges a graph in columns.
pub(super) fn arrange(graph: &Graph) -> Layers {
    let mut layers = in_file_order(graph);
    let mut best = (layers.faults(), layers.columns.clone());
    for sweep in 0..SWEEPS {
        if best.0 == (0, 0) {
            break;
        }
        layers.sweep(sweep % 2 == 0);
        let faults = layers.faults();
        if faults < best.0 {
            best = (faults, layers.columns.clone());
        }
    }
    layers.columns = best.1;
    layers
}

fn in_file_order(graph: &Graph) -> Layers {
    let mut ranks: Vec<usize> = graph.nodes.iter().map(|node| node.rank).collect();
    ranks.sort_unstable();
    ranks.dedup();
    let column: Vec<usize> =
        graph.nodes.iter().map(|node| ranks.partition_point(|rank| *rank < node.rank)).collect();
    let groups: HashMap<usize, usize> = graph
        .groups()
        .into_iter()
        .enumerate()
        .flat_map(|(group, nodes)| nodes.into_iter().map(move |node| (node, group)))
        .collect();
    let mut columns = vec![Vec::new(); ranks.len()];
    let mut vertices: Vec<Vertex> = Vec::new();
    for (node, &column) in column.iter().enumerate() {
        columns[column].push(node);
        vertices.push(Vertex {
            node: Some(node),
            group: groups.get(&node).copied(),
            container: graph.frames.iter().rposition(|frame| frame.nodes.contains(&node)),
            before: Vec::new(),
            after: Vec::new(),
        });
    }
    let mut layers = Layers { vertices, columns, routes: Vec::new() };
    let mut joined = HashSet::new();
    for edge in graph.drawn() {
        let group = groups.get(&edge.from).filter(|group| groups.get(&edge.to) == Some(group)).copied();
        let between = column[edge.from] + 1..column[edge.to];
        let mut route = vec![edge.from];
        if layers.vertices.len() + between.len() < graph.nodes.len() + MOST_DUMMIES {
            route.extend(between.map(|column| layers.add_dummy(column, group)));
        }
        route.push(edge.to);
        if column[edge.from] < column[edge.to] && route.len() == 1 + column[edge.to] - column[edge.from] {
            for pair in route.windows(2).filter(|pair| joined.insert((pair[0], pair[1]))) {
                layers.vertices[pair[0]].after.push(pair[1]);
                layers.vertices[pair[1]].before.push(pair[0]);
            }
        }
        layers.routes.push(route);
    }
    layers
}

impl Vertex {
    /// Returns what it stands side by side with others of in its column: its gang, else its container.
    fn company(&self) -> Option<(bool, usize)> {
        self.group.map(|group| (true, group)).or(self.container.map(|container| (false, container)))
    }
}

impl Layers {
    fn add_dummy(&mut self, column: usize, group: Option<usize>) -> usize {
        self.vertices.push(Vertex {
            node: None,
            group,
            container: None,
            before: Vec::new(),
            after: Vec::new(),
        });
        self.columns[column].push(self.vertices.len() - 1);
        self.vertices.len() - 1
    }

    /// Returns the place of each vertex in its column, from 0 (top) to 1.
    fn places(&self) -> Vec<f64> {
        let mut places = vec![0.0; self.vertices.len()];
        for column in &self.columns {
            for (place, &vertex) in column.iter().enumerate() {
                places[vertex] = (place as f64 + 0.5) / column.len() as f64;
            }
        }
        places
    }

    /// Sorts each column by where the neighbours in the column before (or after) stand on average. Members of
    /// a gang, and steps of a container, stay side by side, in the place of their common average.
    fn sweep(&mut self, rightwards: bool) {
        let mut places = self.places();
        let mut order: Vec<usize> = (0..self.columns.len()).collect();
        if !rightwards {
            order.reverse();
        }
        for column in order {
            let wish = |&vertex: &usize| {
                let vertex_of = &self.vertices[vertex];
                let neighbours = if rightwards { &vertex_of.before } else { &vertex_of.after };
                mean(neighbours.iter().map(|&it| places[it])).unwrap_or(places[vertex])
            };
            let wishes: HashMap<usize, f64> =
                self.columns[column].iter().map(|vertex| (*vertex, wish(vertex))).collect();
            let mut of_group: HashMap<(bool, usize), Vec<f64>> = HashMap::new();
            for (vertex, wish) in &wishes {
                if let Some(group) = self.vertices[*vertex].company() {
                    of_group.entry(group).or_default().push(*wish);
                }
            }
            let key = |vertex: &usize| {
                let group = self.vertices[*vertex].company();
                // Summed in sorted order, so that the same graph always gives the same drawing.
                let common = group.and_then(|group| {
                    let mut wishes = of_group.get(&group)?.clone();
                    wishes.sort_by(f64::total_cmp);
                    mean(wishes.into_iter())
                });
                (common.unwrap_or(wishes[vertex]), group, wishes[vertex])
            };
            let mut keyed: Vec<_> =
                self.columns[column].iter().map(|vertex| (key(vertex), *vertex)).collect();
            keyed.sort_by(|(a, _), (b, _)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)).then(a.2.total_cmp(&b.2)));
            let count = keyed.len() as f64;
            self.columns[column] = keyed.into_iter().map(|(_, vertex)| vertex).collect();
            for (place, &vertex) in self.columns[column].iter().enumerate() {
                places[vertex] = (place as f64 + 0.5) / count;
            }
        }
    }

    /// Returns what is wrong with the order, worst first: members of a gang, or steps of a container, with others
    /// between them, and crossings.
    fn faults(&self) -> (usize, usize) {
        let torn = self.columns.iter().map(|column| {
            let runs: Vec<(bool, usize)> = column
                .chunk_by(|&a, &b| self.vertices[a].company() == self.vertices[b].company())
                .filter_map(|run| self.vertices[*run.first()?].company())
                .collect();
            runs.len() - runs.iter().collect::<HashSet<_>>().len()
        });
        (torn.sum(), self.crossings())
    }

    /// Returns how many pairs of edges cross: inversions, counted with a Fenwick tree.
    fn crossings(&self) -> usize {
        let mut place = vec![0; self.vertices.len()];
        for column in &self.columns {
            column.iter().enumerate().for_each(|(at, &vertex)| place[vertex] = at);
        }
        let mut crossings = 0;
        for (left, right) in self.columns.iter().zip(self.columns.iter().skip(1)) {
            let mut tree = vec![0; right.len() + 1];
            let mut seen = 0;
            for &vertex in left {
                let mut ends: Vec<usize> = self.vertices[vertex].after.iter().map(|&it| place[it]).collect();
                ends.sort_unstable();
                for &end in &ends {
                    crossings += seen - prefix(&tree, end + 1);
                }
                for end in ends {
                    seen += 1;
                    add(&mut tree, end + 1);
                }
            }
        }
        crossings
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    (count > 0.0).then(|| sum / count)
}

fn prefix(tree: &[usize], mut at: usize) -> usize {
    let mut sum = 0;
    while at > 0 {
        sum += tree[at];
        at &= at - 1;
    }
    sum
}

fn add(tree: &mut [usize], mut at: usize) {
    while at < tree.len() {
        tree[at] += 1;
        at += at & at.wrapping_neg();
    }
}
