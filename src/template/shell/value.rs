//! Where a value may stand: what the machine does when it meets an expression.

use super::consensus::Consensus;
use super::frame::{At, Commands, Frame, FrameKind};
use super::harmless::Harmless;
use super::machine::{Machine, Pending};
use super::refusals::{
    AFTER_BACKSLASH, AFTER_DOLLAR, AFTER_VARIABLE, ANSI, BACKTICK, COMMAND_IN_DOCUMENT, DELIMITER,
    DESCRIPTOR, DOCUMENT_IN_SUBSTITUTION, EXPANSION, FUNCTION, FUNCTION_NAME, IN_EXPECTED, LOOP_NAME,
    PROGRAM_DOCUMENT, QUOTES_IN_ARITHMETIC, SPLIT_TEST, SUBSCRIPT, TESTED_NAME,
};
use super::slot::{Demands, Edge, Here, Quoting, Refusal, Slot, Word};

/// What a type promises, and which of it a place needs.
struct Admission {
    promised: Harmless,
    needed: Harmless,
}

impl Admission {
    /// Passes over a refusal that does not hold for values of this type.
    fn pass<T>(&mut self, result: Result<T, Refusal>, otherwise: T) -> Result<T, Refusal> {
        match result {
            Err(refusal) if refusal.admits(self.promised) => {
                self.needed = self.needed.max(refusal.unless);
                Ok(otherwise)
            }
            result => result,
        }
    }
}

impl Machine {
    /// Takes an expression at this point. `index` names it in the consensus; `promised` is what its type
    /// promises.
    ///
    /// # Errors
    /// If no way of writing a value here keeps it data.
    pub(super) fn value(
        &mut self,
        index: usize,
        promised: Harmless,
        consensus: &mut Consensus,
    ) -> Result<Slot, Refusal> {
        self.settle(consensus);
        let glue = std::mem::take(&mut self.pending);
        if let Some(lost) = self.lost {
            return Err(lost);
        }
        match glue {
            Pending::Backslash => return Err(AFTER_BACKSLASH),
            Pending::Dollar => return Err(AFTER_DOLLAR),
            _ => {}
        }
        let mut admission = Admission { promised, needed: Harmless::Never };
        admission.pass(self.enclosing(), ())?;
        let whole = admission.pass(self.operand(index), false)?;
        let argument = admission.pass(self.argument(index, consensus), Demands::NONE)?;
        let mut demands = Demands { whole, command: self.begins_command(), ..Demands::NONE }.and(argument);
        let leading = self.begins_argument() && !demands.whole;
        let quoting = match self.commands() {
            Some(commands) => {
                admission.pass(word(commands, index, glue, consensus), None)?.map(Quoting::Word)
            }
            None => Some(self.quoting(index, glue, consensus)?),
        };
        demands.harmless = admission.needed;
        self.expand();
        Ok(Slot { quoting: quoting.unwrap_or(Quoting::Bare), demands, leading })
    }

    /// Returns the quoting that the innermost construct is, where that is no place for commands.
    fn quoting(
        &mut self,
        index: usize,
        glue: Pending,
        consensus: &mut Consensus,
    ) -> Result<Quoting, Refusal> {
        let is_delimiter = self.is_delimiter();
        let (line, documents) = match self.stack.as_mut_slice() {
            [.., Frame::Commands(commands), Frame::Here(document)] => (Some(document), Some(commands)),
            _ => (None, None),
        };
        if let (Some(document), Some(commands)) = (line, documents) {
            commands.flow.line(index, document.live, document.stays);
            for name in &document.fills {
                consensus.assign(name, index, true);
            }
        }
        Ok(match self.stack.last_mut() {
            Some(Frame::Single | Frame::Double) if is_delimiter => return Err(DELIMITER),
            Some(Frame::Single) => Quoting::Single,
            Some(Frame::Double) => Quoting::Double { guard: glue == Pending::Variable },
            Some(Frame::Comment) => Quoting::Comment,
            Some(Frame::Test(_)) => Quoting::Word(Word { alone: false, needed: true, plain: false }),
            Some(Frame::Arithmetic { .. }) if glue == Pending::None => Quoting::Arithmetic,
            Some(Frame::Here(document)) if glue == Pending::None => Quoting::Here(Here {
                delimiter: document.delimiter.clone(),
                quoted: document.quoted,
                strip: document.strip,
                before: std::mem::replace(&mut document.line, Edge::unknown()),
                after: Edge::default(),
            }),
            Some(Frame::Backtick | Frame::Expansion { .. } | Frame::Subscript { .. })
                if glue == Pending::None =>
            {
                Quoting::Bare
            }
            _ => return Err(AFTER_VARIABLE),
        })
    }

    /// Notes an operand of `[[ ]]`; says whether it is compared as a number, as far as that is known yet.
    fn operand(&mut self, index: usize) -> Result<bool, Refusal> {
        let ([.., Frame::Test(test)] | [.., Frame::Test(test), Frame::Single | Frame::Double]) =
            self.stack.as_mut_slice()
        else {
            return Ok(false);
        };
        if test.variable {
            return Err(TESTED_NAME);
        }
        if test.split && test.first {
            return Err(SPLIT_TEST);
        }
        if !test.operands.contains(&index) {
            test.operands.push(index);
        }
        Ok(test.numeric || test.computed)
    }

    /// Takes an expression that is spliced as it is: what it does to the shell's state is the author's
    /// concern.
    pub(super) fn raw(&mut self, consensus: &mut Consensus) {
        self.settle(consensus);
        self.pending = Pending::None;
        match self.stack.last_mut() {
            Some(Frame::Commands(commands)) if commands.opening.is_some() => self.lose(),
            Some(Frame::Commands(commands)) => {
                consensus.glued(&commands.word.values);
                commands.word.special = true;
            }
            Some(Frame::Here(document)) => document.line = Edge::unknown(),
            _ => {}
        }
        self.expand();
    }

    /// Notes that the word in progress has something in it that is known only when the script runs.
    fn expand(&mut self) {
        match self.stack.as_mut_slice() {
            [.., Frame::Commands(commands)]
            | [.., Frame::Commands(commands), Frame::Single | Frame::Double] => {
                commands.word.expand();
            }
            [.., Frame::Test(test)] | [.., Frame::Test(test), Frame::Single | Frame::Double] => {
                test.word.expand()
            }
            _ => {}
        }
    }

    /// Returns what the command does with the value, and where it flows from there.
    fn argument(&mut self, index: usize, consensus: &mut Consensus) -> Result<Demands, Refusal> {
        let commands = match self.stack.as_mut_slice() {
            [.., Frame::Commands(commands)]
            | [.., Frame::Commands(commands), Frame::Single | Frame::Double] => commands,
            _ => return Ok(Demands::NONE),
        };
        commands.take_in(&[index]);
        commands.note_assigned(&[index], false, consensus);
        commands.judge()
    }

    /// Returns whether a value here may be the beginning of a command's name.
    fn begins_command(&self) -> bool {
        let ([.., Frame::Commands(commands)]
        | [.., Frame::Commands(commands), Frame::Single | Frame::Double]) = self.stack.as_slice()
        else {
            return false;
        };
        let word = &commands.word;
        matches!(commands.at, At::Command | At::Prefix)
            && !word.assignment
            && word.literal().is_none_or(str::is_empty)
    }

    /// Returns whether a value here is the beginning of an argument that may be an option.
    fn begins_argument(&mut self) -> bool {
        let ([.., Frame::Commands(commands)]
        | [.., Frame::Commands(commands), Frame::Single | Frame::Double]) = self.stack.as_mut_slice()
        else {
            return false;
        };
        let begins = std::mem::replace(&mut commands.word.blank, false);
        begins && commands.at == At::Argument && commands.takes_options && commands.kind != FrameKind::Array
    }

    /// Refuses what no value may stand inside of.
    fn enclosing(&self) -> Result<(), Refusal> {
        let mut substitution = false;
        for (depth, frame) in self.stack.iter().enumerate() {
            let inner = self.stack.get(depth + 1);
            return Err(match frame {
                Frame::Commands(Commands { at: At::Descriptor, .. }) => DESCRIPTOR,
                Frame::Commands(Commands { kind: FrameKind::Function, .. }) => FUNCTION,
                Frame::Backtick => BACKTICK,
                Frame::Ansi { .. } => ANSI,
                Frame::Expansion { .. } => EXPANSION,
                Frame::Subscript { .. } => SUBSCRIPT,
                Frame::Here(document) if document.program => PROGRAM_DOCUMENT,
                Frame::Here(_) if inner.is_some() => COMMAND_IN_DOCUMENT,
                Frame::Here(_) if substitution => DOCUMENT_IN_SUBSTITUTION,
                Frame::Arithmetic { .. } if matches!(inner, Some(Frame::Double | Frame::Single)) => {
                    QUOTES_IN_ARITHMETIC
                }
                Frame::Commands(Commands {
                    kind: FrameKind::Substitution | FrameKind::Input | FrameKind::Output,
                    ..
                }) => {
                    substitution = true;
                    continue;
                }
                Frame::Commands(_)
                | Frame::Test(_)
                | Frame::Single
                | Frame::Double
                | Frame::Comment
                | Frame::Arithmetic { .. }
                | Frame::Here(_) => continue,
            });
        }
        Ok(())
    }
}

fn word(
    commands: &mut Commands,
    index: usize,
    glue: Pending,
    consensus: &mut Consensus,
) -> Result<Option<Word>, Refusal> {
    if commands.opening.is_some() {
        return Err(DELIMITER);
    }
    match commands.at {
        At::LoopName => return Err(LOOP_NAME),
        At::FunctionName => return Err(FUNCTION_NAME),
        At::CaseIn | At::LoopIn => return Err(IN_EXPECTED),
        _ if commands.word.subscript => return Err(SUBSCRIPT),
        _ => {}
    }
    let alone = commands.takes_words() && commands.doing.takes_lists();
    let is_argument = matches!(commands.at, At::Argument | At::Redirect) || commands.word.assignment;
    let word = Word {
        alone,
        needed: commands.at != At::Argument,
        plain: is_argument && !commands.word.special && glue == Pending::None,
    };
    consensus.glued(&commands.word.values);
    commands.word.add(index);
    Ok(Some(word))
}
