//! A word in progress. Only so much of it is kept as its meaning depends on, so that a loop's words have few
//! states.

use arrayvec::ArrayString;

use super::table;

/// Longer than every keyword, and than every name and option in the tables.
const KEPT: usize = 20;

/// The first characters of something: up to [`KEPT`] bytes, and the rest of the last character.
pub(super) type Start = ArrayString<{ KEPT + 4 }>;

/// What stands after the name of a variable.
const ENDED: char = ':';

/// A word, as far as it has been read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Word {
    /// Whether anything of it has been seen.
    pub(super) started: bool,
    /// Whether it is more than plain literal text.
    mixed: bool,
    /// Whether nothing has been seen of it but quotes that open.
    pub(super) blank: bool,
    /// The first characters of the literal text, while it is nothing else.
    text: Start,
    /// Whether the literal text is a name that a variable can have.
    identifier: bool,
    /// Whether it is `name=…`.
    pub(super) assignment: bool,
    /// Whether it is `name=` so far.
    pub(super) ends_in_equals: bool,
    /// Whether a `{`, `[` or `~` in it gives a meaning to what follows.
    pub(super) special: bool,
    /// Whether it is `name[…` without the closing bracket.
    pub(super) subscript: bool,
    /// The expressions in it.
    pub(super) values: Vec<usize>,
    /// The expressions that commands print into it.
    pub(super) printed: Vec<usize>,
    /// What the shell makes of it.
    pub(super) spelling: Spelling,
}

/// A word as it is once the shell has removed its quotes, up to the first thing that the shell puts in.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Spelling {
    /// The first characters; of a path, the last part with the slash before it.
    pub(super) text: Start,
    /// Whether something follows that is known only when the script runs.
    pub(super) dynamic: bool,
    /// The first characters of the variable that it begins with.
    variable: Start,
    /// The first characters of the name before an `=`.
    pub(super) assigned: Option<String>,
    /// What the value after the `=` begins with.
    pub(super) value: Value,
    /// What it would be as a format.
    pub(super) format: Format,
    /// The first characters of the name in progress, where the word is a program.
    name: Start,
    /// Whether a name in it is that of an interpreter.
    interpreter: bool,
}

/// The beginning of what is assigned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) enum Value {
    /// Nothing yet.
    #[default]
    Empty,
    /// `(`.
    Parenthesis,
    /// Something else.
    Other,
}

/// A format of `printf`, as far as it decides whether arguments are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) enum Format {
    /// It prints texts only.
    #[default]
    Texts,
    /// It is inside a `%…`.
    Open,
    /// It prints a number.
    Numbers,
}

impl Default for Word {
    fn default() -> Self {
        Self {
            started: false,
            mixed: false,
            blank: true,
            text: Start::new(),
            identifier: false,
            assignment: false,
            ends_in_equals: false,
            special: false,
            subscript: false,
            values: Vec::new(),
            printed: Vec::new(),
            spelling: Spelling::default(),
        }
    }
}

impl Word {
    /// Adds an ordinary character.
    pub(super) fn push(&mut self, c: char) {
        let is_name = !self.mixed
            && (c == '_'
                || c.is_ascii_alphabetic()
                || c.is_ascii_digit() && self.identifier
                || c == '+' && self.identifier);
        let was_name = self.identifier;
        self.identifier = is_name && (self.identifier || !self.started);
        self.ends_in_equals = false;
        match c {
            '{' | '~' => self.special = true,
            '[' => {
                self.special = true;
                self.subscript |= was_name;
            }
            ']' => self.subscript = false,
            '=' if was_name && !self.assignment => {
                self.assignment = true;
                self.ends_in_equals = true;
            }
            _ => {}
        }
        self.started = true;
        self.blank = false;
        if !self.mixed && self.text.len() < KEPT {
            self.text.push(c);
        }
        self.spelling.push(c);
    }

    /// Notes that brackets follow the name: it stays one, so that a `=` after them makes it an assignment,
    /// but it is no longer a keyword.
    pub(super) fn subscripted(&mut self) {
        if self.text.len() < KEPT {
            self.text.push('[');
        }
    }

    /// Notes a quote that opens in it.
    pub(super) fn quote(&mut self) {
        let blank = self.blank;
        self.mix();
        self.blank = blank;
    }

    /// Records that a part of it is not plain literal text.
    pub(super) fn mix(&mut self) {
        self.started = true;
        self.blank = false;
        self.mixed = true;
        self.identifier = false;
        self.ends_in_equals = false;
        self.text.clear();
    }

    /// Notes something that the shell puts in its place when the script runs.
    pub(super) fn expand(&mut self) {
        self.mix();
        self.spelling.expand();
    }

    /// Notes an expression in it.
    pub(super) fn add(&mut self, index: usize) {
        self.expand();
        if !self.values.contains(&index) {
            self.values.push(index);
        }
    }

    /// Returns its first characters, if it is literal and unquoted: enough to tell keywords and numbers.
    pub(super) fn literal(&self) -> Option<&str> {
        (!self.mixed).then_some(self.text.as_str())
    }

    /// Returns whether it is a name that a variable can have, so far.
    pub(super) fn is_identifier(&self) -> bool {
        self.identifier
    }
}

impl Spelling {
    /// Adds a character that stands for itself.
    pub(super) fn push(&mut self, c: char) {
        self.format = self.format.after(c);
        if !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')) {
            self.end_name();
        } else if self.name.len() < KEPT {
            self.name.push(c);
        }
        if self.dynamic {
            return;
        }
        match (&self.assigned, self.value) {
            (None, _) => {}
            (Some(_), Value::Empty) if c == '(' => self.value = Value::Parenthesis,
            (Some(_), Value::Empty) => self.value = Value::Other,
            (Some(_), Value::Parenthesis | Value::Other) => {}
        }
        match c {
            '=' if self.assigned.is_none() && self.is_name() => {
                let name = self.text.trim_end_matches('+');
                self.assigned = Some(name.split('[').next().unwrap_or(name).to_owned());
            }
            '/' if self.assigned.is_none() && !self.text.starts_with(['-', '+']) => self.text.clear(),
            _ => {}
        }
        if self.text.len() < KEPT {
            self.text.push(c);
        }
    }

    fn end_name(&mut self) {
        self.interpreter |= table::is_interpreter(&self.name);
        self.name.clear();
    }

    /// Returns whether it names an interpreter somewhere: as a program it may start one, which reads what
    /// this one does.
    pub(super) fn names_interpreter(&self) -> bool {
        self.interpreter || table::is_interpreter(&self.name)
    }

    fn is_name(&self) -> bool {
        let name = self.text.trim_end_matches('+');
        let name = name.split('[').next().unwrap_or(name);
        name.starts_with(|c: char| c == '_' || c.is_ascii_alphabetic())
            && name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric())
    }

    /// Notes something that is known only when the script runs.
    pub(super) fn expand(&mut self) {
        self.dynamic = true;
        self.end_name();
        self.variable.clear();
        if self.value == Value::Empty {
            self.value = Value::Other;
        }
    }

    /// Adds a character to the name of the variable that it begins with; another one than names have ends it.
    pub(super) fn name(&mut self, c: char) {
        if self.text.is_empty() && self.variable.len() < KEPT && !self.variable.ends_with(ENDED) {
            self.variable.push(if c == '_' || c.is_ascii_alphanumeric() { c } else { ENDED });
        }
    }

    /// Returns the variable that it begins with.
    pub(super) fn variable(&self) -> &str {
        self.variable.trim_end_matches(ENDED)
    }

    /// Returns its text, if all of it is known.
    pub(super) fn known(&self) -> Option<&str> {
        (!self.dynamic).then_some(self.text.as_str())
    }
}

impl Format {
    fn after(self, c: char) -> Self {
        match (self, c) {
            (Self::Numbers, _) => Self::Numbers,
            (Self::Texts, '%') => Self::Open,
            (Self::Texts, _) => Self::Texts,
            (Self::Open, '%' | 's' | 'q' | 'b' | 'c' | 'n') => Self::Texts,
            (Self::Open, '0'..='9' | '.' | '-' | '+' | ' ' | '#' | '\'' | 'l' | 'h') => Self::Open,
            (Self::Open, _) => Self::Numbers,
        }
    }
}
