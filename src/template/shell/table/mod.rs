//! What commands do with their words, and variables with what is assigned to them: one row for each, by
//! shell.
//!
//! `builtins` has the shells' own commands and keywords, `programs` the commands that run programs or other
//! commands, `variables` the variables that mean something to a shell. The tests ask every real shell for its
//! names.

mod builtins;
mod programs;
mod variables;

use std::collections::HashMap;
use std::sync::LazyLock;

use super::shells::Shells;
pub(super) use variables::attributes_of;
#[cfg(test)]
pub(super) use variables::is_known as is_known_variable;
pub use variables::runs_in_environment;

/// What a command does with a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Role {
    /// It is data.
    Data,
    /// It is computed.
    Number,
    /// It is the name of a variable, whose subscript is computed: `unset 'a[$(command)]'` runs the command.
    Variable,
    /// It is the name of a variable, or `name=value`.
    Assignment,
    /// It is shell text that the shell itself runs.
    Code,
    /// It is a program.
    Program,
    /// It is the name of a command, after assignments; what follows are that command's words.
    Command,
    /// It is the file that a program is read from; what follows is data.
    Script,
    /// It is a format: what follows is computed if it prints numbers.
    Format,
}

/// What a declaration says about a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Attributes(u8);

impl Attributes {
    pub(super) const NONE: Self = Self(0);
    /// What is assigned is computed.
    pub(super) const NUMBER: Self = Self(1);
    /// What is assigned names another variable.
    pub(super) const REFERENCE: Self = Self(2);
    /// What a declaration assigns may be a list in parentheses, which is expanded.
    pub(super) const ARRAY: Self = Self(4);
    /// A shell runs the commands in what is assigned.
    pub(super) const CODE: Self = Self(8);
    /// The same as for arrays, if the variable is one already.
    pub(super) const PERHAPS_ARRAY: Self = Self(16);

    pub(super) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// What a command may print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Prints {
    /// Its arguments.
    pub(super) arguments: bool,
    /// What it reads.
    pub(super) input: bool,
}

/// A command that fills the variables whose names it gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Fills {
    /// Nothing that a value could be in.
    Nothing,
    /// Its arguments: `printf -v name`.
    Arguments,
    /// What it reads.
    Input,
}

/// A command.
#[derive(Debug)]
pub(super) struct Spec {
    pub(super) names: &'static [&'static str],
    pub(super) shells: Shells,
    /// Letters of options without an argument.
    pub(super) flags: &'static str,
    /// Letters of options with one, and what it is.
    pub(super) options: &'static [(&'static str, Role)],
    /// Letters whose argument can only stand in the same word: `perl -MModule`.
    pub(super) glued: &'static str,
    /// Letters after which the first operand is a program: `sh -c`.
    pub(super) program: &'static str,
    /// Letters that make it read a program from standard input: `sh -s`.
    pub(super) stdin: &'static str,
    /// Letters that make it put what it reads into the words of its command: `xargs -I`.
    pub(super) replaces: &'static str,
    /// Long options with an argument, and what it is.
    pub(super) long: &'static [(&'static str, Role)],
    /// Operands; the last stands for all that follow.
    pub(super) operands: &'static [Role],
    /// Whether `+` begins options as well.
    pub(super) plus: bool,
    /// Whether it computes what stands beside `-eq` and its kin.
    pub(super) compares: bool,
    /// Whether options stand behind operands too.
    pub(super) anywhere: bool,
    /// Whether it reads its program from standard input, if nothing else brings one.
    pub(super) reads: bool,
    /// What options say about the variables of a declaration.
    pub(super) attributes: &'static [(&'static str, Attributes)],
    /// What the declaration itself says.
    pub(super) base: Attributes,
    pub(super) fills: Fills,
    pub(super) prints: Prints,
    /// Whether it is a shell's own.
    pub(super) builtin: bool,
}

impl Spec {
    const fn new(names: &'static [&'static str], operands: &'static [Role]) -> Self {
        Self {
            names,
            shells: Shells::ALL,
            flags: "",
            options: &[],
            glued: "",
            program: "",
            stdin: "",
            replaces: "",
            long: &[],
            operands,
            plus: false,
            compares: false,
            anywhere: false,
            reads: false,
            attributes: &[],
            base: Attributes::NONE,
            fills: Fills::Nothing,
            prints: Prints { arguments: true, input: true },
            builtin: false,
        }
    }

    const fn of(self, shells: Shells) -> Self {
        Self { shells, builtin: true, ..self }
    }

    const fn flags(self, flags: &'static str) -> Self {
        Self { flags, ..self }
    }

    const fn options(self, options: &'static [(&'static str, Role)]) -> Self {
        Self { options, ..self }
    }

    const fn long(self, long: &'static [(&'static str, Role)]) -> Self {
        Self { long, ..self }
    }

    const fn reads(self) -> Self {
        Self { reads: true, ..self }
    }

    const fn fills(self, fills: Fills) -> Self {
        Self { fills, ..self }
    }

    const fn prints(self, arguments: bool, input: bool) -> Self {
        Self { prints: Prints { arguments, input }, ..self }
    }

    /// Returns whether it is a language's.
    pub(super) fn is_interpreter(&self) -> bool {
        self.reads && !self.builtin && self.operands.first() == Some(&Role::Script)
    }

    /// Returns whether an option can do more than take data.
    pub(super) fn is_dangerous(&self) -> bool {
        let is_more = |role: Role| !matches!(role, Role::Data | Role::Number | Role::Script);
        !self.program.is_empty()
            || !self.attributes.is_empty()
            || self.options.iter().chain(self.long).any(|(_, role)| is_more(*role))
    }

    /// Returns whether it does anything with its words that data does not bear.
    pub(super) fn is_more_than_data(&self) -> bool {
        self.is_dangerous() || self.reads || self.operands.iter().any(|role| *role != Role::Data)
    }
}

/// Rows by name, in the order of their table: scripts of a large file name thousands of commands.
type Index = HashMap<&'static str, Vec<&'static Spec>>;

static BUILTINS: LazyLock<Index> = LazyLock::new(|| index(builtins::BUILTINS));
static PROGRAMS: LazyLock<Index> = LazyLock::new(|| index(programs::PROGRAMS));

fn index(rows: &'static [Spec]) -> Index {
    let mut index = Index::new();
    for row in rows {
        row.names.iter().for_each(|name| index.entry(name).or_default().push(row));
    }
    index
}

/// Returns the command of a name, for any of the shells.
pub(super) fn command(shells: Shells, name: &str) -> Option<&'static Spec> {
    let mut rows =
        [&*BUILTINS, &*PROGRAMS].into_iter().filter_map(|index| index.get(name)).flatten().copied();
    rows.find(|spec| spec.shells.meets(shells))
}

/// Returns the program of a name, whatever its version or the folder it is in: `/usr/bin/python3.11`.
pub(super) fn program(name: &str) -> Option<&'static Spec> {
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-'));
    PROGRAMS.get(name)?.first().copied()
}

/// Returns whether a name is that of a program that reads its own program, if nothing else brings one.
pub(super) fn is_interpreter(name: &str) -> bool {
    name.len() > 1 && !name.starts_with('-') && program(name).is_some_and(Spec::is_interpreter)
}

/// Returns the command of a name, if it does more with its words than data bears.
pub(super) fn dangerous(shells: Shells, name: &str) -> Option<&'static Spec> {
    command(shells, name).or_else(|| program(name)).filter(|spec| spec.is_more_than_data())
}

/// A command that a variable names, which may be an interpreter.
pub(super) static UNKNOWN: Spec = Spec::new(&[], &[Role::Data])
    .options(&[("ceE", Role::Program)])
    .long(&[("command", Role::Program), ("eval", Role::Program)]);

impl PartialEq for Spec {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for Spec {}

impl std::hash::Hash for Spec {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        std::ptr::hash(self, state);
    }
}
