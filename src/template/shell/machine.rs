//! A machine that follows a shell's quoting through text, one character at a time and without looking ahead.
//!
//! Reading one character at a time keeps everything that matters in the state: text may be cut anywhere by an
//! expression or a statement, and the state at the cut says what may stand there. The grammar is that of
//! POSIX (Shell Command Language, 2.2 to 2.10) with bash's `[[ ]]`, `(( ))`, `$'…'`, arrays, process
//! substitution and here-strings. Where shells disagree, or where it would have to guess, the machine is
//! *lost*: it accepts text, but no more values.

use super::consensus::Consensus;
use super::frame::{At, Commands, Frame, FrameKind};
use super::refusals::LOST;
use super::slot::Refusal;

/// Beyond this many open constructs the machine is lost.
const DEEPEST: usize = 64;

/// The state of the shell's lexer at a point of a script.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Machine {
    /// Open constructs, innermost last; the first is the script.
    pub(super) stack: Vec<Frame>,
    /// The beginning of something longer than one character.
    pub(super) pending: Pending,
    /// Why the machine no longer knows where it is.
    pub(super) lost: Option<Refusal>,
}

/// What has been read whose meaning depends on the next character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) enum Pending {
    #[default]
    None,
    /// `\`.
    Backslash,
    /// `$`.
    Dollar,
    /// `$name`, which the next character may lengthen.
    Variable,
    /// `$(`.
    DollarParen,
    /// `(` at the start of a command.
    Paren,
    /// `)` in arithmetic, outside all its parentheses.
    Close,
    /// `<`.
    Less,
    /// `<<`.
    LessLess,
    /// `>`.
    Greater,
    /// `<` or `>` where the target of a redirection is due.
    Target(Angle),
    /// `;`.
    Semicolon,
    /// `;;`.
    Terminator,
    /// `&`.
    Ampersand,
}

/// `<` or `>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Angle {
    Less,
    Greater,
}

impl Machine {
    /// Returns the start of a script.
    pub(super) fn new() -> Self {
        Self {
            stack: vec![Frame::Commands(Commands::new(FrameKind::Script))],
            pending: Pending::None,
            lost: None,
        }
    }

    /// Reads literal text.
    pub(super) fn read(&mut self, text: &str, consensus: &mut Consensus) {
        for c in text.chars() {
            if self.lost.is_some() {
                return;
            }
            if !self.continues(c, consensus) {
                self.character(c, consensus);
            }
        }
    }

    /// The script ends: so do its last word and command.
    pub(super) fn finish(&mut self, consensus: &mut Consensus) {
        self.settle(consensus);
        self.pending = Pending::None;
        if matches!(self.stack.last(), Some(Frame::Comment)) {
            self.stack.pop();
        }
        if self.lost.is_none() && matches!(self.stack.last(), Some(Frame::Commands(_))) {
            self.read("\n", consensus);
        }
    }

    pub(super) fn lose(&mut self) {
        self.lost = Some(LOST);
    }

    pub(super) fn push(&mut self, frame: Frame) {
        if self.stack.len() >= DEEPEST {
            return self.lose();
        }
        self.stack.push(frame);
    }

    /// Returns the innermost frame, if it is a place for commands.
    pub(super) fn commands(&mut self) -> Option<&mut Commands> {
        match self.stack.last_mut() {
            Some(Frame::Commands(commands)) => Some(commands),
            _ => None,
        }
    }

    /// Returns whether quotes mean what they mean in a bare word.
    pub(super) fn is_bare(&self) -> bool {
        matches!(
            self.stack.last(),
            Some(
                Frame::Commands(_)
                    | Frame::Test(_)
                    | Frame::Expansion { quoted: false }
                    | Frame::Subscript { .. }
            )
        )
    }

    /// Takes a character as the continuation of what is pending; says whether that used it up.
    fn continues(&mut self, c: char, consensus: &mut Consensus) -> bool {
        let pending = std::mem::take(&mut self.pending);
        match (pending, c) {
            (Pending::None, _) => return false,
            (Pending::Backslash, _) => self.escaped(c),
            (Pending::Dollar, _) => return self.dollar(c),
            (Pending::Variable, c) if c.is_ascii_alphanumeric() || c == '_' => {
                self.variable(c);
                self.pending = Pending::Variable;
            }
            (Pending::DollarParen, '(') => self.push(Frame::Arithmetic { depth: 0 }),
            (Pending::Paren, '(') => self.push(Frame::Arithmetic { depth: 0 }),
            (Pending::Close, ')') => self.close_arithmetic(),
            (Pending::Less, '<') => self.pending = Pending::LessLess,
            (Pending::Less | Pending::Greater | Pending::Target(_), '(') => self.open_process(pending),
            (Pending::Less | Pending::Greater, '&') => {
                if let Some(commands) = self.commands() {
                    commands.at = At::Descriptor;
                    commands.flow.copy();
                }
            }
            (Pending::Less, '>') | (Pending::Greater, '>' | '|') => {}
            (Pending::LessLess, '<') => {
                if let Some(commands) = self.commands() {
                    commands.at = At::HereString;
                }
            }
            (Pending::LessLess, '-') => self.open_document(true),
            (Pending::Semicolon, ';') => {
                self.next_pattern();
                self.pending = Pending::Terminator;
            }
            (Pending::Semicolon, '&') => self.next_pattern(),
            (Pending::Terminator, '&') => {}
            (Pending::Ampersand, '&') => self.background(consensus),
            (Pending::Ampersand, '>') => {
                self.redirect(false, consensus);
                if let Some(commands) = self.commands() {
                    commands.forked = commands.then == At::Argument;
                }
                self.pending = Pending::Greater;
            }
            _ => {
                self.pending = pending;
                self.settle(consensus);
                self.pending = Pending::None;
                return self.lost.is_some();
            }
        }
        true
    }

    /// Gives what is pending the meaning that it has when it is not continued. What a value must not follow
    /// directly stays pending.
    pub(super) fn settle(&mut self, consensus: &mut Consensus) {
        match self.pending {
            Pending::Backslash | Pending::Dollar | Pending::Variable => return,
            Pending::DollarParen => self.enter(FrameKind::Substitution),
            Pending::Paren => match self.commands() {
                Some(commands) if commands.at == At::Command => {
                    self.enter(FrameKind::Subshell);
                }
                _ => self.lose(),
            },
            // What looked like `$((` was a subshell inside `$( )`.
            Pending::Close | Pending::Target(_) => self.lose(),
            Pending::Ampersand => self.background(consensus),
            Pending::LessLess => self.open_document(false),
            _ => {}
        }
        self.pending = Pending::None;
    }

    /// What looked like `&>` was `&`, or it is `&&`.
    fn background(&mut self, consensus: &mut Consensus) {
        if let Some(commands) = self.commands() {
            commands.separate('&', consensus);
            commands.at = At::Command;
        }
    }

    fn close_arithmetic(&mut self) {
        self.stack.pop();
        if let Some(commands) = self.commands()
            && !commands.word.started
        {
            // `(( ))` was a command by itself; `for (( ))` goes on with `do`.
            commands.at = if commands.at == At::LoopName { At::LoopIn } else { At::Command };
        }
    }

    /// A character that continues nothing.
    pub(super) fn character(&mut self, c: char, consensus: &mut Consensus) {
        if c == '\n' && self.is_line_awaited() {
            return self.lose();
        }
        match self.stack.last_mut() {
            None => self.lose(),
            Some(Frame::Commands(_)) => self.command_character(c, consensus),
            Some(Frame::Test(_)) => self.test_character(c, consensus),
            Some(Frame::Single) => match c {
                '\'' => drop(self.stack.pop()),
                _ => self.quoted_character(c),
            },
            Some(Frame::Ansi { escaped }) => match (c, *escaped) {
                // Shells that do not know `$'…'` end the quotes here.
                ('\'', true) => self.lose(),
                ('\'', false) => drop(self.stack.pop()),
                (c, was) => *escaped = c == '\\' && !was,
            },
            Some(Frame::Double) => match c {
                '"' => drop(self.stack.pop()),
                '\\' | '$' | '`' if self.is_delimiter() => self.lose(),
                '\\' | '$' | '`' => {
                    self.quoted_character(c);
                    self.nested(c);
                }
                _ => self.quoted_character(c),
            },
            Some(Frame::Comment) => {
                if c == '\n' {
                    self.stack.pop();
                    self.character(c, consensus);
                }
            }
            Some(Frame::Expansion { quoted }) => match (c, *quoted) {
                ('}', _) => drop(self.stack.pop()),
                // Inside `"${…}"` some shells take `'` for a quote and others do not.
                ('\'', true) => self.lose(),
                _ => {
                    self.variable(c);
                    self.nested(c);
                }
            },
            Some(Frame::Arithmetic { depth }) => match c {
                '(' => *depth += 1,
                ')' if *depth == 0 => self.pending = Pending::Close,
                ')' => *depth -= 1,
                '\'' => self.lose(),
                _ => self.nested(c),
            },
            Some(Frame::Subscript { depth }) => match c {
                '[' => *depth += 1,
                ']' if *depth == 0 => drop(self.stack.pop()),
                ']' => *depth -= 1,
                '\n' => self.lose(),
                _ => self.nested(c),
            },
            Some(Frame::Backtick) => match c {
                '`' => drop(self.stack.pop()),
                '\\' => self.pending = Pending::Backslash,
                _ => {}
            },
            Some(Frame::Here(_)) => self.document_character(c),
        }
    }

    /// Returns whether a line break would start a here-document of a construct that is not the innermost one.
    /// Shells differ in where its lines are then.
    fn is_line_awaited(&self) -> bool {
        let outer = match self.stack.as_slice() {
            // A comment and the last word of a test end before the line does.
            [.., Frame::Comment | Frame::Test(_)] => return false,
            // The next document of the same line follows this one.
            [outer @ .., Frame::Commands(_), Frame::Here(_)] | [outer @ .., _] => outer,
            [] => return false,
        };
        outer.iter().any(|frame| match frame {
            Frame::Commands(commands) => !commands.documents.is_empty(),
            Frame::Here(_) => true,
            _ => false,
        })
    }

    /// A character inside `${ }`, `(( ))` or `[ ]` that may open something.
    pub(super) fn nested(&mut self, c: char) {
        match c {
            '\'' => self.push(Frame::Single),
            '"' => self.push(Frame::Double),
            '\\' => self.pending = Pending::Backslash,
            '$' => self.pending = Pending::Dollar,
            '`' => self.push(Frame::Backtick),
            _ => {}
        }
    }
}

/// Returns whether a literal word can be followed by `[…]=`.
pub(super) fn takes_subscript(commands: &Commands) -> bool {
    match commands.kind {
        FrameKind::Array => !commands.word.started,
        _ => matches!(commands.at, At::Command | At::Prefix) && commands.word.is_identifier(),
    }
}
