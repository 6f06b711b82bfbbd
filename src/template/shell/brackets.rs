//! bash's `[[ ]]`: its words, and the operators that make the shell compute them.

use super::consensus::Consensus;
use super::doing::{Doing, is_comparison};
use super::frame::{At, Frame, Test};
use super::machine::Machine;
use super::refusals::COMPUTED;
use super::shells::Shells;

impl Machine {
    pub(super) fn test_character(&mut self, c: char, consensus: &mut Consensus) {
        if matches!(c, ' ' | '\t' | '\n' | ';' | '&' | '|' | '(' | ')' | '<' | '>') {
            self.end_test_word(consensus);
        }
        let Some(Frame::Test(test)) = self.stack.last_mut() else {
            return self.character(c, consensus);
        };
        let less = std::mem::replace(&mut test.less, c == '<');
        match c {
            '<' if less => self.lose(),
            ' ' | '\t' | '<' | '>' => {}
            '\n' | ';' => {
                (test.split, test.first) = (true, true);
                // A line break inside the brackets is rare; nothing else needs to be followed through it.
                let is_awaited = self.stack.iter().any(|frame| match frame {
                    Frame::Commands(commands) => !commands.documents.is_empty(),
                    frame => matches!(frame, Frame::Here(_)),
                });
                if is_awaited || c == ';' {
                    self.lose();
                }
            }
            '&' | '|' | '(' | ')' => {
                test.operands.clear();
                test.printed.clear();
                (test.numeric, test.computed) = (false, false);
                test.split |= c == '|';
                test.first = true;
            }
            '#' if !test.word.started => self.lose(),
            '\'' | '"' | '\\' | '$' | '`' => {
                test.word.expand();
                self.nested(c);
            }
            _ => test.word.push(c),
        }
    }

    pub(super) fn end_test_word(&mut self, consensus: &mut Consensus) {
        let Some(Frame::Test(Test {
            word,
            operands,
            printed,
            numeric,
            variable,
            computed,
            split,
            first,
            ..
        })) = self.stack.last_mut()
        else {
            return;
        };
        if !word.started {
            return;
        }
        let is_command = std::mem::take(first) && *split;
        let runs_arguments = is_command && Doing::named(&word.spelling, consensus).is_more_than_data();
        (*variable, *computed) = (false, false);
        match word.literal() {
            Some("]]") => {
                self.stack.pop();
                if let Some(commands) = self.commands() {
                    commands.at = At::Command;
                }
                return;
            }
            Some(operator) if is_comparison(operator) => {
                *numeric = true;
                consensus.whole(operands);
                consensus.refuse(printed, COMPUTED);
            }
            // zsh computes the number of a descriptor.
            Some("-t") => *computed = consensus.shells.meets(Shells::ZSH),
            Some("-v" | "-R") => *variable = true,
            _ => {}
        }
        *word = Default::default();
        if runs_arguments {
            self.lose();
        }
    }
}
