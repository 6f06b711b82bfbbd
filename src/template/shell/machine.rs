//! A machine that follows a shell's quoting through text, one character at a time and without looking ahead.
//!
//! Reading one character at a time keeps everything that matters in the state: text may be cut anywhere by an
//! expression or a statement, and the state at the cut says what may stand there. The grammar is that of POSIX (Shell
//! Command Language, 2.2 to 2.10) with bash's `[[ ]]`, `(( ))`, `$'…'`, arrays, process substitution and here-strings.
//! Where shells disagree, or where it would have to guess, the machine is *lost*: it accepts text, but no more values.

use super::frame::{At, Commands, Frame, Kind};
use super::place::{Edge, Refusal};
use super::votes::Votes;

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

/// What has been read whose meaning hangs on the next character.
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
    Target,
    /// `;`.
    Semicolon,
    /// `;;`.
    Terminator,
    /// `&`.
    Ampersand,
}

/// A variable is safe everywhere but where the shell computes, such as in `${a[…]}`: there it runs what it finds in the
/// variable, unless that is a number.
pub(super) const VARIABLE_FIRST: &str = "put the value in a variable at the start of the script, `v={{ x }}`, and write \"$v\" here; where the shell \
     computes, as in `${a[…]}` or `${a:…}`, let it be `v=$(({{ x }}))`, which takes whole numbers only";

pub(super) const LOST: Refusal =
    Refusal { place: "here: the shell text before it cannot be followed", help: VARIABLE_FIRST };

impl Machine {
    /// The start of a script.
    pub(super) fn new() -> Self {
        Self { stack: vec![Frame::Commands(Commands::new(Kind::Script))], pending: Pending::None, lost: None }
    }

    /// Reads literal text.
    pub(super) fn read(&mut self, text: &str, votes: &mut Votes) {
        for c in text.chars() {
            if self.lost.is_some() {
                return;
            }
            if !self.continues(c, votes) {
                self.character(c, votes);
            }
        }
    }

    pub(super) fn lose(&mut self) {
        self.lost = Some(LOST);
    }

    /// Whether two machines are inside the same constructs.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.lost.is_some() == other.lost.is_some()
            && self.stack.len() == other.stack.len()
            && self.stack.iter().zip(&other.stack).all(|(a, b)| a.is_like(b))
    }

    /// What it is inside of, for messages.
    pub(super) fn whereabouts(&self) -> &'static str {
        match (self.lost, self.stack.last()) {
            (None, Some(Frame::Commands(commands))) if commands.cases > 0 => "inside `case`",
            (None, Some(Frame::Commands(commands))) if !commands.documents.is_empty() => {
                "before the lines of a here-document"
            }
            (None, Some(frame)) => frame.name(),
            _ => "where the shell text cannot be followed",
        }
    }

    pub(super) fn push(&mut self, frame: Frame) {
        if self.stack.len() >= DEEPEST {
            return self.lose();
        }
        self.stack.push(frame);
    }

    /// The innermost frame, if it is a place for commands.
    pub(super) fn commands(&mut self) -> Option<&mut Commands> {
        match self.stack.last_mut() {
            Some(Frame::Commands(commands)) => Some(commands),
            _ => None,
        }
    }

    /// Whether quotes mean what they mean in a bare word.
    fn is_bare(&self) -> bool {
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
    fn continues(&mut self, c: char, votes: &mut Votes) -> bool {
        let pending = std::mem::take(&mut self.pending);
        match (pending, c) {
            (Pending::None, _) => return false,
            (Pending::Backslash, _) => self.escaped(c),
            (Pending::Dollar, _) => return self.dollar(c),
            (Pending::Variable, c) if c.is_ascii_alphanumeric() || c == '_' => {
                self.pending = Pending::Variable
            }
            (Pending::DollarParen, '(') => self.push(Frame::Arithmetic { depth: 0 }),
            (Pending::Paren, '(') => self.push(Frame::Arithmetic { depth: 0 }),
            (Pending::Close, ')') => self.close_arithmetic(),
            (Pending::Less, '<') => self.pending = Pending::LessLess,
            (Pending::Less | Pending::Greater | Pending::Target, '(') => {
                if let Some(commands) = self.commands() {
                    // Not a redirection, but a word: `<(command)`.
                    if pending != Pending::Target {
                        commands.at = if commands.then == At::Prefix { At::Command } else { commands.then };
                    }
                    commands.word.mix();
                }
                self.push(Frame::Commands(Commands::new(Kind::Substitution)));
            }
            (Pending::Less | Pending::Greater, '&') => {
                if let Some(commands) = self.commands() {
                    commands.at = At::Descriptor;
                }
            }
            (Pending::Less, '>') | (Pending::Greater, '>' | '|') => {}
            (Pending::LessLess, '<') => {
                if let Some(commands) = self.commands()
                    && commands.builtin.reads_program()
                {
                    commands.at = At::Program;
                }
            }
            (Pending::LessLess, '-') => self.open_document(true),
            (Pending::Semicolon, ';') => {
                self.next_pattern();
                self.pending = Pending::Terminator;
            }
            (Pending::Semicolon, '&') => self.next_pattern(),
            (Pending::Terminator | Pending::Ampersand, '&') => {}
            (Pending::Ampersand, '>') => {
                self.redirect(votes);
                self.pending = Pending::Greater;
            }
            _ => {
                self.pending = pending;
                self.settle();
                self.pending = Pending::None;
                return self.lost.is_some();
            }
        }
        true
    }

    /// Gives what is pending the meaning that it has when it is not continued. What a value must not follow directly
    /// stays pending.
    pub(super) fn settle(&mut self) {
        match self.pending {
            Pending::Backslash | Pending::Dollar | Pending::Variable => return,
            Pending::DollarParen => self.push(Frame::Commands(Commands::new(Kind::Substitution))),
            Pending::Paren => match self.commands() {
                Some(commands) if commands.at == At::Command => {
                    self.push(Frame::Commands(Commands::new(Kind::Subshell)));
                }
                _ => self.lose(),
            },
            // What looked like `$((` was a subshell inside `$( )`.
            Pending::Close | Pending::Target => self.lose(),
            Pending::LessLess => self.open_document(false),
            _ => {}
        }
        self.pending = Pending::None;
    }

    /// A character after a backslash.
    fn escaped(&mut self, c: char) {
        match self.stack.last_mut() {
            Some(Frame::Commands(commands)) if c != '\n' => {
                commands.word.mix();
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

    /// A character after `$`; says whether it was used up.
    fn dollar(&mut self, c: char) -> bool {
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
            'A'..='Z' | 'a'..='z' | '_' => self.pending = Pending::Variable,
            '0'..='9' | '@' | '*' | '#' | '?' | '-' | '$' | '!' => {}
            _ => return false,
        }
        true
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
    pub(super) fn character(&mut self, c: char, votes: &mut Votes) {
        if c == '\n' && self.is_line_awaited() {
            return self.lose();
        }
        match self.stack.last_mut() {
            None => self.lose(),
            Some(Frame::Commands(_)) => self.command_character(c, votes),
            Some(Frame::Test(_)) => self.test_character(c, votes),
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
                    self.character(c, votes);
                }
            }
            Some(Frame::Expansion { quoted }) => match (c, *quoted) {
                ('}', _) => drop(self.stack.pop()),
                // Inside `"${…}"` some shells take `'` for a quote and others do not.
                ('\'', true) => self.lose(),
                _ => self.nested(c),
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

    /// Whether a line break would start a here-document of a construct that is not the innermost one. Shells differ
    /// in where its lines are then.
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

/// Whether a literal word can be followed by `[…]=`.
pub(super) fn takes_subscript(commands: &Commands) -> bool {
    match commands.kind {
        Kind::Array => !commands.word.started,
        _ => matches!(commands.at, At::Command | At::Prefix) && commands.word.is_identifier(),
    }
}
