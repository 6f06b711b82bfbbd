//! Finds any of many byte strings in one pass, and knows at every byte how far back a string may have begun.

use std::collections::BTreeSet;

use aho_corasick::automaton::{Automaton, StateID};
use aho_corasick::nfa::contiguous::NFA;
use aho_corasick::{Anchored, BuildError};

/// An automaton of Aho and Corasick. The library steps through it; this type adds what is known of each
/// state, since replacing in a stream needs to know how much of its end to hold back.
#[derive(Debug)]
pub(super) struct Finder {
    automaton: NFA,
    start: StateID,
    /// By state.
    reach: Vec<Reach>,
}

/// What is known in a state, in bytes that end where it stands.
#[derive(Debug, Clone, Copy, Default)]
struct Reach {
    /// The longest beginning of a string.
    open: u32,
    /// The longest whole string; 0 for none.
    found: u32,
}

impl Finder {
    /// Fails if the strings are longer together than an automaton can be.
    pub(super) fn new(strings: &BTreeSet<Vec<u8>>) -> Result<Self, BuildError> {
        let automaton = NFA::new(strings)?;
        // An unanchored search is always possible.
        let start = automaton.start_state(Anchored::No).unwrap_or(StateID::ZERO);
        let mut finder = Self { automaton, start, reach: Vec::new() };
        for string in strings {
            let mut state = start;
            for (index, byte) in string.iter().enumerate() {
                state = finder.step(state, *byte);
                finder.learn(state, index + 1);
            }
        }
        Ok(finder)
    }

    /// A string's bytes lead through the states that stand for its beginnings.
    fn learn(&mut self, state: StateID, open: usize) {
        let found = match self.automaton.is_match(state) {
            true => (0..self.automaton.match_len(state))
                .map(|index| self.automaton.pattern_len(self.automaton.match_pattern(state, index)))
                .max(),
            false => None,
        };
        if self.reach.len() <= state.as_usize() {
            self.reach.resize(state.as_usize() + 1, Reach::default());
        }
        let number = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        if let Some(reach) = self.reach.get_mut(state.as_usize()) {
            *reach = Reach { open: number(open), found: number(found.unwrap_or(0)) };
        }
    }

    pub(super) fn start(&self) -> StateID {
        self.start
    }

    pub(super) fn step(&self, state: StateID, byte: u8) -> StateID {
        self.automaton.next_state(Anchored::No, state, byte)
    }

    /// Returns how many of the last bytes may be the beginning of a string.
    pub(super) fn open(&self, state: StateID) -> usize {
        self.reach(state).open as usize
    }

    /// Returns how long the longest string is that ends here.
    pub(super) fn found(&self, state: StateID) -> usize {
        self.reach(state).found as usize
    }

    fn reach(&self, state: StateID) -> Reach {
        self.reach.get(state.as_usize()).copied().unwrap_or_default()
    }
}
