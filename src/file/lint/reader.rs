//! Reads a POSIX shell's script far enough for the warnings. It is no parser: what it does not understand it
//! leaves out, so that a warning is only given for what is plain to see. Quoting that decides about safety is
//! `template`'s concern.

use super::commands::{Command, Mode, Redirection, Word};
use super::programs;

/// How deep `$( )` and `( )` are followed.
const DEPTH: usize = 40;

/// The keywords that a command may follow.
const KEYWORDS: [&str; 12] =
    ["if", "then", "elif", "else", "while", "until", "do", "!", "{", "time", "coproc", "}"];

/// The commands of a script, in the order of their ends.
pub(super) fn commands(script: &str) -> Vec<Command> {
    let mut reader = Reader { script, at: 0, documents: Vec::new(), found: Vec::new() };
    while reader.at < script.len() {
        reader.list(0);
        // A bracket that closes nothing.
        reader.at += 1;
    }
    reader.found
}

struct Reader<'s> {
    script: &'s str,
    at: usize,
    /// Here-documents whose bodies begin on the next line: the delimiter, and whether tabs before it are
    /// taken off.
    documents: Vec<(String, bool)>,
    found: Vec<Command>,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        self.script.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn take(&mut self, text: &str) -> bool {
        let taken = self.rest().starts_with(text);
        self.at += if taken { text.len() } else { 0 };
        taken
    }

    /// Skips to just after `text`, or to the end.
    fn skip_past(&mut self, text: &str) {
        self.at = self.rest().find(text).map_or(self.script.len(), |found| self.at + found + text.len());
    }

    /// Reads commands up to a closing `)`, which it leaves.
    fn list(&mut self, depth: usize) {
        let mut command = Command::default();
        while let Some(c) = self.peek() {
            match c {
                // The first pattern of `case`.
                '|' | '(' | ')' if command.program() == "case" => {
                    self.pattern();
                    command = Command::default();
                }
                ')' => break,
                '\n' => {
                    self.finish(&mut command);
                    self.at += 1;
                    self.documents();
                }
                '&' if self.rest().starts_with("&>") => self.redirection(&mut command, depth),
                ';' if self.take(";;") => {
                    self.finish(&mut command);
                    self.at += self.rest().len() - self.rest().trim_start().len();
                    if !self.rest().starts_with("esac") {
                        self.pattern();
                    }
                }
                ';' | '&' | '|' => {
                    self.finish(&mut command);
                    self.at += 1;
                }
                '<' | '>' => self.redirection(&mut command, depth),
                // An array.
                '(' if command.words.last().is_some_and(|word| word.text.ends_with('=')) => self.pattern(),
                '(' => {
                    self.at += 1;
                    self.nested(depth);
                    // What stood before it was the name of a function.
                    command.words.clear();
                }
                '#' => self.at += self.rest().find('\n').unwrap_or(self.rest().len()),
                c if c.is_ascii_whitespace() => self.at += 1,
                _ if self.take("\\\n") || self.tag() => {}
                _ => {
                    let word = self.word(depth);
                    let is_descriptor = !word.text.is_empty()
                        && word.text.bytes().all(|byte| byte.is_ascii_digit())
                        && self.rest().starts_with(['<', '>']);
                    if !is_descriptor {
                        command.words.push(word);
                    }
                }
            }
        }
        self.finish(&mut command);
    }

    /// Skips what is left of a pattern of `case`, or an array.
    fn pattern(&mut self) {
        self.at += self.rest().find(')').unwrap_or(self.rest().len());
        self.take(")");
    }

    /// Reads commands up to and with a `)`.
    fn nested(&mut self, depth: usize) {
        if depth >= DEPTH {
            self.at = self.script.len();
            return;
        }
        self.list(depth + 1);
        self.take(")");
    }

    /// Skips a statement of the template.
    fn tag(&mut self) -> bool {
        let is_statement = self.rest().starts_with("{%");
        if is_statement {
            self.skip_past("%}");
        }
        is_statement
    }

    fn finish(&mut self, command: &mut Command) {
        let mut command = std::mem::take(command);
        loop {
            match command.words.first() {
                Some(first) if first.plain && KEYWORDS.contains(&first.text.as_str()) => {
                    command.words.remove(0);
                }
                Some(first) if is_assignment(&first.text) => {
                    command.words.remove(0);
                }
                _ => match programs::unwrap(&command.words) {
                    0 => break,
                    wrapping => {
                        command.limited |= programs::limits(&command.words);
                        command.words.drain(..wrapping);
                    }
                },
            }
        }
        let is_compound =
            ["for", "case", "select", "function", "fi", "done", "esac", "[["].contains(&command.program());
        if is_compound {
            command.words.clear();
        }
        if !command.words.is_empty() || !command.redirections.is_empty() {
            self.found.push(command);
        }
    }

    /// Skips the bodies of here-documents, at the start of a line.
    fn documents(&mut self) {
        for (delimiter, strip) in std::mem::take(&mut self.documents) {
            while self.at < self.script.len() {
                let line = self.rest().lines().next().unwrap_or_default().to_owned();
                self.at = (self.at + line.len() + 1).min(self.script.len());
                if (if strip { line.trim_start_matches('\t') } else { line.as_str() }) == delimiter {
                    break;
                }
            }
        }
    }

    fn redirection(&mut self, command: &mut Command, depth: usize) {
        let operators = [
            ("<<<", None),
            ("<<-", None),
            ("<<", None),
            ("<&", None),
            ("<>", None),
            (">&", None),
            ("&>>", Some(Mode::Append)),
            ("&>", Some(Mode::Write)),
            (">>", Some(Mode::Append)),
            (">|", Some(Mode::Write)),
            (">(", None),
            ("<(", None),
            (">", Some(Mode::Write)),
            ("<", Some(Mode::Read)),
        ];
        let Some((operator, mode)) = operators.into_iter().find(|(operator, _)| self.take(operator)) else {
            return;
        };
        if operator.ends_with('(') {
            return self.nested(depth);
        }
        while self.peek().is_some_and(|c| c == ' ' || c == '\t') {
            self.at += 1;
        }
        let target = self.word(depth);
        let writes = matches!(mode, Some(Mode::Write | Mode::Append));
        command.gives |= writes && target.variables.iter().any(|name| name == "PIPE_OUTPUT");
        match (operator, mode) {
            ("<<" | "<<-", _) => self.documents.push((target.text, operator == "<<-")),
            (_, Some(mode)) if !target.text.is_empty() => {
                command.redirections.push(Redirection { mode, target })
            }
            _ => {}
        }
    }

    fn word(&mut self, depth: usize) -> Word {
        let start = self.at;
        let mut word = Word { plain: true, ..Word::default() };
        while let Some(c) = self.peek() {
            match c {
                ';' | '&' | '|' | '<' | '>' | '(' | ')' => break,
                c if c.is_ascii_whitespace() => break,
                '\'' => {
                    self.at += 1;
                    self.single(&mut word);
                }
                '"' => {
                    self.at += 1;
                    self.double(&mut word, depth);
                }
                '\\' => {
                    self.at += 1;
                    word.text.extend(self.next().filter(|c| *c != '\n'));
                }
                '*' | '?' | '[' | '~' => {
                    word.plain = false;
                    word.text.extend(self.next());
                }
                _ if self.value(&mut word, depth) => word.splits |= matches!(c, '$' | '`'),
                _ => word.text.extend(self.next()),
            }
        }
        word.range = start..self.at;
        word
    }

    fn single(&mut self, word: &mut Word) {
        while let Some(c) = self.peek() {
            if c == '\'' {
                self.at += 1;
                break;
            }
            if !self.expression(word) {
                word.text.extend(self.next());
            }
        }
    }

    fn double(&mut self, word: &mut Word, depth: usize) {
        while let Some(c) = self.peek() {
            match c {
                '"' => {
                    self.at += 1;
                    break;
                }
                '\\' => {
                    self.at += 1;
                    word.text.extend(self.next());
                }
                _ if self.value(word, depth) => {}
                _ => word.text.extend(self.next()),
            }
        }
    }

    /// An expression, a variable or a command's output.
    fn value(&mut self, word: &mut Word, depth: usize) -> bool {
        if self.expression(word) || self.tag() {
            return true;
        }
        match self.peek() {
            Some('`') => {
                self.at += 1;
                word.runs = true;
                self.skip_past("`");
            }
            Some('$') => {
                self.at += 1;
                self.dollar(word, depth);
            }
            _ => return false,
        }
        word.plain = false;
        true
    }

    fn expression(&mut self, word: &mut Word) -> bool {
        if !self.rest().starts_with("{{") {
            return false;
        }
        let start = self.at + 2;
        self.skip_past("}}");
        let inner = self.script.get(start..self.at).unwrap_or_default();
        let name = name(inner.strip_suffix("}}").unwrap_or(inner));
        word.text.push_str(&format!("{{{{{name}}}}}"));
        word.expressions.push(name);
        true
    }

    fn dollar(&mut self, word: &mut Word, depth: usize) {
        if self.take("((") {
            self.skip_past("))");
        } else if self.take("(") {
            word.runs = true;
            self.nested(depth);
        } else if self.take("{") {
            let inner = self.rest().split('}').next().unwrap_or_default();
            word.splits |= inner.ends_with("[@]") || inner == "@";
            word.variables.push(identifier(inner.trim_start_matches(['#', '!'])).to_owned());
            self.skip_past("}");
        } else if matches!(self.peek(), Some('\'' | '"')) {
            // The quotes are read as any others; what is special in them does not matter here.
        } else {
            let name = identifier(self.rest()).to_owned();
            match name.is_empty() {
                true => word.splits |= self.next() == Some('@'),
                false => self.at += name.len(),
            }
            word.variables.push(name);
        }
    }
}

/// An expression as it is compared: `{{.x}}`, `{{ x }}` and `{{ params.x }}` are the same.
pub(super) fn name(inner: &str) -> String {
    let inner = inner.trim_matches(|c: char| c == '-' || c == '+' || c.is_whitespace());
    let inner = inner.strip_prefix('.').unwrap_or(inner);
    inner.strip_prefix("params.").unwrap_or(inner).to_owned()
}

/// The identifier that a text begins with.
fn identifier(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    let name = text.get(..end).unwrap_or_default();
    if name.starts_with(|c: char| c.is_ascii_digit()) { "" } else { name }
}

fn is_assignment(text: &str) -> bool {
    let name = identifier(text);
    let after = text.get(name.len()..).unwrap_or_default();
    !name.is_empty() && (after.starts_with('=') || after.starts_with("+="))
}
