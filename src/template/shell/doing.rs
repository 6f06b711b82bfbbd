//! What a command does with its words, one word after another: the tables, followed.

use super::consensus::Consensus;
use super::options::{Parsed, parse};
use super::table::{self, Attributes, Fills, Prints, Role, Spec};
use super::word::{Format, Spelling};

/// A command that has been named, and how far its words have been read.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Doing {
    /// Its row, if it has one.
    spec: Option<&'static Spec>,
    /// What the next word is, where an option before it says so.
    due: Option<Role>,
    /// How many operands there were, as far as it matters.
    operand: usize,
    /// Whether a word with a dash may be an option.
    options: bool,
    /// Whether the word before may be an option that takes the next one.
    unsure: bool,
    /// Whether the first operand is a program: `sh -c`.
    program: bool,
    /// Whether it reads a program from standard input, as far as it is known.
    reads: bool,
    /// Whether it reads one for certain, so that operands are data.
    certain: bool,
    /// Whether what it reads goes into its words: `xargs -I`.
    replaces: bool,
    /// Whether what it computes with follows.
    computing: bool,
    /// What options have said about the variables of a declaration.
    attributes: Attributes,
    /// The variables that it fills.
    pub(super) fills: Vec<String>,
    /// What follows from a word for the variables of the script.
    declared: Option<(String, Attributes)>,
}

/// What a value would be that stands at a point of a command's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// A word, or part of one, of this role.
    Of(Role),
    /// Letters of an option, some of which do more than take data.
    Letters,
}

impl Doing {
    /// Returns the command that a word names.
    pub(super) fn named(word: &Spelling, consensus: &Consensus) -> Self {
        let Some(text) = word.known() else {
            return Self::of(Self::behind(word, consensus));
        };
        let (name, has_path) = text.strip_prefix('/').map_or((text, false), |name| (name, true));
        let own = if has_path { None } else { table::command(consensus.shells, name) };
        own.or_else(|| table::program(name)).map_or_else(Self::default, Self::of)
    }

    /// Returns what a variable names, or a value.
    fn behind(word: &Spelling, consensus: &Consensus) -> &'static Spec {
        if !word.text.is_empty() || word.variable().is_empty() {
            return &table::UNKNOWN;
        }
        let name = word.variable().to_ascii_lowercase();
        let shell = if name.ends_with("shell") { "sh" } else { name.as_str() };
        consensus.held(word.variable()).or_else(|| table::program(shell)).unwrap_or(&table::UNKNOWN)
    }

    fn of(spec: &'static Spec) -> Self {
        Self { spec: Some(spec), options: true, reads: spec.reads, attributes: spec.base, ..Self::default() }
    }

    /// Returns whether it does more with its words than data bears.
    pub(super) fn is_more_than_data(&self) -> bool {
        self.spec.is_some_and(Spec::is_more_than_data)
    }

    /// Takes an argument that has ended.
    pub(super) fn word(&mut self, word: &Spelling, consensus: &mut Consensus) {
        let Some(spec) = self.spec else {
            return self.scan(word);
        };
        if let Some(role) = self.due.take() {
            return self.take(spec, role, word, consensus);
        }
        if spec.compares && word.known().is_some_and(is_comparison) {
            self.due = Some(Role::Number);
            return;
        }
        if self.options && !self.program_stands(word) && word.text.len() > 1 {
            match parse(spec, word) {
                Some(Parsed::End) => {
                    (self.options, self.unsure) = (false, false);
                    return;
                }
                Some(Parsed::Flags) => {
                    self.unsure = false;
                    return self.option(spec, word);
                }
                Some(Parsed::Open | Parsed::Unknown) => {
                    self.unsure = true;
                    return self.option(spec, word);
                }
                Some(Parsed::Due(role)) => {
                    self.option(spec, word);
                    self.due = Some(role);
                    return;
                }
                Some(Parsed::Glued(role)) => {
                    self.unsure = false;
                    return self.glued(spec, role, word);
                }
                None => {}
            }
        }
        self.operand(spec, word, consensus);
    }

    /// An interpreter may stand behind other commands: `docker run image sh -c …`.
    fn scan(&mut self, word: &Spelling) {
        let name = word.known().map(|text| text.strip_prefix('/').unwrap_or(text));
        let interpreter = name.filter(|name| table::is_interpreter(name)).and_then(table::program);
        if let Some(spec) = interpreter {
            *self = Self { fills: std::mem::take(&mut self.fills), ..Self::of(spec) };
        }
    }

    fn program_stands(&self, word: &Spelling) -> bool {
        self.program && !word.text.starts_with(['-', '+'])
    }

    /// What letters of options say besides what their arguments are.
    fn option(&mut self, spec: &'static Spec, word: &Spelling) {
        let Some(letters) =
            word.text.strip_prefix('-').or_else(|| word.text.strip_prefix('+').filter(|_| spec.plus))
        else {
            return;
        };
        if letters.starts_with('-') {
            return;
        }
        self.program |= letters.contains(|letter| spec.program.contains(letter));
        if letters.contains(|letter| spec.stdin.contains(letter)) {
            self.reads = true;
            self.certain = !spec.program.is_empty();
        }
        self.replaces |= letters.contains(|letter| spec.replaces.contains(letter));
        for (names, attributes) in spec.attributes {
            if word.text.starts_with('-') && letters.contains(|letter| names.contains(letter)) {
                self.attributes = self.attributes.with(*attributes);
            }
        }
    }

    fn glued(&mut self, spec: &'static Spec, role: Role, word: &Spelling) {
        self.option(spec, word);
        match role {
            Role::Program => self.reads = self.replaces || word.names_interpreter(),
            Role::Script if spec.reads => {
                (self.reads, self.options, self.operand) = (false, false, last(spec))
            }
            Role::Script => self.reads |= word.text.ends_with('-') || word.text.ends_with("/stdin"),
            Role::Variable => self.fills.extend(spec.fills_with(word.text.get(2..).unwrap_or_default())),
            Role::Format => self.computing = word.dynamic || word.format != Format::Texts,
            Role::Data | Role::Number | Role::Assignment | Role::Code | Role::Command => {}
        }
    }

    fn operand(&mut self, spec: &'static Spec, word: &Spelling, consensus: &mut Consensus) {
        let role = self.operand_role(spec);
        if role == Role::Script && self.unsure {
            // It may belong to the option before it.
            self.unsure = false;
            return;
        }
        self.operand = (self.operand + 1).min(last(spec));
        if !spec.anywhere && (spec.builtin || matches!(role, Role::Script | Role::Program)) {
            self.options = false;
        }
        self.take(spec, role, word, consensus);
    }

    fn take(&mut self, spec: &'static Spec, role: Role, word: &Spelling, consensus: &mut Consensus) {
        match role {
            Role::Data | Role::Number => {}
            Role::Code => self.reads |= word.names_interpreter() || names_stdin(word),
            Role::Program => {
                (self.reads, self.certain) = (self.replaces || word.names_interpreter(), false);
                if std::mem::take(&mut self.program) {
                    (self.options, self.operand) = (false, last(spec));
                }
            }
            Role::Script => {
                let is_stdin = is_stdin(word);
                if spec.reads {
                    (self.reads, self.options, self.operand) = (is_stdin, false, last(spec));
                } else {
                    self.reads |= is_stdin;
                }
            }
            Role::Command if word.assigned.is_some() => {}
            Role::Command => {
                let before = std::mem::take(self);
                *self = Self::named(word, consensus);
                self.replaces |= before.replaces;
            }
            Role::Variable => {
                if let Some(name) = word.known() {
                    self.fills.extend(spec.fills_with(name));
                }
            }
            Role::Format => self.computing = word.dynamic || word.format != Format::Texts,
            Role::Assignment => {
                let name = word.assigned.as_deref().or(word.known());
                self.declared = name.map(|name| (name.to_owned(), self.attributes));
            }
        }
    }

    fn operand_role(&self, spec: &'static Spec) -> Role {
        if self.program {
            return Role::Program;
        }
        if self.certain {
            return Role::Data;
        }
        let role = spec.operands.get(self.operand).copied().unwrap_or(Role::Data);
        if self.computing && role == Role::Data { Role::Number } else { role }
    }

    /// Returns what a value would be that continues a word.
    pub(super) fn part(&self, word: &Spelling) -> Part {
        let Some(spec) = self.spec else { return Part::Of(Role::Data) };
        if let Some(due) = self.due {
            return Part::Of(due);
        }
        if self.options && !word.text.is_empty() {
            let mut whole = word.clone();
            whole.dynamic = true;
            match parse(spec, &whole) {
                Some(Parsed::Glued(role) | Parsed::Due(role)) => return Part::Of(role),
                Some(Parsed::Open) if spec.is_dangerous() => return Part::Letters,
                Some(Parsed::End | Parsed::Flags | Parsed::Open | Parsed::Unknown) => {
                    return Part::Of(Role::Data);
                }
                None => {}
            }
        }
        Part::Of(self.operand_role(spec))
    }

    /// Returns whether a value that begins a word here would do harm as an option.
    pub(super) fn fears_options(&self) -> bool {
        let fears =
            |spec: &&Spec| spec.is_dangerous() && !spec.anywhere && self.options && self.due.is_none();
        self.spec.as_ref().is_some_and(fears) && !self.program
    }

    /// Returns whether a value that is a word here would be an assignment if it had a `=`: `env {{ x }} ls`.
    pub(super) fn takes_assignments(&self, word: &Spelling) -> bool {
        self.spec.is_some_and(|spec| !spec.builtin) && self.part(word) == Part::Of(Role::Command)
    }

    /// Returns whether several words may come of one list here.
    pub(super) fn takes_lists(&self) -> bool {
        !self.spec.is_some_and(|spec| spec.anywhere && spec.is_dangerous())
    }

    /// Returns whether it computes the operands beside this word.
    pub(super) fn compares(&self, word: &Spelling) -> bool {
        self.spec.is_some_and(|spec| spec.compares) && word.known().is_some_and(is_comparison)
    }

    /// Returns whether what it reads is a program.
    pub(super) fn reads_program(&self) -> bool {
        self.reads
    }

    /// Returns what a declaration's options have said.
    pub(super) fn attributes(&self) -> Attributes {
        self.attributes
    }

    /// Returns what the last word says about a variable of the script.
    pub(super) fn take_declared(&mut self) -> Option<(String, Attributes)> {
        self.declared.take()
    }

    /// Returns whether it fills variables with what it reads.
    pub(super) fn fills_from_input(&self) -> bool {
        self.spec.is_some_and(|spec| spec.fills == Fills::Input) && !self.fills.is_empty()
    }

    /// Returns the variables that it fills with its arguments.
    pub(super) fn fills_from_arguments(&self) -> &[String] {
        let fills = self.spec.is_some_and(|spec| spec.fills == Fills::Arguments);
        if fills { &self.fills } else { &[] }
    }

    /// Returns what it may print.
    pub(super) fn prints(&self) -> Prints {
        self.spec.map_or(Prints { arguments: true, input: true }, |spec| spec.prints)
    }

    /// Returns whether it is `exec` without a command: what is redirected stays so.
    pub(super) fn is_bare_exec(&self) -> bool {
        self.spec.is_some_and(|spec| spec.builtin && spec.names == ["exec"])
    }
}

impl Spec {
    fn fills_with(&self, name: &str) -> Option<String> {
        let name = name.split('[').next().unwrap_or(name);
        (self.fills != Fills::Nothing && !name.is_empty()).then(|| name.to_owned())
    }
}

/// Returns whether a word of a test compares numbers.
pub(super) fn is_comparison(word: &str) -> bool {
    matches!(word, "-eq" | "-ne" | "-lt" | "-le" | "-gt" | "-ge")
}

/// Returns the operand that stands for all that follow.
fn last(spec: &Spec) -> usize {
    spec.operands.len().saturating_sub(1)
}

/// Returns whether a file is standard input.
fn is_stdin(word: &Spelling) -> bool {
    let Some(text) = word.known() else { return false };
    let is_number = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
    text == "-" || text.strip_prefix('/').is_some_and(|name| name == "stdin" || is_number(name))
}

/// Returns whether code has the path of standard input in it, which `.` would take for a script.
fn names_stdin(word: &Spelling) -> bool {
    is_stdin(word) || word.text.ends_with("/stdin")
}
