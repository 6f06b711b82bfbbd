//! The machine where commands stand: words, operators, and which words are keywords.

use super::consensus::Consensus;
use super::frame::{At, Commands, Frame, FrameKind, Test};
use super::machine::{Angle, Machine, Pending, takes_subscript};
use super::refusals::DESCRIPTOR_NAME;
use super::word::Word;

impl Machine {
    pub(super) fn command_character(&mut self, c: char, consensus: &mut Consensus) {
        let Some(commands) = self.commands() else { return };
        match c {
            ')' => self.close(consensus),
            ' ' | '\t' => self.end_word(consensus),
            _ if commands.kind == FrameKind::Function => self.lose(),
            '\n' => self.end_line(consensus),
            '#' if !commands.word.started => self.push(Frame::Comment),
            ';' | '&' | '|' => self.operator(c, consensus),
            '(' => self.open(consensus),
            '<' | '>' => {
                if commands.at == At::Redirect && !commands.word.started && commands.opening.is_none() {
                    self.pending = Pending::Target(if c == '<' { Angle::Less } else { Angle::Greater });
                    return;
                }
                self.redirect(c == '<', consensus);
                self.pending = if c == '<' { Pending::Less } else { Pending::Greater };
            }
            '\\' => {
                consensus.glued(&commands.word.values);
                self.pending = Pending::Backslash;
            }
            '\'' | '"' => {
                consensus.glued(&commands.word.values);
                commands.word.quote();
                if let Some(opening) = &mut commands.opening {
                    opening.quoted = true;
                }
                self.push(if c == '"' { Frame::Double } else { Frame::Single });
            }
            '$' | '`' => {
                consensus.glued(&commands.word.values);
                commands.word.expand();
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
                commands.word.subscripted();
                self.push(Frame::Subscript { depth: 0 });
            }
            _ => {
                consensus.glued(&commands.word.values);
                commands.word.push(c);
                if let Some(opening) = &mut commands.opening {
                    opening.delimiter.push(c);
                }
            }
        }
    }

    /// Ends the word in progress, if there is one, and finds what the next one is.
    pub(super) fn end_word(&mut self, consensus: &mut Consensus) {
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
        if matches!(commands.at, At::Command | At::Prefix) && word.assignment {
            commands.assigned(&word, consensus);
        } else if matches!(commands.at, At::Command | At::Prefix | At::Argument) {
            commands.note(&word, consensus);
        }
        let next = match commands.at {
            At::Command => return self.end_first_word(&word, consensus),
            At::Prefix if word.assignment => Some(At::Prefix),
            At::Prefix | At::Argument => Some(At::Argument),
            At::Redirect | At::Descriptor | At::HereString => Some(commands.then),
            At::Subject => Some(At::CaseIn),
            At::CaseIn => (word.literal() == Some("in")).then_some(At::Pattern),
            At::Pattern if word.literal() == Some("esac") => return self.end_case(consensus),
            At::Pattern => Some(At::Pattern),
            At::LoopName => {
                commands.assigns = word.spelling.text.to_string();
                Some(At::LoopIn)
            }
            At::LoopIn => match word.literal() {
                Some("in") => Some(At::Argument),
                Some("do" | "{") => Some(At::Command),
                _ => None,
            },
            At::FunctionName => {
                commands.flow.defines(&word.spelling.text);
                Some(At::Command)
            }
        };
        match next {
            Some(next) => commands.at = next,
            None => self.lose(),
        }
    }

    fn end_first_word(&mut self, word: &Word, consensus: &mut Consensus) {
        let Some(commands) = self.commands() else { return };
        match word.literal() {
            Some("case" | "for" | "select" | "if" | "while" | "until" | "{") => commands.flow.open(),
            Some("fi" | "done" | "}") => commands.flow.close(consensus),
            Some(_) | None => {}
        }
        commands.at = match word.literal() {
            Some("case") => {
                commands.cases += 1;
                At::Subject
            }
            Some("esac") => return self.end_case(consensus),
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

    fn end_case(&mut self, consensus: &mut Consensus) {
        match self.commands() {
            Some(commands) if commands.cases > 0 => {
                commands.cases -= 1;
                commands.at = At::Command;
                commands.flow.close(consensus);
            }
            _ => self.lose(),
        }
    }

    fn end_line(&mut self, consensus: &mut Consensus) {
        self.end_word(consensus);
        let Some(commands) = self.commands() else { return };
        commands.at = match commands.at {
            _ if commands.opening.is_some() => return self.lose(),
            _ if commands.kind == FrameKind::Array => At::Argument,
            At::Command if commands.flow.is_piping() => At::Command,
            At::Command | At::Prefix | At::Argument => {
                commands.finish(consensus);
                At::Command
            }
            at @ (At::CaseIn | At::Pattern | At::LoopIn) => at,
            At::Redirect
            | At::Descriptor
            | At::HereString
            | At::Subject
            | At::LoopName
            | At::FunctionName => {
                return self.lose();
            }
        };
        self.start_document();
    }

    /// `;`, `&` or `|`.
    fn operator(&mut self, c: char, consensus: &mut Consensus) {
        self.end_word(consensus);
        let Some(commands) = self.commands() else { return };
        commands.at = match (commands.at, c) {
            _ if commands.kind == FrameKind::Array || commands.opening.is_some() => return self.lose(),
            (At::Pattern, '|') => At::Pattern,
            // It may be the beginning of `&>`.
            (at @ (At::Command | At::Prefix | At::Argument), '&') if !commands.flow.is_piping() => at,
            (At::Command | At::Prefix | At::Argument, _) | (At::LoopIn, ';') => {
                commands.separate(c, consensus);
                At::Command
            }
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
    pub(super) fn redirect(&mut self, reads: bool, consensus: &mut Consensus) {
        let Some(commands) = self.commands() else { return };
        let descriptor =
            commands.word.literal().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let is_standard = matches!(descriptor, None | Some("" | "0"));
        if descriptor.is_some() {
            commands.word = Word::default();
        } else {
            // A number that a value makes here would be taken for a descriptor.
            consensus.quoted(&commands.word.values);
            // So would the name of a variable in braces: `exec {fd}>file`.
            if commands.word.spelling.text.starts_with('{') {
                consensus.refuse(&commands.word.values, DESCRIPTOR_NAME);
            }
            self.end_word(consensus);
        }
        let Some(commands) = self.commands() else { return };
        if reads && is_standard {
            commands.flow.redirect();
        }
        let Some(commands) = self.commands() else { return };
        commands.then = match commands.at {
            _ if commands.kind == FrameKind::Array || commands.opening.is_some() => return self.lose(),
            At::Command | At::Prefix => At::Prefix,
            At::Argument => At::Argument,
            _ => return self.lose(),
        };
        commands.at = At::Redirect;
    }
}

impl Commands {
    /// The command ends at `;`, `&` or `|`.
    pub(super) fn separate(&mut self, c: char, consensus: &mut Consensus) {
        match (c, self.flow.is_piping()) {
            // `|&`
            ('&', true) => {}
            // `||`
            ('|', true) => self.flow.end_pipeline(self.kind != FrameKind::Script),
            ('|', false) => {
                let doing = std::mem::take(&mut self.doing);
                self.flow.finish(&doing, &mut self.documents, consensus);
                self.flow.pipe();
            }
            _ => self.finish(consensus),
        }
    }

    /// The command ends, and the pipeline with it.
    pub(super) fn finish(&mut self, consensus: &mut Consensus) {
        let doing = std::mem::take(&mut self.doing);
        self.assigns.clear();
        self.forked = false;
        self.flow.finish(&doing, &mut self.documents, consensus);
        self.flow.end_pipeline(self.kind != FrameKind::Script);
        for document in &mut self.documents {
            document.live = false;
        }
    }

    /// Returns whether a value that starts a word here is data, and may be several words if it is a list.
    pub(super) fn takes_words(&self) -> bool {
        !self.word.started && matches!(self.at, At::Command | At::Prefix | At::Argument)
    }
}

/// Returns whether a command, and so another keyword, can follow a word that stands first.
fn precedes_command(word: &str) -> bool {
    const OTHERS: [&str; 5] = ["fi", "done", "}", "-p", "--"];
    (precedes_parenthesis(word) && !matches!(word, "for" | "select")) || OTHERS.contains(&word)
}

/// Returns whether a parenthesis right after a word that stands first begins something of its own.
pub(super) fn precedes_parenthesis(word: &str) -> bool {
    matches!(
        word,
        "if" | "then" | "elif" | "else" | "while" | "until" | "do" | "{" | "!" | "time" | "for" | "select"
    )
}
