//! Parentheses where commands stand: subshells, functions, arrays, and what is printed into words.

use super::commands::precedes_parenthesis;
use super::consensus::Consensus;
use super::frame::{At, Commands, Frame, FrameKind};
use super::machine::{Machine, Pending};
use super::word::Word;

impl Machine {
    /// `(`.
    pub(super) fn open(&mut self, consensus: &mut Consensus) {
        if self.commands().is_some_and(|commands| {
            commands.at == At::Command && commands.word.literal().is_some_and(precedes_parenthesis)
        }) {
            self.end_word(consensus);
        }
        let Some(commands) = self.commands() else { return };
        let word = &commands.word;
        let is_array = word.ends_in_equals;
        let is_function = word.literal().is_some() && matches!(commands.at, At::Command | At::FunctionName);
        match commands.at {
            _ if commands.kind == FrameKind::Array || commands.opening.is_some() => self.lose(),
            // A pattern of a `case` may begin with it.
            At::Pattern if !word.started => {}
            _ if word.started && is_array => self.open_array(),
            _ if word.started && is_function => {
                commands.flow.defines(&commands.word.spelling.text);
                commands.word = Word::default();
                commands.at = At::Command;
                self.push(Frame::Commands(Commands::new(FrameKind::Function)));
            }
            At::Command | At::LoopName if !word.started => self.pending = Pending::Paren,
            _ => self.lose(),
        }
    }

    fn open_array(&mut self) {
        let Some(commands) = self.commands() else { return };
        let mut array = Commands::new(FrameKind::Array);
        array.assigns = commands.word.spelling.assigned.clone().unwrap_or_default();
        if commands.at == At::Argument {
            array.attributes = commands.doing.attributes();
        }
        commands.word.mix();
        self.push(Frame::Commands(array));
    }

    /// `)`.
    pub(super) fn close(&mut self, consensus: &mut Consensus) {
        self.end_word(consensus);
        let Some(commands) = self.commands() else { return };
        if commands.at == At::Pattern {
            commands.at = At::Command;
            return;
        }
        let is_open = commands.cases > 0 || !commands.documents.is_empty() || commands.opening.is_some();
        let kind = commands.kind;
        if is_open || kind == FrameKind::Script {
            return self.lose();
        }
        if kind != FrameKind::Array {
            commands.finish(consensus);
        }
        let flow = std::mem::take(&mut commands.flow);
        self.stack.pop();
        match kind {
            FrameKind::Script | FrameKind::Array => {}
            FrameKind::Function => {
                if let Some(commands) = self.commands() {
                    commands.at = At::Command;
                }
            }
            FrameKind::Subshell => {
                if let Some(commands) = self.commands() {
                    commands.at = At::Command;
                    commands.flow.subshell(*flow, consensus);
                }
            }
            FrameKind::Substitution | FrameKind::Input | FrameKind::Output => {
                self.substituted(kind, *flow, consensus)
            }
        }
    }

    /// Opens a place for commands inside this one.
    pub(super) fn enter(&mut self, kind: FrameKind) {
        let outer = self.stack.iter().rev().find_map(|frame| match frame {
            Frame::Commands(commands) => Some(&commands.flow),
            _ => None,
        });
        let mut inner = Commands::new(kind);
        inner.flow = Box::new(outer.map(|flow| flow.inner(kind == FrameKind::Output)).unwrap_or_default());
        self.push(Frame::Commands(inner));
    }
}
