//! Characters that stand for themselves after a backslash, and what a `$` or a `<(` begins.

use super::frame::{At, Frame, FrameKind};
use super::machine::{Angle, Machine, Pending};
use super::slot::Edge;
use super::word::Word;

impl Machine {
    /// `<(` or `>(`: not a redirection, but a word.
    pub(super) fn open_process(&mut self, pending: Pending) {
        let kind = match pending {
            Pending::Greater | Pending::Target(Angle::Greater) => FrameKind::Output,
            _ => FrameKind::Input,
        };
        if let Some(commands) = self.commands() {
            if !matches!(pending, Pending::Target(_)) {
                commands.at = if commands.then == At::Prefix { At::Command } else { commands.then };
            }
            commands.word.expand();
        }
        self.enter(kind);
    }

    /// Returns the word that the innermost construct is a part of, if that is one of its quotes or
    /// expansions.
    fn outer_word(&mut self) -> Option<&mut Word> {
        match self.stack.as_mut_slice() {
            [.., Frame::Commands(commands)]
            | [.., Frame::Commands(commands), Frame::Double | Frame::Expansion { .. }]
            | [.., Frame::Commands(commands), Frame::Double, Frame::Expansion { .. }] => {
                Some(&mut commands.word)
            }
            _ => None,
        }
    }

    /// A character of the name of a variable.
    pub(super) fn variable(&mut self, c: char) {
        if let Some(word) = self.outer_word() {
            word.spelling.name(c);
        }
    }

    /// A character after a backslash.
    pub(super) fn escaped(&mut self, c: char) {
        match self.stack.as_mut_slice() {
            [.., Frame::Commands(commands), Frame::Double] if c != '\n' => {
                if !matches!(c, '$' | '`' | '"' | '\\') {
                    commands.word.spelling.push('\\');
                }
                commands.word.spelling.push(c);
            }
            _ => {}
        }
        match self.stack.last_mut() {
            Some(Frame::Commands(commands)) if c != '\n' => {
                commands.word.mix();
                commands.word.spelling.push(c);
                if let Some(opening) = &mut commands.opening {
                    opening.quoted = true;
                    opening.delimiter.push(c);
                }
            }
            Some(Frame::Test(test)) if c != '\n' => test.word.mix(),
            Some(Frame::Here(document)) => document.line = Edge::unknown(),
            _ => {}
        }
    }

    /// Returns a character after `$`; says whether it was used up.
    pub(super) fn dollar(&mut self, c: char) -> bool {
        match c {
            '(' => self.pending = Pending::DollarParen,
            '{' => {
                let quoted = !self.is_bare();
                self.push(Frame::Expansion { quoted });
            }
            '\'' if self.is_bare() => self.push(Frame::Ansi { escaped: false }),
            '\'' if matches!(self.stack.last(), Some(Frame::Expansion { .. } | Frame::Arithmetic { .. })) => {
                self.lose();
            }
            // `$[…]` is an old form of arithmetic.
            '[' => self.lose(),
            'A'..='Z' | 'a'..='z' | '_' => {
                self.variable(c);
                self.pending = Pending::Variable;
            }
            '0'..='9' | '@' | '*' | '#' | '?' | '-' | '$' | '!' => {}
            _ => return false,
        }
        true
    }
}
