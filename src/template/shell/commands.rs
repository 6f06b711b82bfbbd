//! The machine where commands stand: words, operators, and which words are keywords.

use super::builtin::Builtin;
use super::frame::{At, Commands, Frame, Kind, Test, Word};
use super::machine::{Machine, Pending, takes_subscript};
use super::votes::Votes;

impl Machine {
    pub(super) fn command_character(&mut self, c: char, votes: &mut Votes) {
        let Some(commands) = self.commands() else { return };
        match c {
            ')' => self.close(),
            ' ' | '\t' => self.end_word(),
            _ if commands.kind == Kind::Function => self.lose(),
            '\n' => self.end_line(),
            '#' if !commands.word.started => self.push(Frame::Comment),
            ';' | '&' | '|' => self.operator(c),
            '(' => self.open(),
            '<' | '>' => {
                if commands.at == At::Redirect && !commands.word.started && commands.opening.is_none() {
                    self.pending = Pending::Target;
                    return;
                }
                self.redirect(votes);
                self.pending = if c == '<' { Pending::Less } else { Pending::Greater };
            }
            '\\' => {
                votes.glued(&commands.word.values);
                self.pending = Pending::Backslash;
            }
            '\'' | '"' => {
                votes.glued(&commands.word.values);
                commands.glue();
                commands.word.quote();
                if let Some(opening) = &mut commands.opening {
                    opening.quoted = true;
                }
                self.push(if c == '"' { Frame::Double } else { Frame::Single });
            }
            '$' | '`' => {
                votes.glued(&commands.word.values);
                commands.word.mix();
                if commands.opening.is_some() {
                    return self.lose();
                }
                if c == '$' {
                    self.pending = Pending::Dollar;
                } else {
                    self.push(Frame::Backtick);
                }
            }
            '[' if takes_subscript(commands) => {
                // The word stays a name, so that a `=` after the brackets makes it an assignment, but it is no longer
                // a keyword.
                commands.word.push('_');
                self.push(Frame::Subscript { depth: 0 });
            }
            _ => {
                votes.glued(&commands.word.values);
                commands.word.push(c);
                if let Some(opening) = &mut commands.opening {
                    opening.delimiter.push(c);
                }
            }
        }
    }

    /// Ends the word in progress, if there is one, and finds what the next one is.
    fn end_word(&mut self) {
        let Some(commands) = self.commands() else { return };
        if !commands.word.started {
            return;
        }
        let word = std::mem::take(&mut commands.word);
        if let Some(document) = commands.opening.take() {
            commands.documents.push(document);
            commands.at = commands.then;
            return;
        }
        if matches!(commands.at, At::Command | At::Prefix | At::Argument) {
            commands.note(&word);
        }
        let next = match commands.at {
            At::Command => return self.end_first_word(&word),
            At::Prefix if word.assignment => Some(At::Prefix),
            At::Prefix | At::Argument => Some(At::Argument),
            At::Redirect | At::Descriptor | At::Program => Some(commands.then),
            At::Subject => Some(At::CaseIn),
            At::CaseIn => (word.literal() == Some("in")).then_some(At::Pattern),
            At::Pattern if word.literal() == Some("esac") => return self.end_case(),
            At::Pattern => Some(At::Pattern),
            At::LoopName => Some(At::LoopIn),
            At::LoopIn => match word.literal() {
                Some("in") => Some(At::Argument),
                Some("do" | "{") => Some(At::Command),
                _ => None,
            },
            At::FunctionName => Some(At::Command),
        };
        match next {
            Some(next) => commands.at = next,
            None => self.lose(),
        }
    }

    fn end_first_word(&mut self, word: &Word) {
        let Some(commands) = self.commands() else { return };
        commands.at = match word.literal() {
            Some("case") => {
                commands.cases += 1;
                At::Subject
            }
            Some("esac") => return self.end_case(),
            Some("for" | "select") => At::LoopName,
            Some("function") => At::FunctionName,
            Some("[[") => {
                commands.at = At::Command;
                return self.push(Frame::Test(Test::default()));
            }
            // Its optional name makes the place of the next keyword uncertain.
            Some("coproc") => return self.lose(),
            Some(word) if precedes_command(word) => At::Command,
            _ if word.assignment => At::Prefix,
            _ => At::Argument,
        };
    }

    fn end_case(&mut self) {
        match self.commands() {
            Some(commands) if commands.cases > 0 => {
                commands.cases -= 1;
                commands.at = At::Command;
            }
            _ => self.lose(),
        }
    }

    fn end_line(&mut self) {
        self.end_word();
        let Some(commands) = self.commands() else { return };
        commands.at = match commands.at {
            _ if commands.opening.is_some() => return self.lose(),
            _ if commands.kind == Kind::Array => At::Argument,
            At::Command | At::Prefix | At::Argument => At::Command,
            at @ (At::CaseIn | At::Pattern | At::LoopIn) => at,
            At::Redirect | At::Descriptor | At::Program | At::Subject | At::LoopName | At::FunctionName => {
                return self.lose();
            }
        };
        self.start_document();
    }

    /// `;`, `&` or `|`.
    fn operator(&mut self, c: char) {
        self.end_word();
        let Some(commands) = self.commands() else { return };
        commands.at = match (commands.at, c) {
            _ if commands.kind == Kind::Array || commands.opening.is_some() => return self.lose(),
            (At::Pattern, '|') => At::Pattern,
            (At::Command | At::Prefix | At::Argument, _) | (At::LoopIn, ';') => At::Command,
            _ => return self.lose(),
        };
        self.pending = match c {
            ';' => Pending::Semicolon,
            '&' => Pending::Ampersand,
            _ => Pending::None,
        };
    }

    /// `;;` and its relatives: the next pattern of a `case`.
    pub(super) fn next_pattern(&mut self) {
        match self.commands() {
            Some(commands) if commands.cases > 0 => commands.at = At::Pattern,
            _ => self.lose(),
        }
    }

    /// `<`, `>` or `&>`.
    pub(super) fn redirect(&mut self, votes: &mut Votes) {
        let Some(commands) = self.commands() else { return };
        let is_descriptor =
            commands.word.literal().is_some_and(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        if is_descriptor {
            commands.word = Word::default();
        } else {
            // A number that a value makes here would be taken for a descriptor.
            votes.quoted(&commands.word.values);
            self.end_word();
        }
        let Some(commands) = self.commands() else { return };
        commands.then = match commands.at {
            _ if commands.kind == Kind::Array || commands.opening.is_some() => return self.lose(),
            At::Command | At::Prefix => At::Prefix,
            At::Argument => At::Argument,
            _ => return self.lose(),
        };
        commands.at = At::Redirect;
    }

    /// `(`.
    fn open(&mut self) {
        if self.commands().is_some_and(|commands| {
            commands.at == At::Command && commands.word.literal().is_some_and(precedes_parenthesis)
        }) {
            self.end_word();
        }
        let Some(commands) = self.commands() else { return };
        let word = &commands.word;
        let is_array = word.ends_in_equals;
        let is_function = word.literal().is_some() && matches!(commands.at, At::Command | At::FunctionName);
        match commands.at {
            _ if commands.kind == Kind::Array || commands.opening.is_some() => self.lose(),
            // A pattern of a `case` may begin with it.
            At::Pattern if !word.started => {}
            _ if word.started && is_array => {
                commands.word.mix();
                let mut array = Commands::new(Kind::Array);
                if commands.builtin == (Builtin::Declare { computes: true }) {
                    array.builtin = Builtin::Let;
                }
                self.push(Frame::Commands(array));
            }
            _ if word.started && is_function => {
                commands.word = Word::default();
                commands.at = At::Command;
                self.push(Frame::Commands(Commands::new(Kind::Function)));
            }
            At::Command | At::LoopName if !word.started => self.pending = Pending::Paren,
            _ => self.lose(),
        }
    }

    /// `)`.
    fn close(&mut self) {
        self.end_word();
        let Some(commands) = self.commands() else { return };
        if commands.at == At::Pattern {
            commands.at = At::Command;
            return;
        }
        let is_open = commands.cases > 0 || !commands.documents.is_empty() || commands.opening.is_some();
        let kind = commands.kind;
        if is_open || kind == Kind::Script {
            return self.lose();
        }
        self.stack.pop();
        if let (Kind::Subshell | Kind::Function, Some(commands)) = (kind, self.commands()) {
            commands.at = At::Command;
        }
    }
}

impl Commands {
    /// Whether a value that starts a word here is data, and may be several words if it is a list.
    pub(super) fn takes_words(&self) -> bool {
        !self.word.started && matches!(self.at, At::Command | At::Prefix | At::Argument)
    }
}

/// Whether a command, and so another keyword, can follow a word that stands first.
fn precedes_command(word: &str) -> bool {
    const OTHERS: [&str; 5] = ["fi", "done", "}", "-p", "--"];
    (precedes_parenthesis(word) && !matches!(word, "for" | "select")) || OTHERS.contains(&word)
}

/// Whether a parenthesis right after a word that stands first begins something of its own.
fn precedes_parenthesis(word: &str) -> bool {
    matches!(
        word,
        "if" | "then" | "elif" | "else" | "while" | "until" | "do" | "{" | "!" | "time" | "for" | "select"
    )
}
