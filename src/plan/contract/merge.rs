//! Contracting stream edges one by one without closing a cycle.
//!
//! Contracting `p → r` closes a cycle just when there is another way from `p` to `r`, a *detour*. It is
//! looked for from both ends at once, and only between the two in a topological order that is kept up as
//! nodes merge: the two-way search of Bender, Fineman, Gilbert and Tarjan ("A New Approach to Incremental
//! Cycle Detection"), turned from inserting edges to contracting them.

use std::collections::VecDeque;

use petgraph::Direction::{self, Incoming, Outgoing};
use petgraph::graph::{EdgeIndex, NodeIndex};
use petgraph::visit::EdgeRef;

use super::super::graph::StepGraph;
use super::super::sequence::Sequence;
use super::{Stored, is_stream};

/// Where a search for a detour has been.
#[derive(Debug, Clone, Copy)]
struct Mark {
    search: usize,
    side: Direction,
    /// The link that led here; none at the search's two roots.
    by: Option<EdgeIndex>,
}

/// One side of a search: all gangs that it has reached, those before `head` already expanded.
struct Front {
    side: Direction,
    cone: Vec<usize>,
    head: usize,
    spent: usize,
}

/// What a search for a detour has found.
enum SearchResult {
    /// This one.
    Detour(Vec<EdgeIndex>),
    /// None; with all that one side could reach between the two gangs, itself left out.
    Nothing { side: Direction, cone: Vec<usize> },
}

/// The work on the tangled part of a graph. A gang is known by the index of one of its steps.
pub(super) struct Contraction<'a> {
    graph: &'a StepGraph,
    tangled: Vec<bool>,
    pub(super) gang: Vec<usize>,
    /// The next step of the same gang, in a ring.
    ring: Vec<usize>,
    /// By gang: its steps.
    size: Vec<usize>,
    /// By gang: what it costs to look at all its links out, and in.
    cost: [Vec<usize>; 2],
    /// The tangled gangs in topological order.
    order: Sequence,
    /// Stream links that are known to have to be stored.
    stored: Vec<bool>,
    marks: Vec<Mark>,
    searches: usize,
}

impl<'a> Contraction<'a> {
    pub(super) fn new(
        graph: &'a StepGraph,
        order: &[NodeIndex],
        mut gang: Vec<usize>,
        tangled: Vec<bool>,
    ) -> Self {
        // The gangs of tangled steps fall apart. No other step can have such a gang's number: it is one of
        // its steps'.
        for step in (0..gang.len()).filter(|&step| tangled[step]) {
            gang[step] = step;
        }
        let links = |side| {
            let cost = |step| 1 + graph.edges_directed(NodeIndex::new(step), side).count();
            (0..tangled.len()).map(|step| if tangled[step] { cost(step) } else { 0 }).collect()
        };
        let unmarked = Mark { search: 0, side: Outgoing, by: None };
        let sequence = order.iter().map(|node| node.index()).filter(|&step| tangled[step]);
        Self {
            graph,
            ring: (0..gang.len()).collect(),
            size: vec![1; gang.len()],
            cost: [links(Outgoing), links(Incoming)],
            order: Sequence::new(gang.len(), sequence),
            stored: vec![false; graph.edge_count()],
            marks: vec![unmarked; gang.len()],
            searches: 0,
            gang,
            tangled,
        }
    }

    /// Contracts what can be contracted; returns the rest.
    pub(super) fn run(&mut self) -> Vec<Stored> {
        let graph = self.graph;
        let mut pending: Vec<EdgeIndex> = graph
            .edge_references()
            .filter(|link| is_stream(*link.weight()) && self.tangled[link.source().index()])
            .map(|link| link.id())
            .collect();
        let mut stored = Vec::new();
        // A detour by nothing but undecided stream edges vanishes if they are contracted: such an edge is
        // tried again. Of the undecided, the one whose ends are nearest in the order can be decided: every
        // round decides some.
        loop {
            let undecided = self.round(&pending, &mut stored);
            if undecided.is_empty() {
                break;
            }
            if undecided.len() == pending.len() {
                stored.extend(undecided);
                break;
            }
            pending = undecided.into_iter().map(|edge| edge.link).collect();
        }
        stored.sort_unstable_by_key(|edge| edge.link);
        stored
    }

    /// Contracts or stores each of the pending edges; returns those that cannot be decided yet, with their
    /// detours.
    fn round(&mut self, pending: &[EdgeIndex], stored: &mut Vec<Stored>) -> Vec<Stored> {
        let mut undecided = Vec::new();
        for &link in pending {
            let Some((producer, reader)) = self.graph.edge_endpoints(link) else {
                continue;
            };
            let ends = (self.gang[producer.index()], self.gang[reader.index()]);
            if ends.0 == ends.1 {
                continue;
            }
            match self.search(producer, reader) {
                SearchResult::Nothing { side, cone } => self.merge(ends, side, cone),
                SearchResult::Detour(detour) if detour.iter().any(|&link| self.is_hard(link)) => {
                    self.stored[link.index()] = true;
                    stored.push(Stored { link, detour });
                }
                SearchResult::Detour(detour) => undecided.push(Stored { link, detour }),
            }
        }
        undecided
    }

    /// Returns whether a link orders its ends, whatever becomes of the undecided edges.
    fn is_hard(&self, link: EdgeIndex) -> bool {
        !is_stream(self.graph[link]) || self.stored[link.index()]
    }

    /// Looks for a way from one gang to another that does not vanish when the two are contracted. Both sides
    /// advance by whole gangs, always the one that will have spent less.
    fn search(&mut self, producer: NodeIndex, reader: NodeIndex) -> SearchResult {
        self.searches += 1;
        let ends = (self.gang[producer.index()], self.gang[reader.index()]);
        self.mark(ends.0, Outgoing, None);
        self.mark(ends.1, Incoming, None);
        let mut forward = Front { side: Outgoing, cone: vec![ends.0], head: 0, spent: 0 };
        let mut backward = Front { side: Incoming, cone: vec![ends.1], head: 0, spent: 0 };
        loop {
            let (front, start) = if self.next_cost(&backward) <= self.next_cost(&forward) {
                (&mut backward, reader.index())
            } else {
                (&mut forward, producer.index())
            };
            let Some(&gang) = front.cone.get(front.head) else {
                front.cone.swap_remove(0);
                return SearchResult::Nothing { side: front.side, cone: std::mem::take(&mut front.cone) };
            };
            front.spent = self.next_cost(front);
            front.head += 1;
            // From the ends themselves first, so that a detour without gang mates is preferred.
            let start = if front.head == 1 { start } else { gang };
            if let Some(meeting) = self.expand(front, start, ends) {
                return SearchResult::Detour(self.trace(meeting));
            }
        }
    }

    /// Returns what a front will have spent after its next gang; nothing if it has no next one and so can
    /// answer at once.
    fn next_cost(&self, front: &Front) -> usize {
        front.cone.get(front.head).map_or(0, |&gang| front.spent + self.cost[front.side as usize][gang])
    }

    fn mark(&mut self, gang: usize, side: Direction, by: Option<EdgeIndex>) {
        self.marks[gang] = Mark { search: self.searches, side, by };
    }

    /// Follows the links of the gang of `start` to gangs between the ends; returns one that leads to the
    /// other side.
    fn expand(&mut self, front: &mut Front, start: usize, ends: (usize, usize)) -> Option<EdgeIndex> {
        let graph = self.graph;
        let from = self.gang[start];
        let mut step = start;
        loop {
            for link in graph.edges_directed(NodeIndex::new(step), front.side) {
                let far = if front.side == Outgoing { link.target() } else { link.source() };
                let to = self.gang[far.index()];
                let direct = (from, to) == ends || (to, from) == ends;
                if to == from || !self.tangled[far.index()] || (direct && !self.is_hard(link.id())) {
                    continue;
                }
                let mark = self.marks[to];
                if mark.search == self.searches {
                    if mark.side != front.side {
                        return Some(link.id());
                    }
                } else if self.order.before(ends.0, to) && self.order.before(to, ends.1) {
                    self.mark(to, front.side, Some(link.id()));
                    front.cone.push(to);
                }
            }
            step = self.ring[step];
            if step == start {
                return None;
            }
        }
    }

    /// Returns the links by which the two sides of the present search meet.
    fn trace(&self, meeting: EdgeIndex) -> Vec<EdgeIndex> {
        let mut links = VecDeque::from([meeting]);
        let end = |link: EdgeIndex, side: Direction| {
            let (from, to) = self.graph.edge_endpoints(link)?;
            self.marks[self.gang[if side == Outgoing { from } else { to }.index()]].by
        };
        let mut at = meeting;
        while let Some(link) = end(at, Outgoing) {
            links.push_front(link);
            at = link;
        }
        at = meeting;
        while let Some(link) = end(at, Incoming) {
            links.push_back(link);
            at = link;
        }
        links.into()
    }

    /// Makes one gang of two that have no detour between them. `cone` is all that the producer's gang leads
    /// to (`Outgoing`), or all that leads to the reader's (`Incoming`), between the two: it must get out of
    /// the way.
    fn merge(&mut self, (producer, reader): (usize, usize), side: Direction, mut cone: Vec<usize>) {
        self.order.sort(&mut cone);
        let place = match side {
            Outgoing => {
                self.order.move_after(&cone, reader);
                reader
            }
            Incoming => {
                self.order.move_before(&cone, producer);
                producer
            }
        };
        let (kept, gone) =
            if self.size[producer] < self.size[reader] { (reader, producer) } else { (producer, reader) };
        if kept != place {
            self.order.move_after(&[kept], place);
        }
        self.order.remove(gone);
        let mut step = gone;
        loop {
            self.gang[step] = kept;
            step = self.ring[step];
            if step == gone {
                break;
            }
        }
        self.ring.swap(kept, gone);
        self.size[kept] += self.size[gone];
        self.cost.iter_mut().for_each(|cost| cost[kept] += cost[gone]);
    }
}
