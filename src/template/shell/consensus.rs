//! What is known so far about the place of each expression. A script is read once for each state that
//! statements can leave the shell in; every reading adds what it has found.
//!
//! Some of it shows only later in the text: that a variable is a number, or that a command at the end of a
//! pipeline reads its program from what the commands before it print.

use std::collections::{BTreeMap, BTreeSet};

use super::refusals::{COMPUTED, REFERENCE, RUN_VARIABLE};
use super::shells::Shells;
use super::slot::{Quoting, Refusal, Slot};
use super::table::{self, Attributes, Spec, attributes_of};

/// The places of expressions, by the index of their segment.
#[derive(Debug, Default)]
pub(super) struct Consensus {
    /// The shells that may read the script.
    pub(super) shells: Shells,
    places: Vec<Option<Slot>>,
    /// Expressions that have turned out not to be able to stand where they do.
    refused: Vec<(usize, Refusal)>,
    /// What is assigned to variables, by their names.
    assigned: BTreeSet<(String, Assigned)>,
    /// What declarations say about variables.
    declared: BTreeMap<String, Attributes>,
    /// Commands that variables hold the names of.
    held: BTreeMap<String, &'static Spec>,
    /// Functions: whether one reads a program from where it stands, and the expressions that it prints.
    functions: BTreeMap<String, (bool, Vec<usize>)>,
}

/// An expression in what is assigned to a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Assigned {
    pub(super) index: usize,
    /// Whether a command prints it, so that it cannot be looked at.
    pub(super) printed: bool,
}

impl Consensus {
    pub(super) fn new(count: usize, shells: Shells) -> Self {
        Self { shells, places: vec![None; count], ..Self::default() }
    }

    /// Adds a place for an expression; false if it contradicts an earlier one.
    pub(super) fn add(&mut self, index: usize, place: Slot) -> bool {
        let Some(slot) = self.places.get_mut(index) else {
            return false;
        };
        let merged = match slot.take() {
            Some(earlier) => earlier.merge(place),
            None => Some(place),
        };
        let fits = merged.is_some();
        *slot = merged;
        fits
    }

    /// Something follows the expressions in the same word.
    pub(super) fn glued(&mut self, indices: &[usize]) {
        self.each_word(indices, |word| word.alone = false);
    }

    /// What follows would give a meaning to the expressions' characters.
    pub(super) fn quoted(&mut self, indices: &[usize]) {
        self.each_word(indices, |word| word.plain = false);
    }

    /// The shell computes with the expressions.
    pub(super) fn whole(&mut self, indices: &[usize]) {
        for index in indices {
            if let Some(Some(place)) = self.places.get_mut(*index) {
                place.demands.whole = true;
            }
        }
    }

    /// The expressions cannot stand where they do.
    pub(super) fn refuse(&mut self, indices: &[usize], refusal: Refusal) {
        for index in indices {
            if !self.refused.contains(&(*index, refusal)) {
                self.refused.push((*index, refusal));
            }
        }
    }

    /// The expression is assigned to a variable.
    pub(super) fn assign(&mut self, name: &str, index: usize, printed: bool) {
        self.assigned.insert((name.to_owned(), Assigned { index, printed }));
    }

    /// A declaration says something about a variable.
    pub(super) fn declare(&mut self, name: String, attributes: Attributes) {
        let known = self.declared.entry(name).or_default();
        *known = known.with(attributes);
    }

    /// A variable is given a text, which may be the name of a command.
    pub(super) fn hold(&mut self, variable: &str, text: &str) {
        if let Some(spec) = table::dangerous(self.shells, text.rsplit('/').next().unwrap_or(text)) {
            self.held.insert(variable.to_owned(), spec);
        }
    }

    /// Returns the command that a variable holds the name of.
    pub(super) fn held(&self, variable: &str) -> Option<&'static Spec> {
        self.held.get(variable).copied()
    }

    /// A function has been read.
    pub(super) fn function(&mut self, name: String, reads: bool, printed: Vec<usize>) {
        let known = self.functions.entry(name).or_default();
        known.0 |= reads;
        known.1.extend(printed);
    }

    /// Returns what a command does if it is a function: whether it reads a program, and the expressions that
    /// it prints.
    pub(super) fn called(&self, name: &str) -> Option<(bool, &[usize])> {
        self.functions.get(name).map(|(reads, printed)| (*reads, printed.as_slice()))
    }

    /// Decides what depended on the rest of the script. Returns the places, and what is refused.
    pub(super) fn decide(mut self) -> (Vec<Option<Slot>>, Vec<(usize, Refusal)>) {
        for (name, Assigned { index, printed }) in std::mem::take(&mut self.assigned) {
            let declared = self.declared.get(&name).copied().unwrap_or_default();
            let attributes = declared.with(attributes_of(self.shells, &name));
            if attributes.has(Attributes::CODE) {
                self.refuse(&[index], RUN_VARIABLE);
            }
            if attributes.has(Attributes::REFERENCE) {
                self.refuse(&[index], REFERENCE);
            }
            match (attributes.has(Attributes::NUMBER), printed) {
                (true, true) => self.refuse(&[index], COMPUTED),
                (true, false) => self.whole(&[index]),
                (false, true | false) => {}
            }
        }
        (self.places, self.refused)
    }

    fn each_word(&mut self, indices: &[usize], change: impl Fn(&mut super::slot::Word)) {
        for index in indices {
            if let Some(Some(Slot { quoting: Quoting::Word(word), .. })) = self.places.get_mut(*index) {
                change(word);
            }
        }
    }
}
