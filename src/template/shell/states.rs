//! Several states of the shell at one point of a script: which are alike, and which are one.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::frame::Frame;
use super::machine::Machine;

impl Machine {
    /// Returns whether two machines are inside the same constructs.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.lost.is_some() == other.lost.is_some()
            && self.stack.len() == other.stack.len()
            && self.stack.iter().zip(&other.stack).all(|(a, b)| a.is_like(b))
    }

    /// Returns the same without the expressions that flow from command to command. States that differ in
    /// nothing else are one.
    pub(super) fn stripped(&self) -> Self {
        let mut bare = self.clone();
        for frame in &mut bare.stack {
            match frame {
                Frame::Commands(commands) => {
                    commands.flow.strip();
                    commands.before = (Vec::new(), Vec::new());
                    commands.word.printed.clear();
                }
                Frame::Test(test) => test.printed.clear(),
                _ => {}
            }
        }
        bare
    }

    /// Adds the expressions that flow in a state that is the same but for them.
    pub(super) fn absorb(&mut self, other: &Self) {
        for frames in self.stack.iter_mut().zip(&other.stack) {
            match frames {
                (Frame::Commands(to), Frame::Commands(from)) => {
                    to.flow.absorb(&from.flow);
                    to.before.0.extend(&from.before.0);
                    to.before.1.extend(&from.before.1);
                    to.word.printed.extend(&from.word.printed);
                }
                (Frame::Test(to), Frame::Test(from)) => {
                    to.printed.extend(&from.printed);
                    to.printed.sort_unstable();
                    to.printed.dedup();
                }
                _ => {}
            }
        }
    }

    /// Returns what it is inside of, for messages.
    pub(super) fn whereabouts(&self) -> &'static str {
        match (self.lost, self.stack.last()) {
            (None, Some(Frame::Commands(commands))) if commands.cases > 0 => "inside `case`",
            (None, Some(Frame::Commands(commands))) if !commands.documents.is_empty() => {
                "before the lines of a here-document"
            }
            (None, Some(frame)) => frame.name(),
            _ => "where the shell text cannot be followed",
        }
    }
}

/// Returns the states that differ in more than the expressions that flow.
pub(super) fn unique(states: Vec<Machine>) -> Vec<Machine> {
    let mut known: HashMap<Machine, usize> = HashMap::new();
    let mut unique: Vec<Machine> = Vec::new();
    for state in states {
        match known.entry(state.stripped()) {
            Entry::Occupied(entry) => {
                if let Some(same) = unique.get_mut(*entry.get()) {
                    same.absorb(&state);
                }
            }
            Entry::Vacant(entry) => {
                entry.insert(unique.len());
                unique.push(state);
            }
        }
    }
    unique
}
