//! What a value is to the command whose word it stands in, whether it stands there itself or a command prints
//! it.

use super::consensus::Consensus;
use super::doing::Part;
use super::flow::Flow;
use super::frame::{At, Commands, Frame, FrameKind};
use super::machine::Machine;
use super::refusals::{
    CODE, COMPOUND, COMPUTED, FORKED, INPUT, NAME, OPTION, PROGRAM, REFERENCE, TESTED_NAME, WORDS,
};
use super::slot::{Demands, Refusal};
use super::table::{Attributes, Role};
use super::word::Value;

const WHOLE: Demands = Demands { whole: true, ..Demands::NONE };

impl Commands {
    /// Returns what a value is in the word in progress.
    pub(super) fn judge(&self) -> Result<Demands, Refusal> {
        match self.at {
            At::Argument if self.forked => Err(FORKED),
            At::Argument if self.kind == FrameKind::Array => by_attributes(self.attributes, Value::Other),
            At::Argument if self.assigns.is_empty() => self.judge_part(),
            At::Command
            | At::Prefix
            | At::Argument
            | At::Redirect
            | At::Descriptor
            | At::HereString
            | At::Subject
            | At::CaseIn
            | At::Pattern
            | At::LoopName
            | At::LoopIn
            | At::FunctionName => Ok(Demands::NONE),
        }
    }

    fn judge_part(&self) -> Result<Demands, Refusal> {
        let spelling = &self.word.spelling;
        let begins = spelling.text.is_empty() && !spelling.dynamic;
        let demands = Demands {
            no_option: begins && self.doing.fears_options(),
            no_assignment: spelling.assigned.is_none() && self.doing.takes_assignments(spelling),
            ..Demands::NONE
        };
        match self.doing.part(spelling) {
            Part::Letters => Err(OPTION),
            Part::Of(role) => match role {
                Role::Data | Role::Command | Role::Script | Role::Format => Ok(demands),
                Role::Number => Ok(WHOLE),
                Role::Variable => Err(NAME),
                Role::Code => Err(CODE),
                Role::Program => Err(PROGRAM),
                Role::Assignment if spelling.assigned.is_some() => {
                    by_attributes(self.doing.attributes(), spelling.value)
                }
                Role::Assignment => Err(NAME),
            },
        }
    }

    /// Notes the variables that a value goes into.
    pub(super) fn note_assigned(&self, indices: &[usize], printed: bool, consensus: &mut Consensus) {
        let spelling = &self.word.spelling;
        let in_word = match self.at {
            At::Command | At::Prefix => self.word.assignment,
            At::Argument => matches!(self.doing.part(spelling), Part::Of(Role::Assignment | Role::Command)),
            At::Redirect
            | At::Descriptor
            | At::HereString
            | At::Subject
            | At::CaseIn
            | At::Pattern
            | At::LoopName
            | At::LoopIn
            | At::FunctionName => return,
        };
        let word = spelling.assigned.iter().filter(|_| in_word);
        let list = std::iter::once(&self.assigns).filter(|name| !name.is_empty() && self.at == At::Argument);
        for name in word.chain(list).chain(self.doing.fills_from_arguments()) {
            for index in indices {
                consensus.assign(name, *index, printed);
            }
        }
    }

    /// Returns whether several words here would be more than data.
    fn fears_words(&self) -> bool {
        match self.at {
            At::Command | At::Prefix => !self.word.assignment,
            At::Argument if self.kind == FrameKind::Array || !self.assigns.is_empty() => false,
            At::Argument => {
                let is_command = self.doing.part(&self.word.spelling) == Part::Of(Role::Command);
                is_command || self.doing.fears_options() || !self.doing.takes_lists()
            }
            At::Redirect
            | At::Descriptor
            | At::HereString
            | At::Subject
            | At::CaseIn
            | At::Pattern
            | At::LoopName
            | At::LoopIn
            | At::FunctionName => false,
        }
    }

    /// Notes what a command is given by the word in progress: as an argument, which this tells, or as what it
    /// reads.
    pub(super) fn take_in(&mut self, indices: &[usize]) -> bool {
        match self.at {
            At::Redirect | At::Descriptor => false,
            At::HereString => {
                self.flow.read(indices);
                false
            }
            At::Command
            | At::Prefix
            | At::Argument
            | At::Subject
            | At::CaseIn
            | At::Pattern
            | At::LoopName
            | At::LoopIn
            | At::FunctionName => {
                self.flow.argument(indices);
                true
            }
        }
    }

    /// What commands print that stand in the word in progress.
    fn substituted(&mut self, kind: FrameKind, quoted: bool, printed: &[usize], consensus: &mut Consensus) {
        if self.at == At::Redirect && kind == FrameKind::Input {
            return self.flow.read(printed);
        }
        if !self.take_in(printed) {
            return;
        }
        self.word.printed.extend(printed);
        self.note_assigned(printed, true, consensus);
        if kind == FrameKind::Substitution && !quoted && self.fears_words() {
            consensus.refuse(printed, WORDS);
        }
        let script =
            self.at == At::Argument && self.doing.part(&self.word.spelling) == Part::Of(Role::Script);
        match self.judge() {
            Err(refusal) => consensus.refuse(printed, refusal),
            Ok(Demands { whole: true, .. }) => consensus.refuse(printed, COMPUTED),
            Ok(_) if script && kind == FrameKind::Input => consensus.refuse(printed, INPUT),
            Ok(_) => {}
        }
    }
}

/// Returns what a declaration makes of a value that begins with `value`.
fn by_attributes(attributes: Attributes, value: Value) -> Result<Demands, Refusal> {
    let array = attributes.has(Attributes::ARRAY);
    let perhaps = attributes.has(Attributes::PERHAPS_ARRAY);
    match value {
        _ if attributes.has(Attributes::REFERENCE) => Err(REFERENCE),
        Value::Empty if array => Err(COMPOUND),
        Value::Parenthesis if array || perhaps => Err(COMPOUND),
        Value::Empty | Value::Parenthesis | Value::Other => Ok(Demands {
            whole: attributes.has(Attributes::NUMBER),
            no_parenthesis: perhaps && value == Value::Empty,
            ..Demands::NONE
        }),
    }
}

impl Machine {
    /// Commands have ended that are part of a word: `$( )`, `<( )` or `>( )`.
    pub(super) fn substituted(&mut self, kind: FrameKind, flow: Flow, consensus: &mut Consensus) {
        let (printed, inherits) = flow.end();
        let (mut computed, mut quoted) = (false, false);
        for frame in self.stack.iter_mut().rev() {
            match frame {
                Frame::Single | Frame::Double => quoted = true,
                Frame::Arithmetic { .. } | Frame::Subscript { .. } | Frame::Expansion { .. } => {
                    (computed, quoted) = (true, true);
                }
                // No words are split there.
                Frame::Test(test) => {
                    quoted = true;
                    computed |= test.numeric || test.computed;
                    if test.variable {
                        consensus.refuse(&printed, TESTED_NAME);
                    }
                    test.printed.extend(&printed);
                }
                Frame::Commands(commands) => {
                    match kind {
                        FrameKind::Output => commands.flow.output(inherits),
                        _ => commands.flow.inherit(inherits),
                    }
                    if kind != FrameKind::Output {
                        commands.substituted(kind, quoted, &printed, consensus);
                    }
                    break;
                }
                Frame::Ansi { .. } | Frame::Comment | Frame::Backtick | Frame::Here(_) => break,
            }
        }
        if computed {
            consensus.refuse(&printed, COMPUTED);
        }
    }
}
