//! Masks a text that comes in pieces.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use aho_corasick::automaton::StateID;

use super::finder::Finder;
use super::spelling::ACROSS_LINES;
use super::{MASK, Patterns};

/// Masks one text. The result does not depend on how the text was cut into pieces. Only an end that may be
/// the beginning of a secret is held back.
#[derive(Debug, Clone)]
pub(super) struct Flow {
    patterns: Arc<Patterns>,
    plain: StateID,
    wrapped: StateID,
    /// Bytes that are held back, and the position of the first of them in the text.
    held: Vec<u8>,
    start: usize,
    /// Positions of the last bytes that are not line ends, as many as may be the beginning of a secret.
    signs: VecDeque<usize>,
    /// Secrets in `held`, in order, none of which touch.
    secrets: VecDeque<Range<usize>>,
    /// The last byte that was returned belonged to a secret, for which the mask has been written.
    in_secret: bool,
}

impl Flow {
    pub(super) fn new(patterns: Arc<Patterns>) -> Self {
        let (plain, wrapped) = (patterns.plain.start(), patterns.wrapped.start());
        let (held, signs, secrets) = (Vec::new(), VecDeque::new(), VecDeque::new());
        Self { patterns, plain, wrapped, held, start: 0, signs, secrets, in_secret: false }
    }

    /// Takes the next piece, and returns what can be shown by now.
    pub(super) fn push(&mut self, piece: &[u8]) -> Vec<u8> {
        let patterns = Arc::clone(&self.patterns);
        for (at, &byte) in (self.start + self.held.len()..).zip(piece) {
            self.look_plain(&patterns.plain, at, byte);
            match byte {
                b'\n' | b'\r' => self.end_line(&patterns.wrapped),
                _ => self.look_wrapped(&patterns.wrapped, at, byte),
            }
        }
        self.held.extend_from_slice(piece);
        let end = self.start + self.held.len();
        let open = end - self.patterns.plain.open(self.plain);
        self.release(self.signs.front().map_or(open, |&sign| sign.min(open)))
    }

    /// Ends the text, and returns the rest.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        let rest = self.release(self.start + self.held.len());
        *self = Self::new(Arc::clone(&self.patterns));
        rest
    }

    fn look_plain(&mut self, plain: &Finder, at: usize, byte: u8) {
        self.plain = plain.step(self.plain, byte);
        let found = plain.found(self.plain);
        if found > 0 {
            self.cover(at + 1 - found..at + 1);
        }
    }

    /// Handles a line end in a search that skips line ends. Many lines end with a character or two that begin
    /// some secret, and such a line must not be held back until the next one comes. A line at whose end a
    /// secret is complete need not be either.
    fn end_line(&mut self, wrapped: &Finder) {
        let open = wrapped.open(self.wrapped);
        if open < ACROSS_LINES || wrapped.found(self.wrapped) == open {
            self.wrapped = wrapped.start();
            self.signs.clear();
        }
    }

    fn look_wrapped(&mut self, wrapped: &Finder, at: usize, byte: u8) {
        self.wrapped = wrapped.step(self.wrapped, byte);
        self.signs.push_back(at);
        while self.signs.len() > wrapped.open(self.wrapped) {
            self.signs.pop_front();
        }
        let found = wrapped.found(self.wrapped);
        let first = self.signs.len().checked_sub(found).and_then(|first| self.signs.get(first));
        if let (Some(&first), true) = (first, found > 0) {
            self.cover(first..at + 1);
        }
    }

    /// Records a secret, which ends no sooner than those before it. Secrets that touch become one.
    fn cover(&mut self, mut secret: Range<usize>) {
        while let Some(last) = self.secrets.back().filter(|last| last.end >= secret.start) {
            secret.start = secret.start.min(last.start);
            self.secrets.pop_back();
        }
        self.secrets.push_back(secret);
    }

    /// Returns everything before `until`, masked, and forgets it.
    fn release(&mut self, until: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(until - self.start);
        let mut at = self.start;
        while at < until {
            let next = self.secrets.front().cloned().unwrap_or(until..until);
            if next.start > at {
                let end = next.start.min(until);
                out.extend_from_slice(self.held.get(at - self.start..end - self.start).unwrap_or_default());
                (at, self.in_secret) = (end, false);
                continue;
            }
            if !self.in_secret {
                out.extend_from_slice(MASK.as_bytes());
            }
            self.in_secret = true;
            at = next.end.min(until);
            if next.end <= until {
                self.secrets.pop_front();
            }
        }
        self.held.drain(..until - self.start);
        self.start = until;
        out
    }
}
