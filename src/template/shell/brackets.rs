//! bash's `[[ ]]`: its words, and the operators that make the shell compute them.

use super::builtin::Builtin;
use super::frame::{At, Frame, Test};
use super::machine::Machine;
use super::votes::Votes;

impl Machine {
    pub(super) fn test_character(&mut self, c: char, votes: &mut Votes) {
        if matches!(c, ' ' | '\t' | '\n' | ';' | '&' | '|' | '(' | ')' | '<' | '>') {
            self.end_test_word(votes);
        }
        let Some(Frame::Test(test)) = self.stack.last_mut() else {
            return self.character(c, votes);
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
                test.numeric = false;
                test.split |= c == '|';
                test.first = true;
            }
            '#' if !test.word.started => self.lose(),
            '\'' | '"' | '\\' | '$' | '`' => {
                test.word.mix();
                self.nested(c);
            }
            _ => test.word.push(c),
        }
    }

    pub(super) fn end_test_word(&mut self, votes: &mut Votes) {
        let Some(Frame::Test(Test { word, operands, numeric, variable, split, first, .. })) =
            self.stack.last_mut()
        else {
            return;
        };
        if !word.started {
            return;
        }
        let is_command = std::mem::take(first) && *split;
        let runs_arguments = is_command && Builtin::named(word.literal()) != Builtin::None;
        *variable = false;
        match word.literal() {
            Some("]]") => {
                self.stack.pop();
                if let Some(commands) = self.commands() {
                    commands.at = At::Command;
                }
                return;
            }
            Some("-eq" | "-ne" | "-lt" | "-le" | "-gt" | "-ge") => {
                *numeric = true;
                votes.whole(operands);
            }
            Some("-v" | "-R") => *variable = true,
            _ => {}
        }
        *word = Default::default();
        if runs_arguments {
            self.lose();
        }
    }
}
