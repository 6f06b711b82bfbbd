//! What is known so far about the place of each expression. A script is read once for each state that statements can
//! leave the shell in; every reading votes.

use super::place::{Context, Place};

/// The places of expressions, by the index of their segment.
#[derive(Debug)]
pub(super) struct Votes {
    places: Vec<Option<Place>>,
}

impl Votes {
    pub(super) fn new(count: usize) -> Self {
        Self { places: vec![None; count] }
    }

    /// Adds a place for an expression; false if it contradicts an earlier one.
    pub(super) fn add(&mut self, index: usize, place: Place) -> bool {
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
                place.whole = true;
            }
        }
    }

    pub(super) fn into_places(self) -> Vec<Option<Place>> {
        self.places
    }

    fn each_word(&mut self, indices: &[usize], change: impl Fn(&mut super::place::Word)) {
        for index in indices {
            if let Some(Some(Place { context: Context::Word(word), .. })) = self.places.get_mut(*index) {
                change(word);
            }
        }
    }
}
