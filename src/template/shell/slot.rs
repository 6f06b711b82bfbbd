//! How a value is written at its place in a script.

use super::harmless::Harmless;

/// What surrounds an expression in a script, and so what has to be done to its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::template) struct Slot {
    /// The quoting that it stands in.
    pub(in crate::template) quoting: Quoting,
    /// What its value has to be like.
    pub(in crate::template) demands: Demands,
    /// Whether it begins an argument where the command would take a dash for an option.
    pub(in crate::template) leading: bool,
}

/// What is demanded of a value at a place, beside the quoting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(in crate::template) struct Demands {
    /// A whole number, since the shell computes with it.
    pub(in crate::template) whole: bool,
    /// No `%` at the start, since it may begin the name of a command: bash takes `%…` there for a job, even
    /// in quotes.
    pub(in crate::template) command: bool,
    /// No `(` at the start, since a declaration would expand what is inside.
    pub(in crate::template) no_parenthesis: bool,
    /// No dash at the start, since it would be an option that brings a program.
    pub(in crate::template) no_option: bool,
    /// No `=`, since it would be an assignment to a variable: `env {{ x }} ls`.
    pub(in crate::template) no_assignment: bool,
    /// What the type of its param promises, since other values could not stand there.
    pub(in crate::template) harmless: Harmless,
}

impl Demands {
    /// Nothing.
    pub(super) const NONE: Self = Self {
        whole: false,
        command: false,
        no_parenthesis: false,
        no_option: false,
        no_assignment: false,
        harmless: Harmless::Never,
    };

    /// Returns what both demand.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            whole: self.whole || other.whole,
            command: self.command || other.command,
            no_parenthesis: self.no_parenthesis || other.no_parenthesis,
            no_option: self.no_option || other.no_option,
            no_assignment: self.no_assignment || other.no_assignment,
            harmless: self.harmless.max(other.harmless),
        }
    }
}

/// The quoting that a value is written in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::template) enum Quoting {
    /// A word, or part of one.
    Word(Word),
    /// Inside `'…'`.
    Single,
    /// Inside `"…"`. `guard`: right after `$name`, which the value must not lengthen.
    Double {
        /// Whether the quotes are closed and opened again before the value.
        guard: bool,
    },
    /// Inside `$(( ))` or `(( ))`.
    Arithmetic,
    /// A comment.
    Comment,
    /// A line of a here-document.
    Here(Here),
    /// Where no quoting helps: a value whose type keeps it from harm goes in as it is.
    Bare,
}

/// What is known about a bare word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::template) struct Word {
    /// The value is the whole word, where several words could stand: a list makes one word of each item.
    pub(in crate::template) alone: bool,
    /// An empty list, which leaves no word at all, would change what the words around it mean.
    pub(in crate::template) needed: bool,
    /// Nothing around it gives a meaning to letters, digits, `_`, `.`, `/`, `:` and `-`: they can do without
    /// quotes.
    pub(in crate::template) plain: bool,
}

/// What is known about a line of a here-document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::template) struct Here {
    /// The line that ends the document.
    pub(in crate::template) delimiter: String,
    /// Whether the delimiter is quoted, so that the body is taken as it is.
    pub(in crate::template) quoted: bool,
    /// `<<-`: tabs at the start of lines are dropped.
    pub(in crate::template) strip: bool,
    /// The line before the value, from its start or from the last thing that is not literal.
    pub(in crate::template) before: Edge,
    /// The line after the value, up to its end or to the first thing that is not literal.
    pub(in crate::template) after: Edge,
}

/// Literal text beside a value.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(in crate::template) struct Edge {
    /// The text.
    pub(in crate::template) text: String,
    /// Whether something that is not known yet stands between it and the end of the line.
    pub(in crate::template) open: bool,
}

impl Edge {
    /// Nothing that is literal.
    pub(super) fn unknown() -> Self {
        Self { text: String::new(), open: true }
    }
}

impl Slot {
    /// One place for an expression that was reached in two states, if one fits both.
    pub(super) fn merge(self, other: Self) -> Option<Self> {
        let demands = self.demands.and(other.demands);
        let leading = self.leading || other.leading;
        let quoting = match (self.quoting, other.quoting) {
            (Quoting::Word(a), Quoting::Word(b)) => Quoting::Word(Word {
                alone: a.alone && b.alone,
                needed: a.needed || b.needed,
                plain: a.plain && b.plain,
            }),
            (Quoting::Double { guard: a }, Quoting::Double { guard: b }) => Quoting::Double { guard: a || b },
            (Quoting::Here(a), Quoting::Here(mut b)) => {
                if a != b {
                    b.before = Edge::unknown();
                    if (&a.delimiter, a.quoted, a.strip, &a.after)
                        != (&b.delimiter, b.quoted, b.strip, &b.after)
                    {
                        return None;
                    }
                }
                Quoting::Here(b)
            }
            (a, b) if a == b => a,
            _ => return None,
        };
        Some(Self { quoting, demands, leading })
    }
}

/// Why a value cannot be used somewhere, and what to write instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::template) struct Refusal {
    /// Completes "a value cannot be used …".
    pub(in crate::template) place: &'static str,
    /// What to write instead.
    pub(in crate::template) help: &'static str,
    /// Which values can stand there all the same.
    pub(super) unless: Harmless,
}

impl Refusal {
    /// Returns whether values that are harmless in this way can stand there all the same.
    pub(super) fn admits(&self, harmless: Harmless) -> bool {
        self.unless != Harmless::Never && harmless >= self.unless
    }
}
