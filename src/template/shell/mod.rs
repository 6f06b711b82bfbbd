//! Finds the place of every expression in a script of a POSIX-family shell.
//!
//! The template's tree is read with a set of [`Machine`]s, one for each state that the shell can be in at a
//! point. Text moves them all; a branch starts from the states before it and adds those that it ends in.
//! Branches must end inside the same constructs as they began, so only details such as "in the middle of a
//! word" can differ, and the set stays small.

mod brackets;
mod commands;
mod consensus;
mod document;
mod doing;
mod expansions;
mod flow;
mod frame;
mod harmless;
mod judge;
mod machine;
mod options;
mod parentheses;
mod refusals;
mod shells;
mod slot;
mod states;
mod table;
mod value;
mod word;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use consensus::Consensus;
pub(super) use harmless::Harmless;
use machine::Machine;
use refusals::{RUN_VARIABLE, UNCERTAIN};
pub use shells::Shells;
pub(super) use slot::{Demands, Here, Quoting, Slot};
use slot::{Edge, Refusal};
use states::unique;
pub use table::runs_in_environment;

use super::scan::Segment;
use super::structure::{Branch, Node};
use super::{TemplateError, TemplateErrorKind};

/// More states than this at one point are refused.
const MOST_STATES: usize = 24;
/// More readings of branches than this are refused.
const MOST_READINGS: usize = 10_000;

/// How an expression is spliced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Splice {
    /// Escaped for its place; its type promises this.
    Escaped(Harmless),
    /// As it is.
    Raw,
}

/// Finds the place of each expression, by segment; `splice` says how each is spliced.
pub(super) fn places(
    source: &str,
    segments: &[Segment],
    nodes: &[Node],
    splice: &dyn Fn(usize) -> Splice,
    shells: Shells,
) -> Result<Vec<Option<Slot>>, Vec<TemplateError>> {
    let consensus = Consensus::new(segments.len(), shells);
    let mut reader = Reader {
        source,
        segments,
        splice,
        consensus,
        errors: Vec::new(),
        refused: HashSet::new(),
        readings: HashMap::new(),
    };
    for mut state in reader.nodes(nodes, vec![Machine::new()]) {
        state.finish(&mut reader.consensus);
    }
    let mut places = reader.decide();
    if !reader.errors.is_empty() {
        return Err(reader.errors);
    }
    for (index, place) in places.iter_mut().enumerate() {
        if let Some(Slot { quoting: Quoting::Here(here), .. }) = place {
            here.after = line_after(source, segments, index);
        }
    }
    Ok(places)
}

/// Returns what is wrong with a value in a variable that a shell runs commands from.
pub(super) fn run_variable(range: Range<usize>) -> TemplateError {
    error(range, RUN_VARIABLE)
}

fn error(range: Range<usize>, refusal: Refusal) -> TemplateError {
    TemplateError {
        kind: TemplateErrorKind::Place,
        range,
        message: format!("a value cannot be used {}", refusal.place),
        help: Some(refusal.help.to_owned()),
    }
}

/// Returns the rest of the line after an expression, as far as it is literal.
fn line_after(source: &str, segments: &[Segment], index: usize) -> Edge {
    let mut edge = Edge::default();
    for segment in segments.get(index + 1..).unwrap_or_default() {
        let Segment::Text(range) = segment else {
            edge.open = true;
            return edge;
        };
        let text = source.get(range.clone()).unwrap_or_default();
        match text.split_once('\n') {
            Some((line, _)) => {
                edge.text.push_str(line);
                return edge;
            }
            None => edge.text.push_str(text),
        }
    }
    edge
}

struct Reader<'s> {
    source: &'s str,
    segments: &'s [Segment],
    splice: &'s dyn Fn(usize) -> Splice,
    consensus: Consensus,
    errors: Vec<TemplateError>,
    /// Segments that have an error already; reading them in another state adds none.
    refused: HashSet<usize>,
    /// Branches that have been read from a state, with the states that they ended in: nested statements would
    /// otherwise be read again and again.
    readings: HashMap<(usize, Machine), Vec<Machine>>,
}

impl Reader<'_> {
    /// Reads nodes from each of the states; gives the states after them.
    fn nodes(&mut self, nodes: &[Node], mut states: Vec<Machine>) -> Vec<Machine> {
        for node in nodes {
            match node {
                Node::Text(range) => {
                    let text = self.source.get(range.clone()).unwrap_or_default();
                    for state in &mut states {
                        state.read(text, &mut self.consensus);
                    }
                }
                Node::Expression(index) => {
                    for state in &mut states {
                        self.expression(*index, state);
                    }
                }
                Node::Set(_) => {}
                Node::With(branch) => states = self.nodes(&branch.body, states),
                Node::If(branches) => states = self.conditional(branches, states),
                Node::For(body, otherwise) => {
                    let before = states.clone();
                    states = self.repeated(body, states);
                    if let Some(otherwise) = otherwise {
                        states.extend(self.branch(otherwise, before));
                    }
                }
            }
            // Only statements make more states; to compare them after every word would cost more than it
            // saves.
            if matches!(node, Node::If(_) | Node::For(..)) {
                states = self.distinct(states, node);
            }
        }
        states
    }

    fn expression(&mut self, index: usize, state: &mut Machine) {
        let promised = match (self.splice)(index) {
            Splice::Raw => return state.raw(&mut self.consensus),
            Splice::Escaped(promised) => promised,
        };
        let place = state.value(index, promised, &mut self.consensus);
        match place.map(|place| self.consensus.add(index, place)) {
            Ok(true) => {}
            Ok(false) => self.refuse(index, UNCERTAIN),
            Err(refusal) => self.refuse(index, refusal),
        }
    }

    fn refuse(&mut self, index: usize, refusal: Refusal) {
        if self.refused.insert(index) {
            let message = format!("a value cannot be used {}", refusal.place);
            self.error(TemplateErrorKind::Place, index, message, refusal.help);
        }
    }

    /// Returns the places, once the whole script has been read.
    fn decide(&mut self) -> Vec<Option<Slot>> {
        let (mut places, refused) = std::mem::take(&mut self.consensus).decide();
        for (index, refusal) in refused {
            match ((self.splice)(index), places.get_mut(index)) {
                (Splice::Escaped(promised), Some(Some(place))) if refusal.admits(promised) => {
                    place.demands.harmless = place.demands.harmless.max(refusal.unless);
                }
                (Splice::Escaped(_) | Splice::Raw, _) => self.refuse(index, refusal),
            }
        }
        places
    }

    fn conditional(&mut self, branches: &[Branch], before: Vec<Machine>) -> Vec<Machine> {
        let mut after = Vec::new();
        for branch in branches {
            after.extend(self.branch(branch, before.clone()));
        }
        let has_else = branches.last().is_some_and(|branch| self.keyword(branch.head) == "else");
        if !has_else {
            after.extend(before);
        }
        after
    }

    /// Returns a loop's body, run any number of times: adds states until there is nothing new.
    fn repeated(&mut self, body: &Branch, before: Vec<Machine>) -> Vec<Machine> {
        let mut states = unique(before);
        let mut seen: HashSet<Machine> = states.iter().cloned().collect();
        let mut fresh = states.clone();
        while !fresh.is_empty() && states.len() <= MOST_STATES {
            fresh = self.branch(body, fresh);
            fresh.retain(|state| seen.insert(state.clone()));
            states.extend(fresh.iter().cloned());
            states = unique(states);
        }
        states
    }

    /// Returns a branch, which must end inside the same constructs as it began.
    fn branch(&mut self, branch: &Branch, before: Vec<Machine>) -> Vec<Machine> {
        let mut after = Vec::new();
        for state in before {
            let key = (branch.head, state);
            if let Some(ends) = self.readings.get(&key) {
                after.extend(ends.iter().cloned());
                continue;
            }
            if self.readings.len() >= MOST_READINGS {
                self.too_many(branch.head);
                break;
            }
            let ends = self.read_branch(branch, &key.1);
            after.extend(ends.iter().cloned());
            self.readings.insert(key, ends);
        }
        unique(after)
    }

    fn read_branch(&mut self, branch: &Branch, start: &Machine) -> Vec<Machine> {
        let mut ends = self.nodes(&branch.body, vec![start.clone()]);
        if let Some(end) = ends.iter().find(|end| !end.is_like(start)) {
            let message =
                format!("this branch begins {} and ends {}", start.whereabouts(), end.whereabouts());
            if self.refused.insert(branch.head) {
                self.error(
                    TemplateErrorKind::Branch,
                    branch.head,
                    message,
                    "close in the branch what it opens, and nothing else",
                );
            }
        }
        ends.retain(|end| end.is_like(start));
        ends
    }

    fn too_many(&mut self, head: usize) {
        if self.refused.insert(head) {
            let message = "too many statements inside one word or command".to_owned();
            self.error(
                TemplateErrorKind::Branch,
                head,
                message,
                "write the whole command once in each branch",
            );
        }
    }

    fn distinct(&mut self, states: Vec<Machine>, node: &Node) -> Vec<Machine> {
        if states.len() < 2 {
            return states;
        }
        let mut states = unique(states);
        if states.len() > MOST_STATES {
            states.truncate(1);
            let head = match node {
                Node::If(branches) => branches.first().map(|branch| branch.head),
                Node::For(branch, _) => Some(branch.head),
                _ => None,
            };
            if let Some(head) = head {
                self.too_many(head);
            }
        }
        states
    }

    fn keyword(&self, head: usize) -> &str {
        match self.segments.get(head) {
            Some(Segment::Statement(tag)) => tag.keyword(self.source),
            _ => "",
        }
    }

    fn error(&mut self, kind: TemplateErrorKind, index: usize, message: String, help: &str) {
        let range = match self.segments.get(index) {
            Some(Segment::Expression(tag) | Segment::Statement(tag)) => tag.outer.clone(),
            Some(Segment::Text(range)) => range.clone(),
            None => 0..0,
        };
        self.errors.push(TemplateError { kind, range, message, help: Some(help.to_owned()) });
    }
}
