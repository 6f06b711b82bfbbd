//! How a value is written at its place in a script.

/// What surrounds an expression in a script, and so what has to be done to its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::template) struct Place {
    /// The quoting that it stands in.
    pub(in crate::template) context: Context,
    /// Whether the shell computes with it, so that it must be a whole number.
    pub(in crate::template) whole: bool,
    /// Whether it may begin the name of a command: bash takes `%…` there for a job, even in quotes.
    pub(in crate::template) command: bool,
    /// Whether it begins an argument where the command would take a dash for an option.
    pub(in crate::template) leading: bool,
}

/// Quoting contexts that a value can be written in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::template) enum Context {
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
}

/// What is known about a bare word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::template) struct Word {
    /// The value is the whole word, where several words could stand: a list makes one word of each item.
    pub(in crate::template) alone: bool,
    /// An empty list, which leaves no word at all, would change what the words around it mean.
    pub(in crate::template) needed: bool,
    /// Nothing around it gives a meaning to letters, digits, `_`, `.`, `/`, `:` and `-`: they can do without quotes.
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

impl Place {
    /// One place for an expression that was reached in two states, if one fits both.
    pub(super) fn merge(self, other: Self) -> Option<Self> {
        let whole = self.whole || other.whole;
        let command = self.command || other.command;
        let leading = self.leading || other.leading;
        let context = match (self.context, other.context) {
            (Context::Word(a), Context::Word(b)) => Context::Word(Word {
                alone: a.alone && b.alone,
                needed: a.needed || b.needed,
                plain: a.plain && b.plain,
            }),
            (Context::Double { guard: a }, Context::Double { guard: b }) => Context::Double { guard: a || b },
            (Context::Here(a), Context::Here(mut b)) => {
                if a != b {
                    b.before = Edge::unknown();
                    if (&a.delimiter, a.quoted, a.strip, &a.after)
                        != (&b.delimiter, b.quoted, b.strip, &b.after)
                    {
                        return None;
                    }
                }
                Context::Here(b)
            }
            (a, b) if a == b => a,
            _ => return None,
        };
        Some(Self { context, whole, command, leading })
    }
}

/// Why a value cannot stand somewhere, and what to write instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::template) struct Refusal {
    /// Completes "a value cannot stand …".
    pub(in crate::template) place: &'static str,
    /// What to write instead.
    pub(in crate::template) help: &'static str,
}
